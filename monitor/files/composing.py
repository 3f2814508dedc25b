"""From text to YAML nodes with positions, through libyaml where it is there, within caps and without any tag.

Owns PyYAML and its errors, which leave this module as `Refused` only. Must not know what nodes mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml
from yaml.composer import Composer
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner

MAX_DEPTH = 32
MAX_NODES = 20_000
PLAIN, QUOTED, TAGGED = "plain", "quoted", "!"
_CRON_LINE = re.compile(r"""\s*(?:-\s+)?(?:["']?cron["']?\s*:\s*)?(?:-\s+)?\[?\s*\*[\d/,*-]*(?:\s+[\w/,*-]+){4}""")


class Refused(Exception):
    """A text that is not read: line and column count from 1; `hint` says what to do."""

    def __init__(self, line: int, column: int, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.line, self.column, self.message, self.hint = line, column, message, hint


class _Caps:
    """What both composers ask while they compose: how deep, how many, and which kind of scalar.

    PyYAML calls these hooks of its resolver around every node; the tag that `resolve` gives is all that we ask of it.
    """

    depth = 0
    count = 0

    def descend_resolver(self, parent: yaml.Node | None, index: object) -> None:  # noqa: ARG002 - PyYAML's own hook
        self.depth += 1
        self.count += 1
        if self.depth > MAX_DEPTH + 1 or self.count > MAX_NODES:
            mark = parent.start_mark if parent else None
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            if self.depth > MAX_DEPTH + 1:
                raise Refused(line, column, f"nested too deep: at most {MAX_DEPTH} levels")
            raise Refused(line, column, f"too many values: at most {MAX_NODES:,} in a file")

    def ascend_resolver(self) -> None:
        self.depth -= 1

    def resolve(self, kind: type, value: object, implicit: Any) -> str:  # noqa: ARG002 - PyYAML's own hook
        if kind is yaml.ScalarNode:
            return PLAIN if implicit[0] else QUOTED
        return PLAIN if implicit else TAGGED


class _Pure(Reader, Scanner, Parser, _Caps, Composer):
    """PyYAML's own reader, for a machine without libyaml."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)


def _composer(text: str) -> Any:
    if not yaml.__with_libyaml__:
        return _Pure(text)
    return _through_libyaml()(text)


def _through_libyaml() -> Any:
    global _libyaml  # noqa: PLW0603 - the class can be made only where libyaml is, and is made once
    if _libyaml is None:

        class Fast(_Caps, yaml.cyaml.CParser):  # type: ignore[name-defined,misc]  # compiled: it has no types
            """libyaml's reader: forty times faster (measurements.md)."""

        _libyaml = Fast
    return _libyaml


_libyaml: Any = None


def compose(text: str) -> Iterator[yaml.Node]:
    """Yield the root node of each document; raises Refused, after the documents that could be read before the fault."""
    try:
        composer = _composer(text)
        while composer.check_node():
            composer.depth = 0
            yield composer.get_node()
    except yaml.MarkedYAMLError as problem:
        raise _refused(problem, text) from None
    except (yaml.YAMLError, ValueError, OverflowError):  # PyYAML's own reader lets the errors of chr() and int() out
        raise Refused(1, 1, "this is not readable as YAML") from None


def _refused(problem: yaml.MarkedYAMLError, text: str) -> Refused:
    mark = problem.problem_mark or problem.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    lines = text.split("\n")
    # libyaml may notice only on the next line that an alias has no name.
    for row in {line, problem.context_mark.line + 1 if problem.context_mark else line}:
        if row <= len(lines) and _CRON_LINE.match(lines[row - 1]):
            star = lines[row - 1].index("*") + 1
            return Refused(
                row,
                star,
                "an unquoted * means something else in YAML",
                'quote the cron expression, as in cron: "*/30 * * * *"',
            )
    if problem.problem and "duplicate anchor" in problem.problem + (problem.context or ""):
        return Refused(line, column, "this anchor was given before", "give each anchor a name of its own")
    words = _without_snippet(problem.problem or problem.context or "this is not readable as YAML")
    context = f" {problem.context}" if problem.context and problem.problem else ""
    return Refused(line, column, f"not valid YAML: {words}{context}", _hint(words, context, lines, line))


def _without_snippet(words: str) -> str:
    """Return PyYAML's words without the piece of the file that some of them quote (it may be of a secret)."""
    return re.sub(
        r"(alias|anchor|escape character|character|directive|tag handle) ('.*?'|\".*?\")(?=;|,|$| that| in)",
        _named,
        words,
        flags=re.DOTALL,
    )


def _named(found: re.Match[str]) -> str:
    shown = found[2] if found[2] in {"'\\t'", "'@'", "'`'", "'%'", "'\\\\t'"} else ""
    return f"{found[1]} {shown}".strip()


def _hint(words: str, context: str, lines: list[str], line: int) -> str | None:
    here = lines[line - 1] if line <= len(lines) else ""
    if here[: len(here) - len(here.lstrip())].count("\t"):
        return "a tab cannot indent: use blanks"
    if re.search(r"(:|-)\s+[@`%]", here) or "cannot start any token" in words:
        return "quote a value that begins with @, ` or %"
    if "mapping values are not allowed" in words:
        return 'quote a value that holds ": ", or look at the indentation'
    if "alias" in words + context:
        return "quote a value that begins with *"
    if "block mapping" in context or "block collection" in context:
        return "look at the indentation, and at quotes that are not closed"
    return None
