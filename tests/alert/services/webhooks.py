"""ntfy, and the generic webhooks that apprise speaks to: JSON, form and XML."""

from __future__ import annotations

from urllib.parse import parse_qs
from xml.etree import ElementTree as ET

import pytest

from tests.alert.services.service import TOKEN, RefusedError, Service, Shown, parsed
from tests.sinks import Received


class Ntfy(Service):
    """A server of one's own, without a folder for attachments.

    A message has at most 4,096 bytes (`message-size-limit`, https://docs.ntfy.sh/config/); a longer one is "treated as
    an attachment", and refused with 400 where there are none (https://docs.ntfy.sh/publish/#limitations,
    https://github.com/binwiederhier/ntfy/releases/tag/v1.11.0). `X-Markdown`, `X-Click`, `X-Actions`, `X-Attach` and
    `X-Email` make a message do something. 401 code 40101, 403 code 40301, 413 code 41301, 429 code 42901, 507.
    """

    name = "ntfy"
    slow_down = ({"code": 42901, "http": 429, "error": "limit reached: too many requests"}, {"Retry-After": "30"})
    limit = 4_096

    def apprise(self, monkeypatch: pytest.MonkeyPatch) -> str:
        return f"ntfy://reader:{TOKEN}@127.0.0.1:{self.port}/espresso"

    def read(self, request: Received) -> Shown:
        if request.path != "/":
            raise RefusedError(400, {"code": 40014, "http": 400, "error": "invalid request: attachments not allowed"})
        payload = parsed(request)
        message, title = payload.get("message") or "", payload.get("title") or ""
        if payload.get("topic") != "espresso":
            raise RefusedError(400, {"code": 40009, "http": 400, "error": "invalid request: topic invalid"})
        if len(message.encode()) > self.limit:
            raise RefusedError(400, {"code": 40014, "http": 400, "error": "invalid request: attachments not allowed"})
        acting = {"x-markdown", "x-click", "x-actions", "x-attach", "x-email", "x-call"}
        alive = [name for name in request.headers if name.lower() in acting]
        alive += [name for name in ("markdown", "click", "actions", "attach", "email", "call") if payload.get(name)]
        return Shown(title, message, tuple(alive))


class Generic(Service):
    """What the three generic webhooks share: a body of at most 64 KiB, an answer of 200."""

    limit = 65_536

    def apprise(self, monkeypatch: pytest.MonkeyPatch) -> str:
        return f"{self.name}://127.0.0.1:{self.port}/{TOKEN}"

    def read(self, request: Received) -> Shown:
        if len(request.body) > self.limit:
            raise RefusedError(413, "too large")
        return self.parsed(request)

    def parsed(self, request: Received) -> Shown:
        raise NotImplementedError


class Json(Generic):
    """https://github.com/caronc/apprise/wiki/Notify_Custom_JSON: version, title, message, type."""

    name = "json"

    def parsed(self, request: Received) -> Shown:
        payload = parsed(request)
        return Shown(payload["title"], payload["message"])


class Form(Generic):
    """https://github.com/caronc/apprise/wiki/Notify_Custom_Form: the same fields, form-encoded UTF-8."""

    name = "form"

    def parsed(self, request: Received) -> Shown:
        try:
            fields = parse_qs(request.body.decode("ascii"), strict_parsing=True, errors="strict")
        except ValueError:
            raise RefusedError(400, "not form-encoded UTF-8") from None
        return Shown(fields["title"][0], fields["message"][0])


class Xml(Generic):
    """https://github.com/caronc/apprise/wiki/Notify_Custom_XML: an envelope with Subject and Message, well-formed."""

    name = "xml"

    def parsed(self, request: Received) -> Shown:
        try:
            root = ET.fromstring(request.body)
        except (ET.ParseError, ValueError):
            raise RefusedError(400, "not well-formed") from None
        texts = {each.tag.rpartition("}")[2]: each.text or "" for each in root.iter()}
        kinds = {each.tag.rpartition("}")[2] for each in root.iter()}
        known = {"Envelope", "Body", "Notification", "Version", "Subject", "MessageType", "Message"}
        return Shown(texts["Subject"], texts["Message"], tuple(kinds - known))
