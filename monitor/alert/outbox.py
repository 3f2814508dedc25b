"""The outbox loop: every stored message goes to its target at least once, whatever breaks (reliability.md C1-C4, C7).

Owns when groups of messages are claimed and how many go at once, a few per target, so that a target that hangs holds
back nobody else. Must not know SQL, nor what follows from an answer (`carrier`), nor how apprise speaks to a service.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import structlog

from monitor.alert import asked, carrier
from monitor.alert.carrier import Carrier
from monitor.alert.manners import Manners
from monitor.alert.pace import Pace
from monitor.alert.targets import Targets
from monitor.clock import Clock
from monitor.errors import DeliveryError, SecretError, StoreError
from monitor.store.records import Delivery, Gathering

log = structlog.get_logger("outbox")


class Store(carrier.Store, Protocol):
    """What the outbox needs of the store; every call goes through the writer that the process hands in."""

    def claim(
        self, now: datetime, limit: int, sender: str, *, skip_targets: Collection[str] = (), gathering: Gathering = ...
    ) -> list[list[Delivery]]:
        """Return groups of messages to be sent now, marked as being sent by `sender`; the oldest of a pair first."""
        ...

    def next_delivery_at(
        self, now: datetime, *, skip_targets: Collection[str] = (), gathering: Gathering = ...
    ) -> datetime | None:
        """Return when the next group can be claimed, or None."""
        ...

    def outbox_counts(self) -> Mapping[str, int]:
        """Return how many messages are in each state."""
        ...

    def asked_for_time(self, remark: str, now: datetime) -> Mapping[str, datetime]:
        """Return until when messages wait whose error ends with `remark`, by target."""
        ...

    def unstick(self, now: datetime, latest: datetime) -> int:
        """Let messages go that wait for a time that only a clock which was stepped back since can have meant."""
        ...

    def dead_letters(self) -> list[tuple[str, str]]:
        """Return each target with dead letters and the digest of the definition that refused them."""
        ...

    def revive(self, target: str, digest: str, now: datetime, *, removed_since: datetime) -> int:
        """Take up the dead letters of a target whose definition has changed."""
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
        manners: Callable[[], Manners] = Manners,
    ) -> None:
        self._store = store
        self._call = call
        self._clock = clock
        self._sender = sender
        self._chance = chance
        self._manners = manners
        self._wake = asyncio.Event()
        self._carrier = Carrier(store, call, targets, clock, chance, self._past_deadline)
        self._sends: dict[asyncio.Task[None], str] = {}  # every group in hand and its target
        self._overdue: set[asyncio.Task[Any]] = set()  # those past the deadline, whose threads have not ended
        self._claim: asyncio.Task[list[list[Delivery]]] | None = None
        self._turned: float | None = None
        self._looked_at: float | None = None
        self._stranded = False

    @property
    def pace(self) -> Pace:
        """How often, how long and how much at once; may be replaced before the first send."""
        return self._carrier.pace

    @pace.setter
    def pace(self, pace: Pace) -> None:
        self._carrier.pace = pace

    def attach_from(self, folder: Path) -> None:
        """Attach the screenshots that lie in a folder, each to the message of its run."""
        self._carrier.pictures = folder

    def notify(self) -> None:
        """Say that there are new rows; from the loop's own thread."""
        self._wake.set()

    def alive(self) -> bool:
        """Return True while `run` goes round and some target takes messages.

        False before it began, when it stands still (reliability.md C10), and when every target that a watch tells has
        given messages up and taken none since (row 121).
        """
        return self.turning() and not self._stranded

    def turning(self) -> bool:
        """Return True while `run` goes round."""
        return self._turned is not None and self._clock.monotonic() - self._turned < 4 * self.pace.look

    def stranded(self) -> bool:
        """Return True when every target in use has given messages up and taken none since, as last looked."""
        return self._stranded

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
                wait = await self.turn()
                faults = 0
                self._carrier.content()
            except StoreError as error:
                faults += 1
                self._carrier.complain(error)
                wait = self.pace.store_delay(faults, self._chance)
            await self._idle(wait)

    async def turn(self) -> float:
        """Start what is ready; returns the seconds of the clock until there may be more. Raises StoreError."""
        await self._look_at_refusals()
        await self._start_due()
        return await self._until_next()

    async def drain(self, seconds: float) -> int:
        """Send what is due now for at most `seconds` of real time; returns how many messages are left undelivered.

        Nothing is waited for that could be gathered. Raises StoreError when the store cannot be asked. What is still
        being sent at the end is left to the next process, which marks it as a possible repeat.
        """
        until = asyncio.get_running_loop().time() + seconds
        try:
            async with asyncio.timeout_at(until):
                await self._look_at_refusals()
                while await self._start_due(at_once=True) or self._in_time():
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
            ids = [row.id for group in await self._claimed(0, [], Gathering()) for row in group]
            now = self._clock.now()
            await self._call(self._store.put_back, ids, now, "not sent: the process ended", now)
        for task in [*self._sends]:
            task.cancel()
        await asyncio.gather(*self._sends, return_exceptions=True)

    async def _look_at_refusals(self) -> None:
        """Take up dead letters whose target is defined otherwise now, and see if any target takes messages at all."""
        now, at = self._clock.monotonic(), self._clock.now()
        if self._looked_at is not None and now - self._looked_at < self.pace.look:
            return
        await self._call(self._store.unstick, at, at + asked.LONGEST)
        if self._looked_at is None:
            self._carrier.asked.remember(await self._call(self._store.asked_for_time, asked.REMARK, at))
        self._looked_at = now
        targets = self._carrier.targets()
        for target, refused_by in await self._call(self._store.dead_letters):
            try:
                digest = targets.digest(target)
            except (SecretError, DeliveryError):
                continue  # nobody can say whether it has changed; looked at again
            if digest not in {"", refused_by}:
                since = at - timedelta(seconds=self.pace.give_up)
                revived = await self._call(self._store.revive, target, digest, at, removed_since=since)
                if revived:
                    log.info("dead letters are tried again: the target has changed", target=target, messages=revived)
        refusing = await self._call(self._store.refusing)
        in_use = targets.in_use()
        self._stranded = bool(in_use) and all(refusing.get(target) for target in in_use)

    def _in_time(self) -> list[asyncio.Task[None]]:
        """Return the sends that are within their deadline; only those are worth waiting for."""
        return [task for task in self._sends if task not in self._overdue]

    def _past_deadline(self, task: asyncio.Task[Any]) -> None:
        self._overdue.add(task)
        self._wake.set()

    async def _start_due(self, *, at_once: bool = False) -> int:
        """Claim and start groups until nothing is ready or every place is taken; returns how many were started."""
        started = 0
        while (free := self.pace.at_once - len(self._in_time())) > 0:
            gathering = self._manners().gathering(self._clock.now(), at_once=at_once)
            groups = await self._claimed(min(free, self.pace.per_target), self._busy(), gathering)
            for group in groups:
                task = asyncio.create_task(self._carrier.carry(group), name=f"deliver {group[0].id}")
                self._sends[task] = group[0].target
                task.add_done_callback(self._ended)
            started += len(groups)
            if not groups:
                break
        return started

    def _busy(self) -> list[str]:
        """Return the targets that take no further send now."""
        full = {target for target, count in Counter(self._sends.values()).items() if count >= self.pace.per_target}
        return sorted(full | self._carrier.asked.alone(self._clock.now()))

    async def _claimed(self, limit: int, busy: list[str], gathering: Gathering) -> list[list[Delivery]]:
        """Claim groups; a claim cut while the store commits it is picked up by the next call, not lost."""
        if self._claim is None:
            now, sender = self._clock.now(), self._sender
            claim = self._call(self._store.claim, now, limit, sender, skip_targets=busy, gathering=gathering)
            self._claim = asyncio.ensure_future(claim)
        try:
            groups = await asyncio.shield(self._claim)
        except StoreError:
            self._claim = None
            raise
        self._claim = None
        return groups

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._sends[task]
        self._overdue.discard(task)
        self._wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a delivery ended by a fault of this program", task=task.get_name(), kind=type(error).__name__)

    async def _until_next(self) -> float:
        """Return the seconds of the clock until the store may have something due; a finished send wakes us earlier."""
        now = self._clock.now()
        gathering = self._manners().gathering(now)
        ask = self._store.next_delivery_at
        found: datetime | None = await self._call(ask, now, skip_targets=self._busy(), gathering=gathering)
        ends = [each for each in (found, *self._carrier.asked.ends()) if each is not None]
        # What became due since the claim, or waits for a place, is not asked for more often than once a second.
        return min([self.pace.look, *(max(1.0, (end - self._clock.now()).total_seconds()) for end in ends)])

    async def _idle(self, seconds: float) -> None:
        """Wait for `notify`, for a send to end, or for `seconds` of the clock."""
        async with asyncio.TaskGroup() as group:
            woken = group.create_task(self._wake.wait(), name="outbox woken")
            slept = group.create_task(self._clock.sleep(seconds), name="outbox asleep")
            await asyncio.wait({woken, slept}, return_when=asyncio.FIRST_COMPLETED)
            woken.cancel()
            slept.cancel()
