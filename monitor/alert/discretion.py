"""What the libraries that send may say: nothing but masked warnings, and only of a send of ours.

apprise and urllib3 log URLs, headers and bodies (reliability.md finding 8). A notification URL is a secret in all its
parts, so every piece of it is masked in whatever is said while it is in use. Must not know what is sent.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from urllib.parse import unquote

MASK = "***"
_SHORTEST = 4  # characters of a piece that is masked; shorter ones (ports, flags) are no secrets
# Words that apprise has for settings and that stand in its sentences too: `received from …`. What is set is masked.
_SPOKEN = re.compile(r"(?<=[?&])(?:format|from|mode|name|session|version)=")
_SILENT = ("urllib3", "requests", "oauthlib", "requests_oauthlib")
_TELL_URLS = ("connectionpool", "connection", "poolmanager", "response", "util.retry")  # modules of urllib3

_hidden: ContextVar[str | None] = ContextVar("hidden", default=None)


@contextmanager
def hiding(url: str) -> Iterator[None]:
    """Mask every piece of `url` in what apprise logs inside the block, on this thread."""
    token = _hidden.set(url)
    try:
        yield
    finally:
        _hidden.reset(token)


def masked(text: str, url: str) -> str:
    """Return the text with every piece of the URL replaced, as it is written there and decoded."""
    rest = _SPOKEN.sub("=", url.partition("://")[2] or url)  # a scheme is named in every error of ours
    pieces = {piece for form in (rest, unquote(rest)) for piece in re.split(r"[^\w.-]+", form)}
    pieces = {piece for piece in pieces if len(piece) >= _SHORTEST} | {url}
    for piece in sorted(pieces, key=len, reverse=True):
        text = re.sub(re.escape(piece), MASK, text, flags=re.IGNORECASE)
    return text


def impose() -> None:
    """Silence the libraries' loggers; apprise's warnings pass masked, for they are how it says why a send failed."""
    for name in _SILENT:
        _quieten(name, logging.CRITICAL)
    for name in _TELL_URLS:
        logging.getLogger(f"urllib3.{name}").addFilter(_not_of_ours)
    _quieten("apprise", logging.WARNING)
    logging.getLogger("apprise").addFilter(_may_be_said)


def _quieten(name: str, level: int) -> None:
    logger = logging.getLogger(name)
    logger.setLevel(level)
    logger.propagate = False
    logger.addHandler(logging.NullHandler())


def _not_of_ours(_: logging.LogRecord) -> bool:
    """Drop what is said of a send of ours, even when somebody turned the level up."""
    return _hidden.get() is None


def _may_be_said(record: logging.LogRecord) -> bool:
    """Mask a warning of a send of ours; drop everything else."""
    url = _hidden.get()
    if url is None or record.levelno < logging.WARNING:
        return False
    record.msg, record.args = masked(record.getMessage(), url), ()
    record.exc_info = record.exc_text = None
    return True
