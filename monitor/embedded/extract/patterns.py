"""Hints that are patterns: JSONPath over a page's data, regular expressions under a time limit.

Owns both libraries.
"""

from __future__ import annotations

from typing import Any

MAX_MATCHES = 5_000
MATCH_SECONDS = 1.0


def jsonpath_problem(path: str) -> str | None:
    """Return why a JSONPath cannot be read, or None."""
    import jsonpath

    try:
        jsonpath.compile(path)
    except (jsonpath.JSONPathError, RecursionError) as problem:
        return " ".join(str(problem).split())[:200] or type(problem).__name__
    return None


def regex_problem(pattern: str) -> str | None:
    """Return why a regular expression cannot be read, or None."""
    import regex  # type: ignore[import-untyped]  # the library has no types

    try:
        regex.compile(pattern)
    except (regex.error, RecursionError) as problem:
        return " ".join(str(problem).split())[:200]
    return None


def selected(path: str, document: Any) -> list[Any]:
    """Return what a JSONPath selects in a document, at most 5,000 values; nothing where it does not fit the data."""
    import itertools

    import jsonpath

    try:
        return list(itertools.islice((match.obj for match in jsonpath.finditer(path, document)), MAX_MATCHES))
    except (jsonpath.JSONPathError, RecursionError):
        return []


def matched(pattern: str, text: str) -> str | None:
    """Return the first group of the first match in a text, or the whole match; None if there is none within 1 s."""
    import regex

    try:
        found = regex.search(pattern, text, timeout=MATCH_SECONDS)
    except TimeoutError:
        return None
    if found is None:
        return None
    part: str | None = found[1] if found.re.groups else found[0]
    return part
