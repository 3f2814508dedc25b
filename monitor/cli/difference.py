"""Two results side by side: what was, what is; long text by words, rows of lists by their key.

In colour on a terminal, as plain lines where another program reads. Must not know how changes are found.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from monitor.cli import output
from monitor.engine.evidence import describe
from monitor.judge.comparison.texts import Piece, words
from monitor.judge.decision import Change

if TYPE_CHECKING:
    from rich.text import Text

LONG = 60  # characters: longer texts are compared by words
MOST_SHOWN = 500  # changes; --json has all
_MOST_CHARACTERS = 2_000  # of one value


def show(changes: Sequence[Change], before: Any, after: Any, *, terminal: bool) -> None:
    """Print the changes between two results to stdout, side by side on a terminal, else one line each."""
    shown = changes[:MOST_SHOWN]
    if terminal:
        _table(shown)
        same = _unchanged(changes, before, after)
        if same:
            output.note(f"the same in both: {', '.join(same)}")
    else:
        for change in shown:
            for line in _lines(change):
                output.line(line)
    if len(changes) > len(shown):
        output.note(f"{len(changes) - len(shown)} more changes; --json has all")


def _lines(change: Change) -> Iterator[str]:
    """Yield a change as lines for another program: one, and for long text a second that marks the words."""
    note = f" ({change.note})" if change.note else ""
    if not _is_long(change):
        yield describe(change.as_json()) + note
        return
    marks = {"same": "{}", "old": "[-{}-]", "new": "{{+{}+}}"}
    text = "".join(_marked(marks[how], part) for how, part in words(change.before, change.after))
    yield f"{change.path}: {' '.join(text.split())[:_MOST_CHARACTERS]}{note}"


def _marked(mark: str, text: str) -> str:
    """Put text between marks, the space behind it outside of them."""
    bare = text.rstrip()
    return mark.format(bare) + text[len(bare) :]


def _is_long(change: Change) -> bool:
    both = isinstance(change.before, str) and isinstance(change.after, str)
    return both and max(len(change.before), len(change.after)) > LONG


def _table(changes: Sequence[Change]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    drawn.add_column("", overflow="fold")
    drawn.add_column("old", overflow="fold", ratio=1)
    drawn.add_column("new", overflow="fold", ratio=1)
    row = ""
    for change in changes:
        parent, name = _row_and_name(change.path)
        if parent != row and parent:
            drawn.add_row(Text(output.plain(parent), style="bold cyan"), "", "")
        row = parent
        label = Text(output.plain(f"  {name}" if parent else name))
        drawn.add_row(label, *_sides(change))
        if change.note:
            drawn.add_row("", "", Text(output.plain(change.note), style="dim italic"))
    output.console().print(drawn)


def _row_and_name(path: str) -> tuple[str, str]:
    """Return the row of a list that a path leads into, if it names one by its key, and the rest of the path."""
    parts = path.split("/")[1:]
    keyed = next((at for at in range(len(parts) - 1, -1, -1) if "=" in parts[at]), None)
    if keyed is None or keyed == len(parts) - 1:
        return "", path or "(whole)"
    return "/" + "/".join(parts[: keyed + 1]), "/".join(parts[keyed + 1 :])


def _sides(change: Change) -> tuple[Text, Text]:
    from rich.text import Text

    if _is_long(change):
        pieces = words(change.before, change.after)
        return _coloured(pieces, "old", "red"), _coloured(pieces, "new", "green")
    old = Text() if change.kind == "added" else Text(_value(change.before), style="red")
    new = Text() if change.kind == "removed" else Text(_value(change.after), style="green")
    return old, new


def _coloured(pieces: Sequence[Piece], side: str, colour: str) -> Text:
    from rich.text import Text

    text = Text()
    for how, part in pieces:
        if how in {"same", side}:
            text.append(output.plain(part)[:_MOST_CHARACTERS], style=f"bold {colour}" if how == side else "dim")
    return text


def _value(value: Any) -> str:
    """Return a value as a person reads it: text as it is, rows a property a line, the rest as JSON."""
    if isinstance(value, dict) and value and not any(isinstance(item, dict | list) for item in value.values()):
        text = "\n".join(f"{name}: {_value(item)}" for name, item in value.items())
    else:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    shown = output.plain(text)
    return shown if len(shown) <= _MOST_CHARACTERS else f"{shown[:_MOST_CHARACTERS]}…"


def _unchanged(changes: Sequence[Change], before: Any, after: Any) -> list[str]:
    """Return the top-level fields that both results have and no change is about."""
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return []
    touched = {change.path.split("/")[1] for change in changes if change.path}
    names = [name for name in after if name in before and name.replace("~", "~0").replace("/", "~1") not in touched]
    return names[:20]
