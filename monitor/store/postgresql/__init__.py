"""The store on PostgreSQL: connections, transactions, migrations, and who is alive, by psycopg 3.

Nothing of it loads psycopg before a URL of PostgreSQL is opened. Must not know the tables' meaning.
"""

from __future__ import annotations

_SCHEMES = {"postgresql", "postgres"}


def is_url(text: str) -> bool:
    """Return whether a setting names a database on PostgreSQL."""
    scheme, found, _ = text.partition("://")
    return bool(found) and scheme.lower().partition("+")[0] in _SCHEMES
