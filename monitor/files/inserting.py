"""New keys in the maps of a YAML or JSON text, with all that stands there untouched: comments, order, quotes, style.

The text is changed at the places of its own nodes and read again; what does not come out as meant is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from monitor.errors import DefinitionError
from monitor.files import documents
from monitor.files.places import Step

Path = tuple[Step, ...]


def inserted(text: str, index: int, additions: Mapping[Path, Mapping[str, str]]) -> str:
    """Return `text` with keys added to maps of its document number `index`, by the path of each map.

    Raises ValueError where a map is not there as written (an alias, a reference), or where it holds such a key.
    """
    before = documents.parse(text, "text")
    document = before[index]
    offsets = _line_offsets(text)
    changes: list[tuple[int, Mapping[str, str]]] = []
    for path, keys in additions.items():
        node = _at(document.value, path)
        if not isinstance(node, dict) or keys.keys() & node.keys():
            raise ValueError(f"{'/'.join(map(str, path))} is no map that these keys can be added to")
        line, column = document.position(path)
        changes.append((offsets[line - 1] + column - 1, keys))
    changed = text
    for offset, keys in sorted(changes, key=lambda change: -change[0]):
        changed = _with(changed, offset, keys)
    _check(changed, before, index, additions)
    return changed


def _with(text: str, offset: int, keys: Mapping[str, str]) -> str:
    quoted = [f"{_key(name, text, offset)}: {json.dumps(value, ensure_ascii=False)}" for name, value in keys.items()]
    if text[offset] == "{":
        rest = text[offset + 1 :]
        comma = "" if rest.lstrip().startswith("}") else ", "
        return f"{text[: offset + 1]}{', '.join(quoted)}{comma}{rest}"
    column = offset - (text.rfind("\n", 0, offset) + 1)
    end = "\r\n" if "\r\n" in text else "\n"
    return text[:offset] + "".join(f"{each}{end}{' ' * column}" for each in quoted) + text[offset:]


def _key(name: str, text: str, offset: int) -> str:
    """Return a key as its neighbours are written: in quotes where they are."""
    inside = text[offset:].lstrip("{ \n\r\t")
    return json.dumps(name) if inside.startswith('"') else name


def _check(changed: str, before: Sequence[documents.Document], index: int, additions: Mapping[Path, Any]) -> None:
    try:
        after = documents.parse(changed, "text")
    except DefinitionError as problem:
        raise ValueError(f"the text cannot be changed in place: {problem}") from None
    expected = [json.loads(json.dumps(document.value)) for document in before]
    for path, keys in additions.items():
        _at(expected[index], path).update(keys)
    if [document.value for document in after] != expected:
        raise ValueError("the text cannot be changed in place: an alias or a form that is not understood")


def _at(value: Any, path: Path) -> Any:
    for step in path:
        if not isinstance(value, dict) or step not in value:
            return None
        value = value[step]
    return value


def _line_offsets(text: str) -> list[int]:
    offsets = [0]
    for line in text.split("\n"):
        offsets.append(offsets[-1] + len(line) + 1)
    return offsets
