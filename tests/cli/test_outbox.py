"""`pause`, `resume`, `outbox`, `targets`: what they print, their exit codes, and that no URL is ever shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from monitor.store.store import Store
from tests.alert.rows import told
from tests.cli.conftest import Workspace
from tests.sinks import Answer, SmtpSink, WebhookSink

NOW = datetime.now(UTC)
CANARY = "CanaryT0ken4711"


@pytest.fixture
def store(workspace: Workspace) -> Store:
    (workspace.folder / "state").mkdir(mode=0o700)
    return Store.open(str(workspace.folder / "state" / "monitor.db"))


def dead(store: Store, target: str = "ops") -> str:
    event = told(store, NOW, "espresso-machine", [target])
    (row,) = store.find_messages(event)
    store.bury(row.id, "json: answered 404, the target refuses us", NOW, refused_by="0")
    return event


def test_a_watch_is_paused_and_resumed_and_status_says_so(workspace: Workspace) -> None:
    workspace.watch()
    said = workspace("pause", "espresso-machine", "--for", "2h")
    assert (said.code, "paused until 2" in said.out) == (0, True)
    (watch,) = workspace("status", "--json").json["watches"]
    assert watch["paused"]
    assert datetime.fromisoformat(watch["paused_until"]) - NOW > timedelta(minutes=110)
    assert "paused until" in workspace("status").out
    assert workspace("resume", "espresso-machine", "--json").json["was_paused"] is True
    assert "was not paused" in workspace("resume", "espresso-machine").out
    assert workspace("status", "--json").json["watches"][0]["paused"] is False


def test_a_pause_without_an_end_lasts_until_it_is_resumed(workspace: Workspace) -> None:
    workspace.watch()
    assert "until it is resumed" in workspace("pause", "espresso-machine").out
    assert "paused until resumed" in workspace("status").out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["pause", "espresso"], 'there is no watch "espresso"'),
        (["resume", "espresso"], 'there is no watch "espresso"'),
        (["pause", "espresso-machine", "--for", "soon"], "--for: 'soon' is not a duration"),
        (["targets", "test", "opz"], 'no target is named "opz" (did you mean "ops"?)'),
        (["outbox", "retry", "99"], 'there is no message "99"'),
        (["outbox", "drop", "nothing"], 'there is no message "nothing"'),
    ],
)
def test_what_is_not_there_is_a_mistake(workspace: Workspace, store: Store, arguments: list[str], words: str) -> None:
    workspace.watch()
    workspace.settings("targets: {ops: 'json://127.0.0.1'}\n")
    said = workspace(*arguments)
    assert said.code == 2
    assert words in said.err


def test_dead_letters_are_listed_requeued_and_dropped(workspace: Workspace, store: Store) -> None:
    workspace.watch()
    event = dead(store)
    listed = workspace("outbox", "--json")
    assert (listed.code, listed.json) == (3, workspace("--json", "outbox", "list").json)
    (row,) = listed.json
    assert (row["event"], row["state"], row["target"]) == (event, "dead", "ops")
    assert "answered 404" in workspace("outbox").out
    assert f"{row['id']}: requeued" in workspace("outbox", "retry", str(row["id"])).out
    assert workspace("outbox", "list").code == 0
    said = workspace("outbox", "drop", event)
    assert f'{row["id"]}: dropped: "espresso-machine: changed" to ops' in said.out
    assert workspace("outbox", "--json").json == []
    assert [each["state"] for each in workspace("outbox", "list", "--all", "--json").json] == ["dropped"]
    assert workspace("outbox", "drop", event).code == 3


def test_what_is_held_is_shown_with_until_when(workspace: Workspace, store: Store) -> None:
    workspace.watch()
    begin, end = (NOW + timedelta(hours=hours) for hours in (-2, 2))
    workspace.settings(f"quiet_hours: {{from: '{begin:%H:%M}', to: '{end:%H:%M}', timezone: UTC}}\n")
    told(store, NOW, "espresso-machine", ["ops"])
    outbox = workspace("status", "--json").json["outbox"]
    assert (outbox["pending"], outbox["held"], outbox["dead"]) == (1, 1, 0)
    assert outbox["held_until"].startswith(f"{end:%Y-%m-%dT%H:%M}")
    assert "1 pending (1 of them held until" in workspace("status").out
    assert workspace("outbox", "--json").json[0]["state"] == "held"


def test_a_target_is_tested_now_and_its_url_never_shown(workspace: Workspace) -> None:
    with WebhookSink() as good, WebhookSink(Answer(403)) as bad, SmtpSink() as mail:
        workspace.settings(
            f"targets:\n  good: {good.apprise_url(CANARY)}\n  bad: {bad.apprise_url(CANARY)}\n"
            f"  mail: {mail.apprise_url()}\n  none: '${{env:{CANARY}}}'\n"
        )
        said = workspace("targets", "test", "good")
        assert (said.code, said.out) == (0, "good: the test message was taken\n")
        assert "This target works." in good.received[0].json["message"]
        assert workspace("targets", "test", "mail").code == 0
        assert mail.mails[0]["Subject"] == "goal-monitor: test message to mail"
        refused = workspace("targets", "test", "bad", "--json")
        assert (refused.code, refused.json["delivered"]) == (3, False)
        missing = workspace("targets", "test", "none")
        assert (missing.code, len(missing.out.splitlines())) == (3, 1)
        listed = workspace("targets")
        assert [row["scheme"] for row in workspace("targets", "list", "--json").json] == [
            "json",
            "json",
            "mailto",
            None,
        ]
    assert CANARY not in said.out + refused.out
    assert f"/{CANARY}" not in listed.out, "a reference may be named, a URL not"
