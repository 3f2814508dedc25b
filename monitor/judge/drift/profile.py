"""Extraction drift: what a watch's results lately are, against the watch's own history (interface.md, `drift`).

A field comes back null, of another type or under another name, or a list collapses: told once, with the figures, apart
from changes and failures. Ordinary variation is none: how often something happened before says how many times in a row
or nearly so it must happen now. The history is the newest `KEPT` results, so that a new normal is accepted in time.
Must not know baselines, rules or who is told.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

from monitor.judge.comparison import selection
from monitor.judge.drift import likeness
from monitor.judge.drift.observation import MOST_PATHS, NO_TYPE, TYPES, Seen, seen
from monitor.judge.schemas import validation
from monitor.judge.schemas.scope import Scope
from monitor.watch.compare import Compare

KEPT = 48  # results that are remembered of a field
ENOUGH = 5  # results before the ones in question
_SHORTEST, _LONGEST = 3, 12  # results in question
_CHANCE = 1e-4  # that the results in question are ordinary: below it they are drift
_USUAL = 1 / 3  # of the results before: what happens so often is how the page is
_MORE = 0.5  # of a field's places must be null beyond what is usual
_COLLAPSED = 4  # a list is collapsed at the usual length divided by this, and no list is that is usually shorter
_VERSION = 1
_TENTHS = "0123456789A"

NULL_RATE, TYPE, RENAMED, COLLAPSED = "null_rate", "type", "renamed", "collapsed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One drift: the field, what happened to it (null_rate, type, renamed, collapsed), and the figures in one line."""

    path: str
    kind: str
    figures: str

    def as_json(self) -> dict[str, str]:
        """Return the object that is stored and shown."""
        return {"path": self.path, "kind": self.kind, "figures": self.figures}


@dataclass(frozen=True, slots=True)
class _Run:
    """Bad results at the end of a series: `bad` of the last `of`, before them `before` of `history`."""

    bad: int
    of: int
    before: int
    history: int

    @property
    def figures(self) -> str:
        lately = f"in the last {self.of} results" if self.bad == self.of else f"in {self.bad} of the last {self.of}"
        return f"{lately}; before in {self.before} of {self.history}"


def observed(
    profile: Any, value: Any, scope: Scope, now: datetime, compare: Compare | None = None
) -> tuple[Any, tuple[Finding, ...]]:
    """Return the profile with one more result in it, and the drift that was not told before.

    `value` is any object that was read, valid or not, as it is judged: what coercion understands is no drift. Results
    whose goal failed are not for here. `profile` is what was returned last, None at the beginning of a generation and
    for a profile of another version; it is a JSON value of at most `MOST_PATHS` fields. What `compare` ignores is never
    drift.
    """
    if not isinstance(value, dict):
        return profile, ()
    kept = profile if isinstance(profile, dict) and profile.get("version") == _VERSION else _empty()
    chosen = selection.of(compare) if compare else selection.NOTHING
    fields = _fields_after(kept["fields"], seen(value, scope, chosen), kept["results"])
    found = {finding.path + " " + finding.kind: finding for finding in _found(fields)}
    told = {key: since for key, since in kept["told"].items() if key in found or not _over(fields, *key.rsplit(" ", 1))}
    fresh = [finding for key, finding in found.items() if not _known(key, told)]
    told |= {f"{finding.path} {finding.kind}": now.isoformat() for finding in fresh}
    after = {"version": _VERSION, "results": min(kept["results"] + 1, KEPT), "fields": fields, "told": told}
    return after, tuple(fresh)


def _empty() -> dict[str, Any]:
    return {"version": _VERSION, "results": 0, "fields": {}, "told": {}}


def _known(key: str, told: dict[str, str]) -> bool:
    """Say whether a finding was told; a field that is null and one that is renamed are one thing seen twice."""
    path, kind = key.rsplit(" ", 1)
    kinds = (NULL_RATE, RENAMED) if kind in {NULL_RATE, RENAMED} else (kind,)
    return any(f"{path} {each}" in told for each in kinds)


def _fields_after(fields: dict[str, Any], result: dict[str, Seen], results: int) -> dict[str, Any]:
    """Return every field's series with one more result: a share of nulls in tenths, a type's letter, a length."""
    after = {path: _with(old, result[path]) for path, old in fields.items() if path in result}
    for path, old in fields.items():
        if path not in result:
            absent = old["extra"] and _is_looked_at(path, result)
            kept = _longer(old, "A", NO_TYPE) if absent else old
            if not (kept["extra"] and set(kept["nulls"]) == {"A"}):
                after[path] = kept
    for path, found in result.items():
        if path not in after and len(after) < MOST_PATHS:
            before = 0 if found.declared else results  # a key that nobody asked for was not there before
            new = {"nulls": "A" * before, "types": NO_TYPE * before, "sizes": [], "extra": not found.declared}
            after[path] = _with(new | {"sample": None}, found)
    return after


def _is_looked_at(path: str, result: dict[str, Seen]) -> bool:
    """Say whether the object that an undeclared key stood in was there at all."""
    parent = path.rsplit("/", 1)[0]
    return not parent or any(other.rsplit("/", 1)[0] == parent for other in result)


def _with(field: dict[str, Any], found: Seen) -> dict[str, Any]:
    tenths = math.floor(found.missing * 10 + 0.5)
    tenths = min(max(tenths, 1), 9) if 0 < found.missing < 1 else tenths
    after = _longer(field, _TENTHS[tenths], found.type)
    if found.lists:
        after["sizes"] = [*field["sizes"], round(found.items / found.lists, 1)][-KEPT:]
    if found.sample is not None:
        after["sample"] = likeness.sample(found.sample)
    return after


def _longer(field: dict[str, Any], null: str, kind: str) -> dict[str, Any]:
    return field | {"nulls": (field["nulls"] + null)[-KEPT:], "types": (field["types"] + kind)[-KEPT:]}


def _found(fields: dict[str, Any]) -> list[Finding]:
    """Return all drift that the series show, told or not, in the order of the fields."""
    found = []
    for path, field in fields.items():
        if field["extra"]:
            continue
        nulls = _lately(*_nulls(field))
        if nulls:
            found.append(_null_or_renamed(path, field, fields, nulls))
        kinds = _lately(*_types(field))
        if kinds:
            series = field["types"].replace(NO_TYPE, "")
            usual, now = TYPES[_usual(series[: -kinds.of])], TYPES[series[-1]]
            found.append(Finding(path, TYPE, f"{now} instead of {usual} {kinds.figures}"))
        sizes = _lately(*_sizes(field))
        if sizes:
            lengths = ", ".join(f"{length:g}" for length in field["sizes"][-3:])
            usual_length = median(field["sizes"][: -sizes.of])
            found.append(
                Finding(path, COLLAPSED, f"a list of {lengths} items lately, usually {usual_length:g}; {sizes.figures}")
            )
    return found


def _null_or_renamed(path: str, field: dict[str, Any], fields: dict[str, Any], nulls: _Run) -> Finding:
    parent = path.rsplit("/", 1)[0]
    extras = {
        other: extra
        for other, extra in fields.items()
        if extra["extra"] and other.rsplit("/", 1)[0] == parent and _took_over(extra, field, nulls)
    }
    name = likeness.nearest(path, field["sample"], {other: extra["sample"] for other, extra in extras.items()})
    if name is None:
        return Finding(path, NULL_RATE, f"null {nulls.figures}")
    where = name.rsplit("/", 1)[1]
    return Finding(
        path, RENAMED, f"null {nulls.figures}; {validation.printable(where)}, which is not declared, came in its place"
    )


def _took_over(extra: dict[str, Any], field: dict[str, Any], nulls: _Run) -> bool:
    """Say whether an undeclared key is there where the field is null, and was not before."""
    pairs = list(zip(reversed(extra["nulls"]), reversed(field["nulls"]), strict=False))
    lately, before = pairs[: nulls.of], pairs[nulls.of :]
    there = [_share(null) < 1 - _MORE for null, gone in lately if _share(gone) > _MORE]
    return bool(there) and all(there) and all(null == "A" for null, _ in before)


Series = tuple[Sequence[Any], Callable[[Sequence[Any]], Callable[[Any], bool] | None]]


def _nulls(field: dict[str, Any]) -> Series:
    def worse_than(history: Sequence[Any]) -> Callable[[Any], bool] | None:
        most = median(_share(null) for null in history) + _MORE
        return (lambda null: _share(null) >= most) if most <= 1 else None

    return field["nulls"], worse_than


def _types(field: dict[str, Any]) -> Series:
    series = field["types"].replace(NO_TYPE, "")

    def other_than(history: Sequence[Any]) -> Callable[[Any], bool] | None:
        usual = _usual(history)
        return lambda kind: kind != usual

    return series, other_than


def _usual(types: Sequence[Any]) -> str:
    return str(max(sorted(set(types)), key=types.count))


def _sizes(field: dict[str, Any]) -> Series:
    def shorter_than(history: Sequence[Any]) -> Callable[[Any], bool] | None:
        usual = median(history)
        return (lambda length: length <= usual / _COLLAPSED) if usual >= _COLLAPSED else None

    return field["sizes"], shorter_than


_OF_KIND = {NULL_RATE: _nulls, RENAMED: _nulls, TYPE: _types, COLLAPSED: _sizes}


def _share(null: str) -> float:
    return _TENTHS.index(null) / 10


def _lately(series: Sequence[Any], judge: Callable[[Sequence[Any]], Callable[[Any], bool] | None]) -> _Run | None:
    """Return the shortest end of a series whose bad results are no chance, by what came before it; None without one."""
    for of in range(_SHORTEST, _LONGEST + 1):
        history, lately = series[:-of], series[-of:]
        if len(history) < ENOUGH:
            return None
        bad = judge(history)
        if bad is None or not bad(series[-1]):
            continue
        run = _Run(sum(map(bad, lately)), of, sum(map(bad, history)), len(history))
        if run.bad >= _SHORTEST and run.before <= run.history * _USUAL and _chance(run) < _CHANCE:
            return run
    return None


def _chance(run: _Run) -> float:
    """Return how likely at least so many bad results are when they are as frequent as before, or rather more so.

    Binomial, at the upper end of what the history allows: so many, and twice the square root of it.
    """
    rate = min(1.0, (run.before + 2 * math.sqrt(run.before) + 0.25) / (run.history + 1))
    return sum(math.comb(run.of, bad) * rate**bad * (1 - rate) ** (run.of - bad) for bad in range(run.bad, run.of + 1))


def _over(fields: dict[str, Any], path: str, kind: str) -> bool:
    """Say whether a told drift ended: as many good results in a row as it takes bad ones, or a new normal."""
    series, judge = _OF_KIND[kind](fields[path])
    bad = judge(series)
    return bad is None or not any(map(bad, series[-_SHORTEST:]))
