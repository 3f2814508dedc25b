"""A rule's own title and body: their functions, and what is refused at load."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from monitor.alert import phrases
from tests.conftest import make_watch

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
VALUES: dict[str, Any] = {
    "new": {"price": 1299.5, "currency": "EUR", "name": "a  very\nlong name"},
    "old": {"price": 1499.5},
    "changes": [
        {"path": "/price", "kind": "changed", "before": 1499.5, "after": 1299.5},
        {"path": "/offers/seller=ACME", "kind": "added", "before": None, "after": {"price": 440}, "note": "new here"},
    ],
    "run": {"due_at": NOW, "started_at": "2026-11-21T12:00:03Z"},
    "now": NOW,
}


@pytest.mark.parametrize(
    ("hole", "text"),
    [
        ("money(new.price, new.currency)", "€1,299.50"),
        ('money(new.price, new.currency, "de")', "1.299,50 €"),
        ('money(449, "JPY", "ja")', "￥449"),
        ("percent(old.price, new.price)", "-13%"),
        ("percent(1, 1)", "0%"),
        ("percent(0, 1)", "n/a"),
        ("local(now)", "2026-11-21 13:00"),
        ('local(now, "America/New_York")', "2026-11-21 07:00"),
        ("local(run.due_at)", "2026-11-21 13:00"),
        ("local(run.started_at)", "2026-11-21 13:00"),
        ("listed(changes)", "price 1499.5 → 1299.5 (-13%)\noffers › ACME added: price: 440 [new here]"),
        ("short(new.name, 8)", "a very…"),
        ("new.price", "1299.5"),
        ("changes.size()", "2"),
    ],
)
def test_a_hole_is_filled(hole: str, text: str) -> None:
    assert phrases.rendered(f"{{{{ {hole} }}}}", VALUES, None, "Europe/Berlin") == (text, ())


@pytest.mark.parametrize(
    "hole",
    [
        'money("1", "EUR")', 'money(true, "EUR")', "money(1, 2)", 'money(1, "EUR", "xx-nowhere")', "money(1)",
        "percent(null, 1)", 'local("soon")', "local(1)", 'local(now, "Europe/Nowhere")', 'local("2026-11-21T12:00:00")',
        "listed(1)", "listed([1])", 'listed("abc")', "short(1, 2)", 'short("a", "b")',
    ],
)  # fmt: skip
def test_what_a_function_cannot_take_is_an_error_and_no_text(hole: str) -> None:
    text, errors = phrases.rendered(f"a {{{{ {hole} }}}} b", VALUES, None, "UTC")
    assert text == "a [?] b"
    (error,) = errors
    assert not any(word in error for word in ("positional", "_money", "isoformat", "object is"))


def test_a_long_list_of_changes_is_counted() -> None:
    many = {"changes": [{"path": f"/{n}", "kind": "added", "before": None, "after": n} for n in range(60)]}
    text, _ = phrases.rendered("{{ listed(changes) }}", many, None, "UTC")
    assert (len(text.splitlines()), text.splitlines()[-1]) == (51, "… and 10 more")


def problems(**rule: Any) -> list[str]:
    found = phrases.check(make_watch(notify=[{"to": "ops"} | rule]))
    return [f"{'.'.join(map(str, one.path))}: {one.message} ({one.hint})" for one in found]


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ({"title": "{{ new.prize }}"}, "notify.0.title: {{ new.prize }}: "),
        ({"title": "{{ new.price"}, "notify.0.title: {{ at character 1 is never closed"),
        ({"body": "a {{ new.price + }} b"}, "notify.0.body: {{ new.price + }}: "),
        ({"body": "{{ mony(new.price) }}"}, "notify.0.body: {{ mony(new.price) }}: mony() is unknown (did you mean"),
        ({"body": "{{ money(new.prise, 'EUR') }}"}, "notify.0.body: {{ money(new.prise, 'EUR') }}: "),
        ({"body": "{{ low('/prise') }}"}, "notify.0.body: {{ low('/prise') }}: "),
        ({"title": "{{ secret }}"}, "notify.0.title: {{ secret }}: 'secret' is unknown"),
    ],
)  # fmt: skip
def test_what_can_never_be_filled_is_refused_at_load(rule: dict[str, Any], problem: str) -> None:
    (found,) = problems(**rule)
    assert found.startswith(problem)


@pytest.mark.parametrize(
    "text",
    [
        "plain", "{{ watch.name }}: {{ new.price }}", "{{ listed(changes) }}",
        "{{ run.verdict }} {{ run.outcome.code }}",
        "{{ local(now) }} {{ percent(old.price, new.price) }}", "{ one brace }",
        "{{ new.in_stock ? 'yes' : 'no' }}", "{{ changes.map(c, c.path) }}",
    ],
)  # fmt: skip
def test_what_can_be_filled_is_accepted(text: str) -> None:
    assert problems(title=text, body=text) == []


@pytest.mark.parametrize(
    ("hole", "said", "hint"),
    [
        ("money(new.price)", "money takes an amount, a currency", 'as in money(new.price, "EUR", "de")'),
        ("percent(1, 2, 3)", "percent takes two numbers", "as in percent(old.price, new.price)"),
        ("local()", "local takes an instant", 'as in local(now, "Europe/Berlin")'),
        ("listed()", "listed takes the changes", "as in listed(changes)"),
        ("short(watch.name)", "short takes a text and a length", "as in short(new.name, 40)"),
    ],
)
def test_a_wrong_number_of_values_is_a_problem_at_load(hole: str, said: str, hint: str) -> None:
    (problem,) = problems(title=f"{{{{ {hole} }}}}")
    assert problem.startswith(f"notify.0.title: {{{{ {hole} }}}}: {said}")
    assert problem.endswith(f"({hint})")


def test_a_text_that_fails_without_an_optional_part_is_a_warning() -> None:
    schema = {"type": "object", "required": ["price"], "properties": {"price": {}, "rating": {"type": "number"}}}
    watch = make_watch(output_schema=schema, notify=[{"to": "ops", "title": "{{ new.rating * 2 }}"}])
    (found,) = phrases.check(watch)
    assert found.warning
    assert found.message.startswith("{{ new.rating * 2 }}: this cannot be filled where /rating is absent")


def test_nothing_is_said_of_texts_while_the_schema_is_refused() -> None:
    watch = make_watch(output_schema={"properties": {"a": {"type": "strng"}}}, notify=[{"to": "o", "title": "{{ x }}"}])
    assert list(phrases.check(watch)) == []
