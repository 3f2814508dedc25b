"""What people order with a button: each a POST, carried out by `Console.actions`, which writes down who and when.

The gate has checked where the request comes from and what its sender may do. Must not know what an order does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from monitor.errors import UsageError
from monitor.files import durations
from monitor.web.pages.login import own
from monitor.web.pages.rendering import told
from monitor.web.pages.wording import in_path

if TYPE_CHECKING:
    from monitor.engine.actions import Answer
    from monitor.web.console import Console


def form(request: Request) -> dict[str, str]:
    """Return the fields of the form, as the gate has read it."""
    fields: dict[str, str] = request.scope.get("form") or {}
    return fields


def router(console: Console) -> APIRouter:
    """Return the routes of the orders."""
    routes = APIRouter(include_in_schema=False)
    actions = console.actions

    @routes.post("/watches/{name}/run")
    async def run(name: str, request: Request) -> Response:
        return await _ordered(request, _watch(name), lambda who: actions.run_now(name, who))

    @routes.post("/watches/{name}/pause")
    async def pause(name: str, request: Request) -> Response:
        until = _until(form(request).get("for", ""), console.clock.now())
        return await _ordered(request, _watch(name), lambda who: actions.pause(name, until, who))

    @routes.post("/watches/{name}/resume")
    async def resume(name: str, request: Request) -> Response:
        return await _ordered(request, _watch(name), lambda who: actions.resume(name, who))

    @routes.post("/runs/{name}/cancel")
    async def cancel(name: str, request: Request) -> Response:
        return await _ordered(request, "/", lambda who: actions.cancel(name, who))

    @routes.post("/outbox/{message}/retry")
    async def retry(message: int, request: Request) -> Response:
        return await _ordered(request, "/outbox", lambda who: actions.retry(str(message), who))

    @routes.post("/outbox/{message}/drop")
    async def drop(message: int, request: Request) -> Response:
        return await _ordered(request, "/outbox", lambda who: actions.drop(str(message), who))

    @routes.post("/targets/{name}/test")
    async def test(name: str, request: Request) -> Response:
        return await _ordered(request, "/outbox", lambda who: actions.test_target(name, who))

    return routes


async def _ordered(request: Request, otherwise: str, order: Callable[[str], Awaitable[Answer]]) -> Response:
    """Carry an order out; without scripts it leads back to the page of its form (`back`), or to what it is about."""
    answer = await order(request.scope.get("who", "dashboard"))
    return told(request, ok=answer.ok, message=answer.message, back=own(form(request).get("back", otherwise)))


def _watch(name: str) -> str:
    return f"/watches/{in_path(name)}"


def _until(length: str, now: datetime) -> datetime | None:
    """Return when a pause ends; None for until it is resumed. Raises UsageError for what is no duration."""
    if not length.strip():
        return None
    try:
        return now + durations.parse(length.strip())
    except (ValueError, OverflowError) as error:
        raise UsageError(f"the pause: {error}") from None
