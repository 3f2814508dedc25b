"""Row 31 for `output_schema`: an account that may not use it gets the schema in the goal, once, and that is remembered.

The API here is one that answers 403 to every request with the field, before anything is billed.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from monitor.engine.execute import execute
from monitor.engine.stating import REMARK
from monitor.errors import StoreUnwritable
from monitor.store.writer import Writer
from tests.engine.conftest import run_of, telling
from tests.faults.conftest import AFTER, GOOD, Scene
from tests.faults.test_post import killed, refused
from tests.scripted_api import CREATES, Script

pytestmark = pytest.mark.anyio

GATED = refused("FORBIDDEN", "output_schema is in beta: this account is not enrolled")


def gate(scene: Scene, answer: Any = GATED) -> None:
    """Let the API refuse every request that has the field."""
    api = scene.api
    plain = api._default

    def script() -> Script:
        asked = [each.body for each in api.requests if each.path in CREATES][-1]
        return Script().status(403, answer) if "output_schema" in asked else plain()

    api._default = script


def posted(scene: Scene) -> list[dict[str, Any]]:
    return [each.body for each in scene.api.requests if each.path in CREATES]


def fields(scene: Scene) -> list[bool]:
    """Return of each POST whether it had the field."""
    return ["output_schema" in body for body in posted(scene)]


async def test_row_31_403_of_output_schema_is_sent_again_with_the_schema_in_the_goal(scene: Scene) -> None:
    scene.watch = telling(
        output_schema={
            "type": "object",
            "required": ["price", "in_stock"],
            "properties": {
                "price": {"type": "number", "x-css": ".p", "x-locale": "de", "description": "Price of one unit"},
                "in_stock": {"type": "boolean"},
                "x-ray": {"type": ["string", "null"], "pattern": "^a"},
            },
        }
    )
    gate(scene)
    record = await scene.run()
    assert (record.verdict, scene.posts, scene.billed) == ("BASELINE", 2, 1)  # another schema, another generation
    assert record.reason.endswith(f"({REMARK})")
    first, second = posted(scene)
    assert "output_schema" in first
    assert "output_schema" not in second
    assert {**first, "goal": "", "output_schema": 0} == {**second, "goal": "", "output_schema": 0}
    goal = second["goal"].split("\n")
    assert goal[0] == first["goal"].split("\n")[0]
    assert goal[-1] == first["goal"].split("\n")[-1] == f"[ref {record.id}]"
    (text,) = [line for line in goal if line.startswith("{")]
    properties = json.loads(text)["properties"]
    assert properties["price"] == {"type": "number", "description": "Price of one unit"}
    assert properties["x-ray"] == {"type": ["string", "null"], "pattern": "^a"}
    assert "- price: Price of one unit" in first["goal"]
    assert "x-css" not in json.dumps(posted(scene))
    assert "x-locale" not in json.dumps(posted(scene))


async def test_it_is_remembered_of_the_key_in_every_process(scene: Scene) -> None:
    gate(scene)
    await scene.ends(GOOD, posts=2)
    scene.clock.advance(60)  # type: ignore[attr-defined]
    record = await scene.run()  # in a process of its own
    assert (record.verdict, scene.posts, scene.billed) == ("UNCHANGED", 3, 2)
    assert fields(scene) == [True, False, False]
    assert REMARK in record.reason
    marks = [row["name"] for row in scene.rows("SELECT name FROM marks") if row["name"].startswith("schema_in_goal:")]
    assert len(marks) == 1
    assert "canary" not in marks[0]


async def test_it_is_remembered_in_memory_where_the_store_cannot_be_read(scene: Scene) -> None:
    gate(scene)

    class Blind(Writer):
        async def read(self, method: Any, *args: Any, **kwargs: Any) -> Any:
            if method.__name__ == "schema_refused_at":
                raise StoreUnwritable("no")
            return await super().read(method, *args, **kwargs)

    scene.fields["writer"] = Blind
    async with scene.desk() as desk:
        for _ in range(2):
            await execute(scene.watch, run_of(scene.watch, scene.clock), desk)
            scene.clock.advance(60)  # type: ignore[attr-defined]
    assert fields(scene) == [True, False, False]


async def test_a_new_key_is_tried_with_the_field(scene: Scene) -> None:
    gate(scene)
    await scene.ends(GOOD, posts=2)
    for key, expected in (("sk-new", [True, False]), ("sk-new", [False]), ("sk-canary", [True, False])):
        scene.clock.advance(60)  # type: ignore[attr-defined]
        before = scene.posts
        async with scene.desk() as desk:
            desk.client.use_key(key)
            assert (await execute(scene.watch, run_of(scene.watch, scene.clock), desk)).verdict == "UNCHANGED"
        assert fields(scene)[before:] == expected


async def test_the_field_is_tried_again_after_a_week(scene: Scene) -> None:
    gate(scene)
    await scene.ends(GOOD, posts=2)
    for days, expected in ((6, [False]), (1, [True, False]), (1, [False])):
        scene.clock.advance(days * 86_400 + 60)  # type: ignore[attr-defined]
        before = scene.posts
        assert (await scene.run()).verdict == "UNCHANGED"
        assert fields(scene)[before:] == expected


async def test_an_account_that_is_enrolled_later_is_sent_the_field_again(scene: Scene) -> None:
    scene.api.next_run().status(403, GATED)
    await scene.ends(GOOD, posts=2)
    scene.clock.advance(8 * 86_400)  # type: ignore[attr-defined]
    record = await scene.run()
    assert (fields(scene), scene.billed) == ([True, False, True], 2)
    assert REMARK not in record.reason


async def test_it_is_sent_again_once_only(scene: Scene) -> None:
    scene.api.every_run().status(403, GATED)
    await scene.ends("FAILED", "FORBIDDEN", posts=2, billed=0, says=REMARK)
    scene.clock.advance(60)  # type: ignore[attr-defined]
    await scene.run()
    assert fields(scene) == [True, False, False]


async def test_another_gate_behind_it_is_told_as_it_is(scene: Scene) -> None:
    scene.api.next_run().status(403, GATED)
    scene.api.next_run().status(403, refused("FORBIDDEN", "agent_config.max_steps requires enrolment"))
    await scene.ends("FAILED", "FORBIDDEN", posts=2, billed=0, says="may not use run.agent_config.max_steps")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (refused("FORBIDDEN", "agent_config.mode is not enabled"), "FORBIDDEN"),
        (refused("FORBIDDEN", "Forbidden"), "FORBIDDEN"),
        ("<h1>403 Forbidden</h1>", "FORBIDDEN"),
        (refused("INSUFFICIENT_CREDITS", "no credits for output_schema"), "BILLING"),
    ],
)
async def test_any_other_403_is_not_sent_again(scene: Scene, answer: Any, code: str) -> None:
    scene.api.every_run().status(403, answer)
    await scene.ends("FAILED", code, billed=0)
    assert scene.rows("SELECT name FROM marks WHERE name LIKE 'schema_in_goal%'") == []


@pytest.mark.parametrize(
    "answer",
    [
        refused("FORBIDDEN", "Structured output is not enabled for this account"),
        refused("FORBIDDEN", "beta feature", details=[{"path": ["output_schema"], "message": "not enabled"}]),
        refused("forbidden", "Your subscription does not include output_schema"),
    ],
)
async def test_the_refusal_may_be_worded_otherwise(scene: Scene, answer: Any) -> None:
    gate(scene, answer)
    await scene.ends(GOOD, posts=2)


async def test_an_answer_in_a_code_fence_is_read(scene: Scene) -> None:
    scene.api.every_run(result={"result": f"```json\n{json.dumps(AFTER)}\n```"})
    gate(scene)
    await scene.ends(GOOD, posts=2)


@pytest.mark.parametrize(
    ("call", "when", "left", "more"),
    [("restate", "before", 1, 2), ("restate", "after", 1, 1), ("accepted", "before", 2, 0)],
)
async def test_a_kill_between_the_two_costs_one_run(scene: Scene, call: str, when: str, left: int, more: int) -> None:
    """Killed before the row says so: the field is tried once more; after it: the goal of the row is sent or found."""
    gate(scene)
    await killed(scene, call, when)
    assert scene.posts == left
    async with scene.desk() as desk:
        (row,) = desk.store.unfinished()
        record = await execute(scene.watch, run_of(scene.watch, scene.clock, due_at=row.run.due_at), desk)
    assert (record.verdict, scene.posts, scene.billed) == (GOOD, left + more, 1)
    assert record.id == row.run.id
    assert fields(scene)[-1] is False
    assert REMARK in record.reason
    scene.check(record)


async def test_a_run_whose_answer_is_lost_is_found_by_the_goal_that_was_sent(scene: Scene) -> None:
    scene.api.next_run().status(403, GATED)
    scene.api.next_run(result=AFTER).close_without_byte()
    record = await scene.ends(GOOD, posts=2)
    assert REMARK in record.reason


async def test_a_store_that_takes_nothing_keeps_the_second_from_being_sent(scene: Scene) -> None:
    gate(scene)

    class Full(Writer):
        times = 3

        async def __call__(self, method: Any, *args: Any, **kwargs: Any) -> Any:
            if method.__name__ == "restate" and self.times:
                self.times -= 1
                assert scene.posts == 1
                raise StoreUnwritable("the disk is full")
            return await super().__call__(method, *args, **kwargs)

    scene.fields["writer"] = Full
    await scene.ends(GOOD, posts=2)


async def test_the_embedded_agent_is_sent_the_schema_whatever_is_remembered(scene: Scene) -> None:
    gate(scene)
    await scene.ends(GOOD, posts=2)
    scene.api._default = lambda: Script(result=AFTER)
    scene.api._embedded = True
    scene.clock.advance(60)  # type: ignore[attr-defined]
    assert (await scene.run()).verdict == "UNCHANGED"
    assert fields(scene) == [True, False, True]
