"""CEL as conditions and messages use it: numbers, strings left alone, the history, bounds, errors in one line."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitor.judge.conditions import templates
from monitor.judge.conditions.expressions import Expression, ExpressionError, NothingYetError
from monitor.judge.conditions.functions import TAKES
from monitor.judge.conditions.history import History
from monitor.judge.conditions.syntax import Syntax, token_at
from monitor.judge.conditions.templates import Template, render

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ROWS = [{"k": index, "p": index * 2} for index in range(10_000)]


def values(**more: Any) -> dict[str, Any]:
    result = {
        "price": 4,
        "name": "ab 12",
        "in_stock": True,
        "gone": None,
        "tags": ["a", "b"],
        "offers": [{"seller": "ACME", "price": 3}, {"seller": "Bolt", "price": 5.5}],
        "day": "2026-11-20T00:00:00Z",
    }
    return {"new": result, "old": result | {"price": 5}, "told": result | {"price": 100}, "now": NOW} | more


def value_of(text: str, history: History | None = None, **more: Any) -> Any:
    return Expression.parse(text).evaluate(values(**more), history)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("new.price < told.price * 0.95", True),
        ("new.price * 2 == 8", True),
        ("new.price * 2 - 1", 7.0),
        ("new.price / 8", 0.5),
        ("-new.price + 5", 1.0),
        ("new.price == 4.0 && new.price != 5", True),
        ("new.price in [4, 5]", True),
        ("new.price + 0x10", 20.0),
        ("new.price + 1e1", 14.0),
        ("1 + .5", 1.5),
        ("5u == 5", True),
        ("new.tags[1]", "b"),
        ("new.offers[size(new.offers) - 1].seller", "Bolt"),
        ("size(new.offers) * 2", 4.0),
        ("new.offers.size() < size(old.offers) * 0.5", False),
        ("new.offers.filter(o, o.price > 3).size() + 1", 2.0),
        ("new.offers.map(o, o.price)", [3.0, 5.5]),
        ("new.offers.map(o, o.price > 3, o.seller)", ["Bolt"]),
        ("new.offers.exists_one(o, o.seller == 'ACME')", True),
        ("new.offers.all(o, new.tags.exists(t, t == 'a'))", True),
        ("new.offers.map(o, size(o.seller)) == [4, 4]", True),
        ("new.name == 'ab 12'", True),
        ("'1 + 1' + \" 2\"", "1 + 1 2"),
        (r"r'\d 5' == '\\d 5'", True),
        ("'''a 5''' + \"\"\"b 6\"\"\"", "a 5b 6"),
        ("new.price // + 5", 4.0),
        ("new['price'] + 1", 5.0),
        ("'price' in new && has(new.price) && !has(new.size)", True),
        ("int('7') + 1", 8.0),
        ("timestamp(new.day).getFullYear() - 2000", 26.0),
        ("now - timestamp(new.day) > duration('24h')", True),
        ("now - duration('24h')", NOW - timedelta(days=1)),
        ("new.name.matches('^ab [0-9]{2}$')", True),
        ("abs(new.price - 9)", 5.0),
        ("min(new.price, 3) + max([1, 2]) + sum([1, 2, 3])", 11.0),
        ("round(2.345, 2) + round(1.6)", 4.35),
        ("lower('AB')", "ab"),
        ("new.gone == null || new.gone > 1", True),
        ("{'a': 1}.a + 1", 2.0),
        ("type(new.price) == double", True),
    ],
)
def test_an_expression_gives_its_value(text: str, expected: Any) -> None:
    assert value_of(text) == expected


@pytest.mark.parametrize(
    ("text", "part", "cause"),
    [
        ("new.zzz < 3", "there is no 'zzz'", "key"),
        ("zzz < 3", "zzz is unknown", "type"),
        ("new.gone < 3", "null", "type"),
        ("new.price + 'x'", "float + string", "type"),
        ("size(new.gone) == 0", "cannot take this value", "type"),
        ("new.tags[7] == 'a'", "index out of bounds: 7", "value"),
        ("timestamp('yesterday') < now", "timestamp:", "value"),
        ("lower(3)", "lower: takes text", "value"),
        ("abs('x')", "abs: takes numbers", "value"),
        ("abs(true)", "abs: takes numbers", "value"),
        ("min()", "min: takes at least one number", "value"),
        ("max([])", "max: takes at least one number", "value"),
        ("abs(1, 2)", "abs takes one number", "value"),
        ("lower()", "lower takes one text", "value"),
        ("round(2, 'x')", "round: takes numbers", "value"),
        ("round(2, 1e300 * 1e300)", "round: takes numbers", "value"),
        ("sum([1e308, 1e308])", "sum: the numbers are too large", "value"),
        ("shout(3)", "shout is unknown", "type"),
        ("duration('7d')", 'duration: takes a text such as "36h"', "value"),
        ("optional.none()", "optional", "type"),
        ("low('/price') < 3", "low: there is no history here", "value"),
        ("9223372036854775807u + 18446744073709551615u", "", "value"),
    ],
)
def test_a_failure_is_one_line_of_our_own_class(text: str, part: str, cause: str) -> None:
    with pytest.raises(ExpressionError) as error:
        value_of(text)
    assert part in str(error.value)
    assert "\n" not in str(error.value)
    assert error.value.cause == cause


def test_a_failing_function_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ExpressionError):
        value_of("lower(3) == 'a' || true")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("new.price <", "column 12: mismatched input 'the end'"),
        ("new.price ==\n 1 = 2", "line 2, column "),
        ("", "column 1"),
        ("new.price < 5 " + " " * 2_000, "at most 2,000 characters"),
        ("9" * 400 + "e5000", "column 1"),
        ("(" * 500 + "1" + ")" * 500, "ecursion"),
    ],
)
def test_what_is_no_expression_is_refused_with_its_position(text: str, part: str) -> None:
    with pytest.raises(ExpressionError) as error:
        Expression.parse(text)
    assert part in str(error.value)
    assert error.value.cause == "syntax"


@pytest.mark.parametrize("text", ["new.x \x01", "'open", "(1", "1)", "[1)", "new.`a`"])
def test_the_tokens_of_broken_text_are_refused_too(text: str) -> None:
    with pytest.raises(ValueError, match="column"):
        Syntax(text)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("x.all(a, " * 4 + "true" + ")" * 4, "nested deeper"),
        ("x" + ".filter(a, a)" * 9, "more than 8 loops"),
        ("[s]" + ".map(a, a + a + a + a + a + a + a + a)" * 3, "join too much"),
    ],
)
def test_an_expression_that_could_run_away_is_refused(text: str, part: str) -> None:
    with pytest.raises(ExpressionError, match=part):
        Expression.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "new.rows.map(r, r.p).size() == 1",
        "new.rows.filter(r, r.p >= 0).all(r, r.p >= 0)",
        "new.rows.all(a, new.rows.exists(b, b.k == a.k))",
        "new.rows.all(a, new.rows.all(b, a.k >= 0 && b.k >= 0))",
        "new.rows.all(a, a in new.rows)",
    ],
)
def test_loops_over_loops_of_many_rows_are_stopped(text: str) -> None:
    with pytest.raises(ExpressionError, match="too many items") as error:
        value_of(text, new={"rows": ROWS})
    assert error.value.cause == "limit"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("new.rows.all(r, r.p >= 0)", True),
        ("new.rows.exists(r, r.p == 19998)", True),
        ("new.rows.filter(r, r.p < 20).size()", 10.0),
        ("new.rows.filter(r, r.k == 9999)[0].p", 19_998.0),
        ("size(new.rows) == 10000", True),
        ("old.rows.all(a, old.rows.filter(b, b.k == a.k).size() == 1)", True),
    ],
)
def test_what_people_ask_of_ten_thousand_rows_is_answered(text: str, expected: Any) -> None:
    assert value_of(text, new={"rows": ROWS}, old={"rows": ROWS[:300]}) == expected


def past(*numbers: float, place: str = "/price") -> History:
    rows = tuple((NOW - timedelta(days=len(numbers) - at), (number,)) for at, number in enumerate(numbers))
    return History(NOW, {place: rows})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("low('/price')", 3.0),
        ('low("/price", "2d")', 5.0),
        ("high('/price', duration('24h'))", 5.0),
        ("high('/price')", 9.0),
        ("mean('/price')", 17 / 3),
        ("mean('/price', '2d')", 7.0),
        ("new.price < low('/price', '2d')", True),
        ("since('/price', 5)", NOW - timedelta(days=1)),
        ("now - since('/price', 5) > duration('23h')", True),
        ("since('/price', new.price) == null", True),
    ],
)
def test_expressions_look_back(text: str, expected: Any) -> None:
    assert value_of(text, past(3, 9, 5)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "new.price < low('/price')",
        "!(new.price < low('/price'))",
        "new.price < mean('/price', '30d') * 0.9",
        "since('/price', new.price) < now - duration('24h')",
        "new.in_stock && new.price > high('/price')",
    ],
)
def test_the_null_of_an_empty_history_has_an_error_of_its_own(text: str) -> None:
    with pytest.raises(NothingYetError, match='"/price"'):
        value_of(text, past())


def test_a_null_that_decides_nothing_is_a_null() -> None:
    assert value_of("low('/price') == null || new.price < low('/price')", past()) is True
    assert value_of("new.in_stock || new.price < low('/price')", past()) is True
    assert value_of("!new.in_stock && new.price < low('/price')", past()) is False


@pytest.mark.parametrize(
    "text",
    ["new.zzz < low('/price')", "new.price < low('/price') && new.gone > 1", "new.name > low('/price')"],
)
def test_beside_an_empty_history_another_failure_is_that_failure(text: str) -> None:
    with pytest.raises(ExpressionError) as error:
        value_of(text, past())
    assert not isinstance(error.value, NothingYetError)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("low('/other') < 1", "/other"),
        ("low('/price', 'soon') < 1", "is not a duration"),
        ("low('/price', 3) < 1", "duration"),
        ("mean('/price', '30d', 4) < 1", "^mean takes a place and, if you like, a time such as 30d$"),
        ("low() < 1", "^low takes a place and, if you like, a time such as 30d$"),
        ("low(3) < 1", "^low: takes a place first, as in low"),
        ("since(['a'], 3) == null", "^since: takes a place first, as in since"),
        ("since('/price') == null", "^since takes a place and a value$"),
    ],
)
def test_a_wrong_look_back_says_what_is_wrong(text: str, part: str) -> None:
    with pytest.raises(ExpressionError, match=part):
        value_of(text, past(1))


INTERNALS = re.compile(r"positional|_Past|<locals>|<lambda>|object is|iterable|int\(\)|Py[A-Z]|Error")
arguments = st.lists(
    st.sampled_from(["1", "'x'", "'/price'", "null", "[1]", "[]", "true", "{}", "now", "1e308", "'2d'"])
)


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(sorted(TAKES)), arguments)
@example("abs", ["[]"])
def test_whatever_a_function_is_given_no_python_shows(name: str, given_values: list[str]) -> None:
    said = ""
    try:
        value_of(f"{name}({', '.join(given_values)})", past(1))
    except ExpressionError as error:
        said = str(error)
    assert not INTERNALS.search(said), said


def test_text_that_is_no_unicode_is_said_in_words() -> None:
    with pytest.raises(ExpressionError, match=r"^a value is text that is no proper Unicode$"):
        value_of("odd == 'x'", odd="\ud800")


def test_a_function_of_others_that_fails_shows_no_python() -> None:
    found = render("{{ shout(1, 2) }}", values(), functions={"shout": lambda text: f"{text}!"})
    assert found.errors == ("{{ shout(1, 2) }}: shout cannot take these values",)


def test_an_expression_knows_where_it_looks_back() -> None:
    found = Expression.parse("new.price < low('/price', '9d') && mean(\"/a/b\") > 2 && since(new.x, 1) == null")
    assert found.places == {"/price", "/a/b"}
    assert found.looks_back
    assert not Expression.parse("new.low < 3").looks_back


def test_numbers_beyond_doubles_and_odd_values_do_no_harm() -> None:
    assert value_of("new.a > 1 && new.b < 1", new={"a": 10**400, "b": -(10**400)}) is True
    assert value_of("new['__proto__'] == 1", new={"__proto__": 1}) is True
    with pytest.raises(ExpressionError):
        value_of("new.a == 'x'", new={"a": "\ud800"})
    assert value_of("new.t", new={"t": (1, 2)}) == [1.0, 2.0]
    assert value_of("now", now=NOW) == NOW


plain = st.text(st.characters(exclude_characters="\\\"'\n\r", exclude_categories=["Cs", "Cc"]), max_size=20)


@settings(deadline=None, max_examples=200)
@given(plain, st.sampled_from(['"', "'", '"""', "'''"]))
def test_strings_are_left_as_they_are(inside: str, quote: str) -> None:
    text = f"{quote}{inside}{quote}"
    assert Syntax(text).rewritten() == text
    assert Expression.parse(text).evaluate({}) == inside


@settings(deadline=None, max_examples=200)
@given(st.lists(st.sampled_from(["1", "2.5", "3e2", "new.price", "(4 - 1)"]), min_size=1, max_size=8), st.data())
def test_arithmetic_is_that_of_doubles(terms: list[str], data: st.DataObject) -> None:
    text = terms[0]
    for term in terms[1:]:
        text += f" {data.draw(st.sampled_from('+-*'))} {term}"
    expected = eval(  # the terms are our own
        text.replace("new.price", "4.0")
    )
    assert value_of(text) == pytest.approx(expected)


pieces = st.sampled_from(
    [
        *("new", ".", "price", "(", ")", "[", "]", "1", "2.5", '"a"', "+", "-", "<", "&&", "||", "!", "?", ":", " in "),
        *("low(", "has(", ".all(x,", ".map(x,", ",", "{", "}", "'", "\\", "0x", "ä", "\x00", "size(", "null", "%"),
        *("//", "\n", "`", "@", " "),
    ]
)


@settings(deadline=None, max_examples=400)
@given(st.lists(pieces, max_size=10).map("".join))
def test_whatever_the_text_only_our_error_comes_out(text: str) -> None:
    said = "fine"
    try:
        value_of(text, past(1))
    except ExpressionError as error:
        said = str(error)
    assert said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("text", "library"),
    [
        ("new.zzz", KeyError),
        ("new.gone < 1", TypeError),
        ("zzz", RuntimeError),
        ("new.tags[9]", IndexError),
        ("1u / 0u", ZeroDivisionError),
        ("18446744073709551615u + 1u", OverflowError),
        ("odd == 'x'", ValueError),
    ],
)
def test_every_class_that_the_library_raises_becomes_ours(text: str, library: type[Exception]) -> None:
    with pytest.raises(ExpressionError) as error:
        value_of(text, odd="\ud800")
    assert type(error.value.__cause__) is library


def test_cel_loads_only_where_there_is_an_expression() -> None:
    code = "import sys, monitor.judge.conditions.rules, monitor.judge.conditions.check; sys.exit('cel' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=30).returncode == 0


# Templates


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("plain", "plain"),
        ("{{ new.price }} {{ new.name }}", "4 ab 12"),
        ("Was {{old.price}}.", "Was 5."),
        ("{{ new.price / 8 }}", "0.5"),
        ("{{ new.in_stock }} {{ new.gone }}", "true null"),
        ('{{ {"a": {"b": 1}}["a"] }}', '{"b": 1}'),
        ('{{ "}}" }} }} {', "}} }} {"),
        ("{{ new.tags }} {{ [1.5, 2] }}", '["a", "b"] [1.5, 2]'),
        ("{{ now }} {{ duration('90m') }}", "2026-11-21T12:00:00Z 1:30:00"),
        ("{{ shout(new.name) }}", "AB 12!"),
    ],
)
def test_a_template_is_filled(template: str, expected: str) -> None:
    found = render(template, values(), functions={"shout": lambda text: f"{text.upper()}!"})
    assert (found.text, found.errors) == (expected, ())


def test_a_hole_that_fails_leaves_a_mark_and_says_why() -> None:
    found = render("a {{ new.zzz }} b {{ new.price }}", values())
    assert found.text == f"a {templates.FAILED} b 4"
    assert found.errors == ("{{ new.zzz }}: there is no 'zzz'",)


def test_a_long_value_is_cut() -> None:
    found = render("{{ new.text }}", {"new": {"text": "x" * 9_000}})
    assert len(found.text) == templates.LONGEST_HOLE
    assert found.text.endswith("…")


@pytest.mark.parametrize(
    ("template", "part"),
    [
        ("a {{ new.price", "never closed"),
        ("{{ new. }}", "column"),
        ("{{ }}", "column"),
        ("x" * 20_001, "at most 20,000"),
        ("{{ " + "new.price + " * 20 + " }}", "…"),
    ],
)
def test_a_broken_template_is_refused(template: str, part: str) -> None:
    with pytest.raises(ExpressionError, match=part):
        Template.parse(template)


def test_a_template_knows_its_expressions() -> None:
    assert [one.text for one in Template.parse("a {{ new.a }} {{ low('/b') }}").expressions] == ["new.a", "low('/b')"]


def test_a_place_past_the_end_holds_no_token() -> None:
    assert token_at("a", 1) == ("", "")
    assert token_at("a \x00", 2) == ("", "")
