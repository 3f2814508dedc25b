"""`/spending`: what was spent today and this month, by day and by watch, and what the month will cost."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from monitor.errors import StoreError
from monitor.store.views import spending
from monitor.store.views.spending import Ledger, Spent
from monitor.web import forecast
from monitor.web.forecast import Month, Prices
from monitor.web.pages.rendering import page

if TYPE_CHECKING:
    from monitor.settings import Settings
    from monitor.store.views import Connection
    from monitor.web.console import Console

log = structlog.get_logger("web")

MOST_WATCHES = 100
_WIDTH, _HEIGHT = 1_000, 170


def prices(settings: Settings) -> Prices:
    """Return the price and the ceilings; the embedded agent is free."""
    return Prices(settings.price, settings.runs_per_day, settings.usd_per_day)


def month(connection: Connection, ledger: Ledger, first: date, cost: Prices, now: datetime) -> Month:
    """Return what was spent in the month that begins at `first`."""
    last = min(first + timedelta(days=forecast.length(first) - 1), now.date())
    counted = ledger.by_day(connection, first, last, now)
    return forecast.month(first, counted, spending.planned(connection), cost, now)


async def warm(console: Console) -> None:
    """Count the days of this month that are over, so that nobody who looks first waits for it; a day at a time."""
    day, now = console.clock.now().date().replace(day=1), console.clock.now()
    try:
        while day < now.date():
            await console.view(console.ledger.by_day, day, day, now)
            day += timedelta(days=1)
    except StoreError as error:  # whoever looks first counts, and is told what is wrong
        log.warning("the month could not be counted ahead", error=str(error))


def router(console: Console) -> APIRouter:
    """Return the route of the spending."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/spending")
    async def index(request: Request) -> Response:
        now, settings = console.clock.now(), console.settings()
        this = now.date().replace(day=1)
        first = _asked(request.query_params.get("month", ""), this)
        cost = prices(settings)
        shown = await console.view(month, console.ledger, first, cost, now)
        values = {
            "month": shown,
            "prices": cost,
            "bars": _bars(shown.days, first, by_steps=any(spent.steps for spent in shown.days.values())),
            "watches": shown.watches[:MOST_WATCHES],
            "more": max(0, len(shown.watches) - MOST_WATCHES),
            "previous": (first - timedelta(days=1)).replace(day=1),
            "following": (first + timedelta(days=32)).replace(day=1) if first < this else None,
            "today": now.date(),
            "size": (_WIDTH, _HEIGHT),
            "defined": console.watches(),
        }
        return page(request, console, "spending.html", **values)

    return routes


def _asked(text: str, this: date) -> date:
    """Return the month that `2026-11` names; this one for anything else, and for what is to come."""
    try:
        found = date.fromisoformat(f"{text}-01")
    except ValueError:
        return this
    return min(found, this) if found.year >= 2000 else this


def _bars(days: Mapping[date, Spent], first: date, *, by_steps: bool) -> list[dict[str, Any]]:
    """Return the bar of each day of a month: where it stands, how high it is, and what it says."""
    count = forecast.length(first)
    amounts = {day: spent.steps if by_steps else spent.runs for day, spent in days.items()}
    most = max(amounts.values(), default=0) or 1
    width = _WIDTH / count
    found = []
    for number in range(count):
        day = first + timedelta(days=number)
        height = round(amounts.get(day, 0) / most * (_HEIGHT - 4), 1)
        found.append(
            {
                "day": day,
                "x": round(number * width + 2, 1),
                "width": round(width - 4, 1),
                "y": round(_HEIGHT - height, 1),
                "height": height,
                "spent": days.get(day),
            }
        )
    return found
