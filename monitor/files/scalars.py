"""What a plain (unquoted) word of a file means: YAML 1.2 core, refusing what YAML 1.1 programs read differently.

reliability.md row 8: `on`, `no`, `12:30` and dates are text; `017`, `1_000`, `0o17` are refused with "quote it".
"""

from __future__ import annotations

import re

Scalar = str | int | float | bool | None

_WORDS: dict[str, bool | None] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
# A word that begins with none of these is text, whatever follows: most words of a file are decided here.
_FIRST = frozenset("+-.0123456789")
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)\Z")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_NOT_FINITE = re.compile(r"([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))\Z")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+\Z")
_OCTAL = re.compile(r"[-+]?0o[0-7]+\Z")
_UNDERSCORES = re.compile(r"[-+]?(0x[0-9a-fA-F_]+|0b[01_]+|\.?[0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?)\Z")
_BINARY_OR_SIGNED_HEXADECIMAL = re.compile(r"[-+]?0b[01]+\Z|[-+]0x[0-9a-fA-F]+\Z")
_MAX_DIGITS = 100


def plain(text: str) -> Scalar:
    """Return the value of an unquoted word; raises ValueError, for the user, when it can be read in two ways.

    The message never shows the word: it may be a secret (reliability.md row 15).
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _FIRST:
        return text
    if _INTEGER.match(text):
        _bounded(text)
        return int(text)
    return _number_like(text)


def _number_like(text: str) -> Scalar:
    if _LEADING_ZERO.match(text):
        raise ValueError(
            "a number with a leading zero is octal to some programs: write it without the zero, or quote it"
        )
    if _FLOAT.match(text):
        _bounded(text)
        value = float(text)
        if value in (float("inf"), float("-inf")):
            raise ValueError("this is too large for a number: quote it if it is meant as text")
        return value
    if _HEXADECIMAL.match(text):
        _bounded(text)
        return int(text, 16)
    if _NOT_FINITE.match(text):
        raise ValueError("infinity and not-a-number cannot be used: quote it if it is meant as text")
    if _OCTAL.match(text) or _BINARY_OR_SIGNED_HEXADECIMAL.match(text):
        raise ValueError(
            "octal, binary and signed hexadecimal numbers are text to some programs: write it in decimal, or quote it"
        )
    if "_" in text and _UNDERSCORES.match(text):
        raise ValueError("a number with underscores is text to some programs: leave them out, or quote it")
    return text


def _bounded(text: str) -> None:
    if len(text) > _MAX_DIGITS:
        raise ValueError(f"a number has at most {_MAX_DIGITS} digits: quote it if it is meant as text")
