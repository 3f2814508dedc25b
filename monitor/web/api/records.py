"""`/api/v1/runs` and `/api/v1/outbox`: one record whole, its steps, and the messages."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from monitor.alert.waiting import Waiting
from monitor.errors import NoSuch
from monitor.web.api.answers import Limit, NumberCursor, Page, RunId, answered, said
from monitor.web.console import Console
from monitor.web.live import Flight


def router(console: Console) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/api/v1")
    _records(routes, console)
    _messages(routes, console)
    return routes


def _records(routes: APIRouter, console: Console) -> None:
    @routes.get("/runs/{run}", responses=said(None, 404), tags=["runs"])
    async def record(run: RunId) -> Response:
        """One record whole, as `monitor show --json` prints it; of a run in flight, where it is (`verdict` is null)."""

        def read() -> dict[str, Any]:
            found = console.store.record(run, raw=True)
            if found is not None:
                return found.whole(console.store.messages_of(found.id))
            for left in console.store.in_flight():
                if run in {left.run.id, left.run_id}:
                    return Flight.of(left, console.live.steps(left.run.id)).as_json() | {"verdict": None}
            raise NoSuch(f'there is no run "{run[:100]}"')

        return await answered(console, read)

    @routes.get("/runs/{run}/steps", responses=said(None, 404), tags=["runs"])
    async def steps(run: RunId) -> Response:
        """The steps that a run has shown, oldest first; those of a run in flight so far."""

        def read() -> dict[str, Any]:
            live = console.live.steps(run)
            if live:
                return {"run": run, "items": live}
            found = console.store.record(run)
            if found is None and run not in {left.run.id for left in console.store.in_flight()}:
                raise NoSuch(f'there is no run "{run[:100]}"')
            return {"run": run, "items": console.store.progress(found.id) if found else []}

        return await answered(console, read)


def _messages(routes: APIRouter, console: Console) -> None:
    @routes.get("/outbox", responses=said(Page), tags=["outbox"])
    async def outbox(
        state: Annotated[
            Literal["undelivered", "pending", "sending", "done", "dead", "dropped"] | None,
            Query(description="Only messages in this state; without it, all."),
        ] = None,
        limit: Limit = 100,
        cursor: NumberCursor = None,
    ) -> Response:
        """The messages, newest first, each as in `monitor outbox --json`."""
        quiet = console.settings().quiet_hours

        def read() -> dict[str, Any]:
            now = console.clock.now()
            waiting = Waiting(console.store.pauses(now), quiet, now)
            found = console.store.outbox(state, limit, cursor)
            following = found[-1].id if len(found) == limit else None
            return {"items": [waiting.shown(message) for message in found], "next": following}

        return await answered(console, read)
