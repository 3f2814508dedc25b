"""The schema that is sent to the provider: its subset of JSON Schema, and what it would refuse.

Owns the allow-list of agent-api.md 8.1 and the translation into it. What is dropped on the way is checked all the same,
by `judge` against the user's own schema. Pure; must not know watches or results.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

ALLOWED = frozenset(
    {"anyOf", "enum", "format", "items", "maxItems", "maximum", "minItems", "minimum", "nullable", "properties"}
    | {"propertyOrdering", "required", "type"}
)
DEPTH = 10
BYTES = 64 * 1024
NODES = 4_000  # of the schema with its references written out
_FORMATS = frozenset({"date-time", "date", "time", "duration"})
_TYPES = frozenset({"object", "array", "string", "number", "integer", "boolean"})
_OF_TYPE = {
    "items": {"array"},
    "minItems": {"array"},
    "maxItems": {"array"},
    "minimum": {"number", "integer"},
    "maximum": {"number", "integer"},
    "format": {"string"},
    "enum": {"string"},
}

Dropped = tuple[str, str, str]  # JSON Pointer of the schema, keyword, why


@dataclass(frozen=True, slots=True)
class Compiled:
    """What is sent, and what was left out of it."""

    sent: dict[str, Any]
    dropped: tuple[Dropped, ...]


def compile_schema(schema: dict[str, Any]) -> Compiled:
    """Return the schema as the provider takes it. Never raises for a schema: what does not fit is dropped and named."""
    compiler = _Compiler(schema)
    sent = compiler.node({**schema, "type": "object"}, "", ())
    branches = sent.pop("anyOf", None)
    if branches is not None:
        compiler.drop("", "anyOf", "not allowed at the root")
    return Compiled(sent, tuple(compiler.dropped))


class _Compiler:
    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._nodes = 0
        self.dropped: list[Dropped] = []

    def drop(self, pointer: str, keyword: str, why: str) -> None:
        self.dropped.append((pointer, keyword, why))

    def node(self, schema: Any, pointer: str, trail: tuple[str, ...]) -> dict[str, Any]:
        """Return one schema translated; `trail` are the references that led here."""
        self._nodes += 1
        if not isinstance(schema, dict):
            self.drop(pointer, str(schema).lower(), "a boolean schema is not supported")
            return {}
        if self._nodes > NODES:
            self.drop(pointer, "*", f"the schema has more than {NODES} parts")
            return {}
        if "$ref" in schema:
            return self._reference(schema, pointer, trail)
        sent: dict[str, Any] = {}
        self._type(schema, sent, pointer)
        self._values(schema, sent, pointer)
        self._children(schema, sent, pointer, trail)
        self._rest(schema, sent, pointer)
        return sent

    def _reference(self, schema: dict[str, Any], pointer: str, trail: tuple[str, ...]) -> dict[str, Any]:
        """Write a local reference out; beside it, keywords of the same schema win over those referred to."""
        name = schema["$ref"]
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        found = _resolve(self._root, name)
        if found is None or name in trail:
            self.drop(pointer, "$ref", "it leads nowhere inside the schema" if found is None else "it refers to itself")
            return self.node(beside, pointer, trail)
        merged = {**found, **beside} if isinstance(found, dict) else beside
        return self.node(merged, pointer, (*trail, name))

    def _type(self, schema: dict[str, Any], sent: dict[str, Any], pointer: str) -> None:
        given = schema.get("type")
        names = _names([given] if isinstance(given, str) else given)
        real = [name for name in names if name in _TYPES]
        if "null" in names or schema.get("nullable") is True:
            sent["nullable"] = True
        if len(real) == 1:
            sent["type"] = real[0]
        elif len(real) > 1:
            self.drop(pointer, "type", "one of several types is not supported")
        elif given is None and (implied := _implied(schema)):
            sent["type"] = implied

    def _values(self, schema: dict[str, Any], sent: dict[str, Any], pointer: str) -> None:
        """Translate enum and const, which the provider has for strings only."""
        if "const" in schema:
            values, keyword = [schema["const"]], "const"
        elif isinstance(schema.get("enum"), list):
            values, keyword = schema["enum"], "enum"
        else:
            return
        if None in values:
            sent["nullable"] = True
        strings = list(dict.fromkeys(value for value in values if isinstance(value, str)))
        others = [value for value in values if value is not None and not isinstance(value, str)]
        if strings and not others and sent.get("type", "string") == "string":
            sent["type"], sent["enum"] = "string", strings
        else:
            self.drop(pointer, keyword, "only strings can be enumerated")

    def _children(self, schema: dict[str, Any], sent: dict[str, Any], pointer: str, trail: tuple[str, ...]) -> None:
        properties = schema.get("properties")
        if isinstance(properties, dict):
            self._properties(schema, properties, sent, pointer, trail)
        if isinstance(schema.get("items"), dict) and sent.get("type") == "array" and self._room(pointer, "items"):
            sent["items"] = self.node(schema["items"], f"{pointer}/items", trail)
        branches = schema.get("anyOf", schema.get("oneOf"))
        if isinstance(branches, list):
            self._branches(branches, "anyOf" if "anyOf" in schema else "oneOf", sent, pointer, trail)

    def _properties(
        self,
        schema: dict[str, Any],
        properties: dict[str, Any],
        sent: dict[str, Any],
        pointer: str,
        trail: tuple[str, ...],
    ) -> None:
        if not self._room(pointer, "properties"):
            return
        required = [name for name in _names(schema.get("required")) if name in properties]
        sent["properties"] = {}
        for name, inner in properties.items():
            child = self.node(inner, f"{pointer}/properties/{_escaped(name)}", trail)
            sent["properties"][name] = child if name in required else {**child, "nullable": True}
        if required:
            sent["required"] = required
        order = schema.get("propertyOrdering")
        if isinstance(order, list) and len(_names(order)) == len(order) and set(_names(order)) <= set(properties):
            sent["propertyOrdering"] = order

    def _branches(
        self, branches: list[Any], keyword: str, sent: dict[str, Any], pointer: str, trail: tuple[str, ...]
    ) -> None:
        """Translate anyOf (and oneOf, as anyOf); a branch that is only null becomes `nullable`."""
        kept = [branch for branch in branches if branch != {"type": "null"}]
        if len(kept) < len(branches):
            sent["nullable"] = True
        if not kept or not self._room(pointer, keyword):
            return
        nodes = [self.node(branch, f"{pointer}/{keyword}/{index}", trail) for index, branch in enumerate(kept)]
        if len(nodes) == 1 and all(sent.get(key, value) == value for key, value in nodes[0].items()):
            sent.update(nodes[0])
        elif len(nodes) > 1 and all(nodes):
            sent["anyOf"] = nodes
        else:
            self.drop(pointer, keyword, "a branch of it cannot be sent")

    def _room(self, pointer: str, keyword: str) -> bool:
        if _levels(pointer) < DEPTH - 1:
            return True
        self.drop(pointer, keyword, f"deeper than {DEPTH} levels")
        return False

    def _rest(self, schema: dict[str, Any], sent: dict[str, Any], pointer: str) -> None:
        done = {"type", "nullable", "const", "enum", "properties", "required", "anyOf", "oneOf", "propertyOrdering"}
        for keyword, value in schema.items():
            if keyword in done or (keyword == "items" and "items" in sent):
                continue
            if keyword not in ALLOWED:
                self.drop(pointer, keyword, "not supported")
            elif sent.get("type") not in _OF_TYPE.get(keyword, {sent.get("type")}):
                self.drop(pointer, keyword, f"not supported for {sent.get('type', 'any type')}")
            elif keyword == "format" and not (isinstance(value, str) and value in _FORMATS):
                self.drop(pointer, keyword, "this format is not supported")
            elif keyword == "items":
                continue  # too deep: named already
            else:
                sent[keyword] = value


def provider_problems(schema: Any) -> list[tuple[str, str]]:
    """Return why the provider would answer 400 to this schema: (pointer such as `#/properties/price`, message)."""
    problems: list[tuple[str, str]] = []
    if not isinstance(schema, dict):
        return [("#", "output_schema must be an object")]
    if schema.get("type", "object") != "object":
        problems.append(("#", 'the root must have type "object"'))
    if "anyOf" in schema:
        problems.append(("#", "anyOf is not supported at the root"))
    if size(schema) > BYTES:
        problems.append(("#", f"the schema is larger than {BYTES} bytes"))
    stack: list[tuple[Any, str, int, bool]] = [(schema, "#", 1, False)]
    while stack and len(problems) < 100:
        node, pointer, depth, branch = stack.pop()
        if depth > DEPTH:
            problems.append((pointer, f"the schema is nested deeper than {DEPTH} levels"))
        elif not isinstance(node, dict):
            problems.append((pointer, "a schema must be an object"))
        else:
            problems.extend((pointer, message) for message in _node_problems(node, relaxed=branch))
            stack.extend(
                (inner, f"{pointer}/{path}", depth + 1, path.startswith("anyOf/")) for inner, path in _inner(node)
            )
    return problems


def size(schema: Any) -> int:
    """Return the bytes of a schema as it is sent."""
    return len(json.dumps(schema, separators=(",", ":")).encode())


def _node_problems(node: dict[str, Any], *, relaxed: bool) -> Iterator[str]:
    kind = node.get("type")
    for keyword in node:
        if keyword not in ALLOWED:
            yield f'keyword "{keyword}" is not supported'
        elif keyword in _OF_TYPE and not (isinstance(kind, str) and kind in _OF_TYPE[keyword]):
            yield f'keyword "{keyword}" needs type {" or ".join(sorted(_OF_TYPE[keyword]))}'
    if kind is not None and (not isinstance(kind, str) or kind not in _TYPES):
        yield "type must be the name of one type"
    values = node.get("enum")
    if values is not None and not (
        isinstance(values, list) and values and all(isinstance(item, str) for item in values)
    ):
        yield "enum must be a list of strings"
    if "format" in node and not (isinstance(node["format"], str) and node["format"] in _FORMATS):
        yield "format must be one of date-time, date, time, duration"
    properties = node.get("properties")
    names = set(properties) if isinstance(properties, dict) else set()
    for keyword in ("required", "propertyOrdering"):
        listed = node.get(keyword, [])
        if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
            yield f"{keyword} must be a list of names"
        elif not set(listed) <= names and not (relaxed and keyword == "required"):
            yield f"{keyword} names a property that does not exist"
        elif keyword == "propertyOrdering" and len(set(listed)) != len(listed):
            yield "propertyOrdering names a property twice"


def _inner(node: dict[str, Any]) -> Iterator[tuple[Any, str]]:
    properties = node.get("properties")
    if isinstance(properties, dict):
        yield from ((inner, f"properties/{_escaped(name)}") for name, inner in properties.items())
    if "items" in node:
        yield node["items"], "items"
    branches = node.get("anyOf")
    if isinstance(branches, list):
        yield from ((inner, f"anyOf/{index}") for index, inner in enumerate(branches))


def _resolve(root: dict[str, Any], reference: Any) -> Any:
    """Return what a local reference (`#`, `#/$defs/price`) points at, or None."""
    if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
        return None
    found: Any = root
    for part in reference.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, dict) or key not in found:
            return None
        found = found[key]
    return found


def _names(listed: Any) -> list[str]:
    """Return the strings of a list, each once; nothing for anything else."""
    return list(dict.fromkeys(name for name in listed if isinstance(name, str))) if isinstance(listed, list) else []


def _implied(schema: dict[str, Any]) -> str | None:
    return "object" if "properties" in schema else "array" if "items" in schema else None


def _levels(pointer: str) -> int:
    """Return how many schemas stand above the one at `pointer`."""
    parts = pointer.split("/")[1:]
    levels = index = 0
    while index < len(parts):
        index += 1 if parts[index] == "items" else 2
        levels += 1
    return levels


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
