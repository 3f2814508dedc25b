"""What keeps a view small and quick whatever is stored: capped JSON of a column, ids as bounds of time, how to group.

Must not know what is asked.
"""

from __future__ import annotations

import json
import zlib
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, literal_column
from ulid import ULID

from monitor.errors import StoreCorrupt
from monitor.store.tables import runs


class TooLarge:
    """The one value that stands for JSON that a view does not read: larger than its cap."""

    def __repr__(self) -> str:
        return "TOO_LARGE"


TOO_LARGE: Final = TooLarge()


def unpacked(data: bytes | None, most: int) -> tuple[Any, int]:
    """Return the JSON value of a packed column and the bytes of its text that were looked at.

    The value is TOO_LARGE where the text has more than `most` bytes; never more is held, however well it was
    compressed. Raises StoreCorrupt as `columns.unpack` does.
    """
    if data is None:
        return None, 0
    try:
        plain = zlib.decompressobj().decompress(data, most + 1) if data[:1] == b"x" else data
        if len(plain) > most:
            return TOO_LARGE, most
        return json.loads(plain.decode("utf-8", "surrogatepass")), len(plain)
    except (zlib.error, ValueError, RecursionError) as error:
        raise StoreCorrupt(f"a stored value cannot be read: {error}", hint="run `monitor doctor`") from error


# The name of a watch to group by: by the column itself, SQLite would walk the whole history in the order of names.
BY_WATCH: ColumnElement[str] = runs.c.watch.concat(literal_column("''"))


def id_at(instant: datetime) -> str:
    """Return what sorts before the id of every run that was opened at an instant or later, and after all before it."""
    return str(ULID.from_datetime(instant.astimezone(UTC)))[:10]
