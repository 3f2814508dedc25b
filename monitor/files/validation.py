"""From pydantic's errors to our problems: position in the user's file, dotted field, one clear sentence, what to do.

Values are never shown (reliability.md row 15), pydantic's own words ("Value error, …", union branches) are dropped,
unknown fields get the nearest known name, also of the levels above and below (row 14). Knows nothing of any one model.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from monitor.files.documents import Document
from monitor.files.places import Path, Step
from monitor.files.problems import Problem, did_you_mean, in_order

_ANY = "*"  # in the path of a level: any index or key


@dataclass(frozen=True, slots=True)
class Promised:
    """What the documentation names and this version does not have yet: fields, and words of a list of words.

    Written as in a message, with `[]` for any index: `limits.retries`, `notify[].when`; words by the field that holds
    them.
    """

    fields: frozenset[str] = frozenset()
    words: Mapping[str, frozenset[str]] = field(default_factory=dict)


def problems(
    error: ValidationError,
    document: Document,
    model: type[BaseModel],
    *,
    promised: Promised | None = None,
    forms: Mapping[str, str] | None = None,
) -> list[Problem]:
    """Return one problem per error, in the order of the file; `forms` says in words what a pattern asks for."""
    found = error.errors(include_url=False, include_context=True)
    # pydantic drops a wrong entry before it counts, and says "too short" of a list whose entry it has just refused.
    inner = {details["loc"][:-1] for details in found}
    found = [details for details in found if details["type"] != "too_short" or details["loc"] not in inner]
    return in_order(_problem(details, document, model, promised or Promised(), forms or {}) for details in found)


def located(
    document: Document,
    path: Path,
    message: str,
    hint: str | None = None,
    *,
    key: bool = False,
    warning: bool = False,
    note: bool = False,
) -> Problem:
    """Return a problem at the position of `path`, or of the nearest parent that the file has."""
    place = document.place(path, key=key)
    shown = dotted((*place.within, *path))
    return Problem(place.file, place.line, place.column, shown, message, hint, warning=warning, note=note)


def dotted(path: Path) -> str:
    """Return a path as it is shown: `limits.timeout`, `notify[0].on`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{_shown(step)}" if text else _shown(step)
    return text


def _shown(step: str) -> str:
    clean = "".join(char if char.isprintable() else "?" for char in step)
    return clean if len(clean) <= 60 else clean[:59] + "…"


def _problem(
    details: ErrorDetails, document: Document, model: type[BaseModel], promised: Promised, forms: Mapping[str, str]
) -> Problem:
    kind = details["type"]
    path, value = _existing(details["loc"], document.value, missing=kind in {"missing", "extra_forbidden"})
    if kind == "extra_forbidden":
        return _unknown(path, document, model, promised)
    if kind == "missing":
        return located(document, path, "is required")
    pattern = _pattern(path)
    if (
        kind == "literal_error"
        and isinstance(value, str)
        and value in promised.words.get(pattern.removesuffix("[]"), ())
    ):
        return located(document, path, f'"{value}" is not supported yet', "leave it out")
    message, hint = _words(kind, details, value, forms)
    return located(document, path, message, hint)


def _existing(loc: tuple[Step, ...], value: Any, *, missing: bool) -> tuple[Path, Any]:
    """Return the steps of `loc` that lead to something in the user's value: pydantic's union branches do not."""
    path: list[Step] = []
    for number, step in enumerate(loc):
        inside = isinstance(value, dict) and step in value
        inside = inside or (isinstance(value, list) and isinstance(step, int) and step < len(value))
        if inside:
            path.append(step)
            value = value[step]
        elif missing and number == len(loc) - 1:
            path.append(step)
            value = None
    return tuple(path), value


def _pattern(path: Path) -> str:
    return "".join("[]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def _unknown(path: Path, document: Document, model: type[BaseModel], promised: Promised) -> Problem:
    name = str(path[-1])
    if _pattern(path) in promised.fields:
        return located(document, path, "is not supported yet", "leave it out", key=True)
    return located(document, path, "unknown field", _nearest(name, path[:-1], model, promised), key=True)


def _nearest(name: str, parent: Path, model: type[BaseModel], promised: Promised) -> str | None:
    """Return what may have been meant: that name at another level, a like name here, or one elsewhere."""
    levels = dict(_levels(model))
    here = next((level for level in levels if _matches(level, parent)), parent)
    own = [*levels.get(here, ()), *_names_at(promised, here)]
    others = [level for level in levels if level != here]
    others.sort(key=lambda level: (level != here[: len(level)], level[: len(here)] != here, len(level)))
    for level in others:
        if name in levels[level]:
            return f"it belongs {_level_words(level)}"
    if guess := did_you_mean(name, own):
        return guess
    for level in others:
        if guess := did_you_mean(name, levels[level]):
            return f"{guess.removesuffix('?')} {_level_words(level)}?"
    known = levels.get(here, ())
    return f"known here: {', '.join(known[:20])}" if known else None


def _matches(level: Path, path: Path) -> bool:
    return len(level) == len(path) and all(ours in {_ANY, step} for ours, step in zip(level, path, strict=True))


def _names_at(promised: Promised, level: Path) -> Iterator[str]:
    """Yield the promised fields of a level, so that a misspelt one is recognised too."""
    prefix = _pattern(tuple(0 if step == _ANY else step for step in level))
    for name in promised.fields:
        head, _, last = name.rpartition(".")
        if head == prefix:
            yield last


def _level_words(level: Path) -> str:
    if not level:
        return "at the top level"
    return "under " + ".".join(str(step) for step in level if step != _ANY)


@lru_cache(maxsize=16)
def _levels(model: type[BaseModel], path: Path = ()) -> tuple[tuple[Path, tuple[str, ...]], ...]:
    """Return each level of a model that has fixed field names, with those names."""
    made: list[tuple[Path, tuple[str, ...]]] = [(path, tuple(model.model_fields))]
    for name, about in model.model_fields.items():
        for below, inner in _models_in(about.annotation, (*path, name)):
            made += _levels(inner, below)
    return tuple(made)


def _models_in(annotation: Any, path: Path) -> Iterator[tuple[Path, type[BaseModel]]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield path, annotation
        return
    origin = get_origin(annotation)
    below = path if origin in {Union, types.UnionType, Annotated} else (*path, _ANY)
    for inner in get_args(annotation):
        yield from _models_in(inner, below)


_FIXED: dict[str, tuple[str, str | None]] = {
    "bool_type": ("must be true or false", None),
    "bool_parsing": ("must be true or false", None),
    "int_type": ("must be a whole number", None),
    "int_parsing": ("must be a whole number", None),
    "int_from_float": ("must be a whole number", None),
    "float_type": ("must be a number", None),
    "float_parsing": ("must be a number", None),
    "tuple_type": ("must be a list", "write each entry on a line of its own that begins with a hyphen"),
    "list_type": ("must be a list", "write each entry on a line of its own that begins with a hyphen"),
    "dict_type": ("must be a map of fields", None),
    "model_type": ("must be a map of fields", None),
    "model_attributes_type": ("must be a map of fields", None),
    "string_too_short": ("must not be empty", None),
}


def _words(kind: str, details: ErrorDetails, value: Any, forms: Mapping[str, str]) -> tuple[str, str | None]:
    """Return the sentence for one kind of error and what to do; the value is looked at and never shown."""
    context: Mapping[str, Any] = details.get("ctx", {})
    if value is None and kind not in {"value_error", "missing"}:
        return "is empty", "give it a value, or leave the field out"
    if kind in _FIXED:
        return _FIXED[kind]
    if kind == "string_type":
        return "must be a text", "quote it" if isinstance(value, (int, float, bool)) else None
    if kind == "value_error":
        return str(context.get("error", details["msg"])), None
    if kind == "literal_error":
        return f"must be one of {context.get('expected', '')}".replace("'", '"'), _like(
            value, str(context.get("expected", ""))
        )
    if kind == "string_pattern_mismatch":
        pattern = str(context.get("pattern", ""))
        return forms.get(pattern, f"does not have the form {pattern}"), None
    if kind in _BOUNDS:
        return _BOUNDS[kind](context), None
    return details["msg"][:1].lower() + details["msg"][1:], None


def _like(value: Any, expected: str) -> str | None:
    words: Collection[str] = [word.strip("' ") for word in expected.replace(" or ", ", ").split(",")]
    return did_you_mean(value, words) if isinstance(value, str) and len(value) <= 40 else None


_BOUNDS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "greater_than_equal": lambda context: f"must be at least {context.get('ge')}",
    "less_than_equal": lambda context: f"must be at most {context.get('le')}",
    "greater_than": lambda context: f"must be more than {context.get('gt')}",
    "less_than": lambda context: f"must be less than {context.get('lt')}",
    "too_short": lambda context: f"needs at least {context.get('min_length')} entry",
    "too_long": lambda context: f"must have at most {context.get('max_length')} entries",
    "string_too_long": lambda context: f"must have at most {context.get('max_length')} characters",
}
