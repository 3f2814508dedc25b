"""Naming places in a JSON value: JSON Pointers, and rows of a list named by their key (interface.md, "Commands").

Owns escaping and the cap on a name's length. Must not know what is said of a place.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

LONGEST_SEGMENT = 200  # characters: a key of 1 MB over thousands of changed values must not become gigabytes of paths


def segment(name: str) -> str:
    """Return one key as a segment of a JSON Pointer: `~` and `/` escaped, shortened with a digest when very long."""
    return _shortened(name).replace("~", "~0").replace("/", "~1")


def row_segment(names: Iterable[str], values: Iterable[Any]) -> str:
    """Return the name of a row, `seller=ACME` or `a=1,b=2`; in names and values `~ / = ,` are ~0 ~1 ~2 ~3."""
    return ",".join(f"{_row_part(name)}={_row_part(_plain(value))}" for name, value in zip(names, values, strict=True))


def split(pointer: str) -> list[str]:
    """Return the segments of a JSON Pointer, unescaped; the empty pointer has none."""
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def joined(parts: Iterable[str | int]) -> str:
    """Return the JSON Pointer of keys and indices."""
    return "".join(f"/{segment(str(part))}" for part in parts)


def _row_part(text: str) -> str:
    return segment(text).replace("=", "~2").replace(",", "~3")


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _shortened(name: str) -> str:
    if len(name) <= LONGEST_SEGMENT:
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{name[: LONGEST_SEGMENT - 13]}…{digest}"
