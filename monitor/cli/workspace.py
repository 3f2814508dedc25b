"""The watches of a workspace, loaded with every room's checks, and names looked up in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from monitor.errors import DefinitionError, UsageError
from monitor.files.problems import did_you_mean
from monitor.watch.findings import Check, Finding
from monitor.watch.model import Watch

if TYPE_CHECKING:
    from monitor.settings import Settings
    from monitor.watch.load import Loaded


def checks(settings: Settings) -> list[Check]:
    """Return what the rooms check of a watch at load: address, schema, what the provider refuses, targets."""
    from monitor.agent import request
    from monitor.alert import phrases, targets
    from monitor.fetch import addresses
    from monitor.judge.conditions import check as conditions
    from monitor.judge.schemas import check as schema

    def address(watch: Watch) -> Iterable[Finding]:
        embedded = settings.agent == "embedded"
        host = urlsplit(watch.url).hostname or ""
        problem = addresses.host_problem(
            host, allow_loopback=embedded, allow_private=embedded and settings.allow_private
        )
        if problem:
            hint = (
                "set allow_private: true in monitor.yaml"
                if embedded
                else "TinyFish cannot reach it; use agent: embedded"
            )
            yield Finding(("url",), f"{host} {problem}", hint=hint)

    def told(watch: Watch) -> Iterable[Finding]:
        return targets.check(watch, settings.targets, settings.environ, settings.workspace)

    def hints(watch: Watch) -> Iterable[Finding]:
        if not request.hinted(watch.output_schema):
            return
        from monitor.embedded.extract import shape

        for pointer, message in shape.problems(watch.output_schema):
            path = tuple(int(part) if part.isdecimal() else part for part in pointer.split("/")[1:])
            if path and str(path[-1]).startswith("x-"):
                yield Finding(("output_schema", *path), message)

    def sent(watch: Watch) -> Iterable[Finding]:
        found = request.check(watch)
        return (each for each in found if not each.note) if settings.agent == "embedded" else found  # sent the whole

    return [address, schema.check, conditions.check_conditions, phrases.check, sent, hints, told]


def load(settings: Settings, only: Sequence[Path] | None = None) -> Loaded:
    """Load every watch of the workspace, or of the files `only`, with every check; problems are in the result."""
    from monitor.watch import load as loading

    return loading.load(
        settings.workspace,
        checks=checks(settings),
        defaults=settings.defaults,
        default_timezone=settings.timezone,
        tags=settings.tags,
        only=only,
    )


def pick(loaded: Loaded, names: Sequence[str]) -> list[Watch]:
    """Return the watches of these names; raises DefinitionError for a broken one, UsageError for an unknown one."""
    picked = []
    for name in names:
        watch = loaded.watches.get(name)
        if watch is None:
            raise _absent(loaded, name)
        picked.append(watch)
    return picked


def _absent(loaded: Loaded, name: str) -> DefinitionError | UsageError:
    """Return why a name cannot be run: its own file's problems, or that it is unknown."""
    if name in loaded.refused:
        return DefinitionError(loaded.refused[name])
    hint = did_you_mean(name, loaded.watches)
    if hint is None and loaded.errors:
        hint = f"{len(loaded.errors)} problems keep watches from loading: monitor validate"
    return UsageError(f'there is no watch "{name}"', hint=hint or "monitor validate lists the watches")
