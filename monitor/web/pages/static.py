"""The files that pages are made of, from the package: a fixed map of names, each with a digest for the cache.

No path is ever opened for a request (reliability.md row 50). Must not know what is in them.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from monitor.errors import NoSuch

if TYPE_CHECKING:
    from monitor.web.console import Console

TYPES: Final = {
    "console.css": "text/css; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "chart.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "vendor/htmx.min.js": "text/javascript; charset=utf-8",
    "vendor/uPlot.iife.min.js": "text/javascript; charset=utf-8",
    "vendor/uPlot.min.css": "text/css; charset=utf-8",
}
_YEAR = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file, and the digest that stands in its address."""

    content: bytes
    digest: str
    type: str


@lru_cache(maxsize=1)
def assets() -> dict[str, Asset]:
    """Return every file by its name."""
    folder = resources.files("monitor.web") / "static"
    found = {}
    for name, kind in TYPES.items():
        content = folder.joinpath(*name.split("/")).read_bytes()
        found[name] = Asset(content, hashlib.sha256(content).hexdigest()[:12], kind)
    return found


def address(name: str) -> str:
    """Return the address of a file, another one for each content of it."""
    return f"/static/{name}?v={assets()[name].digest}"


def router(console: Console) -> APIRouter:  # noqa: ARG001 - the signature of every module of routes
    """Return the route of the files."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/static/{name:path}")
    async def static(name: str, request: Request) -> Response:
        asset = assets().get(name)
        if asset is None:
            raise NoSuch("there is no such file")
        if request.headers.get("if-none-match") == f'"{asset.digest}"':
            return Response(status_code=304)
        lasting = _YEAR if request.query_params.get("v") == asset.digest else "no-cache"
        return Response(
            asset.content, headers={"Cache-Control": lasting, "ETag": f'"{asset.digest}"'}, media_type=asset.type
        )

    return routes
