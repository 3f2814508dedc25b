"""The REST API under `/api/v1`: everything that the pages show and do, in the JSON of the command line.

One module per group of routes; each answer is built and encoded on a reader's thread, whole and bounded. Must not know
who asks: the gate has decided that.
"""

from __future__ import annotations

from fastapi import APIRouter

from monitor.web.console import Console


def routers(console: Console) -> list[APIRouter]:
    """Return the routers of the API."""
    from monitor.web.api import ordering, overview, records, tuning, watches

    return [part.router(console) for part in (overview, watches, records, tuning, ordering)]
