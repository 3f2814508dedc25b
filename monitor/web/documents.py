"""JSON that any value of a page survives: lone surrogates as escapes, what is no number as null.

Results are kept as the agent gave them, and a browser must be able to read them. Must not know what they mean.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response


def encoded(content: Any) -> bytes:
    """Return a value as one JSON document, in ASCII."""
    try:
        return _text(content)
    except ValueError:
        return _text(_finite(content))


def problem(status: int, code: str, message: str, hint: str | None = None, **headers: str) -> Response:
    """Return an error as the API says it: `{"error": {"code", "message", "hint"}}`."""
    content = encoded({"error": {"code": code, "message": message, "hint": hint}})
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Response(content, status, headers=named, media_type="application/json")


def _text(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=True, allow_nan=False, separators=(",", ":"), default=str).encode()


def _finite(value: Any) -> Any:
    """Return a value with null for NaN and the infinities, which JSON does not have."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return value
