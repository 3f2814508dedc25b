"""The one outer layer of the server: who is not let in by name here is refused, whatever route he asks for.

Default deny (promise F6, reliability.md rows 41-50): the size of a request, its Host, its method, its origin, who asks,
what he may do, and the word of his forms are looked at in this order, before any router sees the request; and every
answer leaves with the headers that keep a browser from doing more than showing it. Must not know what a route does.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote

import structlog

from monitor.clock import Clock
from monitor.web import body
from monitor.web.access import Guesses, Names, Rights, Tokens
from monitor.web.origin import foreign
from monitor.web.sessions import COOKIE, Session, Sessions

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger("web")

HEALTH = frozenset({"/healthz", "/readyz"})
OPEN = HEALTH | {"/login", "/robots.txt"}  # without a token; exact, never by a prefix, but for the packaged files
FEEDS = ("/feeds/", "/calendar/", "/badges/")  # read by programs that know no header but Basic
MOST_HEADERS = 100
LONGEST_PATH = 4_096  # bytes, its query included
_STREAMS = frozenset({"/live", "/api/v1/events"})
_FORM = "application/x-www-form-urlencoded"
_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = (
    (b"content-security-policy", _POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),  # with none, forms without scripts come with `Origin: null`
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)


class RefusedError(Exception):
    """A request that goes no further."""

    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who was let in: what he may do, who he is in one line, and how he proved it."""

    rights: Rights
    who: str
    session: Session | None = None
    ambient: bool = True  # his browser proves it by itself, without his will


class Gate:
    """Wraps the application; `scope` then holds `who`, `rights`, `session`, `form` and `csrf`, the word of forms."""

    def __init__(self, app: ASGIApp, names: Names, sessions: Sessions, guesses: Guesses, clock: Clock) -> None:
        self._app, self._names, self._sessions, self._clock = app, names, sessions, clock
        self._tokens: Tokens = sessions.tokens
        self._guesses = guesses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it here."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            return
        head = scope["method"] == "HEAD"
        outward = _outward(send, head=head)
        try:
            headers = self._seen(scope)
            visitor = self._visitor(scope, headers)
            form: dict[str, str] = {}
            if scope["method"] == "POST":
                form, receive = await self._posted(scope, headers, visitor, receive)
        except RefusedError as refused:
            await _refuse(scope, refused, receive, outward)
            return
        inner = dict(scope) | {"method": "GET" if head else scope["method"]}
        inner["headers"] = [each for each in scope["headers"] if each[0] not in {b"range", b"if-range"}]
        inner |= {"who": visitor.who, "rights": visitor.rights, "session": visitor.session, "form": form}
        inner["csrf"] = self._sessions.word(visitor.session)
        await self._app(inner, receive, outward)

    def _seen(self, scope: Scope) -> dict[str, str]:
        """Return the headers of a request that is small enough, for us, and not made by another site."""
        if len(scope["headers"]) > MOST_HEADERS:
            raise RefusedError(431, "too many headers")
        if len(scope["raw_path"] or b"") + len(scope["query_string"]) > LONGEST_PATH:
            raise RefusedError(414, "the address is too long")
        headers: dict[str, str] = {}
        for name, value in scope["headers"]:
            key = name.decode("latin-1").lower()
            if key in {"host", "origin", "authorization", "sec-fetch-site", "content-length"} and key in headers:
                raise RefusedError(400, f"two {key} headers")
            headers[key] = value.decode("latin-1")
        path, method, host = scope["path"], scope["method"], headers.get("host", "")
        strangers = path in HEALTH and self._tokens.needed and not self._names.own_machine
        if not strangers and not self._names.known(host):
            raise RefusedError(421, "unknown host")
        if method not in {"GET", "HEAD", "POST"} or (method == "HEAD" and path in _STREAMS):
            raise RefusedError(405, "method not allowed", allow="GET, HEAD, POST")
        page = not path.startswith("/api/") and path not in _STREAMS
        if foreign(headers, host, reads=method != "POST", page=page):
            raise RefusedError(403, "another site made this request")
        return headers

    # Who asks

    def _visitor(self, scope: Scope, headers: Mapping[str, str]) -> Visitor:
        path, address = scope["path"], (scope.get("client") or ("?", 0))[0]
        given = headers.get("authorization")
        if given is not None and path not in HEALTH:
            return Visitor(self._proved(given, scope, address), f"token, {address}", ambient=False)
        if not self._tokens.needed:
            return Visitor("full", f"this machine, {address}")
        session = self._sessions.read(_cookie(headers, COOKIE), self._clock.now())
        if session is not None:
            return Visitor(session.rights, f"dashboard, {address}", session)
        if path in OPEN or path.startswith("/static/"):
            return Visitor("read", f"nobody, {address}")
        raise self._unknown(scope, headers)

    def _proved(self, given: str, scope: Scope, address: str) -> Rights:
        """Return what the token of an Authorization header is good for."""
        now = self._clock.monotonic()
        wait = self._guesses.wait(address, now)
        if wait:
            raise RefusedError(429, "too many wrong tokens", retry_after=str(int(wait) + 1))
        kind, _, value = given.partition(" ")
        token = value.strip() if kind.lower() == "bearer" else ""
        if kind.lower() == "basic" and is_feed(scope["path"]) and scope["method"] != "POST":
            token = _password(value)
        rights = self._tokens.rights(token) if token else None
        if rights is None:
            self._guesses.missed(address, now)
            raise RefusedError(401, "this token is not known here", www_authenticate=_challenge(scope["path"]))
        return rights

    def _unknown(self, scope: Scope, headers: Mapping[str, str]) -> RefusedError:
        """Return the answer to somebody who has shown nothing: the login page for people, 401 for programs."""
        path, query = scope["path"], scope["query_string"].decode("latin-1")
        reads = scope["method"] in {"GET", "HEAD"} and not path.startswith("/api/") and not is_feed(path)
        if reads and path not in _STREAMS and "text/html" in headers.get("accept", ""):
            wanted = quote(path + (f"?{query}" if query else ""), safe="")
            where = "/login" if path == "/" and not query else f"/login?next={wanted}"
            return RefusedError(303, "log in first", location=where)
        return RefusedError(401, "a token is needed", www_authenticate=_challenge(path))

    # What he orders

    async def _posted(
        self, scope: Scope, headers: Mapping[str, str], visitor: Visitor, receive: Receive
    ) -> tuple[dict[str, str], Receive]:
        """Return the form of an order, and its body to be read again, once it is sure that its sender meant it."""
        path = scope["path"]
        if visitor.rights != "full" and path not in {"/login", "/logout"}:
            raise RefusedError(403, "this token may only read")
        try:
            found = await body.whole(receive, headers.get("content-length"))
        except body.TooLargeError:
            raise RefusedError(413, f"a request has at most {body.MOST} bytes") from None
        except body.TooSlowError:
            raise RefusedError(408, "the request did not arrive in time") from None
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if path.startswith("/api/"):
            if found and kind != "application/json":  # what a page of another site can send without being asked first
                raise RefusedError(415, "send JSON, with content-type: application/json")
            return {}, body.replayed(found, receive)
        form = _fields(found) if kind == _FORM else {}
        if visitor.ambient:
            given = headers.get("x-csrf-token", form.get("csrf", ""))
            if not hmac.compare_digest(given.encode(), self._sessions.word(visitor.session).encode()):
                raise RefusedError(403, "this page is out of date: load it again and repeat what you did")
        return form, body.replayed(found, receive)


def _fields(form: bytes) -> dict[str, str]:
    """Return the fields of a form by name, the last of each."""
    try:
        return dict(parse_qsl(form.decode("ascii"), keep_blank_values=True, max_num_fields=100))
    except ValueError:
        raise RefusedError(400, "this is no form") from None


def is_feed(path: str) -> bool:
    """Return whether a path is for programs that know no other way to show a token than a password."""
    return path.startswith(FEEDS) or path in {"/metrics", "/calendar.ics"}


def _challenge(path: str) -> str:
    return 'Basic realm="goal-monitor", charset="UTF-8"' if is_feed(path) else 'Bearer realm="goal-monitor"'


def _password(value: str) -> str:
    try:
        text = base64.b64decode(value.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
    return text.partition(":")[2]


def _cookie(headers: Mapping[str, str], name: str) -> str:
    for part in headers.get("cookie", "").split(";")[:20]:
        key, _, value = part.strip().partition("=")
        if key == name:
            return value
    return ""


def _outward(send: Send, *, head: bool) -> Send:
    """Return what sends answers with the headers of every answer, and to HEAD without a body."""

    async def outward(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = [each for each in message.get("headers", ()) if each[0].lower() != b"server"]
            names = {each[0].lower() for each in own}
            own += [each for each in _HEADERS if each[0] not in names]
            if b"cache-control" not in names:
                own.append((b"cache-control", b"no-store"))
            message = {**message, "headers": own}
        elif head:
            message = {**message, "body": b""}
        await send(message)

    return outward


async def _refuse(scope: Scope, refused: RefusedError, receive: Receive, send: Send) -> None:
    """Answer a request that goes no further, in JSON for programs and in one line for people."""
    as_json = scope["path"].startswith("/api/") or scope["path"] in HEALTH
    found: Any = {"error": {"code": CODES.get(refused.status, "REFUSED"), "message": refused.message}}
    text = (json.dumps(found) if as_json else refused.message + "\n").encode()
    kind = "application/json" if as_json else "text/plain; charset=utf-8"
    headers = {"content-type": kind, "content-length": str(len(text))} | refused.headers
    if scope["method"] == "POST":
        headers["connection"] = "close"  # its body is not read to the end
    start = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": refused.status, "headers": start})
    if refused.status == 413:
        await send({"type": "http.response.body", "body": text, "more_body": True})
        await body.thrown_away(receive)
        text = b""
    await send({"type": "http.response.body", "body": text, "more_body": False})


CODES = {
    400: "INVALID_INPUT",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    408: "TOO_SLOW",
    409: "CONFLICT",
    413: "TOO_LARGE",
    414: "TOO_LARGE",
    415: "INVALID_INPUT",
    421: "UNKNOWN_HOST",
    422: "INVALID_INPUT",
    429: "RATE_LIMIT_EXCEEDED",
    431: "TOO_LARGE",
    500: "INTERNAL_ERROR",
    503: "SERVICE_BUSY",
}
