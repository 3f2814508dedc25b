"""Whether a watch's `output_schema` and `compare` can be used: all that is wrong with them, each with its place.

A check of `monitor.watch.load`: it takes a watch and yields findings. Owns jsonschema, the reference implementation,
which explains what is not a schema. Must not know results.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from itertools import islice
from typing import Any

from monitor.judge.schemas import dialect, patterns, places, references, validation
from monitor.judge.schemas.dialect import Path
from monitor.judge.schemas.places import nearest
from monitor.judge.schemas.references import at
from monitor.judge.schemas.scope import Scope
from monitor.judge.values import locales
from monitor.watch.findings import Finding
from monitor.watch.model import Watch

_METASCHEMA = "https://json-schema.org/draft/2020-12/schema"
_MOST_VALUES = 20_000  # JSON values in all, enums and examples included
_MOST_ERRORS = 20
_TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")
_FORMATS = frozenset(("date-time", "date", "time", "duration", "email", "idn-email", "hostname", "idn-hostname", "ipv4",
                      "ipv6", "uri", "uri-reference", "iri", "iri-reference", "uri-template", "json-pointer",
                      "relative-json-pointer", "regex", "uuid"))  # fmt: skip
_INSIDE = {*dialect.LISTS} - {"prefixItems"} | {"if", "then", "else", "not", "dependentSchemas"}


def check(watch: Watch) -> Iterable[Finding]:
    """Yield every problem of `output_schema` and of `compare`'s pointers (reliability.md part 3, rows 21-26; B2)."""
    yield from (sized := list(_sizes(watch.output_schema)))
    if sized:
        return
    findings = _of_text(json.dumps(watch.output_schema))
    yield from findings
    if all(finding.warning for finding in findings):
        yield from places.check(watch)


@lru_cache(maxsize=1_024)
def _of_text(text: str) -> tuple[Finding, ...]:
    """Return what is wrong with a schema, by its content: many watches share one."""
    schema = json.loads(text)
    findings: list[Finding] = []
    for stage in (_structure, references.endless, _undeclared, _accepting):
        findings += stage(schema)
        if any(not finding.warning for finding in findings):
            break
    return tuple(findings)


def _sizes(schema: dict[str, Any]) -> Iterator[Finding]:
    """Yield at most one finding: too deep or too large to be looked at further. Never recurses."""
    waiting: list[tuple[int, Any]] = [(0, schema)]
    values = 0
    while waiting and values <= _MOST_VALUES:
        depth, node = waiting.pop()
        values += 1
        if depth > 4 * dialect.MAX_DEPTH:
            yield at((), f"the schema is nested deeper than {dialect.MAX_DEPTH} levels")
            return
        below = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        waiting.extend((depth + 1, child) for child in below)
    nodes = 0
    levels: list[tuple[Path, int, Any]] = [((), 1, schema)]
    while levels and nodes <= dialect.MAX_NODES:
        path, level, node = levels.pop()
        nodes += 1
        if level > dialect.MAX_DEPTH:
            yield at(path, f"the schema is nested deeper than {dialect.MAX_DEPTH} levels")
            return
        if isinstance(node, dict):
            levels.extend(((*path, *step), level + 1, child) for step, child in dialect.children(node))
    if values > _MOST_VALUES or nodes > dialect.MAX_NODES:
        yield at((), f"the schema has more than {dialect.MAX_NODES} parts", "split the watch, or ask for less")


def _structure(schema: dict[str, Any]) -> Iterator[Finding]:
    yield from _not_a_schema(schema)
    yield from references.check(schema)
    yield from _patterns(schema)
    for path, node in dialect.subschemas(schema):
        yield from _keywords(path, node)


def _not_a_schema(schema: dict[str, Any]) -> Iterator[Finding]:
    if _metaschema().is_valid(schema):
        return
    from jsonschema import Draft202012Validator, exceptions

    seen: set[Path] = set()
    for error in islice(Draft202012Validator(Draft202012Validator.META_SCHEMA).iter_errors(schema), 10 * _MOST_ERRORS):
        best = exceptions.best_match(iter((error,)))
        path = tuple(best.absolute_path)
        if path not in seen and len(seen) < _MOST_ERRORS:
            seen.add(path)
            yield _explained(path, best)


@cache
def _metaschema() -> Any:
    import jsonschema_rs

    return jsonschema_rs.Draft202012Validator({"$ref": _METASCHEMA})


def _explained(path: Path, error: Any) -> Finding:
    if isinstance(error.instance, str) and "type" in path[-2:]:
        kinds = f"one of {', '.join(_TYPES)}"
        return at(path, f"{validation.excerpt(error.instance)} is not a type", nearest(error.instance, _TYPES) or kinds)
    return at(path, f"not a JSON Schema: {validation.capped(validation.printable(error.message))}")


def _patterns(schema: dict[str, Any]) -> Iterator[Finding]:
    for path, node in dialect.subschemas(schema):
        keyed = node.get("patternProperties")
        found = [((*path, "patternProperties", name), name) for name in (keyed if isinstance(keyed, dict) else ())]
        found.append(((*path, "pattern"), node.get("pattern")))
        for place, pattern in found:
            fault = patterns.fault(pattern) if isinstance(pattern, str) else None
            if fault:
                yield at(place, f"the pattern {validation.excerpt(pattern)} {fault}")


def _keywords(path: Path, node: dict[str, Any]) -> Iterator[Finding]:
    for name in node:
        if name not in dialect.KEYWORDS and name not in references.REFUSED and not name.startswith("x-"):
            hint = nearest(name, dialect.KEYWORDS) or "keys of your own begin with x-"
            yield at(
                (*path, name),
                f"{validation.excerpt(name)} is not a keyword of JSON Schema and does nothing",
                hint,
                warning=True,
            )
    form = node.get("format")
    if isinstance(form, str) and form not in _FORMATS:
        yield at(
            (*path, "format"),
            f"the format {validation.excerpt(form)} is not checked",
            nearest(form, _FORMATS),
            warning=True,
        )
    yield from _hints(path, node)
    draft = node.get("$schema")
    if isinstance(draft, str) and draft.rstrip("#") != _METASCHEMA:
        yield at((*path, "$schema"), "the schema is read as JSON Schema 2020-12", f"write {_METASCHEMA}", warning=True)


def _hints(path: Path, node: dict[str, Any]) -> Iterator[Finding]:
    """Yield what is wrong with `x-locale` and `x-timezone`, by which text is read (docs/coercion.md)."""
    if "x-locale" in node and not locales.known(node["x-locale"]):
        message = f"{validation.excerpt(node['x-locale'])} is not a locale"
        yield at((*path, "x-locale"), message, "write a language, with a country where it matters: de, de-CH")
    if "x-timezone" in node and locales.zone(node["x-timezone"]) is None:
        message = f"{validation.excerpt(node['x-timezone'])} is not a time zone"
        yield at((*path, "x-timezone"), message, "write an IANA name such as Europe/Berlin, or UTC")


def _undeclared(schema: dict[str, Any]) -> Iterator[Finding]:
    """Warn of `required` names that nothing declares; a branch of a choice may require what stands outside it."""
    for path, node in dialect.subschemas(schema):
        if _INSIDE & {step for step in path[-2:] if isinstance(step, str)}:
            continue
        scope = Scope([node], schema)
        for index, name in enumerate(node.get("required", ())):
            if scope.open or scope.child(name) is None:
                hint = nearest(name, scope.properties)
                message = (
                    f"{validation.excerpt(name)} is required but not declared under properties: it is not compared"
                )
                yield at((*path, "required", index), message, hint, warning=True)


def _accepting(schema: dict[str, Any]) -> Iterator[Finding]:
    if validation.compiled(schema).valid({}):
        message = "the schema accepts an empty result, so a failed run can pass for a good one"
        yield at((), message, "list the properties that a good result always has under required", warning=True)
