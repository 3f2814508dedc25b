"""`/api/v1/watches`: the watches, what each says, when it is due and what its records are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from monitor.engine.agenda import Dues, coming
from monitor.engine.status import rows
from monitor.errors import NoSuch
from monitor.files.problems import did_you_mean
from monitor.judge.decision import Verdict
from monitor.watch.model import Watch
from monitor.web.api.answers import Cursor, Limit, Name, Page, Records, answered, bounded, document, said
from monitor.web.api.definitions import definition
from monitor.web.console import Console


def found(watches: Mapping[str, Watch], name: str) -> Watch:
    """Return a watch by its name; raises NoSuch, with the nearest name as a hint."""
    if name not in watches:
        raise NoSuch(f'there is no watch "{name}"', hint=did_you_mean(name, watches))
    return watches[name]


def router(console: Console) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/api/v1/watches", tags=["watches"])
    _standing(routes, console)
    _times(routes, console)
    return routes


def _standing(routes: APIRouter, console: Console) -> None:
    """How the watches stand, all or one."""
    dues = Dues()

    @routes.get("", responses=said(Page))
    async def listed(
        tag: Annotated[str | None, Query(max_length=200, description="Only watches with this tag.")] = None,
        q: Annotated[str | None, Query(max_length=200, description="Only watches whose name holds this text.")] = None,
        limit: Limit = 100,
        cursor: Annotated[str | None, Query(max_length=200, description="`next` of the page before.")] = None,
    ) -> Response:
        """The watches by name, each as in `monitor status --json`."""

        def read() -> dict[str, Any]:
            chosen = sorted(
                name
                for name, watch in console.watches().items()
                if (tag is None or tag in watch.tags) and (q is None or q.casefold() in name.casefold())
            )
            rest = [name for name in chosen if cursor is None or name > cursor]
            some = {name: console.watches()[name] for name in rest[:limit]}
            found = rows(some, console.store, console.clock.now(), dues)
            return {"items": found, "next": rest[limit - 1] if len(rest) > limit else None}

        return await answered(console, read)

    @routes.get("/{name}", responses=said(None, 404))
    async def one(name: Name) -> Response:
        """One watch: its state, what its file says (secrets masked), and its next occurrences."""
        watch = found(console.watches(), name)

        def read() -> dict[str, Any]:
            now = console.clock.now()
            state = rows({name: watch}, console.store, now, dues)[0]
            following = [each.as_json()["due_at"] for each in coming(watch, now, 5)]
            return state | {"definition": definition(watch), "next": following}

        return await answered(console, read)


def _times(routes: APIRouter, console: Console) -> None:
    """What was and what will be."""

    @routes.get("/{name}/history", responses=said(Records, 404))
    async def history(
        name: Name,
        verdict: Annotated[Verdict | None, Query(description="Only records of this verdict.")] = None,
        limit: Limit = 20,
        cursor: Cursor = None,
    ) -> Response:
        """The records of a watch, newest first, each as in `monitor history --json`; large ones make shorter pages."""
        if name not in console.watches() and not await console.read(console.store.history, name, 1):
            found(console.watches(), name)

        def read() -> bytes:
            wanted = None if verdict is None else str(verdict)
            return bounded(lambda few, before: console.store.history(name, few, wanted, before), limit, cursor)

        return document(await console.read(read))

    @routes.get("/{name}/schedule", responses=said(None, 404))
    async def schedule(
        name: Name, next_: Annotated[int, Query(alias="next", ge=1, le=100, description="How many.")] = 10
    ) -> Response:
        """The next occurrences of a watch, in UTC and in its own time, as in `monitor schedule --json`."""
        watch = found(console.watches(), name)

        def read() -> dict[str, Any]:
            rows = [each.as_json() for each in coming(watch, console.clock.now(), next_)]
            return {"watch": name, "timezone": watch.timezone, "items": rows}

        return await answered(console, read)
