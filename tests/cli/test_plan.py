"""`plan`: what would change if the daemon were started with the files as they are now."""

from __future__ import annotations

from tests.cli.conftest import WATCH, Workspace
from tests.scripted_api import ScriptedApi


def test_a_workspace_that_no_daemon_runs_is_all_new(workspace: Workspace) -> None:
    workspace.watch()
    said = workspace("plan", "--json")
    assert said.code == 10
    assert said.json["added"] == [{"watch": "espresso-machine", "runs_per_month": 1440}]
    assert (said.json["runs_per_month_before"], said.json["runs_per_month"]) == (0, 1440)
    assert said.json["usd_per_month"] == round(1440 * 3 * 0.016, 2)


def test_what_the_daemon_runs_is_no_difference(workspace: Workspace, api: ScriptedApi) -> None:
    workspace.use(api)
    workspace.watch()
    assert workspace("daemon", "--once").code == 0
    said = workspace("plan")
    assert (said.code, said.out) == (
        0,
        "no difference: the daemon runs these files\nruns a month: 1,440 -> 1,440, about $69.12 -> $69.12\n",
    )


def test_an_edit_names_its_fields_and_says_when_a_new_baseline_begins(workspace: Workspace, api: ScriptedApi) -> None:
    workspace.use(api)
    for name in ("quiet", "reworded", "gone"):
        workspace.watch(name)
    workspace("daemon", "--once")
    workspace.watch("quiet", enabled=False)
    workspace.watch("reworded", WATCH.replace("Find the product's", "Find the machine's"))
    (workspace.folder / "watches" / "gone.yaml").unlink()
    said = workspace("plan")
    assert said.code == 10
    assert said.out.splitlines() == [
        "~ quiet: enabled changed",
        "~ reworded: goal changed; its next good result is a new baseline",
        "- gone: gone; its history stays",
        "runs a month: 4,320 -> 1,440, about $207.36 -> $69.12",
    ]
    assert workspace("plan", "--json").json["changed"][1] == {
        "watch": "reworded",
        "fields": ["goal"],
        "new_baseline": True,
        "runs_per_month": 1440,
        "runs_per_month_before": 1440,
    }


def test_nothing_of_a_definition_is_stored(workspace: Workspace, api: ScriptedApi) -> None:
    """F1: a definition may hold secrets, as in a target's URL."""
    workspace.use(api)
    workspace.watch(notify=["json://user:canary-of-plan@127.0.0.1:9/hook"])
    workspace("daemon", "--once")
    stored = b"".join(path.read_bytes() for path in (workspace.folder / "state").rglob("*") if path.is_file())
    assert b"definitions" in stored
    assert b"canary-of-plan" not in stored


def test_definitions_that_cannot_be_read_are_told_and_planned_not_at_all(workspace: Workspace) -> None:
    workspace.watch(text="url: https://shop.example/\n")
    said = workspace("plan", "--json")
    assert said.code == 2
    assert {problem["field"] for problem in said.json["problems"]} >= {"goal", "cron", "output_schema"}
