"""Part `cron`: one zone of every distinct rule set, forty expressions, 2024 to 2030 (reliability.md D1, D2, T10).

Case n is one zone with one expression. Every minute within three days of a jump of the wall clock, and sampled weeks
elsewhere, are compared with Debian's cron replayed minute by minute (`debian`). Over all seven years: instants strictly
increase, and an expression for one time of day comes once for each local day.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from campaign import debian
from campaign.part import Check, Tally, Violation, chance
from campaign.zones import FIRST, LAST, Rules, distinct
from monitor.watch import cron

EXPRESSIONS = (
    *("* * * * *", "*/7 * * * *", "*/30 * * * *", "0 * * * *", "59 * * * *", "17,43 * * * *", "*/20 2 * * *"),
    *("0 */2 * * *", "0 */5 * * *", "30 1-23/2 * * *", "0 0 * * *", "1 0 * * *", "30 0 * * *", "0 1 * * *"),
    *("30 1 * * *", "0 2 * * *", "15 2 * * *", "30 2 * * *", "59 2 * * *", "0 3 * * *", "30 3 * * *", "0 23 * * *"),
    *("30 23 * * *", "59 23 * * *", "0 2,3 * * *", "0,30 1,2,3 * * *", "5-10 2 * * *", "0-59/15 1-3 * * *"),
    *("0-59 2 * * *", "30 0-23 * * *", "0 9 * * 1-5", "30 2 * * 7", "30 2 * * sun", "0 2 * mar,oct 0"),
    *("30 2 13 * 5", "0 0 1,15 * *", "0 0 31 * *", "30 2 29 2 *", "30 1 */2 * *", "0 0 */7 * sat"),
)
DAILY = {text for text in EXPRESSIONS if text.endswith(" * * *") and all(part.isdigit() for part in text.split()[:2])}
NEAR = timedelta(days=3)
SAMPLES = 4  # weeks elsewhere, for each zone
Occurrences = Callable[[Sequence[str], str, datetime], Iterator[datetime]]


@dataclass(frozen=True, slots=True)
class _Window:
    """A stretch of minutes: what the wall clock showed at each from `begin`; the first `warm` are not compared."""

    begin: datetime
    shown: tuple[int, ...]
    warm: int


@dataclass
class Cron:
    """Case n is zone n // 40 with expression n % 40; `occurrences` is what is tested."""

    name: str = "cron"
    title: str = (
        f"{len(EXPRESSIONS)} expressions in one zone of every distinct rule set, 2024-2030, against Debian's cron"
    )
    proves: str = "D1 D2"
    least: int = 8
    chunk: int = 1
    subject: tuple[str, ...] = (
        *("monitor/watch/cron.py", "monitor/files/zones.py"),
        *("campaign/cron.py", "campaign/debian.py", "campaign/zones.py"),
    )
    occurrences: Occurrences = cron.occurrences

    @property
    def size(self) -> int:
        """Every zone with every expression."""
        return len(distinct()) * len(EXPRESSIONS)

    @contextmanager
    def opened(self, seed: int) -> Iterator[Check]:
        """Nothing is to be opened."""

        @lru_cache(maxsize=2)
        def windows(zone: int) -> tuple[_Window, ...]:
            return tuple(_windows(distinct()[zone], seed))

        def check(numbers: Sequence[int], tally: Tally) -> None:
            for number in numbers:
                zone, which = divmod(number, len(EXPRESSIONS))
                rules, expression = distinct()[zone], EXPRESSIONS[which]
                for window in windows(zone):
                    self._compare(number, rules, expression, window, tally)
                self._years(number, rules, expression, tally)
                tally.add("pairs of zone and expression")
                tally.add("zones", which == 0)
                tally.add("zones alike", rules.alike if which == 0 else 0)

        yield check

    def _compare(self, number: int, rules: Rules, expression: str, window: _Window, tally: Tally) -> None:
        due = [window.begin + timedelta(minutes=at) for at in debian.fires(debian.job(expression), window.shown)]
        begin, end = (window.begin + timedelta(minutes=at) for at in (window.warm, len(window.shown) - 1))
        expected = [instant for instant in due if begin < instant <= end]
        found: list[datetime] = []
        for instant in self.occurrences([expression], rules.zone, begin):
            if instant > end:
                break
            found.append(instant)
        tally.add("minutes compared", len(window.shown) - window.warm - 1)
        tally.add("occurrences compared", len(expected))
        if found != expected:
            apart = sorted(set(found) ^ set(expected)) or found
            first = apart[0]
            whose = "ours alone" if first in set(found) else "Debian's alone"
            shown = (
                f"{expression!r} in {rules.zone}: {first:%Y-%m-%d %H:%M}Z is {whose} (after {begin:%Y-%m-%d %H:%M}Z)"
            )
            raise Violation(number, f"{len(apart)} instants differ from Debian's cron", shown)

    def _years(self, number: int, rules: Rules, expression: str, tally: Tally) -> None:
        """Go through all seven years of an expression for one time of day, and the first weeks of some others."""
        daily = expression in DAILY
        if not daily and number % 4:
            return
        where, days, last = ZoneInfo(rules.zone), Counter[date](), FIRST - timedelta(days=2)
        end = LAST + timedelta(days=2) if daily else FIRST + timedelta(days=60)
        for instant in self.occurrences([expression], rules.zone, last):
            if instant <= last:
                shown = f"{expression!r} in {rules.zone}: {instant} after {last}"
                raise Violation(number, "an instant came twice, or out of order", shown)
            if instant > end:
                break
            last = instant
            tally.add("occurrences in order")
            if daily:
                days[_nominal(expression, instant.astimezone(where))] += 1
        if daily:
            self._once(number, rules, expression, days)
            tally.add("local days with one occurrence", len(days))

    @staticmethod
    def _once(number: int, rules: Rules, expression: str, days: Counter[date]) -> None:
        every = [FIRST.date() + timedelta(days=at) for at in range((LAST - FIRST).days)]
        for day in every:
            if days[day] != 1:
                shown = f"{expression!r} in {rules.zone}: {days[day]} on {day}"
                raise Violation(number, "a daily time did not come once on a local day", shown)


def _nominal(expression: str, local: datetime) -> date:
    """Return the day that an occurrence is for: the day before, where its time was skipped into the next day."""
    minute, hour = (int(part) for part in expression.split()[:2])
    late = (local.hour, local.minute) < (hour, minute)
    return local.date() - timedelta(days=1) if late else local.date()


def _windows(rules: Rules, seed: int) -> Iterator[_Window]:
    """Yield every minute near a jump, and sampled weeks; each begins a day early so that the oracle is warm."""
    near: list[tuple[datetime, datetime]] = []
    for jump in rules.jumps:
        if near and jump - NEAR <= near[-1][1]:
            near[-1] = near[-1][0], jump + NEAR
        else:
            near.append((jump - NEAR, jump + NEAR))
    draw = chance(seed, "cron", hash_of(rules.zone))
    for _ in range(SAMPLES):
        begin = FIRST + timedelta(minutes=draw.randrange(int((LAST - FIRST).total_seconds()) // 60))
        near.append((begin, begin + timedelta(days=7)))
    for begin, end in near:
        early = begin.astimezone(UTC) - timedelta(days=1)
        minutes = int((end - early).total_seconds()) // 60 + 1
        yield _Window(early, tuple(debian.walls(rules.zone, early, minutes)), 1_440)


def hash_of(zone: str) -> int:
    """Return a number for a zone's name that is the same on every machine."""
    return int.from_bytes(zone.encode(), "big")
