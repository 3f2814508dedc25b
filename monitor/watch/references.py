"""Where secret references may stand in a watch: targets and proxy credentials only (reliability.md row 55)."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.errors import SecretError
from monitor.files import secrets
from monitor.watch.findings import Finding
from monitor.watch.model import Watch


def misplaced_references(watch: Watch) -> Iterator[Finding]:
    """Yield a finding for each reference in a field that is sent as it is, and for each that is badly written."""
    for name in ("url", "goal"):
        text = getattr(watch, name)
        if "${env:" in text or "${file:" in text:
            yield Finding(
                (name,), "a secret reference is not resolved here: this text is sent and shown as it is", "leave it out"
            )
    for number, rule in enumerate(watch.notify):
        for index, target in enumerate(rule.to):
            yield from _badly_written(target, ("notify", number, "to", index))
    proxy = watch.run.proxy_config
    if proxy:
        for name in ("url", "username", "password"):
            yield from _badly_written(getattr(proxy, name) or "", ("run", "proxy_config", name))


def _badly_written(text: str, path: tuple[str | int, ...]) -> Iterator[Finding]:
    try:
        secrets.references(text)
    except SecretError as problem:
        yield Finding(path, problem.message, problem.hint)
