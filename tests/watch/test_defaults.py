"""What watches have of the workspace: the fields of their tags, then the defaults, under their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from monitor.files import documents
from monitor.watch.load import Loaded, load

WATCH = """\
url: https://shop.example/x
goal: Find the price.
cron: "@daily"
output_schema: {type: object, required: [price], properties: {price: {type: number}}}
"""


def loaded(root: Path, watch: str, defaults: str = "", tags: str = "") -> Loaded:
    (root / "watches").mkdir()
    (root / "watches" / "mine.yaml").write_text(WATCH + watch, encoding="utf-8")
    text = f"defaults: {{{defaults}}}\ntags: {{{tags}}}\n"
    (document,) = documents.parse(text, "monitor.yaml")
    found = document.part("tags")
    assert found is not None
    parts = {name: part for name in found.value if (part := found.part(name)) is not None}
    return load(root, defaults=document.part("defaults"), tags=parts)


@pytest.mark.parametrize(
    ("watch", "defaults", "tags", "limits"),
    [
        ("tags: [a]\n", "limits: {failing_after: 2, retries: 0}", "a: {limits: {failing_after: 5}}", (5, 0)),
        ("tags: [a, b]\n", "", "a: {limits: {failing_after: 5}}, b: {limits: {failing_after: 7, retries: 3}}", (5, 3)),
        ("tags: [b, a]\n", "", "a: {limits: {failing_after: 5}}, b: {limits: {failing_after: 7, retries: 3}}", (7, 3)),
        ("tags: [a]\nlimits: {failing_after: 9}\n", "", "a: {limits: {failing_after: 5}}", (9, 1)),
        ("", "tags: [a]", "a: {limits: {failing_after: 5}}", (5, 1)),
        ("tags: []\n", "tags: [a]", "a: {limits: {failing_after: 5}}", (2, 1)),
        ("tags: [other]\n", "", "a: {limits: {failing_after: 5}}", (2, 1)),
    ],
)
def test_a_watch_wins_over_its_tags_and_they_over_the_defaults(
    tmp_path: Path, watch: str, defaults: str, tags: str, limits: tuple[int, int]
) -> None:
    found = loaded(tmp_path, watch, defaults, tags)
    assert not found.problems
    mine = found.watches["mine"].limits
    assert (mine.failing_after, mine.retries) == limits


def test_a_problem_of_a_tag_is_told_where_it_stands(tmp_path: Path) -> None:
    found = loaded(tmp_path, "tags: [a]\n", "", "a: {limits: {failing_after: soon}}")
    (problem,) = found.errors
    assert (problem.file, problem.line, problem.field) == ("monitor.yaml", 2, "tags.a.limits.failing_after")


@pytest.mark.parametrize("tags", ["tags: a\n", "tags: {a: 1}\n", "tags: [[a]]\n", "tags:\n"])
def test_tags_that_are_no_list_of_texts_are_one_problem_and_nothing_breaks(tmp_path: Path, tags: Any) -> None:
    found = loaded(tmp_path, tags, "", "a: {limits: {failing_after: 5}}")
    assert {problem.field.partition("[")[0] for problem in found.errors} == {"tags"}
