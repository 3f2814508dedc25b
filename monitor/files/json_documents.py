"""A JSON file of the user as a document: proper JSON only, with the caps and the errors of our YAML files.

Refuses what Python's json takes (reliability.md E6): NaN and infinities, duplicate keys, numbers without bound, lone
surrogates.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

from monitor.errors import DefinitionError
from monitor.files import places, regular_files
from monitor.files.composing import MAX_DEPTH, MAX_NODES, Refused, compose
from monitor.files.documents import MAX_BYTES, Document, decoded
from monitor.files.problems import Problem

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_MAX_DIGITS = 100


def read_json(path: Path, shown_as: str | None = None) -> Document:
    """Return the value of a JSON file with its positions; raises DefinitionError."""
    name = shown_as or str(path)
    try:
        data, _ = regular_files.contents(path, MAX_BYTES)
        return parse_json(decoded(data), name)
    except regular_files.UnreadableFile as problem:
        raise DefinitionError([Problem(name, 0, 0, "", f"this file {problem}")]) from None
    except Refused as problem:
        raise DefinitionError(
            [Problem(name, problem.line, problem.column, "", problem.message, problem.hint)]
        ) from None


def parse_json(text: str, shown_as: str) -> Document:
    """Return the value of a JSON text; raises DefinitionError."""
    try:
        _check_size(text)
        value = json.loads(
            text, object_pairs_hook=_once, parse_constant=_no_constant, parse_float=_float, parse_int=_int
        )
        json.dumps(value, ensure_ascii=False).encode()
    except json.JSONDecodeError as problem:
        raise DefinitionError(
            [Problem(shown_as, problem.lineno, problem.colno, "", f"not valid JSON: {problem.msg.lower()}")]
        ) from None
    except UnicodeEncodeError:
        raise DefinitionError(
            [Problem(shown_as, 0, 0, "", "an escape stands for half a character (a lone surrogate)")]
        ) from None
    except ValueError as problem:
        raise DefinitionError([Problem(shown_as, 0, 0, "", str(problem))]) from None
    return Document(shown_as, value, _spot(text, shown_as))


def _spot(text: str, shown_as: str) -> places.Spot:
    """Return the positions of a JSON text: nearly all JSON is YAML; for the rest, the file as a whole."""
    try:
        roots = list(compose(text))
    except Refused:
        return places.Whole(shown_as)
    return places.Node(shown_as, roots[0]) if len(roots) == 1 else places.Whole(shown_as)


def _check_size(text: str) -> None:
    bare = _STRING.sub("", text)
    depth = deepest = 0
    for bracket in re.finditer(r"[\[\]{}]", bare):
        depth += 1 if bracket[0] in "[{" else -1
        deepest = max(deepest, depth)
    if deepest > MAX_DEPTH:
        raise ValueError(f"nested too deep: at most {MAX_DEPTH} levels")
    if bare.count(",") + deepest > MAX_NODES:
        raise ValueError(f"too many values: at most {MAX_NODES:,} in a file")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in pairs:
        if key in made:
            raise ValueError(f"the key {json.dumps(key)[:80]} stands twice in one object")
        made[key] = value
    return made


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number is too large")
    return value


def _int(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise ValueError(f"a number has at most {_MAX_DIGITS} digits")
    return int(text)
