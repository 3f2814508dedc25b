"""Secrets: references to them in the user's files, values in a type that never shows itself, what may be shown.

A reference is `${env:NAME}` or `${file:PATH}`; it is resolved late, and an error names the reference only
(reliability.md F3, finding 9). Must not know what a secret is for.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from monitor.errors import SecretError
from monitor.files import regular_files

MAX_BYTES = 64 * 1024
MASK = "***"
_READ: set[str] = set()  # every value that was read in this process
_REFERENCE = re.compile(r"\$\{([^}]*)\}?")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}\Z")


class Secret:
    """A value that must not be seen: every text form of it is `***`; only `reveal` gives it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        _READ.add(value)

    def reveal(self) -> str:
        """Return the value itself, for the one place that sends it."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({MASK!r})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(
            self._value.encode(errors="surrogatepass"), other._value.encode(errors="surrogatepass")
        )

    __hash__ = None  # type: ignore[assignment]  # a hash would be a fingerprint of the value

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not written to files or sent to other processes")


def read_so_far() -> frozenset[str]:
    """Return every secret that this process has read, for masking texts that others wrote (reliability.md F1)."""
    return frozenset(value for value in _READ.copy() if "${" not in value)  # a reference may be shown


@dataclass(frozen=True, slots=True)
class Reference:
    """One `${kind:name}` in a text."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"${{{self.kind}:{self.name}}}"


def references(text: str) -> tuple[Reference, ...]:
    """Return the references in `text`, in order; raises SecretError for one that is not written properly."""
    return tuple(_reference(found) for found in _REFERENCE.finditer(text))


def resolve(text: str, environ: Mapping[str, str], base: Path | None = None) -> Secret:
    """Return `text` with each reference replaced by what it names; a relative file is looked for under `base`.

    Raises SecretError, which names the reference and the reason, when one is missing, empty or unreadable.
    """
    return Secret(_REFERENCE.sub(lambda found: _value(_reference(found), environ, base), text))


def header_value(secret: Secret, name: str = "this secret") -> str:
    """Return the trimmed value for an HTTP header; raises SecretError unless it is printable ASCII."""
    value = secret.reveal().strip()
    if not value:
        raise SecretError(f"{name} is empty")
    if not (value.isascii() and value.isprintable()):
        raise SecretError(
            f"{name} holds a character that cannot be in an HTTP header", hint="printable ASCII only: copy it again"
        )
    return value


def mask(text: str) -> str:
    """Return `text` as it may be shown: references as written, a URL's scheme, and nothing else."""
    parts, end = [], 0
    for found in _REFERENCE.finditer(text):
        parts += [_masked(text[end : found.start()], first=end == 0), found[0] if _proper(found) else MASK]
        end = found.end()
    parts.append(_masked(text[end:], first=end == 0))
    return re.sub(r"(\*\*\*)+", MASK, "".join(parts))


def exposed(text: str, base: Path | None = None) -> tuple[str, ...]:
    """Return a sentence for each referenced file that everybody on this machine may read (reliability.md row 56)."""
    warnings = []
    for reference in references(text):
        if reference.kind == "file":
            try:
                _, mode = regular_files.contents(_path(reference, base), MAX_BYTES)
            except regular_files.UnreadableFile:
                continue  # `resolve` says so
            if mode & 0o004:
                warnings.append(f"everybody on this machine may read the file of {reference}")
    return tuple(warnings)


def _masked(text: str, *, first: bool) -> str:
    scheme = re.match(r"[A-Za-z][A-Za-z0-9+.-]{0,30}://", text) if first else None
    if scheme:
        return scheme[0] + (MASK if len(text) > scheme.end() else "")
    return MASK if text else ""


def _proper(found: re.Match[str]) -> bool:
    try:
        _reference(found)
    except SecretError:
        return False
    return True


def _reference(found: re.Match[str]) -> Reference:
    kind, colon, name = found[1].partition(":")
    if not found[0].endswith("}"):
        raise SecretError("a secret reference is not closed", hint="write ${env:NAME} or ${file:PATH}")
    if not colon or kind not in {"env", "file"}:
        raise SecretError("a secret reference is ${env:NAME} or ${file:PATH}", hint="there is no other kind")
    if kind == "env" and not _NAME.match(name):
        raise SecretError(
            "the reference ${env:…} does not hold the name of an environment variable", hint="letters, digits and _"
        )
    if kind == "file" and (not name.strip() or not name.isprintable() or len(name) > 4_096):
        raise SecretError("the reference ${file:…} does not hold a path")
    return Reference(kind, name)


def _value(reference: Reference, environ: Mapping[str, str], base: Path | None) -> str:
    if reference.kind == "env":
        if reference.name not in environ:
            raise SecretError(
                f"{reference} is not set", hint=f"set the environment variable {reference.name}, or put it into .env"
            )
        value = environ[reference.name].strip()
    else:
        value = file_value(_path(reference, base), str(reference))
    if not value:
        raise SecretError(f"{reference} is empty")
    if "\x00" in value:
        raise SecretError(f"{reference} holds a NUL byte")
    return value


def _path(reference: Reference, base: Path | None) -> Path:
    path = Path(reference.name)
    if not path.is_absolute():
        if base is None:
            raise SecretError(f"{reference} is a relative path", hint="write the whole path")
        path = base / path
    return path


def file_value(path: Path, name: str) -> str:
    """Return the trimmed text of a secret's file; raises SecretError, which calls the file `name`."""
    try:
        data, _ = regular_files.contents(path, MAX_BYTES)
        value = data.decode().strip()
    except regular_files.UnreadableFile as problem:
        raise SecretError(f"the file of {name} {problem}") from None
    except UnicodeDecodeError:
        raise SecretError(f"the file of {name} is not UTF-8 text") from None
    if not value:
        raise SecretError(f"the file of {name} is empty")
    if "\x00" in value:
        raise SecretError(f"the file of {name} holds a NUL byte")
    return value


@dataclass(frozen=True, slots=True)
class Held:
    """A secret that was given, not read yet; `form` is `plain`, `references` or `path`: how to read `text`."""

    name: str
    text: Secret
    form: str

    def read(self, environ: Mapping[str, str], base: Path) -> Secret:
        """Return the value, trimmed and fit for a header; raises SecretError that names the reference only."""
        value = self.text
        if self.form == "references":
            value = resolve(value.reveal(), environ, base)
        elif self.form == "path":
            value = Secret(file_value(base / value.reveal(), self.name))
        return Secret(header_value(value, self.name))

    def shown(self) -> str:
        """Return what may be shown of it: the path, the references, else a mask."""
        if self.form == "path":
            return f"file {self.text.reveal()}"
        return MASK if self.form == "plain" else mask(self.text.reveal())
