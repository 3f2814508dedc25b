"""The user's schema as the shape that extraction fills: types, properties, and the hints where to look. Pure.

Reads JSON Schema with local references; of `anyOf`/`oneOf` the first alternative that is not null decides. Validation
of results is not done here (that is `monitor.judge`); only what is needed to look for values is kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_BYTES = 64 * 1024
MAX_DEPTH = 16
MAX_NODES = 2_000
_TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")
HINTS = ("x-css", "x-xpath", "x-attr", "x-jsonpath", "x-regex")
_PLACES = ("x-css", "x-xpath", "x-jsonpath")


@dataclass(frozen=True, slots=True)
class Hint:
    """Where a value stands: a selector (`css`, `xpath`, `jsonpath`) relative to its row or page, what to read of it.

    `attr` names the attribute, `regex` the part of the text.
    """

    css: str | None = None
    xpath: str | None = None
    attr: str | None = None
    jsonpath: str | None = None
    regex: str | None = None

    @property
    def selects(self) -> bool:
        """Whether the hint names a place, not only an attribute."""
        return self.css is not None or self.xpath is not None or self.jsonpath is not None

    def __str__(self) -> str:
        named = {"x-css": self.css, "x-xpath": self.xpath, "x-jsonpath": self.jsonpath}
        place = next((f"{name} {value}" for name, value in named.items() if value is not None), "")
        place = place or ("row" if self.regex is None else "text")
        place = f"{place} @{self.attr}" if self.attr else place
        return f"{place} x-regex {self.regex}" if self.regex else place


@dataclass(frozen=True, slots=True)
class Shape:
    """One node of the schema; `kind` is its JSON type, `string` where nothing is said."""

    kind: str
    nullable: bool = False
    enum: tuple[Any, ...] | None = None
    format: str | None = None
    description: str = ""
    locale: str | None = None
    hint: Hint | None = None
    properties: Mapping[str, Shape] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    items: Shape | None = None


class _Reader:
    """Reads one schema; `left` bounds the nodes, so that references that multiply end."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._left = MAX_NODES

    def read(self, node: Any, depth: int = 0, locale: str | None = None) -> Shape:
        self._left -= 1
        if depth > MAX_DEPTH or self._left < 0 or not isinstance(node, dict):
            return Shape("string", nullable=True)
        node, nullable = self._resolved(node)
        locale = _text(node.get("x-locale")) or locale  # what encloses a property speaks for it, too
        kinds = [kind for kind in _listed(node.get("type")) if kind != "null"]
        enum = node["enum"] if isinstance(node.get("enum"), list) else [node["const"]] if "const" in node else None
        kind = kinds[0] if kinds else "null" if "null" in _listed(node.get("type")) else _kind_of(node, enum)
        properties = node.get("properties") if kind == "object" else None
        return Shape(
            kind=kind,
            nullable=nullable
            or node.get("nullable") is True
            or "null" in _listed(node.get("type"))
            or None in (enum or ()),
            enum=tuple(value for value in enum if value is not None) if enum is not None else None,
            format=_text(node.get("format")),
            description=_text(node.get("description")) or _text(node.get("title")) or "",
            locale=locale,
            hint=_hint(node),
            properties={str(name): self.read(child, depth + 1, locale) for name, child in _items(properties)},
            required=frozenset(name for name in node.get("required") or () if isinstance(name, str)),
            items=self.read(node.get("items", {}), depth + 1, locale) if kind == "array" else None,
        )

    def _resolved(self, node: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        """Follow references and alternatives; keywords beside them win."""
        nullable = False
        for _step in range(MAX_DEPTH):
            if isinstance(node.get("$ref"), str):
                target = _pointed(self._root, node["$ref"])
                node = target | {name: value for name, value in node.items() if name != "$ref"}
                continue
            name = next((word for word in ("anyOf", "oneOf", "allOf") if isinstance(node.get(word), list)), None)
            if name is None:
                break
            branches = [branch for branch in node[name] if isinstance(branch, dict)]
            nullable = nullable or (name != "allOf" and any(branch.get("type") == "null" for branch in branches))
            chosen = [branch for branch in branches if branch.get("type") != "null"]
            merged = chosen if name == "allOf" else chosen[:1]
            rest = {word: value for word, value in node.items() if word != name}
            for branch in merged:
                rest = _merged(rest, branch)
            node = rest
        return node, nullable


def shape_of(schema: dict[str, Any]) -> Shape:
    """Return the shape of a schema that `problems` found nothing wrong with; its root is always an object."""
    shape = _Reader(schema).read({"type": "object"} | schema)
    return shape if shape.kind == "object" else Shape("object")


def problems(schema: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what keeps a schema from being filled, as (JSON Pointer, message).

    Size, depth, root, unknown types, bad hints.
    """
    try:
        size = len(json.dumps(schema, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    except RecursionError:
        return [("", "the schema is nested too deep")]
    if size > MAX_BYTES:
        return [("", f"the schema is larger than {MAX_BYTES // 1024} KB")]
    found: list[tuple[str, str]] = []
    if "object" not in (_listed(schema.get("type")) or ["object"]):
        found.append(("/type", "the root must be of type object"))
    _walk(schema, "", 0, found)
    return found


def _walk(node: Any, pointer: str, depth: int, found: list[tuple[str, str]]) -> None:
    if depth > 2 * MAX_DEPTH:
        found.append((pointer, f"the schema is nested deeper than {MAX_DEPTH}"))
        return
    if not isinstance(node, dict):
        if not isinstance(node, bool):
            found.append((pointer, "a schema must be an object"))
        return
    found.extend(
        (f"{pointer}/type", f"unknown type {kind!r}") for kind in _listed(node.get("type")) if kind not in _TYPES
    )
    found.extend(_hint_problems(node, pointer))
    for group in ("properties", "$defs", "definitions"):
        for name, child in _items(node.get(group)):
            escaped = str(name).replace("~", "~0").replace("/", "~1")
            _walk(child, f"{pointer}/{group}/{escaped}", depth + 1, found)
    if "items" in node:
        _walk(node["items"], f"{pointer}/items", depth + 1, found)
    for word in ("anyOf", "oneOf", "allOf"):
        for index, child in enumerate(node[word] if isinstance(node.get(word), list) else ()):
            _walk(child, f"{pointer}/{word}/{index}", depth + 1, found)


def _hint_problems(node: dict[str, Any], pointer: str) -> list[tuple[str, str]]:
    if not any(str(name).startswith("x-") for name in node):
        return []
    found: list[tuple[str, str]] = []
    for name in HINTS:
        value = node.get(name)
        if value is None:
            continue
        if not isinstance(value, str) or not value.strip() or len(value) > 1_000:
            found.append((f"{pointer}/{name}", f"{name} must be a short text"))
            continue
        unreadable = _unreadable(name, value)
        if unreadable:
            found.append((f"{pointer}/{name}", f"{name} cannot be read: {unreadable}"))
    given = [name for name in _PLACES if node.get(name) is not None]
    if len(given) > 1:
        found.append((f"{pointer}/{given[1]}", f"{given[0]} and {given[1]} cannot both be given"))
    if node.get("x-attr") is not None and node.get("x-css") is None and node.get("x-xpath") is None:
        found.append((f"{pointer}/x-attr", "x-attr needs x-css or x-xpath beside it"))
    return found


def _unreadable(name: str, value: str) -> str | None:
    """Return why a hint cannot be read, or None."""
    if name in ("x-css", "x-xpath"):
        import parsel

        selector = parsel.Selector("<html></html>")
        try:
            selector.css(value) if name == "x-css" else selector.xpath(value)
        except Exception as problem:  # noqa: BLE001 - cssselect, parsel and lxml each raise classes of their own
            return " ".join(str(problem).split())[:200]
    if name in ("x-jsonpath", "x-regex"):
        from monitor.embedded.extract import patterns

        return patterns.jsonpath_problem(value) if name == "x-jsonpath" else patterns.regex_problem(value)
    return None


def _hint(node: dict[str, Any]) -> Hint | None:
    css, xpath, attr, jsonpath, regex = (_text(node.get(name)) for name in HINTS)
    return Hint(css, xpath, attr, jsonpath, regex) if css or xpath or attr or jsonpath or regex else None


def _kind_of(node: dict[str, Any], enum: list[Any] | None) -> str:
    if "properties" in node:
        return "object"
    if "items" in node:
        return "array"
    if enum and all(isinstance(value, bool) for value in enum):
        return "boolean"
    if enum and all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in enum):
        return "number"
    return "number" if {"minimum", "maximum"} & node.keys() else "string"


def _merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    result = other | one
    if isinstance(one.get("properties"), dict) and isinstance(other.get("properties"), dict):
        result["properties"] = other["properties"] | one["properties"]
    if isinstance(one.get("required"), list) and isinstance(other.get("required"), list):
        result["required"] = [*one["required"], *other["required"]]
    return result


def _pointed(root: Any, reference: str) -> dict[str, Any]:
    node = root
    for part in reference.removeprefix("#").split("/")[1:] if reference.startswith("#") else ["\0"]:
        node = node.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(node, dict) else None
    return node if isinstance(node, dict) else {}


def _listed(kinds: Any) -> list[Any]:
    return kinds if isinstance(kinds, list) else [] if kinds is None else [kinds]


def _items(group: Any) -> list[tuple[Any, Any]]:
    return list(group.items()) if isinstance(group, dict) else []


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
