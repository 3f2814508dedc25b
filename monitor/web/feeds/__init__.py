"""What programs read of the console: Atom feeds, calendars, badges and metrics. Must not know pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import APIRouter

    from monitor.web.console import Console


def routers(console: Console) -> list[APIRouter]:
    """Return the routers."""
    from monitor.web.feeds import atom, badge, calendar, metrics

    return [feed.router(console) for feed in (atom, calendar, badge, metrics)]
