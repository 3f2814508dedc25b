"""The tokens of a CEL text: where loops, calls and lists stand in it, and how it is rewritten to be compiled.

The library gives no syntax tree; whoever uses this module has let it parse the text first, so that what is read here is
proper CEL. Must not know values or schemas.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

LOOPS = ("all", "exists", "exists_one", "filter", "map")
WHOLE = frozenset(("size", "int", "uint", "getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek",
                   "getDayOfYear", "getHours", "getMinutes", "getSeconds", "getMilliseconds"))  # fmt: skip
KEYWORDS = frozenset(("true", "false", "null", "in"))
BEGIN, STEP, KEEP = "begin__", "step__", "keep__"  # the functions that count what a loop does
MOST_LOOPS = 8
DEEPEST_LOOP = 3
MOST_GROWTH = 256  # times: a text of 2 MiB, the most a result holds, may become half a gigabyte

_TRIPLE = r"""\"{3}(?:\\.|[^\\])*?\"{3}|'{3}(?:\\.|[^\\])*?'{3}"""
_SINGLE = r""""(?:\\.|[^"\\\n\r])*"|'(?:\\.|[^'\\\n\r])*\'"""
_RAW = r"""\"{3}.*?\"{3}|'{3}.*?'{3}|"[^"\n\r]*"|'[^'\n\r]*'"""
_TOKEN = re.compile(
    rf"""(?P<space>\s+|//[^\n]*)
    |(?P<text>[bB]?[rR][bB]?(?:{_RAW})|[bB]?(?:{_TRIPLE}|{_SINGLE}))
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<number>0[xX][0-9a-fA-F]+[uU]?|[0-9]*\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|[0-9]+[uU]?)
    |(?P<sign>&&|\|\||[=!<>]=|[-+*/%!<>?:.,()\[\]{{}}])""",
    re.VERBOSE | re.DOTALL,
)
_CLOSING = {")": "(", "]": "[", "}": "{"}


@dataclass(frozen=True, slots=True)
class Token:
    """One token: `kind` is name, number, text or sign; `start` counts characters from 0."""

    kind: str
    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Loop:
    """A macro such as `rows.exists(row, …)`, by token indices: its name, its brackets, where its arguments begin."""

    at: int
    opened: int
    closed: int
    arguments: tuple[int, ...]
    depth: int


@dataclass(frozen=True, slots=True)
class _Span:
    """Tokens from `begin` to `end` that get something ahead and behind."""

    begin: int
    end: int
    ahead: str
    behind: str


def token_at(text: str, start: int) -> tuple[str, str]:
    """Return the kind and the text of what stands at a place; kind is empty where no token can begin."""
    found = _TOKEN.match(text, start)
    return (found.lastgroup or "", found[0]) if found else ("", "")


class Syntax:
    """The structure of one CEL text; raises ValueError where a token cannot be read or brackets do not match."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tuple(_tokens(text))
        self.partner = _partners(self.tokens)

    def is_sign(self, index: int, text: str) -> bool:
        """Return whether the token at an index, which may lie outside, is this sign."""
        if not 0 <= index < len(self.tokens):
            return False
        token = self.tokens[index]
        return token.kind == "sign" and token.text == text

    def is_call(self, index: int) -> bool:
        """Return whether a name is called here, as a function or as a method."""
        return self.is_sign(index + 1, "(")

    def is_member(self, index: int) -> bool:
        """Return whether a name stands after a dot."""
        return self.is_sign(index - 1, ".")

    def is_value(self, index: int) -> bool:
        """Return whether a value ends at this token, so that a `[` after it takes an item of that value."""
        if index < 0:
            return False
        token = self.tokens[index]
        if token.kind == "sign":
            return token.text in _CLOSING
        return token.kind == "text" or (token.kind == "name" and token.text != "in")

    def start(self, end: int) -> int:
        """Return the index of the token where the value that ends at token `end` begins: `a` of `a.b(c)[0].d`."""
        begin = end
        if self.tokens[end].kind == "sign" and end in self.partner:
            begin = self.partner[end]
            if self.is_sign(begin, "[") and self.is_value(begin - 1):
                return self.start(begin - 1)
            if self.is_sign(begin, "(") and begin > 0 and self.tokens[begin - 1].kind == "name":
                begin -= self.tokens[begin - 1].text != "in"
        return self.start(begin - 2) if self.is_member(begin) and begin >= 2 else begin

    @cached_property
    def loops(self) -> tuple[Loop, ...]:
        """The macros that go through a list, outer ones first."""
        found: list[Loop] = []
        for index, token in enumerate(self.tokens):
            if token.text not in LOOPS or token.kind != "name" or not (self.is_member(index) and self.is_call(index)):
                continue
            closed = self.partner[index + 1]
            depth = 1 + sum(loop.opened < index < loop.closed for loop in found)
            found.append(Loop(index, index + 1, closed, self.arguments(index + 1), depth))
        return tuple(found)

    def arguments(self, opened: int) -> tuple[int, ...]:
        """Return the indices of the tokens at which the arguments of a call begin, given its opening bracket."""
        closed, index = self.partner[opened], opened + 1
        found = [index] if index < closed else []
        while index < closed:
            if self.is_sign(index, ","):
                found.append(index + 1)
            index = self.partner.get(index, index) + 1
        return tuple(found)

    def is_indexing(self, index: int) -> bool:
        """Return whether a token stands inside the `[…]` that takes an item of a value."""
        return any(opened < index < closed for opened, closed in self._indices)

    @cached_property
    def _indices(self) -> tuple[tuple[int, int], ...]:
        pairs = ((at, end) for at, end in self.partner.items() if at < end and self.is_sign(at, "["))
        return tuple((at, end) for at, end in pairs if self.is_value(at - 1))

    def excess(self) -> str | None:
        """Return why an evaluation could take too long or grow too large, whatever the values; None if it cannot."""
        if len(self.loops) > MOST_LOOPS:
            return f"it has more than {MOST_LOOPS} loops (all, exists, filter, map)"
        if any(loop.depth > DEEPEST_LOOP for loop in self.loops):
            return f"its loops are nested deeper than {DEEPEST_LOOP} levels"
        # `[s].map(a, a + a + a).map(b, b + b + b)…` multiplies its text at every loop, without a list of any length
        growth = math.prod(self._joins(loop) for loop in self.loops)
        return "its loops join too much text" if growth > MOST_GROWTH else None

    def _joins(self, loop: Loop) -> int:
        inside = self.tokens[loop.opened : loop.closed]
        return 2 + sum(token.kind == "sign" and token.text in {"+", ","} for token in inside) - len(loop.arguments)

    def rewritten(self) -> str:
        """Return the text as it is compiled: whole numbers as doubles outside `[…]` indices, loops counted.

        CEL does not mix whole numbers with doubles (`told.price * 2` raises), and every number of a result is a double.
        The loops call `begin__` when they begin, `step__` for every item, `keep__` for every item they put in a list.
        """
        before: dict[int, str] = defaultdict(str)
        after: dict[int, str] = defaultdict(str)
        spans = sorted((*self._counted(), *self._doubled()), key=lambda span: (span.begin, -span.end))
        for span in spans:
            before[span.begin] += span.ahead
        for span in reversed(spans):
            after[span.end] += span.behind
        parts, end = [], 0
        for index, token in enumerate(self.tokens):
            shown = token.text if self.is_indexing(index) else _double(token)
            parts += [self.text[end : token.start], before[index], shown, after[index]]
            end = token.start + len(token.text)
        return "".join([*parts, self.text[end:]])

    def _counted(self) -> Iterator[_Span]:
        """Yield what counts the loops; `[list][begin__(0)]` is the list, and tells that a loop begins anew."""
        for site, loop in enumerate(self.loops):
            name, arguments = self.tokens[loop.at].text, loop.arguments
            if not 2 <= len(arguments) <= 3:
                continue
            yield _Span(self.start(loop.at - 2), loop.at - 2, "[", f"][{BEGIN}({site})]")
            if name == "map" and len(arguments) == 2:
                yield _Span(arguments[1], loop.closed - 1, f"{STEP}({site}) ? {KEEP}({site}) : false, ", "")
                continue
            end = arguments[2] - 2 if len(arguments) == 3 else loop.closed - 1
            keep = f" && {KEEP}({site})" if name in {"map", "filter"} else ""
            yield _Span(arguments[1], end, f"{STEP}({site}) ? ((", f"){keep}) : false")

    def _doubled(self) -> Iterator[_Span]:
        for index, token in enumerate(self.tokens):
            if token.kind == "name" and token.text in WHOLE and self.is_call(index) and not self.is_indexing(index):
                begin = self.start(index - 2) if self.is_member(index) and index >= 2 else index
                yield _Span(begin, self.partner[index + 1], "double(", ")")


def _tokens(text: str) -> Iterator[Token]:
    start = 0
    while start < len(text):
        kind, shown = token_at(text, start)
        if not kind:
            raise ValueError(f"{text[start]!r} at column {start + 1} cannot be read")
        if kind != "space":
            yield Token(kind, shown, start)
        start += len(shown)


def _partners(tokens: tuple[Token, ...]) -> dict[int, int]:
    found: dict[int, int] = {}
    waiting: list[int] = []
    for index, token in enumerate(tokens):
        if token.kind != "sign":
            continue
        if token.text in _CLOSING.values():
            waiting.append(index)
        elif token.text in _CLOSING:
            if not waiting or tokens[waiting[-1]].text != _CLOSING[token.text]:
                raise ValueError(f"{token.text} at column {token.start + 1} closes nothing")
            opened = waiting.pop()
            found[opened], found[index] = index, opened
    if waiting:
        raise ValueError(f"{tokens[waiting[-1]].text} at column {tokens[waiting[-1]].start + 1} is never closed")
    return found


def _double(token: Token) -> str:
    """Return a whole number as a double; unsigned ones (`5u`) are left as they were asked for."""
    if token.kind != "number" or token.text[-1] in "uU":
        return token.text
    if token.text[:2] in {"0x", "0X"}:
        return f"{int(token.text, 16)}.0"
    return f"{token.text}.0" if token.text.isdecimal() else token.text


def literal(syntax: Syntax, index: int) -> str | None:
    """Return the text of a plain string token, None for anything else; escapes are left to CEL."""
    token = syntax.tokens[index]
    if token.kind != "text" or token.text[0] not in "\"'" or token.text[:3] in {'"""', "'''"} or "\\" in token.text:
        return None
    return token.text[1:-1]
