"""The outbox loop: every stored message goes to its target at least once, whatever breaks (reliability.md C1-C4, C7).

Owns the order of claim, send and settle. Each send runs on a daemon thread of its own, a few at a time per target, so
that a target that hangs holds back nobody else and cannot hold up the end of the process. Must not know SQL, nor how
apprise speaks to a service.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import random
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Protocol

import structlog

from monitor.alert import deliver
from monitor.alert.pace import Pace
from monitor.alert.targets import Targets
from monitor.clock import Clock
from monitor.errors import DeliveryError, SecretError, StoreError
from monitor.store.records import Delivery

log = structlog.get_logger("outbox")


class Store(Protocol):
    """What the outbox needs of the store; every call goes through the writer that the process hands in."""

    def claim(self, now: datetime, limit: int, sender: str, *, skip_targets: Collection[str] = ()) -> list[Delivery]:
        """Return messages to be sent now, marked as being sent by `sender`; the oldest of a (watch, target) first."""
        ...

    def delivered(self, delivery_id: int, now: datetime) -> object:
        """Close a message that its target took."""
        ...

    def put_back(self, delivery_id: int, at: datetime, error: str, now: datetime, *, repeat: bool = False) -> object:
        """Give a message back, to be claimed again from `at`; `repeat` when its target may have taken it."""
        ...

    def bury(self, delivery_id: int, error: str, now: datetime) -> object:
        """Park a message for good; it stays visible."""
        ...

    def outbox_counts(self) -> Mapping[str, int]:
        """Return how many messages are in each state."""
        ...

    def next_delivery_at(self, *, skip_targets: Collection[str] = ()) -> datetime | None:
        """Return when the next message can be claimed, or None."""
        ...


class Outbox:
    """Sends what the store holds; `notify` wakes it, `run` goes on until it is cancelled, `drain` is for the end."""

    def __init__(
        self,
        store: Store,
        call: Callable[..., Awaitable[Any]],
        targets: Callable[[], Targets],
        clock: Clock,
        *,
        sender: str,
        chance: random.Random,
    ) -> None:
        self._store = store
        self._call = call
        self._look_up = targets
        self._clock = clock
        self._sender = sender
        self._chance = chance
        self.pace = Pace()  # may be replaced before the first send
        self._wake = asyncio.Event()
        self._sends: dict[asyncio.Task[None], str] = {}  # every send in hand and its target
        self._overdue: set[asyncio.Task[None]] = set()  # those past the deadline, whose threads have not ended
        self._claim: asyncio.Task[list[Delivery]] | None = None
        self._targets: Targets | None = None
        self._looked_at = 0.0
        self._turned: float | None = None
        self._complained: set[str] = set()

    def notify(self) -> None:
        """Say that there are new rows; from the loop's own thread."""
        self._wake.set()

    def alive(self) -> bool:
        """Return True while `run` goes round; False before it began and when it stands still (reliability.md C10)."""
        return self._turned is not None and self._clock.monotonic() - self._turned < 4 * self.pace.look

    async def run(self) -> None:
        """Send what is due, for ever. Cancel it before `drain`: sends in hand go on until then."""
        try:
            await self._go_round()
        finally:
            self._turned = None

    async def _go_round(self) -> None:
        faults = 0
        while True:
            self._wake.clear()
            self._turned = self._clock.monotonic()
            try:
                await self._start_due()
                wait = await self._until_next()
                faults = 0
                self._complained.clear()
            except StoreError as error:
                faults += 1
                self._complain(error)
                wait = self.pace.store_delay(faults, self._chance)
            await self._idle(wait)

    async def drain(self, seconds: float) -> int:
        """Send what is due now for at most `seconds` of real time; returns how many messages are left undelivered.

        Raises StoreError when the store cannot be asked. What is still being sent at the end is left to the next
        process, which marks it as a possible repeat.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        try:
            async with asyncio.timeout_at(until):
                while await self._start_due() or self._in_time():
                    if tasks := self._in_time():
                        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            pass  # the bound is reached: what is left is counted below
        await self._let_go()
        counts = await self._call(self._store.outbox_counts)
        return int(counts.get("pending", 0)) + int(counts.get("sending", 0))

    async def _let_go(self) -> None:
        """Give back what was claimed and not begun, and stop waiting for what is being sent."""
        if self._claim is not None:
            for row in await self._claimed(0, []):
                now = self._clock.now()
                await self._call(self._store.put_back, row.id, now, "not sent: the process ended", now)
        for task in [*self._sends]:
            task.cancel()
        await asyncio.gather(*self._sends, return_exceptions=True)

    def _in_time(self) -> list[asyncio.Task[None]]:
        """Return the sends that are within their deadline; only those are worth waiting for."""
        return [task for task in self._sends if task not in self._overdue]

    async def _start_due(self) -> int:
        """Claim and start sends until nothing is due or every place is taken; returns how many were started."""
        started = 0
        while (free := self.pace.at_once - len(self._in_time())) > 0:
            rows = await self._claimed(min(free, self.pace.per_target), self._busy())
            for row in rows:
                task = asyncio.create_task(self._deliver(row), name=f"deliver {row.id}")
                self._sends[task] = row.target
                task.add_done_callback(self._ended)
            started += len(rows)
            if not rows:
                break
        return started

    def _busy(self) -> list[str]:
        """Return the targets that take no further send now."""
        return [target for target, count in Counter(self._sends.values()).items() if count >= self.pace.per_target]

    async def _claimed(self, limit: int, busy: list[str]) -> list[Delivery]:
        """Claim rows; a claim that is cancelled while the store commits it is picked up by the next call, not lost."""
        if self._claim is None:
            claim = self._call(self._store.claim, self._clock.now(), limit, self._sender, skip_targets=busy)
            self._claim = asyncio.ensure_future(claim)
        try:
            rows = await asyncio.shield(self._claim)
        except StoreError:
            self._claim = None
            raise
        self._claim = None
        return rows

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._sends[task]
        self._overdue.discard(task)
        self._wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a delivery ended by a fault of this program", task=task.get_name(), kind=type(error).__name__)

    async def _deliver(self, row: Delivery) -> None:
        """Send one message and store what became of it."""
        try:
            await self._sent(row)
        except DeliveryError as error:
            await self._failed(row, error)
        except SecretError as error:
            await self._failed(row, DeliveryError(str(error)))
        except Exception as error:  # noqa: BLE001 - a fault of ours must not lose the message; its text may hold a secret
            await self._failed(row, DeliveryError(f"internal fault while sending ({type(error).__name__})"))
        else:
            await self._settle(self._store.delivered, row.id)
            log.info("delivered", target=row.target, event_id=row.event, watch=row.watch, attempts=row.attempts)

    async def _sent(self, row: Delivery) -> None:
        """Send on a thread; past its deadline a send goes on, but nothing else waits for it (row 116)."""
        sending = asyncio.wrap_future(self._on_thread(row))
        try:
            done, _ = await asyncio.wait({sending}, timeout=self.pace.deadline)
            if not done and (task := asyncio.current_task()) is not None:
                self._overdue.add(task)
                self._wake.set()
                log.warning("a target takes very long", target=row.target, event_id=row.event)
            await sending
        finally:
            sending.cancel()  # no thread may call a loop that is gone

    def _on_thread(self, row: Delivery) -> concurrent.futures.Future[None]:
        """Start the send on a daemon thread: an executor's threads would be waited for at the end of the process."""
        future: concurrent.futures.Future[None] = concurrent.futures.Future()
        future.set_running_or_notify_cancel()
        targets = self._known(row.target)

        def work() -> None:
            try:
                deliver.send(targets.url(row.target), row)
            except BaseException as error:  # noqa: BLE001 - handed to whoever waits
                future.set_exception(error)
            else:
                future.set_result(None)

        threading.Thread(target=work, name=f"deliver {row.id}", daemon=True).start()
        return future

    def _known(self, target: str) -> Targets:
        """Return the present targets, looked up again when the ones at hand are old or do not know `target`."""
        now = self._clock.monotonic()
        if self._targets is None or target not in self._targets or now - self._looked_at > self.pace.remember:
            self._targets, self._looked_at = self._look_up(), now
        return self._targets

    async def _failed(self, row: Delivery, error: DeliveryError) -> None:
        """Put a message back for a later try, or bury it when no further try can help or its time is up."""
        now = self._clock.now()
        at = self.pace.next_try(row, error, now, self._chance)
        if at is None:
            log.error("gave up", target=row.target, event_id=row.event, watch=row.watch, error=error.message)
            await self._settle(self._store.bury, row.id, error.message)
        else:
            log.warning(
                "not delivered", target=row.target, event_id=row.event, error=error.message, next=at.isoformat()
            )
            uncertain = isinstance(error, deliver.UnansweredError)
            await self._settle(partial(self._store.put_back, repeat=uncertain), row.id, at, error.message)

    async def _settle(self, method: Callable[..., object], *args: object) -> None:
        """Store what became of a message; tried until the store works, for the message is not to be sent again."""
        faults = 0
        while True:
            try:
                await self._call(method, *args, self._clock.now())
            except StoreError as error:
                self._complain(error)
                faults += 1
                await self._clock.sleep(self.pace.store_delay(faults, self._chance))
            else:
                self._complained.clear()
                return

    def _complain(self, error: StoreError) -> None:
        """Log a fault of the store, once per kind until it works again."""
        kind = type(error).__name__
        if kind not in self._complained:
            self._complained.add(kind)
            log.error("the store fails the outbox; trying again", kind=kind, error=str(error))

    async def _until_next(self) -> float:
        """Return the seconds of the clock until the store may have something due; a finished send wakes us earlier."""
        at: datetime | None = await self._call(self._store.next_delivery_at, skip_targets=self._busy())
        if at is None:
            return self.pace.look
        # What became due since the claim, or waits for a place, is not asked for more often than once a second.
        return min(self.pace.look, max(1.0, (at - self._clock.now()).total_seconds()))

    async def _idle(self, seconds: float) -> None:
        """Wait for `notify`, for a send to end, or for `seconds` of the clock."""
        async with asyncio.TaskGroup() as group:
            woken = group.create_task(self._wake.wait(), name="outbox woken")
            slept = group.create_task(self._clock.sleep(seconds), name="outbox asleep")
            await asyncio.wait({woken, slept}, return_when=asyncio.FIRST_COMPLETED)
            woken.cancel()
            slept.cancel()
