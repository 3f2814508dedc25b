"""What is going on now, for every open dashboard: one look at the store for all of them, none for each.

The runs of this process say their steps themselves; what other processes write is seen by one poller, which looks only
while somebody watches. Each event is encoded once, and a reader that is too slow is told to fetch afresh instead of
being waited for (reliability.md rows 45, 49, 51). Must not know pages, nor who may look.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from monitor.agent.follow import Progress
from monitor.clock import Clock
from monitor.engine.breaking import kept_up
from monitor.engine.steps import Steps
from monitor.errors import UsageError
from monitor.store.logbook import Signs
from monitor.store.records import Unfinished, stamp
from monitor.store.store import Store
from monitor.watch.run import Run

MOST = 200  # dashboards at once
QUEUE = 64  # events that wait for one of them
TICK = 0.5  # seconds of real time between two rounds of telling
LOOK = 2.0  # seconds of real time between two looks at the store while somebody watches
FRESH = 1.0  # seconds for which one look is good enough for a page
BURST = 50  # runs told in one round; of more, "fetch afresh" says it shorter
BEAT = 15.0  # seconds without an event after which a comment keeps the connection open


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """Something that changed; `frame` is it as server-sent bytes, encoded once for all readers."""

    name: str
    data: Mapping[str, Any]
    frame: bytes

    @classmethod
    def of(cls, name: str, data: Mapping[str, Any]) -> Self:
        """Return the event with its frame; JSON of one line has no line end that could end a field."""
        text = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
        return cls(name, data, f"event: {name}\ndata: {text}\n\n".encode())


REFRESH = Event.of("refresh", {})
_PING = b": still here\n\n"
_HELLO = b"retry: 3000\n\n"


@dataclass(frozen=True, slots=True)
class Flight:
    """A run in flight: where it is, and the step that its agent shows, if it runs in this process.

    `streaming_url` is only ever https (reliability.md row 40).
    """

    watch: str
    run: str
    run_id: str | None
    trigger: str
    stage: str
    opened_at: str | None
    step: str | None
    steps: int
    streaming_url: str | None

    @classmethod
    def of(cls, left: Unfinished, shown: list[dict[str, Any]]) -> Self:
        """Return an unfinished run with the steps that it has shown so far."""
        url = left.streaming_url if left.streaming_url and left.streaming_url.startswith("https://") else None
        step = shown[-1]["text"] or shown[-1]["kind"] if shown else None
        opened, run = stamp(left.opened_at), left.run
        return cls(run.watch, run.id, left.run_id, str(run.trigger), left.stage, opened, step, len(shown), url)

    def as_json(self) -> dict[str, Any]:
        """Return the object of `/api/v1/flight` and of the event `run`."""
        return {name: getattr(self, name) for name in self.__slots__}


class Live:
    """Tells every subscriber what changes, while it is open."""

    def __init__(self, store: Store, readers: Executor, steps: Steps, clock: Clock) -> None:
        self._store, self._readers, self._steps, self._clock = store, readers, steps, clock
        self._subscribers: set[asyncio.Queue[Event | None]] = set()
        self._moved: set[str] = set()  # runs of this process that showed something
        self._changed: dict[tuple[str, str | None], None] = {}
        self._seen: Signs | None = None
        self._seen_at = float("-inf")
        self._wanted, self._looking = asyncio.Event(), asyncio.Lock()
        self._closed = False
        self._task: asyncio.Task[None] | None = None
        steps.listener = self._stepped

    # What pages ask

    async def flight(self) -> list[Flight]:
        """Return the runs in flight, oldest first, of all processes; at most a second old. Raises StoreError."""
        async with self._looking:
            if self._seen is None or asyncio.get_running_loop().time() - self._seen_at > FRESH:
                await self._look()
        assert self._seen is not None
        return [Flight.of(left, self._steps.of(left.run.id)) for left in self._seen.flight]

    def steps(self, run_id: str) -> list[dict[str, Any]]:
        """Return the steps so far of a run in flight in this process."""
        return self._steps.of(run_id)

    @property
    def watched_by(self) -> int:
        """How many dashboards are open."""
        return len(self._subscribers)

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[asyncio.Queue[Event | None]]:
        """Give a queue of events, None at the end; raises UsageError when too many are open already."""
        if self._closed or len(self._subscribers) >= MOST:
            raise UsageError(f"{len(self._subscribers)} dashboards are open already", hint="close some of them")
        queue: asyncio.Queue[Event | None] = asyncio.Queue(QUEUE)
        self._subscribers.add(queue)
        self._wanted.set()
        try:
            yield queue
        finally:
            self._subscribers.discard(queue)
            if not self._subscribers:
                self._wanted.clear()

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield the bytes of a stream of server-sent events: what is in flight first, then each event as it comes.

        Where too many dashboards are open already, it says so in a comment and ends.
        """
        try:
            async with self.subscribe() as queue:
                yield _HELLO
                yield Event.of("flight", {"runs": [each.as_json() for each in await self.flight()]}).frame
                while True:
                    try:
                        async with asyncio.timeout(BEAT):
                            event = await queue.get()
                    except TimeoutError:
                        yield _PING
                        continue
                    if event is None:
                        return
                    yield event.frame
        except UsageError as full:
            yield f": {full}\nretry: 60000\n\n".encode()

    # What happens

    def changed(self, what: str, watch: str | None = None) -> None:
        """Say that something was ordered or read anew: `watches`, `outbox` or `orders`, and of which watch."""
        if self._subscribers:
            self._changed[what, watch] = None

    def recorded(self, record: Any) -> None:
        """Say that a run of this process has its record."""
        fields = ("watch", "verdict", "reason", "code")
        self._tell([Event.of("record", {"run": record.id} | {name: getattr(record, name) for name in fields})])

    def _stepped(self, run: Run, progress: Progress | None) -> None:
        if progress is not None and self._subscribers:
            self._moved.add(run.id)

    # Telling

    def _tell(self, events: Iterable[Event]) -> None:
        for event in events:
            for queue in self._subscribers:
                if queue.full():  # too slow: what waits is dropped, and the reader fetches afresh
                    while not queue.empty():
                        queue.get_nowait()
                    queue.put_nowait(REFRESH)
                else:
                    queue.put_nowait(event)

    async def _run(self) -> None:
        while True:
            await self._wanted.wait()
            await asyncio.sleep(TICK)
            await self._round()

    async def _round(self) -> None:
        """Look at the store if it is time, and tell what changed since the last round."""
        before, moved = self._seen, self._moved
        self._moved = set()
        changed, self._changed = list(self._changed), {}
        if moved or asyncio.get_running_loop().time() - self._seen_at > LOOK:
            async with self._looking:
                await self._look()
        assert self._seen is not None
        self._tell(Event.of("changed", {"what": what, "watch": watch}) for what, watch in changed)
        if before is not None:
            self._tell(self._news(before, self._seen, moved))

    def _news(self, before: Signs, now: Signs, moved: set[str]) -> list[Event]:
        old = {left.run.id: left for left in before.flight}
        new = {left.run.id: left for left in now.flight}
        told = [left for id_, left in new.items() if id_ in moved or old.get(id_) != left]
        if len(told) > BURST:
            return [REFRESH]
        events = [Event.of("run", Flight.of(left, self._steps.of(left.run.id)).as_json()) for left in told]
        events += [_watches(left.run.watch) for id_, left in old.items() if id_ not in new]
        if now.newest != before.newest and now.newest not in new and now.newest not in old:
            events.append(REFRESH)  # a record came and went between two looks
        if now.paused != before.paused:
            events.append(_watches(None))
        if now.outbox != before.outbox:
            events.append(Event.of("changed", {"what": "outbox", "watch": None}))
        if now.order != before.order:
            events.append(Event.of("changed", {"what": "orders", "watch": None}))
        return events

    async def _look(self) -> None:
        look = partial(self._store.signs, self._clock.now())
        self._seen = await asyncio.get_running_loop().run_in_executor(self._readers, look)
        self._seen_at = asyncio.get_running_loop().time()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(kept_up(self._run, self._clock, "dashboard"), name="dashboard")
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def close(self) -> None:
        """End every stream."""
        self._closed = True
        for queue in self._subscribers:
            while queue.full():
                queue.get_nowait()
            queue.put_nowait(None)


def _watches(watch: str | None) -> Event:
    return Event.of("changed", {"what": "watches", "watch": watch})
