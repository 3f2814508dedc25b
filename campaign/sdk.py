"""Part `sdk`: the official SDK and our client through the same two hundred fault scripts (reliability.md T21).

Three clients, each with a scripted server of its own for each script: ours, the SDK as it comes, and the SDK without
retries, both by `agent.stream`. Times are driven sixty times faster for all: our 10 minutes and the SDK's time-out
(600 s, its default) are 10 s here; the SDK's pauses between retries (0.5 and 1 s) and the network are not. What counts
is the server's ledger of billed runs and what the caller has in hand. A violation is ours alone: the SDK's figures are
figures.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from campaign.faults import COUNT, Fault, arranged, scripts
from campaign.part import Check, Tally, Violation
from campaign.remote import KEY, follow_one, watch
from monitor.agent.outcome import Completed
from monitor.clock import WallClock
from tests.scripted_api import ScriptedApi

SPEED = 60.0
TIMEOUT = 600.0 / SPEED  # seconds of the machine
HANG = 4 * TIMEOUT  # nothing that ends later has ended, for a caller
APART = 0.06  # seconds between the starts of two clients: none is to wait for the machine
CLIENTS = ("ours", "sdk", "sdk, no retries")


class NoResultError(Exception):
    """The client ended without a result, and said why by a value."""


@dataclass(frozen=True, slots=True)
class Put:
    """What came of one client in one script."""

    posts: int
    billed: int
    completed: bool  # at the API
    got: str  # result, wrong, nothing (it ended and said so), raised, hung


Call = Callable[[], Awaitable[Any]]
Make = Callable[[ScriptedApi, float], Call]  # a client is made before any of them begins: that takes the loop's time


def _ours(api: ScriptedApi, _timeout: float) -> Call:
    async def call() -> Any:
        outcome = await follow_one(api, WallClock(SPEED), watch())
        if not isinstance(outcome, Completed):
            raise NoResultError(outcome.fault.code.value if outcome.fault else "")
        return outcome.result

    return call


def _sdk(**options: Any) -> Make:
    from tinyfish import AsyncTinyFish
    from tinyfish.agent.types import CompleteEvent

    def make(api: ScriptedApi, timeout: float) -> Call:
        client = AsyncTinyFish(api_key=KEY, base_url=api.url, timeout=timeout, **options)
        what = watch()

        async def call() -> Any:
            found: Any = None
            try:
                stream = client.agent.stream(url=what.url, goal=what.goal, output_schema=what.output_schema)
                async with stream as events:
                    async for event in events:
                        found = event.result_json if isinstance(event, CompleteEvent) else found
            finally:
                await client.close()
            if found is None:
                raise NoResultError("the stream ended without a result, and without an exception")
            return found

        return call

    return make


@dataclass
class Sdk:
    """Case n is script n for every client; `clients` are what is compared, the first of them is ours."""

    name: str = "sdk"
    title: str = "200 fault scripts: our client, the official SDK 0.11.0, and the SDK without retries"
    proves: str = "A1 A2 A3"
    size: int = COUNT
    least: int = 4
    chunk: int = 20  # scripts at once: most of the time is waiting
    subject: tuple[str, ...] = ("monitor/agent", "campaign/sdk.py", "campaign/faults.py", "campaign/streams.py")
    timeout: float = TIMEOUT
    hang: float = HANG
    clients: dict[str, Make] = field(
        default_factory=lambda: dict(zip(CLIENTS, (_ours, _sdk(), _sdk(max_retries=0)), strict=True))
    )

    @contextmanager
    def opened(self, seed: int) -> Iterator[Check]:
        """Run everything in one loop."""
        with asyncio.Runner() as runner:
            yield lambda numbers, tally: runner.run(self._judge(numbers, tally, seed))

    async def _judge(self, numbers: Sequence[int], tally: Tally, seed: int) -> None:
        every = scripts()
        jobs = [(number, name) for number in numbers for name in self.clients]
        async with AsyncExitStack() as stack:
            ready: list[tuple[ScriptedApi, Call]] = []
            for number, name in jobs:
                api = await stack.enter_async_context(ScriptedApi())
                arranged(api, every[number], seed, number)
                ready.append((api, self.clients[name](api, self.timeout)))
            waits = (at * APART for at in range(len(ready)))
            put = await asyncio.gather(*(self._put(*each, wait) for each, wait in zip(ready, waits, strict=True)))
        ours = next(iter(self.clients))
        for (number, name), found in zip(jobs, put, strict=True):
            if name == ours:
                _broken(number, every[number], found)
            for what, many in _figures(every[number], found).items():
                tally.add(f"{name}: {what}", many)
        tally.add("scripts", len(numbers))

    async def _put(self, api: ScriptedApi, call: Call, wait: float) -> Put:
        result, got = None, "result"
        await asyncio.sleep(wait)
        try:
            async with asyncio.timeout(self.hang) as limit:
                result = await call()
        except NoResultError:
            got = "nothing"
        except TimeoutError:
            got = "hung" if limit.expired() else "raised"
        except Exception:  # noqa: BLE001 - whatever a client raises is one of the figures
            got = "raised"
        truth = [run.script.result for run in api.runs if run.script.ends_after is not None]
        if got == "result" and not any(result == each for each in truth):
            got = "wrong"
        return Put(api.posts, len(api.runs), bool(truth), got)


def _figures(fault: Fault, put: Put) -> dict[str, int]:
    return {
        "scripts": 1,
        "POSTs": put.posts,
        "billed runs": put.billed,
        "scripts billed twice or more": put.billed > 1,
        "results in hand": put.got == "result",
        "results lost (paid, completed, not in hand)": put.completed and fault.completes and put.got != "result",
        "wrong results": put.got == "wrong",
        "exceptions": put.got == "raised",
        "hangs (no end within 40 min of driven time)": put.got == "hung",
        "nothing billed": put.billed == 0,
    }


def _broken(number: int, fault: Fault, put: Put) -> None:
    """Raise if our client broke a promise in a script."""
    lost = put.completed and fault.completes and put.got != "result"
    for wrong, what in (
        (put.posts != 1, f"{put.posts} POSTs"),
        (put.billed > 1, f"{put.billed} billed runs"),
        (lost, "a paid result was lost"),
        (put.got in {"wrong", "raised", "hung"}, f"it {put.got}"),
    ):
        if wrong:
            raise Violation(number, f"ours: {what}", f"script {fault.name!r}: {put}")
