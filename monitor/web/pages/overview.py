"""`/`: every watch, what changed last, what is in flight, what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from monitor.engine.agenda import Dues
from monitor.store.records import Stop
from monitor.store.views import listings, series, spending, standings
from monitor.store.views.listings import Entry
from monitor.store.views.spending import Spent
from monitor.web import charts
from monitor.web.board import PER_PAGE, SORTS, STATES, Board, Facts, Query, board, dressed, named
from monitor.web.pages.rendering import fragment, is_fragment, page

if TYPE_CHECKING:
    from monitor.store.views import Connection
    from monitor.watch.model import Watch
    from monitor.web.console import Console

NOISE_DAYS = 7
_LATEST = 8  # changes beside the list
_POINTS = 30


@dataclass(frozen=True, slots=True)
class Overview:
    """What the page shows of the store: the board, the newest changes, and what was spent since midnight UTC."""

    board: Board
    latest: tuple[Entry, ...]
    spent: Spent


def overview(connection: Connection, watches: Mapping[str, Watch], query: Query, now: datetime, dues: Dues) -> Overview:
    """Return the overview: everything small of all watches, the rest for the rows of one page."""
    day = now.date()
    facts = Facts(
        standings.standings(connection, now),
        spending.on_day(connection, day) if query.sort == "spent" else {},
        standings.changes_by_watch(connection, now - timedelta(days=NOISE_DAYS)) if query.sort == "noise" else None,
    )
    found = board(watches, facts, query, now, dues)
    names = named(found.rows)
    readers = {name: charts.main_reader(watches[name]) for name in names}
    sparks = series.sparks(connection, readers, _POINTS)
    spent = facts.spent or spending.of_watches(connection, names, day)
    latest = listings.news(connection, ["CHANGED"], limit=_LATEST)
    whole = spending.since(connection, spending.started(day))
    return Overview(replace(found, rows=dressed(found.rows, sparks, spent)), latest.entries, whole)


def router(console: Console) -> APIRouter:
    """Return the route of the overview; htmx gets the list alone."""
    routes = APIRouter(include_in_schema=False)
    dues = Dues()

    @routes.get("/")
    async def index(request: Request) -> Response:
        query, now = Query.of(request.query_params), console.clock.now()
        watches = dict(console.watches())
        zones = {name: watch.timezone for name, watch in watches.items()}
        if is_fragment(request) and request.headers.get("hx-target") == "latest":
            news = await console.view(listings.news, ["CHANGED"], limit=_LATEST)
            return fragment(request, console, "overview.html", "latest", latest=news.entries, zones=zones)
        shown = await console.view(overview, watches, query, now, dues)
        values = {
            "shown": shown,
            "board": shown.board,
            "query": query,
            "states": STATES,
            "sorts": SORTS,
            "address": lambda **changed: _address(query, **changed),
            "curve": charts.curve,
            "zones": zones,
        }
        if is_fragment(request):
            return fragment(request, console, "overview.html", "board", **values)
        values["latest"] = shown.latest
        values |= {
            "flights": await console.live.flight(),
            "outbox": await console.read(console.store.outbox_counts),
            "stops": await console.read(_stops, console),
            "ceiling": console.settings().runs_per_day,
            "per_page": PER_PAGE,
        }
        return page(request, console, "overview.html", **values)

    return routes


def _stops(console: Console) -> list[Stop]:
    return console.store.stops()


def _address(query: Query, **changed: object) -> str:
    """Return the address of the overview with some of what is asked for changed; a change goes back to page one."""
    asked = {"q": query.text, "state": query.state, "tag": query.tag, "sort": query.sort, "page": 1, **changed}
    plain = {"sort": "attention", "page": 1}
    given = {name: str(value) for name, value in asked.items() if value and plain.get(name) != value}
    return f"/?{urlencode(given)}" if given else "/"
