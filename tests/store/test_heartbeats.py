"""Marks of a daemon's parts: the newest counts, a clean stop removes them all, and other marks are none of them."""

from __future__ import annotations

import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from monitor.store.heartbeats import Heartbeat
from monitor.store.owners import DaemonLock, daemon_is_gone
from monitor.store.store import Store
from tests.store.scenes import NOW

LATER = NOW + timedelta(seconds=90)


def test_the_newest_mark_of_each_part_counts(store: Store) -> None:
    assert store.heartbeats() == []
    store.beat(["outbox", "scheduler"], NOW, NOW)
    store.beat(["scheduler"], LATER, LATER + timedelta(seconds=90))
    assert store.heartbeats() == [
        Heartbeat("outbox", NOW, NOW),
        Heartbeat("scheduler", LATER, LATER + timedelta(seconds=90)),
    ]


def test_a_clean_stop_removes_them_and_nothing_else(store: Store) -> None:
    store.probe_write(NOW)
    store.see(["beat", "beat:at:x"], [], NOW)
    store.pause_until(LATER, NOW)
    store.beat(["outbox"], NOW, LATER)
    store.still()
    store.still()
    assert store.heartbeats() == []
    assert store.first_seen() == {"beat": NOW, "beat:at:x": NOW}
    assert store.paused_until(NOW) == LATER


def test_a_daemon_is_gone_when_it_left_its_note_behind(tmp_path: Path) -> None:
    assert not daemon_is_gone(tmp_path)  # nobody was here
    with DaemonLock(tmp_path):
        assert not daemon_is_gone(tmp_path)
    assert not daemon_is_gone(tmp_path)
    killed = "import os, sys, pathlib; from monitor.store.owners import DaemonLock as lock;"
    killed += "held = lock(pathlib.Path(sys.argv[1])); held.__enter__(); os._exit(9)"
    assert subprocess.run([sys.executable, "-c", killed, str(tmp_path)], check=False).returncode == 9
    assert daemon_is_gone(tmp_path)


@pytest.mark.parametrize(
    "note", ['{"pid": 1, "host": "elsewhere"}', "[]", "{}", "\udcff", '{"pid": 1e99, "host": "HOST"}']
)
def test_a_note_that_says_nothing_is_no_dead_daemon(tmp_path: Path, note: str) -> None:
    text = note.replace("HOST", socket.gethostname())
    (tmp_path / "daemon.lock").write_bytes(text.encode(errors="surrogateescape"))
    assert not daemon_is_gone(tmp_path)
