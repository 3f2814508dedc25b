"""The application behind the gate: the routers of pages, API, feeds and the live stream, and how errors look.

Composes only. Must not know who may ask, nor what a route does.
"""

from __future__ import annotations

from typing import Any

import structlog
from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response

from monitor import __version__
from monitor.errors import MonitorError, NoSuch, StoreError, UsageError
from monitor.web import api, documents, feeds, health, pages
from monitor.web.api.overview import stream
from monitor.web.console import Console
from monitor.web.gate import CODES, is_feed
from monitor.web.pages import static

log = structlog.get_logger("web")

_AGAIN = "5"  # seconds after which a store that was busy may be asked again
_SHOWN = 5  # faults of one request that are named


def application(console: Console, sign_in: APIRouter) -> FastAPI:
    """Return the application; `sign_in` are the routes by which a session begins and ends."""
    app = FastAPI(
        title="goal-monitor",
        version=__version__,
        description="Everything that the dashboard shows and does. Times are UTC, RFC 3339.",
        docs_url=None,  # their pages load scripts from elsewhere
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        redirect_slashes=False,
    )
    app.add_exception_handler(MonitorError, _failed)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(Exception, _broken)
    own = APIRouter(include_in_schema=False)
    own.add_api_route("/live", _live(console))
    own.add_api_route("/robots.txt", _robots)
    for router in (
        health.router(console.health),
        own,
        sign_in,
        static.router(console),
        *api.routers(console),
        *feeds.routers(console),
        *pages.routers(console),
    ):
        app.include_router(router)
    return app


def _live(console: Console) -> Any:
    async def live() -> Response:
        return stream(console)

    return live


async def _robots() -> Response:
    return PlainTextResponse("User-agent: *\nDisallow: /\n")


def _answer(request: Request, status: int, message: str, hint: str | None = None, **headers: str) -> Response:
    """Return an error: JSON for the API, one line for feeds, a page for people."""
    path = request.scope["path"]
    if path.startswith("/api/"):
        return documents.problem(status, CODES.get(status, "REFUSED"), message, hint, **headers)
    if is_feed(path) or path in {"/live", "/healthz", "/readyz"}:
        response: Response = PlainTextResponse(message + "\n", status)
    else:
        response = pages.problem(request, status, f"{message} ({hint})" if hint else message)
    for name, value in headers.items():
        response.headers[name.replace("_", "-")] = value
    return response


async def _failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, MonitorError)
    if isinstance(error, NoSuch):
        return _answer(request, 404, error.message, error.hint)
    if isinstance(error, UsageError):
        return _answer(request, 409 if request.method == "POST" else 422, error.message, error.hint)
    log.warning("a request failed", path=request.scope["path"][:200], error=str(error))
    if isinstance(error, StoreError) and error.transient:
        return _answer(request, 503, "the store is busy", "try again in a moment", retry_after=_AGAIN)
    return _answer(request, 500, error.message, error.hint)


async def _refused(request: Request, error: Exception) -> Response:
    """Answer what the framework refuses: no such route, or no such method on it."""
    assert isinstance(error, HTTPException)
    words = {404: "there is no such page", 405: "this cannot be done here"}
    message = words.get(error.status_code, str(error.detail)[:200])
    allowed = {"allow": error.headers["Allow"]} if error.headers and "Allow" in error.headers else {}
    return _answer(request, error.status_code, message, **allowed)


async def _not_understood(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = error.errors()[:_SHOWN]  # without what was given: it may be anything
    if not request.scope["path"].startswith("/api/") and any(fault["loc"][0] == "path" for fault in faults):
        return _answer(request, 404, "there is no such page")
    found = []
    for fault in faults:
        where = ".".join(str(part) for part in fault["loc"] if part not in {"body", "query", "path"})[:100]
        found.append(f"{where}: {fault['msg'][:200]}" if where else str(fault["msg"])[:200])
    return _answer(request, 422, "; ".join(found))


async def _broken(request: Request, error: Exception) -> Response:
    """Answer what is a defect of ours; the log has the traceback, whoever asked sees one line."""
    log.error("a request broke", path=request.scope["path"][:200], exc_info=error)
    return _answer(request, 500, "internal error; the log of the daemon says more")
