"""A fetched page as a value, and its text. Must not know how it was fetched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from monitor.errors import FetchError

_TEXTUAL = ("text/", "application/xhtml+xml", "application/xml", "application/json", "application/ld+json")


@dataclass(frozen=True, slots=True)
class Page:
    """What a server answered: `url` after redirects, header names in lower case, `text` empty if it is no text."""

    url: str
    status: int
    headers: Mapping[str, str]
    content: bytes
    text: str
    encoding: str

    def checked(self) -> Page:
        """Return this page if its status is a success; raises FetchError with code `http_404` and the like."""
        if 200 <= self.status < 300:
            return self
        raise FetchError(f"the page answered {self.status}", code=f"http_{self.status}")


def decode(content: bytes, content_type: str) -> tuple[str, str]:
    """Return text and encoding by byte order mark, header, `<meta>`, then the bytes; the unreadable becomes U+FFFD."""
    from w3lib.encoding import html_to_unicode

    if not content or not is_textual(content_type):
        return "", ""
    encoding, text = html_to_unicode(content_type or None, content, auto_detect_fun=_undeclared)
    return text, encoding


def _undeclared(content: bytes) -> str:
    """Return what a page that names no encoding is in, as browsers decide it: UTF-8 if it is that.

    Else windows-1252.
    """
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "windows-1252"
    return "utf-8"


def is_textual(content_type: str) -> bool:
    """Return whether a Content-Type names text (or names nothing, which browsers read as a page)."""
    kind = content_type.partition(";")[0].strip().lower()
    return not kind or kind.startswith(_TEXTUAL) or kind.endswith(("+xml", "+json"))
