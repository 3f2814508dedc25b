"""The corpus stands apart from what it judges, its definitions are sound, and its answers do differ."""

from __future__ import annotations

import ast
import json
import random
import sys
from pathlib import Path
from typing import Any

import pytest

from monitor.judge.schemas import check as schema
from monitor.watch.load import load
from tests.corpus import stories, wobble
from tests.corpus.stories import FOLDER, NAMES, story
from tests.corpus.telling import watch
from tests.corpus.wobble import KINDS, Rules, wobbled


def imported(path: str) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(Path(path).read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


def test_the_generator_of_answers_imports_nothing_but_the_standard_library() -> None:
    assert {name.split(".")[0] for name in imported(wobble.__file__)} <= sys.stdlib_module_names


def test_the_right_answers_are_read_from_files_and_by_no_code_that_judges() -> None:
    ours = {name for name in imported(stories.__file__) if name.split(".")[0] not in sys.stdlib_module_names}
    assert ours == {"monitor.files.documents"}


def test_there_are_ten_watches_of_twelve_to_thirty_states_with_quiet_and_real_steps() -> None:
    assert len(NAMES) == 10
    for name in NAMES:
        states = story(name).states
        assert 12 <= len(states) <= 30
        assert sum(bool(state.told) for state in states) >= 5
        assert sum(not state.told for state in states) >= 5


@pytest.mark.parametrize("name", NAMES)
def test_a_bare_definition_has_four_fields_and_both_ask_for_the_same(name: str) -> None:
    bare, recommended = watch(name, "bare"), watch(name, "recommended")
    assert bare.model_fields_set == {"name", "notify", "url", "goal", "cron", "output_schema"}
    assert (bare.url, bare.goal, bare.cron) == (recommended.url, recommended.goal, recommended.cron)
    assert fields(bare.output_schema) == fields(recommended.output_schema)


def fields(node: Any) -> Any:
    if not isinstance(node, dict):
        return None
    below = node.get("items", {}).get("properties", node.get("properties", {}))
    return {name: (child.get("type"), fields(child)) for name, child in below.items()}


@pytest.mark.parametrize("name", NAMES)
def test_a_recommended_definition_loads_without_an_error(name: str, tmp_path: Path) -> None:
    (tmp_path / "watches").mkdir()
    text = (FOLDER / name / "recommended.yaml").read_text("utf-8")
    (tmp_path / "watches" / f"{name}.yaml").write_text(text, "utf-8")
    loaded = load(tmp_path, checks=[schema.check])
    assert loaded.errors == ()
    assert list(loaded.watches) == [name]


@pytest.mark.parametrize("name", NAMES)
def test_answers_differ_in_every_way_and_one_seed_gives_one_answer(name: str) -> None:
    tale = story(name)
    rules = Rules(tale.kinds, tale.optional, tale.flaps, tale.wordings)
    truth = tale.states[0].truth
    answers = [wobbled(truth, rules, random.Random(seed)) for seed in range(60)]
    assert answers == [wobbled(truth, rules, random.Random(seed)) for seed in range(60)]
    assert len({json.dumps(answer) for answer in answers}) > 50
    assert {type(answer) for answer in answers} >= {dict, str}
    assert any(isinstance(answer, str) and answer.startswith("```") for answer in answers)
    assert {kind.split()[0] for kind in tale.kinds.values()} <= KINDS.keys() | {"prose"}


def test_a_flap_leaves_one_thing_out() -> None:
    rules = Rules({}, {}, ["/rows/*", "/rows/*/b", "/c"], {})
    truth = {"rows": [{"a": 1, "b": 2}, {"a": 3, "b": 4}], "c": 5}
    seen = set()
    for seed in range(80):
        answer = wobbled(truth, rules, random.Random(seed), flap=True)
        if isinstance(answer, dict) and "rows" in answer:
            seen.add((len(answer["rows"]), sum("b" in row for row in answer["rows"]), "c" in answer))
    assert seen == {(1, 1, True), (2, 1, True), (2, 2, False)}
