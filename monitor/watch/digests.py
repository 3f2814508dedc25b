"""What a definition was, without what it said: one digest a field, to tell later which fields changed.

A definition may hold secrets in its target URLs, so it is never stored itself. Must not know who compares digests.
"""

from __future__ import annotations

import hashlib
import json

from monitor.watch.model import Watch

GENERATION = frozenset({"url", "goal", "output_schema", "compare"})  # a new one of these begins a new baseline


def digests(watch: Watch) -> dict[str, str]:
    """Return a digest of each field of a watch but its name."""
    fields = watch.model_dump(mode="json", exclude={"name"})
    return {name: _digest(value) for name, value in fields.items()}


def changed(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Return the fields that differ between two definitions, in the order of the reference."""
    return [name for name in after if before.get(name) != after[name]]


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:16]
