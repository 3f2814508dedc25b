"""A history made by hand with the store itself: a baseline and a change, each told to two targets, all delivered."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from campaign.checker import Billed, Copy, History
from monitor.judge.decision import Kind, Verdict
from monitor.store.columns import micros
from monitor.store.records import NewDelivery
from monitor.store.store import Store
from tests.store.scenes import OWNER, at, begin, completed, good, make_run

TARGETS = ("a", "b")
KILL = 250.0  # between the first and the second copy of a message that was sent twice


def made(path: Path) -> History:
    """Make the database and return its history, which keeps every promise."""
    billed, copies, due = [], [], []
    with Store.open(str(path)) as store:
        for number, verdict in enumerate((Verdict.BASELINE, Verdict.CHANGED), 1):
            run, result, remote = make_run(number * 60), {"price": number}, f"run_{number}"
            begin(store, run)
            store.accepted(run.id, remote, None, at(0))
            outcome = completed(result, run_id=remote)
            store.settle(run.id, outcome, at(0))
            letters = [NewDelivery(f"EV{number}", name, Kind.CHANGE, "changed", "as told") for name in TARGETS]
            decision = good(run, verdict, result)
            store.commit(run, outcome, decision, letters, now=at(0))
            for (row,) in store.claim(at(1), 10, OWNER):
                store.delivered(row.id, at(2))
                copies.append(Copy(row.target, f"changed\n\nevent {row.event}", 100.0 * number))
            billed.append(Billed(remote, f"[ref {run.id}]", 100.0 * number, 100.0 * number + 1, True, result))
            due.append(micros(run.due_at))
    return History(path, billed, copies, [KILL], {"espresso": due}, frozenset(TARGETS))


def changed(history: History, *statements: str) -> History:
    """Change the tables behind the store's back."""
    with closing(sqlite3.connect(history.database)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    return history


def again(history: History, *, at: float, text: str = "") -> History:
    """Let the last message come once more."""
    last = history.copies[-1]
    return replace(history, copies=[*history.copies, replace(last, at=at, text=last.text + text)])


def billed(history: History, *runs: Billed) -> History:
    """Put these runs on the bill too."""
    every: Sequence[Billed] = [*history.billed, *runs]
    return replace(history, billed=every)
