"""Regular expressions that cannot hang: the linear engine of jsonschema-rs, also for names (reliability.md row 23)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any


@lru_cache(maxsize=256)
def _validator(pattern: str) -> Any:
    import jsonschema_rs

    return jsonschema_rs.Draft202012Validator({"pattern": pattern}, pattern_options=jsonschema_rs.RegexOptions())


def fault(pattern: str) -> str | None:
    """Return why a pattern cannot be used, or None: it must be valid and need no look-around or back-reference."""
    import jsonschema_rs

    if len(pattern) > 10_000:
        return "is longer than 10,000 characters"
    try:
        _validator(pattern)
    except jsonschema_rs.ValidationError:
        return "is refused by the linear-time engine: a syntax error, look-around, a back-reference or a huge repeat"
    return None


def matches(pattern: str, text: str) -> bool:
    """Return whether some part of `text` fits the pattern; a pattern that cannot be used fits nothing."""
    if fault(pattern):
        return False
    return bool(_validator(pattern).is_valid(text))
