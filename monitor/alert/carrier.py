"""One group of messages on its way to its target: sent as a digest, split where that is refused, settled row by row.

Each send runs on a daemon thread of its own, so that a target that hangs cannot hold up the end of the process. Owns
what follows from an answer; must not know which messages are due, nor how apprise speaks to a service.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import structlog

from monitor.alert import dead_letter, deliver, digest
from monitor.alert.asked import Asked
from monitor.alert.background import begun
from monitor.alert.pace import Pace
from monitor.alert.pictures import picture
from monitor.alert.recipients import Accepted
from monitor.alert.targets import RemovedError, Targets
from monitor.clock import Clock
from monitor.errors import DeliveryError, SecretError, StoreError
from monitor.store.records import Delivery, Refusal

log = structlog.get_logger("outbox")

DOUBTFUL = 3  # tries of a digest after which one of its messages is tried alone: the others may be held up by one

T = TypeVar("T")


class Store(Protocol):
    """What is stored of a send; every call goes through the writer that the process hands in."""

    def delivered(self, which: int | Collection[int], now: datetime) -> object:
        """Close messages that their target took."""
        ...

    def put_back(
        self, which: int | Collection[int], at: datetime, error: str, now: datetime, *, repeat: bool = False
    ) -> object:
        """Give messages back, to be claimed again from `at`; `repeat` when their target may have taken them."""
        ...

    def accept(self, which: int | Collection[int], accepted: str, now: datetime) -> object:
        """Remember which recipients of their target took messages, as digests."""
        ...

    def bury(
        self,
        which: int | Collection[int],
        error: str,
        now: datetime,
        *,
        refused_by: str | None = None,
        refusal: Refusal | None = None,
    ) -> object:
        """Park messages for good; they stay visible, and the other targets are told."""
        ...

    def refusing(self) -> dict[str, bool]:
        """Return the targets that refused a message since they took one, and whether they refuse everything."""
        ...


class Carrier:
    """Carries groups; the outbox makes one and gives it what it claims.

    `look_up` gives the present targets; `late` is called when a send in the present task passed its deadline.
    """

    def __init__(
        self,
        store: Store,
        call: Callable[..., Awaitable[Any]],
        look_up: Callable[[], Targets],
        clock: Clock,
        chance: random.Random,
        late: Callable[[asyncio.Task[Any]], None],
    ) -> None:
        self._store = store
        self._call = call
        self._look_up = look_up
        self._clock = clock
        self._chance = chance
        self._late = late
        self.pace = Pace()
        self.pictures: Path | None = None  # the folder of screenshots, by run
        self.asked = Asked()
        self._targets: Targets | None = None
        self._looked_at = 0.0
        self._complained: set[str] = set()
        self._accepted: dict[int, str] = {}  # of messages in hand: who took them by now, of several recipients

    def targets(self, wanted: str | None = None) -> Targets:
        """Return the present targets, looked up again when those at hand are old or do not know `wanted`."""
        now = self._clock.monotonic()
        unknown = self._targets is None or (wanted is not None and wanted not in self._targets)
        if self._targets is None or unknown or now - self._looked_at > self.pace.remember:
            self._targets, self._looked_at = self._look_up(), now
        return self._targets

    async def carry(self, group: Sequence[Delivery]) -> None:
        """Send the messages of one target, oldest first, and store what became of each."""
        waiting: deque[list[Delivery]] = deque([list(group)])
        try:
            url = self.targets(group[0].target).url(group[0].target)
            room = digest.ROOM
            if len(group) > 1:
                room = await self._on_thread(partial(deliver.room, url), group)
                waiting = deque(digest.parts(group, room))
        except (SecretError, DeliveryError) as error:
            await self._failed(group, error if isinstance(error, DeliveryError) else DeliveryError(str(error)))
            return
        try:
            await self._send_parts(waiting, url, room)
        except asyncio.CancelledError:
            await self._let_go([row for part in waiting for row in part])
            raise
        finally:
            for row in group:
                self._accepted.pop(row.id, None)

    async def _send_parts(self, waiting: deque[list[Delivery]], url: str, room: int) -> None:
        """Send part after part; what is taken out of `waiting` is settled here, the rest is the caller's."""
        behind: dict[str, datetime] = {}  # watches whose message is tried again later, and when
        while waiting:
            part = waiting.popleft()
            held_up = [row for row in part if row.watch in behind]
            part = [row for row in part if row.watch not in behind]
            for row in held_up:
                await self._put_back([row], behind[row.watch], "waits for an earlier message of its watch")
            if not part:
                continue
            error = await self._sent(part, url, room)
            if error is None:
                await self._taken(part)
            elif smaller := await self._smaller(part, error, url):
                waiting.extendleft(reversed(smaller))
            else:
                again = await self._failed(part, error)
                if not isinstance(error, deliver.ContentError | deliver.PartialError):
                    rest = [row for each in waiting for row in each]
                    waiting.clear()
                    await self._put_back(rest, again or self._clock.now(), error.message)
                elif again is not None:
                    behind |= {row.watch: again for row in part}

    async def _smaller(self, part: list[Delivery], error: DeliveryError, url: str) -> list[list[Delivery]]:
        """Return what a refused digest is split into, nothing when the target is the trouble and not the digest.

        A service that goes on failing with a digest is asked to take one of its messages: if it does, another one of
        them is what it fails of, and that one must not hold up the others.
        """
        if len(part) > 1 and isinstance(error, deliver.ContentError):
            return digest.halves(part)
        answered = isinstance(error, deliver.AnsweredError) and error.retry_after is None
        if len(part) == 1 or not answered or max(row.attempts for row in part) < DOUBTFUL:
            return []
        watch = self._chance.choice(sorted({row.watch for row in part}))
        one = next(row for row in part if row.watch == watch)
        refusal = await self._sent([one], url, 0)
        if isinstance(refusal, deliver.UnansweredError):
            await self._failed([one], refusal)  # it may have arrived: its row says so
        if refusal is not None:
            return []
        await self._taken([one])
        return [half for half in digest.halves([row for row in part if row is not one]) if half]

    async def _sent(self, part: Sequence[Delivery], url: str, room: int) -> DeliveryError | None:
        """Send one message that says all of `part`; returns why it was not taken."""
        accepted = Accepted(url, self._accepted.get(part[0].id, part[0].accepted))
        row, shown = digest.merged(part, room), picture(self.pictures, part)
        work = partial(deliver.send, url, row, whole=len(part) > 1, accepted=accepted, picture=shown)
        try:
            await self._on_thread(work, part)
        except DeliveryError as error:
            await self._remember(part, accepted)
            return error
        except Exception as error:  # noqa: BLE001 - a fault of ours must not lose the message; its text may hold a secret
            return DeliveryError(f"internal fault while sending ({type(error).__name__})")
        return None

    async def _remember(self, part: Sequence[Delivery], accepted: Accepted) -> None:
        """Store which recipients took a message that others of the same target did not (reliability.md C2)."""
        if accepted.grown():
            self._accepted |= dict.fromkeys([row.id for row in part], accepted.text())
            await self._settle(self._store.accept, [row.id for row in part], accepted.text())

    async def _on_thread(self, work: Callable[[], T], part: Sequence[Delivery]) -> T:
        """Call on a thread; past its deadline a call goes on, but nothing else waits for it (row 116)."""
        calling = asyncio.wrap_future(begun(work, f"deliver {part[0].id}"))
        try:
            done, _ = await asyncio.wait({calling}, timeout=self.pace.deadline)
            if not done and (task := asyncio.current_task()) is not None:
                self._late(task)
                log.warning("a target takes very long", target=part[0].target, event_id=part[0].event)
            return await calling
        finally:
            calling.cancel()  # no thread may call a loop that is gone

    async def _taken(self, part: Sequence[Delivery]) -> None:
        """Close the messages of a part."""
        await self._settle(self._store.delivered, [row.id for row in part])
        about = {"watch": part[0].watch} if len({row.watch for row in part}) == 1 else {}
        log.info("delivered", target=part[0].target, event_id=part[0].event, messages=len(part), **about)

    async def _failed(self, part: Sequence[Delivery], error: DeliveryError) -> datetime | None:
        """Put messages back for a later try, or bury those that no further try can help or whose time is up.

        Returns when the first of them is tried again, None when all are buried.
        """
        now = self._clock.now()
        delay = self.pace.delay(max(row.attempts for row in part), error.retry_after, self._chance)
        later: dict[datetime, list[Delivery]] = {}
        lost: list[Delivery] = []
        for row in part:
            at = self.pace.next_try(row, error, now, delay)
            (lost if at is None else later.setdefault(at, [])).append(row)
        said = self.asked.heard(part[0].target, error, now + timedelta(seconds=delay))
        for at, rows in later.items():
            self._say("not delivered", rows, error, next=at.isoformat())
            await self._put_back(rows, at, said, repeat=isinstance(error, deliver.UnansweredError))
        if lost:
            await self._bury(lost, error)
        return min(later, default=None)

    async def _bury(self, lost: Sequence[Delivery], error: DeliveryError) -> None:
        """Make dead letters, and tell the other targets of the watch once per refusal, never the one that refused."""
        first, refusal = lost[0], None
        try:
            refused_by: str | None = self.targets().digest(first.target)
        except (SecretError, DeliveryError):
            refused_by = None  # there is no definition to compare with: only by hand is it taken up again
        if not isinstance(error, RemovedError):
            refusing = await self._patiently(lambda: self._call(self._store.refusing))
            others = [each for each in self.targets().others(first.watch, first.target) if not refusing.get(each)]
            whole = not isinstance(error, deliver.ContentError | deliver.PartialError)
            told = dead_letter.announcement(first, error.message, others, self._clock.now(), whole=whole)
            refusal = Refusal(first.target, whole, told)
        self._say("gave up", lost, error)
        bury = partial(self._store.bury, refused_by=refused_by, refusal=refusal)
        await self._settle(bury, [row.id for row in lost], error.message)

    def _say(self, what: str, rows: Sequence[Delivery], error: DeliveryError, **more: str) -> None:
        say = log.warning if more else log.error
        first = rows[0]
        say(
            what, target=first.target, watch=first.watch, event_id=first.event, messages=len(rows),
            error=error.message, **more,
        )  # fmt: skip

    async def _put_back(self, rows: Sequence[Delivery], at: datetime, error: str, *, repeat: bool = False) -> None:
        if rows:
            await self._settle(partial(self._store.put_back, repeat=repeat), [row.id for row in rows], at, error)

    async def _let_go(self, rows: Sequence[Delivery]) -> None:
        """Give back what was claimed and not begun when the process ends; else it would be marked as a repeat."""
        if not rows:
            return
        now = self._clock.now()
        try:
            await self._call(self._store.put_back, [row.id for row in rows], now, "not sent: the process ended", now)
        except StoreError as error:
            self.complain(error)  # the next process finds it as being sent by a dead one

    async def _settle(self, method: Callable[..., object], *args: object) -> None:
        """Store what became of messages; tried until the store works, for they are not to be sent again."""
        await self._patiently(lambda: self._call(method, *args, self._clock.now()))

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        faults = 0
        while True:
            try:
                found = await ask()
            except StoreError as error:
                self.complain(error)
                faults += 1
                await self._clock.sleep(self.pace.store_delay(faults, self._chance))
            else:
                self.content()
                return found

    def complain(self, error: StoreError) -> None:
        """Log a fault of the store, once per kind until it works again."""
        kind = type(error).__name__
        if kind not in self._complained:
            self._complained.add(kind)
            log.error("the store fails the outbox; trying again", kind=kind, error=str(error))

    def content(self) -> None:
        """Take note that the store works."""
        self._complained.clear()
