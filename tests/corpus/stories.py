"""The stories of the corpus as they are written by hand: the true states of a page, and what each step should tell.

The right answers are literal in `story.yaml`; nothing here or there is computed by the code that is judged.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monitor.files.documents import parse

FOLDER = Path(__file__).parent / "watches"
NAMES = tuple(sorted(path.name for path in FOLDER.iterdir() if path.is_dir()))


@dataclass(frozen=True, slots=True)
class State:
    """What the page says at one step, and the changes that must be told then: path -> added, removed, changed, below.

    `below` is a change at some place inside (a value of an unordered list has no name of its own). `rarer` are the
    fields that the page itself has given less often since some step: drift may say that of them, and of no others.
    """

    truth: dict[str, Any]
    told: dict[str, str]
    rarer: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Story:
    """One page over time, and how an agent's answers about it may differ without meaning anything else."""

    name: str
    about: str
    kinds: dict[str, str]
    optional: dict[str, list[Any]]
    flaps: list[str]
    wordings: dict[str, list[str]]
    states: tuple[State, ...]


def story(name: str) -> Story:
    """Return a story by the name of its folder."""
    path = FOLDER / name / "story.yaml"
    value = parse(path.read_text("utf-8"), str(path))[0].value
    rows = value.get("rows", {})
    truth = value["start"]
    states, rarer = [State(truth, {})], frozenset[str]()
    for step in value["steps"]:
        truth = _after(truth, step, rows)
        rarer |= set(step.get("rarer", ()))
        states.append(State(truth, step.get("told", {}), rarer))
    optional, flaps, wordings = value.get("optional", {}), value.get("flaps", []), value.get("wordings", {})
    return Story(name, value["about"], value["wobble"], optional, flaps, wordings, tuple(states))


def _after(truth: dict[str, Any], step: dict[str, Any], rows: dict[str, str]) -> dict[str, Any]:
    """Return the state after `set` and `cut` (fields), `drop` and `add` (rows, named by their keys joined with +)."""
    assert set(step) <= {"set", "cut", "drop", "add", "told", "rarer"}, step
    truth = deepcopy(truth)
    for path, value in step.get("set", {}).items():
        place, name = _place(truth, path, rows)
        assert place.get(name) != value, f"{path} is {value} already"
        place[name] = value
    for path in step.get("cut", ()):
        place, name = _place(truth, path, rows)
        del place[name]
    for path in step.get("drop", ()):
        place, row = _place(truth, path, rows)
        place.remove(row)
    for path, row in step.get("add", {}).items():
        truth[path[1:]].append(row)
    return truth


def _place(truth: Any, path: str, rows: dict[str, str]) -> tuple[Any, Any]:
    """Return what holds the last segment of a path, and that segment: a key, or the row itself."""
    parts = [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]
    place, here = truth, ""
    for part in parts[:-1]:
        place = _row(place, part, rows[here]) if isinstance(place, list) else place[part]
        here = f"{here}/{part}"
    return place, _row(place, parts[-1], rows[here]) if isinstance(place, list) else parts[-1]


def _row(place: list[Any], name: str, keys: str) -> Any:
    found = [row for row in place if "+".join(str(row[key]) for key in keys.split("+")) == name]
    assert len(found) == 1, f"{name}: {len(found)} rows"
    return found[0]
