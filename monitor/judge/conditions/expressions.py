"""The one home of CEL (`cel`, common-expression-language 0.10): compiling expressions, evaluating them over JSON.

Measured of the library, and why this module stands between it and us:
- `4 * 2.0` and `null < 1.0` raise, `1 == 1.0` and `1 < 2.0` do not: numbers enter as doubles and whole numbers are
  rewritten (`syntax`). NaN compares by raising, too, and `5.0 % 2.0` is not defined.
- `error || true` is true and `error && false` is false, also for a name that is unknown: names are checked at load.
- `has(x.a)` is true where `a` is null; `size("ä")` is 2 (bytes); `duration("7d")` raises (units up to h).
- a function that exists but cannot take a value (`size(null)`) is reported as "Undefined variable or function".
- an exception out of a function of ours is printed through logging: ours give null and remember what went wrong.
- `all` and `exists` cost 2 µs an item, but `filter` and `map` copy what they have built so far at every item, 0.06 to
  0.6 µs each: keeping 4,000 of 10,000 rows took 11 s, with the interpreter's lock held. Loops count their work and stop
  at a bound (`effort`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any

from monitor.judge import reason
from monitor.judge.conditions.effort import Effort
from monitor.judge.conditions.functions import BUILT_IN, TAKES, Function
from monitor.judge.conditions.history import History
from monitor.judge.conditions.syntax import BEGIN, KEEP, STEP, Syntax, literal

LONGEST = 2_000  # characters of one expression
LOOKING_BACK = ("low", "high", "mean", "since")
NATIVE = frozenset(("size", "contains", "startsWith", "endsWith", "matches", "string", "int", "uint", "double", "bytes",
                    "timestamp", "duration", "type", "dyn", "has", "all", "exists", "exists_one", "filter", "map",
                    "getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getHours",
                    "getMinutes", "getSeconds", "getMilliseconds"))  # fmt: skip
_POSITION = re.compile(r"ERROR: <input>:(\d+):(\d+): (?:Syntax error: )?(.*)")
_UNKNOWN = re.compile(r"Undefined variable or function: '([^']*)'")
_FAILED = re.compile(r"Function '([^']*)' error: (.*?)(?:\. Check function arguments.*)?$", re.DOTALL)
_TYPE = "values of different types, or null, cannot be compared or combined"


class ExpressionError(ValueError):
    """An expression cannot be compiled or evaluated; one line. `cause` is syntax, key, type, limit or value."""

    def __init__(self, message: str, cause: str = "value") -> None:
        super().__init__(reason.line(message))
        self.cause = cause


class NothingYetError(ExpressionError):
    """A function found nothing in the history, and the expression did something with its null; `call` names it."""

    def __init__(self, call: str) -> None:
        super().__init__(f"{call} has nothing to look back on yet", "history")
        self.call = call


@dataclass(frozen=True)
class Expression:
    """A compiled expression; `evaluate` may be called any number of times."""

    text: str
    syntax: Syntax
    program: Any

    @staticmethod
    def parse(text: str) -> Expression:
        """Return the expression; raises ExpressionError with the line and column where the library gives them."""
        if len(text) > LONGEST:
            raise ExpressionError(f"an expression has at most {LONGEST:,} characters, this one {len(text):,}", "syntax")
        return _parsed(text)

    @cached_property
    def names(self) -> frozenset[str]:
        """The variables that the expression refers to, and names bound by its loops."""
        return frozenset(self.program.variables())

    @cached_property
    def functions(self) -> frozenset[str]:
        """The functions that the expression calls."""
        return frozenset(self.program.functions())

    @cached_property
    def places(self) -> frozenset[str]:
        """The JSON Pointers, written out, that `low`, `high`, `mean` and `since` look back on."""
        return frozenset(place for _, place in lookbacks(self.syntax) if place is not None)

    @property
    def looks_back(self) -> bool:
        """Whether the expression needs a history."""
        return bool(self.functions & set(LOOKING_BACK))

    def evaluate(
        self, values: Mapping[str, Any], history: History | None = None, functions: Mapping[str, Function] | None = None
    ) -> Any:
        """Return the value as plain Python: JSON types, datetime, timedelta, bytes; whole numbers mostly as floats.

        `values` are JSON values, datetimes and timedeltas by name. Raises NothingYetError where the null of an empty
        history decided, ExpressionError for everything else that goes wrong; never hangs.
        """
        past = _Past(history)
        given = {name: doubled(values[name]) for name in self.names & values.keys()}
        try:
            return self._run(given, past, functions or {})
        except ExpressionError as error:
            if error.cause in {"limit", "value"} or not past.empty:
                raise
        # Was it the null? With a value in its place, whichever, everything else that is wrong still raises.
        for stand_in in (_Past.LEAST, _Past.MOST):
            self._run(given, _Past(history, stand_in), functions or {})
        raise NothingYetError(past.empty[0])

    def _run(self, values: dict[str, Any], past: _Past, functions: Mapping[str, Function]) -> Any:
        import cel

        effort = Effort()
        known = {**BUILT_IN, **functions, **past.functions(), BEGIN: effort.begin, STEP: effort.step, KEEP: effort.keep}
        guarded = {name: past.guarded(name, known[name]) for name in self.functions & known.keys()}
        try:
            value = self.program.execute(cel.Context(values, guarded))
        except Exception as error:  # the library raises seven built-in classes; each becomes one line
            raise _stopped(effort) or past.failure or _translated(error) from error
        if wrong := _stopped(effort) or past.failure:
            raise wrong
        if isinstance(value, cel.OptionalValue):
            raise ExpressionError("it gives an optional, not a value", "type")
        return value


@lru_cache(maxsize=1_024)
def _parsed(text: str) -> Expression:
    import cel

    try:
        cel.compile(text)  # as it was written, so that positions are the user's
        syntax = Syntax(text)
        excess = syntax.excess()
        if excess is None:
            return Expression(text, syntax, cel.compile(syntax.rewritten()))
    except ValueError as error:
        raise ExpressionError(_place(str(error)), "syntax") from error
    raise ExpressionError(f"the expression could run away: {excess}", "limit")


def lookbacks(syntax: Syntax) -> list[tuple[str, str | None]]:
    """Return every call of `low`, `high`, `mean`, `since` with its place; None where it is not a plain string."""
    found: list[tuple[str, str | None]] = []
    for index, token in enumerate(syntax.tokens):
        if token.text in LOOKING_BACK and syntax.is_call(index) and not syntax.is_member(index):
            plain = syntax.is_sign(index + 3, ",") or syntax.is_sign(index + 3, ")")
            found.append((token.text, literal(syntax, index + 2) if plain else None))
    return found


class _Past:
    """The functions that look back, for one evaluation; `empty` are the calls that found nothing.

    With a `stand_in`, a number and an instant, those calls give one of them instead of null.
    """

    LEAST = (-1e300, datetime(1900, 1, 1, tzinfo=UTC))
    MOST = (1e300, datetime(2200, 1, 1, tzinfo=UTC))

    def __init__(self, history: History | None, stand_in: tuple[float, datetime] | None = None) -> None:
        self.history = history
        self.stand_in = stand_in
        self.empty: list[str] = []
        self.failure: ExpressionError | None = None

    def functions(self) -> dict[str, Function]:
        """Return the functions by name."""
        return {name: self._looking(name) for name in LOOKING_BACK}

    def guarded(self, name: str, function: Function) -> Function:
        """Return a function that gives null where the given one fails, and remembers the first failure."""

        def call(*arguments: Any) -> Any:
            try:
                return function(*arguments)
            except (TypeError, ValueError, ArithmeticError) as error:
                self.failure = self.failure or ExpressionError(_said(name, error))
                return None

        return call

    def _looking(self, name: str) -> Function:
        def number(place: Any, within: Any = None) -> Any:
            return self._found(name, place, look_back(within))

        def since(place: Any, value: Any) -> Any:
            return self._found(name, place, value)

        return since if name == "since" else number

    def _found(self, name: str, place: Any, argument: Any) -> Any:
        if not isinstance(place, str):
            raise ValueError(f"takes a place first, as in {TAKES[name].example}")  # noqa: TRY004 - one class for all
        if self.history is None:
            raise ValueError("there is no history here")
        value = getattr(self.history, name)(place, argument)
        if value is not None:
            return value
        self.empty.append(f'{name}("{place}")')
        return self.stand_in[name == "since"] if self.stand_in else None


def _said(name: str, error: Exception) -> str:
    """Return what a function of ours says of its values; only its ValueErrors are in words for people."""
    if isinstance(error, TypeError):
        return f"{name} {TAKES[name].words}" if name in TAKES else f"{name} cannot take these values"
    return f"{name}: the numbers are too large" if isinstance(error, ArithmeticError) else f"{name}: {error}"


def look_back(within: Any) -> timedelta | None:
    """Return how far to look back: a duration of CEL, or ours as text (`30d`); raises ValueError."""
    if within is None or isinstance(within, timedelta):
        return within
    from pydantic import TypeAdapter, ValidationError

    from monitor.watch.part import Duration

    try:
        return TypeAdapter(Duration).validate_python(within)
    except ValidationError as error:
        raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None


def doubled(value: Any) -> Any:
    """Return a JSON value with every number as a double; one beyond all doubles becomes infinite."""
    if isinstance(value, bool) or value is None or isinstance(value, str | float):
        return value
    if isinstance(value, int):
        try:
            return float(value)
        except OverflowError:
            return math.copysign(math.inf, value > 0 or -1)
    if isinstance(value, dict):
        return {str(name): doubled(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [doubled(item) for item in value]
    return value


def _stopped(effort: Effort) -> ExpressionError | None:
    return ExpressionError("it was stopped: its loops go through too many items", "limit") if effort.stopped else None


def _place(message: str) -> str:
    """Return the library's complaint about a text as one line: where, and what."""
    found = _POSITION.search(message)
    if not found:
        return message
    what = found[3].split(" expecting {")[0].replace("<EOF>", "the end")
    line = f"line {found[1]}, " if found[1] != "1" else ""
    return f"{line}column {found[2]}: {what}"


def _translated(error: Exception) -> ExpressionError:
    """Return one line for each class that the library raises while evaluating or taking values in."""
    text = str(error)
    if isinstance(error, KeyError):
        return ExpressionError(f"there is no {text.strip(chr(34))}", "key")
    if isinstance(error, TypeError):
        known = _TYPE if text.startswith("No such overload") else text.partition(" CEL does not")[0]
        return ExpressionError(known, "type")
    if found := _UNKNOWN.match(text):
        return ExpressionError(f"{found[1]} is unknown, or cannot take this value", "type")
    if text.startswith("Failed to convert"):
        return ExpressionError("a value is text that is no proper Unicode")
    if found := _FAILED.match(text):
        if "Parsing Error" in found[2]:
            return ExpressionError(f'{found[1]}: takes a text such as "36h" or "90m"')
        return ExpressionError(f"{found[1]}: {found[2]}")
    return ExpressionError(text or type(error).__name__)
