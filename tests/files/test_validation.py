"""pydantic's errors in our words: position, dotted field, no value, and what may have been meant."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from monitor.files import documents, validation
from monitor.files.validation import Promised


class Leaf(BaseModel):
    model_config = ConfigDict(extra="forbid")

    depth: Annotated[int, Field(gt=0, lt=9)] = 1
    ratio: Annotated[float, Field(ge=0, le=1)] = 0.5
    word: Annotated[str, StringConstraints(min_length=2, max_length=5)] = "abc"


class Tree(BaseModel):
    model_config = ConfigDict(extra="forbid")

    mode: Literal["one", "two"] = "one"
    leaf: Leaf | None = None
    either: int | list[int] = 1
    leaves: tuple[Leaf, ...] = ()
    by_name: dict[str, Leaf] = Field(default_factory=dict)
    few: Annotated[tuple[int, ...], Field(max_length=2)] = ()
    code: Annotated[str, StringConstraints(pattern="^[a-z]$")] = "a"
    kind: bytes = b""


def told(text: str, **more: Any) -> list[str]:
    [document] = documents.parse(text, "t.yaml")
    with pytest.raises(ValidationError) as caught:
        Tree.model_validate(document.value)
    return [str(one) for one in validation.problems(caught.value, document, Tree, **more)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("leaf: {depth: 0}", "t.yaml:1:15: leaf.depth: must be more than 0"),
        ("leaf: {depth: 9}", "t.yaml:1:15: leaf.depth: must be less than 9"),
        ("leaf: {ratio: 1.5}", "t.yaml:1:15: leaf.ratio: must be at most 1.0"),
        ("leaf: {ratio: x}", "t.yaml:1:15: leaf.ratio: must be a number"),
        ("leaf: {word: abcdef}", "t.yaml:1:14: leaf.word: must have at most 5 characters"),
        ("few: [1, 2, 3]", "t.yaml:1:6: few: must have at most 2 entries"),
        ("code: AB", "t.yaml:1:7: code: does not have the form ^[a-z]$"),
        ("mode: tow", 't.yaml:1:7: mode: must be one of "one" or "two" (did you mean "two"?)'),
        ("mode: 7", 't.yaml:1:7: mode: must be one of "one" or "two"'),
        ("leaves: [{depth: 1}, {dpeth: 1}]", 't.yaml:1:23: leaves[1].dpeth: unknown field (did you mean "depth"?)'),
        ("by_name: {x: {raito: 1}}", 't.yaml:1:15: by_name.x.raito: unknown field (did you mean "ratio"?)'),
        ("depth: 1", "t.yaml:1:1: depth: unknown field (it belongs under leaf)"),
        ("dpth: 1", 't.yaml:1:1: dpth: unknown field (did you mean "depth" under leaf?)'),
        ("leaf: {mode: one}", "t.yaml:1:8: leaf.mode: unknown field (it belongs at the top level)"),
        ("leaf: {mood: one}", 't.yaml:1:8: leaf.mood: unknown field (did you mean "mode" at the top level?)'),
        ("leaf: {xyzzy: one}", "t.yaml:1:8: leaf.xyzzy: unknown field (known here: depth, ratio, word)"),
        ("leaf: 3", "t.yaml:1:7: leaf: must be a map of fields"),
        ("few: [null]", "t.yaml:1:7: few[0]: is empty (give it a value, or leave the field out)"),
        ("kind: 3", "t.yaml:1:7: kind: input should be a valid bytes"),
        ('"a\\tb": 3', "t.yaml:1:1: a?b: unknown field"),
    ],
)
def test_each_error_is_one_clear_line(text: str, expected: str) -> None:
    [found] = told(text)
    assert found.startswith(expected)


def test_the_branches_of_a_union_are_not_shown() -> None:
    assert told("either: {a: 1}") == [
        "t.yaml:1:9: either: must be a list (write each entry on a line of its own that begins with a hyphen)",
        "t.yaml:1:9: either: must be a whole number",
    ]


def test_a_promised_field_is_not_supported_yet_and_also_recognised_when_misspelt() -> None:
    promised = Promised(frozenset({"later", "leaves[].soon"}), {"mode": frozenset({"three"})})
    assert told("later: 1", promised=promised) == ["t.yaml:1:1: later: is not supported yet (leave it out)"]
    assert told("latre: 1", promised=promised) == ['t.yaml:1:1: latre: unknown field (did you mean "later"?)']
    assert told("leaves: [{soon: 1}]", promised=promised) == [
        "t.yaml:1:11: leaves[0].soon: is not supported yet (leave it out)"
    ]
    assert told("mode: three", promised=promised) == ['t.yaml:1:7: mode: "three" is not supported yet (leave it out)']


def test_a_pattern_may_be_told_in_words() -> None:
    assert told("code: AB", forms={"^[a-z]$": "must be one small letter"}) == [
        "t.yaml:1:7: code: must be one small letter"
    ]


def test_a_value_is_never_shown() -> None:
    text = "mode: canary\nleaf: canary\neither: canary\nleaves: canary\nfew: [canary]\ncode: canary\n"
    assert "canary" not in "".join(told(text))


def test_a_long_name_is_cut() -> None:
    assert len(told(f"{'x' * 500}: 1")[0]) < 250
