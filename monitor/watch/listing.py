"""Which files of a folder may define watches: YAML files, in the order of their paths, sub-folders included.

Must not know what they hold. A folder or a link that cannot be followed is a problem, never an end.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from monitor.files.problems import Problem

SUFFIXES = (".yaml", ".yml")


def watch_files(folder: Path, shown: Callable[[Path], str]) -> tuple[list[Path], list[Problem]]:
    """Return the files below `folder`, and what could not be listed; `shown` gives a path its name for the user."""
    problems: list[Problem] = []
    return sorted(_walk(folder, frozenset(), shown, problems)), problems


def _walk(folder: Path, above: frozenset[str], shown: Callable[[Path], str], problems: list[Problem]) -> Iterator[Path]:
    here = os.path.realpath(folder)
    if here in above:
        return  # a link that leads back up
    try:
        with os.scandir(folder) as listed:
            entries = list(listed)
    except OSError as problem:
        problems.append(_unreadable(shown(folder), "this folder cannot be read", problem))
        return
    for entry in entries:
        if entry.name.startswith((".", "#")) or entry.name.endswith("~"):
            continue  # hidden, or an editor's copy
        path = folder / entry.name
        try:
            below = entry.is_dir()
        except OSError as problem:  # a link that leads to itself
            problems.append(_unreadable(shown(path), "this link cannot be followed", problem))
            continue
        if below:
            yield from _walk(path, above | {here}, shown, problems)
        elif entry.name.lower().endswith(SUFFIXES):
            yield path


def _unreadable(name: str, what: str, problem: OSError) -> Problem:
    return Problem(name, 0, 0, "", f"{what}: {(problem.strerror or 'unknown error').lower()}")
