"""Targets: what an entry of `notify: to:` names, the key under which the outbox keeps it, and the URL behind it.

A URL is a bearer secret: outbox, records and error texts hold keys, never URLs (reliability.md F1); references to
secrets are resolved when a message is sent, not before (F3). Must not know how a message is sent.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from pathlib import Path

from monitor.alert import services
from monitor.errors import DeliveryError, SecretError
from monitor.files import secrets
from monitor.files.problems import did_you_mean
from monitor.watch.findings import Finding
from monitor.watch.model import Watch

_NAME = re.compile(r"\w[\w .-]{0,63}\Z")
_REFERENCE = re.compile(r"\$\{(env|file):[^{}]*\}\Z")


def key(entry: str) -> str:
    """Return what the outbox calls an entry: a name or a whole secret reference as it is, a URL as `scheme#digest`."""
    text = entry.strip()
    if _NAME.match(text) or _REFERENCE.match(text):
        return text
    return f"{services.scheme(text) or 'url'}#{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"


class RemovedError(DeliveryError):
    """No definition names the target any more (reliability.md row 122)."""


class Targets:
    """The targets that the present definitions name; a key that they no longer name is gone.

    `told` gives the entries of each watch: whom its messages go to.
    """

    def __init__(
        self,
        named: Mapping[str, str],
        told: Mapping[str, Iterable[str]],
        resolve: Callable[[str], str],
        *,
        complete: bool = True,
    ) -> None:
        self._complete = complete
        self._resolve = resolve
        self._told = {watch: tuple(dict.fromkeys(map(key, entries))) for watch, entries in told.items()}
        self._sources = {key(entry): entry for entries in told.values() for entry in entries if entry not in named}
        self._sources |= {key(name): source for name, source in named.items()}

    def __contains__(self, target: str) -> bool:
        return target in self._sources

    def url(self, target: str) -> str:
        """Return the URL of a key, its secret reference resolved now.

        Raises DeliveryError when no definition names the target any more (permanent, unless some definitions cannot be
        read: then it may come back), SecretError when its reference cannot be resolved.
        """
        try:
            source = self._sources[target]
        except KeyError:
            if not self._complete:
                raise DeliveryError("its definition cannot be read at present") from None
            raise RemovedError("target removed", permanent=True) from None
        return self._resolve(source).strip()

    def digest(self, target: str) -> str:
        """Return a digest of a key's URL as it is now, empty when it is gone; raises as `url` does."""
        try:
            return hashlib.sha256(self.url(target).encode("utf-8", "surrogatepass")).hexdigest()[:16]
        except RemovedError:
            return ""

    def in_use(self) -> frozenset[str]:
        """Return the targets that any watch tells."""
        return frozenset(target for targets in self._told.values() for target in targets if target in self)

    def others(self, watch: str, target: str) -> list[str]:
        """Return the other targets that a watch tells."""
        return [each for each in self._told.get(watch, ()) if each != target and each in self]


def check(watch: Watch, named: Mapping[str, str], environ: Mapping[str, str], folder: Path) -> Iterable[Finding]:
    """Yield a finding for every entry of the watch's rules that no message could be sent to (rows 59, 118).

    `folder` is where relative `${file:}` references begin. apprise loads only when there is something to check.
    """
    for rule, told in enumerate(watch.notify):
        for position, entry in enumerate(told.to):
            problem = _problem(entry.strip(), named, environ, folder)
            if problem is not None:
                yield Finding(("notify", rule, "to", position), *problem)


def check_named(
    named: Mapping[str, str], environ: Mapping[str, str], folder: Path
) -> Iterable[tuple[str, str, str | None]]:
    """Yield name, message and hint of every named target that no message could be sent to, as `check` words it."""
    for name in named:
        problem = _problem(name, named, environ, folder)
        if problem is not None:
            yield (name, *problem)


def _problem(
    entry: str, named: Mapping[str, str], environ: Mapping[str, str], folder: Path
) -> tuple[str, str | None] | None:
    """Return message and hint of what is wrong with one entry, or None."""
    source = named.get(entry)
    if source is None and not _REFERENCE.match(entry) and services.scheme(entry) is None:
        if _NAME.match(entry):
            hint = did_you_mean(entry, named) or "name it under targets: in monitor.yaml"
            return f'no target is named "{entry}"', hint
        return "neither a target of monitor.yaml nor an apprise URL", "a URL begins like mailto:// or ntfys://"
    where = f'target "{entry}": ' if source is not None else ""
    try:
        url = secrets.resolve(source if source is not None else entry, environ, folder).reveal()
    except SecretError as error:
        return where + error.message, error.hint
    complaint = _complaint(url)
    return (where + complaint[0], complaint[1]) if complaint else None


@lru_cache(maxsize=1_024)
def _complaint(url: str) -> tuple[str, str | None] | None:
    """Return why apprise cannot send to a URL, or None; many watches name the same one."""
    try:
        services.open_service(url)
    except services.ServiceError as error:
        return error.message, error.hint
    return None
