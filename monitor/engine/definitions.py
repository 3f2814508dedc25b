"""Two loads of the definitions held against each other: what goes on as it was, and what differs. Pure.

A file that is broken keeps the last good definition of its watches (issue 7). Must not know files, nor when they are
read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import PurePath

from monitor.engine.schedule import runs_a_month
from monitor.store.definitions import Loaded as Definition
from monitor.watch.digests import digests
from monitor.watch.load import FOLDER, Loaded
from monitor.watch.model import Watch


@dataclass(frozen=True, slots=True)
class Difference:
    """The names of watches that came, went, or say something else, each in order."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Say whether anything differs."""
        return bool(self.added or self.changed or self.removed)


def difference(before: Mapping[str, Watch], after: Mapping[str, Watch]) -> Difference:
    """Return what differs between the watches that run and those that are to run."""
    return Difference(
        added=tuple(sorted(after.keys() - before.keys())),
        changed=tuple(sorted(name for name in before.keys() & after.keys() if _differ(before[name], after[name]))),
        removed=tuple(sorted(before.keys() - after.keys())),
    )


def _differ(one: Watch, other: Watch) -> bool:
    # the model's own equality does not see whether `retries: 1` was written or is the default, which mean two things
    return one != other or one.limits.retries_are_set != other.limits.retries_are_set


def kept(before: Loaded, after: Loaded) -> Loaded:
    """Return `after` with the last good definition of each watch whose own one, or whose file, is broken now."""
    stay = [name for name in before.watches.keys() - after.watches.keys() if _is_broken(name, before, after)]
    if not stay:
        return after
    return replace(
        after,
        watches=after.watches | {name: before.watches[name] for name in stay},
        sources=after.sources | {name: before.sources[name] for name in stay},
    )


def _is_broken(name: str, before: Loaded, after: Loaded) -> bool:
    """Say whether a watch is missing because of a problem, and not because somebody took it away.

    A file with an error, a folder that cannot be listed or is not there: none of them says what is not in it.
    """
    if name in after.refused:
        return True
    source = PurePath(before.sources[name].file)
    silent = {PurePath(each.file) for each in after.problems if not each.warning or each.file == FOLDER}
    return bool(silent & {source, *source.parents})


def definition(watch: Watch, now: datetime) -> Definition:
    """Return what `monitor plan` holds the watch's file against later."""
    return Definition(digests(watch), runs_a_month(watch, now) if watch.enabled else 0)
