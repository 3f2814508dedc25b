"""The HTTP face of the embedded agent: routes, envelopes, streams (agent-api.md 2 to 9). Owns Starlette.

Decides nothing about runs.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from monitor.embedded import wire
from monitor.embedded.captures import Kind
from monitor.embedded.flight import Flight
from monitor.embedded.ledger import Query
from monitor.embedded.order import MAX_BODY, Order, parse
from monitor.embedded.refusal import RequestError, invalid, issue
from monitor.embedded.runner import Runner
from monitor.errors import StoreError

log = structlog.get_logger(__name__)

# A captured page is somebody else's: no script of it runs with this agent's origin, should a browser open it.
_FOREIGN = {
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Content-Disposition": "attachment",
}

Start = Callable[[Order, str], Awaitable[Flight]]


class Api:
    """The endpoints over one `Runner`; `start` creates a run, `heartbeat` is in seconds."""

    def __init__(self, runner: Runner, start: Start, *, heartbeat: float, strict_schema: bool) -> None:
        self._runner = runner
        self._start = start
        self._heartbeat = heartbeat
        self._strict_schema = strict_schema

    def application(self) -> Starlette:
        """Return the API as a web application; every error leaves it in the API's envelope."""
        routes = [
            Route("/v1/automation/run", self.run, methods=["POST"]),
            Route("/v1/automation/run-async", self.run_async, methods=["POST"]),
            Route("/v1/automation/run-sse", self.run_sse, methods=["POST"]),
            Route("/v1/runs", self.list_runs, methods=["GET"]),
            Route("/v1/runs/{run_id}", self.get_run, methods=["GET"]),
            Route("/v1/runs/{run_id}/cancel", self.cancel_run, methods=["POST"]),
            Route("/v1/runs/{run_id}/steps/{step_id}/screenshot", self.screenshot, methods=["GET"]),
            Route("/v1/runs/{run_id}/steps/{step_id}/html", self.html, methods=["GET"]),
            Route("/openapi.json", self.openapi, methods=["GET"]),
        ]
        handlers: dict[Any, Any] = {
            RequestError: _refused,
            StoreError: _store_failed,
            HTTPException: _http_error,
            Exception: _broken,
        }
        return Starlette(routes=routes, exception_handlers=handlers)

    async def run(self, request: Request) -> Response:
        """Run and answer when it has ended; FAILED comes with HTTP 200, too."""
        flight = await self._start(await self._order(request), "sync")
        await flight.ended.wait()
        names = ["run_id", "status", "started_at", "finished_at", "num_of_steps", "result", "error"]
        names += ["extraction"] if flight.run["extraction"] is not None else []  # this agent's own, as in COMPLETE
        return _json({name: flight.run[name] for name in names})

    async def run_async(self, request: Request) -> Response:
        """Run and answer at once with the id."""
        flight = await self._start(await self._order(request), "async")
        return _json({"run_id": flight.run["run_id"], "error": None})

    async def run_sse(self, request: Request) -> Response:
        """Run and stream its events; closing the stream does not stop the run."""
        flight = await self._start(await self._order(request), "sse")
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        # Listening begins before this coroutine lets go of the loop again, so no event of the run is missed.
        listener: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        flight.listeners.append(listener)
        return StreamingResponse(self._events(flight, listener), media_type="text/event-stream", headers=headers)

    async def list_runs(self, request: Request) -> Response:
        """List runs, newest first unless asked otherwise."""
        found = await self._runner.find(query(request.query_params))
        cursor = _cursor(found.next_seq) if found.next_seq is not None else None
        pagination = {"total": found.total, "next_cursor": cursor, "has_more": cursor is not None}
        return _json({"data": [wire.shown(run, detail=False) for run in found.runs], "pagination": pagination})

    async def get_run(self, request: Request) -> Response:
        """Return one run, with its steps; `screenshots` says whether they hold their pictures or an address of each."""
        form = screenshots(request.query_params)
        run = await self._runner.get(request.path_params["run_id"])
        pictures = await self._pictures(run, form, str(request.base_url)) if form != "none" else {}
        return _json(wire.shown(run, detail=True, pictures=pictures))

    async def screenshot(self, request: Request) -> Response:
        """Return the picture of one step."""
        return await self._capture(request, "screenshot", "image/jpeg")

    async def html(self, request: Request) -> Response:
        """Return the HTML that one step worked on."""
        return await self._capture(request, "html", "text/html; charset=utf-8")

    async def openapi(self, _request: Request) -> Response:
        """Return the description of this API, as OpenAPI 3.1."""
        from monitor.embedded.openapi import document

        return _json(document())

    async def cancel_run(self, request: Request) -> Response:
        """Cancel one run; repeating it is harmless and always tells the true status."""
        return _json(await self._runner.cancel(request.path_params["run_id"]))

    async def _capture(self, request: Request, kind: Kind, media_type: str) -> Response:
        where = request.path_params
        content = await self._runner.capture(where["run_id"], where["step_id"], kind)
        return Response(content, media_type=media_type, headers=_FOREIGN)

    async def _pictures(self, run: dict[str, Any], form: str, base: str) -> dict[str, str]:
        """Return the screenshots of a run's steps, as base64 or as addresses."""
        kept = await self._runner.captured(run["run_id"], "screenshot")
        if form == "url":
            return {step: f"{base}v1/runs/{run['run_id']}/steps/{step}/screenshot" for step in kept}
        return {step: base64.b64encode(content).decode() for step, content in kept.items()}

    async def _order(self, request: Request) -> Order:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                raise RequestError(400, "INVALID_INPUT", f"the request body is larger than {MAX_BODY} bytes", issues=[])
        return parse(bytes(body), strict_schema=self._strict_schema)

    async def _events(self, flight: Flight, listener: asyncio.Queue[dict[str, Any] | None]) -> AsyncIterator[bytes]:
        yield wire.frame(wire.event("STARTED", flight.run["created_at"], flight.run["run_id"]))
        while True:
            try:
                async with asyncio.timeout(self._heartbeat):
                    event = await listener.get()
            except TimeoutError:
                yield wire.frame(wire.event("HEARTBEAT", self._runner.now()))
                continue
            if event is None:
                return
            yield wire.frame(event)
            if event["type"] == "COMPLETE":
                return


def query(parameters: Any) -> Query:
    """Return the filters that the query string asks for; raises RequestError 400 with every issue."""
    issues: list[dict[str, Any]] = []

    def read(name: str, reader: Callable[[str], Any], expected: str) -> Any:
        text = parameters.get(name)
        if text is None:
            return None
        try:
            return reader(text)
        except (ValueError, OverflowError):
            issues.append(issue([name], f"{name} must be {expected}"))
            return None

    direction = read("sort_direction", _one_of("asc", "desc"), "asc or desc")
    limit = read("limit", _limit, "a whole number from 1 to 100")
    asked = Query(
        status=read("status", _one_of(*wire.STATUSES), f"one of {', '.join(wire.STATUSES)}"),
        goal=read("goal", _short, "at most 500 characters"),
        created_after=read("created_after", _instant, "an ISO 8601 instant"),
        created_before=read("created_before", _instant, "an ISO 8601 instant"),
        descending=direction != "asc",
        after_seq=read("cursor", _seq, "a cursor of an earlier answer"),
        limit=limit or 20,
    )
    if issues:
        raise invalid(issues)
    return asked


def screenshots(parameters: Any) -> str:
    """Return the form in which screenshots are asked for: none, base64 or url; raises RequestError 400."""
    form: str = parameters.get("screenshots", "none")
    if form not in ("none", "base64", "url"):
        raise invalid([issue(["screenshots"], "screenshots must be none, base64 or url")])
    return form


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(text)
        return text

    return read


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= 100):
        raise ValueError(text)
    return int(text)


def _short(text: str) -> str:
    if len(text) > 500:
        raise ValueError(text)
    return text


def _instant(text: str) -> str:
    moment = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)  # a bare + of a query string
    return wire.instant(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _cursor(seq: int) -> str:
    return base64.urlsafe_b64encode(f"seq:{seq}".encode()).decode()


def _seq(text: str) -> int:
    try:
        word, _, number = base64.urlsafe_b64decode(text.encode("ascii")).decode("ascii").partition(":")
    except (binascii.Error, UnicodeError) as problem:
        raise ValueError(text) from problem
    if word != "seq" or not (number.isdecimal() and len(number) < 20 and 0 < int(number) < 2**62):
        raise ValueError(text)
    return int(number)


def _json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(wire.dumped(value), status_code=status, headers=headers, media_type="application/json")


def refusal_response(refusal: RequestError) -> Response:
    """Return a refusal as an HTTP answer, with Retry-After where it names seconds."""
    headers = {"Retry-After": f"{refusal.retry_after:.0f}"} if refusal.retry_after else None
    return _json(refusal.body(), refusal.status or 500, headers)


async def _refused(_request: Request, problem: Exception) -> Response:
    assert isinstance(problem, RequestError)
    return refusal_response(problem)


async def _store_failed(_request: Request, problem: Exception) -> Response:
    return refusal_response(RequestError(503, "SERVICE_BUSY", f"the ledger of runs: {problem}", retry_after=1))


async def _broken(request: Request, problem: Exception) -> Response:
    log.error("embedded_request_broke", path=request.url.path, exc_info=problem)
    return refusal_response(RequestError(500, "INTERNAL_ERROR", "the embedded agent failed on this request"))


async def _http_error(_request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    codes = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}
    message = f"{problem.detail}: the embedded agent serves /v1/automation/run, run-async, run-sse and /v1/runs"
    refusal = RequestError(problem.status_code, codes.get(problem.status_code, "INVALID_INPUT"), message)
    return _json(refusal.body(), problem.status_code, dict(problem.headers or {}))
