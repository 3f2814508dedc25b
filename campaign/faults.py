"""Two hundred fault scripts for one run each: what a network, a proxy or the API itself may do to it.

A script sets a scripted API up for one run that, at the API, completes (unless its name says otherwise). Forty
families, each with several draws. Must not know which client comes.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from campaign.part import chance
from campaign.streams import PRICE, beat, complete, framed, progress, recorded, started, url
from tests.scripted_api import Script, ScriptedApi

COUNT = 200
HTML = b"<html><body>Bad gateway</body></html>"
ERROR = {"error": {"code": "X", "message": "no"}}
Setting = Callable[[ScriptedApi, random.Random], object]


@dataclass(frozen=True, slots=True)
class Fault:
    """One script: `completes` when the run, once created, ends with a result at the API."""

    name: str
    arrange: Setting
    completes: bool = True


def _usual(result: object = None) -> bytes:
    steps = [progress("read the page"), beat(), progress("read the price")]
    return b"".join(framed(each) for each in [started(), url(), *steps, complete(PRICE if result is None else result)])


def _stream(api: ScriptedApi, body: bytes | None = None, *, result: object = None, takes: float = 0.0) -> Script:
    """Script the next run with this stream, and every further one with the usual stream."""
    api.every_run(result=PRICE).raw(_usual().replace(b"run_1", b"{run_id}"))
    script = api.next_run(result=PRICE if result is None else result)
    script.raw((_usual(result) if body is None else body).replace(b"run_1", b"{run_id}")).takes(takes)
    return script


def _cut(draw: random.Random) -> int:
    return draw.randrange(1, len(_usual()))


def _refused(status: int, body: object, **headers: str) -> Setting:
    def arrange(api: ScriptedApi, _draw: random.Random) -> None:
        _stream(api)
        api.answer("POST", "/v1/automation", status, body, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return arrange


def _answered(status: int, body: object) -> Setting:
    """The run is created and paid for, and its POST is answered with this."""
    return lambda api, _draw: _stream(api).status(status, body, billed=True)


def _flaky(api: ScriptedApi, draw: random.Random) -> object:
    """A cut stream, and then an API that answers some requests with errors."""
    api.answer("GET", "/v1/runs", draw.choice([500, 502, 503]), HTML, times=draw.randrange(1, 4))
    return _stream(api).cut_after(_cut(draw))


def _recorded(name: str) -> Setting:
    found = next(each for each in recorded() if each.name == name)
    return lambda api, _draw: _stream(api, found.body, result=found.result)


def _silence(body: bytes = b"") -> Setting:
    return lambda api, _draw: _stream(api, framed(started()) + body).hang_after(10_000)


def _beating(api: ScriptedApi, _draw: random.Random) -> object:
    """Heartbeats for ever, though the run has completed."""
    script = _stream(api)
    beats: list[bytes | float] = [framed(beat()), 0.25]
    script.stream = [framed(started()).replace(b"run_1", b"{run_id}"), *(beats * 1_000)]
    return script


def _never(api: ScriptedApi, draw: random.Random) -> object:
    """A run that never ends, with heartbeats."""
    _beating(api, draw)
    return api._queue[0].takes(None)  # noqa: SLF001 - the script that was just queued


def _later(api: ScriptedApi, draw: random.Random) -> object:
    """The stream breaks while the run goes on; it completes a while later."""
    return _stream(api, takes=draw.uniform(0.5, 2.0)).cut_after(len(framed(started())) + draw.randrange(40))


def _listed_late(api: ScriptedApi, _draw: random.Random) -> object:
    return _stream(api).close_without_byte().listed_after(0.3)


FAMILIES: tuple[tuple[Fault, int], ...] = (  # with how many draws of each
    (Fault("nothing goes wrong", lambda api, _draw: _stream(api)), 4),
    (Fault("one byte at a time", lambda api, _draw: _stream(api).in_slices(1)), 4),
    (Fault("odd slices", lambda api, draw: _stream(api).in_slices(draw.randrange(2, 60))), 6),
    (Fault("chunked coding", lambda api, _draw: _stream(api).as_chunks()), 3),
    (Fault("closed in the middle", lambda api, draw: _stream(api).cut_after(_cut(draw))), 24),
    (Fault("reset in the middle", lambda api, draw: _stream(api).cut_after(_cut(draw)).reset()), 16),
    (Fault("a chunk breaks off", lambda api, draw: _stream(api).as_chunks().cut_after(_cut(draw))), 10),
    (Fault("silence in the middle", lambda api, draw: _stream(api).hang_after(_cut(draw))), 10),
    (Fault("broken off, and the run goes on", _later), 8),
    (Fault("broken off, and GET fails for a while", _flaky), 8),
    (Fault("no answer: closed without a byte", lambda api, _draw: _stream(api).close_without_byte()), 6),
    (Fault("no answer: reset without a byte", lambda api, _draw: _stream(api).close_without_byte().reset()), 4),
    (Fault("no answer: silence", lambda api, _draw: _stream(api).hang_before_first_byte()), 6),
    (Fault("no answer, and listed late", _listed_late), 4),
    (Fault("500 though the run was created", _answered(500, ERROR)), 3),
    (Fault("502 though the run was created", _answered(502, HTML)), 6),
    (Fault("503 though the run was created", _answered(503, HTML)), 3),
    (Fault("504 though the run was created", _answered(504, HTML)), 6),
    (Fault("408 though the run was created", _answered(408, ERROR)), 3),
    (Fault("500 with the run id", _answered(500, {"run_id": "run_1", "error": {"message": "later"}})), 3),
    (Fault("200 with a page of a proxy", _answered(200, HTML)), 4),
    (Fault("200 with the run as JSON", _answered(200, {"run_id": "run_1", "status": "RUNNING"})), 3),
    (Fault("204", _answered(204, b"")), 2),
    (Fault("502, nothing created", _refused(502, HTML)), 4),
    (Fault("429, then well", _refused(429, ERROR, retry_after="1")), 4),
    (Fault("401", _refused(401, ERROR)), 2),
    (Fault("402", _refused(402, ERROR)), 2),
    (Fault("400", _refused(400, ERROR)), 2),
    (Fault("307 to another host", _refused(307, b"", location="http://localhost:1/")), 2),
    (Fault("U+2028 inside the result", _recorded("separators inside")), 6),
    (Fault("an event over several lines", _recorded("data over several lines")), 4),
    (Fault("lines that end with CR", _recorded("cr")), 3),
    (Fault("camel case, legacy result", _recorded("camel case")), 3),
    (Fault("a result that is text", _recorded("a result that is text")), 3),
    (Fault("COMPLETE without its result", _recorded("no result in COMPLETE")), 3),
    (Fault("[DONE] and unknown events", _recorded("a type nobody knows")), 3),
    (Fault("STARTED, then silence", _silence()), 4),
    (Fault("heartbeats for ever, the run is done", _beating), 4),
    (Fault("heartbeats for ever, the run never ends", _never, completes=False), 3),
    (Fault("a COMPLETE that is not JSON", _silence(framed('{"type":"COMPLETE","result":NaN,}'))), 2),
)


def scripts() -> tuple[Fault, ...]:
    """Return the two hundred scripts; families are interleaved, so that a sample shows all sorts."""
    rounds = max(draws for _, draws in FAMILIES)
    every = [fault for turn in range(rounds) for fault, draws in FAMILIES if turn < draws]
    assert len(every) == COUNT, f"{len(every)} scripts, not {COUNT}"
    return tuple(every)


def arranged(api: ScriptedApi, fault: Fault, seed: int, number: int) -> None:
    """Set `api` up with one script; the same for every client that is put through it."""
    fault.arrange(api, chance(seed, "sdk", number))
