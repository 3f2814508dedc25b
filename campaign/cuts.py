"""Part `cuts`: twenty recorded streams, cut at every byte, over real sockets (reliability.md A1, T5).

Each cut is made twice: the connection is closed, and it is reset. Every time one POST, one billed run, and the outcome
of the whole stream. Nothing is simulated but our own pauses, which take no time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import accumulate

from campaign.part import Check, Tally, Violation
from campaign.remote import StandingClock, follow_one, watch
from campaign.streams import RUN, Recorded, recorded
from monitor.agent.outcome import Completed, Outcome
from tests.scripted_api import ScriptedApi

ENDS = ("close", "reset")
Follow = Callable[[ScriptedApi], Awaitable[Outcome]]


async def _ours(api: ScriptedApi) -> Outcome:
    return await follow_one(api, StandingClock(), watch())


@dataclass
class Cuts:
    """Case number 2n is the n-th cut (stream by stream, byte by byte) by a close, 2n + 1 by a reset."""

    name: str = "cuts"
    title: str = "a good stream cut at every byte: 20 recorded streams, closed and reset, over real sockets"
    proves: str = "A1 A2"
    least: int = 40
    chunk: int = 50
    subject: tuple[str, ...] = ("monitor/agent", "campaign/cuts.py", "campaign/streams.py")
    follow: Follow = _ours
    streams: tuple[Recorded, ...] = field(default_factory=recorded)

    def __post_init__(self) -> None:
        self._firsts = [0, *accumulate(len(stream.body) + 1 for stream in self.streams)]
        self.size = self._firsts[-1] * len(ENDS)

    def place(self, number: int) -> tuple[Recorded, int, str]:
        """Return the stream, the bytes that are sent of it, and how it ends, of a case."""
        cut, how = divmod(number, len(ENDS))
        index = max(at for at, first in enumerate(self._firsts) if first <= cut)
        return self.streams[index], cut - self._firsts[index], ENDS[how]

    @contextmanager
    def opened(self, seed: int) -> Iterator[Check]:
        """Serve the streams from one server; nothing is drawn from `seed`: every cut is made."""
        del seed
        with asyncio.Runner() as runner:
            whole: dict[str, tuple[object, ...]] = {}

            def check(numbers: Sequence[int], tally: Tally) -> None:
                runner.run(self._judge(numbers, tally, whole))

            yield check

    async def _judge(self, numbers: Sequence[int], tally: Tally, whole: dict[str, tuple[object, ...]]) -> None:
        async with ScriptedApi() as api:
            for number in numbers:
                stream, cut, how = self.place(number)
                if stream.name not in whole:
                    whole[stream.name] = await self._outcome(api, stream, len(stream.body), "close")
                found = await self._outcome(api, stream, cut, how)
                if found != whole[stream.name] or found[0] != 1 or found[1] != 1:
                    what = f"POSTs, billed runs and outcome are {found}, of the whole stream {whole[stream.name]}"
                    raise Violation(number, what, f"stream {stream.name!r}, {how} after byte {cut} of its body")
                tally.add("cuts")
                tally.add("billed runs", len(api.runs))
                tally.add(f"ended by {how}")

    async def _outcome(self, api: ScriptedApi, stream: Recorded, cut: int, how: str) -> tuple[object, ...]:
        """Return POSTs, billed runs and what the run came to; a wrong result is told apart from the recorded one."""
        script = api.next_run().raw(stream.body).cut_after(cut)
        script.run_id, script.result, script.error, script.outcome = RUN, stream.result, stream.error, stream.status
        script.end = how
        api.runs.clear()
        api.requests.clear()
        outcome = await self.follow(api)
        right = not isinstance(outcome, Completed) or outcome.result == stream.result
        code = outcome.fault.code.value if outcome.fault else None
        return api.posts, len(api.runs), outcome.kind, outcome.run_id, outcome.steps, code, right
