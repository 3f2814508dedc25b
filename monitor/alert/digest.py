"""Several messages for one target as one: which fit together, and the words. Pure; one message alone stays as it is.

Every message keeps its title (shortened at worst) and its event id; bodies share the room that is left. Must not know
targets, nor how a message is sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby

from monitor.alert import causes, plain
from monitor.store.records import Delivery

ROOM = 12_500  # characters of a digest where the target takes more: nobody reads on
LEAST = 500  # a target that takes less (an SMS) gets single messages
_TITLE = 80  # characters of a title that a digest keeps at least
_FULL = 200
_SHORT = 400  # characters of a body in a digest at most
_OWN = 40  # characters of an entry beside title and body: breaks, the event id
_REPEAT = "(possible repeat: an earlier copy may have arrived)"
_PLURALS = {
    "baseline": ("first result", "first results"),
    "change": ("change", "changes"),
    "failure": ("failure", "failures"),
    "recovery": ("recovery", "recoveries"),
    "reminder": ("reminder", "reminders"),
    "missed": ("missed run", "missed runs"),
    "stale": ("stale watch", "stale watches"),
    "drift": ("drift", "drifts"),
}


def parts(rows: Sequence[Delivery], room: int) -> list[list[Delivery]]:
    """Return the messages in their order, cut so that each part fits into `room` characters as one message.

    What some recipients of the target took before goes apart: it is sent to the others only.
    """
    most, found = _most(room), []
    for _, alike in groupby(rows, key=lambda row: row.accepted):
        these = list(alike)
        found += [these[at : at + most] for at in range(0, len(these), most)]
    return found


def halves(rows: Sequence[Delivery]) -> list[list[Delivery]]:
    """Return two halves of the messages of a digest that was refused."""
    middle = (len(rows) + 1) // 2
    return [list(rows[:middle]), list(rows[middle:])]


def merged(rows: Sequence[Delivery], room: int) -> Delivery:
    """Return the one message that says all of them; the only one of a single message, unchanged."""
    if len(rows) == 1:
        return rows[0]
    each = (min(room, ROOM) - len(_REPEAT) - 2) // len(rows)
    body = "\n\n".join(_entry(row, each) for row in rows)
    repeat = any(row.repeat for row in rows)
    return replace(rows[0], title=headline(rows), body=body, kind=_kind(rows), repeat=repeat)


def headline(rows: Sequence[Delivery]) -> str:
    """Return what the messages are: `5 changes in 3 watches`, `7 messages: 5 changes, 2 failures in 4 watches`.

    Watches that fail of one cause are told as that: `12 watches fail: SITE shop.example`.
    """
    if shared := _cause(rows):
        return plain.shortened(shared, _FULL)
    kinds = Counter(row.kind for row in rows)
    said = [f"{count} {_PLURALS.get(kind, (kind, kind))[count > 1]}" for kind, count in kinds.most_common()]
    watches = {row.watch for row in rows if row.watch}
    where = (
        f" in {len(watches)} watches" if len(watches) > 1 else "".join(f" of {plain.line(name)}" for name in watches)
    )
    several = f"{len(rows)} messages: " if len(said) > 1 else ""
    return plain.shortened(f"{several}{', '.join(said)}{where}", _FULL)


def _cause(rows: Sequence[Delivery]) -> str | None:
    """Return what the messages say together where several watches fail, or work again, of one cause."""
    watches, shared = {row.watch for row in rows}, {(row.kind, row.cause) for row in rows}
    kind, cause = shared.pop()
    if shared or cause is None or len(watches) < causes.MIN_WATCHES:
        return None
    return causes.headline(kind, cause, len(watches))


def _most(room: int) -> int:
    """Return how many messages one part holds."""
    if room < LEAST:
        return 1
    return max(1, (min(room, ROOM) - len(_REPEAT) - 2) // (_TITLE + _OWN))


def _entry(row: Delivery, room: int) -> str:
    """Return one message within a digest: title, the beginning of its body, event id."""
    tail = f"event {row.event}"
    left = max(_TITLE, room - len(tail) - 4)
    title = plain.shortened(plain.collapsed(row.title), min(_FULL, left))
    left = min(_SHORT, left - len(title) - 1)
    body = "\n".join(_fitting(_account(row), left))
    return "\n".join(part for part in (title, body, tail) if part)


def _account(row: Delivery) -> list[str]:
    """Return the lines of a body that say something beyond title and event id."""
    lines = [line for line in row.body.split("\n") if line.strip() and line != f"event {row.event}"]
    return [line for line in lines if line not in row.title]


def _fitting(lines: Iterable[str], room: int) -> Iterable[str]:
    for line in lines:
        if room < len(line) + 1:
            if room > _TITLE:
                yield plain.shortened(line, room)
            return
        yield line
        room -= len(line) + 1


def _kind(rows: Sequence[Delivery]) -> str:
    """Return the kind of all messages; a digest of several kinds is told as a change."""
    kinds = {row.kind for row in rows}
    return kinds.pop() if len(kinds) == 1 else "change"
