"""Validating results against `output_schema`: compiled once per schema, explained in words a person understands.

Owns jsonschema-rs. Nothing is ever fetched: a retriever refuses, patterns are linear, depth is capped by the reader.
Must not know watches.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from functools import cached_property
from itertools import islice
from threading import Lock
from typing import Any

from monitor.errors import UsageError
from monitor.judge.comparison import pointer
from monitor.judge.decision import Violation
from monitor.judge.schemas import dialect, scope

MOST_VIOLATIONS = 20
EXCERPT = 200
_MOST_COMPILED = 256
_compiled: OrderedDict[str, Compiled] = OrderedDict()
_lock = Lock()
_TYPES = {"array": "a list", "integer": "a whole number", "object": "an object", "null": "null", "string": "text",
          "number": "a number", "boolean": "true or false"}  # fmt: skip
_LIMITS = {
    "minimum": "is less than {}",
    "maximum": "is more than {}",
    "exclusiveMinimum": "is not more than {}",
    "exclusiveMaximum": "is not less than {}",
    "minLength": "is shorter than {} characters",
    "maxLength": "is longer than {} characters",
    "minItems": "has fewer items than {}",
    "maxItems": "has more items than {}",
    "minProperties": "has fewer properties than {}",
    "maxProperties": "has more properties than {}",
    "multipleOf": "is not a multiple of {}",
}


class Compiled:
    """One schema, ready: `violations` of a value, and the `scope` of what it declares."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self.schema = schema

    @cached_property
    def scope(self) -> scope.Scope:
        """What the schema declares."""
        return scope.of(self.schema)

    @cached_property
    def validator(self) -> Any:
        """The compiled validator; raises UsageError for a schema that the load check refuses (row 97)."""
        import jsonschema_rs

        try:
            return jsonschema_rs.Draft202012Validator(
                dialect.translated(self.schema),
                retriever=_refused,
                validate_formats=True,
                pattern_options=jsonschema_rs.RegexOptions(),
            )
        except (
            ValueError,
            RecursionError,
            jsonschema_rs.ReferencingError,
        ) as error:  # its ValidationError is a ValueError
            message = getattr(error, "message", None) or str(error)
            raise UsageError(
                f"output_schema cannot be used: {capped(printable(message))}", hint="monitor validate"
            ) from error

    def ready(self) -> None:
        """Compile now; raises UsageError for a schema that the load check refuses, before anything else asks it."""
        _ = self.validator

    def valid(self, value: Any) -> bool:
        """Return whether a value is an object that keeps the schema; the root of a result is always an object."""
        return isinstance(value, dict) and bool(self.validator.is_valid(value))

    def violations(self, value: Any) -> tuple[Violation, ...]:
        """Return how a value breaks the schema, at most 20 ways, none when it is valid."""
        if not isinstance(value, dict):
            return (Violation("", "type", f"the result is not an object: {excerpt(value)}"),)
        if self.validator.is_valid(value):
            return ()
        found = (violation for error in self.validator.iter_errors(value) for violation in _explained(error))
        return tuple(islice(found, MOST_VIOLATIONS))


def compiled(schema: dict[str, Any]) -> Compiled:
    """Return the compiled form of a schema, from a small cache by content."""
    key = json.dumps(schema, sort_keys=False, ensure_ascii=True, default=str)
    with _lock:
        if key not in _compiled:
            _compiled[key] = Compiled(schema)
        _compiled.move_to_end(key)
        while len(_compiled) > _MOST_COMPILED:
            _compiled.popitem(last=False)
        return _compiled[key]


def excerpt(value: Any) -> str:
    """Return a value as JSON on one line, at most 200 characters and without control characters."""
    if isinstance(value, list | dict) and len(value) > EXCERPT:
        return f"{'a list' if isinstance(value, list) else 'an object'} of {len(value)}"
    shown = json.dumps(value[: EXCERPT + 1] if isinstance(value, str) else value, ensure_ascii=False, default=str)
    return capped(printable(shown[: EXCERPT + 1]))


def printable(text: str) -> str:
    """Return a text on one line, with a mark in place of every control character."""
    return "".join(c if c.isprintable() else " " if c in "\r\n\t" else "\ufffd" for c in text)


def capped(text: str) -> str:
    """Return at most 200 characters of a text."""
    return text if len(text) <= EXCERPT else f"{text[: EXCERPT - 1]}…"


def _refused(uri: str) -> Any:
    raise ValueError(f"only local references are followed, not {uri}")


def _explained(error: Any) -> list[Violation]:
    """Return the error in our words; where only one branch of a choice was meant, the errors of that branch."""
    if error.kind.name in {"anyOf", "oneOf"} and getattr(error.kind, "context", None):
        meant = [branch for branch in error.kind.context if not _wrong_type(branch, error)]
        if len(meant) == 1:
            return [violation for inner in meant[0] for violation in _explained(inner)]
    path = pointer.joined(error.instance_path)
    if error.kind.name == "required":
        missing = f"{path}/{pointer.segment(str(error.kind.value))}"
        return [Violation(missing, "required", f"{missing} is missing")]
    return [Violation(path, error.kind.name, f"{path or 'the result'}: {_sentence(error)}")]


def _wrong_type(branch: list[Any], error: Any) -> bool:
    return any(e.kind.name == "type" and list(e.instance_path) == list(error.instance_path) for e in branch)


def _sentence(error: Any) -> str:
    name, value, shown = error.kind.name, error.kind.value, excerpt(error.instance)
    if name == "type":
        return f"{shown} is not {' or '.join(_TYPES.get(kind, kind) for kind in value)}"
    if name in _LIMITS:
        return f"{shown} {_LIMITS[name].format(value)}"
    if name == "enum":
        return f"{shown} is not one of {excerpt(value)}"
    if name == "const":
        return f"{shown} is not {excerpt(value)}"
    if name == "pattern":
        return f"{shown} does not fit the pattern {capped(str(value))}"
    if name == "format":
        return f"{shown} is not a {value}"
    if name == "additionalProperties":
        return f"has properties that the schema does not allow: {excerpt(value)}"
    if name in {"anyOf", "oneOf"}:
        return f"{shown} fits none of the forms that the schema allows"
    return f"{shown} breaks the rule {name}"
