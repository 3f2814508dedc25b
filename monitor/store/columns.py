"""How values lie in the tables: instants as integers, JSON packed, text that any database takes.

Instants are whole microseconds since 1970-01-01T00:00:00Z: they sort and subtract as numbers, round-trip exactly (no
float takes part), mean the same on SQLite and PostgreSQL, and take 8 bytes in an index where text takes 27.
Must not know which table a value belongs to.
"""

from __future__ import annotations

import json
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Dialect, Integer, LargeBinary, String, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

from monitor.errors import StoreCorrupt

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_PLAIN_UNTIL = 256  # bytes; below this zlib gains nothing and the JSON stays readable in the sqlite3 shell
_COMPRESSED = b"x"  # the first byte of every zlib stream of window 32 KiB; no JSON text begins with it


def micros(instant: datetime) -> int:
    """Return an aware instant as microseconds since 1970 in UTC; raises ValueError when it is naive."""
    if instant.tzinfo is None:
        raise ValueError("an instant without a timezone cannot be stored")
    return (instant - _EPOCH) // _MICROSECOND


def pack(value: Any) -> bytes:
    """Return a JSON value as bytes, compressed (zlib level 1) when it is large; raises ValueError when it is not JSON.

    Lone surrogates and NaN, which an agent may send, come back as they were: what was paid for is kept as it came.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except (TypeError, RecursionError) as error:
        raise ValueError(f"a value that is not JSON cannot be stored: {error}") from error
    plain = text.encode("utf-8", "surrogatepass")
    return plain if len(plain) <= _PLAIN_UNTIL else zlib.compress(plain, 1)


def unpack(data: bytes) -> Any:
    """Return the JSON value of `pack`; raises StoreCorrupt when the bytes are not what `pack` writes."""
    try:
        plain = zlib.decompress(data) if data[:1] == _COMPRESSED else data
        return json.loads(plain.decode("utf-8", "surrogatepass"))
    except (zlib.error, ValueError, RecursionError) as error:
        raise StoreCorrupt(f"a stored value cannot be read: {error}", hint="run `monitor doctor`") from error


def storable(text: str) -> str:
    """Return text with U+FFFD in place of lone surrogates and NUL."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").replace("\0", "\ufffd")


class Instant(TypeDecorator[datetime]):
    """An aware instant, stored as integer microseconds, read back in UTC."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - its signature
        """Return microseconds."""
        return None if value is None else micros(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - its signature
        """Return the aware instant."""
        return None if value is None else _EPOCH + timedelta(microseconds=value)


class Packed(TypeDecorator[Any]):
    """Any JSON value; None is NULL."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> bytes | None:  # noqa: ARG002 - its signature
        """Return packed bytes."""
        return None if value is None else pack(value)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> Any:  # noqa: ARG002 - its signature
        """Return the JSON value."""
        return None if value is None else unpack(value)


# Counted by the database: SQLite wants exactly its INTEGER for that, PostgreSQL gives out 32 bits unless told.
Number = Integer().with_variant(BigInteger(), "postgresql")


def _collation(dialect: Dialect) -> str | None:
    """Return SQLite's own order of text by the name that PostgreSQL has for it."""
    return "C" if dialect.name == "postgresql" else None


class Words(TypeDecorator[str]):
    """Text from outside: what UTF-8 or PostgreSQL cannot hold (lone surrogates, NUL) becomes U+FFFD."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[str]:
        """Return text that is compared byte by byte."""
        return dialect.type_descriptor(Text(collation=_collation(dialect)))

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - its signature
        """Return text that can be encoded."""
        return None if value is None else storable(value)


class Name(TypeDecorator[str]):
    """Short text that is looked up by, such as a watch or an id; made storable in values and in questions alike."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[str]:
        """Return text that is compared byte by byte, as ids and beginnings of names have to be."""
        return dialect.type_descriptor(String(collation=_collation(dialect)))

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - its signature
        """Return text that can be encoded."""
        return None if value is None else storable(value)
