"""JSON values for properties, and a naive oracle of their equality that shares no code with the judge."""

from __future__ import annotations

import unicodedata
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

NAMES = st.sampled_from(["a", "b", "price", "__proto__", "a.b", "", "a/b", "~", "é", "e\u0301", "0", "=", "x,y"])
SCALARS = (
    st.none()
    | st.booleans()
    | st.sampled_from([0, 1, 1.0, -0.0, 2, 10**18, 10**18 + 1, 1e18, 0.1 + 0.2, 0.3, "é", "e\u0301", "", "x", "1"])
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=8
)
OBJECTS = st.dictionaries(NAMES, JSON, max_size=4)


def naive(value: Any) -> Any:
    """Return a value that is equal for two JSON values if and only if they are the same, slowly and plainly."""
    if isinstance(value, bool):
        return ("boolean", value)
    if isinstance(value, int | float):
        return ("number", Fraction(value))
    if isinstance(value, str):
        return ("text", unicodedata.normalize("NFC", value))
    if isinstance(value, list):
        return ("list", tuple(naive(item) for item in value))
    if isinstance(value, dict):
        pairs = [(unicodedata.normalize("NFC", name), item) for name, item in value.items()]
        if len(dict(pairs)) < len(pairs):  # two keys fall together: they are told apart as they stand
            pairs = list(value.items())
        return ("object", frozenset((name, naive(item)) for name, item in pairs))
    return ("null",)
