"""The newest changes and failures of some watches, for the feed of a tag. Reads only, bounded."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from itertools import islice

from sqlalchemy import Connection

from monitor.store.views import listings
from monitor.store.views.listings import Entry

WATCHES = 100  # that are read one by one; for more of them the newest of all are looked through
PAGES = 5  # … so many pages of them


def of_watches(connection: Connection, names: Sequence[str], limit: int) -> list[Entry]:
    """Return the newest changes and failures of some watches, newest first, without dry runs."""
    if len(names) <= WATCHES:
        pages = [listings.of_watch(connection, name, listings.TELLING, limit=limit).entries for name in names]
        newest = heapq.merge(*pages, key=lambda entry: entry.run, reverse=True)
        return list(islice((entry for entry in newest if not entry.dry), limit))
    found: list[Entry] = []
    wanted, before = set(names), None
    for _ in range(PAGES):
        page = listings.news(connection, before=before, limit=listings.MOST)
        found += [entry for entry in page.entries if entry.watch in wanted]
        before = page.next
        if before is None or len(found) >= limit:
            break
    return found[:limit]
