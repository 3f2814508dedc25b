"""A watch as JSON, in the words of its file, with every secret in it masked (promise F1). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from monitor.files import durations, secrets
from monitor.watch.model import Watch

_SECRET = frozenset({"to", "url", "username", "password", "webhook_url"})  # below `notify` and `run`


def definition(watch: Watch) -> dict[str, Any]:
    """Return what a watch says, defaults included; notification URLs and proxy credentials are masked."""
    found = watch.model_dump(mode="python", exclude_none=True)
    for field in ("notify", "run"):
        if field in found:
            found[field] = _masked(found[field], secret=False)
    written: dict[str, Any] = _written(found)
    return written


def _masked(value: Any, *, secret: bool) -> Any:
    if isinstance(value, Mapping):
        return {key: _masked(each, secret=key in _SECRET) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_masked(each, secret=secret) for each in value]
    if secret and isinstance(value, str) and ("://" in value or "${" in value):
        return secrets.mask(value)
    return "***" if secret and isinstance(value, str) and not _is_name(value) else value


def _is_name(text: str) -> bool:
    """Return whether a text can be the name of a target, which is no secret."""
    return len(text) <= 100 and not any(sign in text for sign in ":/@?&=")


def _written(value: Any) -> Any:
    """Return a value as a file would say it: durations in words, lists for tuples."""
    if isinstance(value, timedelta):
        return durations.spell(value)
    if isinstance(value, Mapping):
        return {str(key): _written(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_written(each) for each in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)
