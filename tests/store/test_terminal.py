"""An outcome that was settled comes back exactly."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.agent.outcome import Cancelled, Code, Completed, Failed, Fault, NotStarted, Outcome, TimedOut
from monitor.errors import StoreCorrupt
from monitor.store import terminal
from monitor.store.columns import pack, unpack
from monitor.store.records import Unfinished
from tests.store.scenes import NOW, make_run
from tests.store.test_columns import json_values

faults = st.builds(
    Fault,
    code=st.sampled_from(Code),
    message=st.text(),
    hint=st.none() | st.text(),
    api_code=st.none() | st.text(),
    category=st.none() | st.text(),
    retryable=st.booleans(),
    retry_after=st.none() | st.floats(0, 1e6),
)
common = {
    "run_id": st.none() | st.text(),
    "raw": json_values,
    "steps": st.none() | st.integers(0, 500),
    "started_at": st.none() | st.datetimes(timezones=st.just(UTC)),
    "finished_at": st.none() | st.datetimes(timezones=st.just(UTC)),
}
outcomes = st.one_of(
    st.builds(Completed, **common, fault=st.none(), result=json_values),
    *(st.builds(kind, **common, fault=faults) for kind in (Failed, Cancelled, TimedOut, NotStarted)),
)


def again(outcome: Outcome) -> Outcome:
    return terminal.from_json(unpack(pack(terminal.as_json(outcome))))


@settings(deadline=None, max_examples=150)
@given(outcomes)
def test_an_outcome_comes_back_exactly(outcome: Outcome) -> None:
    found = again(outcome)
    assert found == outcome
    assert type(found) is type(outcome)


def test_a_result_that_is_part_of_the_raw_record_is_stored_once() -> None:
    result = {"price": 499.0, "name": "A" * 1_000}
    outcome = Completed(raw={"status": "COMPLETED", "result": result}, result=result)
    assert len(json.dumps(terminal.as_json(outcome))) < 1_300
    assert again(outcome) == outcome


def test_a_result_read_out_of_text_is_stored_beside_the_text() -> None:
    outcome = Completed(raw={"result": '{"price": 1}'}, result={"price": 1})
    assert again(outcome) == outcome


def test_the_outcome_of_a_run_that_is_not_settled_is_not_invented() -> None:
    left = Unfinished(make_run(), "accepted", "goal", NOW, "run_1", None, "owner")
    with pytest.raises(ValueError, match="not settled"):
        terminal.outcome_of(left)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "vanished"},
        {"started_at": "yesterday"},
        {"fault": {"code": "NO", "message": ""}},
        {"result_in": "none"},
    ],
)
def test_a_damaged_outcome_is_named_corrupt(change: dict[str, Any]) -> None:
    stored = terminal.as_json(Completed(raw={}, started_at=datetime(2026, 1, 1, tzinfo=UTC)))
    with pytest.raises(StoreCorrupt):
        terminal.from_json(stored | change)
