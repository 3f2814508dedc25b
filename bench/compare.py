"""Comparing and validating a list of rows, against bare deepdiff and bare jsonschema on the same values.

Nine fields a row. What a watch does with one result is our side: validate by jsonschema-rs, project, compare, describe.
deepdiff is given what it can finish: `ignore_order` costs minutes on shuffled rows that changed, so there it is asked
only up to `MOST_IGNORING` rows. A ratio below 1 is how much less time ours takes.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from typing import Any

from monitor.judge.comparison import compare
from monitor.judge.schemas import validation
from monitor.watch.model import Compare

SIZES = (10, 1_000, 10_000)
MOST_IGNORING = {"same": 10_000, "all changed": 1_000, "shuffled": 1_000, "shuffled and all changed": 10}
MOST_ORDERED = {"same": 10_000, "all changed": 1_000, "shuffled": 1_000, "shuffled and all changed": 1_000}

ROW = {
    "type": "object",
    "required": ["id", "price"],
    "properties": {
        "id": {"type": "string"},
        "name": {"type": "string"},
        "price": {"type": "number", "minimum": 0},
        "currency": {"enum": ["EUR", "USD"]},
        "in_stock": {"type": "boolean"},
        "rating": {"type": "number"},
        "reviews": {"type": "integer"},
        "seller": {"type": "string"},
        "text": {"type": "string"},
    },
}
SCHEMA = {"type": "object", "required": ["rows"], "properties": {"rows": {"type": "array", "items": ROW}}}
WAYS = {
    "keyed": Compare(identity={"/rows": ("id",)}),
    "keyed, tolerated": Compare(
        identity={"/rows": ("id",)}, tolerance={"/rows/*/price": "1%"}, similar={"/rows/*/text": 0.9}
    ),
    "unkeyed": Compare(),
}


def main(sizes: tuple[int, ...] = SIZES) -> None:
    for size in sizes:
        before = _result(size)
        print(f"{size:,} rows")
        _validation(before)
        for name, after in _cases(before).items():
            _comparison(name, before, after)


def _result(size: int) -> dict[str, Any]:
    rows = [
        {"id": f"item-{n}", "name": f"Espresso machine {n}", "price": 100 + n / 4, "currency": "EUR", "in_stock": True,
         "rating": 4.5, "reviews": n % 90, "seller": f"shop {n % 7}", "text": f"Built-in grinder, {n % 30} settings."}
        for n in range(size)
    ]  # fmt: skip
    return {"rows": rows}


def _cases(before: dict[str, Any]) -> dict[str, dict[str, Any]]:
    chance = random.Random(1)
    same: dict[str, Any] = json.loads(json.dumps(before))  # another object: an identical one would cost nothing
    changed = {"rows": [{**row, "price": row["price"] * 1.1} for row in before["rows"]]}
    shuffled = {"rows": chance.sample(same["rows"], len(same["rows"]))}
    both = {"rows": chance.sample(changed["rows"], len(changed["rows"]))}
    return {"same": same, "all changed": changed, "shuffled": shuffled, "shuffled and all changed": both}


def _validation(value: dict[str, Any]) -> None:
    from jsonschema import Draft202012Validator

    peer = Draft202012Validator(SCHEMA)
    ours = validation.compiled(SCHEMA)
    ours.valid(value)  # compiled once per schema
    took, floor = _seconds(lambda: ours.valid(value)), _seconds(lambda: peer.is_valid(value))
    _line("validate", took, [("jsonschema", floor)])


def _comparison(case: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    from deepdiff import DeepDiff

    peers, size = [], len(before["rows"])
    if size <= MOST_IGNORING[case]:
        peers.append(("deepdiff ignore_order", _seconds(lambda: DeepDiff(before, after, ignore_order=True))))
    if size <= MOST_ORDERED[case]:
        peers.append(("deepdiff ordered", _seconds(lambda: DeepDiff(before, after))))
    for way, how in WAYS.items():
        took = _seconds(lambda how=how: compare.changes(before, after, SCHEMA, how))  # type: ignore[misc] # `how` is bound early on purpose
        found = len(compare.changes(before, after, SCHEMA, how))
        _line(f"{case}, {way}: {found:,} changes", took, peers)


def _seconds(work: Callable[[], Any]) -> float:
    begin = time.process_time()
    work()
    first = time.process_time() - begin
    if first > 0.2:
        return first
    rounds = min(100, int(0.2 / max(first, 1e-6)) + 1)
    begin = time.process_time()
    for _ in range(rounds):
        work()
    return (time.process_time() - begin) / rounds


def _line(name: str, took: float, peers: list[tuple[str, float]]) -> None:
    beside = "".join(f"  {took / peer:7.3f} x {label} ({peer * 1000:,.1f} ms)" for label, peer in peers)
    print(f"  {name:56} {took * 1000:9.2f} ms{beside}")
