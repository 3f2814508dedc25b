"""Who ordered what, what a run showed, and the signs by which dashboards see that something changed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from monitor.store import orders
from tests.store.scenes import NOW, Opener, good, make_run, whole


def test_an_order_stands_before_it_is_carried_out_and_says_what_came_of_it(opener: Opener) -> None:
    store = opener()
    number = store.order("dashboard, 10.0.0.7", "run", "espresso", NOW, watch="espresso")
    (order,) = store.orders()
    assert (order.result, order.at, order.watch) == (None, NOW, "espresso")
    store.ended_order(number, "run x was started")
    assert store.orders()[0].as_json() == {
        "id": number,
        "at": "2026-11-21T12:00:00.123Z",
        "who": "dashboard, 10.0.0.7",
        "action": "run",
        "subject": "espresso",
        "watch": "espresso",
        "result": "run x was started",
    }


def test_orders_are_listed_newest_first_by_watch_and_page(opener: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    store = opener()
    monkeypatch.setattr(orders, "KEPT", 5)
    numbers = [store.order("a", "run", f"w{n % 2}", NOW, watch=f"w{n % 2}") for n in range(8)]
    assert [order.id for order in store.orders()] == numbers[:2:-1]  # the oldest are forgotten
    assert [order.id for order in store.orders(watch="w1")] == [numbers[7], numbers[5], numbers[3]]
    assert [order.id for order in store.orders(2, before=numbers[6])] == [numbers[5], numbers[4]]


def test_a_watch_takes_its_orders_along_when_it_is_renamed(opener: Opener) -> None:
    store = opener()
    whole(store, run := make_run(), good(run))
    store.order("a", "run", run.watch, NOW, watch=run.watch)
    store.rename(run.watch, "new", NOW)
    assert [order.watch for order in store.orders(watch="new")] == ["new"]


def test_steps_are_kept_with_their_run(opener: Opener) -> None:
    store = opener()
    whole(store, run := make_run(), good(run))
    steps = [{"at": "2026-11-21T12:00:00Z", "kind": "progress", "text": "\ud800 \x00 <b>"}]
    assert store.progress(run.id) == []
    assert store.keep_progress(run.id, steps)
    assert store.progress(run.id) == steps
    assert not store.keep_progress("nobody", steps)
    assert store.progress("nobody") == []


def test_signs_move_with_what_is_written(opener: Opener) -> None:
    store = opener()
    seen = [store.signs(NOW)]

    def moved() -> bool:
        seen.append(store.signs(NOW))
        return seen[-1] != seen[-2]

    assert not moved()
    whole(store, run := make_run(), good(run))
    assert moved()
    store.pause_watch("espresso", NOW + timedelta(hours=1), NOW)
    assert moved()
    store.order("a", "run", "w", NOW)
    assert moved()
    assert not moved()
