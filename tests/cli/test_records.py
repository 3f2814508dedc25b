"""`status`, `history`, `show`, `diff`: what was stored, seen again."""

from __future__ import annotations

from tests.cli.conftest import WATCH, Workspace
from tests.scripted_api import ScriptedApi


def _two_runs(workspace: Workspace, api: ScriptedApi) -> None:
    workspace.watch()
    workspace.use(api)
    workspace("run", "espresso-machine")
    api.next_run(result={"price": 449.0, "in_stock": False})
    workspace("run", "espresso-machine")


def test_history_is_newest_first_and_can_be_filtered(workspace: Workspace, api: ScriptedApi) -> None:
    """`history` prints the same objects as `run --json`, newest first."""
    _two_runs(workspace, api)
    records = workspace("history", "espresso-machine", "--json").json
    assert [record["verdict"] for record in records] == ["CHANGED", "BASELINE"]
    filtered = workspace("history", "espresso-machine", "--verdict", "baseline", "--json").json
    assert [record["verdict"] for record in filtered] == ["BASELINE"]
    assert len(workspace("history", "espresso-machine", "--limit", "1", "--json").json) == 1
    assert workspace("history", "espresso-machine", "--verdict", "WRONG").code == 2


def test_history_of_a_watch_that_never_ran_is_empty_and_of_an_unknown_one_an_error(
    workspace: Workspace, api: ScriptedApi
) -> None:
    """Known but not run: an empty list; unknown: exit 2."""
    _two_runs(workspace, api)
    workspace.watch("other")
    assert workspace("history", "other", "--json").json == []
    assert workspace("history", "nothing", "--json").code == 2


def test_a_run_is_followed_through_the_database_by_show(workspace: Workspace, api: ScriptedApi) -> None:
    """`show` finds a run by its id, the beginning of it, or the API's id, with the raw record."""
    _two_runs(workspace, api)
    record = workspace("history", "espresso-machine", "--json").json[0]
    whole = workspace("show", record["run"], "--json").json
    assert whole["raw"]["result"] == {"price": 449.0, "in_stock": False}
    assert workspace("show", record["run_id"], "--json").json["run"] == record["run"]
    for_people = workspace("show", record["run"])
    assert for_people.code == 0
    for word in ("espresso-machine", "CHANGED", "/price: 499.0 -> 449.0", record["run_id"]):
        assert word in for_people.out
    assert workspace("show", "01NOTHING").code == 2


def test_explain_says_that_a_watch_has_no_rules(workspace: Workspace, api: ScriptedApi) -> None:
    """Of a change and of the first result, which rules would have been asked about."""
    workspace.watch()
    workspace.use(api)
    workspace("run", "espresso-machine")
    api.next_run(result={"price": 449.0, "in_stock": False})
    workspace("run", "espresso-machine")
    for record in workspace("history", "espresso-machine", "--json").json:
        explained = workspace("explain", record["run"])
        assert "no rule was looked at: the watch had no rules (notify)" in explained.out
        assert workspace("explain", record["run"], "--json").json["why"] == "the watch had no rules (notify)"


def test_what_was_read_as_another_type_is_printed_as_json(workspace: Workspace, api: ScriptedApi) -> None:
    """`true`, not `True`; text in double quotes."""
    workspace.watch()
    workspace.use(api)
    api.next_run(result={"price": "$449.00", "in_stock": "yes"})
    workspace("run", "espresso-machine")
    (record,) = workspace("history", "espresso-machine", "--json").json
    for command in ("explain", "show"):
        printed = workspace(command, record["run"]).out
        assert '/in_stock "yes" -> true' in printed
        assert '/price "$449.00" -> 449.0' in printed


def test_diff_names_what_changed_between_two_results(workspace: Workspace, api: ScriptedApi) -> None:
    """Without runs: the newest change; with one or two: those."""
    _two_runs(workspace, api)
    said = workspace("diff", "espresso-machine", "--json").json
    assert [change["path"] for change in said["changes"]] == ["/price", "/in_stock"]
    assert "/price: 499.0 -> 449.0" in workspace("diff", "espresso-machine").out
    newest, oldest = workspace("history", "espresso-machine", "--json").json
    back = workspace("diff", "espresso-machine", newest["run"], oldest["run"], "--json").json
    assert back["changes"][0]["after"] == 499.0


def test_status_shows_every_watch_and_exits_3_when_one_fails(workspace: Workspace, api: ScriptedApi) -> None:
    """Before any run all is well; a failing watch is red until it is good again."""
    workspace.watch()
    workspace.watch("resting", enabled=False)
    workspace.use(api)
    said = workspace("status", "--json")
    assert said.code == 0
    first, second = said.json["watches"]
    assert (first["name"], first["last_verdict"], first["runs_today"]) == ("espresso-machine", None, 0)
    assert first["next_due"].endswith("Z")
    assert (second["enabled"], second["next_due"]) == (False, None)
    api.next_run(error={"code": "SITE_BLOCKED", "message": "blocked"})
    workspace("run", "espresso-machine")
    failing = workspace("status", "--json")
    assert failing.code == 3
    assert failing.json["watches"][0]["failing_since"]
    assert workspace("status").out.count("failing since") == 1
    workspace("run", "espresso-machine")
    assert workspace("status").code == 0


def test_a_difference_is_between_runs_of_the_watch(workspace: Workspace, api: ScriptedApi) -> None:
    workspace.use(api)
    for name in ("one", "other"):
        workspace.watch(name)
        api.next_run(result={"price": 499, "in_stock": True})
        (record,) = workspace("run", name, "--json").json
    said = workspace("diff", "one", record["run"])
    assert (said.code, said.err) == (2, f"monitor: run {record['run']} is one of other, not of one\n")


def test_an_edited_watch_is_named_by_validate(workspace: Workspace, api: ScriptedApi) -> None:
    workspace.use(api)
    workspace.watch()
    api.next_run(result={"price": 499, "in_stock": True})
    workspace("run", "espresso-machine")
    assert workspace("validate", "--json").json == {"watches": 1, "problems": []}
    workspace.watch(text=WATCH.replace("Find the product's", "Find the machine's"))
    assert "edited since its baseline" in workspace("validate").out
    assert workspace("validate", "--json").json["new_baselines"] == ["espresso-machine"]
