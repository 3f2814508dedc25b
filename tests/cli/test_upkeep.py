"""`backup`, `restore`, `prune`, `rename`, `rejudge`: nothing that was paid for is lost, nothing is paid again."""

from __future__ import annotations

from pathlib import Path

from monitor.store.store import Store
from tests.cli.conftest import WATCH, Workspace
from tests.scripted_api import ScriptedApi
from tests.sinks import WebhookSink


def _runs(workspace: Workspace, api: ScriptedApi, *prices: float) -> None:
    workspace.watch()
    workspace.use(api)
    for price in prices:
        api.next_run(result={"price": price, "in_stock": True})
        workspace("run", "espresso-machine")


def test_a_backup_brings_back_what_was_there(workspace: Workspace, api: ScriptedApi, tmp_path: Path) -> None:
    """backup, more runs, restore: the history of then; what it replaced is kept beside it."""
    _runs(workspace, api, 1.0, 2.0)
    copy = tmp_path / "copy.db"
    assert workspace("backup", str(copy)).code == 0
    assert workspace("backup", str(copy)).code == 2  # never overwritten
    _runs(workspace, api, 3.0)
    assert len(workspace("history", "espresso-machine", "--json").json) == 3
    said = workspace("restore", str(copy))
    assert said.code == 0
    assert len(workspace("history", "espresso-machine", "--json").json) == 2
    assert len(list((workspace.folder / "state").glob("monitor.db.replaced-*"))) == 1
    _runs(workspace, api, 2.0)
    assert workspace("history", "espresso-machine", "--json").json[0]["verdict"] == "UNCHANGED"


def test_what_is_no_backup_is_refused_and_nothing_is_touched(workspace: Workspace, api: ScriptedApi) -> None:
    """Exit 4, one line, the database as it was."""
    _runs(workspace, api, 1.0)
    wrong = workspace.folder / "wrong.db"
    wrong.write_bytes(b"nothing of ours")
    said = workspace("restore", str(wrong))
    assert said.code == 4
    assert said.err.count("\n") == 1
    assert len(workspace("history", "espresso-machine", "--json").json) == 1


def test_prune_takes_a_duration_and_keeps_what_must_stay(workspace: Workspace, api: ScriptedApi) -> None:
    """Young records stay; a wrong duration is one line."""
    _runs(workspace, api, 1.0, 2.0)
    assert workspace("prune", "--older-than", "90d", "--json").json == {"removed": 0}
    assert workspace("prune", "--older-than", "soon").code == 2
    assert len(workspace("history", "espresso-machine", "--json").json) == 2


def test_a_renamed_watch_keeps_its_baseline(workspace: Workspace, api: ScriptedApi) -> None:
    """The file and its records move; the next run is compared with the baseline of before."""
    _runs(workspace, api, 1.0)
    workspace.watch("other")
    assert workspace("rename", "espresso-machine", "other").code == 2
    assert workspace("rename", "espresso-machine", "coffee").code == 0
    assert (workspace.folder / "watches" / "coffee.yaml").exists()
    api.next_run(result={"price": 1.0, "in_stock": True})
    assert workspace("run", "coffee", "--json").json[0]["verdict"] == "UNCHANGED"
    assert workspace("rename", "nothing", "something").code == 2


def test_a_result_is_judged_again_after_its_schema_is_mended(workspace: Workspace, api: ScriptedApi) -> None:
    """B6: an INVALID result becomes the change it was, is told, and costs nothing."""
    with WebhookSink() as sink:
        workspace.settings(f"targets: {{ops: '{sink.apprise_url()}'}}\npublic_url: https://monitor.example\n")
        workspace.watch(notify=["ops"])
        workspace.use(api)
        workspace("run", "espresso-machine")
        api.next_run(result={"price": -5.0, "in_stock": True})
        (bad,) = workspace("run", "espresso-machine", "--json").json
        assert bad["verdict"] == "INVALID"
        posts = api.posts
        told = [{"to": "ops", "on": ["baseline", "change"]}]
        workspace.watch(text=WATCH.replace(", minimum: 0", ""), notify=told)
        said = workspace("rejudge", bad["run"], "--json")
        assert said.code == 0
        assert said.json[0]["verdict"] == "BASELINE"  # a mended schema is a new generation: no false change
        assert api.posts == posts
        with Store.open(str(workspace.folder / "state" / "monitor.db"), create=False) as store:
            (message,) = store.messages_of(bad["run"])
        assert f"https://monitor.example/runs/{bad['run']}" in message.body
        assert workspace("rejudge", "01NOTHING").code == 2
