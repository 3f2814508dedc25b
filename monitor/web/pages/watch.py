"""`/watches/{name}`: one watch: its numbers over time, what changed, what failed, what was told, how it is defined."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from monitor.alert.targets import key
from monitor.engine.agenda import coming
from monitor.engine.schedule import runs_a_month
from monitor.errors import NoSuch
from monitor.files.problems import did_you_mean
from monitor.store.orders import Order
from monitor.store.views import incidents, listings, messages, series, spending, standings
from monitor.store.views.incidents import Open
from monitor.store.views.listings import Page
from monitor.store.views.messages import Letters
from monitor.store.views.series import Series
from monitor.store.views.spending import Spent
from monitor.store.views.standings import Standing
from monitor.watch.model import Watch
from monitor.web import charts
from monitor.web.board import state_of
from monitor.web.pages.rendering import fragment, is_fragment, page

if TYPE_CHECKING:
    from monitor.store.views import Connection
    from monitor.web.console import Console

SPANS = {"24h": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30), "90d": timedelta(days=90)}
TABS = {
    "changes": ("CHANGED", "BASELINE"),
    "failures": ("FAILED", "INVALID"),
    "skipped": ("MISSED", "SKIPPED"),
    "all": (),
}
_PARTS = {"standing", "records", "lately"}  # of the page, which are fetched again when a run ended
_PER_PAGE = 20
_POINTS = 1_500  # of a chart
_COMING = 5
_MOST_PLANS = 2_000  # months of schedules that are remembered


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page shows of the store."""

    standing: Standing
    records: Page
    tab: str
    failing: Open | None
    messages: Letters
    today: Spent
    month: Spent


def _shown(connection: Connection, watch: Watch, asked: str | None, before: str | None, now: datetime) -> Shown:
    """Return what the page shows; of a watch that fails, its failures first unless something else is asked for."""
    name, month = watch.name, now.date().replace(day=1)
    open_ = incidents.opened(connection, name)
    tab = asked if asked in TABS else "failures" if open_ else "changes"
    return Shown(
        standing=standings.standings(connection, now, name).get(name) or Standing(name),
        records=listings.of_watch(connection, name, TABS[tab], before, _PER_PAGE),
        tab=tab,
        failing=open_[0] if open_ else None,
        messages=messages.listed(connection, watch=name, limit=10),
        today=spending.of_watches(connection, [name], now.date()).get(name) or Spent(),
        month=spending.of_watches(connection, [name], month).get(name) or Spent(),
    )


def found(console: Console, name: str) -> Watch:
    """Return a watch as it is defined now; raises NoSuch."""
    watches = console.watches()
    if name not in watches:
        raise NoSuch("there is no watch of that name", hint=did_you_mean(name, watches))
    return watches[name]


def router(console: Console) -> APIRouter:
    """Return the routes of a watch: the page, its list of records, its numbers."""
    routes = APIRouter(include_in_schema=False)
    plans = Plans()

    @routes.get("/watches/{name}")
    async def index(name: str, request: Request) -> Response:
        watch, now, asked = found(console, name), console.clock.now(), request.query_params
        shown = await console.view(_shown, watch, asked.get("show"), asked.get("before"), now)
        values: dict[str, Any] = {"watch": watch, "shown": shown, "tabs": tuple(TABS), "watch_zone": watch.timezone}
        values |= {
            "base": address(name),
            "state": state_of(watch, shown.standing),
            "untold": untold(watch, shown.failing),
        }
        block = request.headers.get("hx-target", "") if is_fragment(request) else None
        if block is None or block == "lately":
            values["coming"] = coming(watch, now, _COMING)
            values["per_month"] = await console.read(plans.per_month, watch, now)
        if block is not None:
            return fragment(request, console, "watch.html", block if block in _PARTS else "standing", **values)
        length = asked.get("span", "7d")
        values |= await _whole(console, watch, length if length in SPANS else "7d", now)
        values["outcome_hint"] = await console.read(_hint, console, shown)
        return page(request, console, "watch.html", **values)

    @routes.get("/watches/{name}/series.json")
    async def numbers(name: str, request: Request) -> Response:
        watch, now = found(console, name), console.clock.now()
        since = now - SPANS.get(request.query_params.get("span", ""), SPANS["7d"])
        answer = await console.view(series.series, name, charts.reader(watch), since, _POINTS)
        return JSONResponse(answer.as_json())

    return routes


async def _whole(console: Console, watch: Watch, length: str, now: datetime) -> dict[str, Any]:
    """Return what only the whole page shows."""
    name = watch.name
    numbers = await console.view(series.series, name, charts.reader(watch), now - SPANS[length], _POINTS)
    return {
        "span": length,
        "spans": tuple(SPANS),
        "charts": _charts(numbers),
        "definition": definition(watch),
        "flights": [flight for flight in await console.live.flight() if flight.watch == name],
        "orders": await console.read(_orders, console, name),
        "ended": await console.view(incidents.ended, now - timedelta(days=30), 5, name),
    }


class Plans:
    """How many runs a month each schedule holds, about: the same for every watch of one schedule, so remembered."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[tuple[str, ...], str], int] = OrderedDict()

    def per_month(self, watch: Watch, now: datetime) -> int:
        """Return about how many runs a month holds; none for a watch that is disabled."""
        if not watch.enabled:
            return 0
        schedule = (watch.cron, watch.timezone)
        if schedule not in self._known:
            self._known[schedule] = runs_a_month(watch, now)
            if len(self._known) > _MOST_PLANS:
                self._known.popitem(last=False)
        return self._known[schedule]


def _charts(numbers: Series) -> list[dict[str, Any]]:
    """Return one chart for each number, drawn small on the server: what is seen without scripts."""
    verdicts = [point.verdict for point in numbers.points]
    found = []
    # Rows stand by their keys, behind what is no row, whose order is the schema's.
    for path in sorted(numbers.paths, key=lambda path: path if "=" in path else "")[: charts.MOST_LINES]:
        values = numbers.values(path)
        known = [value for value in values if value is not None]
        found.append(
            {
                "path": path,
                "curve": charts.curve(values, verdicts, 720, 160),
                "now": known[-1] if known else None,
                "first": known[0] if known else None,
                "points": len(known),
                "rows": [
                    (point, value) for point, value in zip(numbers.points, values, strict=True) if value is not None
                ][-12:][::-1],
                "cut": numbers.cut,
            }
        )
    return found


def untold(watch: Watch, failing: Open | None) -> str:
    """Return why nobody was told of an incident so far; nothing where it was told, or where there is none."""
    if failing is None or failing.told:
        return ""
    if not any("failure" in rule.on for rule in watch.notify):
        return "nobody is told: no rule of notify asks for failures"
    left = watch.limits.failing_after - failing.failures
    return f"told after {left} more" if left > 0 else "not told yet"


def _orders(console: Console, name: str) -> list[Order]:
    return console.store.orders(6, watch=name)


def _hint(console: Console, shown: Shown) -> str | None:
    """Return what to do about the last run where it failed, as its outcome says."""
    standing = shown.standing
    if standing.last_run is None or standing.last_verdict != "FAILED":
        return None
    outcome = console.store.outcome_of_record(standing.last_run)
    return outcome.fault.hint if outcome is not None and outcome.fault is not None else None


def definition(watch: Watch) -> Mapping[str, Any]:
    """Return the definition as it may be shown: targets by their keys, nothing that may hold a secret (F1)."""
    run = watch.run.model_dump(mode="json", exclude_none=True)
    if "proxy_config" in run:
        run["proxy_config"] = {
            name: "set, not shown" if name in {"url", "username", "password"} else value
            for name, value in run["proxy_config"].items()
        }
    if "webhook_url" in run:
        run["webhook_url"] = "set, not shown"
    compare = watch.compare.model_dump(mode="json", exclude_defaults=True)
    rules = [
        {"to": [key(entry) for entry in rule.to], "on": rule.on, "when": rule.when, "once": rule.once}
        for rule in watch.notify
    ]
    return {"run": run, "compare": compare, "rules": rules, "schema": watch.output_schema}


def address(name: str, **query: str | None) -> str:
    """Return the address of a watch's page."""
    from monitor.web.pages.wording import in_path

    given = {key_: value for key_, value in query.items() if value}
    return f"/watches/{in_path(name)}" + (f"?{urlencode(given)}" if given else "")
