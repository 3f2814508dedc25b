"""`status` and the live overview: what they show, and where they refuse."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from monitor.cli.overview import _below, _drawn
from tests.cli.conftest import Said, Workspace
from tests.scripted_api import ScriptedApi

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@contextmanager
def on_a_terminal(workspace: Workspace, *arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A command in a process whose three streams are a terminal of 100 by 30; yields it and our end."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    command = [sys.executable, "-m", "monitor", "--workspace", str(workspace.folder), *arguments]
    environment = os.environ | {"TERM": "xterm"}
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    )
    os.close(theirs)
    try:
        yield process, ours
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(20)
        os.close(ours)


def seen(ours: int, words: str) -> str:
    """Read what the terminal shows until it has these words."""
    shown = b""
    while words.encode() not in shown:
        shown += os.read(ours, 65_536)
    return shown.decode("utf-8", "replace")


@pytest.mark.parametrize("arguments", [("top",), ("status", "--watch")])
@pytest.mark.parametrize("key", [b"q", b"\x03"], ids=["q", "ctrl-c"])
def test_the_live_overview_ends_on_q_and_on_ctrl_c(
    workspace: Workspace, arguments: tuple[str, ...], key: bytes
) -> None:
    workspace.watch()
    with on_a_terminal(workspace, *arguments) as (process, ours):
        shown = seen(ours, "spent today")
        assert "espresso-machine" in shown
        assert "1 watches, 0 failing" in shown
        os.write(ours, key)
        assert process.wait(20) in {0, 130}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("top",), "a live overview needs a terminal (monitor status prints the present state once)"),
        (("status", "--watch"), "a live overview needs a terminal"),
        (("top", "--json"), "a live overview is no document"),
    ],
)
def test_without_a_terminal_it_says_so(workspace: Workspace, arguments: tuple[str, ...], words: str) -> None:
    workspace.watch()
    said = workspace(*arguments)
    assert (said.code, words in said.err) == (2, True)


def test_status_says_what_was_spent_and_what_the_ceilings_are(workspace: Workspace, api: ScriptedApi) -> None:
    workspace.use(api)
    workspace.settings("spending: {runs_per_day: 9, usd_per_day: 2.5, usd_per_step: 0.5}\n")
    workspace.watch()
    api.next_run(result={"price": 1, "in_stock": True}, steps=4)
    assert workspace("run", "espresso-machine").code == 0
    found = workspace("status", "--json").json
    assert found["spending"]["runs_today"] == 1
    assert found["spending"]["usd_today"] == found["spending"]["steps_today"] * 0.5
    assert found["ceilings"] == {"runs_per_day": 9, "usd_per_day": 2.5}
    assert found["reload"] is None
    assert f"spent today: 1 of 9 runs, {found['spending']['steps_today']} steps, about $" in workspace("status").out


def _document(count: int) -> dict[str, object]:
    watch = {"name": "w", "enabled": True, "paused": False, "paused_until": None, "next_due": None}
    watch |= {"last_verdict": "CHANGED", "last_run_at": None, "runs_today": 1, "failing_since": None}
    return {
        "watches": [
            watch | {"name": f"w{n}", "failing_since": "2026" if n == count - 1 else None} for n in range(count)
        ],
        "in_flight": [{"watch": "w\x1b[31m", "opened_at": "x", "stage": "intent"}],
        "stops": [{"since": "x", "code": "AUTH", "message": "no"}],
        "outbox": {"pending": 2, "dead": 1, "held": 1, "held_until": None, "refusing": ["ops"]},
        "spending": {"runs_today": 1, "steps_today": 3, "usd_today": 0.0},
        "ceilings": {"runs_per_day": 10, "usd_per_day": None},
        "daemon": {"problems": ["it stands still"]},
        "reload": {"at": "x", "added": ["a"], "changed": [], "removed": [], "problems": []},
    }


def test_what_needs_a_look_stands_first_and_the_rest_is_counted() -> None:
    from rich.console import Console

    console = Console(width=100, height=30, record=True, file=io.StringIO())
    console.print(_drawn(_document(100), "the store is busy", 30, NOW))
    text = console.export_text()
    rows = text.splitlines()
    assert rows[0].startswith("100 watches, 1 failing, 1 in flight")
    assert rows[2].split()[0] == "w99"
    assert "… and " in text
    assert "the store is busy" in text
    assert "\x1b[31m" not in "\n".join(_below(_document(1))).replace("w\x1b[31m", "")
    assert len(rows) <= 31
    assert isinstance(_drawn(None, "no store", 5, NOW), object)


def test_eighty_columns_hold_the_whole_live_overview() -> None:
    from rich.console import Console

    found: dict[str, Any] = _document(1)
    found["watches"][0] |= {
        "name": "espresso-machine-of-the-week",
        "last_verdict": "UNCONFIRMED",
        "last_run_at": "2026-11-20T11:57:00Z",
        "next_due": "2026-11-20T12:45:00Z",
        "failing_since": "2026-11-20T09:00:00Z",
    }
    console = Console(width=80, height=24, record=True, file=io.StringIO())
    console.print(_drawn(found, "", 24, NOW))
    row = console.export_text().splitlines()[2]
    for cell in ("espresso-mach", "unconfirmed", "3 min ago", "in 45 min", "failing 3 h"):
        assert cell in row


def test_a_script_of_completion_is_for_each_shell(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    for shell in ("bash", "zsh", "fish"):
        said: Said = workspace("completion", shell)
        assert said.code == 0
        assert "_MONITOR_COMPLETE" in said.out
    assert workspace("completion", "tcsh").code == 2
    asked = {"_MONITOR_COMPLETE": "complete_bash", "COMP_WORDS": "monitor schedu", "COMP_CWORD": "1"}
    environment = os.environ | asked
    found = subprocess.run(
        [sys.executable, "-m", "monitor"], env=environment, capture_output=True, text=True, check=False
    )
    assert found.stdout.split() == ["schedule"]
