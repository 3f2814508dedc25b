"""The picture of a run's last step, out of its record as `GET /v1/runs/{id}?screenshots=base64` gives it.

Pure. What claims to be a picture and is not one is none: it goes to people's phones. Must not know who asked for it.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

LARGEST = 5 * 1024 * 1024  # bytes; services take between 5 and 25 MB
_KINDS = ((b"\xff\xd8\xff", "jpg"), (b"\x89PNG\r\n\x1a\n", "png"))


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture; `kind` is the ending of its file's name."""

    content: bytes
    kind: str


def last_picture(record: dict[str, Any]) -> Picture | None:
    """Return the newest screenshot of a run's record; None when there is none, or none that is a picture."""
    steps = record.get("steps")
    for step in reversed(steps if isinstance(steps, list) else []):
        shot = step.get("screenshot") if isinstance(step, dict) else None
        found = _picture(shot) if isinstance(shot, str) and shot else None
        if found is not None:
            return found
    return None


def _picture(text: str) -> Picture | None:
    if len(text) > LARGEST * 4 // 3 + 100:
        return None
    encoded = text.partition(",")[2] if text.startswith("data:") else text
    try:
        content = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    kind = next((ending for magic, ending in _KINDS if content.startswith(magic)), None)
    return None if kind is None or len(content) > LARGEST else Picture(content, kind)
