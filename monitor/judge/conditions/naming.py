"""The names of one expression, followed through what a schema declares: what leads nowhere, and what is meant.

The library gives no syntax tree and forgives unknown names (`error || true`), so they are found by the tokens.
Must not know results or how an expression is evaluated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from monitor.judge.conditions import samples
from monitor.judge.conditions.syntax import KEYWORDS, Syntax, literal
from monitor.judge.schemas import places, validation
from monitor.judge.schemas.scope import ANYTHING, Scope

RESULTS = ("new", "old", "told", "first")
_TYPES = frozenset(("double", "int", "uint", "string", "bool", "bytes", "list", "map", "null_type"))


@dataclass(frozen=True, slots=True)
class Doubt:
    """What is wrong with an expression; with `warning` it can work, but not always."""

    message: str
    hint: str | None = None
    warning: bool = False


class Names:
    """The names of one expression, followed through what the schema declares."""

    def __init__(self, syntax: Syntax, roots: Mapping[str, Scope]) -> None:
        self.syntax = syntax
        self.roots = roots

    def doubts(self) -> Iterator[Doubt]:
        """Yield every name that leads nowhere."""
        syntax = self.syntax
        for index, token in enumerate(syntax.tokens):
            if token.kind == "name" and not syntax.is_call(index):
                if syntax.is_member(index):
                    yield from self._member(index - 2, token.text)
                elif token.text not in KEYWORDS | _TYPES and not self._is_bound(index) and token.text not in self.roots:
                    yield self._unknown(token.text)
            elif self._is_key(index):
                name = literal(syntax, index)
                yield from self._member(index - 2, name) if name is not None else ()
            elif syntax.is_sign(index, "==") or syntax.is_sign(index, "!="):
                yield from self._compared(index)

    def _compared(self, index: int) -> Iterator[Doubt]:
        """Yield a doubt where `value == "text"` can never be, by the type or the enum of the value."""
        syntax = self.syntax
        text = literal(syntax, index + 1) if index + 1 < len(syntax.tokens) else None
        alone = not any(syntax.is_sign(index + 2, sign) for sign in (".", "+", "["))
        scope = self._scope(index - 1) if index else None
        if (
            text is None
            or scope is None
            or not alone
            or any(syntax.is_sign(syntax.start(index - 1) - 1, sign) for sign in "+-*/")
        ):
            return
        kinds, fixed = samples.kinds(scope), samples.fixed(scope)
        if kinds and "string" not in kinds:
            yield Doubt(f"{self._text(index - 1)} is never text, so it never equals {text!r}", _values(kinds))
        elif fixed and text not in fixed:
            known = [one for one in fixed if isinstance(one, str)]
            hint = places.nearest(text, known) or f"it is one of {validation.excerpt(fixed)}"
            yield Doubt(f"{self._text(index - 1)} is never {text!r}", hint)

    def _is_key(self, index: int) -> bool:
        """Say whether the token is the text in `value["text"]`."""
        syntax = self.syntax
        alone = syntax.is_sign(index - 1, "[") and syntax.is_sign(index + 1, "]")
        return alone and syntax.tokens[index].kind == "text" and syntax.is_value(index - 2)

    def _unknown(self, name: str) -> Doubt:
        within = next((root for root in RESULTS if root in self.roots and name in self.roots[root].properties), None)
        if within:
            return Doubt(f"{name!r} is unknown", f'did you mean "{within}.{name}"?')
        return Doubt(f"{name!r} is unknown", places.nearest(name, self.roots) or f"at hand are {', '.join(self.roots)}")

    def _member(self, end: int, name: str) -> Iterator[Doubt]:
        base = self._scope(end)
        if base is None or _child(base, name) is not None:
            return
        shown = self._text(end)
        if base.is_list:
            yield Doubt(
                f"{shown} is a list and has no {name!r}", f"{shown}[0].{name}, or {shown}.exists(x, x.{name} …)"
            )
            return
        known = ", ".join(list(base.properties)[:10])
        hint = places.nearest(name, base.properties) or (f"it has {known}" if known else None)
        yield Doubt(f"{shown} has no {name!r}", hint)

    def _text(self, end: int) -> str:
        tokens = self.syntax.tokens
        begin = self.syntax.start(end)
        return validation.capped(self.syntax.text[tokens[begin].start : tokens[end].start + len(tokens[end].text)])

    def _is_bound(self, index: int) -> bool:
        tokens, loops = self.syntax.tokens, self.syntax.loops
        inside = (loop for loop in loops if loop.arguments and loop.opened < index < loop.closed)
        return any(tokens[loop.arguments[0]].text == tokens[index].text for loop in inside)

    def _scope(self, end: int) -> Scope | None:
        """Return what the schema says of the value that ends at a token; None where it cannot be told."""
        syntax, token = self.syntax, self.syntax.tokens[end]
        if token.kind == "name":
            if syntax.is_member(end):
                base = self._scope(end - 2)
                return _child(base, token.text) if base else None
            return self._bound(end) if self._is_bound(end) else self.roots.get(token.text)
        opened = syntax.partner.get(end, end)
        if syntax.is_sign(end, "]") and syntax.is_value(opened - 1):
            base = self._scope(opened - 1)
            name = literal(syntax, opened + 1) if end - opened == 2 else None
            return None if base is None else _child(base, name) if name is not None else _item(base)
        if syntax.is_sign(end, ")") and syntax.is_member(opened - 1) and syntax.tokens[opened - 1].text == "filter":
            return self._scope(opened - 3)
        return None

    def _bound(self, index: int) -> Scope | None:
        tokens = self.syntax.tokens
        loop = next(
            loop
            for loop in reversed(self.syntax.loops)
            if loop.opened < index < loop.closed and tokens[loop.arguments[0]].text == tokens[index].text
        )
        base = self._scope(loop.at - 2)
        return _item(base) if base else None


def _child(scope: Scope, name: str) -> Scope | None:
    """Return the scope of a property; None where the schema declares none."""
    if not scope.nodes:
        return ANYTHING
    if (scope.types or scope.is_list) and "object" not in scope.types and not scope.properties:
        return None
    return scope.child(name)


def _item(scope: Scope) -> Scope | None:
    return scope.item(0) if scope.is_list else ANYTHING


def _values(kinds: set[str]) -> str | None:
    return (
        "write true or false without quotes"
        if kinds == {"boolean"}
        else "write numbers without quotes"
        if kinds <= {"number", "integer"}
        else None
    )
