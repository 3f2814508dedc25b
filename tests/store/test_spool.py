"""The spool: private, whole or not there, and nothing in it is believed that another user could have put there."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.agent.outcome import Code, Completed, Failed, Fault
from monitor.errors import StoreError, StoreUnwritable
from monitor.store import spool as spooling
from monitor.store.spool import Spool
from monitor.watch.run import Run

RUN = Run("01J0000000000000000000000A", "espresso", datetime(2026, 11, 21, 12, 0, tzinfo=UTC))
OUTCOME = Completed(run_id="run_1", raw={"result": {"text": "\ud800\u2028" + "x" * 500}}, steps=3, result={"a": 1})


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Spool:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return Spool.of(tmp_path / "state" / "monitor.db")


def test_a_result_comes_back_as_it_was_and_is_private(spool: Spool) -> None:
    failed = Failed(run_id="run_2", fault=Fault(Code.SITE, "blocked", retry_after=2.5))
    other = replace(RUN, id="01J0000000000000000000000B")
    previous = os.umask(0)
    try:
        spool.put(RUN, replace(OUTCOME, result=None))
        spool.put(RUN, OUTCOME)
        spool.put(other, failed)
    finally:
        os.umask(previous)
    assert spool.waiting() == [RUN.id, other.id]
    assert (spool.take(RUN), spool.take(other)) == (OUTCOME, failed)
    assert spool.folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in spool.folder.iterdir()} == {0o600}
    spool.drop(RUN.id)
    spool.drop(RUN.id)
    assert (spool.waiting(), spool.take(RUN)) == ([other.id], None)


def test_each_database_has_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    (tmp_path / "link").symlink_to(tmp_path)
    first = Spool.of(tmp_path / "a.db")
    assert first == Spool.of(tmp_path / "link" / "a.db") != Spool.of(tmp_path / "b.db")
    assert f"-{os.geteuid()}-" in first.folder.name
    assert first.waiting() == []
    assert first.take(RUN) is None


def _a_link_in_place_of_the_folder(spool: Spool) -> None:
    spool.folder.rename(spool.folder.with_name("elsewhere"))
    spool.folder.symlink_to(spool.folder.with_name("elsewhere"))


def _a_link_in_place_of_the_file(spool: Spool) -> None:
    path = spool.folder / f"{RUN.id}.outcome"
    path.rename(spool.folder / "elsewhere")
    path.symlink_to(spool.folder / "elsewhere")


def _a_pipe(spool: Spool) -> None:
    path = spool.folder / f"{RUN.id}.outcome"
    path.unlink()
    os.mkfifo(path, 0o600)


def _nothing_in_it(spool: Spool) -> None:
    (spool.folder / f"{RUN.id}.outcome").write_bytes(b"")


def _no_json(spool: Spool) -> None:
    import hashlib

    data = b"[1"
    (spool.folder / f"{RUN.id}.outcome").write_bytes(hashlib.sha256(data).hexdigest().encode() + data)


def _no_outcome(spool: Spool) -> None:
    (spool.folder / f"{RUN.id}.outcome").write_bytes(
        spooling._encoded({"run": RUN.id, "watch": RUN.watch, "outcome": {"kind": "completed"}})
    )


def _a_list(spool: Spool) -> None:
    (spool.folder / f"{RUN.id}.outcome").write_bytes(spooling._encoded([]))  # type: ignore[arg-type] # what is tested


def _of_another_watch(spool: Spool) -> None:
    spool.put(replace(RUN, watch="grinder"), OUTCOME)


def _of_another_user(spool: Spool) -> None:
    os.chown(spool.folder / f"{RUN.id}.outcome", 12_345, -1)


@pytest.mark.parametrize(
    "change",
    [
        _a_link_in_place_of_the_folder,
        _a_link_in_place_of_the_file,
        _a_pipe,
        _nothing_in_it,
        _no_json,
        _no_outcome,
        _a_list,
        _of_another_watch,
        pytest.param(
            _of_another_user, marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
        ),
    ],
)
def test_what_is_not_to_be_believed_is_refused_by_its_name(spool: Spool, change: Callable[[Spool], None]) -> None:
    spool.put(RUN, OUTCOME)
    change(spool)
    with pytest.raises(StoreError, match=str(spool.folder)) as caught:
        spool.take(RUN)
    assert type(caught.value) is StoreError  # not StoreCorrupt, which would end a daemon


@pytest.mark.parametrize("run_id", ["../../etc/passwd", "a/b", "", "é"])
def test_what_is_no_id_is_never_a_path(spool: Spool, run_id: str) -> None:
    for call in (lambda: spool.take(replace(RUN, id=run_id)), lambda: spool.drop(run_id)):
        with pytest.raises(StoreError, match="is no id of a run"):
            call()


def test_the_spool_is_bounded(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spooling, "MAX_FILES", 1)
    spool.put(RUN, OUTCOME)
    spool.put(RUN, OUTCOME)  # in place of itself
    with pytest.raises(StoreUnwritable, match="no room"):
        spool.put(replace(RUN, id="01J0000000000000000000000B"), OUTCOME)
    monkeypatch.setattr(spooling, "MAX_BYTES", 100)
    with pytest.raises(StoreUnwritable, match="no room"):
        spool.put(RUN, OUTCOME)
    with pytest.raises(StoreError, match="not whole"):
        spool.take(RUN)


def test_a_file_system_that_does_not_allow_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "file"))
    spool = Spool.of(tmp_path / "monitor.db")
    with pytest.raises(StoreUnwritable, match="cannot be written"):
        spool.put(RUN, OUTCOME)
    with pytest.raises(StoreError, match="cannot be read"):
        spool.take(RUN)


def test_nothing_half_written_is_left(spool: Spool) -> None:
    with pytest.raises(ValueError, match="not JSON"):
        spool.put(RUN, Completed(run_id="run_1", result={1, 2}))
    spool.put(RUN, OUTCOME)
    assert [path.name for path in spool.folder.iterdir()] == [f"{RUN.id}.outcome"]
