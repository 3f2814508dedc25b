"""Past runs, read page by page: raw outcomes as they were settled, with what was told of them."""

from __future__ import annotations

import pytest

from monitor.judge.decision import Verdict
from monitor.store import outcomes
from monitor.store.store import Store
from tests.store.scenes import at, bad, begin, completed, failed, finish, good, letter, make_run


def _lived(store: Store, watch: str = "espresso", count: int = 5) -> list[str]:
    """Record some good runs, a minute apart, and a failed one; returns their ids."""
    ids = []
    for number in range(count):
        run = begin(store, make_run(number, watch=watch), now=at(number))
        result = {"price": number}
        verdict = Verdict.CHANGED if number else Verdict.BASELINE
        letters = [letter(f"{watch}{number}", target) for target in ("ops", "deals")] if number else []
        finish(store, run, good(run, verdict, result), *letters, outcome=completed(result))
        ids.append(run.id)
    last = begin(store, make_run(count, watch=watch), now=at(count))
    finish(store, last, bad(last, store.state_of(watch)), outcome=failed())
    return [*ids, last.id]


@pytest.mark.parametrize("page", [1, 2, 3, 50])
def test_all_runs_that_were_made_come_in_order_whatever_the_page(
    store: Store, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    """Oldest first, with their outcomes, when they were opened, and the messages of each."""
    monkeypatch.setattr(outcomes, "PAGE", page)
    ids = _lived(store)
    _lived(store, "another", 2)
    found = list(store.past_runs("espresso"))
    assert [past.run.id for past in found] == [past.record.id for past in found] == ids
    assert [past.outcome for past in found] == [*(completed({"price": number}) for number in range(5)), failed()]
    assert [past.opened_at for past in found] == [at(number) for number in range(6)]
    assert found[0].told == found[5].told == ()
    assert found[1].told == (("change", "ops"), ("change", "deals"))


def test_the_newest_runs_alone(store: Store) -> None:
    """As many as are asked for, or all there are."""
    ids = _lived(store)
    assert [past.run.id for past in store.past_runs("espresso", newest=2)] == ids[-2:]
    assert [past.run.id for past in store.past_runs("espresso", newest=100)] == ids
    assert list(store.past_runs("nobody", newest=3)) == []


def test_dry_and_unfinished_runs_are_left_out(store: Store) -> None:
    """They moved and told nothing, or are not judged yet."""
    ids = _lived(store)
    dry = begin(store, make_run(20, dry=True), now=at(20))
    finish(store, dry, good(dry, state=store.state_of("espresso")), outcome=completed())
    begin(store, make_run(21), now=at(21))
    assert [past.run.id for past in store.past_runs("espresso")] == ids
