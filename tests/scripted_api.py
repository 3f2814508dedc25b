"""A scripted agent API on a real socket: any bytes at any pace, with a ledger of the runs it would have billed.

No framework, so that it can misbehave at will. Every POST that is accepted creates a run in the ledger, and
GET, list and cancel answer from the ledger unless told otherwise. The simple default: any POST completes at
once with `result`.

    async with ScriptedApi(result={"price": 1}) as api: ...          # in an async test
    with ScriptedApi().in_thread() as api: ...                       # in a synchronous one
    api.next_run(result={"price": 2}, steps=3).cut_after(120)        # scripts queue up, one per accepted POST
    api.every_run(error={"code": "SITE_BLOCKED", "message": "no"})   # what every further POST does
    api.next_run().status(402, {"error": {...}})                     # refused: nothing in the ledger
    api.answer("GET", "/v1/runs/", 500, "oops", times=3)             # overrides a route (by prefix) for three requests
    api.posts, api.runs, api.requests                                # what came in, and what was billed
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

RESULT: dict[str, Any] = {"price": 499.0, "in_stock": True}
CREATES = ("/v1/automation/run", "/v1/automation/run-async", "/v1/automation/run-sse")


@dataclass
class Request:
    """One request as it came in."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    at: float


@dataclass
class BilledRun:
    """One run that was created, and so is paid for."""

    run_id: str
    goal: str
    body: dict[str, Any]
    script: Script
    created_at: datetime
    born: float
    ends_at: float | None = None  # None: never
    cancelled_at: float | None = None

    def status(self, now: float) -> str:
        """Return the status the API would truthfully show."""
        if self.cancelled_at is not None:
            return "CANCELLED"
        return self.script.outcome if self.ends_at is not None and now >= self.ends_at else str(self.script.going)

    def ended(self, now: float) -> bool:
        """Return whether the run has come to its end."""
        return self.cancelled_at is not None or (self.ends_at is not None and now >= self.ends_at)


@dataclass
class Script:
    """What one accepted POST does; the methods chain."""

    result: Any = None
    error: Any = None
    outcome: str = "COMPLETED"
    steps: int | None = 3
    run_id: str | None = None
    ends_after: float | None = 0.0  # seconds from the POST until the run is terminal; None: never
    bills: bool = True
    http: tuple[int, Any, dict[str, str]] | None = None
    stream: Iterable[bytes | float] | None = None  # bytes, or seconds to wait; None: as it should be
    cut: int | None = None
    slices: int | None = None
    end: str = "close"  # close, reset or hang
    chunked: bool = False
    head: bytes | None = None
    first_wait: float = 0.0
    listed_from: float = 0.0
    events: list[dict[str, Any]] = field(default_factory=list)
    on_cancel: str | None = None  # complete: a cancel finds the run completed; deny: the run goes on
    going: str | None = "RUNNING"  # what a run that goes on is shown as
    shown: dict[str, Any] = field(default_factory=dict)  # put over what GET, list and cancel show of the run

    def cut_after(self, n_bytes: int) -> Script:
        """Close the connection after `n_bytes` of the stream's body; the run itself completes."""
        self.cut = n_bytes
        return self

    def status(
        self, code: int, body: Any = "", headers: dict[str, str] | None = None, *, billed: bool = False
    ) -> Script:
        """Answer the POST with this status and body; without `billed` no run is created."""
        self.http, self.bills = (code, body, headers or {}), billed
        return self

    def heartbeat_only(self, every: float = 0.02, *, started: bool = True) -> Script:
        """Send heartbeats for ever (after STARTED), and never end the run."""
        self.ends_after = None
        beats: list[bytes | float] = [sse({"type": "HEARTBEAT"}), every]
        self.stream = [*([self._event("STARTED")] if started else []), *(beats * 100_000)]
        return self

    def hang_before_first_byte(self) -> Script:
        """Take the request, create the run, and answer nothing."""
        self.head, self.stream, self.end = b"", [], "hang"
        return self

    def hang_after(self, n_bytes: int) -> Script:
        """Send `n_bytes` of the stream, then nothing more, with the connection open."""
        self.cut, self.end = n_bytes, "hang"
        return self

    def close_without_byte(self) -> Script:
        """Take the request, create the run, and close."""
        self.head, self.stream = b"", []
        return self

    def reset(self) -> Script:
        """End the connection with a reset where it would have been closed."""
        self.end = "reset"
        return self

    def sends(self, parts: Iterable[bytes | float]) -> Script:
        """Send these as the stream's body as they are made: more than memory holds, if need be."""
        self.stream = parts
        return self

    def shows(self, **fields: Any) -> Script:
        """Put these over the run object that GET and list show."""
        self.shown = fields
        return self

    def raw(self, *parts: bytes | float) -> Script:
        """Send exactly these bytes as the stream's body, waiting where a number stands; `{run_id}` is filled in."""
        self.stream = list(parts)
        return self

    def in_slices(self, n_bytes: int) -> Script:
        """Send the stream in pieces of `n_bytes`."""
        self.slices = n_bytes
        return self

    def as_chunks(self) -> Script:
        """Send the stream with chunked transfer coding, so that a cut shows as a protocol error."""
        self.chunked = True
        return self

    def takes(self, seconds: float | None) -> Script:
        """Let the run be terminal only after `seconds` (None: never); its stream completes then too."""
        self.ends_after = seconds
        return self

    def waits(self, seconds: float) -> Script:
        """Wait before the first byte of the answer."""
        self.first_wait = seconds
        return self

    def listed_after(self, seconds: float) -> Script:
        """Show the run in the list only after `seconds`."""
        self.listed_from = seconds
        return self

    def progress(self, *purposes: str) -> Script:
        """Put PROGRESS events into the ordinary stream."""
        self.events += [{"type": "PROGRESS", "purpose": purpose} for purpose in purposes]
        return self

    def streaming_url(self, url: str) -> Script:
        """Put a STREAMING_URL event into the ordinary stream."""
        self.events.insert(0, {"type": "STREAMING_URL", "streaming_url": url})
        return self

    def cancel_finds_it_completed(self) -> Script:
        """Let a cancel answer COMPLETED, and GET show the result from then on."""
        self.on_cancel = "complete"
        return self

    def cancel_is_ignored(self) -> Script:
        """Let a cancel answer with a status that says nothing, and the run go on."""
        self.on_cancel = "deny"
        return self

    @staticmethod
    def _event(kind: str) -> bytes:
        return sse({"type": kind, "run_id": "{run_id}", "timestamp": "2026-11-21T12:00:00.000Z"})


def sse(event: Any) -> bytes:
    """Return one event as the API frames it."""
    text = event if isinstance(event, str) else json.dumps(event, ensure_ascii=False)
    return b"data: " + text.encode() + b"\n\n"


async def _rest(reader: asyncio.StreamReader, seconds: float) -> None:
    """Wait, but not for a client that has gone."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(reader.read(1), seconds)
        raise ConnectionResetError("the client left")


class ScriptedApi:
    """The server. `url` is its base url; everything it saw and billed can be read at any time."""

    def __init__(self, *, result: Any = None, embedded: bool = False, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.runs: list[BilledRun] = []
        self.open_connections = 0
        self._default: Callable[[], Script] = lambda: Script(result=RESULT if result is None else result)
        self._queue: list[Script] = []
        self._overrides: list[list[Any]] = []
        self._tears: list[int] = []
        self.torn = 0  # requests for a run that were reset before they were whole
        self._embedded = embedded
        self._tls = tls
        self._idle = asyncio.Event()
        self._idle.set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    # --- scripting

    def next_run(
        self, *, result: Any = None, error: Any = None, status: str | None = None, steps: int | None = 3
    ) -> Script:
        """Queue a script for the next POST that creates a run and return it, for chaining."""
        script = self._script(result, error, status, steps)
        self._queue.append(script)
        return script

    def every_run(
        self, *, result: Any = None, error: Any = None, status: str | None = None, steps: int | None = 3
    ) -> Script:
        """Set the script of every POST for which none is queued and return it, for chaining."""
        script = self._script(result, error, status, steps)
        self._default = lambda: script
        return script

    def _script(self, result: Any, error: Any, status: str | None, steps: int | None) -> Script:
        outcome = status or ("FAILED" if error is not None else "COMPLETED")
        shown = self._default().result if result is None and outcome == "COMPLETED" else result
        return Script(result=shown, error=error, outcome=outcome, steps=steps)

    def answer(
        self,
        method: str,
        prefix: str,
        status: int,
        body: Any = "",
        *,
        headers: dict[str, str] | None = None,
        times: int = 1,
    ) -> None:
        """Answer the next `times` requests whose path begins with `prefix` like this, instead of truthfully.

        A `body` that can be called is given the query of the request and returns the body.
        """
        self._overrides.append([method, prefix, (status, body, headers or {}), times])

    def tear_post(self, after: int, *, times: int = 1) -> None:
        """Reset the next `times` connections that ask for a run after so many bytes of the body; nothing is billed."""
        self._tears += [after] * times

    @property
    def url(self) -> str:
        """The base url."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def posts(self) -> int:
        """How many requests asked for a run."""
        return sum(1 for request in self.requests if request.method == "POST" and request.path in CREATES)

    @property
    def cancels(self) -> int:
        """How many cancels were asked for."""
        return sum(1 for request in self.requests if request.path.endswith("/cancel"))

    # --- running

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def until_closed(self, within: float = 5.0) -> None:
        """Wait until no connection is open; raises TimeoutError."""
        await asyncio.wait_for(self._idle.wait(), within)

    @contextlib.contextmanager
    def in_thread(self) -> Iterator[ScriptedApi]:
        """Serve from a thread of its own, for tests that are not async."""
        loop = asyncio.new_event_loop()
        ready, done = threading.Event(), asyncio.Event()

        async def live() -> None:
            async with self:
                ready.set()
                await done.wait()

        thread = threading.Thread(target=lambda: loop.run_until_complete(live()), name="scripted-api", daemon=True)
        thread.start()
        if not ready.wait(10):
            raise RuntimeError("the scripted API did not start")
        try:
            yield self
        finally:
            loop.call_soon_threadsafe(done.set)
            thread.join(10)
            loop.close()

    # --- serving

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.open_connections += 1
        self._idle.clear()
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            return  # the client went away: nothing to answer
        except asyncio.CancelledError:
            return  # the server is being closed
        finally:
            self.open_connections -= 1
            if not self.open_connections:
                self._idle.set()
            self._tasks.discard(task)
            if writer.transport is not None:
                writer.transport.abort() if self._tls else writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if method == "POST" and target in CREATES and self._tears:
            self.torn += 1
            await reader.readexactly(self._tears.pop(0))
            self._reset(writer)
            return False
        raw = await reader.readexactly(int(headers.get("content-length", "0")))
        split = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(split.query).items()}
        body = json.loads(raw) if raw else None
        self.requests.append(Request(method, unquote(split.path), query, headers, body, time.monotonic()))
        override = self._overridden(method, split.path)
        if override is not None:
            status, body, extra = override
            await self._answer(writer, status, body(query) if callable(body) else body, extra)
            return True
        if method == "POST" and split.path in CREATES:
            return await self._create(reader, writer, split.path, body)
        await self._answer(writer, *self._truth(method, unquote(split.path), query))
        return True

    def _overridden(self, method: str, path: str) -> tuple[int, Any, dict[str, str]] | None:
        for entry in self._overrides:
            if entry[0] == method and path.startswith(entry[1]) and entry[3] > 0:
                entry[3] -= 1
                answer: tuple[int, Any, dict[str, str]] = entry[2]
                return answer
        return None

    async def _create(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, body: Any) -> bool:
        script = self._queue.pop(0) if self._queue else self._default()
        run = None
        if script.bills:
            run_id = script.run_id or f"run_{len(self.runs) + 1}"
            run = BilledRun(run_id, body.get("goal", ""), body, script, datetime.now(UTC), time.monotonic())
            run.ends_at = None if script.ends_after is None else run.born + script.ends_after
            self.runs.append(run)
        if script.first_wait:
            await _rest(reader, script.first_wait)
        if script.http is not None:
            await self._answer(writer, *script.http)
            return True
        assert run is not None
        if script.head == b"":
            return await self._finish(reader, writer, script)
        if path.endswith("/run-async"):
            await self._answer(writer, 200, {"run_id": run.run_id, "error": None}, {})
            return True
        if path.endswith("/run"):
            await _rest(reader, 3_600 if script.ends_after is None else script.ends_after)
            await self._answer(writer, 200, self.show(run), {})
            return True
        await self._stream(reader, writer, run)
        return False

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, run: BilledRun) -> None:
        script = run.script
        coding = b"transfer-encoding: chunked\r\n" if script.chunked else b"connection: close\r\n"
        mark = b"x-monitor-agent: 1\r\n" if self._embedded else b""
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n" + coding + mark + b"\r\n")
        left = script.cut
        async for whole in self._pieces(reader, run):
            piece = whole if left is None else whole[:left]
            left = None if left is None else left - len(piece)
            if piece:
                writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if script.chunked else piece)
                await writer.drain()
            if left == 0:
                break
        else:
            if script.chunked:
                writer.write(b"0\r\n\r\n")
        await writer.drain()
        await self._finish(reader, writer, script)

    async def _pieces(self, reader: asyncio.StreamReader, run: BilledRun) -> AsyncIterator[bytes]:
        for part in run.script.stream if run.script.stream is not None else self.ordinary(run):
            if isinstance(part, (int, float)):
                await _rest(reader, part)
                continue
            filled = part.replace(b"{run_id}", run.run_id.encode())
            size = run.script.slices or len(filled) or 1
            for start in range(0, len(filled), size):
                yield filled[start : start + size]
                if run.script.slices:
                    await asyncio.sleep(0)

    def ordinary(self, run: BilledRun) -> list[bytes | float]:
        """Return the stream of a run that goes as it should."""
        script = run.script
        parts: list[bytes | float] = [Script._event("STARTED")]
        parts += [sse({"run_id": "{run_id}"} | event) for event in script.events]
        if script.ends_after is None:
            return [*parts, 3_600.0]
        parts += [script.ends_after, b": beat\n\n"] if script.ends_after else []
        end = {
            "type": "COMPLETE",
            "run_id": "{run_id}",
            "status": script.outcome,
            "timestamp": "2026-11-21T12:00:05.000Z",
        }
        if script.result is not None:
            end["result"] = script.result
        if script.error is not None:
            end["error"] = script.error
        return [*parts, sse(end)]

    async def _finish(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, script: Script) -> bool:
        if script.end == "hang":
            await _rest(reader, 3_600)
        if script.end == "reset":
            self._reset(writer)
        return False

    @staticmethod
    def _reset(writer: asyncio.StreamWriter) -> None:
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async def _answer(self, writer: asyncio.StreamWriter, status: int, body: Any, headers: dict[str, str]) -> None:
        raw = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        kind = "text/html" if isinstance(body, (bytes, str)) else "application/json"
        shown = {"content-type": kind, "content-length": str(len(raw))} | headers
        if self._embedded:
            shown["x-monitor-agent"] = "1"
        lines = "".join(f"{name}: {value}\r\n" for name, value in shown.items())
        writer.write(f"HTTP/1.1 {status} Scripted\r\n{lines}\r\n".encode() + raw)
        await writer.drain()

    # --- the truth

    def show(self, run: BilledRun, *, detail: bool = True) -> dict[str, Any]:
        """Return the run object that the API would show now."""
        status = run.status(time.monotonic())
        done = run.ended(time.monotonic())
        shown: dict[str, Any] = {
            "run_id": run.run_id,
            "status": status,
            "goal": run.goal,
            "created_at": run.created_at.isoformat().replace("+00:00", "Z"),
            "started_at": run.created_at.isoformat().replace("+00:00", "Z"),
            "finished_at": "2026-11-21T12:00:05.000Z" if done else None,
            "num_of_steps": run.script.steps if done else None,
            "result": run.script.result if status == "COMPLETED" else None,
            "error": run.script.error if status == "FAILED" else None,
            "streaming_url": None,
        }
        return shown | ({"steps": []} if detail else {}) | run.script.shown

    def _truth(self, method: str, path: str, query: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        missing: tuple[int, Any, dict[str, str]] = 404, {"error": {"code": "NOT_FOUND", "message": "Run not found"}}, {}
        if method == "GET" and path == "/v1/runs":
            return 200, self._list(query), {}
        if not path.startswith("/v1/runs/"):
            return missing
        run_id, _, action = path.removeprefix("/v1/runs/").partition("/")
        run = next((run for run in self.runs if run.run_id == run_id), None)
        if run is None:
            return missing
        if method == "POST" and action == "cancel":
            return 200, self._cancel(run), {}
        return 200, self.show(run), {}

    def _list(self, query: dict[str, str]) -> dict[str, Any]:
        now = time.monotonic()
        after = (
            datetime.fromisoformat(query["created_after"])
            if "created_after" in query
            else datetime.min.replace(tzinfo=UTC)
        )
        found = [
            self.show(run, detail=False)
            for run in reversed(self.runs)
            if query.get("goal", "").lower() in run.goal.lower()
            and run.created_at >= after
            and now >= run.born + run.script.listed_from
        ]
        page = found[: int(query.get("limit", "20"))]
        return {"data": page, "pagination": {"total": len(found), "next_cursor": None, "has_more": False}}

    def _cancel(self, run: BilledRun) -> dict[str, Any]:
        now = time.monotonic()
        if run.script.on_cancel == "deny":
            return {"run_id": run.run_id, "status": "RUNNING", "cancelled_at": None, "message": "not now"}
        if run.script.on_cancel == "complete":
            run.ends_at = now
        elif not run.ended(now):
            run.cancelled_at = now
        return {"run_id": run.run_id, "status": run.status(now), "cancelled_at": None, "message": None}
