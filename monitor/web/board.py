"""The overview as data: the definitions beside where each watch stands, filtered, sorted, and cut into pages.

Pure but for a memory of cron occurrences. Used by the page and the API alike; must not know how it is shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from monitor.engine.agenda import Dues
from monitor.store.records import stamp
from monitor.store.views.series import Spark
from monitor.store.views.spending import Spent
from monitor.store.views.standings import Standing
from monitor.watch.model import Watch

PER_PAGE = 50
LONGEST_TEXT = 200  # characters of a search
State = Literal["failing", "paused", "new", "fine", "disabled"]
STATES: tuple[State, ...] = get_args(State)
Sort = Literal["attention", "name", "last", "due", "failing", "spent", "noise"]
SORTS: tuple[Sort, ...] = get_args(Sort)
_LATE = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Query:
    """What of the overview is asked for; `page` counts from 1."""

    text: str = ""
    state: State | None = None
    tag: str | None = None
    sort: Sort = "attention"
    page: int = 1

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Query:
        """Return the query that parameters of an address mean; what cannot be understood is as if it were not given."""
        state = next((each for each in STATES if each == given.get("state")), None)
        sort: Sort = next((each for each in SORTS if each == given.get("sort")), "attention")
        number = given.get("page", "")
        page = int(number) if number.isascii() and number.isdigit() and len(number) < 6 else 1
        return cls(given.get("q", "").strip()[:LONGEST_TEXT], state, given.get("tag") or None, sort, max(1, page))


@dataclass(frozen=True, slots=True)
class Row:
    """One watch of the overview. `changes` counts those of the last seven days, None where that was not asked for."""

    watch: Watch
    standing: Standing
    state: State
    due: datetime | None
    spent: Spent = field(default_factory=Spent)
    spark: Spark | None = None
    changes: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the object of the API."""
        found = {
            "name": self.watch.name,
            "url": self.watch.url,
            "tags": list(self.watch.tags),
            "enabled": self.watch.enabled,
            "state": self.state,
            "next_due": stamp(self.due),
            "runs_today": self.spent.runs,
            "steps_today": self.spent.steps,
        }
        if self.spark is not None:
            found |= {"value": self.spark.value, "recent": {
                "verdicts": list(self.spark.verdicts), "values": list(self.spark.values)}}  # fmt: skip
        return found | self.standing.as_json()


@dataclass(frozen=True, slots=True)
class Board:
    """One page of the overview, and what there is in all: how many watches, of which state, and the tags."""

    rows: tuple[Row, ...]
    query: Query
    found: int
    total: int
    states: Mapping[State, int]
    tags: tuple[str, ...]

    @property
    def pages(self) -> int:
        """How many pages the rows found make."""
        return max(1, -(-self.found // PER_PAGE))

    def as_json(self) -> dict[str, Any]:
        """Return the object of the API."""
        return {
            "watches": [row.as_json() for row in self.rows],
            "found": self.found,
            "total": self.total,
            "states": dict(self.states),
            "tags": list(self.tags),
            "page": self.query.page,
            "pages": self.pages,
        }


@dataclass(frozen=True, slots=True)
class Facts:
    """What the store says of all watches; `spent` and `changes` may be empty where neither is sorted by nor shown."""

    standings: Mapping[str, Standing]
    spent: Mapping[str, Spent] = field(default_factory=dict)
    changes: Mapping[str, int] | None = None


def board(watches: Mapping[str, Watch], facts: Facts, query: Query, now: datetime, dues: Dues) -> Board:
    """Return the page of the overview that a query asks for."""
    everything = [_row(watch, facts, now, dues) for watch in watches.values()]
    asked = [row for row in everything if _asked(row, query)]
    asked.sort(key=_keys(query.sort))
    page = min(query.page, max(1, -(-len(asked) // PER_PAGE)))
    shown = tuple(asked[(page - 1) * PER_PAGE : page * PER_PAGE])
    counts = Counter(row.state for row in everything)
    tags = sorted({tag for watch in watches.values() for tag in watch.tags})
    states = {state: counts[state] for state in STATES}
    turned = Query(query.text, query.state, query.tag, query.sort, page)
    return Board(shown, turned, len(asked), len(everything), states, tuple(tags))


def _row(watch: Watch, facts: Facts, now: datetime, dues: Dues) -> Row:
    standing = facts.standings.get(watch.name) or Standing(watch.name)
    changes = None if facts.changes is None else facts.changes.get(watch.name, 0)
    spent = facts.spent.get(watch.name) or Spent()
    return Row(watch, standing, state_of(watch, standing), dues.next(watch, now), spent, None, changes)


def state_of(watch: Watch, standing: Standing) -> State:
    """Return the one word for how a watch is: what keeps it from running comes first, then what is wrong."""
    if not watch.enabled:
        return "disabled"
    if standing.paused:
        return "paused"
    if standing.failing_since is not None or standing.last_verdict in {"FAILED", "INVALID"}:
        return "failing"
    return "new" if standing.last_verdict is None else "fine"


def _asked(row: Row, query: Query) -> bool:
    if query.state is not None and row.state != query.state:
        return False
    if query.tag is not None and query.tag not in row.watch.tags:
        return False
    words = query.text.casefold().split()
    return not words or all(word in text for text in [_text(row.watch)] for word in words)


def _text(watch: Watch) -> str:
    return " ".join((watch.name, watch.url, *watch.tags, watch.goal)).casefold()


def _keys(sort: Sort) -> Callable[[Row], Any]:
    """Return what rows are sorted by; those that are alike stand by name."""
    return {
        "name": lambda row: row.watch.name,
        "attention": lambda row: (STATES.index(row.state), row.watch.name),
        "last": lambda row: (-_seconds(row.standing.last_run_at), row.watch.name),
        "due": lambda row: (row.due or _LATE, row.watch.name),
        "failing": lambda row: (row.standing.failing_since or _LATE, row.watch.name),
        "spent": lambda row: (-row.spent.steps, -row.spent.runs, row.watch.name),
        "noise": lambda row: (-(row.changes or 0), row.watch.name),
    }[sort]


def _seconds(instant: datetime | None) -> float:
    return instant.timestamp() if instant else 0.0


def dressed(rows: Iterable[Row], sparks: Mapping[str, Spark], spent: Mapping[str, Spent]) -> tuple[Row, ...]:
    """Return rows with what is read for those that are shown only: the small drawing, and what was spent today."""
    return tuple(
        Row(row.watch, row.standing, row.state, row.due, spent.get(row.watch.name, row.spent),
            sparks.get(row.watch.name), row.changes)
        for row in rows
    )  # fmt: skip


def named(rows: Sequence[Row]) -> tuple[str, ...]:
    """Return the names of the watches in rows."""
    return tuple(row.watch.name for row in rows)
