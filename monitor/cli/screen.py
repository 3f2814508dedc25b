"""The demo's screen: a local webhook that real alerts are delivered to, and that shows them as they arrive."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


@dataclass(frozen=True, slots=True)
class Alert:
    """One message as apprise's `json://` posts it."""

    title: str
    body: str


class Screen:
    """A webhook on a free loopback port; `arrived` gives the alerts in their order."""

    def __init__(self) -> None:
        self.arrived: asyncio.Queue[Alert] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        queue = self.arrived

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                posted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                loop.call_soon_threadsafe(queue.put_nowait, Alert(posted.get("title", ""), posted.get("message", "")))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
                """Say nothing: the screen shows alerts, not requests."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="screen", daemon=True)

    @property
    def url(self) -> str:
        """The apprise URL of this screen."""
        return f"json://127.0.0.1:{self._server.server_address[1]}/alerts"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
