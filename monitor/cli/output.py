"""What a command writes: data to stdout, everything else to stderr, JSON as one document; no control characters.

Owns the two streams. Rich is imported when something is drawn, not before (`--help` must be fast).
"""

from __future__ import annotations

import json
import sys
import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from monitor.agent.masking import Mask

_TOKEN = 10  # characters of a part of a URL: shorter ones are words of its path


def data(value: object) -> None:
    """Print one JSON document to stdout."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n")
    sys.stdout.flush()


def line(text: str = "") -> None:
    """Print one line of data for people to stdout."""
    sys.stdout.write(plain(text) + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """Print one line that is not data to stderr."""
    sys.stderr.write(plain(text) + "\n")
    sys.stderr.flush()


def plain(text: str) -> str:
    """Return `text` without control and bidirectional characters: pages must not drive a terminal (row 34)."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in {"Cc", "Cf", "Cs"})


def details(error: BaseException) -> str:
    """Write the traceback of an internal error to a private file and return its path.

    No local variables, and the words of foreign exceptions with every secret masked (F1).
    """
    import os
    import tempfile
    import traceback

    handle, path = tempfile.mkstemp(prefix="monitor-error-", suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(masked("".join(traceback.format_exception(error))))
    return path


def masked(text: str) -> str:
    """Return `text` with every secret masked that this process has read, and the parts of those that are URLs."""
    from monitor.files.secrets import read_so_far

    mask, known = _masking()
    for secret in read_so_far() - known:
        mask.hide({secret, *_parts(secret)})
        known.add(secret)
    return mask.text(text)


@cache
def _masking() -> tuple[Mask, set[str]]:
    """Return the mask of this process, and the secrets that it was told of."""
    from monitor.agent.masking import Mask

    return Mask(), set()


def _parts(secret: str) -> Iterator[str]:
    """Yield what of a URL may be a token or a password: an exception seldom quotes the whole."""
    import re
    from urllib.parse import unquote

    scheme, found, rest = secret.partition("://")
    if not (scheme and found):
        return
    inside, _, after = rest.rpartition("@")
    host, *path = re.split("[/?&=]", after)
    host = "" if "." in host else host.partition(":")[0]  # some services take a token in its place
    for part in (inside, *inside.split(":"), host, *path):
        if len(part) >= _TOKEN:
            yield part
            yield unquote(part)


def console(*, stderr: bool = False) -> Console:
    """Return a Rich console on one of the streams; plain lines when it is not a terminal."""
    from rich.console import Console as RichConsole

    stream = sys.stderr if stderr else sys.stdout
    # A pipe has no width: a row stays one line, for grep and its kind.
    return RichConsole(stderr=stderr, highlight=False, soft_wrap=True, width=None if stream.isatty() else 10_000)


def table(columns: list[str], rows: list[list[Any]]) -> None:
    """Print a table for people to stdout."""
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for row in rows:
        drawn.add_row(
            *(cell if isinstance(cell, Text) else Text(plain("" if cell is None else str(cell))) for cell in row)
        )
    console().print(drawn)
