"""How noisy a watch's fields are over its stored results, and the lines that would quiet them (`monitor noise`).

Rows of lists stand together under `*`. What is counted is what the present definition would tell, result by result.
Must not know where results are stored.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from monitor.clock import stamp
from monitor.judge.comparison import margin
from monitor.judge.schemas import validation
from monitor.judge.schemas.scope import Scope
from monitor.judge.tuning import advice, retelling
from monitor.judge.tuning.advice import Line, Story, Suggestion
from monitor.judge.tuning.retelling import Told
from monitor.watch.compare import Compare
from monitor.watch.model import Watch

ALIKE = 0.8  # texts at least this alike, with the same figures in them, are one text in other words
SMALL = 0.05  # a move up to this share may be noise
_STEPS = (0.1, 0.2, 0.5, 1, 2, 3, 5)  # percent: what a person would write
_OFTEN = 5  # changes, in nearly every result: what a clock or a token does
_SHORT = 12  # characters: of shorter texts a likeness says nothing
_LONG = 20_000  # characters: of longer texts a likeness is not measured
_MOST_SUGGESTIONS = 12  # each costs telling all results again
_WELL_KNOWN = ("id", "sku", "url", "link", "href", "key", "code", "slug", "name", "title", "seller")


@dataclass(frozen=True, slots=True)
class Seen:
    """One good result: when, the value as it is judged, and the paths of what was coerced in it."""

    at: datetime
    value: Any
    coerced: tuple[str, ...] = ()


@dataclass(slots=True)
class FieldNoise:
    """What one field did: in how many results it changed, and how; `moves` are shares of numbers' former values."""

    path: str
    changed: int = 0
    flipped: int = 0
    reworded: int = 0
    reordered: int = 0
    coerced: int = 0
    moves: list[float] = field(default_factory=list)
    likenesses: list[float] = field(default_factory=list)

    @property
    def small(self) -> list[float]:
        """The moves up to `SMALL`, smallest first."""
        return sorted(share for share in self.moves if share <= SMALL)

    def as_json(self) -> dict[str, Any]:
        """Return the object of `noise --json`; `moved` counts moves of numbers up to so many percent."""
        within = {f"{step:g}%": sum(share <= step / 100 for share in self.moves) for step in _STEPS}
        return {
            "path": self.path,
            "changed": self.changed,
            "flipped_back": self.flipped,
            "reworded": self.reworded,
            "reordered": self.reordered,
            "moved": {"all": len(self.moves)} | within,
            "coerced": self.coerced,
        }


@dataclass(frozen=True, slots=True)
class NoiseReport:
    """What `monitor noise` shows: the fields that changed or were coerced, and the suggestions, each with its price."""

    watch: str
    instants: tuple[datetime, ...]
    records: tuple[int, int]
    fields: tuple[FieldNoise, ...]
    suggestions: tuple[Suggestion, ...]
    yaml: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the document of `noise --json`; `records` that told a change, now and with all suggestions."""
        return {
            "watch": self.watch,
            "results": len(self.instants),
            "since": stamp(self.instants[0]) if self.instants else None,
            "until": stamp(self.instants[-1]) if self.instants else None,
            "records": {"now": self.records[0], "quiet": self.records[1]},
            "fields": [one.as_json() for one in self.fields],
            "suggestions": [one.as_json(self.instants) for one in self.suggestions],
            "yaml": "\n".join(self.yaml),
        }


def noise(records: Sequence[Seen], watch: Watch) -> NoiseReport:
    """Return how noisy the fields of these good results are, oldest first, and what would quiet them.

    Lists are looked at before fields: while rows are not matched by a key, every row seems to change. Raises
    `canonical.NotCanonicalError` for values that reading would have refused.
    """
    scope = validation.compiled(watch.output_schema).scope
    story = Story([one.value for one in records], watch.output_schema, scope)
    told = story.told(watch.compare)
    first = told
    compare, suggestions = watch.compare, list[Suggestion]()
    shuffled = Counter(_list_of(one.place) for one in told if _is_move(one))
    for line in _structure(shuffled, story):
        compare, told = _taken(suggestions, line, f"reordered {_times(shuffled[line.path])}", story, compare, told)
    fields = _fields(told, shuffled, records, scope)
    for line, why in _fields_lines(fields, len(records)):
        compare, told = _taken(suggestions, line, why, story, compare, told)
    brief = sum(later.index - one.index == 1 for one, later in advice.returns(told))
    if brief and watch.confirm is None:
        why = f"values came back in the next result {_times(brief)}"
        _, told = _taken(suggestions, Line("confirm", value=2), why, story, compare, told)
    return NoiseReport(
        watch=watch.name,
        instants=tuple(one.at for one in records),
        records=(_records(first), suggestions[-1].records[1] if suggestions else _records(first)),
        fields=fields,
        suggestions=tuple(suggestions),
        yaml=_block(compare, suggestions),
    )


def _taken(
    suggestions: list[Suggestion], line: Line, why: str, story: Story, compare: Compare, told: tuple[Told, ...]
) -> tuple[Compare, tuple[Told, ...]]:
    """Add a suggestion if it quiets anything, and return what is compared and told from there on."""
    found = advice.tried(line, why, story, compare, told) if len(suggestions) < _MOST_SUGGESTIONS else None
    if found is None:
        return compare, told
    suggestions.append(found)
    return compare if line.field == "confirm" else line.added_to(compare), found.told


def _structure(shuffled: Counter[str], story: Story) -> Iterator[Line]:
    """Yield how the lists that stand in another order now and then should be matched, outer ones first."""
    for path in sorted(shuffled):
        lists = [found for value in story.values for found in _lists(value, path.split("/")[1:])]
        if not any(isinstance(item, dict | list) for items in lists for item in items):
            yield Line("unordered", path)
        elif keys := _identity(lists):
            yield Line("identity", path, keys[0] if len(keys) == 1 else list(keys))


def _identity(lists: Sequence[list[Any]]) -> tuple[str, ...]:
    """Return the property, or the two, that tell the rows of every list apart; nothing when there is none."""
    rows = [item for items in lists for item in items]
    if not all(isinstance(row, dict) for row in rows):
        return ()
    usual = set.intersection(*(set(row) for row in rows))
    names = [name for name in rows[0] if name in usual and all(isinstance(row[name], str | int) for row in rows)]
    names.sort(key=lambda name: _WELL_KNOWN.index(name) if name in _WELL_KNOWN else len(_WELL_KNOWN))
    pairs = [(one, other) for at, one in enumerate(names[:6]) for other in names[at + 1 : 6]]
    for keys in [*((name,) for name in names), *pairs]:
        if all(len({str([row[key] for key in keys]) for row in items}) == len(items) for items in lists):
            return keys
    return ()


def _lists(value: Any, parts: Sequence[str]) -> Iterator[list[Any]]:
    """Yield the lists at a place in a value."""
    if not parts:
        if isinstance(value, list) and value:
            yield value
        return
    name = parts[0].replace("~1", "/").replace("~0", "~")
    if parts[0] == "*" and isinstance(value, list | dict):
        below = list(value.values() if isinstance(value, dict) else value)
    else:
        below = [value[name]] if isinstance(value, dict) and name in value else []
    for one in below:
        yield from _lists(one, parts[1:])


def _fields(
    told: Sequence[Told], shuffled: Counter[str], records: Sequence[Seen], scope: Scope
) -> tuple[FieldNoise, ...]:
    """Return what each field did, the most changing first."""
    found: dict[str, FieldNoise] = {}
    changed = {(one.place, one.index): one for one in told}
    for path, _ in changed:
        _of(found, path).changed += 1
    for one in told:
        share, alike = advice.move(one), _reworded(one)
        if share is not None:
            _of(found, one.place).moves.append(share)
        if alike is not None:
            _of(found, one.place).reworded += 1
            _of(found, one.place).likenesses.append(alike)
    for _, later in advice.returns(told):
        _of(found, later.place).flipped += 1
    for path, times in shuffled.items():
        _of(found, path).reordered += times
    for record in records:
        for path in {retelling.place(path, scope) for path in record.coerced}:
            _of(found, path).coerced += 1
    return tuple(sorted(found.values(), key=lambda one: (-one.changed - one.reordered, one.path)))


def _of(found: dict[str, FieldNoise], path: str) -> FieldNoise:
    return found.setdefault(path, FieldNoise(path))


def _fields_lines(fields: Sequence[FieldNoise], results: int) -> Iterator[tuple[Line, str]]:
    """Yield what would quiet single fields, where the noise is evident, with the evidence in words."""
    for one in fields:
        small = one.small
        if len(small) >= 3 or (small and one.flipped):
            step = next(step for step in _STEPS if small[-1] <= step / 100)
            why = f"moved up to {step:g}% {_times(len(small))}, flipped back {_times(one.flipped)}"
            yield Line("tolerance", one.path, f"{step:g}%"), why
        elif one.reworded >= 2 or (one.reworded and one.flipped):
            least = int(min(one.likenesses) * 100) / 100
            yield Line("similar", one.path, least), f"reworded {_times(one.reworded)}"
        elif one.path.endswith("/*"):
            continue  # all rows out of sight would be no comparison at all
        elif one.flipped >= 2:
            yield Line("ignore", one.path), f"flipped back {_times(one.flipped)}"
        elif one.changed >= _OFTEN and one.changed >= (results - 1) * 0.9 and not one.moves:
            yield Line("ignore", one.path), f"changed in {one.changed} of {results} results"


def _reworded(one: Told) -> float | None:
    """Return how alike two texts are that say the same in other words; None when they may not."""
    before, after = one.change.before, one.change.after
    if not (isinstance(before, str) and isinstance(after, str)) or not _SHORT <= len(before) <= _LONG:
        return None
    old, new = margin.normalised(before), margin.normalised(after)
    if len(new) > _LONG or re.findall(r"\d+", old) != re.findall(r"\d+", new):
        return None
    both = len(old) + len(new)
    alike = 1 - margin.distance(old, new, both) / both
    return alike if alike >= ALIKE else None


def _is_move(one: Told) -> bool:
    """Say whether a change is no more than another order; `compare` notes it."""
    note = one.change.note or ""
    return note.startswith("moved from ") or note.endswith(" in another order")


def _list_of(place: str) -> str:
    return place.removesuffix("/*")


def _records(told: Sequence[Told]) -> int:
    return len({one.index for one in told})


def _times(count: int) -> str:
    return "never" if not count else "once" if count == 1 else f"{count} times"


def _block(compare: Compare, suggestions: Sequence[Suggestion]) -> tuple[str, ...]:
    """Return the whole of `compare` as it would be then, and `confirm`, as lines of YAML; nothing without advice."""
    lines = []
    if any(one.line.field != "confirm" for one in suggestions):
        kept = compare.model_dump(exclude_defaults=True)
        lines = ["compare:", *(f"  {line}" for line in advice.written(kept))]
    return (*lines, *(one.line.yaml for one in suggestions if one.line.field == "confirm"))
