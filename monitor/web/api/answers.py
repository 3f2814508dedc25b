"""How the API answers: documents that are encoded on the thread that read them, pages with a cursor, and errors.

Owns what OpenAPI says of them. Must not know a route.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any, ParamSpec

from fastapi import Path, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from monitor.web.console import Console
from monitor.web.documents import encoded

P = ParamSpec("P")

MOST = 500  # rows of a page
ENOUGH = 4 * 2**20  # bytes of a page of records: what comes after them is on the next one

Name = Annotated[str, Path(min_length=1, max_length=200, description="The watch's name.")]
RunId = Annotated[
    str,
    Path(
        min_length=1, max_length=100, description="A run's id (or 6 characters of its beginning), or the API's run_id."
    ),
]
Limit = Annotated[int, Query(ge=1, le=MOST, description="Rows of one page.")]
Cursor = Annotated[
    str | None, Query(pattern=r"^[0-7][0-9A-HJKMNP-TV-Z]{25}$", description="`next` of the page before.")
]
NumberCursor = Annotated[int | None, Query(ge=0, lt=2**63, description="`next` of the page before.")]


class Problem(BaseModel):
    """What went wrong."""

    code: str
    message: str
    hint: str | None = None


class Failure(BaseModel):
    """An error; the shape is the agent API's."""

    error: Problem


class Page(BaseModel):
    """One page of a list, newest first; `next` is the cursor of the page that follows, null at the end."""

    items: list[dict[str, Any]]
    next: str | int | None = None


class Outcome(BaseModel):
    """How the run ended."""

    kind: str | None = None
    code: str | None = None
    api_code: str | None = None
    message: str | None = None


class Record(BaseModel):
    """One occurrence, as `monitor history --json` prints it."""

    watch: str
    run: str
    run_id: str | None
    due_at: str
    trigger: str
    verdict: str = Field(examples=["CHANGED"])
    reason: str
    outcome: Outcome
    changes: list[dict[str, Any]]
    violations: list[dict[str, Any]]
    result: Any = None
    steps: int | None
    notifications: int
    started_at: str
    finished_at: str


class Records(BaseModel):
    """One page of records, newest first."""

    items: list[Record]
    next: str | None = None


class Ordered(BaseModel):
    """What came of an order; other fields say the same for scripts."""

    ok: bool
    message: str


def said(model: type[BaseModel] | None = None, *errors: int) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says of a route's answers: its model, the errors named, and those of every route."""
    found: dict[int | str, dict[str, Any]] = {200: {"model": model} if model else {"description": "A JSON document."}}
    words = {401: "A token is needed.", 404: "There is no such thing.", 409: "It cannot be done now."}
    for status in (401, 421, 422, 503, *errors):
        found[status] = {"model": Failure, "description": words.get(status, "The request was refused.")}
    return found


def document(content: bytes, status: int = 200) -> Response:
    """Return encoded JSON as a response."""
    return Response(content, status, media_type="application/json")


async def answered(console: Console, read: Callable[P, Any], *args: P.args, **kwargs: P.kwargs) -> Response:
    """Return what `read` gives, read and encoded on a reader's thread."""
    return document(await console.read(lambda: encoded(read(*args, **kwargs))))


def page(items: Sequence[Any], limit: int, cursor: Callable[[Any], str | int]) -> dict[str, Any]:
    """Return a page of rows that have `as_json`; `next` is the cursor of its last row when there may be more."""
    return {"items": [each.as_json() for each in items], "next": cursor(items[-1]) if len(items) == limit else None}


def bounded(read: Callable[[int, str | None], Sequence[Any]], limit: int, before: str | None) -> bytes:
    """Return a page of records of at most `limit` rows and about `ENOUGH` bytes, read a few at a time, encoded."""
    texts: list[bytes] = []
    size, more = 0, True
    while more and len(texts) < limit and size < ENOUGH:
        few = min(10, limit - len(texts))
        found = read(few, before)
        more = len(found) == few
        for record in found:
            if size >= ENOUGH:
                more = True
                break
            texts.append(encoded(record.as_json()))
            size, before = size + len(texts[-1]), record.id
    following = json.dumps(before if more and texts else None)
    return b'{"items":[' + b",".join(texts) + b'],"next":' + following.encode() + b"}"
