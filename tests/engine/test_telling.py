"""What is told without a run: reminders of what goes on failing, and runs that were missed, once per downtime."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.agent.outcome import Code, Completed, Failed, Fault, Outcome
from monitor.engine.absence import notice
from monitor.engine.daemon import Daemon
from monitor.engine.desk import Desk
from monitor.engine.dispatch import Dispatcher
from monitor.engine.housekeeping import Housekeeping
from monitor.engine.judging import judged
from monitor.judge.decision import Verdict
from monitor.watch.model import Watch
from monitor.watch.run import Trigger
from tests.conftest import SimulatedClock, make_watch
from tests.engine.conftest import Rows, opened, run_of
from tests.scripted_api import ScriptedApi

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
BAD = Failed(fault=Fault(Code.SITE, "the site said no"))
GOOD = Completed(run_id="run_1", result={"price": 499.0, "in_stock": True})


def watch(**fields: Any) -> Watch:
    rule = {"to": "ops", "on": ["failure", "recovery", "reminder", "missed"]}
    return make_watch(**({"notify": [rule], "drift": False} | fields))


async def ended(desk: Desk, seen: Watch, outcome: Outcome) -> None:
    """A run of the watch that ended so, as `execute` leaves it."""
    desk.clock.advance(60)  # type: ignore[attr-defined] # the simulated clock of these tests
    run = run_of(seen, desk.clock)
    desk.store.begin_run(run, goal="", generation=seen.fingerprint, owner=desk.owner.id, now=desk.clock.now())
    await judged(seen, run, outcome, desk)


def told(rows: Rows) -> list[tuple[str, str]]:
    return [(row["kind"], row["title"]) for row in rows("SELECT kind, title FROM outbox ORDER BY id")]


async def test_an_incident_is_reminded_of_by_time_and_remembered_over_a_restart(
    state: Path, rows: Rows, clock: SimulatedClock
) -> None:
    """C8, C9: a restart re-announces nothing, and a reminder comes though no run is made."""
    seen = watch()
    async with ScriptedApi() as api:
        async with opened(state, api, clock) as desk:
            await ended(desk, seen, BAD)
            await ended(desk, seen, BAD)
            await Housekeeping(replace(desk, everyone=lambda: [seen])).remind()
        failure = ("failure", "espresso-machine: failing (SITE): the site said no")
        assert told(rows) == [failure]
        clock.advance(86_400)
        for _ in range(2):
            async with opened(state, api, clock) as desk:
                await Housekeeping(replace(desk, everyone=lambda: [seen])).remind()
        assert told(rows) == [failure, ("reminder", "espresso-machine: still failing for 1d (SITE)")]
        assert len(rows("SELECT id FROM outbox WHERE cause = 'SITE shop.example'")) == 2
        async with opened(state, api, clock) as desk:
            await ended(desk, seen, BAD)
            await ended(desk, seen, GOOD)
        assert [kind for kind, _ in told(rows)] == ["failure", "reminder", "recovery"]


@pytest.mark.parametrize("switched_off", [{"enabled": False}, {"name": "another"}], ids=["disabled", "not defined"])
async def test_a_watch_that_is_switched_off_or_gone_is_not_reminded_of(
    state: Path, rows: Rows, clock: SimulatedClock, switched_off: dict[str, Any]
) -> None:
    async with ScriptedApi() as api, opened(state, api, clock) as desk:
        for _ in range(2):
            await ended(desk, watch(), BAD)
        clock.advance(10 * 86_400)
        await Housekeeping(
            replace(desk, everyone=lambda: [each for each in [watch(**switched_off)] if each.enabled])
        ).remind()
        await Housekeeping(desk).remind()
    assert [kind for kind, _ in told(rows)] == ["failure"]


async def test_a_paused_watch_is_reminded_of_once_when_its_pause_is_over(
    state: Path, rows: Rows, clock: SimulatedClock
) -> None:
    """A week's pause during an incident is not answered with seven reminders at its end."""
    seen = watch()
    async with ScriptedApi() as api, opened(state, api, clock) as desk:
        for _ in range(2):
            await ended(desk, seen, BAD)
        desk.store.pause_watch(seen.name, clock.now() + timedelta(days=7), clock.now())
        keeper = Housekeeping(replace(desk, everyone=lambda: [seen]))
        for _ in range(6):
            clock.advance(86_400)
            await keeper.remind()
        assert [kind for kind, _ in told(rows)] == ["failure"]
        clock.advance(86_400)
        for _ in range(2):
            await keeper.remind()
    assert [kind for kind, _ in told(rows)] == ["failure", "reminder"]


async def test_a_flapping_watch_stays_one_over_restarts(state: Path, rows: Rows, clock: SimulatedClock) -> None:
    """C9."""
    seen = watch()
    async with ScriptedApi() as api:
        for _ in range(6):
            for outcome in (BAD, BAD, GOOD):
                async with opened(state, api, clock) as desk:
                    await ended(desk, seen, outcome)
        assert [kind for kind, _ in told(rows)] == ["failure", "recovery"] * 2 + ["failure"]
        assert told(rows)[-1][1].startswith("espresso-machine: flapping, 3 incidents in ")
        clock.advance(6 * 3_600)
        async with opened(state, api, clock) as desk:
            await ended(desk, seen, GOOD)
            assert desk.store.state_of(seen.name).flapping is None
    assert told(rows)[-1][1].startswith("espresso-machine: steady again after flapping for 6h")


async def test_the_runs_that_one_downtime_cost_are_told_together(
    state: Path, rows: Rows, clock: SimulatedClock
) -> None:
    """C9."""
    seen, quiet = watch(cron="0 * * * *"), watch(cron="0 * * * *", name="quiet", notify=["ops"])
    async with ScriptedApi() as api, opened(state, api, clock) as desk:
        for each in (seen, quiet):
            desk.store.record_skip(
                each.name, NOW - timedelta(hours=5), Trigger.CRON, Verdict.SKIPPED, "PAUSED", "x", NOW
            )
        for _ in range(2):  # also where the daemon is started again before a run was made
            dispatcher = Dispatcher(desk.store.record, desk.store.record, 1, print)  # type: ignore[arg-type] # starts none
            daemon = Daemon({each.name: each for each in (seen, quiet)}, desk, dispatcher, clock)  # type: ignore[arg-type]
            daemon.due = lambda *_: None  # type: ignore[method-assign]
            await daemon.catch_up(NOW)
            hands = asyncio.create_task(daemon.hand_over())
            await daemon.handed_over()
            hands.cancel()
            await asyncio.wait([hands])
        assert [record.verdict for record in desk.store.history(seen.name)][:4] == ["MISSED"] * 4
    assert told(rows) == [("missed", "espresso-machine: 4 runs were missed")]


def test_only_who_wants_missed_runs_is_told_of_them() -> None:
    assert notice(make_watch(notify=["ops"]), [NOW], "DOWN", "why", NOW) is None
    assert notice(watch(), [], "DOWN", "why", NOW) is None
    found = notice(watch(), [NOW - timedelta(hours=1), NOW], "DOWN", "why", NOW)
    assert found is not None
    assert found.key == "missed:espresso-machine:2026-11-21T12:00:00Z"
    late = [notice(watch(), [NOW - timedelta(hours=hour)], "LATE", "why", NOW) for hour in range(3)]
    assert {each.key for each in late if each} == {"missed:espresso-machine:late:2026-11-21"}
    rule = {"to": "ops", "on": ["missed"], "title": "{{ watch.name }} slept"}
    own = notice(watch(notify=[rule]), [NOW], "DOWN", "why", NOW)
    assert own is not None
    assert [each.title for each in own.deliveries] == ["espresso-machine slept"]
