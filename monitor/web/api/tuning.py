"""`/api/v1`, looking back: numbers over time, what is noisy, what another condition would tell, what it all costs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from monitor.errors import UsageError
from monitor.store.views import listings, series
from monitor.web import charts
from monitor.web.api.answers import Cursor, Name, Page, answered, said
from monitor.web.api.watches import found
from monitor.web.console import Console
from monitor.web.pages import spending, tuning

Days = Annotated[int, Query(ge=1, le=366, description="How far back.")]
Once = Annotated[bool, Query(description="Tell when it becomes true, and not again before it was false.")]
_POINTS = 2_000


def router(console: Console) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/api/v1", tags=["looking back"])
    _past(routes, console)
    _trials(routes, console)
    _money(routes, console)
    return routes


def _past(routes: APIRouter, console: Console) -> None:
    @routes.get("/changes", responses=said(Page))
    async def changes(
        verdict: Annotated[Literal["CHANGED", "INVALID", "FAILED"] | None, Query()] = None,
        limit: Annotated[int, Query(ge=1, le=listings.MOST)] = 50,
        cursor: Cursor = None,
    ) -> Response:
        """The newest changes and failures of all watches, newest first."""
        wanted = listings.TELLING if verdict is None else {verdict}

        def read() -> dict[str, Any]:
            page = console.store.view(listings.news, wanted, cursor, limit)
            return {"items": [entry.as_json() for entry in page.entries], "next": page.next}

        return await answered(console, read)

    @routes.get("/watches/{name}/series", responses=said(None, 404))
    async def numbers(name: Name, days: Days = 30) -> Response:
        """The numbers of a watch's good results over time, by field, with the verdict of each run."""
        watch, since = found(console.watches(), name), console.clock.now() - timedelta(days=days)

        def read() -> dict[str, Any]:
            return console.store.view(series.series, name, charts.reader(watch), since, _POINTS).as_json()

        return await answered(console, read)


def _trials(routes: APIRouter, console: Console) -> None:
    """What reads a whole history: one at a time."""
    one_at_a_time = asyncio.Semaphore(1)

    @routes.get("/watches/{name}/noise", responses=said(None, 404))
    async def noise(name: Name) -> Response:
        """Which fields flip, how often, and the `compare:` lines that would quiet them: `monitor noise --json`."""
        watch = found(console.watches(), name)
        async with one_at_a_time:
            return await answered(console, lambda: tuning.noise(console.store, watch).as_json())

    @routes.get("/watches/{name}/backtest", responses=said(None, 404))
    async def backtest(
        name: Name,
        days: Days = 30,
        when: Annotated[str | None, Query(max_length=4_000, description="Another condition.")] = None,
        once: Once = False,  # noqa: FBT002 - FastAPI reads queries from positional parameters
        compare: Annotated[str | None, Query(max_length=4_000, description="Other lines of `compare:`.")] = None,
    ) -> Response:
        """What the watch, or another condition or comparison, would have told: `monitor backtest --json`."""
        watch, since = found(console.watches(), name), console.clock.now() - timedelta(days=days)
        typed = {"when": when or "", "compare": tuning.compare_text(watch) if compare is None else compare}
        trial = tuning.Trial.of(typed | ({"once": "on"} if once else {}), watch)
        changed = when is not None or compare is not None

        def read() -> dict[str, Any]:
            return tuning.backtest(console.store, tuning.tried(watch, trial) if changed else watch, since).as_json()

        async with one_at_a_time:
            return await answered(console, read)


def _money(routes: APIRouter, console: Console) -> None:
    @routes.get("/spending", responses=said())
    async def spent(
        month: Annotated[str | None, Query(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$", examples=["2026-11"])] = None,
    ) -> Response:
        """What was spent in a month, by day and by watch, what it will come to, and the ceilings."""
        now, prices = console.clock.now(), spending.prices(console.settings())
        first = now.date().replace(day=1) if month is None else date.fromisoformat(f"{month}-01")
        if first > now.date():
            raise UsageError("that month is still to come")

        def read() -> Mapping[str, Any]:
            return console.store.view(spending.month, console.ledger, first, prices, now).as_json(prices)

        return await answered(console, read)
