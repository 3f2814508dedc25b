"""What the tests of this room share: a journal, and one call that follows a run against a scripted API."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from monitor.agent.client import Client
from monitor.agent.follow import Progress, follow
from monitor.agent.outcome import Fault, Outcome
from monitor.clock import Clock, WallClock
from monitor.watch.model import Watch
from monitor.watch.run import Run, new_id
from tests.conftest import SimulatedClock, make_watch
from tests.scripted_api import ScriptedApi

KEY = "sk-tinyfish-canary"


@dataclass
class Notes:
    """A journal and a display: everything that `follow` told the outside."""

    accepted_ids: list[tuple[str, str | None]] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    progress: list[Progress] = field(default_factory=list)
    posts_when_stored: int | None = None
    stored: asyncio.Event = field(default_factory=asyncio.Event)
    api: ScriptedApi | None = None
    refusals: list[Fault] = field(default_factory=list)
    withheld: Fault | None = None

    async def starting(self) -> Fault | None:
        """Let the POST go, unless the test withholds it."""
        return self.withheld

    async def turn(self) -> None:
        """Let every request go at once."""

    async def refused(self, fault: Fault) -> None:
        """Note what all runs would be told."""
        self.refusals.append(fault)

    async def accepted(self, run_id: str, streaming_url: str | None, *, replaces: str | None = None) -> None:
        """Note the ids."""
        self.replaced += [replaces] if replaces else []
        self.accepted_ids.append((run_id, streaming_url))
        self.stored.set()
        if self.api is not None:
            self.posts_when_stored = len(self.api.requests)


async def follow_one(
    api: ScriptedApi, watch: Watch | None = None, *, speed: float | None = None, notes: Notes | None = None, **more: Any
) -> Outcome:
    """Follow one run of `watch` to its end.

    Our own pauses take no time: the clock is simulated, and the network has its real time-outs. Where something must
    expire while a socket is read, the clock is the wall's, driven `speed` times faster.
    """
    clock: Clock = SimulatedClock() if speed is None else WallClock(speed)
    watch, notes = watch or make_watch(), notes or Notes()
    run = more.pop("run", None) or Run(new_id(clock.now()), watch.name, clock.now())
    async with Client(api.url, KEY, clock=clock) as client:
        return await follow(client, watch, run, clock=clock, journal=notes, progress=notes.progress.append, **more)


_WORDS = {"anyOf", "enum", "format", "items", "maxItems", "maximum", "minItems", "minimum"} | {
    *("nullable", "properties", "propertyOrdering", "required", "type")
}


def not_taken(schema: Any, depth: int = 1, *, branch: bool = False) -> list[str]:
    """Return what the provider refuses in a schema: agent-api.md 8.1, written down apart from our check."""
    if not isinstance(schema, dict):
        return ["a schema is an object"]
    found = [f"{word} is not on the list" for word in schema if word not in _WORDS]
    kind = schema.get("type")
    if depth == 1:
        found += ["the root's type is object"] * ("type" in schema and kind != "object")
        found += ["no root anyOf"] * ("anyOf" in schema)
        found += ["more than 64 KB"] * (len(json.dumps(schema)) > 64 * 1024)
    found += ["deeper than 10"] * (depth > 10)
    found += ["one type"] * ("type" in schema and kind not in {*_SCALAR, "array", "object"})
    words = schema.get("enum", ["a"])
    found += ["enum is of strings"] * (not words or not all(isinstance(word, str) for word in words))
    found += ["enum needs type string"] * ("enum" in schema and kind != "string")
    found += ["format"] * ("format" in schema and (kind, schema["format"]) not in {("string", form) for form in _FORMS})
    found += ["arrays only"] * (bool({"items", "minItems", "maxItems"} & schema.keys()) and kind != "array")
    found += ["numbers only"] * (bool({"minimum", "maximum"} & schema.keys()) and kind not in {"number", "integer"})
    properties = schema.get("properties", {})
    found += ["required exists"] * (not branch and not set(schema.get("required", ())) <= set(properties))
    order = schema.get("propertyOrdering", [])
    found += ["ordering"] * (len(set(order)) != len(order) or not set(order) <= set(properties))
    found += ["nullable is a boolean"] * (schema.get("nullable", True) not in (True, False))
    below = [*properties.values(), *([schema["items"]] if "items" in schema else [])]
    found += [each for inner in below for each in not_taken(inner, depth + 1)]
    return found + [each for inner in schema.get("anyOf", []) for each in not_taken(inner, depth + 1, branch=True)]


_SCALAR = {"string", "number", "integer", "boolean"}
_FORMS = ("date-time", "date", "time", "duration")
