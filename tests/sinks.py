"""Real servers that a test tells what to answer, and that keep what they were sent: an HTTP webhook and a mail server.

Each listens on a free port of 127.0.0.1 from `with` to its end, on threads of its own: usable from any test.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs


@dataclass(frozen=True)
class Answer:
    """One scripted answer: wait `delay` seconds, then answer; `hang` waits for the sink's end."""

    status: int = 200
    body: bytes = b"ok"
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    hang: bool = False
    drip: float = 0.0  # seconds between single bytes of the body
    close: bool = False  # close the connection without an answer


@dataclass(frozen=True)
class Received:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float  # time.monotonic()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, list[str]]:
        return parse_qs(self.body.decode())


class _Sink:
    """What both sinks share: a list of what came, and waiting for it."""

    def __init__(self) -> None:
        self._arrived = threading.Condition()

    def _note(self, to: list[Any], item: Any) -> None:
        with self._arrived:
            to.append(item)
            self._arrived.notify_all()

    def _wait(self, what: list[Any], count: int, seconds: float) -> None:
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(what) >= count, timeout=seconds):
                raise AssertionError(f"{len(what)} of {count} arrived within {seconds} s")


class WebhookSink(_Sink):
    """An HTTP server that records every request; `script(...)` gives the next answers, `always` the answer after those.

    `answer` may be a callable of the request for rules such as "refuse what is too long".
    """

    def __init__(self, always: Answer | Callable[[Received], Answer] = Answer()) -> None:
        super().__init__()
        self.always = always
        self.received: list[Received] = []
        self._next: deque[Answer] = deque()
        self._over = threading.Event()
        self._open: set[Any] = set()
        self._closed: set[Any] = set()

    def quiet(self, seconds: float = 30.0) -> None:
        """Wait until all that clients sent which are gone now was received: connections are taken in their order."""
        with socket.create_connection(("127.0.0.1", self.port)) as last:
            ours = last.getsockname()
        with self._arrived:
            if not self._arrived.wait_for(lambda: ours in self._closed and not self._open, timeout=seconds):
                raise AssertionError(f"requests were still open after {seconds} s")
            self._closed.clear()

    def script(self, *answers: Answer) -> None:
        self._next.extend(answers)

    def wait_for(self, count: int, seconds: float = 10.0) -> list[Received]:
        """Return what came once `count` requests have come; fails the test after `seconds`."""
        self._wait(self.received, count, seconds)
        return list(self.received)

    def release(self) -> None:
        """Let every request that hangs go on."""
        self._over.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def apprise_url(self, path: str = "hook", scheme: str = "json") -> str:
        return f"{scheme}://127.0.0.1:{self.port}/{path}"

    def __enter__(self) -> Self:
        sink = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 30
            disable_nagle_algorithm = True  # else each answer of two packets costs 40 ms

            def _any(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                request = Received(
                    self.command, self.path, dict(self.headers.items()), self.rfile.read(length), time.monotonic()
                )
                sink._note(sink.received, request)
                sink._reply(self, request)

            do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = _any  # noqa: N815 - the standard library's names

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # a client that went away is no news

            def process_request(self, request: Any, client_address: Any) -> None:
                with sink._arrived:
                    sink._open.add(client_address)
                super().process_request(request, client_address)

            def process_request_thread(self, request: Any, client_address: Any) -> None:
                super().process_request_thread(request, client_address)
                with sink._arrived:
                    sink._open.discard(client_address)
                    sink._closed.add(client_address)
                    sink._arrived.notify_all()

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), name="webhook sink", daemon=True
        )
        self._thread.start()
        return self

    def _reply(self, handler: BaseHTTPRequestHandler, request: Received) -> None:
        answer = self._next.popleft() if self._next else self.always
        if callable(answer):
            answer = answer(request)
        if answer.hang:
            self._over.wait(60)
        elif answer.delay:
            self._over.wait(answer.delay)
        if answer.close or (answer.hang and not self._alive):
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        if "Transfer-Encoding" not in answer.headers:
            handler.send_header("Content-Length", str(len(answer.body)))
        handler.end_headers()
        if not answer.drip:
            handler.wfile.write(answer.body)
            return
        for byte in answer.body:
            if self._over.wait(answer.drip):
                handler.close_connection = True
                return
            handler.wfile.write(bytes([byte]))

    _alive = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._alive = False
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class SmtpSink(_Sink):
    """A mail server that takes every mail, or refuses with `refusal` (as `550 no such user`)."""

    def __init__(self, refusal: str | None = None) -> None:
        super().__init__()
        self.refusal = refusal
        self.mails: list[EmailMessage] = []

    def wait_for(self, count: int, seconds: float = 10.0) -> list[EmailMessage]:
        """Return the mails once `count` have come; fails the test after `seconds`."""
        self._wait(self.mails, count, seconds)
        return list(self.mails)

    def apprise_url(self, to: str = "reader@example.org", sender: str = "monitor@example.org") -> str:
        return f"mailto://127.0.0.1:{self.port}?from={sender}&to={to}&mode=insecure"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        if self.refusal:
            return self.refusal
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self._note(self.mails, mail)
        return "250 taken"

    def __enter__(self) -> Self:
        from aiosmtpd.controller import Controller

        for _ in range(10):
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.port = probe.getsockname()[1]
            self._controller = Controller(self, hostname="127.0.0.1", port=self.port, ready_timeout=10)
            try:
                self._controller.start()
            except OSError:
                continue  # somebody took the port in between
            return self
        raise AssertionError("no free port for a mail server")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._controller.stop()
