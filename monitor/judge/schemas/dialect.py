"""The JSON Schema dialect of `output_schema`: 2020-12, plus the provider's `nullable: true`; `x-*` keys mean nothing.

Owns where subschemas stand inside a schema, how a local `$ref` is followed, and the translation into plain 2020-12 for
validation. Must not know values that are validated.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from monitor.judge.comparison import pointer

ONE = ("items", "contains", "additionalProperties", "propertyNames", "not", "if", "then", "else", "unevaluatedItems",
       "unevaluatedProperties", "contentSchema")  # fmt: skip
LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
MAPS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
PLAIN = ("type", "enum", "const", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum",
         "maxLength", "minLength", "pattern", "maxItems", "minItems", "uniqueItems", "maxContains", "minContains",
         "maxProperties", "minProperties", "required", "dependentRequired", "format", "title", "description",
         "default", "deprecated", "readOnly", "writeOnly", "examples", "contentEncoding", "contentMediaType", "$schema",
         "$id", "$ref", "$anchor", "$dynamicRef", "$dynamicAnchor", "$vocabulary", "$comment")  # fmt: skip
PROVIDER = ("nullable", "propertyOrdering", "example")
KEYWORDS = frozenset((*ONE, *LISTS, *MAPS, *PLAIN, *PROVIDER, "dependencies"))
MAX_DEPTH = 32
MAX_NODES = 2_000

Path = tuple[str | int, ...]


def children(schema: dict[str, Any]) -> Iterator[tuple[Path, Any]]:
    """Yield every direct subschema with its place, also where it is no schema at all (the metaschema says so later)."""
    for keyword in ONE:
        if keyword in schema:
            yield (keyword,), schema[keyword]
    for keyword in LISTS:
        members = schema.get(keyword)
        if isinstance(members, list):
            yield from (((keyword, index), member) for index, member in enumerate(members))
    for keyword in MAPS:
        members = schema.get(keyword)
        if isinstance(members, dict):
            yield from (((keyword, name), member) for name, member in members.items())


def subschemas(schema: Any) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield every subschema that is an object, itself first, with its path; the caller has bounded the depth."""
    waiting: list[tuple[Path, Any]] = [((), schema)]
    while waiting:
        path, node = waiting.pop()
        if isinstance(node, dict):
            yield path, node
            below = [((*path, *step), child) for step, child in children(node)]
            waiting.extend(reversed(below))


def target(reference: Any, root: dict[str, Any]) -> Any:
    """Return what a local reference (`#` or `#/…`) points at; None when it is not local or points at nothing."""
    if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
        return None
    node: Any = root
    for part in pointer.split(reference[1:]):
        if isinstance(node, dict) and part in node:
            node = node[part]
        elif isinstance(node, list) and part.isdecimal() and int(part) < len(node):
            node = node[int(part)]
        else:
            return None
    return node


def translated(schema: Any, depth: int = MAX_DEPTH) -> Any:
    """Return plain 2020-12: `nullable` spelt out, `x-*` and identifiers dropped, subschemas translated too.

    `$id` and `$schema` would change what references and keywords mean; only local references exist here (row 21).
    """
    if not isinstance(schema, dict):
        return schema
    if depth <= 0:
        raise RecursionError("output_schema is nested too deep")
    plain = {k: v for k, v in schema.items() if not k.startswith("x-") and k not in {"$id", "$schema", "nullable"}}
    for path, child in children(schema):
        new = translated(child, depth - 1)
        if len(path) == 1:
            plain[path[0]] = new
        else:
            holder = plain[path[0]]
            if holder is schema[path[0]]:
                holder = plain[path[0]] = holder.copy()
            holder[path[1]] = new
    return _or_null(plain) if schema.get("nullable") is True else plain


def _or_null(plain: dict[str, Any]) -> dict[str, Any]:
    """Return the schema that also takes null: by type and enum where those alone decide, else by a branch."""
    deciding = {"const", "allOf", "anyOf", "oneOf", "not", "if", "$ref"} & plain.keys()
    kinds = plain.get("type")
    if deciding or (kinds is None and "enum" not in plain):
        return {"anyOf": [{"type": "null"}, plain]} if deciding else plain
    wider = dict(plain)
    if kinds is not None:
        kinds = kinds if isinstance(kinds, list) else [kinds]
        wider["type"] = kinds if "null" in kinds else [*kinds, "null"]
    if isinstance(plain.get("enum"), list) and None not in plain["enum"]:
        wider["enum"] = [*plain["enum"], None]
    return wider
