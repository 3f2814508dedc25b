"""The door of the embedded agent: which host a request is for, who may ask, and the header that tells who answers.

Pure ASGI.

On loopback no key is needed, so the door keeps web pages out: a page in the operator's browser reaches loopback, but
its requests carry an Origin, and after DNS rebinding a Host that is not ours.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monitor.embedded.api import refusal_response
from monitor.embedded.refusal import RequestError

AGENT_HEADER = "embedded/1"
DEMO_HOST = "demo.localhost"


@dataclass(frozen=True, slots=True)
class Gate:
    """The agent as one ASGI application: the API, and the demo site at its own host and under `/demo/`.

    Where it is not `announced`, by a header, our client takes it for TinyFish and sends what TinyFish takes.
    """

    api: ASGIApp
    site: ASGIApp | None
    key: str | None
    loopback_only: bool
    announced: bool = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)
        host = _host(headers.get("host", ""))
        application = self._chosen(scope, headers, host)
        await application(scope, receive, _with_header(send) if self.announced else send)

    def _chosen(self, scope: Scope, headers: Headers, host: str) -> ASGIApp:
        path = scope["path"]
        if self.site is not None and host == DEMO_HOST:
            return self.site
        if self.loopback_only and not _is_loopback(host):
            return refusal_response(RequestError(403, "FORBIDDEN", "this agent answers to loopback names only"))
        if self.site is not None and (path == "/demo" or path.startswith("/demo/")):
            return _Mounted(self.site)
        if headers.get("origin") is not None:
            return refusal_response(RequestError(403, "FORBIDDEN", "this agent does not answer web pages"))
        if self.key is not None:
            return self._checked(headers.get("x-api-key"))
        return self.api

    def _checked(self, given: str | None) -> ASGIApp:
        assert self.key is not None
        if not given:
            return refusal_response(RequestError(401, "MISSING_API_KEY", "the X-API-Key header is missing"))
        if not hmac.compare_digest(given.encode("utf-8", "replace"), self.key.encode("utf-8", "replace")):
            return refusal_response(RequestError(401, "INVALID_API_KEY", "the API key is not valid"))
        return self.api


@dataclass(frozen=True, slots=True)
class _Mounted:
    """The site under `/demo/`; its links are relative, so that only the path has to be shortened."""

    site: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/demo":
            from starlette.responses import RedirectResponse

            await RedirectResponse("/demo/", status_code=308)(scope, receive, send)
            return
        inner: dict[str, Any] = dict(scope) | {"path": scope["path"].removeprefix("/demo"), "root_path": ""}
        await self.site(inner, receive, send)


def _with_header(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)["X-Monitor-Agent"] = AGENT_HEADER
        await send(message)

    return sending


def _host(header: str) -> str:
    name = header.strip().lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.partition(":")[0].rstrip(".")


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
