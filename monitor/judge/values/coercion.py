"""Bringing a result to its schema, where that is a reading and never a guess (interface.md, "Coercion …").

Only what does not keep the schema as it stands is touched, except that text is trimmed. Every change is recorded with
how it was read; what looks like it was meant and is not read becomes a sentence that says why, for the violation that
follows. docs/coercion.md is the user's page of these rules. Must not know watches or baselines.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from monitor.judge.comparison import canonical, pointer
from monitor.judge.decision import Coercion, Violation
from monitor.judge.schemas import validation
from monitor.judge.schemas.scope import Scope
from monitor.judge.values import dates, numbers, words
from monitor.judge.values.numbers import Refusal
from monitor.judge.values.wanted import Wanted

MOST_RECORDED = 2_000
MOST_REFUSED = 2_000
MOST_STEPS = 1_000_000  # places looked at, branches of choices included; a result of 2 MiB has at most as many
_ABSENT = object()  # an optional value that says that there is none

Path = tuple[str | int, ...]
Agreed = Callable[[], str | None]


@dataclass(frozen=True, slots=True)
class _Read:
    value: Any
    how: str


@dataclass(slots=True)
class _Walk:
    """One pass over one result: what was changed and refused so far, and what its other numbers agree on."""

    whole: Any
    root: Wanted
    changed: list[Coercion] = field(default_factory=list)
    refused: list[Violation] = field(default_factory=list)
    steps: int = 0
    known: tuple[str | None] | None = None

    def agreed(self) -> str | None:
        """Return the decimal sign that every number text of the result which proves one agrees on, or None."""
        if self.known is None:
            signs = set(_signs(self.whole, self.root))
            self.known = (signs.pop() if len(signs) == 1 else None,)
        return self.known[0]

    def change(self, path: Path, before: Any, after: Any, how: str) -> None:
        if len(self.changed) < MOST_RECORDED:
            self.changed.append(Coercion(pointer.joined(path), _short(before), _short(after), how))

    def refuse(self, path: Path, value: Any, why: str) -> None:
        if len(self.refused) < MOST_REFUSED:
            where = pointer.joined(path)
            message = f"{where or 'the result'}: {validation.excerpt(value)} {why}"
            self.refused.append(Violation(where, "type", message))


def coerced(value: Any, scope: Scope) -> tuple[Any, tuple[Coercion, ...], tuple[Violation, ...]]:
    """Return the value brought to the schema of `scope`, what was changed, and why other places were not read.

    The third is not a verdict: a place that keeps its schema as it stands may be in it, and validation decides. Never
    raises for a value within `limits`; the value that was given is not changed. At most 2,000 of each are recorded.
    """
    walk = _Walk(value, scope.wanted)
    after = _coerced(value, scope.wanted, (), walk)
    return (value if after is _ABSENT else after), tuple(walk.changed), tuple(walk.refused)


def _coerced(value: Any, wanted: Wanted, path: Path, walk: _Walk) -> Any:
    walk.steps += 1
    if walk.steps > MOST_STEPS:
        return value
    if wanted.choices:
        value = _chosen(value, wanted, path, walk)
    if isinstance(value, dict):
        return _object(value, wanted, path, walk)
    if isinstance(value, list):
        return _list(value, wanted, path, walk)
    return value if value is None or wanted.choices else _leaf(value, wanted, path, walk)


def _object(value: dict[str, Any], wanted: Wanted, path: Path, walk: _Walk) -> dict[str, Any]:
    after = {}
    for name, item in value.items():
        child = wanted.child(name)
        new = item if child is None else _coerced(item, child, (*path, name), walk)
        if new is not _ABSENT and (new is not None or item is None or name in wanted.required):
            after[name] = new
        elif new is not _ABSENT:
            continue  # null of an optional property is absent, as `reading` has it
        elif name in wanted.required:
            after[name] = item
            walk.refuse((*path, name), item, "says that there is no value, and one is required")
        else:
            walk.change((*path, name), item, None, "absent")
    return after


def _list(value: list[Any], wanted: Wanted, path: Path, walk: _Walk) -> list[Any]:
    after = []
    for index, item in enumerate(value):
        child = wanted.item(index)
        new = item if child is None else _coerced(item, child, (*path, index), walk)
        if new is _ABSENT:
            walk.refuse((*path, index), item, "says that there is no value, and an item of a list cannot be left out")
        after.append(item if new is _ABSENT else new)
    return after


def _chosen(value: Any, wanted: Wanted, path: Path, walk: _Walk) -> Any:
    """Return the value brought to the one branch of each choice that it fits, else as it is."""
    for group in wanted.choices:
        fitting = [branch for branch in group if branch.fits(value)]
        if len(fitting) > 1 or (value is None and wanted.nullable):
            continue
        tried = []
        for branch in fitting or group:
            trial = _Walk(walk.whole, walk.root, steps=walk.steps, known=walk.known)
            after = _coerced(value, branch, path, trial)
            walk.steps = trial.steps
            if after is not _ABSENT and branch.fits(after):
                tried.append((after, trial.changed))
        if len(tried) == 1:
            value = tried[0][0]
            walk.changed += tried[0][1][: MOST_RECORDED - len(walk.changed)]
    return value


def _leaf(value: Any, wanted: Wanted, path: Path, walk: _Walk) -> Any:
    if isinstance(value, str):
        found = _text(value, wanted, path, walk)
    elif isinstance(value, bool):
        return value
    else:
        found = _number(value, wanted)
    if found is None:
        return value
    if isinstance(found, Refusal):
        walk.refuse(path, value, found.why)
        return value
    if found.value is not _ABSENT:
        walk.change(path, value, found.value, found.how)
    return found.value


def _number(value: float, wanted: Wanted) -> _Read | None:
    """Return what a number stands for where none is wanted: its text or a truth value; None where neither or both."""
    if "number" in wanted.kinds:
        return None
    found = []
    if "string" in wanted.kinds and not (wanted.format or wanted.options):
        found.append(_Read(str(canonical.number(value)), "text of a number"))
    if "string" in wanted.kinds and wanted.options and str(canonical.number(value)) in wanted.options:
        found.append(_Read(str(canonical.number(value)), "text of a number"))
    if "boolean" in wanted.kinds and value in (0, 1):
        found.append(_Read(bool(value), "true or false from 1 or 0"))
    return found[0] if len(found) == 1 else None


def _text(value: str, wanted: Wanted, path: Path, walk: _Walk) -> _Read | Refusal | None:
    if "string" in wanted.kinds:
        found = _string(value, wanted)
        if not isinstance(found, Refusal):
            return found
        return _none(value, wanted) or found
    read: list[_Read] = []
    refused: list[Refusal] = []
    for kind, reader in (("number", _as_number), ("boolean", _as_boolean)):
        if kind in wanted.kinds:
            one = reader(value, wanted, path, walk.agreed)
            read += [one] if isinstance(one, _Read) else []
            refused += [one] if isinstance(one, Refusal) else []
    if len(read) == 1:
        return read[0]
    if read:
        return Refusal("can be read as a number and as true or false")
    return _none(value, wanted) or (refused[0] if len(refused) == 1 else None)


def _string(value: str, wanted: Wanted) -> _Read | Refusal | None:
    """Return text brought to its options or format; None where it stands as it is, a Refusal where it does not fit."""
    if wanted.options is not None:
        if value in wanted.options:
            return None
        option = words.spelt(value, wanted.options)
        return _Read(option, "spelling") if option is not None else Refusal(f"is not one of {_options(wanted)}")
    text = words.cleaned(value)
    if wanted.format in dates.FORMATS:
        written = dates.read(text, wanted.format, wanted.locale, wanted.zone)
        if isinstance(written, Refusal):
            return written
        if written != text:
            return _Read(written, f"{wanted.format} from text")
    if text == value or _bounded(text, value, wanted):
        return None
    return _Read(text, "trimmed")


def _options(wanted: Wanted) -> str:
    return validation.excerpt(list(wanted.options or ()))


def _bounded(text: str, value: str, wanted: Wanted) -> bool:
    """Return whether trimming would break a rule that the text keeps as it stands."""
    ruled = any({"pattern", "minLength", "maxLength", "format"} & node.keys() for node in wanted.nodes)
    return ruled and wanted.fits(value) and not wanted.fits(text)


def _as_number(value: str, wanted: Wanted, _: Path, agreed: Agreed) -> _Read | Refusal:
    read = numbers.read(value, wanted.locale, agreed)
    if isinstance(read, Refusal):
        return Refusal(f"is not read as a number: it {read.why}")
    number = numbers.as_json(read, whole=wanted.whole)
    if number is None:
        fraction = wanted.whole and read.value != read.value.to_integral_value()
        return Refusal("is not a whole number" if fraction else "is a number too large or too small for JSON")
    return _Read(number, f"number from text{read.how}")


def _as_boolean(value: str, wanted: Wanted, path: Path, _: Agreed) -> _Read | Refusal:
    name = next((step for step in reversed(path) if isinstance(step, str)), "")
    found = words.boolean(value, name, wanted.locale)
    if found is None:
        turned = " for this property, whose name turns words for stock round" if words.turned(name) else ""
        return Refusal(f"is not read as true or false{turned}")
    return _Read(found, "true or false from a word")


def _none(value: str, wanted: Wanted) -> _Read | None:
    """Return null or absence for a text that says that there is no value."""
    if not words.nothing(words.cleaned(value)):
        return None
    return _Read(None if "null" in wanted.kinds else _ABSENT, "absent")


def _signs(value: Any, root: Wanted) -> set[str]:
    """Return the decimal signs that the number texts of a result prove. Never recurses."""
    found: set[str] = set()
    waiting: list[tuple[Any, Wanted]] = [(value, root)]
    steps = 0
    while waiting and steps < MOST_STEPS:
        steps += 1
        node, wanted = waiting.pop()
        for group in wanted.choices:
            waiting.extend((node, branch) for branch in group)
        if isinstance(node, dict):
            below = ((item, wanted.child(name)) for name, item in node.items())
            waiting.extend((item, child) for item, child in below if child is not None)
        elif isinstance(node, list):
            items = ((item, wanted.item(index)) for index, item in enumerate(node))
            waiting.extend((item, child) for item, child in items if child is not None)
        elif isinstance(node, str) and wanted.counts and re.search("[.,٫٬]", node):
            sign = numbers.proved(node, wanted.locale)
            found |= {sign} if sign else set()
    return found


def _short(value: Any) -> Any:
    if isinstance(value, str) and len(value) > validation.EXCERPT:
        return f"{value[: validation.EXCERPT - 1]}…"
    return value
