"""Secrets that this process holds, masked in what others say: an API that quotes a request, an exception's text.

Owns the forms in which a secret may be quoted. A text is looked through for a few characters of each secret only; the
costly part begins where they occur. Must not know where texts come from nor where they go (reliability.md F1).
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, quote_plus

from monitor.agent.wire import Damaged, read_json

MASK = "***"
SHORTEST = 8  # characters: less cannot be told from an ordinary word, and masking would spoil results
# What the API needs to be understood by, at the top of an object or of a listed run: ours or made by the API.
_KEPT = frozenset({"goal", "run_id", "runId", "status", "type", "next_cursor"})


class Mask:
    """Masks the secrets it was told of, whole, escaped, URL-encoded, or inside a Base64 text (as Basic auth has it)."""

    def __init__(self) -> None:
        self._forms: set[str] = set()
        self._seen: set[str] = set()
        self._gates: tuple[str, ...] = ()
        self._raw_gates: tuple[bytes, ...] = ()
        self._pattern: re.Pattern[str] | None = None

    def hide(self, values: Iterable[str]) -> None:
        """Mask these values from now on; those shorter than `SHORTEST` characters are left as they are."""
        new = {value for value in values if len(value) >= SHORTEST} - self._seen
        if not new:
            return
        self._seen |= new
        gates = set(self._gates)
        for value in new:
            forms = _forms(value)
            gates |= _gates(value, forms)
            self._forms |= forms
        self._gates = tuple(sorted(gates))
        self._raw_gates = tuple(gate.encode("utf-8", "surrogatepass") for gate in self._gates)
        longest_first = sorted(self._forms, key=lambda form: (-len(form), form))
        self._pattern = re.compile("|".join(map(_loosely, longest_first)))

    def text(self, text: str) -> str:
        """Return `text` with every form of a secret masked."""
        if self._pattern is None or not any(gate in text for gate in self._gates):
            return text
        return self._pattern.sub(MASK, text)

    def document(self, text: str) -> str:
        """Return a text that should be JSON, masked; proper JSON stays proper, and its numbers as they are."""
        if not any(gate in text for gate in self._gates):
            return text
        try:
            value = read_json(text)
        except Damaged:
            return self.text(text)
        return json.dumps(self._answer(value), ensure_ascii=False)

    def body(self, body: bytes) -> bytes:
        """Return the bytes of an answer masked, JSON or not."""
        if not any(gate in body for gate in self._raw_gates):
            return body
        text = body.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
        return self.document(text).encode("utf-8", "surrogateescape")

    def _answer(self, value: Any) -> Any:
        """Mask an object of the API: its ids and our goal in it are compared later and stay."""
        if not isinstance(value, dict):
            return self._value(value)
        masked = {}
        for key, inner in value.items():
            if key == "data" and isinstance(inner, list):
                masked[key] = [self._answer(row) for row in inner]
            else:
                masked[self.text(key)] = inner if key in _KEPT else self._value(inner)
        return masked

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(key): self._value(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._value(inner) for inner in value]
        return value


def _forms(value: str) -> set[str]:
    quoted = {quote(value), quote(value, safe=""), quote_plus(value)}
    lower = {re.sub("%..", lambda found: found[0].lower(), form) for form in quoted}
    return {value, json.dumps(value)[1:-1], html.escape(value), *quoted, *lower, *_inside_base64(value)}


def _inside_base64(value: str) -> set[str]:
    """Return what a Base64 text of anything that holds `value` has of it: one for each place it may begin at."""
    found = set()
    raw = value.encode("utf-8", "surrogatepass")
    for before in range(3):
        coded = base64.b64encode(b"\x00" * before + raw).rstrip(b"=").decode()
        whole = len(before * b"\x00" + raw) % 3 == 0
        inner = coded[-(-before * 8 // 6) : None if whole else -1]  # the ends depend on what stands beside it
        found |= {inner, inner.replace("+", "-").replace("/", "_")}
    return found


def _gates(value: str, forms: set[str]) -> set[str]:
    """Return texts one of which is in every form: letters and digits, which are escaped nowhere.

    A secret without any has the empty text, which is everywhere: then every text is looked through.
    """
    run = _run(value)
    return {run if run in form else _run(form) for form in forms}


def _run(text: str) -> str:
    return max(re.findall("[A-Za-z0-9]+", text), key=len, default="")[:SHORTEST]


def _loosely(form: str) -> str:
    """Return a pattern of a form whose signs may be escaped as in a JSON text: `/`, `\\/` and `\\u002f` are one."""
    return "".join(
        char
        if char.isascii() and char.isalnum()
        else rf"(?:\\u{ord(char):04x}|\\u{ord(char):04X}|\\?{re.escape(char)})"
        for char in form
    )
