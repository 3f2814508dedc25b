"""What a service on HTTP answered: status, Retry-After and the kind of failure, which apprise does not pass on.

apprise speaks HTTP through `requests` and returns True or False. Retrying rightly needs more (reliability.md C4, rows
111-115), so `requests.Session.send` is observed for the sends that ask for it, as tracing libraries do; every other use
of requests in the process is untouched. Redirects are refused and answers bounded here too. Must not know what is sent.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache, wraps
from typing import Any

MAX_ANSWER = 1_048_576  # bytes of one answer; services answer in a few hundred
MAX_SECONDS = 30.0  # for reading one answer's body
MAX_REFUSAL = 65_536  # bytes of a refusal that are looked through for a time
TOO_MANY = 429
MAX_RETRY_AFTER = 86_400.0  # seconds; a target does not silence us for longer than a day


@dataclass(slots=True)
class Answer:
    """What the requests of one send came to: the last refusal by status, or how the connection failed.

    `uncertain` when a request had left and no answer came: the service may have taken it (reliability.md row 115).
    """

    status: int | None = None
    retry_after: float | None = None
    failure: str | None = None
    uncertain: bool = False
    content: bool = False  # a mail server read the mail before it refused it
    mailed: bool = False  # `status` is a mail server's

    def refuse(self, status: int, after: float | None = None) -> None:
        """Keep a refusal; of several recipients', one that may pass rather than one that stays."""
        if self.status is None or lasting(self.status) or not lasting(status):
            self.status, self.retry_after = status, after

    def mail(self, code: int, *, content: bool = False) -> None:
        """Keep a mail server's refusal likewise; 5xx stays there, 4xx may pass (RFC 5321, 4.2.1)."""
        if self.status is None or self.status >= 500:
            self.status, self.content, self.mailed = code, content, True


def lasting(status: int) -> bool:
    """Return whether a status of HTTP says that the same request is refused again."""
    return 400 <= status < 500 and status not in {408, 425, 429}


_observed: ContextVar[Answer | None] = ContextVar("observed", default=None)


@contextmanager
def observed() -> Iterator[Answer]:
    """Observe every HTTP request that this thread makes inside the block."""
    answer = Answer()
    token = _observed.set(answer)
    try:
        yield answer
    finally:
        _observed.reset(token)


def present() -> Answer | None:
    """Return what is noted of the send that this thread makes."""
    return _observed.get()


@lru_cache(maxsize=1)
def watch_requests() -> None:
    """Begin to observe `requests`; once per process."""
    import requests

    send = requests.Session.send

    @wraps(send)
    def observed_send(session: Any, request: Any, **options: Any) -> Any:
        answer = _observed.get()
        if answer is None:
            return send(session, request, **options)
        if answer.status == TOO_MANY:  # some plugins would ask again at once
            raise requests.RequestException("the service asked for time: nothing more is sent now")
        options["allow_redirects"] = False
        request.register_hook("response", lambda response, **_: _note(answer, response))
        try:
            response = send(session, request, **options)
        except requests.RequestException as error:
            answer.failure, answer.uncertain = _reason(error)
            raise
        if response.status_code == TOO_MANY and answer.retry_after is None:
            answer.retry_after = asked_for(response.content)
        return response

    requests.Session.send = observed_send  # type: ignore[assignment, method-assign]  # the observation is the point


def _note(answer: Answer, response: Any) -> None:
    """Keep a refusal's status and bound the reading of the answer's body."""
    if not 200 <= response.status_code < 300:
        after = retry_after(response.headers.get("Retry-After"), response.headers.get("Date"))
        answer.refuse(response.status_code, after)
    response.headers.pop("X-RateLimit-Reset", None)  # apprise sleeps until then, be it a year: waiting is the outbox's
    response.raw = _Bounded(response.raw)


def retry_after(header: str | None, date: str | None = None) -> float | None:
    """Return the seconds that a Retry-After header names, at most a day; None when it says nothing.

    Where it is a date it is measured from the answer's own `Date`, so that no difference between two clocks matters.
    """
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), MAX_RETRY_AFTER)
    until, since = _instant(text), _instant(date or "")
    if until is None or since is None:
        return None
    return min(max(0.0, (until - since).total_seconds()), MAX_RETRY_AFTER)


def asked_for(body: bytes) -> float | None:
    """Return the seconds that a refusal of pace asks for in its JSON, at most a day; None when it says nothing.

    `parameters.retry_after` is Telegram's (https://core.telegram.org/bots/api#responseparameters), `retry_after`
    Discord's, both in seconds; `retry_after_ms` Matrix's.
    """
    try:
        said = json.loads(body[:MAX_REFUSAL])
    except (ValueError, RecursionError):
        return None
    for place in (said, said.get("parameters")) if isinstance(said, dict) else ():
        for name, unit in (("retry_after", 1.0), ("retry_after_ms", 1_000.0)):
            asked = place.get(name) if isinstance(place, dict) else None
            if isinstance(asked, int | float) and not isinstance(asked, bool) and asked >= 0:
                return min(asked / unit, MAX_RETRY_AFTER)
    return None


def _instant(text: str) -> datetime | None:
    try:
        instant = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _reason(error: Exception) -> tuple[str, bool]:
    """Return how a request failed, in words of ours (the library's hold the URL), and if it may have been taken."""
    import requests
    from urllib3.exceptions import NewConnectionError

    if isinstance(error, requests.ConnectTimeout):
        return "no connection in time", False
    if isinstance(error, requests.Timeout):
        return "no answer in time", True
    if isinstance(error, requests.exceptions.SSLError):
        return "no secure connection (certificate or TLS)", False
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy did not connect", False
    if isinstance(error, requests.ConnectionError):
        cause = getattr(error.args[0], "reason", None) if error.args else None
        if isinstance(cause, NewConnectionError):
            return "no connection (unknown host, network down or refused)", False
        return "the connection broke off before an answer", True
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the answer broke off", True
    return "the request could not be made", False


class _Bounded:
    """The body of an answer, in at most `MAX_ANSWER` bytes and `MAX_SECONDS`; all else is the wrapped response's.

    A body past a bound is cut, not refused: what counts is the status, and that has come.
    """

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def stream(self, amt: int = 8_192, *, decode_content: bool = True) -> Iterator[bytes]:
        """Yield the body as it arrives, up to the bounds."""
        until = time.monotonic() + MAX_SECONDS
        taken = 0
        for part in self._parts(amt, decode=decode_content):
            taken += len(part)
            if taken > MAX_ANSWER or time.monotonic() > until:
                self._raw.close()
                return
            yield part

    def _parts(self, amt: int, *, decode: bool) -> Iterator[bytes]:
        """Yield what has arrived, without waiting for `amt` bytes: a server that drips is noticed."""
        if self._raw.chunked and self._raw.supports_chunked_reads():
            yield from self._raw.read_chunked(amt, decode_content=decode)
            return
        while part := self._raw.read1(amt, decode_content=decode):
            yield part
