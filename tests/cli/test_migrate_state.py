"""A store on PostgreSQL from the command line, and `migrate-state`, which brings a workspace there."""

from __future__ import annotations

import zlib

import pytest

from tests.cli.conftest import Workspace
from tests.postgres import PASSWORD, Cluster
from tests.scripted_api import ScriptedApi


@pytest.fixture
def database(cluster: Cluster, request: pytest.FixtureRequest) -> str:
    """The URL, with a password, of an empty database."""
    name = f"cli_{abs(zlib.crc32(request.node.name.encode()))}"
    cluster.make(name)
    return cluster.tcp(name)


def test_a_workspace_moves_to_postgresql_and_goes_on_there(
    workspace: Workspace, api: ScriptedApi, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.use(api)
    workspace.watch()
    workspace("run", "espresso-machine")
    before = workspace("history", "espresso-machine", "--json").json
    moved = workspace("migrate-state", "sqlite:///state/monitor.db", database, "--json")
    assert (moved.code, moved.json["moved"]["runs"]) == (0, 1)
    assert PASSWORD not in moved.out + moved.err
    again = workspace("migrate-state", "sqlite:///state/monitor.db", database)
    assert again.code == 2
    assert "holds records already" in again.err
    monkeypatch.setenv("MONITOR_STATE", database)
    assert workspace("history", "espresso-machine", "--json").json == before
    assert workspace("run", "espresso-machine", "--json").json[0]["verdict"] == "UNCHANGED"
    assert workspace("daemon", "--once").code == 0
    assert workspace("status").code == 0
    doctor = workspace("doctor")
    assert "is sound (PostgreSQL" in doctor.out
    assert PASSWORD not in doctor.out + doctor.err
    copy = workspace.folder / "copy.db"
    assert workspace("backup", str(copy)).code == 0
    refused = workspace("restore", str(copy))
    assert refused.code == 2
    assert "monitor migrate-state" in refused.err


def test_a_database_without_our_tables_has_no_records_yet(
    workspace: Workspace, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.watch()
    monkeypatch.setenv("MONITOR_STATE", database)
    said = workspace("history", "espresso-machine")
    assert said.code == 2
    assert "there are no records yet" in said.err
    assert workspace("plan").code == 10
    assert workspace("validate").code == 0
    assert f"monitor:***@127.0.0.1:{database.split(':')[3].split('/', maxsplit=1)[0]}" in workspace("settings").out


def test_a_database_that_cannot_be_reached_is_exit_4_without_the_password(
    workspace: Workspace, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.watch()
    monkeypatch.setenv("MONITOR_STATE", cluster.tcp("postgres", password="wrong-canary"))
    for words in (["status"], ["run", "espresso-machine", "--agent", "embedded"], ["history", "espresso-machine"]):
        said = workspace(*words)
        assert said.code == 4, words
        assert "wrong-canary" not in said.out + said.err
        assert len(said.err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("source", "words"), [("mysql://x", "must be a path"), ("sqlite:///none.db", "no store in"), ("", "must be")]
)
def test_what_is_no_store_cannot_be_moved(workspace: Workspace, source: str, words: str) -> None:
    said = workspace("migrate-state", source, "postgresql://nobody@127.0.0.1:1/none")
    assert (said.code, words in said.err) == (2, True)


def test_a_store_is_not_moved_onto_itself(workspace: Workspace) -> None:
    said = workspace("migrate-state", "state/monitor.db", "sqlite:///state/monitor.db")
    assert said.code == 2
    assert "onto itself" in said.err
