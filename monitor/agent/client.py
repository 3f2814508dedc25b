"""The client of the six endpoints: run, run-async, run-sse, list, get, cancel.

Owns httpx: headers, time-outs, caps, and the translation of everything the network does into a value (for a POST
that starts a run: `happenings`) or an `AgentError` (for the rest). Never follows a redirect, reads no proxy from the
environment, refuses compressed bodies, repeats nothing; what came is masked before anything reads it (F1). Must not
know watches, nor what follows from an answer.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import replace
from datetime import datetime
from types import TracebackType
from typing import Any, NoReturn, Self
from urllib.parse import quote

import httpx

from monitor.agent import events, faults
from monitor.agent import happenings as h
from monitor.agent.events import CancelAnswer, RunPage, RunSnapshot
from monitor.agent.masking import Mask
from monitor.agent.origin import checked_origin, loopback
from monitor.agent.outcome import Code, Fault
from monitor.agent.screenshots import Picture, last_picture
from monitor.agent.stream import EventStream
from monitor.agent.transport import TROUBLE, Sent, SingleUse, tls_context, trouble
from monitor.agent.wire import Damaged, read_object
from monitor.clock import Clock
from monitor.errors import AgentError, SecretError

CONNECT = 10.0  # seconds
REQUEST = 30.0  # seconds, for list, get and cancel, and for sending a body
BODY_BYTES = 8 * 1024 * 1024
EMBEDDED_MARK = "x-monitor-agent"  # a header of our embedded agent: it is sent the full schema


class Client:
    """An async client of one API origin. Its time-outs run in the pace of `clock`. Use it with `async with`."""

    def __init__(self, base_url: str, api_key: str, *, clock: Clock, embedded: bool = False) -> None:
        """Raises UsageError for a base url that is not https (or http on loopback), SecretError for an unusable key."""
        self._origin = checked_origin(base_url)
        self._host = self._origin.netloc.decode("ascii", "replace")
        self._headers = {"accept-encoding": "identity", "user-agent": "goal-monitor"}
        self.key_digest: str | None = None  # names the key, to the store
        self.clock = clock
        self.embedded = embedded
        self._speed = float(getattr(clock, "speed", 1.0))
        self.date: str | None = None  # the last `Date` header: the API's clock, for `doctor`
        self._asked = False
        self._starts: httpx.AsyncClient | None = None
        self._pool: httpx.AsyncClient | None = None
        self._mask = Mask()
        self.use_key(api_key)

    def use_key(self, api_key: str) -> None:
        """Send this key from the next request on; raises SecretError, and keeps the old one, for an unusable key."""
        key = api_key.strip()
        if not key.isascii() or not key.isprintable():
            raise SecretError("the API key holds characters that cannot be sent", hint="check TINYFISH_API_KEY")
        self.key_digest = hashlib.sha256(key.encode()).hexdigest()[:16] if key else None
        self.hide(key)
        for headers in (self._headers, *(session.headers for session in (self._starts, self._pool) if session)):
            headers.pop("x-api-key", None)
            if key:
                headers["x-api-key"] = key

    def hide(self, *secrets: str) -> None:
        """Mask these, from now on, in everything that the API says; a key stays masked when another is used (F1)."""
        self._mask.hide(secrets)

    async def __aenter__(self) -> Self:
        """Open the client; no request is made."""
        context = tls_context() if self._origin.scheme == "https" else None
        shared: dict[str, Any] = {"headers": self._headers, "trust_env": False, "follow_redirects": False}
        shared["timeout"] = httpx.Timeout(REQUEST / self._speed, connect=CONNECT / self._speed)
        self._starts = httpx.AsyncClient(transport=SingleUse(context), **shared)
        limits = httpx.Limits(max_connections=20, max_keepalive_connections=10)
        self._pool = httpx.AsyncClient(verify=context or False, limits=limits, **shared)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection."""
        for session in (self._starts, self._pool):
            if session is not None:
                await session.aclose()

    def limit(self, seconds: float) -> asyncio.Timeout:
        """Return a time limit of so many seconds of this client's clock."""
        return asyncio.timeout(max(seconds, 0.001) / self._speed)

    # --- starting a run: the answer is what happened, never an exception of the network

    async def run_sse(self, body: dict[str, Any], *, within: float) -> EventStream | h.Happening:
        """Start a run and return its stream, or what came instead; `within` seconds for the answer to begin."""
        return await self._start("/v1/automation/run-sse", body, within)

    async def run_async(self, body: dict[str, Any], *, within: float) -> h.Happening:
        """Start a run that is then polled."""
        came = await self._start("/v1/automation/run-async", body, within)
        return await self._not_a_stream(came)

    async def run(self, body: dict[str, Any], *, within: float) -> h.Happening:
        """Start a run and wait for its end; such a run cannot be cancelled."""
        came = await self._start("/v1/automation/run", body, within)
        return await self._not_a_stream(came)

    @staticmethod
    async def _not_a_stream(came: EventStream | h.Happening) -> h.Happening:
        if not isinstance(came, EventStream):
            return came
        await came.aclose()
        return h.Lost(Fault(Code.PROTOCOL, "the API answered with a stream where a JSON object was due"))

    async def _start(self, path: str, body: dict[str, Any], within: float) -> EventStream | h.Happening:
        assert self._starts is not None, "the client is used inside `async with`"
        sent = Sent()
        content = json.dumps(body, allow_nan=False).encode()
        request = self._starts.build_request(
            "POST",
            self._origin.copy_with(raw_path=path.encode()),
            content=content,
            headers={"content-type": "application/json", "accept": "text/event-stream, application/json"},
            extensions={"sent": sent, "timeout": {"connect": CONNECT / self._speed, "write": REQUEST / self._speed}},
        )
        response: httpx.Response | None = None
        keep = False
        try:
            async with self.limit(within):
                response = await self._starts.send(request, stream=True)
                if response.status_code == 200 and _media(response) == "text/event-stream" and not _packed(response):
                    self._recognise(response)
                    keep = True
                    return EventStream(response, self.limit, self._mask)
                return self._started(response, await self._body(response), len(content))
        except TROUBLE as error:
            when = "after the request was sent" if sent.left else "before the request was sent"
            fault = trouble(error, when, self._host, masked=self._mask.text)
            return h.Lost(fault) if sent.left else h.NotSent(fault)
        except AgentError as error:
            return h.Lost(Fault(Code(error.code), error.message))
        finally:
            if response is not None and not keep:
                await response.aclose()

    def _started(self, response: httpx.Response, body: bytes, sent: int) -> h.Happening:
        """Return what an answer that is no stream means for the run: the one place that says "no run exists"."""
        status = response.status_code
        fields = _object(body)
        run = events.snapshot(fields) if fields is not None else None
        if status == 200 and run is not None:
            return h.Answered(run)
        if status >= 500 and run is not None and run.run_id is not None:
            return h.Answered(run)  # row 39: the run was created all the same
        if 200 <= status < 300:
            shown = _media(response) or "nothing"
            return h.Lost(
                Fault(Code.PROTOCOL, f"the API answered {status} with {shown}, which is no answer of its own")
            )
        fault = faults.from_http(status, body, response.headers, now=self.clock.now())
        if status == 413:
            fault = replace(fault, message=f"{fault.message} (the request has {sent} bytes)")
        if status >= 500 or status == 408:
            return h.Lost(fault)
        return h.Refused(fault, gated=faults.refuses_schema(status, body))

    # --- runs that exist

    async def list_runs(
        self,
        *,
        goal: str | None = None,
        created_after: datetime | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> RunPage:
        """Return one page of runs, newest first; `goal` is a substring. Raises AgentError."""
        query: dict[str, str] = {"limit": str(limit)}
        if goal is not None:
            query["goal"] = goal
        if created_after is not None:
            query["created_after"] = created_after.isoformat().replace("+00:00", "Z")
        if cursor is not None:
            query["cursor"] = cursor
        fields = await self._ask("GET", "/v1/runs", query)
        try:
            return events.page(fields)
        except Damaged as error:
            _refuse(error, "the list of runs cannot be read")

    async def get(self, run_id: str) -> RunSnapshot:
        """Return a run. Raises AgentError; its cause is `Damaged` where the answer was JSON of no use."""
        return events.snapshot(await self._ask("GET", f"/v1/runs/{quote(run_id, safe='')}", {"screenshots": "none"}))

    async def screenshot(self, run_id: str) -> Picture | None:
        """Return the picture of a run's last step, None where none was taken. Raises AgentError."""
        return last_picture(await self._ask("GET", f"/v1/runs/{quote(run_id, safe='')}", {"screenshots": "base64"}))

    async def cancel(self, run_id: str) -> CancelAnswer:
        """Cancel a run and return what became of it, which may be COMPLETED. Raises AgentError."""
        return events.cancel_answer(await self._ask("POST", f"/v1/runs/{quote(run_id, safe='')}/cancel", {}))

    async def check_key(self) -> None:
        """Ask for one run, which costs nothing; raises AgentError when the API is not reached or refuses the key."""
        await self.list_runs(limit=1)

    async def wants_full_schema(self, *, hinted: bool) -> bool:
        """Return whether the API is our embedded agent; asks once, only on loopback, only for a schema with hints."""
        if hinted and not self.embedded and not self._asked and loopback(self._origin.host):
            self._asked = True
            try:
                await self.check_key()
            except AgentError:
                return self.embedded  # whatever is wrong, the POST that follows will say it
        return self.embedded

    async def _ask(self, method: str, path: str, query: dict[str, str]) -> dict[str, Any]:
        assert self._pool is not None, "the client is used inside `async with`"
        url = self._origin.copy_with(raw_path=path.encode()).copy_merge_params(query)
        try:
            async with self.limit(REQUEST), self._pool.stream(method, url) as response:
                body = await self._body(response)
                media = _media(response)
        except TROUBLE as error:
            fault = trouble(error, f"asking for {path}", self._host, masked=self._mask.text)
            raise AgentError(fault.message, code=fault.code) from error
        if response.status_code != 200:
            fault = faults.from_http(response.status_code, body, response.headers, now=self.clock.now())
            raise AgentError(
                fault.message,
                code=fault.code,
                hint=fault.hint,
                status=response.status_code,
                retry_after=fault.retry_after,
            )
        try:
            return read_object(body)
        except Damaged as error:
            if "json" not in media:
                raise AgentError(f"the API answered {path} with {media or 'nothing'}", code=Code.PROTOCOL) from None
            _refuse(error, f"the answer to {path} cannot be used")

    async def _body(self, response: httpx.Response) -> bytes:
        """Return the whole body, at most 8 MiB; raises AgentError for more, or for a compressed one."""
        self._recognise(response)
        if _packed(response):
            raise AgentError("the API compressed its answer although it was asked not to", code=Code.PROTOCOL)
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > BODY_BYTES:
                raise AgentError(f"the API answered with more than {BODY_BYTES} bytes", code=Code.PROTOCOL)
        return self._mask.body(bytes(body))

    def _recognise(self, response: httpx.Response) -> None:
        """Take note of the headers, masked first: every answer comes by here."""
        for name, value in response.headers.items():
            if (masked := self._mask.text(value)) != value:
                response.headers[name] = masked
        self.date = response.headers.get("date") or self.date
        self.embedded = self.embedded or EMBEDDED_MARK in response.headers


def _media(response: httpx.Response) -> str:
    return faults.clean(response.headers.get("content-type", "").partition(";")[0], 100).lower()


def _packed(response: httpx.Response) -> bool:
    return response.headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        return read_object(body)
    except Damaged:
        return None


def _refuse(error: Damaged, what: str) -> NoReturn:
    raise AgentError(f"{what}: {error}", code=Code.PROTOCOL) from error
