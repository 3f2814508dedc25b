"""Tolerant reading of what the API says, and strict reading of JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.agent import events
from monitor.agent.events import Complete, Garbled, Heartbeat, Progress, RunError, Started, StreamingUrl, Unknown
from monitor.agent.sse import Payload
from monitor.agent.wire import Damaged, count, instant, read_json, read_object, run_id

HOSTILE = {
    "not JSON": "{",
    "NaN": '{"type":"COMPLETE","result":{"a":NaN}}',
    "infinity": '{"type":"COMPLETE","result":-Infinity}',
    "a number beyond a double": '{"type":"COMPLETE","result":1e999}',
    "an integer beyond a double": '{"type":"COMPLETE","result":' + "9" * 400 + "}",
    "5,000 digits": '{"type":"COMPLETE","result":' + "9" * 5_000 + "}",
    "a key twice": '{"type":"COMPLETE","status":"COMPLETED","status":"FAILED"}',
    "a lone surrogate": '{"type":"COMPLETE","result":"\\ud800"}',
    "a lone surrogate as key": '{"type":"COMPLETE","result":{"\\udfff":1}}',
    "depth 65": '{"type":"COMPLETE","result":' + "[" * 64 + "]" * 64 + "}",
    "depth 100,000": '{"type":"COMPLETE","result":' + "[" * 100_000 + "]" * 100_000 + "}",
    "an array": '["COMPLETE"]',
    "a word": "COMPLETE",
}


def read(fields: Any, name: str = "", *, damaged: bool = False) -> events.WireEvent:
    text = fields if isinstance(fields, str) else json.dumps(fields)
    return events.event(Payload(text, name, damaged))


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_json_is_garbled_and_may_have_been_the_end(text: str) -> None:
    found = read(text)
    assert isinstance(found, Garbled)
    assert found.final == ("COMPLETE" in text)


def test_garbled_progress_is_not_the_end() -> None:
    assert read('{"type":"PROGRESS"') == Garbled("it is not JSON", final=False)
    assert read("[DONE]") == Garbled("it is not JSON", final=False)


def test_surrogate_pairs_and_depth_64_are_proper() -> None:
    assert read_json('"\\ud83d\\ude00"') == "😀"
    assert read_json("[" * 64 + "]" * 64)
    assert read_json('{"\\u0061": ["\\u00e9"]}') == {"a": ["é"]}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"type": "STARTED", "run_id": "run_1"}, Started("run_1")),
        ({"type": "STARTED", "runId": "run_1"}, Started("run_1")),
        ({"type": "STARTED"}, Unknown("STARTED", None)),
        ({"type": "STARTED", "run_id": "../x"}, Unknown("STARTED", None)),
        ({"type": "STREAMING_URL", "runId": "r", "streamingUrl": "https://s"}, StreamingUrl("r", "https://s")),
        ({"type": "STREAMING_URL", "run_id": "r"}, Unknown("STREAMING_URL", "r")),
        ({"type": "PROGRESS", "run_id": "r", "purpose": "Look"}, Progress("r", "Look")),
        ({"type": "PROGRESS", "purpose": 5}, Progress(None, "")),
        ({"type": "HEARTBEAT"}, Heartbeat()),
        ({"type": "TF_API_RESULT", "run_id": "r", "result": [1]}, Unknown("TF_API_RESULT", "r")),
        ({"type": "ERROR", "run_id": "r"}, Unknown("ERROR", "r")),
        ({"type": 5}, Unknown("", None)),
    ],
)
def test_events_are_read_in_either_spelling(fields: dict[str, Any], expected: events.WireEvent) -> None:
    assert read(fields) == expected


def test_the_name_of_the_event_counts_only_without_a_type() -> None:
    assert read({}, "HEARTBEAT") == Heartbeat()
    assert read({"type": "PROGRESS", "purpose": "x"}, "HEARTBEAT") == Progress(None, "x")


@pytest.mark.parametrize(
    ("fields", "result"),
    [
        ({"result": {"a": 1}}, {"a": 1}),
        ({"resultJson": {"a": 1}}, {"a": 1}),
        ({"result": None, "resultJson": "text"}, "text"),
        ({"resultJson": {"parsed": {"a": 1}, "input": '{"a":1}'}}, {"a": 1}),
        ({"resultJson": {"input": '{"a":1}'}}, '{"a":1}'),
        ({"result": {"parsed": 1}}, {"parsed": 1}),
        ({"result": '{"a":1}'}, '{"a":1}'),
        ({"result": [1]}, [1]),
        ({"result": False}, False),
        ({}, None),
    ],
)
def test_the_result_is_found_under_every_name(fields: dict[str, Any], result: Any) -> None:
    found = read({"type": "COMPLETE", "run_id": "r", "status": "COMPLETED", **fields})
    assert isinstance(found, Complete)
    assert found.result == result


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (None, None),
        ("", None),
        ("it broke", RunError("it broke", help_message="try again")),
        (["odd"], RunError("['odd']", help_message="try again")),
        (
            {"code": "X", "message": "m", "category": "SYSTEM_FAILURE", "retry_after": 60},
            RunError("m", "X", "SYSTEM_FAILURE", 60.0, "try again"),
        ),
        ({"retry_after": True, "help_message": "own"}, RunError("", None, None, None, "own")),
    ],
)
def test_the_error_may_be_null_a_string_or_an_object(error: Any, expected: RunError | None) -> None:
    found = read({"type": "COMPLETE", "status": "FAILED", "error": error, "help_message": "try again"})
    assert isinstance(found, Complete)
    assert (found.status, found.error) == ("FAILED", expected)


@pytest.mark.parametrize("status", [None, "completed", "DONE", 5, ["COMPLETED"]])
def test_a_complete_event_without_a_known_status_has_none(status: Any) -> None:
    found = read({"type": "COMPLETE", "run_id": "r", "status": status})
    assert isinstance(found, Complete)
    assert found.status is None


def test_a_complete_event_whose_bytes_were_not_utf8_is_garbled() -> None:
    assert read({"type": "COMPLETE", "status": "COMPLETED"}, damaged=True) == Garbled(
        "the COMPLETE event is not UTF-8", final=True
    )
    assert isinstance(read({"type": "PROGRESS"}, damaged=True), Progress)


def test_a_run_object_is_read_whole() -> None:
    run = events.snapshot(
        {
            "run_id": "run_1",
            "status": "COMPLETED",
            "goal": "g",
            "created_at": "2026-11-21T12:00:00.000Z",
            "startedAt": "2026-11-21T12:00:01+01:00",
            "finished_at": "never",
            "num_of_steps": 4,
            "result": {"a": 1},
            "error": None,
            "streaming_url": "https://s",
            "new_field": 1,
        }
    )
    assert (run.run_id, run.status, run.goal, run.steps, run.result, run.error) == (
        "run_1", "COMPLETED", "g", 4, {"a": 1}, None,
    )  # fmt: skip
    assert run.created_at == datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert run.started_at == datetime(2026, 11, 21, 11, 0, 1, tzinfo=UTC)
    assert run.finished_at is None
    assert run.terminal
    assert run.streaming_url == "https://s"


def test_a_run_object_of_nothing_is_a_run_that_goes_on() -> None:
    run = events.snapshot({"status": "RUNNING?", "run_id": "a/b", "num_of_steps": "4", "goal": 5})
    assert (run.run_id, run.steps, run.goal, run.terminal) == (None, None, None, False)


def test_a_page_is_rows_and_a_cursor() -> None:
    page = events.page({"data": [{"run_id": "a"}, "odd"], "pagination": {"next_cursor": "c", "has_more": True}})
    assert ([run.run_id for run in page.runs], page.next_cursor) == (["a"], "c")
    assert events.page({"data": [], "pagination": {"next_cursor": "c", "has_more": False}}).next_cursor is None
    assert events.page({"data": []}).next_cursor is None


@pytest.mark.parametrize("fields", [{}, {"data": None}, {"data": {"a": 1}}])
def test_an_answer_without_a_list_proves_nothing(fields: dict[str, Any]) -> None:
    with pytest.raises(Damaged):
        events.page(fields)


def test_a_cancel_answer_keeps_only_an_end() -> None:
    assert events.cancel_answer({"runId": "r", "status": "COMPLETED", "message": "m"}) == events.CancelAnswer(
        "r", "COMPLETED", "m"
    )
    assert events.cancel_answer({"status": "RUNNING"}).status is None


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"error": {"code": "A", "message": "m", "details": [1]}}, "A"),
        ({"error": "text"}, None),
        ({"error_code": "B", "message": "m", "request_id": "x"}, "B"),
        ({"message": "m"}, None),
    ],
)
def test_envelopes_come_in_three_shapes(fields: dict[str, Any], code: str | None) -> None:
    found = events.envelope(fields)
    assert found is not None
    assert found.code == code


def test_no_envelope_is_none() -> None:
    assert events.envelope({"ok": True}) is None


def test_scalars_are_read_or_left_out() -> None:
    assert [count(value) for value in (0, 3, 3.0, 3.5, -1, True, "3", None, 10**9)] == [0, 3, 3, *[None] * 6]
    assert [run_id(value) for value in ("a-B_1", "", "a b", "x" * 129, "a\n", 5)] == ["a-B_1", *[None] * 5]
    assert instant("2026-11-21T12:00:00") == datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert [instant(value) for value in ("x" * 65, "0001-01-01T00:00:00+14:00", 5)] == [None] * 3


def test_bytes_that_are_not_utf8_or_no_object_are_damaged_and_keep_their_beginning() -> None:
    with pytest.raises(Damaged) as caught:
        read_json(b'{"a": "\xff"}')
    assert caught.value.text.startswith('{"a": ')
    with pytest.raises(Damaged, match="not a JSON object"):
        read_object(b"[]")
    assert read_object(b"\xef\xbb\xbf{}") == {}


WORDS = ["type", "run_id", "status", "error", "result", "code", "data", "pagination", "num_of_steps", "created_at"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.text(max_size=20) | st.floats() | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=6),
)


@settings(deadline=None, max_examples=60)
@given(VALUES)
def test_no_value_at_all_makes_the_reading_raise(value: Any) -> None:
    text = json.dumps(value)
    for kind in ("COMPLETE", "STARTED", "X"):
        assert events.event(Payload(text, kind)) is not None
    if isinstance(value, dict):
        try:
            fields = read_object(text)
        except Damaged:
            return
        events.snapshot(fields)
        events.cancel_answer(fields)
        events.envelope(fields)
