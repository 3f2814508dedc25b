"""How a feed answers: asked again and again, it says "not modified" where nothing is new. Must not know what it says.

Addresses in feeds begin with `public_url` where that is set, else they are relative: never built from a Host header
(reliability.md row 44).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from urllib.parse import quote

from fastapi import Request
from starlette.responses import Response

from monitor.errors import NoSuch
from monitor.files.problems import did_you_mean
from monitor.watch.model import Watch
from monitor.web.console import Console

FRESH = 60  # seconds for which a reader may go by what it has


def answer(request: Request, body: bytes, kind: str) -> Response:
    """Return a document, or 304 where the reader has it already."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": f"private, max-age={FRESH}"}
    known = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
    if tag in known:
        return Response(None, 304, headers=headers)
    return Response(body, 200, headers=headers, media_type=kind)


def address(console: Console, *parts: str) -> str:
    """Return the address of a place in the dashboard."""
    return (console.settings().public_url or "") + "".join(f"/{quote(part, safe='')}" for part in parts)


def watch_of(console: Console, name: str) -> Watch:
    """Return a watch by its name; raises NoSuch."""
    watches: Mapping[str, Watch] = console.watches()
    watch = watches.get(name)
    if watch is None:
        raise NoSuch("there is no such watch", hint=did_you_mean(name[:100], watches))
    return watch
