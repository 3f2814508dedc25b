"""When a POST may be sent again: the closed list, over every exception of the network and every proof."""

from __future__ import annotations

import inspect
import itertools
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpcore
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.agent import happenings as h
from monitor.agent.client import Client
from monitor.agent.outcome import Cancelled, Code, Completed, Failed, Fault, NotStarted, Outcome, Proof, TimedOut
from monitor.agent.pace import Terms
from monitor.agent.tracker import Tracker
from monitor.engine.starts import (
    LIMITED,
    PAUSES,
    Ceilings,
    Pause,
    Tally,
    again,
    bounded,
    given_up,
    limits_of,
    spread,
    window,
)
from monitor.watch.run import Run, Trigger
from tests.conftest import SimulatedClock, make_watch

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
LATE = NOW + timedelta(days=1)
RUN = Run("01J0000000000000000000000A", "espresso-machine", NOW)


def failed(proof: Proof | None, code: Code = Code.NETWORK, retry_after: float | None = None) -> Outcome:
    kind = Failed if proof is Proof.LIMITED else NotStarted
    return kind(fault=Fault(code, "broken", retry_after=retry_after, retryable=True), proof=proof)


# --- every exception of the libraries, before and after a byte has left


def exceptions() -> Iterator[type[Exception]]:
    for library in (httpx, httpcore):
        for _, found in inspect.getmembers(library, inspect.isclass):
            if issubclass(found, Exception):
                yield found
    yield from (OSError, ConnectionResetError, ConnectionRefusedError, TimeoutError, ssl.SSLError, BrokenPipeError)


def made(kind: type[Exception]) -> Exception:
    request = httpx.Request("POST", "http://127.0.0.1/")
    for arguments, named in (
        (("text",), {}),
        ((), {}),
        (("text",), {"request": request, "response": httpx.Response(500, request=request)}),
    ):
        try:
            return kind(*arguments, **named)
        except TypeError:
            continue
    raise AssertionError(kind)


class Breaking(httpx.AsyncBaseTransport):
    """Breaks in one phase: before the connection is made, after bytes have left, or while the answer is read."""

    def __init__(self, error: Exception, phase: str) -> None:
        self.error, self.phase = error, phase

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.phase != "connecting":
            request.extensions["sent"].left = True
        if self.phase != "reading":
            raise self.error

        async def body() -> Any:
            yield b"{"
            raise self.error

        return httpx.Response(200, content=body())


ALL = sorted(set(exceptions()), key=lambda kind: (kind.__module__, kind.__name__))
NETWORK = [kind for kind in ALL if not issubclass(kind, httpx.CookieConflict)]


@pytest.mark.anyio
@pytest.mark.parametrize("phase", ["connecting", "sending", "reading"])
@pytest.mark.parametrize("kind", NETWORK, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
async def test_a_byte_that_left_means_look_and_only_else_start_again(kind: type[Exception], phase: str) -> None:
    """A3: a byte that left means look and only else start again."""
    clock = SimulatedClock()
    async with Client("http://127.0.0.1:9", "key", clock=clock) as client:
        assert client._starts is not None
        await client._starts.aclose()
        client._starts = httpx.AsyncClient(transport=Breaking(made(kind), phase))
        came = await client.run_sse({"goal": "g"}, within=5)
    assert not isinstance(came, h.Refused)
    tracker = Tracker(Terms("g"))
    tracker.start()
    command = tracker.on(came, 1.0)  # type: ignore[arg-type] # a stream cannot come of this
    if phase == "connecting":
        assert isinstance(command, h.End)
        assert command.outcome.proof is Proof.NOT_SENT
        assert again(RUN, command.outcome, Tally(), NOW, LATE) is not None
    else:
        assert isinstance(command, h.Locate)


def test_errors_of_the_libraries_that_are_not_of_a_request_are_none_of_these() -> None:
    assert set(ALL) - set(NETWORK) == {httpx.CookieConflict}  # raised where a cookie is asked for, which we never do


# --- the list


@pytest.mark.parametrize("code", list(Code))
@pytest.mark.parametrize("kind", [Completed, Failed, Cancelled, TimedOut, NotStarted])
def test_without_a_proof_nothing_is_sent_again(kind: type[Outcome], code: Code) -> None:
    """A3: without a proof nothing is sent again."""
    for retryable, run_id in itertools.product([True, False], [None, "r1"]):
        outcome = kind(run_id=run_id, fault=Fault(code, "x", retryable=retryable, retry_after=1.0))
        assert again(RUN, outcome, Tally(), NOW, LATE) is None
        assert given_up(outcome, Tally()) == outcome


def times(proof: Proof, code: Code = Code.NETWORK) -> list[float]:
    tally, pauses = Tally(), []
    while (found := again(RUN, failed(proof, code), tally, NOW, LATE)) is not None and len(pauses) < 50:
        tally = found.tally
        pauses.append(found.seconds)
    return pauses


def test_each_proof_has_its_number_of_further_starts() -> None:
    factor = 1 + spread(RUN) / 10
    assert times(Proof.NOT_SENT) == times(Proof.ABSENT) == [each * factor for each in PAUSES]
    assert times(Proof.NOT_SENT, Code.TLS) == [PAUSES[0] * factor]
    assert times(Proof.LIMITED, Code.RATE) == [LIMITED[0], *[LIMITED[1]] * 49]  # each run stretches it when it waits


def test_the_kinds_share_their_number() -> None:
    tally = Tally(further=2)
    found = again(RUN, failed(Proof.ABSENT), tally, NOW, LATE)
    assert found is not None
    assert again(RUN, failed(Proof.NOT_SENT), found.tally, NOW, LATE) is None
    assert again(RUN, failed(Proof.LIMITED, Code.RATE), found.tally, NOW, LATE) is not None


def test_nothing_is_waited_for_beyond_the_window() -> None:
    asked = failed(Proof.LIMITED, Code.RATE, 600.0)
    wait = again(RUN, asked, Tally(), NOW, LATE)
    assert wait is not None
    assert wait.everyone
    assert wait.seconds == 600.0
    end = NOW + timedelta(seconds=600.0 * (1 + spread(RUN) / 10))
    assert again(RUN, asked, Tally(), NOW, end) is not None
    assert again(RUN, asked, Tally(), NOW, end - timedelta(seconds=1)) is None


@given(st.floats(allow_nan=False), st.text(min_size=1, max_size=30))
@settings(deadline=None)
def test_a_wait_is_bounded_whatever_is_asked(asked: float, name: str) -> None:
    found = again(Run(name, "w", NOW), failed(Proof.LIMITED, Code.RATE, asked), Tally(), NOW, LATE)
    assert found is not None
    assert 1.0 <= found.seconds <= 3_600
    assert 1.0 <= bounded(asked) <= 3_600
    assert bounded(None) == 60


def test_what_is_given_up_says_how_often_it_was_tried_and_is_not_paid_for_again() -> None:
    ended = given_up(failed(Proof.ABSENT), Tally(further=2, limited=1))
    assert ended.fault is not None
    assert (ended.fault.message, ended.fault.retryable) == ("broken (tried 4 times)", False)
    once = given_up(failed(Proof.ABSENT), Tally())
    assert once.fault is not None
    assert once.fault.message == "broken"


# --- its window, its limits, the pause


def test_the_window_ends_with_the_next_occurrence_or_the_time_out_if_that_is_later() -> None:
    watch = make_watch(cron="*/30 * * * *", limits={"timeout": "10m"})
    assert window(watch, RUN, NOW) == NOW + timedelta(minutes=30)
    assert window(watch, RUN, NOW + timedelta(minutes=25)) == NOW + timedelta(minutes=35)
    for trigger in (Trigger.MANUAL, Trigger.RETRY, Trigger.PROBE, Trigger.CONFIRM):
        assert window(watch, Run("a", watch.name, NOW, trigger=trigger), NOW) == NOW + timedelta(minutes=10)


def test_only_a_probe_passes_a_stop_and_a_day_is_of_utc() -> None:
    watch = make_watch(limits={"runs_per_day": 7})
    limits = limits_of(watch, RUN, NOW, Ceilings(2_000, 25.0, 0.016), "digest")
    assert (limits.per_watch, limits.in_all, limits.key_digest, limits.probe) == (7, 2_000, "digest", False)
    assert (limits.usd_in_all, limits.usd_per_step) == (25.0, 0.016)
    assert limits.day_start == datetime(2026, 11, 21, tzinfo=UTC)
    assert limits_of(watch, Run("a", "w", NOW, trigger=Trigger.PROBE), NOW, Ceilings(), None).probe


def test_the_later_pause_counts_and_an_hour_at_most() -> None:
    pause = Pause()
    assert pause.left(NOW, None) == 0
    pause.extend(NOW + timedelta(seconds=30))
    pause.extend(NOW + timedelta(seconds=10))
    assert pause.left(NOW, None) == 30
    assert pause.left(NOW, NOW + timedelta(seconds=50)) == 50
    assert pause.left(NOW, NOW + timedelta(days=9)) == 3_600
    assert pause.left(NOW + timedelta(seconds=31), None) == 0
