"""The ledger: what survives, who is dead, and what a damaged file is called."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from monitor.embedded.ledger import Ledger, Query
from monitor.embedded.order import Order
from monitor.embedded.wire import new_run
from monitor.errors import StoreBusy, StoreCorrupt, StoreError, StoreNewer, StoreUnwritable

NOW = "2026-11-21T12:00:00.000Z"
ORDER = Order(url="http://shop.example/", goal="Find it")


def a_run(run_id: str, **fields: Any) -> dict[str, Any]:
    return new_run(run_id, ORDER, "sse", NOW) | fields


def test_what_it_makes_is_for_its_owner_only(tmp_path: Path) -> None:
    """docs/security.md: files of the state folder are private (reliability.md row 54)."""
    Ledger(tmp_path / "state" / "a.db", now=NOW).close()
    made = [tmp_path / "state", *(tmp_path / "state").rglob("*")]
    assert len(made) >= 3
    assert [path for path in made if path.stat().st_mode & 0o077] == []


def test_a_run_is_kept_over_a_restart(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "a.db", now=NOW)
    ledger.add(a_run("one", status="COMPLETED", result={"text": "\ud800\u2028"}))
    ledger.close()
    again = Ledger(tmp_path / "a.db", now=NOW)
    found = again.get("one")
    again.close()
    assert found is not None
    assert found["result"] == {"text": "\ud800\u2028"}


def test_the_runs_of_a_killed_process_end_failed_and_those_of_a_living_one_do_not(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from tests.embedded.test_ledger import *\n"
        "ledger = Ledger(Path(sys.argv[1]), now=NOW); ledger.add(a_run('dead', status='RUNNING'))\n"
        "os.kill(os.getpid(), 9)"
    )
    living = Ledger(tmp_path / "a.db", now=NOW)
    living.add(a_run("alive", status="RUNNING"))
    killed = subprocess.run([sys.executable, "-c", script, tmp_path / "a.db"], check=False)
    assert killed.returncode == -9
    third = Ledger(tmp_path / "a.db", now="2026-11-21T13:00:00.000Z")
    dead, alive = third.get("dead"), third.get("alive")
    third.close()
    living.close()
    assert dead is not None
    assert alive is not None
    assert (dead["status"], dead["error"]["category"], dead["finished_at"][11:16]) == (
        "FAILED",
        "SYSTEM_FAILURE",
        "13:00",
    )
    assert alive["status"] == "RUNNING"
    assert list((tmp_path / "a.db.owners").iterdir()) == []


def test_the_same_id_twice_is_an_error(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "a.db", now=NOW)
    ledger.add(a_run("one"))
    with pytest.raises(StoreError):
        ledger.add(a_run("one"))
    ledger.close()


def test_old_runs_are_forgotten_and_unfinished_ones_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.embedded.ledger._KEEP", 2)
    ledger = Ledger(tmp_path / "a.db", now=NOW)
    ledger.add(a_run("unfinished"))
    for number in range(4):
        ledger.add(a_run(f"run-{number}", status="COMPLETED"))
    ledger.prune()
    kept = [run["run_id"] for run in ledger.find(Query()).runs]
    ledger.close()
    assert kept == ["run-3", "run-2", "unfinished"]


def damaged(path: Path) -> None:
    path.write_bytes(b"this is no database" * 100)


def newer(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()


def a_folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(("state", "kind"), [(damaged, StoreCorrupt), (newer, StoreNewer), (a_folder, StoreUnwritable)])
def test_a_file_that_cannot_be_used_is_told_by_its_kind(tmp_path: Path, state: Any, kind: type[StoreError]) -> None:
    state(tmp_path / "a.db")
    with pytest.raises(kind) as caught:
        Ledger(tmp_path / "a.db", now=NOW)
    assert str(tmp_path / "a.db") in str(caught.value)


def test_a_locked_file_is_busy(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "a.db", now=NOW)
    ledger._db.execute("PRAGMA busy_timeout = 10")
    other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreBusy):
        ledger.add(a_run("one"))
    other.close()
    ledger.close()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnwritable):
        Ledger(tmp_path / "file" / "a.db", now=NOW)
