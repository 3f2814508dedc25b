"""`monitor run`: exit codes, the JSON document, what is stored, told and said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.conftest import WATCH, Workspace
from tests.scripted_api import ScriptedApi
from tests.sinks import WebhookSink

FIELDS = [
    "watch",
    "run",
    "run_id",
    "due_at",
    "trigger",
    "verdict",
    "reason",
    "outcome",
    "changes",
    "violations",
    "result",
    "steps",
    "notifications",
    "started_at",
    "finished_at",
]


def test_the_document_of_a_run_has_the_fields_of_the_contract(workspace: Workspace, api: ScriptedApi) -> None:
    """`run --json` prints a list, one object a watch, with exactly the fields of interface.md."""
    workspace.watch()
    workspace.use(api)
    said = workspace("run", "espresso-machine", "--json")
    assert said.code == 0
    (record,) = said.json
    assert list(record) == FIELDS
    assert record["verdict"] == "BASELINE"
    assert record["trigger"] == "manual"
    assert record["outcome"] == {"kind": "completed", "code": None, "api_code": None, "message": None}
    assert record["result"] == {"price": 499.0, "in_stock": True}
    assert record["steps"] == 3
    assert api.posts == 1


def test_a_change_is_told_once_and_the_exit_code_says_so(workspace: Workspace, api: ScriptedApi) -> None:
    """With `--exit-code` a change exits 10; its message reaches the target before the command ends."""
    with WebhookSink() as sink:
        workspace.settings(f"targets: {{ops: '{sink.apprise_url()}'}}\n")
        workspace.watch(notify=["ops"])
        workspace.use(api)
        assert workspace("run", "espresso-machine", "--exit-code").code == 0
        api.next_run(result={"price": 449.0, "in_stock": True})
        said = workspace("run", "espresso-machine", "--exit-code", "--json")
        assert said.code == 10
        (record,) = said.json
        assert record["changes"] == [{"path": "/price", "kind": "changed", "before": 499.0, "after": 449.0}]
        assert record["notifications"] == 1
        (message,) = sink.wait_for(1)
        assert message.json["title"] == "espresso-machine: price 499 → 449 (-10%)"
        again = workspace("run", "espresso-machine", "--exit-code", "--json")
        assert again.json[0]["verdict"] == "CHANGED"  # back to 499: A → B → A is two changes
        assert len(sink.wait_for(2)) == 2


def test_an_unchanged_run_tells_nobody(workspace: Workspace, api: ScriptedApi) -> None:
    """Two equal results give UNCHANGED and no message."""
    with WebhookSink() as sink:
        workspace.settings(f"targets: {{ops: '{sink.apprise_url()}'}}\n")
        workspace.watch(notify=["ops"])
        workspace.use(api)
        workspace("run", "espresso-machine")
        assert workspace("run", "espresso-machine", "--json").json[0]["verdict"] == "UNCHANGED"
        assert sink.received == []


def billing(api: ScriptedApi) -> None:
    api.next_run().status(402, {"error": {"code": "INSUFFICIENT_CREDITS", "message": "no credits left"}})


def bad_key(api: ScriptedApi) -> None:
    api.next_run().status(401, {"error": {"code": "INVALID_API_KEY", "message": "bad key"}})


def site_blocked(api: ScriptedApi) -> None:
    api.next_run(error={"code": "SITE_BLOCKED", "message": "blocked", "category": "AGENT_FAILURE"})


def broken_schema(api: ScriptedApi) -> None:
    api.next_run(result={"price": "much", "in_stock": True})


def agent_gave_up(api: ScriptedApi) -> None:
    api.next_run(result={"status": "failure", "reason": "a captcha stood in the way"})


@pytest.mark.parametrize(
    ("when", "verdict", "code"),
    [
        (site_blocked, "FAILED", "SITE"),
        (broken_schema, "INVALID", "SCHEMA"),
        (agent_gave_up, "INVALID", "GOAL"),
    ],
)
def test_a_bad_run_exits_3_and_says_why(
    workspace: Workspace, api: ScriptedApi, when: object, verdict: str, code: str
) -> None:
    """A failed or invalid run exits 3, keeps the baseline, and its record has the stable code."""
    workspace.watch()
    workspace.use(api)
    workspace("run", "espresso-machine")
    when(api)  # type: ignore[operator]
    said = workspace("run", "espresso-machine", "--exit-code", "--json")
    assert said.code == 3
    (record,) = said.json
    assert (record["verdict"], record["outcome"]["code"]) == (verdict, code)
    assert record["reason"]
    assert workspace("run", "espresso-machine", "--json").json[0]["verdict"] == "UNCHANGED"


def test_what_an_earlier_run_could_not_deliver_goes_with_the_next_one(workspace: Workspace, api: ScriptedApi) -> None:
    """Also when that one has nothing to tell: where `run` stands in a crontab there is no daemon to do it."""
    hour = datetime.now(UTC) - timedelta(hours=1)  # from an hour ago to in 22 hours
    quiet = f'"{hour:%H:%M}", to: "{hour - timedelta(hours=1):%H:%M}"'
    with WebhookSink() as sink:
        targets = f"targets: {{ops: '{sink.apprise_url()}'}}\n"
        workspace.settings(f"{targets}quiet_hours: {{from: {quiet}, timezone: UTC}}\n")
        workspace.watch(notify=["ops"])
        workspace.use(api)
        workspace("run", "espresso-machine")
        api.every_run(result={"price": 449.0, "in_stock": True})
        workspace("run", "espresso-machine")
        assert sink.received == []
        workspace.settings(targets)
        workspace("run", "espresso-machine", "--dry-run")
        assert sink.received == []
        assert workspace("run", "espresso-machine", "--json").json[0]["verdict"] == "UNCHANGED"
        assert [each.json["title"] for each in sink.wait_for(1)] == ["espresso-machine: price 499 → 449 (-10%)"]


def test_a_dry_run_stores_its_record_and_moves_nothing(workspace: Workspace, api: ScriptedApi) -> None:
    """`--dry-run` makes a run that is judged, marked dry, and forgotten by baseline and targets."""
    with WebhookSink() as sink:
        workspace.settings(f"targets: {{ops: '{sink.apprise_url()}'}}\n")
        workspace.watch(notify=["ops"])
        workspace.use(api)
        workspace("run", "espresso-machine")
        api.next_run(result={"price": 1.0, "in_stock": True})
        (record,) = workspace("run", "espresso-machine", "--dry-run", "--json").json
        assert record["verdict"] == "CHANGED"
        assert record["notifications"] == 0
        assert workspace("show", record["run"], "--json").json["dry"] is True
        assert workspace("run", "espresso-machine", "--json").json[0]["verdict"] == "UNCHANGED"
        assert sink.received == []


def test_without_a_key_one_line_names_the_variable_and_the_way_out(workspace: Workspace) -> None:
    """No key: exit 2, the variable and `--agent embedded` named, nothing created."""
    workspace.watch()
    said = workspace("run", "espresso-machine")
    assert said.code == 2
    assert said.err.count("\n") == 1
    assert "TINYFISH_API_KEY" in said.err
    assert "--agent embedded" in said.err
    assert not (workspace.folder / "state").exists()


def test_a_key_with_a_newline_is_trimmed_and_one_with_odd_characters_never_shown(
    workspace: Workspace, api: ScriptedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """reliability.md finding 9: an API key with a trailing newline must not print itself."""
    workspace.watch()
    workspace.use(api)
    monkeypatch.setenv("TINYFISH_API_KEY", "sk-tinyfish-canary\n")
    assert workspace("run", "espresso-machine").code == 0
    assert api.requests[0].headers["x-api-key"] == "sk-tinyfish-canary"
    monkeypatch.setenv("TINYFISH_API_KEY", "sk-tinyfish-cänary")
    said = workspace("run", "espresso-machine")
    assert said.code == 2
    assert "cänary" not in said.out + said.err
    assert "TINYFISH_API_KEY" in said.err


def test_an_unknown_watch_is_named_with_the_nearest(workspace: Workspace, api: ScriptedApi) -> None:
    """Exit 2 and a did-you-mean; nothing is asked of the API."""
    workspace.watch()
    workspace.use(api)
    said = workspace("run", "expresso-machine")
    assert said.code == 2
    assert 'did you mean "espresso-machine"?' in said.err
    assert api.requests == []


def test_a_broken_watch_is_explained_and_the_others_run(workspace: Workspace, api: ScriptedApi) -> None:
    """A bad file never stops the good ones; named itself, it is explained with its position."""
    workspace.watch()
    workspace.watch("other", WATCH.replace("cron:", "crom:"))
    workspace.use(api)
    assert workspace("run", "espresso-machine").code == 0
    said = workspace("run", "other")
    assert said.code == 2
    assert "watches/other.yaml:3:1: crom: unknown field" in said.err


def test_an_api_that_cannot_be_reached_is_one_line_and_nothing_is_billed(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connection refused: FAILED NETWORK, nothing sent, exit 3."""
    workspace.watch()
    monkeypatch.setenv("TINYFISH_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("TINYFISH_API_KEY", "sk-tinyfish-test")
    workspace.watch(limits={"timeout": "2s"})  # the first further start would come later than that
    said = workspace("run", "espresso-machine", "--json")
    assert said.code == 3
    (record,) = said.json
    assert (record["outcome"]["kind"], record["outcome"]["code"]) == ("not_started", "NETWORK")


def test_a_dead_target_keeps_the_message_for_later(workspace: Workspace, api: ScriptedApi) -> None:
    """The message of a target that does not answer stays pending; the run is recorded all the same."""
    workspace.settings("targets: {ops: 'json://127.0.0.1:9/hook'}\n")
    workspace.watch(notify=["ops"])
    workspace.use(api)
    workspace("run", "espresso-machine")
    api.next_run(result={"price": 449.0, "in_stock": True})
    said = workspace("run", "espresso-machine")
    assert said.code == 0
    assert "not delivered yet: 1" in said.err
    assert workspace("status", "--json").json["outbox"] == {
        "pending": 1,
        "dead": 0,
        "held": 0,
        "held_until": None,
        "refusing": [],
    }


def test_all_and_tag_choose_watches(workspace: Workspace, api: ScriptedApi) -> None:
    """`--all` runs every enabled watch, `--tag` those with the tag; a disabled one is left out."""
    workspace.watch("a", tags=["shop"])
    workspace.watch("b")
    workspace.watch("c", enabled=False, tags=["shop"])
    workspace.use(api)
    assert [record["watch"] for record in workspace("run", "--all", "--json").json] == ["a", "b"]
    assert [record["watch"] for record in workspace("run", "--tag", "shop", "--json").json] == ["a"]
    assert workspace("run", "--tag", "none").code == 2
    assert workspace("run").code == 2


@pytest.mark.parametrize("transport", ["sse", "async", "sync"])
def test_every_transport_gives_the_same_record(workspace: Workspace, api: ScriptedApi, transport: str) -> None:
    """A watch may choose its transport; verdict, result and steps are the same."""
    workspace.watch(transport=transport)
    workspace.use(api)
    (record,) = workspace("run", "espresso-machine", "--json").json
    assert (record["verdict"], record["steps"]) == ("BASELINE", 3)
    path = {"sse": "run-sse", "async": "run-async", "sync": "run"}[transport]
    assert [request.path for request in api.requests if request.method == "POST"] == [f"/v1/automation/{path}"]


def test_options_may_stand_before_or_after_the_command(workspace: Workspace, api: ScriptedApi) -> None:
    """`--json` and `--workspace` are accepted in both places (interface.md, "Commands")."""
    workspace.watch()
    workspace.use(api)
    assert workspace("--json", "run", "espresso-machine").json[0]["verdict"] == "BASELINE"
    other = workspace("history", "espresso-machine", "--json", "--workspace", str(workspace.folder))
    assert len(other.json) == 1


def test_editing_the_definition_begins_a_new_generation(workspace: Workspace, api: ScriptedApi) -> None:
    """B8: an edit of the goal is a new baseline, not a change; an edit of the cron is neither."""
    workspace.watch()
    workspace.use(api)
    workspace("run", "espresso-machine")
    workspace.watch(text=WATCH.replace("*/30", "*/20"))
    assert workspace("run", "espresso-machine", "--json").json[0]["verdict"] == "UNCHANGED"
    api.every_run(result={"price": 1.0, "in_stock": False})
    workspace.watch(text=WATCH.replace("current price", "present price"))
    assert workspace("run", "espresso-machine", "--json").json[0]["verdict"] == "BASELINE"


def test_the_request_holds_what_the_watch_says_and_no_more(workspace: Workspace, api: ScriptedApi) -> None:
    """url, goal with its reference, the provider's schema and the run options go out; nothing else does."""
    workspace.watch(run={"browser_profile": "stealth", "agent_config": {"max_steps": 40}})
    workspace.use(api)
    (record,) = workspace("run", "espresso-machine", "--json").json
    sent = api.requests[0].body
    assert sorted(sent) == ["agent_config", "browser_profile", "goal", "output_schema", "url"]
    assert sent["goal"].splitlines()[-1] == f"[ref {record['run']}]"
    assert sent["agent_config"] == {"max_steps": 40}
    assert sent["output_schema"]["required"] == ["price", "in_stock"]
