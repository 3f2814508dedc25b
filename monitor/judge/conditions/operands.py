"""The operands of `&&`, `||` and `?` in an expression, and the expression with some of them left open.

What an operand comes to on a made-up result proves nothing: `new.price < told.price && new.in_stock` never looks at
`in_stock` where the made-up prices are equal. Must not know schemas or results.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

from monitor.judge.conditions.expressions import Expression, ExpressionError
from monitor.judge.conditions.syntax import Syntax, Token

MOST_OPEN = 6  # operands whose truths are all combined; of more, all are true, all false, and each one unlike the rest
_ENDS = frozenset(("&&", "||", "?", ":", ",", "(", "[", "{", ")", "]", "}"))


def freed(expression: Expression, name: str) -> tuple[Expression, tuple[Mapping[str, bool], ...]]:
    """Return the expression with a variable for every operand that does not name a property, and their truths to try.

    Operands of the same text share a variable. Where the result would be no expression, it is left as it is.
    """
    syntax, variables, parts, end = expression.syntax, dict[str, str](), list[str](), 0
    for begin, last in _outermost(syntax, name):
        start, stop = syntax.tokens[begin].start, syntax.tokens[last].start + len(syntax.tokens[last].text)
        variable = variables.setdefault(syntax.text[start:stop], f"open{len(variables)}__")
        parts += [syntax.text[end:start], variable]
        end = stop
    try:
        opened = Expression.parse("".join([*parts, syntax.text[end:]]))
    except ExpressionError:
        return expression, ({},)
    return opened, tuple(_truths(tuple(variables.values())))


def _truths(variables: tuple[str, ...]) -> Iterator[Mapping[str, bool]]:
    if len(variables) <= MOST_OPEN:
        yield from (dict(zip(variables, truth, strict=True)) for truth in product((True, False), repeat=len(variables)))
        return
    for rest in (True, False):
        yield dict.fromkeys(variables, rest)
        yield from ({**dict.fromkeys(variables, rest), one: not rest} for one in variables)


def _outermost(syntax: Syntax, name: str) -> Iterator[tuple[int, int]]:
    """Yield the first and last token of every operand that does not name a property, none inside another."""
    reached = -1
    for begin, last in sorted(set(_operands(syntax)), key=lambda span: (span[0], -span[1])):
        if begin > reached and not any(_names(token, name) for token in syntax.tokens[begin : last + 1]):
            yield begin, last
            reached = last


def _names(token: Token, name: str) -> bool:
    """Say whether a token is a property's name, that name as text, or a JSON Pointer with it."""
    return token.text == name or (token.kind == "text" and name in token.text.strip("\"'").split("/"))


def _operands(syntax: Syntax) -> Iterator[tuple[int, int]]:
    for index, token in enumerate(syntax.tokens):
        if token.kind != "sign" or token.text not in {"&&", "||", "?"}:
            continue
        yield _reach(syntax, index, -1), index - 1
        if token.text != "?":
            yield index + 1, _reach(syntax, index, 1)


def _reach(syntax: Syntax, index: int, step: int) -> int:
    """Return the last token of the operand on one side of an operator."""
    here = index + step
    while 0 <= here < len(syntax.tokens):
        other = syntax.partner.get(here, here)
        if (other - here) * step > 0:
            here = other  # over a bracket and what it holds
        elif syntax.tokens[here].kind == "sign" and syntax.tokens[here].text in _ENDS:
            break
        here += step
    return here - step
