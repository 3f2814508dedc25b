"""The sizes that keep the program readable: modules of at most 300 lines, functions of at most 40."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
MODULE, FUNCTION = 300, 40  # lines

# What may be longer, and why; an entry that is not needed any more fails.
EXCEPTIONS = {
    "monitor/store/records.py": "the value types of the whole store, one after the other; its room is splitting them",
    "monitor/store/migrations/versions/v0001_everything.py::_runs": "one table; a migration that ran is never changed",
}


def _too_long(path: Path) -> Iterator[str]:
    name, text = str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
    if len(text.splitlines()) > MODULE:
        yield name
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert node.end_lineno is not None
            if node.end_lineno - node.lineno + 1 > FUNCTION:
                yield f"{name}::{node.name}"


def test_modules_and_functions_are_short() -> None:
    """What is longer is split along a noun, or stands above with its reason."""
    found = {each for path in sorted((ROOT / "monitor").rglob("*.py")) for each in _too_long(path)}
    assert sorted(found - EXCEPTIONS.keys()) == []
    assert sorted(EXCEPTIONS.keys() - found) == []
