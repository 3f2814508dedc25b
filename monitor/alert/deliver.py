"""Sending one message to one target: it was taken, or a DeliveryError says why not and whether repeating can help.

Blocking: the outbox calls it on a thread of its own. Owns what counts as success (reliability.md C6) and what a refusal
means (rows 110-119); must not know the store. No text that leaves here holds a URL or a part of one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from monitor.alert import answers, discretion, limits, message, plain, services
from monitor.alert.recipients import Accepted
from monitor.errors import DeliveryError
from monitor.store.records import Delivery

AGAIN = 600.0  # seconds until the one further try after a refusal that names us (reliability.md row 114)
_SHORT = 600  # characters of the body that is sent when the long one was refused for its content (C5)
_TITLE = message.MAX_TITLE + 10  # characters of a title that a service puts into the body
_CONTENT = frozenset({400, 413, 422})
_REFUSED = frozenset({401, 403, 404, 405, 410})
_SUBJECTS = {
    "failure": "failure",
    "recovery": "success",
}


def send(
    url: str,
    delivery: Delivery,
    *,
    whole: bool = False,
    accepted: Accepted | None = None,
    picture: Path | None = None,
) -> None:
    """Send one message; returns when the service said that it took it, raises DeliveryError otherwise.

    A message that is too long for the service is shortened, one refused for its content is sent once more in a short
    form (reliability.md C5); not with `whole`, where ContentError leaves the next step to the caller (a digest is
    split). `accepted` are the recipients that are left out, and those that took it by now. `picture` is a file that
    goes along where the service takes attachments; the short form goes without.
    """
    accepted = Accepted(url) if accepted is None else accepted
    body = _marked(delivery)
    try:
        _send(url, delivery, body, accepted, whole=whole, picture=picture)
    except ContentError as refusal:
        short = body if whole else message.fitted("-", body, 1, _SHORT)[1]
        if short == body and picture is None:
            raise
        try:
            _send(url, delivery, short, accepted, whole=False)
        except ContentError as again:
            raise again from refusal


def room(url: str) -> int:
    """Return how many characters of a body the service of a URL takes in one message, its title counted where it is
    part of the body; raises DeliveryError when there is no such service.
    """
    service, names = _opened(url)
    title = 0 if limits.title_room(service[0], names) else _TITLE
    return max(0, limits.body_room(service[0], names) - title)


class UnansweredError(DeliveryError):
    """The message had left and no answer came: the target may have taken it, so a repeat is marked (row 115)."""


class ContentError(DeliveryError):
    """The service read the message and refused it: another form of it may pass."""


class AnsweredError(DeliveryError):
    """The service answered that it failed: it is there, and another message may pass."""


class PartialError(DeliveryError):
    """Some of the target's recipients took the message and another refused it."""


def _opened(url: str) -> tuple[Any, frozenset[str]]:
    try:
        service = services.open_service(url)
    except services.ServiceError as error:
        raise DeliveryError(str(error), permanent=True) from None
    return service, services.schemes(service[0])


def _send(
    url: str, delivery: Delivery, body: str, accepted: Accepted, *, whole: bool, picture: Path | None = None
) -> None:
    service, names = _opened(url)
    attached = str(picture) if picture is not None and service[0].attachment_support else None
    made = limits.fitted(service[0], names, delivery.title, body, services.written)
    if whole and not made.whole:
        raise ContentError(f"{_named(url)}: too long for one message", permanent=True, retry_after=AGAIN)
    with answers.observed() as answer, discretion.hiding(url), services.remembering(accepted):
        try:
            result = service.notify(
                body=made.body,
                title=made.title,
                notify_type=_SUBJECTS.get(delivery.kind, "info"),
                body_format="text",
                attach=attached,
            )
        except Exception as error:  # noqa: BLE001 - any fault of a plugin is a failed delivery; its text may hold the URL
            raise DeliveryError(f"{_named(url)}: the service failed ({type(error).__name__})") from None
    if not taken(result):
        raise _refusal(_named(url), answer, result, partly=accepted.any())


def taken(result: Any) -> bool:
    """Return True only when exactly one service was asked and its last attempt succeeded (reliability.md C6).

    A service whose URL says `optional=yes` counts as a success in apprise even when it failed; not here.
    """
    from apprise.result import AppriseResult, AppriseResultStatus

    if not isinstance(result, AppriseResult) or result.status is not AppriseResultStatus.SUCCESS:
        return False
    return len(result.results) == 1 and all(
        one.attempts and one.attempts[-1].status is AppriseResultStatus.SUCCESS for one in result.results
    )


def _refusal(name: str, answer: answers.Answer, result: Any, *, partly: bool) -> DeliveryError:
    """Return what a failed send means: a refusal that stays, or a fault that may pass; `partly` when some took it."""
    name, status = f"{name} (one of its recipients)" if partly else name, answer.status
    if status is None or (answer.failure and (answers.lasting(status) or answer.mailed)):
        reason = answer.failure or _last_words(result) or "the service did not take the message"
        return (UnansweredError if answer.uncertain else DeliveryError)(f"{name}: {reason}")
    if answer.mailed and status < 500:
        return AnsweredError(f"{name}: the mail server answered {status}")
    if 300 <= status < 400:
        return DeliveryError(f"{name}: answered {status}, a redirect, which is not followed")
    if answer.content or status in _CONTENT:
        return ContentError(f"{name}: answered {status}, the message was refused", permanent=True, retry_after=AGAIN)
    if answer.mailed or status in _REFUSED:
        kind = PartialError if partly else DeliveryError
        return kind(f"{name}: answered {status}, the target refuses us", permanent=True, retry_after=AGAIN)
    return AnsweredError(f"{name}: answered {status}", retry_after=answer.retry_after)


def _named(url: str) -> str:
    return services.scheme(url) or "target"


def _marked(delivery: Delivery) -> str:
    """Return the body, marked where an earlier copy may have arrived (reliability.md C2)."""
    body = delivery.body.strip() or delivery.title.strip() or f"event {delivery.event}"
    return f"{body}\n(possible repeat: an earlier copy may have arrived)" if delivery.repeat else body


def _last_words(result: Any) -> str:
    """Return what apprise logged last while sending, masked by `discretion`, or an empty text."""
    logs = getattr(result, "logs", None)
    entries = [entry.message for entry in logs()] if logs else []
    return plain.shortened(plain.line(str(entries[-1])), 200) if entries else ""
