"""JSON files of the user: proper JSON only, bounded, with positions where YAML can give them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import DefinitionError
from monitor.files import json_documents


def test_json_has_a_value_and_positions(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_text('{"type": "object",\n "properties": {"a": {"type": "number"}}}')
    document = json_documents.read_json(path, "s.json")
    assert document.value == {"type": "object", "properties": {"a": {"type": "number"}}}
    assert document.position(("properties", "a", "type")) == (2, 31)


def test_json_that_is_no_yaml_is_read_without_positions() -> None:
    document = json_documents.parse_json('{"a": "\\ud83d\\ude00"}', "s.json")
    assert document.value == {"a": "\U0001f600"}
    assert document.place(("a",)).line == 0
    assert document.spot.key_place().file == "s.json"
    assert document.spot.is_map() is False


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"a": 1, "a": 2}', 'the key "a" stands twice'),
        ('{"a": NaN}', "NaN is not JSON"),
        ('{"a": -Infinity}', "-Infinity is not JSON"),
        ('{"a": 1e999}', "too large"),
        ('{"a": ' + "9" * 5_000 + "}", "at most 100 digits"),
        ('{"a": "\\ud800"}', "lone surrogate"),
        ("[" * 100_000, "nested too deep"),
        ('{"a": [' + "1," * 30_000 + "1]}", "too many values"),
        ('{"a": 1,}', r"s\.json:1:\d+: not valid JSON"),
        ("{'a': 1}", r"s\.json:1:2: not valid JSON"),
        ("", r"s\.json:1:1: not valid JSON"),
    ],
)
def test_what_python_would_take_and_json_is_not_is_refused(text: str, words: str) -> None:
    with pytest.raises(DefinitionError, match=words):
        json_documents.parse_json(text, "s.json")


def test_brackets_inside_strings_are_not_depth() -> None:
    assert json_documents.parse_json(json.dumps({"a": "[" * 100 + '"\\'}), "s.json").value == {"a": "[" * 100 + '"\\'}


@pytest.mark.parametrize(("data", "words"), [(b"\xff\xfe", "UTF-16"), (b'{"a": "\xe9"}', "not UTF-8")])
def test_only_utf_8_json_is_read(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "s.json").write_bytes(data)
    with pytest.raises(DefinitionError, match=words):
        json_documents.read_json(tmp_path / "s.json")
    with pytest.raises(DefinitionError, match="does not exist"):
        json_documents.read_json(tmp_path / "t.json")


@given(st.text(alphabet='[]{}",:\\ \n01ae.-NIu', max_size=40))
@settings(deadline=None, max_examples=300)
def test_whatever_the_text_it_is_json_or_a_definition_error(text: str) -> None:
    try:
        expected: Any = json.loads(text)
    except ValueError:
        with pytest.raises(DefinitionError):
            json_documents.parse_json(text, "s.json")
        return
    try:
        found = json_documents.parse_json(text, "s.json").value
    except DefinitionError:
        return  # proper to Python, refused by us: duplicate keys, NaN
    assert found == expected
