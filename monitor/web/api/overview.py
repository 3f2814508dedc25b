"""`/api/v1`: the state of everything: status, runs in flight, problems, settings, incidents, orders, events."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from monitor.engine.agenda import Dues
from monitor.engine.status import document
from monitor.store.records import stamp
from monitor.web.api.answers import Limit, NumberCursor, Page, answered, page, said
from monitor.web.console import Console


def router(console: Console) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/api/v1", tags=["overview"])
    _standing(routes, console)
    _files(routes, console)
    _happened(routes, console)
    return routes


def _standing(routes: APIRouter, console: Console) -> None:
    """How everything stands now."""
    dues = Dues()

    @routes.get("/status", responses=said())
    async def status() -> Response:
        """Every watch, the runs in flight, the outbox, stops and problems: the document of `monitor status --json`."""
        settings, now = console.settings(), console.clock.now()
        watches, problems, machine = console.watches(), console.problems(), console.wall(now)
        return await answered(console, document, settings, watches, problems, console.store, now, machine, dues)

    @routes.get("/flight", responses=said())
    async def flight() -> Response:
        """The runs in flight with the step that each agent shows, oldest first."""
        found = [each.as_json() for each in await console.live.flight()]
        return await answered(console, lambda: {"items": found})


def _files(routes: APIRouter, console: Console) -> None:
    """What the files of the workspace say."""

    @routes.get("/problems", responses=said())
    async def problems() -> Response:
        """What is wrong with the files, as `monitor validate --json` prints it, and when they were last read."""
        found = [each.as_json() for each in console.problems()]
        said_ = {"watches": len(console.watches()), "problems": found, "reloaded_at": stamp(console.reloaded_at())}
        return await answered(console, lambda: said_)

    @routes.get("/settings", responses=said())
    async def settings() -> Response:
        """Every setting with its origin, secrets masked."""
        rows = [{"name": name, "value": value, "origin": origin} for name, value, origin in console.settings().shown()]
        return await answered(console, lambda: {"items": rows})


def _happened(routes: APIRouter, console: Console) -> None:
    """What happened, and what happens."""

    @routes.get("/incidents", responses=said())
    async def incidents(days: Annotated[int, Query(ge=1, le=366)] = 30) -> Response:
        """The incidents that go on, and those that ended in the last days."""
        from monitor.store.views import incidents as view

        since = console.clock.now() - timedelta(days=days)

        def read() -> dict[str, Any]:
            opened, ended = console.store.view(view.opened), console.store.view(view.ended, since)
            return {"open": [each.as_json() for each in opened], "ended": [each.as_json() for each in ended]}

        return await answered(console, read)

    @routes.get("/orders", responses=said(Page))
    async def orders(limit: Limit = 50, cursor: NumberCursor = None) -> Response:
        """What people ordered, by whom, and what came of it, newest first."""
        return await answered(
            console, lambda: page(console.store.orders(limit, before=cursor), limit, lambda order: order.id)
        )

    @routes.get("/events", responses={200: {"content": {"text/event-stream": {}}, "description": "Events, for ever."}})
    async def events() -> Response:
        """What changes, as it happens: server-sent events `flight`, `run`, `record`, `changed` and `refresh`."""
        return stream(console)


def stream(console: Console) -> Response:
    """Return the stream of what changes; the same bytes for every dashboard."""
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(console.live.stream(), media_type="text/event-stream", headers=headers)
