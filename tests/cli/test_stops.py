"""Stops and ceilings from the command line: one refused answer stops every start, and is told once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.cli.conftest import Workspace
from tests.scripted_api import ScriptedApi
from tests.sinks import WebhookSink


def billing(api: ScriptedApi) -> None:
    api.next_run().status(402, {"error": {"code": "INSUFFICIENT_CREDITS", "message": "no credits left"}})


def bad_key(api: ScriptedApi) -> None:
    api.next_run().status(401, {"error": {"code": "INVALID_API_KEY", "message": "bad key"}})


@pytest.mark.parametrize(("when", "code"), [(billing, "BILLING"), (bad_key, "AUTH")])
def test_one_refused_answer_stops_every_start_and_is_told_once(
    workspace: Workspace, api: ScriptedApi, when: Callable[[ScriptedApi], None], code: str
) -> None:
    """A6: FAILED with its code, then SKIPPED BREAKER without a POST; one message; `doctor --probe` lets runs go on."""
    with WebhookSink() as sink:
        workspace.settings(f"targets: {{ops: '{sink.apprise_url()}'}}\ndefaults: {{notify: [ops]}}\n")
        workspace.watch("a")
        workspace.watch("b")
        workspace.use(api)
        when(api)
        first = workspace("run", "a", "--json")
        assert (first.code, first.json[0]["verdict"], first.json[0]["outcome"]["code"]) == (3, "FAILED", code)
        for name in ("a", "b"):
            said = workspace("run", name, "--json")
            assert (said.code, said.json[0]["verdict"], said.json[0]["outcome"]["code"]) == (3, "SKIPPED", "BREAKER")
        assert api.posts == 1
        (message,) = sink.wait_for(1)
        assert code in message.json["title"]
        status = workspace("status", "--json")
        assert status.code == 3
        assert [stop["code"] for stop in status.json["stops"]] == [code]
        assert "stopped since" in workspace("status").out
        assert workspace("doctor", "--probe").code == 0
        assert workspace("run", "b", "--json").json[0]["verdict"] == "BASELINE"
        assert workspace("status", "--json").json["stops"] == []


def test_a_new_key_ends_the_stop_of_the_old_one(
    workspace: Workspace, api: ScriptedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that was changed is tried at once, without a probe."""
    workspace.watch()
    workspace.use(api)
    bad_key(api)
    workspace("run", "espresso-machine")
    monkeypatch.setenv("TINYFISH_API_KEY", "sk-tinyfish-another")
    assert workspace("run", "espresso-machine", "--json").json[0]["verdict"] == "BASELINE"


def test_a_ceiling_is_counted_from_the_database_and_told_once_a_day(workspace: Workspace, api: ScriptedApi) -> None:
    """A5: `runs_per_day` of a watch, and of all together; SKIPPED CEILING without a POST."""
    with WebhookSink() as sink:
        workspace.settings(f"targets: {{ops: '{sink.apprise_url()}'}}\nspending: {{runs_per_day: 3}}\n")
        workspace.watch("a", notify=["ops"], limits={"runs_per_day": 2})
        workspace.watch("b", notify=["ops"])
        workspace.use(api)
        codes = [workspace("run", "a", "--json").json[0]["outcome"]["code"] for _ in range(4)]
        assert codes == [None, None, "CEILING", "CEILING"]
        codes = [workspace("run", "b", "--json").json[0]["outcome"]["code"] for _ in range(2)]
        assert codes == [None, "CEILING"]
        assert api.posts == 3
        titles = [message.json["title"] for message in sink.wait_for(2)]
        assert len(titles) == 2
        assert sum("of a today" in title for title in titles) == 1


def test_a_run_in_flight_is_cancelled_by_its_watch_or_id(workspace: Workspace, api: ScriptedApi) -> None:
    """`cancel` of nothing is exit 2; a run that a dead process left is cancelled at the API and recorded."""
    workspace.watch()
    workspace.use(api)
    said = workspace("cancel", "espresso-machine")
    assert said.code == 2
    assert "no run in flight" in said.err
