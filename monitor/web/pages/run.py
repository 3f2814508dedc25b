"""`/runs/{id}`: one run whole: its steps, what was raw and what was read, what was decided and why, what was told."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from monitor.engine import evidence, screenshots
from monitor.errors import NoSuch
from monitor.store.records import Delivery, Judgement, Record
from monitor.store.views import listings, messages
from monitor.web.pages.rendering import page
from monitor.web.pages.wording import in_path, zone_for

if TYPE_CHECKING:
    from monitor.store.store import Store
    from monitor.store.views import Connection
    from monitor.web.console import Console

MOST_CHANGES = 500  # shown; the raw record has all
_PICTURES = {"jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
_MOST_PICTURE = 8 * 2**20  # bytes
_SILENT = {
    "BASELINE": "the watch had no rules (notify)",
    "CHANGED": "the watch had no rules (notify)",
    "UNCHANGED": "nothing that is compared changed",
    "UNCONFIRMED": "the change waits for confirmation",
    "MISSED": "it did not run",
    "SKIPPED": "it did not run",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page shows of the store. `compared_with` is the record whose result was the baseline."""

    record: Record
    hint: str | None
    messages: tuple[Delivery, ...]
    steps: tuple[dict[str, Any], ...]
    earlier: tuple[Judgement, ...]
    before: str | None
    after: str | None
    compared_with: str | None
    picture: Path | None

    @property
    def lasted(self) -> timedelta | None:
        """How long the run took; None for what did not run."""
        ran = self.record.outcome["kind"] != "not_started"
        return max(timedelta(0), self.record.finished_at - self.record.started_at) if ran else None


def _record(store: Store, name: str) -> Record:
    record = store.record(name, raw=True)
    if record is None:
        raise NoSuch("there is no finished run of that id")
    return record


def _shown(store: Store, name: str) -> Shown:
    record = _record(store, name)
    outcome = store.outcome_of_record(record.id) if record.verdict == "FAILED" else None
    before, after = store.view(listings.neighbours, record.watch, record.id)
    return Shown(
        record=record,
        hint=outcome.fault.hint if outcome is not None and outcome.fault is not None else None,
        messages=tuple(store.view(messages.of_run, record.id)),
        steps=tuple(store.progress(record.id)),
        earlier=tuple(store.earlier_judgements(record.id)),
        before=before,
        after=after,
        compared_with=store.view(_baseline, record),
        picture=_picture(store, record.id),
    )


def _baseline(connection: Connection, record: Record) -> str | None:
    return listings.baseline_before(connection, record.watch, record.id) if record.changes else None


def _picture(store: Store, run: str) -> Path | None:
    """Return the picture that was kept of a run; the name is ours, never what was asked for (row 50)."""
    place = screenshots.folder(store.path)
    return next((path for kind in _PICTURES if (path := place / f"{run}.{kind}").is_file()), None)


def router(console: Console) -> APIRouter:
    """Return the routes of a run: the page, and its files."""
    routes = APIRouter(include_in_schema=False)
    _files(routes, console)

    @routes.get("/runs/{name}")
    async def index(name: str, request: Request) -> Response:
        flying = next((each for each in await console.live.flight() if name in {each.run, each.run_id}), None)
        if flying is not None:
            steps = console.live.steps(flying.run)
            zone = zone_for(flying.watch, console.watches(), console.settings().timezone)
            return page(request, console, "flight.html", flight=flying, steps=steps, watch_zone=zone)
        shown = await console.read(_shown, console.store, name)
        if shown.record.id != name:
            return RedirectResponse(f"/runs/{in_path(shown.record.id)}", 307)
        record = shown.record
        values = {
            "shown": shown,
            "record": record,
            "changes": record.changes[:MOST_CHANGES],
            "defined": record.watch in console.watches(),
            "silent": "a dry run tells nothing" if record.dry else _SILENT.get(record.verdict, "nothing was due"),
            "watch_zone": zone_for(record.watch, console.watches(), console.settings().timezone),
            "agent_result": _returned(record.raw),
        }
        return page(request, console, "run.html", **values)

    return routes


def _files(routes: APIRouter, console: Console) -> None:
    """The raw record, all the evidence, and the picture."""
    one_at_a_time = asyncio.Semaphore(1)  # bundles: each is made in memory

    @routes.get("/runs/{name}/raw.json")
    async def raw(name: str) -> Response:
        record = await console.read(_record, console.store, name)
        text = json.dumps(record.raw, ensure_ascii=True, indent=2)
        headers = {"Content-Disposition": f'attachment; filename="{record.id}.json"'}
        return Response(text, media_type="text/plain; charset=utf-8", headers=headers)

    @routes.get("/runs/{name}/bundle.zip")
    async def bundle(name: str) -> Response:
        async with one_at_a_time:
            content, run = await console.read(_evidence, console, name)
        headers = {"Content-Disposition": f'attachment; filename="{run}.zip"'}
        return Response(content, media_type="application/zip", headers=headers)

    @routes.get("/runs/{name}/screenshot")
    async def screenshot(name: str) -> Response:
        content, kind = await console.read(_image, console.store, name)
        return Response(content, media_type=_PICTURES[kind])


def _evidence(console: Console, name: str) -> tuple[bytes, str]:
    record = _record(console.store, name)
    return evidence.bundle(console.store, record, console.settings(), console.clock.now())[0], record.id


def _image(store: Store, name: str) -> tuple[bytes, str]:
    path = _picture(store, _record(store, name).id)
    if path is None or path.stat().st_size > _MOST_PICTURE:
        raise NoSuch("no picture was kept of this run")
    return path.read_bytes(), path.suffix.removeprefix(".")


def _returned(raw: Any) -> Any:
    """Return what the agent gave as the result, out of the API's record of the run."""
    if isinstance(raw, dict):
        return next((raw[key] for key in ("result", "resultJson") if key in raw), raw)
    return raw
