"""Slack, Discord and Telegram: chats whose messages are markup, in which a name can be called and a link can lie."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.alert.services.service import TOKEN, RefusedError, Service, Shown, parsed
from tests.sinks import Answer, Received


class Slack(Service):
    """An incoming webhook.

    Text: "The `text` field accepts up to 40,000 characters", more is truncated
    (https://api.slack.com/changelog/2018-04-truncating-really-long-messages); the text of an attachment is truncated
    after 8,000 (https://github.com/ErikKalkoken/slackApiDoc/blob/master/message_limits.md); the text of a section block
    is refused from 3,001 on with `invalid_blocks` (https://docs.slack.dev/reference/block-kit/blocks/section-block), of
    a header from 151. What is truncated is accepted with 200, its end just does not appear. `<…>` is a control
    sequence, all else must be escaped (https://api.slack.com/docs/message-formatting). Success is 200 with `ok`;
    refusals: 400 invalid_payload, 403 action_prohibited, 404 no_service, 410 channel_is_archived, 429 with Retry-After.
    """

    name = "slack"
    taken = Answer(200, body=b"ok")

    def apprise(self, monkeypatch: pytest.MonkeyPatch) -> str:
        from apprise.plugins.slack import NotifySlack

        monkeypatch.setattr(NotifySlack, "webhook_url", f"{self.url}/services")
        return f"slack://T1JJ3T3L2/A1BRTD4JD/{TOKEN}TIiajkdn/"

    def read(self, request: Received) -> Shown:
        if not urlsplit(request.path).path.startswith("/services/"):
            raise RefusedError(404, "no_service")
        payload = parsed(request)
        attachments = payload.get("attachments", [])
        blocks = [*payload.get("blocks", []), *(block for each in attachments for block in each.get("blocks", []))]
        titles = [each["title"] for each in attachments if each.get("title")]
        cut = [(payload.get("text") or "")[:40_000], *((each.get("text") or "")[:8_000] for each in attachments)]
        texts = [text for text in cut if text]
        for block in blocks:
            text = block.get("text", {}).get("text", "")
            if block["type"] in {"section", "header"}:
                _at_most(text, 3_000 if block["type"] == "section" else 150, "invalid_blocks")
                (titles if block["type"] == "header" else texts).append(text)
        if not texts:
            raise RefusedError(400, "missing_text_or_fallback_or_attachments")
        source = "\n".join([*titles, *texts])
        alive = [found[0] for found in re.finditer(r"<[^<>\n]+>", source)]
        if re.search(r"&(?!amp;|lt;|gt;)", source):
            alive.append("an ampersand that is not escaped")
        if payload.get("link_names") or payload.get("parse") == "full":
            alive += re.findall(r"@\w+", source)
        return Shown(html.unescape("\n".join(titles)), html.unescape("\n".join(texts)), tuple(alive))


class Discord(Service):
    """A webhook.

    `content` has at most 2,000 characters and must not be empty without embeds; an embed's title 256, its description
    4,096, author 256, footer 2,048, 25 fields of 256 and 1,024; all embeds together 6,000
    (https://discord.com/developers/docs/resources/message#embed-object-embed-limits,
    https://discord.com/developers/docs/resources/webhook#execute-webhook). Text is Markdown and rings for `@everyone`,
    `<@id>`, `<@&id>` unless `allowed_mentions` says otherwise. 204 is success; 400 code 50035 invalid form, 401 code
    50027, 404 code 10015 unknown webhook; 429 with Retry-After and `retry_after` in the body, both in seconds
    (https://discord.com/developers/docs/topics/rate-limits).
    """

    name = "discord"
    taken = Answer(204, body=b"")
    slow_down = (
        {"message": "You are being rate limited.", "retry_after": 30.0, "global": False},
        {"Retry-After": "30"},
    )

    def apprise(self, monkeypatch: pytest.MonkeyPatch) -> str:
        from apprise.plugins.discord import NotifyDiscord

        monkeypatch.setattr(NotifyDiscord, "notify_url", f"{self.url}/api/webhooks")
        return f"discord://4174216298/{TOKEN}"

    def read(self, request: Received) -> Shown:
        if not urlsplit(request.path).path.startswith("/api/webhooks/"):
            raise RefusedError(404, {"message": "Unknown Webhook", "code": 10015})
        payload = parsed(request)
        content, embeds = payload.get("content") or "", payload.get("embeds") or []
        if not content.strip() and not embeds:
            raise RefusedError(400, {"message": "Cannot send an empty message", "code": 50006})
        _fits_discord(content, 2_000)
        if len(embeds) > 10:
            raise RefusedError(400, {"message": "Invalid Form Body", "code": 50035})
        for embed in embeds:
            _fits_discord(embed.get("title") or "", 256)
            _fits_discord(embed.get("description") or "", 4_096)
            for field in embed.get("fields", []):
                _fits_discord(field["name"], 256)
                _fits_discord(field["value"], 1_024)
        said = [text for embed in embeds for text in (embed.get("title"), embed.get("description")) if text]
        _fits_discord("".join(said), 6_000)
        title, _, text = "\n".join([*([content] if content else []), *said]).partition("\n")
        mentions = [] if payload.get("allowed_mentions", {}).get("parse") == [] else _discord_mentions(content)
        links = re.findall(r"\[[^\]\n]*\]\(\s*<?https?://[^)\s]+>?[^)\n]*\)", "\n".join([content, *said]))
        return Shown(title.rstrip("\r"), text, (*mentions, *links))


class Telegram(Service):
    """A bot: `sendMessage` takes "1-4096 characters after entities parsing" (https://core.telegram.org/bots/api#sendmessage).

    With `parse_mode: HTML` only its few tags are known and every other `<`, `>` and `&` must be an entity, else 400
    "can't parse entities" (#html-style). A refusal of pace is 429 with `parameters.retry_after` in the body
    (#responseparameters). `@name` in a text calls that user.
    """

    name = "telegram"
    taken = Answer(200, body=b'{"ok":true,"result":{"message_id":1}}')
    slow_down = (
        {
            "ok": False, "error_code": 429, "description": "Too Many Requests: retry after 30",
            "parameters": {"retry_after": 30},
        },
        {},
    )  # fmt: skip

    def apprise(self, monkeypatch: pytest.MonkeyPatch) -> str:
        from apprise.plugins.telegram import NotifyTelegram

        monkeypatch.setattr(NotifyTelegram, "notify_url", f"{self.url}/bot")
        return f"tgram://123456789:{TOKEN}abcdefgh_ijklmn/12315544/"

    def read(self, request: Received) -> Shown:
        if not request.path.endswith("/sendMessage"):
            raise RefusedError(404, {"ok": False, "error_code": 404, "description": "Not Found"})
        payload = parsed(request)
        text, alive = payload.get("text") or "", []
        if payload.get("parse_mode") == "HTML":
            reader = _TelegramHtml()
            reader.feed(text)
            reader.close()
            text, alive = "".join(reader.text), reader.links
        elif payload.get("parse_mode"):
            alive.append(f"parse_mode {payload['parse_mode']}")  # none of our texts is written in it
        if not 1 <= len(text.strip()) <= 4_096:
            said = "Bad Request: message is too long" if text.strip() else "Bad Request: message text is empty"
            raise RefusedError(400, {"ok": False, "error_code": 400, "description": said})
        alive += re.findall(r"(?<!\w)@[A-Za-z]\w{3,}", text)
        title, _, rest = text.partition("\n")
        return Shown(title.rstrip("\r"), rest, tuple(alive))


class _TelegramHtml(HTMLParser):
    """Reads Telegram's HTML; an unknown tag or a bare `<` or `&` is refused as the service refuses it."""

    known = frozenset(
        {"a", "b", "blockquote", "code", "del", "em", "i", "ins", "pre", "s", "strong", "tg-spoiler", "u"}
    )

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.text: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.known:
            self._refuse(f'Unsupported start tag "{tag}"')
        if tag in {"a", "tg-spoiler"}:
            self.links.append(f"<{tag} {dict(attrs)}>")

    def handle_data(self, data: str) -> None:
        if "<" in data or "&" in data:
            self._refuse("Unexpected character")
        self.text.append(data)

    def handle_entityref(self, name: str) -> None:
        if name not in {"amp", "lt", "gt", "quot"}:
            self._refuse(f"entity {name}")
        self.text.append(html.unescape(f"&{name};"))

    def handle_charref(self, name: str) -> None:
        self.text.append(html.unescape(f"&#{name};"))

    def handle_comment(self, data: str) -> None:
        self._refuse("comment")

    def _refuse(self, why: str) -> None:
        said = f"Bad Request: can't parse entities: {why}"
        raise RefusedError(400, {"ok": False, "error_code": 400, "description": said})


def _at_most(text: str, limit: int, said: str) -> None:
    if len(text) > limit:
        raise RefusedError(400, said)


def _fits_discord(text: str, limit: int) -> None:
    if len(text) > limit:
        problem: dict[str, Any] = {"message": "Invalid Form Body", "code": 50035}
        raise RefusedError(400, problem)


def _discord_mentions(content: str) -> list[str]:
    return re.findall(r"@everyone|@here|<@[!&]?\d+>|<#\d+>|</[^>]+:\d+>", content)
