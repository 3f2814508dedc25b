"""What was recorded, as backtesting and counting noise read it; for the command line and the dashboard. Reads only.

Nothing is run and nothing is stored. Must not know how a report is shown.
"""

from __future__ import annotations

import json as jsons
from collections import deque
from collections.abc import Iterator
from datetime import datetime

from monitor.agent.outcome import Completed
from monitor.judge.tuning.backtest import Alert, Past, Said
from monitor.judge.tuning.noise import Seen
from monitor.judge.values import reading
from monitor.store.store import Store
from monitor.watch.model import Watch

MOST_RESULTS = 1_000  # that noise looks at, the newest
MOST_CHARACTERS = 8_000_000  # of them in all: every suggestion is tried on each


def judged(store: Store, name: str, newest: int | None = None) -> Iterator[Past]:
    """Yield the judged runs of a watch, oldest first, with what was said of each; the newest so many, or all."""
    for past in store.past_runs(name, newest):
        record = past.record
        paths = tuple(str(change["path"]) for change in record.changes)
        alerts = tuple(Alert(kind, target) for kind, target in past.told)
        at = max(past.opened_at, record.due_at)
        yield Past(past.run, past.outcome, at, Said(record.verdict, record.reason, paths, alerts))


def good(store: Store, watch: Watch, begin: datetime | None = None) -> list[Seen]:
    """Return the newest results that the present schema takes, read again from what the agent returned."""
    kept = deque[tuple[int, Seen]]()
    characters = 0
    for past in store.past_runs(watch.name, MOST_RESULTS):
        if not isinstance(past.outcome, Completed) or (begin is not None and past.opened_at < begin):
            continue
        read = reading.read(past.outcome.result, watch.output_schema, coerce=watch.compare.coerce)
        if read.code is not None:
            continue
        size = len(jsons.dumps(read.value))
        coerced = tuple(one.path for one in read.coerced)
        kept.append((size, Seen(past.opened_at, read.value, coerced)))
        characters += size
        while characters > MOST_CHARACTERS and len(kept) > 1:
            characters -= kept.popleft()[0]
    return [seen for _, seen in kept]
