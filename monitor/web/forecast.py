"""What was spent in a month by day and watch, and what the month will come to; pure arithmetic on what was counted.

Used by the page and the API. Must not know where the counts come from.
"""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from monitor.store.views.spending import Day, Spent, started

STEPS = 3  # of a run, where none has told yet how many it took


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars of one step, and the ceilings of one day; None for no ceiling. A price of 0 is free."""

    per_step: float
    runs_per_day: int | None = None
    usd_per_day: float | None = None

    def usd(self, spent: Spent) -> float:
        """Return what steps cost; runs that told no steps count as nothing."""
        return spent.steps * self.per_step


@dataclass(frozen=True, slots=True)
class Month:
    """One month of spending: by day, by watch (most first), today, and the forecast, None for a month that is over.

    `capped` when the planned runs of a day are more than its ceiling lets through: then the ceiling is the forecast.
    """

    first: date
    days: Mapping[date, Spent]
    watches: tuple[tuple[str, Spent], ...]
    today: Spent
    total: Spent
    forecast: Spent | None
    planned_per_day: float
    capped: bool

    def as_json(self, prices: Prices) -> dict[str, Any]:
        """Return the object of the API; money in US dollars."""

        def shown(spent: Spent) -> dict[str, Any]:
            return {"runs": spent.runs, "steps": spent.steps, "usd": round(prices.usd(spent), 4)}

        return {
            "month": f"{self.first:%Y-%m}",
            "today": shown(self.today),
            "total": shown(self.total),
            "forecast": shown(self.forecast) if self.forecast else None,
            "planned_runs_per_day": round(self.planned_per_day, 2),
            "capped": self.capped,
            "ceilings": {"runs_per_day": prices.runs_per_day, "usd_per_day": prices.usd_per_day},
            "usd_per_step": prices.per_step,
            "days": [{"day": day.isoformat(), **shown(spent)} for day, spent in sorted(self.days.items())],
            "watches": [{"watch": watch, **shown(spent)} for watch, spent in self.watches],
        }


def length(first: date) -> int:
    """Return how many days a month has."""
    return calendar.monthrange(first.year, first.month)[1]


def month(first: date, counted: Mapping[date, Day], planned: Mapping[str, int], prices: Prices, now: datetime) -> Month:
    """Return a month; `planned` are the runs of 30 days of each watch that is scheduled now."""
    days = {day: sum(by_watch.values(), Spent()) for day, by_watch in counted.items()}
    watches: dict[str, Spent] = {}
    for by_watch in counted.values():
        for name, spent in by_watch.items():
            watches[name] = watches.get(name, Spent()) + spent
    total = sum(days.values(), Spent())
    most_first = sorted(watches.items(), key=lambda pair: (-pair[1].steps, -pair[1].runs, pair[0]))
    a_day = sum(planned.values()) / 30
    today = now.astimezone(UTC).date()
    over = today >= first + timedelta(days=length(first))
    forecast, capped = (
        (None, False)
        if over or today < first
        else _forecast(total, days.get(today, Spent()), first, a_day, prices, now)
    )
    return Month(first, days, tuple(most_first), days.get(today, Spent()), total, forecast, a_day, capped)


def _forecast(
    total: Spent, today: Spent, first: date, a_day: float, prices: Prices, now: datetime
) -> tuple[Spent, bool]:
    """Return the month's end: what was spent, and the planned runs of the time that is left, under the ceilings."""
    midnight = started(now.astimezone(UTC).date() + timedelta(days=1))
    days = (started(first + timedelta(days=length(first))) - midnight) / timedelta(days=1)
    each = total.steps / total.runs if total.steps else float(STEPS)
    most = [a_day]
    if prices.runs_per_day is not None:
        most.append(prices.runs_per_day)
    if prices.usd_per_day is not None and prices.per_step:
        most.append(prices.usd_per_day / (each * prices.per_step))
    rest_of_today = min(a_day * ((midnight - now) / timedelta(days=1)), max(0.0, min(most) - today.runs))
    runs = rest_of_today + min(most) * days
    return total + Spent(round(runs), round(runs * each)), min(most) < a_day
