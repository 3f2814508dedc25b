"""Who is alive is known from the operating system, also after kill -9."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from monitor.errors import StoreLocked, StoreUnwritable
from monitor.store import owners
from monitor.store.owners import DaemonLock, Owner

CLAIM = """
import sys
from pathlib import Path
from monitor.store.owners import Owner
owner = Owner.claim(Path(sys.argv[1]))
print(owner.id, flush=True)
sys.stdin.read()
"""
GRANDCHILD = """
import subprocess
print(subprocess.Popen(["sleep", "30"], close_fds=False).pid, flush=True)
sys.stdin.read()
"""
DAEMON = """
import sys, os
from pathlib import Path
from monitor.store.owners import DaemonLock
with DaemonLock(Path(sys.argv[1])):
    print(os.getpid(), flush=True)
    sys.stdin.read()
"""


def start(program: str, state: Path) -> tuple[subprocess.Popen[str], str]:
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(state)], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    return child, child.stdout.readline().strip()


def kill(child: subprocess.Popen[str]) -> None:
    child.send_signal(signal.SIGKILL)
    child.communicate()


def test_an_owner_is_alive_until_it_is_released(tmp_path: Path) -> None:
    with Owner.claim(tmp_path) as one, Owner.claim(tmp_path) as other:
        assert one.id != other.id
        assert one.alive(one.id)
        assert one.alive(other.id)
        assert other.alive(one.id)
        assert not one.dead(other.id)
    assert one.dead(other.id)
    assert not owners.alive(tmp_path, one.id)
    assert list((tmp_path / "owners").iterdir()) == []
    one.release()  # a second release is nothing


def test_an_owner_of_another_process_is_alive_until_kill_9(tmp_path: Path) -> None:
    """R7: an owner of another process is alive until kill 9."""
    child, owner_id = start(CLAIM, tmp_path)
    lock = tmp_path / "owners" / f"{owner_id}.lock"
    with Owner.claim(tmp_path) as owner:
        assert owner.alive(owner_id)
        assert owner.alive(owner_id)  # asking takes nothing away
        kill(child)
        assert lock.exists()
        assert owner.dead(owner_id)
        assert not lock.exists()
        assert owner.dead(owner_id)


def test_a_program_that_an_owner_started_does_not_keep_it_alive(tmp_path: Path) -> None:
    child, owner_id = start(CLAIM.replace("sys.stdin.read()", GRANDCHILD), tmp_path)
    assert child.stdout is not None
    grandchild = int(child.stdout.readline())
    child.send_signal(signal.SIGKILL)
    child.wait()
    os.kill(grandchild, 0)  # it lives on
    assert not owners.alive(tmp_path, owner_id)
    os.kill(grandchild, signal.SIGKILL)
    child.communicate()


def test_many_that_ask_at_once_all_see_the_same(tmp_path: Path) -> None:
    wrong: list[bool] = []
    with Owner.claim(tmp_path) as owner:
        child, dead = start(CLAIM, tmp_path)
        kill(child)

        def ask() -> None:
            wrong.extend(True for _ in range(200) if owner.dead(owner.id) or owner.alive(dead))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


@pytest.mark.parametrize("name", ["", "../daemon", "a/b", "01J\0", "ä", ".", "01JNEVERSEEN"])
def test_a_name_that_is_no_owner_is_dead_and_never_a_path(tmp_path: Path, name: str) -> None:
    (tmp_path / "daemon.lock").touch()
    assert not owners.alive(tmp_path, name)
    assert (tmp_path / "daemon.lock").exists()


def test_lock_files_are_private(tmp_path: Path) -> None:
    with Owner.claim(tmp_path / "state") as owner, DaemonLock(tmp_path / "state"):
        assert stat.S_IMODE((tmp_path / "state" / "owners").stat().st_mode) == 0o700
        assert stat.S_IMODE((tmp_path / "state" / "owners" / f"{owner.id}.lock").stat().st_mode) == 0o600
        assert stat.S_IMODE((tmp_path / "state" / "daemon.lock").stat().st_mode) == 0o600


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    with pytest.raises(StoreUnwritable):
        Owner.claim(tmp_path / "state")
    with pytest.raises(StoreUnwritable):
        DaemonLock(tmp_path / "state").__enter__()
    with pytest.raises(StoreUnwritable):
        owners.alive(tmp_path / "state", "01JX")


def test_a_second_daemon_is_refused_and_told_who_is_first(tmp_path: Path) -> None:
    """reliability.md R7, row 108."""
    child, pid = start(DAEMON, tmp_path)
    try:
        for _ in range(2):
            with pytest.raises(StoreLocked, match=f"pid {pid} on") as caught:
                DaemonLock(tmp_path).__enter__()
            assert os.uname().nodename in str(caught.value)
    finally:
        kill(child)
    with DaemonLock(tmp_path), pytest.raises(StoreLocked, match=f"pid {os.getpid()} on"):
        DaemonLock(tmp_path).__enter__()
    with DaemonLock(tmp_path):
        pass


@pytest.mark.parametrize("note", [b"", b"{", b"[]", b'{"pid": "x", "host": "h"}', b"\xff" * 5_000])
def test_a_first_daemon_that_did_not_say_who_it_is_is_still_first(tmp_path: Path, note: bytes) -> None:
    with DaemonLock(tmp_path) as first:
        first.path.write_bytes(note)
        with pytest.raises(StoreLocked, match="did not say"):
            DaemonLock(tmp_path).__enter__()
