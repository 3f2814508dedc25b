"""Each part of the campaign: green as a small sample, and red when what it tests is broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import pytest

from campaign.__main__ import SEED
from campaign.catalogue import parts
from campaign.cron import EXPRESSIONS, Cron
from campaign.cuts import Cuts
from campaign.fuzz import Fuzz
from campaign.judge import Judge
from campaign.part import Part, Tally, Violation
from campaign.remote import StandingClock, follow_one, watch
from campaign.runner import number, sample
from campaign.sdk import Sdk
from campaign.tracker import Trackers
from campaign.zones import distinct
from monitor.agent import endings, events
from monitor.agent import happenings as h
from monitor.agent.outcome import Outcome
from monitor.agent.sse import Decoder, Payload
from monitor.agent.tracker import Tracker
from monitor.judge.decide import decide
from monitor.judge.decision import Baseline, Decision, Verdict, WatchState
from monitor.watch import cron
from monitor.watch.model import Watch
from monitor.watch.run import Run
from tests.scripted_api import ScriptedApi

SCALES = {"cuts": 0.002, "fuzz": 0.002, "tracker": 0.002, "judge": 0.002, "cron": 0.002}
QUICK = (0, 4, 10, 17, 24, 29, 32)  # scripts of the first round of families in which nobody hangs


def judged(part: Part, numbers: Sequence[int]) -> Tally:
    tally = Tally()
    with part.opened(SEED) as check:
        for case in range(0, len(numbers), part.chunk):
            check(numbers[case : case + part.chunk], tally)
    return tally


def sampled(part: Part, scale: float) -> list[int]:
    cases = sample(part, scale)
    return [number(part, cases, position) for position in range(cases)]


@pytest.mark.parametrize("name", SCALES)
def test_a_small_sample_keeps_every_promise(name: str) -> None:
    part = parts()[name]
    numbers = sampled(part, SCALES[name])
    assert len(set(numbers)) == len(numbers) >= part.least
    assert sum(judged(part, numbers).counts.values()) >= len(numbers)


def test_our_client_keeps_what_the_sdk_loses() -> None:
    counts = judged(Sdk(timeout=1.0, hang=8.0), QUICK).counts
    assert counts["ours: billed runs"] == counts["ours: results in hand"] == 6
    assert counts["ours: scripts billed twice or more"] == counts["ours: exceptions"] == 0
    assert counts["sdk: scripts billed twice or more"] == 2
    assert counts["sdk: results lost (paid, completed, not in hand)"] >= 3
    assert counts["sdk, no retries: results lost (paid, completed, not in hand)"] >= 5


def test_the_full_figures_are_those_of_the_issue() -> None:
    sizes = {name: part.size for name, part in parts().items()}
    assert (sizes["fuzz"], sizes["tracker"], sizes["judge"], sizes["sdk"]) == (100_000, 200_000, 200_000, 200)
    assert len(Cuts().streams) == len({stream.name for stream in Cuts().streams}) == 20
    assert len(set(EXPRESSIONS)) == 40
    assert sizes["cron"] == 40 * len(distinct()) > 40 * 60
    for place in Cuts().place(0), Cuts().place(sizes["cuts"] - 1):
        assert place[1] in {0, len(place[0].body)}


# --- what is broken on purpose: each part has to find it


async def it_posts_again_when_an_answer_is_lost(api: ScriptedApi) -> Outcome:
    outcome = await follow_one(api, StandingClock(), watch())
    if any(request.path == "/v1/runs" for request in api.requests):
        return await follow_one(api, StandingClock(), watch())
    return outcome


async def it_takes_the_stream_for_the_whole_truth(api: ScriptedApi) -> Outcome:
    api.answer("GET", "/v1/runs/", 404, {}, times=1_000)
    return await follow_one(api, StandingClock(), watch())


class SplitsAtUnicodeSeparators(Decoder):
    def feed(self, chunk: bytes) -> list[Payload]:
        return super().feed(chunk.replace("\u2028".encode(), b"\n"))


class ForgetsACarriageReturn(Decoder):
    def feed(self, chunk: bytes) -> list[Payload]:
        self._after_cr = False
        return super().feed(chunk)


class HasNoCap(Decoder):
    def _within_event(self) -> bool:
        return True


def _raises(payload: Payload) -> object:
    return events.event(replace(payload, data=payload.data or payload.data[0]))


class PostsAgain(Tracker):
    """The POST is retried on a read time-out."""

    def _lost(self, what: h.Lost | h.Expired, now: float) -> h.Command:
        return h.Start(now + 60) if self.run_id is None else super()._lost(what, now)


class BelievesOneSearch(Tracker):
    """One empty list counts as a proof that no run exists."""

    def _located(self, what: h.Located, now: float) -> h.Command:
        command = super()._located(what, now)
        return h.End(endings.absent(None)) if isinstance(command, h.Locate) else command


class ForgetsTheRun(Tracker):
    """The run id is stored late: a resumed run is looked for once and given up."""

    def resume(self, run_id: str | None, now: float, *, cancel: str | None = None) -> h.Command:
        super().resume(run_id, now, cancel=cancel)
        return h.End(endings.absent(None))


class TakesAnyRun(Tracker):
    """A run with another goal is adopted."""

    def _located(self, what: h.Located, now: float) -> h.Command:
        return super()._located(h.Located(tuple(replace(run, goal=self._terms.goal) for run in what.runs)), now)


class WaitsForEver(Tracker):
    """The deadline is not kept."""

    def _next_poll(self, now: float) -> h.Command:
        return self._poll(now + 30)


def _with(state: Callable[[WatchState, Decision, Run], WatchState]) -> Callable[..., Decision]:
    def broken(what: Watch, run: Run, outcome: Outcome, before: WatchState, now: datetime, event: Any) -> Decision:
        decision = decide(what, run, outcome, before, now, event)
        return replace(decision, state=state(before, decision, run))

    return broken


def _baseline_moves_on_invalid(before: WatchState, decision: Decision, run: Run) -> WatchState:
    moved = decision.verdict is Verdict.INVALID and isinstance(decision.result, dict) and before.baseline
    return replace(decision.state, baseline=Baseline(run.id, run.due_at, decision.result)) if moved else decision.state


def _baseline_moves_when_unchanged(_before: WatchState, decision: Decision, run: Run) -> WatchState:
    moved = decision.verdict is Verdict.UNCHANGED
    return replace(decision.state, baseline=Baseline(run.id, run.due_at, decision.result)) if moved else decision.state


def _incident_never_closes(before: WatchState, decision: Decision, _run: Run) -> WatchState:
    return replace(decision.state, incident=decision.state.incident or before.incident)


def _always_retries(what: Watch, run: Run, *rest: Any) -> Decision:
    return decide(what, replace(run, attempt=1), *rest)


def _without(skip: Callable[[datetime], bool]) -> Callable[..., Iterator[datetime]]:
    def broken(expressions: Sequence[str], zone: str, after: datetime) -> Iterator[datetime]:
        return (instant for instant in cron.occurrences(expressions, zone, after) if not skip(instant))

    return broken


def _in_utc(expressions: Sequence[str], _zone: str, after: datetime) -> Iterator[datetime]:
    return cron.occurrences(expressions, "UTC", after)


def _twice(expressions: Sequence[str], zone: str, after: datetime) -> Iterator[datetime]:
    for instant in cron.occurrences(expressions, zone, after):
        yield from (instant, instant)


def _an_hour_late(expressions: Sequence[str], zone: str, after: datetime) -> Iterator[datetime]:
    return (instant + timedelta(hours=1) for instant in cron.occurrences(expressions, zone, after))


def _nothing(_api: ScriptedApi, _timeout: float) -> Any:
    async def call() -> Any:
        raise OSError("no client at all")

    return call


BERLIN = next(at for at, rules in enumerate(distinct()) if rules.zone == "Africa/Ceuta")  # it has Berlin's rules
MUTANTS: dict[str, tuple[Part, Sequence[int]]] = {
    "cuts: POST again": (Cuts(follow=it_posts_again_when_an_answer_is_lost), range(0, 60, 7)),
    "cuts: no recovery": (Cuts(follow=it_takes_the_stream_for_the_whole_truth), range(200, 260, 7)),
    "fuzz: U+2028": (Fuzz(decoder=SplitsAtUnicodeSeparators), range(1_500)),
    "fuzz: CR": (Fuzz(decoder=ForgetsACarriageReturn), range(500)),
    "fuzz: no cap": (Fuzz(decoder=HasNoCap), range(2, 500)),
    "fuzz: an event raises": (Fuzz(event=_raises), range(500)),
    "tracker: POST again": (Trackers(tracker=PostsAgain), range(200)),
    "tracker: one search": (Trackers(tracker=BelievesOneSearch), range(200)),
    "tracker: id forgotten": (Trackers(tracker=ForgetsTheRun), range(200)),
    "tracker: any run": (Trackers(tracker=TakesAnyRun), range(200)),
    "tracker: no deadline": (Trackers(tracker=WaitsForEver), range(0, 400, 2)),
    "judge: baseline on INVALID": (Judge(decide=_with(_baseline_moves_on_invalid)), range(500)),
    "judge: baseline on UNCHANGED": (Judge(decide=_with(_baseline_moves_when_unchanged)), range(500)),
    "judge: incident stays": (Judge(decide=_with(_incident_never_closes)), range(500)),
    "judge: retries for ever": (Judge(decide=_always_retries), range(500)),
    "cron: a day is skipped": (
        Cron(occurrences=_without(lambda at: (at.month, at.day) == (3, 30))),
        [BERLIN * 40 + 10],
    ),
    "cron: UTC": (Cron(occurrences=_in_utc), [BERLIN * 40 + 17]),
    "cron: twice": (Cron(occurrences=_twice), [BERLIN * 40 + 17]),
    "cron: an hour late": (Cron(occurrences=_an_hour_late), [BERLIN * 40 + 6]),
    "sdk: no client": (Sdk(clients={"ours": _nothing}), [0, 1]),
    "sdk: the SDK in our place": (Sdk(clients={"ours": Sdk().clients["sdk, no retries"]}, timeout=1.0), [4]),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_what_is_broken_is_found_and_can_be_repeated(name: str) -> None:
    part, numbers = MUTANTS[name]
    with pytest.raises(Violation) as found:
        judged(part, numbers)
    assert found.value.what
    assert found.value.smallest
    with pytest.raises(Violation) as again:
        judged(part, [found.value.number])
    if part.name != "sdk":
        assert (again.value.what, again.value.smallest) == (found.value.what, found.value.smallest)


def test_what_is_found_is_made_small() -> None:
    part, numbers = MUTANTS["fuzz: U+2028"]
    with pytest.raises(Violation) as found:
        judged(part, numbers)
    assert len(found.value.smallest.partition(": ")[0]) < 60
    part, numbers = MUTANTS["judge: baseline on UNCHANGED"]
    with pytest.raises(Violation) as found:
        judged(part, numbers)
    assert found.value.smallest.count("Step(") == 2


def test_an_oracle_knows_the_days_on_which_clocks_jump() -> None:
    berlin = distinct()[BERLIN]
    assert [f"{jump:%Y-%m-%d %H:%M}" for jump in islice(berlin.jumps, 2)] == ["2024-03-31 01:00", "2024-10-27 01:00"]
    assert berlin.alike > 20
