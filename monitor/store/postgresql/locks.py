"""The advisory locks of a store on PostgreSQL, as words of SQL: who writes what, and who is alive.

A writer is alone, or it shares the whole with others and is alone with the parts that it names. Parts are locked in one
order, so two writers never wait for each other. Locks of a transaction end with it; those of a session end with its
connection, however that ends. Must not know what is written.
"""

from __future__ import annotations

import hashlib

_WRITING = 0x676D6F6E  # "gmon": the first half of the keys that writers lock, the second is a part
_LIVING = 0x676D6F6F  # of the keys that owners hold, the second is their id
_WHOLE = 0
# The condition on `pg_locks AS l` that somebody holds the lock of a living process, whose `key` is the parameter.
_HERE = "l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
HELD = (
    f"l.locktype = 'advisory' AND l.granted AND l.classid = {_LIVING} AND l.objid = %s::bigint AND l.objsubid = 2"
    f" AND {_HERE}"
)
ALONE = f"SELECT pg_advisory_xact_lock({_WRITING}, {_WHOLE})"


def writing(parts: tuple[str, ...]) -> str:
    """Return the words that make a transaction the only writer of these parts, or of everything where it names none."""
    if not parts:
        return ALONE
    keys = sorted({_key(part) for part in parts})
    taken = ", ".join(f"pg_advisory_xact_lock({_WRITING}, {key})" for key in keys)
    return f"SELECT pg_advisory_xact_lock_shared({_WRITING}, {_WHOLE}), {taken}"


def holding(name: str) -> str:
    """Return the words that try to take the lock of a living process for a session; the answer is a boolean."""
    return f"SELECT pg_try_advisory_lock({_LIVING}, {_key(name)})"


def key(name: str) -> int:
    """Return what `HELD` compares for the lock of a living process: `pg_locks` shows it without a sign."""
    return _key(name) % 2**32


def _key(name: str) -> int:
    """Return 32 bits of a name, never those of the whole."""
    found = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big", signed=True)
    return found or 1
