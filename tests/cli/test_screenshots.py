"""A screenshot goes along with a change where the watch asks for one, and its absence keeps no message back."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.cli.conftest import WATCH, Workspace
from tests.scripted_api import ScriptedApi
from tests.sinks import Answer, WebhookSink

JPEG = b"\xff\xd8\xff\xe0 a picture"
SHOT = [{"id": "s1", "screenshot": base64.b64encode(JPEG).decode()}]
CAPTURING = WATCH + "run: {capture_config: {screenshots: true}}\n"


def changed(workspace: Workspace, api: ScriptedApi, sink: WebhookSink, text: str, steps: Any) -> list[Any]:
    """Let a watch change from 499 to 449, and return the attachments of the one message that came."""
    workspace.use(api)
    workspace.watch(text=text, notify=[sink.apprise_url()])
    for price in (499, 449):
        api.next_run(result={"price": price, "in_stock": True}).shows(steps=steps)
        assert workspace("run", "espresso-machine").code == 0
    (message,) = sink.wait_for(1)
    assert "499" in message.json["title"]
    found: list[Any] = message.json["attachments"]
    return found


def test_the_picture_of_the_run_is_attached(workspace: Workspace, api: ScriptedApi) -> None:
    with WebhookSink() as sink:
        (attached,) = changed(workspace, api, sink, CAPTURING, SHOT)
    assert base64.b64decode(attached["base64"]) == JPEG
    assert attached["mimetype"] == "image/jpeg"
    kept = list((workspace.folder / "state" / "screenshots").iterdir())
    assert [path.stat().st_mode & 0o777 for path in kept] == [0o600], "one, of the run that was told"


@pytest.mark.parametrize(
    ("text", "steps"),
    [(WATCH, SHOT), (CAPTURING, []), (CAPTURING, [{"screenshot": "no picture"}])],
    ids=["not asked for", "none was taken", "not a picture"],
)
def test_without_a_picture_the_message_goes_without(
    workspace: Workspace,
    api: ScriptedApi,
    text: str,
    steps: Any,
) -> None:
    with WebhookSink() as sink:
        assert changed(workspace, api, sink, text, steps) == []


def test_a_target_that_refuses_the_picture_gets_the_message(workspace: Workspace, api: ScriptedApi) -> None:
    """C5: a message that is refused for its content is degraded, not repeated for ever."""
    with WebhookSink(lambda request: Answer(413 if request.json["attachments"] else 200)) as sink:
        workspace.use(api)
        workspace.watch(text=CAPTURING, notify=[sink.apprise_url()])
        for price in (499, 449):
            api.next_run(result={"price": price, "in_stock": True}).shows(steps=SHOT)
            workspace("run", "espresso-machine")
        assert [len(each.json["attachments"]) for each in sink.wait_for(2)] == [1, 0]
    assert workspace("status", "--json").json["outbox"]["pending"] == 0
