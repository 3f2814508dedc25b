"""The demo's watches under its noise, without the demo: hundreds of answers are the same, and a change is a change."""

from __future__ import annotations

import itertools
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any

import pytest

from monitor.agent.outcome import Completed
from monitor.embedded.wobble import wobbled
from monitor.files.documents import parse
from monitor.judge.decide import decide
from monitor.judge.decision import Decision, Verdict, WatchState
from monitor.watch.model import Watch
from monitor.watch.run import Run, new_id

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ANSWERS = 150
TRUTH: dict[str, dict[str, Any]] = {
    "espresso-machine": {"price": 1499.0, "currency": "EUR", "in_stock": True},
    "grinders": {
        "offers": [
            {"seller": "Bean & Burr", "price": 189.0, "in_stock": True},
            {"seller": "Café Noir", "price": 179.5, "in_stock": False},
            {"seller": "Crema Direct", "price": 1194.9, "in_stock": False},
        ]
    },
    "plans": {
        "plans": [
            {"name": "Taster", "price": 9.0, "features": ["250 g a month", "One roast"]},
            {"name": "Household", "price": 24.0, "features": ["1 kg a month", "Three roasts", "Free delivery"]},
            {"name": "Office", "price": 1790.0},
        ]
    },
    "news": {
        "news": [
            {"title": "New roastery", "published": "2026-11-12", "summary": "Tours on Saturdays, and coffee."},
            {"title": "Winter hours", "published": "2026-10-01", "summary": "Open until six from November."},
            {"title": "Award", "published": "2026-10-30"},
        ]
    },
}
CHANGES: dict[str, tuple[tuple[str | int, ...], Any, str]] = {
    "espresso-machine": (("price",), 1498.0, "/price"),
    "grinders": (("offers", 1, "in_stock"), True, "/offers/seller=Café Noir/in_stock"),
    "plans": (("plans", 0, "features", 1), "Two roasts", "/plans/name=Taster/features"),
    "news": (("news", 1, "summary"), "Closed until the first of March.", "/news/title=Winter hours/summary"),
}


def watch(name: str) -> Watch:
    text = (resources.files("monitor.embedded") / "examples" / f"{name}.yaml").read_text("utf-8")
    return Watch.model_validate({"name": name, "notify": ["screen"]} | parse(text, name)[0].value)


def told(judged: Watch, truths: list[dict[str, Any]]) -> list[Decision]:
    """Judge one wobbled answer per truth, in order."""
    state, events, decisions = WatchState(), itertools.count(), []
    for number, truth in enumerate(truths):
        now = NOW + timedelta(minutes=number)
        answer = wobbled(truth, judged.output_schema, 1, number)
        run = Run(new_id(now), judged.name, now)
        decisions.append(decide(judged, run, Completed(result=answer), state, now, lambda: f"E{next(events)}"))
        state = decisions[-1].state
    return decisions


@pytest.mark.parametrize("name", TRUTH)
def test_noise_alone_is_never_told(name: str) -> None:
    first, *others = told(watch(name), [TRUTH[name]] * ANSWERS)
    assert first.verdict is Verdict.BASELINE
    assert {(one.verdict, one.reason) for one in others} == {(Verdict.UNCHANGED, "same as the baseline")}
    assert not any(one.notifications for one in others)


@pytest.mark.parametrize("name", TRUTH)
def test_one_change_in_the_noise_is_told_once_and_exactly(name: str) -> None:
    path, value, place = CHANGES[name]
    after = deepcopy(TRUTH[name])
    *above, last = path
    inside: Any = after
    for step in above:
        inside = inside[step]
    inside[last] = value
    decisions = told(watch(name), [TRUTH[name]] * 20 + [after] * 20)
    assert [at for at, one in enumerate(decisions) if one.verdict is Verdict.CHANGED] == [20]
    assert {change.path[: len(place)] for change in decisions[20].changes} == {place}
    assert sum(len(one.notifications) for one in decisions) == 1
