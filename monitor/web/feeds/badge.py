"""A badge of a watch: its name and how it stands, as a small SVG picture. Must not know why it stands so."""

from __future__ import annotations

from datetime import datetime
from html import escape

from fastapi import APIRouter, Request
from starlette.responses import Response

from monitor.alert import plain
from monitor.store.views.standings import Standing, standings
from monitor.watch.model import Watch
from monitor.web.console import Console
from monitor.web.feeds.answers import answer, watch_of

KIND = "image/svg+xml"
_GREEN, _YELLOW, _RED, _GREY = "#2f7d32", "#8a6100", "#b3261e", "#5f6368"  # each with white text on it: 4.5 to 1
_LONGEST = 40  # characters of the name
_WIDTH = 7  # of one character, about; `textLength` makes the text fit whatever font there is
_PICTURE = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" aria-label="{name}: {state}">
<title>{name}: {state}</title>
<rect width="{width}" height="20" rx="3" fill="#3c4043"/>
<rect x="{left}" width="{right}" height="20" rx="3" fill="{colour}"/>
<rect x="{left}" width="4" height="20" fill="{colour}"/>
<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">
<text x="6" y="14" textLength="{name_length}">{name}</text>
<text x="{state_at}" y="14" textLength="{state_length}">{state}</text>
</g>
</svg>
"""


def router(console: Console) -> APIRouter:
    """Return the route of the badges."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/badges/{name}.svg")
    async def badge(request: Request, name: str) -> Response:
        watch, now = watch_of(console, name), console.clock.now()
        found = await console.view(standings, now, name)
        state, colour = said(watch, found.get(name, Standing(name)), now)
        return answer(request, drawn(name, state, colour).encode("utf-8", "replace"), KIND)

    return routes


def said(watch: Watch, standing: Standing, now: datetime) -> tuple[str, str]:
    """Return the words for how a watch stands, and their colour; words alone say it too."""
    if not watch.enabled:
        return "disabled", _GREY
    if standing.failing_since is not None:
        return f"failing for {_span((now - standing.failing_since).total_seconds())}", _RED
    if standing.paused:
        return "paused", _GREY
    words = {
        "BASELINE": ("watching", _GREEN),
        "UNCHANGED": ("unchanged", _GREEN),
        "CHANGED": ("changed", _YELLOW),
        "UNCONFIRMED": ("unconfirmed", _YELLOW),
        "INVALID": ("invalid", _RED),
        "FAILED": ("failed", _RED),
    }
    return words.get(standing.last_verdict or "", ("not run yet", _GREY))


def _span(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(1, int(seconds // 60))} min"


def drawn(name: str, state: str, colour: str) -> str:
    """Return the picture."""
    shown = plain.shortened(plain.line(name), _LONGEST)
    name_length, state_length = len(shown) * _WIDTH, len(state) * _WIDTH
    left, right = name_length + 12, state_length + 12
    return _PICTURE.format(
        width=left + right,
        left=left,
        right=right,
        colour=colour,
        name=escape(shown),
        state=escape(state),
        name_length=name_length,
        state_length=state_length,
        state_at=left + 6,
    )
