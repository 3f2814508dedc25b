"""Fault matrix 2.2: before and during the POST."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import trustme

from monitor.engine.execute import execute
from monitor.engine.starts import Ceilings
from monitor.engine.stops import probe_key
from monitor.errors import StoreUnwritable
from monitor.judge.decision import Verdict
from monitor.store.writer import Writer
from monitor.watch.run import Trigger
from tests.conftest import SimulatedClock
from tests.engine.conftest import run_of, telling, until
from tests.faults.conftest import AFTER, GOOD, Scene
from tests.scripted_api import ScriptedApi

pytestmark = pytest.mark.anyio


def refused(code: str, message: str = "no", **more: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, **more}}


# --- 17-18: what stands in the way


async def test_row_17_ceiling_of_a_watch(scene: Scene) -> None:
    """A5: row 17: ceiling of a watch."""
    scene.watch = telling(limits={"runs_per_day": 1})
    first = await scene.ends("SKIPPED", "CEILING", posts=0, billed=0, says="1 of 1 runs a day")
    scene.clock.advance(60)  # type: ignore[attr-defined]
    second = await scene.run()
    assert (second.verdict, second.code, scene.posts) == ("SKIPPED", "CEILING", 0)
    assert first.id != second.id
    assert [(row["kind"], row["title"]) for row in scene.told()[1:]] == [
        ("failure", "goal-monitor: no more runs of espresso-machine today")
    ]
    scene.clock.advance(86_400)  # type: ignore[attr-defined]
    assert (await scene.run()).verdict == GOOD


async def test_row_17_ceiling_of_all_watches_is_told_once(scene: Scene) -> None:
    """A5: row 17: ceiling of all watches is told once."""
    scene.fields["ceilings"] = lambda: Ceilings(runs_per_day=1)
    for name in ("espresso-machine", "grinder", "kettle"):
        record = await scene.run(watch=telling(name=name))
        assert (record.verdict, record.code) == ("SKIPPED", "CEILING")
    assert (scene.posts, len(scene.told()) - 1) == (0, 1)
    assert scene.told()[1]["title"] == "goal-monitor: no more runs today"


async def test_row_17_ceiling_also_ends_a_run_by_hand(scene: Scene) -> None:
    scene.fields["ceilings"] = lambda: Ceilings(runs_per_day=1)
    record = await scene.run(Trigger.MANUAL)
    assert (record.verdict, record.code, record.trigger, scene.posts) == ("SKIPPED", "CEILING", "manual", 0)


async def test_row_17_ceiling_gives_a_retry_up(scene: Scene) -> None:
    scene.watch = telling(limits={"runs_per_day": 2})
    scene.api.next_run(error={"code": "SERVICE_BUSY", "category": "SYSTEM_FAILURE", "message": "busy"})
    await scene.ends("FAILED", "AGENT")
    assert scene.rows("SELECT * FROM retries") == []


async def test_row_17_breaker(scene: Scene) -> None:
    scene.api.next_run().status(402, refused("INSUFFICIENT_CREDITS"))
    await scene.ends("FAILED", "BILLING", billed=0)
    for name in ("espresso-machine", "grinder"):
        scene.clock.advance(60)  # type: ignore[attr-defined]
        record = await scene.run(watch=telling(name=name))
        assert (record.verdict, record.code) == ("SKIPPED", "BREAKER")
        assert "BILLING since" in record.reason
    assert (scene.posts, len(scene.told()) - 1) == (1, 1)


class Unwritable(Writer):
    """A store that refuses the write probe so many times."""

    times = 3

    async def __call__(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if method.__name__ == "probe_write" and self.times > 0:
            self.times -= 1
            raise StoreUnwritable("the disk is full")
        return await super().__call__(method, *args, **kwargs)


async def test_row_18_storage_not_writable_at_the_probe(scene: Scene) -> None:
    """R3: row 18: storage not writable at the probe."""
    scene.fields["writer"] = Unwritable
    before = scene.clock.monotonic()
    await scene.ends(GOOD)
    assert scene.clock.monotonic() - before >= 1 + 2 + 4  # nothing was sent until a probe went through


async def test_row_18_storage_not_writable_until_it_is_too_late(scene: Scene) -> None:
    class Longer(Unwritable):
        times = 40

    scene.fields["writer"] = Longer
    await scene.ends("FAILED", "STORAGE", posts=0, billed=0, says="no request was sent")


# --- 19-20: killed before the request left

CHILD = """
import asyncio, os, signal, sys
from pathlib import Path
from monitor.clock import WallClock
from monitor.engine.execute import execute
from monitor.store.writer import Writer
from tests.engine.conftest import opened, run_of, telling

class Api:
    url = sys.argv[2]

class Dying(Writer):
    async def __call__(self, method, *args, **kwargs):
        fatal = method.__name__ == sys.argv[3]
        if fatal and sys.argv[4] == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = await super().__call__(method, *args, **kwargs)
        if fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

async def main():
    clock = WallClock()
    async with opened(Path(sys.argv[1]), Api(), clock, writer=Dying) as desk:
        watch = telling()
        await execute(watch, run_of(watch, clock), desk)

asyncio.run(main())
"""


async def killed(scene: Scene, call: str, when: str) -> None:
    """Let a process execute a run and kill itself before or after a call of the store."""
    where = Path(__file__).parents[2]
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, str(scene.state), scene.api.url, call, when, cwd=where
    )
    assert await child.wait() == -9
    scene.clock = SimulatedClock(datetime.now(UTC))


async def finished(scene: Scene, says: str = "") -> None:
    """Let the next process take up what was left, and check that exactly one run was paid for."""
    async with scene.desk() as desk:
        (left,) = desk.store.unfinished()
        due = run_of(scene.watch, scene.clock, due_at=left.run.due_at)
        record = await execute(scene.watch, due, desk)
    assert (record.verdict, scene.posts, scene.billed) == (GOOD, 1, 1)
    assert record.id == left.run.id
    scene.check(record, says)


async def test_row_19_killed_before_the_intent(scene: Scene) -> None:
    await killed(scene, "begin_run", "before")
    assert scene.rows.stages[1:] == []
    await scene.ends(GOOD)


@pytest.mark.parametrize(("call", "when"), [("begin_run", "after"), ("probe_write", "after")])
async def test_row_20_killed_after_the_intent_and_before_the_request(scene: Scene, call: str, when: str) -> None:
    await killed(scene, call, when)
    assert (scene.rows.stages[1:], scene.posts) == ([("intent", None)], 0)
    before = scene.clock.monotonic()
    await finished(scene)
    assert scene.clock.monotonic() - before >= 120  # looked for until its absence was proved


async def test_row_20_is_not_started_again_for_another_definition(scene: Scene) -> None:
    await killed(scene, "begin_run", "after")
    scene.watch = telling(goal="Something else.")
    async with scene.desk() as desk:
        (left,) = desk.store.unfinished()
        record = await execute(scene.watch, run_of(scene.watch, scene.clock, due_at=left.run.due_at), desk)
    assert (record.verdict, scene.posts) == ("FAILED", 0)


async def test_row_20_is_not_started_again_when_its_window_has_passed(scene: Scene) -> None:
    await killed(scene, "begin_run", "after")
    scene.clock.advance(7_200)  # type: ignore[attr-defined]
    async with scene.desk() as desk:
        (left,) = desk.store.unfinished()
        record = await execute(scene.watch, run_of(scene.watch, scene.clock, due_at=left.run.due_at), desk)
    assert (record.verdict, record.code, scene.posts) == ("FAILED", "NETWORK", 0)


async def test_row_20_is_not_started_again_while_all_runs_are_stopped(scene: Scene) -> None:
    await killed(scene, "begin_run", "after")
    async with scene.desk() as desk:
        (left,) = desk.store.unfinished()
        desk.store.open_stop("auth", code="AUTH", message="no", run=left.run.id, key_digest=None, now=scene.clock.now())
        record = await execute(scene.watch, run_of(scene.watch, scene.clock, due_at=left.run.due_at), desk)
    assert (record.verdict, record.code, scene.posts) == ("FAILED", "AUTH", 0)
    assert "all runs are stopped since" in record.reason


# --- 21-26: the way there


def unresolvable(monkeypatch: pytest.MonkeyPatch, times: float) -> list[str]:
    """Let the name of the API not be known so many times; returns what was asked for."""
    known, asked = socket.getaddrinfo, []

    def look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host in ("localhost", b"localhost"):
            asked.append(str(host))
            if len(asked) <= times:
                raise socket.gaierror(-2, "Name or service not known")
            host = "127.0.0.1"
        return known(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


async def test_row_21_dns_fails_and_comes_back(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.url = f"http://localhost:{scene.api.port}"
    unresolvable(monkeypatch, 3)
    await scene.ends(GOOD)


async def test_row_21_dns_fails_for_good(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.url = f"http://localhost:{scene.api.port}"
    asked = unresolvable(monkeypatch, 100)
    await scene.ends("FAILED", "NETWORK", posts=0, billed=0, says="(tried 4 times)")
    assert len(asked) == 4


async def test_row_22_connect_refused(scene: Scene) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    scene.url = f"http://127.0.0.1:{port}"
    before = scene.clock.monotonic()
    await scene.ends("FAILED", "NETWORK", posts=0, billed=0, says="(tried 4 times)")
    assert 23 <= scene.clock.monotonic() - before <= 26


async def test_row_22_connect_refused_until_the_second_try(scene: Scene) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    late = ScriptedApi(result=AFTER)
    late.port = port

    class Rising(SimulatedClock):
        async def sleep(self, seconds: float) -> None:
            if late._server is None:
                await late.__aenter__()
            await super().sleep(seconds)

    scene.clock, scene.url = Rising(scene.clock.now()), f"http://127.0.0.1:{port}"
    record = await scene.run()
    await late.__aexit__()
    assert (record.verdict, late.posts, len(late.runs)) == (GOOD, 1, 1)
    scene.check(record)


async def test_row_23_tls_is_tried_once_more(scene: Scene) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    before = scene.clock.monotonic()
    async with ScriptedApi(tls=context) as secure:
        scene.url = secure.url
        record = await scene.ends("FAILED", "TLS", posts=0, billed=0, says="no secure connection")
        assert secure.requests == []
    assert "(tried 2 times)" in record.reason
    assert 2 <= scene.clock.monotonic() - before <= 3


@pytest.mark.parametrize("times", [1, 3])
async def test_row_25_reset_while_sending_the_body(scene: Scene, times: int) -> None:
    scene.watch = telling(goal="Find the price. " + "x" * 3_000_000)
    scene.api.tear_post(1_000, times=times)
    before = scene.clock.monotonic()
    record = await scene.run()
    assert (record.verdict, scene.api.torn, scene.posts, scene.billed) == ("BASELINE", times, 1, 1)  # a new generation
    assert scene.clock.monotonic() - before >= 120 * times


async def test_row_25_reset_while_sending_the_body_for_ever(scene: Scene) -> None:
    scene.watch = telling(goal="Find the price. " + "x" * 3_000_000)
    scene.api.tear_post(1_000, times=100)
    record = await scene.run()
    assert (record.verdict, record.code, scene.api.torn, scene.billed) == ("FAILED", "NETWORK", 4, 0)
    assert "no run was created" in record.reason
    assert "(tried 4 times)" in record.reason


async def test_row_25_reset_after_the_run_was_created(scene: Scene) -> None:
    """A3: row 25: reset after the run was created."""
    scene.api.next_run(result=AFTER).close_without_byte().reset()
    await scene.ends(GOOD)


async def test_row_26_no_first_byte_in_a_minute(scene: Scene) -> None:
    scene.fast(300)
    scene.api.next_run(result=AFTER).hang_before_first_byte()
    await scene.ends(GOOD)


async def test_row_26_no_first_byte_and_listed_late(scene: Scene) -> None:
    """A2: row 26: no first byte and listed late."""
    scene.fast(300)
    scene.api.next_run(result=AFTER).hang_before_first_byte().listed_after(0.25)
    await scene.ends(GOOD)


async def test_row_26_the_list_fails_and_nothing_is_sent_again(scene: Scene) -> None:
    """A2: row 26: the list fails and nothing is sent again."""
    scene.api.next_run(result=AFTER).close_without_byte()
    scene.api.answer("GET", "/v1/runs", 500, "down", times=5)
    await scene.ends(GOOD)


async def test_row_26_the_list_fails_for_a_day(scene: Scene) -> None:
    scene.api.next_run(result=AFTER).close_without_byte()
    scene.api.answer("GET", "/v1/runs", 500, "down", times=10_000)
    await scene.ends("FAILED", "UNKNOWN_OUTCOME", says="could not be established")


async def test_row_26_two_runs_with_one_reference(scene: Scene) -> None:
    """A2: row 26: two runs with one reference."""
    scene.api.next_run(result=AFTER).close_without_byte()
    seen = scene.api._list

    def doubled(query: dict[str, str]) -> Any:
        page = seen(query)
        twin = [row | {"run_id": "twin", "created_at": "2027-01-01T00:00:00Z"} for row in page["data"]]
        return page | {"data": [*twin, *page["data"]]}

    scene.api.answer("GET", "/v1/runs", 200, lambda query: json.dumps(doubled(query)).encode(), times=1)
    record = await scene.ends(GOOD, cancels=1)
    assert record.run_id == "run_2"
    assert [each.path for each in scene.api.requests if each.path.endswith("/cancel")] == ["/v1/runs/twin/cancel"]


# --- 27-35: refused


async def test_row_27_redirects_are_not_followed(scene: Scene) -> None:
    async with ScriptedApi() as other:
        there = other.url.replace("127.0.0.1", "localhost") + "/v1?key=hidden"
        scene.api.next_run().status(307, "", {"location": there})
        record = await scene.ends("FAILED", "PROTOCOL", billed=0, says="points to localhost: not followed")
        assert "hidden" not in record.reason
        assert other.requests == []


async def test_row_28_400_names_the_place(scene: Scene) -> None:
    details = [{"path": ["output_schema", "price"], "message": "not supported"}]
    scene.api.next_run().status(400, refused("INVALID_INPUT", "bad input", details=details))
    await scene.ends("FAILED", "CONFIG", billed=0, says="output_schema.price: not supported")


async def test_row_29_401_stops_all_and_is_told_once(scene: Scene) -> None:
    """A6: row 29: 401 stops all and is told once."""
    scene.api.every_run().status(401, refused("INVALID_API_KEY"))
    others = [telling(name=f"w{n}", notify=[{"to": ["ops", "deals"], "on": ["failure", "recovery"]}]) for n in range(5)]
    scene.fields["everyone"] = lambda: [scene.watch, *others]
    await scene.ends("FAILED", "AUTH", billed=0, says="401")
    for other in others:
        record = await scene.run(watch=other)
        assert (record.verdict, record.code) == ("SKIPPED", "BREAKER")
    assert scene.posts == 1
    told = scene.told()[1:]
    assert sorted(row["target"] for row in told) == ["deals", "ops"]
    assert len({row["event"] for row in told}) == 1
    assert {row["title"] for row in told} == {"goal-monitor: all runs are stopped (AUTH): the API refuses the key"}


async def test_row_29_ends_when_the_key_is_taken_again(scene: Scene) -> None:
    """A6: row 29: ends when the key is taken again."""
    scene.api.next_run().status(401, refused("INVALID_API_KEY"))
    await scene.ends("FAILED", "AUTH", billed=0)
    async with scene.desk() as desk:
        assert not await probe_key(desk)  # too early
        scene.clock.advance(301)  # type: ignore[attr-defined]
        scene.api.answer("GET", "/v1/runs", 401, refused("INVALID_API_KEY"))
        assert not await probe_key(desk)
        assert await probe_key(desk, at_once=True)
        assert await probe_key(desk)
    assert [row["kind"] for row in scene.told()[1:]] == ["failure", "recovery"]
    record = await scene.run()
    assert (record.verdict, record.notifications) == (GOOD, 1)  # the change; no recovery of the watch's own
    assert (scene.posts, scene.billed) == (2, 1)


@pytest.mark.parametrize("status", [402, 403])
async def test_row_30_402_and_credits_stop_all_until_a_run_is_taken_again(scene: Scene, status: int) -> None:
    """A6: row 30: 402 and credits stop all until a run is taken again."""
    body = refused("INSUFFICIENT_CREDITS" if status == 402 else "FORBIDDEN", "insufficient credits")
    scene.api.next_run().status(status, body)
    await scene.ends("FAILED", "BILLING", billed=0, says="insufficient credits")
    scene.clock.advance(1)  # type: ignore[attr-defined]
    assert (await scene.run(Trigger.MANUAL)).code == "BREAKER"
    scene.clock.advance(3_600)  # type: ignore[attr-defined]
    record = await scene.run()
    assert (record.verdict, scene.posts, scene.billed) == (GOOD, 2, 1)
    assert [row["kind"] for row in scene.told()[1:]] == ["failure", "change", "recovery"]
    assert scene.rows("SELECT * FROM stops") == []


async def test_row_31_403_of_a_gated_field_names_it_and_concerns_one_watch(scene: Scene) -> None:
    scene.api.next_run().status(403, refused("FORBIDDEN", "agent_config.max_steps requires enrolment"))
    await scene.ends("FAILED", "FORBIDDEN", billed=0, says="may not use run.agent_config.max_steps")
    assert scene.rows("SELECT * FROM stops") == []
    scene.clock.advance(60)  # type: ignore[attr-defined]
    assert (await scene.run()).verdict == GOOD


@pytest.mark.parametrize("status", [404, 405, 410])
async def test_row_32_404_405_410(scene: Scene, status: int) -> None:
    scene.api.next_run().status(status, "<h1>nothing here</h1>")
    await scene.ends("FAILED", "PROTOCOL", billed=0, says=str(status))


@pytest.mark.parametrize("billed", [True, False])
async def test_row_33_408(scene: Scene, billed: bool) -> None:
    scene.api.next_run(result=AFTER).status(408, "", billed=billed)
    await scene.ends(GOOD, posts=1 if billed else 2)


@pytest.mark.parametrize("status", [409, 422])
async def test_row_34_409_422(scene: Scene, status: int) -> None:
    scene.api.next_run().status(status, refused("CONFLICT"))
    await scene.ends("FAILED", "CONFIG", billed=0, says=str(status))


async def test_row_35_413_shows_the_size(scene: Scene) -> None:
    scene.api.next_run().status(413, "")
    await scene.ends("FAILED", "CONFIG", billed=0, says="the request has ")


# --- 36-37: too many

DATE = datetime(2026, 11, 21, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("retry_after", "low", "high"),
    [
        ("20", 20, 22),
        (format_datetime(DATE + timedelta(seconds=90), usegmt=True), 80, 110),
        (format_datetime(DATE - timedelta(days=900), usegmt=True), 1, 2),
        ("-5", 1, 2),
        ("soon", 15, 17),
        (None, 15, 17),
    ],
)
async def test_row_36_429_is_waited_for(scene: Scene, retry_after: str | None, low: float, high: float) -> None:
    headers = {} if retry_after is None else {"retry-after": retry_after}
    scene.api.next_run().status(429, refused("RATE_LIMIT_EXCEEDED"), headers)
    before = scene.clock.monotonic()
    await scene.ends(GOOD, posts=2)
    assert low <= scene.clock.monotonic() - before <= high + 5


async def test_row_36_429_of_ten_years_is_not_waited_for(scene: Scene) -> None:
    scene.api.next_run().status(429, refused("RATE_LIMIT_EXCEEDED"), {"retry-after": "315360000"})
    await scene.ends("FAILED", "RATE", billed=0, says="429")
    scene.clock.advance(60)  # type: ignore[attr-defined]
    record = await scene.run()  # in another process: the pause is in the store, and an hour at most
    assert (record.verdict, record.code, scene.posts) == ("FAILED", "RATE", 1)
    assert "all runs pause until" in record.reason
    scene.clock.advance(3_600)  # type: ignore[attr-defined]
    assert (await scene.run()).verdict == GOOD


async def test_row_36_429_of_one_watch_holds_the_others(scene: Scene) -> None:
    scene.api.next_run().status(429, refused("RATE_LIMIT_EXCEEDED"), {"retry-after": "100"})
    starts: list[float] = []
    before = scene.clock.monotonic()

    class Noting(Writer):
        async def __call__(self, method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            if method.__name__ == "probe_write":
                starts.append(scene.clock.monotonic() - before)
            return await super().__call__(method, *args, **kwargs)

    scene.fields["writer"] = Noting
    async with scene.desk() as desk:
        first = asyncio.create_task(execute(scene.watch, run_of(scene.watch, scene.clock), desk))
        await until(lambda: scene.posts == 1)
        other = telling(name="grinder")
        await execute(other, run_of(other, scene.clock), desk)
        assert (await first).verdict == GOOD
    assert (scene.posts, scene.billed) == (3, 2)
    assert [at < 1 for at in starts] == [True, False, False]
    assert min(starts[1:]) >= 100


async def test_row_37_429_for_hours_gives_up_at_the_next_occurrence(scene: Scene) -> None:
    scene.api.every_run().status(429, refused("RATE_LIMIT_EXCEEDED"))
    before = scene.clock.monotonic()
    record = await scene.run()
    assert (record.verdict, record.code, scene.billed) == ("FAILED", "RATE", 0)
    assert 20 <= scene.posts <= 32  # one a minute, of half an hour
    assert scene.clock.monotonic() - before <= 1_800
    scene.check(record, f"(tried {scene.posts} times)")


# --- 38-43: answers of no use


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("billed", [True, False])
async def test_row_38_5xx_without_a_run_id(scene: Scene, status: int, billed: bool) -> None:
    """A3: row 38: 5xx without a run id."""
    scene.api.next_run(result=AFTER).status(status, "<html>bad gateway</html>", billed=billed)
    await scene.ends(GOOD, posts=1 if billed else 2)


async def test_row_38_5xx_for_ever(scene: Scene) -> None:
    scene.api.every_run().status(503, refused("SERVICE_BUSY"))
    await scene.ends("FAILED", "NETWORK", posts=4, billed=0, says="(tried 4 times)")


async def test_row_39_5xx_with_a_run_id(scene: Scene) -> None:
    scene.api.next_run(result=AFTER).status(502, {"run_id": "run_2", "status": "RUNNING"}, billed=True)
    await scene.ends(GOOD)


async def test_row_40_200_with_a_run_object(scene: Scene) -> None:
    scene.api.next_run(result=AFTER).status(200, {"run_id": "run_2", "status": "PENDING"}, billed=True)
    await scene.ends(GOOD)


async def test_row_40_200_with_an_error_object(scene: Scene) -> None:
    scene.api.next_run().status(200, {"run_id": None, "error": {"code": "INVALID_INPUT", "message": "bad"}})
    await scene.ends("FAILED", "CONFIG", billed=0, says="bad")


UNUSABLE: list[tuple[int, Any, dict[str, str]]] = [
    (200, "<html>log in to the hotel's network</html>", {}),
    (200, b"\x1f\x8b\x08nonsense", {"content-type": "application/json", "content-encoding": "gzip"}),
    (200, b"data: {}\n\n", {"content-type": "text/event-stream", "content-encoding": "br"}),
    (204, "", {}),
    (206, "partial", {}),
    (200, "[]", {"content-type": "application/json"}),
]


async def unusable(scene: Scene, case: int, *, billed: bool) -> None:
    status, body, headers = UNUSABLE[case]
    scene.api.next_run(result=AFTER).status(status, body, headers, billed=billed)
    await scene.ends(GOOD, posts=1 if billed else 2)


@pytest.mark.parametrize("billed", [True, False])
async def test_row_41_200_with_html(scene: Scene, billed: bool) -> None:
    await unusable(scene, 0, billed=billed)


@pytest.mark.parametrize("case", [1, 2])
@pytest.mark.parametrize("billed", [True, False])
async def test_row_42_200_compressed(scene: Scene, case: int, billed: bool) -> None:
    await unusable(scene, case, billed=billed)


@pytest.mark.parametrize("case", [3, 4, 5])
@pytest.mark.parametrize("billed", [True, False])
async def test_row_43_other_success(scene: Scene, case: int, billed: bool) -> None:
    await unusable(scene, case, billed=billed)


async def test_the_stored_key_is_nowhere(scene: Scene) -> None:
    scene.api.next_run().status(401, refused("INVALID_API_KEY", "the key sk-hidden is wrong"))
    await scene.run()
    assert b"sk-canary" not in (scene.state / "monitor.db").read_bytes()


async def test_a_run_by_hand_is_started_again_within_its_time_out_only(scene: Scene) -> None:
    scene.api.every_run().status(429, refused("RATE_LIMIT_EXCEEDED"))
    before = scene.clock.monotonic()
    record = await scene.run(Trigger.MANUAL)
    assert (record.verdict, record.code) == (Verdict.FAILED, "RATE")
    assert scene.clock.monotonic() - before <= 600


async def test_further_starts_have_the_same_reference_and_row(scene: Scene) -> None:
    scene.api.next_run().status(503, "")
    scene.api.next_run().status(429, "", {"retry-after": "1"})
    record = await scene.ends(GOOD, posts=3)
    goals = {each.body["goal"] for each in scene.api.requests if each.body and each.path.endswith("run-sse")}
    assert len(goals) == 1
    assert any(goal.endswith(f"[ref {record.id}]") for goal in goals)
    assert record.attempt == 1
    assert len(scene.rows.stages) == 2
