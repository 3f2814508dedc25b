"""The strict YAML reader: what comes out, where it stands, and that nothing but DefinitionError ever leaves it."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitor.errors import DefinitionError
from monitor.files import composing, documents


@pytest.fixture(params=["libyaml", "pure"])
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both of PyYAML's readers: the fast one, and the one of a machine without libyaml."""
    if request.param == "pure":
        monkeypatch.setattr(yaml, "__with_libyaml__", False)
    else:
        assert yaml.__with_libyaml__  # the locked wheel of PyYAML brings it
    return str(request.param)


def value(text: str) -> Any:
    [document] = documents.parse(text, "f.yaml")
    return document.value


def problem(text: str) -> str:
    with pytest.raises(DefinitionError) as caught:
        documents.parse(text, "f.yaml")
    return "\n".join(map(str, caught.value.problems))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("on", "on"),
        ("no", "no"),
        ("Yes", "Yes"),
        ("NO", "NO"),
        ("12:30", "12:30"),
        ("12:30:45", "12:30:45"),
        ("2024-01-01", "2024-01-01"),
        ("2024-13-45", "2024-13-45"),
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("-12", -12),
        ("+12", 12),
        ("0x1F", 31),
        ("1.5", 1.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("1_a", "1_a"),
        ("1.2.3", "1.2.3"),
        ("-", "-"),
        ("'017'", "017"),
        ('"1_000"', "1_000"),
        ("=", "="),
        ('"\\u2028"', "\u2028"),
    ],
)
def test_a_word_means_what_yaml_1_2_says(reader: str, text: str, expected: Any) -> None:
    if text == "-":
        text = "'-'"
    found = value(f"a: {text}\n")["a"]
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    "text", ["017", "-017", "1_000", "0x1_0", "0o17", "0b1", "-0x1", ".inf", "-.INF", ".nan", "1e400"]
)
def test_a_number_that_programs_read_differently_is_refused_without_being_shown(reader: str, text: str) -> None:
    found = problem(f"a: {text}\n")
    assert found.startswith("f.yaml:1:4: a: ")
    assert "quote it" in found
    assert text not in found.removeprefix("f.yaml:1:4: a: ")


def test_a_number_of_6000_digits_is_refused(reader: str) -> None:
    assert "at most 100 digits" in problem("a: " + "9" * 6000)
    assert "at most 100 digits" in problem("a: 0x" + "f" * 6000)
    assert "at most 100 digits" in problem("a: 1." + "9" * 6000)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1: x", "f.yaml:1:1: a key is a text, and this one is a number or a constant (quote it)"),
        ("a: {true: x}", "f.yaml:1:5: a: a key is a text, and this one is a number or a constant (quote it)"),
        ("?\n: x", "a key is a text, and this one is empty (quote it)"),
        ("017: x", "a number with a leading zero"),
        ("? {a: b}\n: x", "a key is a text, not a list or a map"),
        ("a: 1\nb: 2\na: 3", "f.yaml:3:1: a: this key stands twice, in line 1 and in line 3"),
        ("a: !!str 1", "f.yaml:1:4: a: tags (!str) are not supported"),
        ("a: !x {b: 1}", "f.yaml:1:4: a: tags (!x) are not supported"),
        ("a: ! 12", "f.yaml:1:4: a: tags are not supported"),
        ('a: ! "12"', "f.yaml:1:4: a: tags are not supported"),
        ("a: &x ! 12", "f.yaml:1:4: a: tags are not supported"),
        ("a: !\n  b: 1", "f.yaml:1:4: a: tags are not supported"),
        ("!!python/object:os.system x", "tags (!os.system) are not supported"),
        ("a: &a {b: 1}\nc:\n  <<: *a", "f.yaml:3:3: c: merge keys (<<) are not supported"),
        ("a: &a [*a]", "this anchor holds itself"),
        ("a: &a {b: *a}", "this anchor holds itself"),
        ("a: &a 1\nb: &a 2", "f.yaml:2:4: this anchor was given before"),
        ("a: *b", "undefined alias (quote a value that begins with *)"),
        ("a:\n\tb: 1", "a tab cannot indent"),
        ("a: b: c", 'quote a value that holds ": "'),
        ("a: @x", "quote a value that begins with @"),
        ("a: [1, 2", "while parsing a flow sequence"),
        ("a: 'x", "unexpected end of stream"),
        ('a: "\\q"', "unknown escape character"),
        ("%YAML 3.0\n---\na: 1", "incompatible YAML document"),
        ("a:\n  b: 1\n c: 2", "look at the indentation"),
        ("a: \x00", "f.yaml:1:4: the control character U+0000 is not allowed (delete it)"),
        ("a: x\u2028y", 'f.yaml:1:5: the control character U+2028 is not allowed (write it as "\\u2028" in quotes)'),
        ("a: \ufeffx", "U+FEFF"),
        ("a: \ud800", "U+D800"),
        ('b: "\\x07"', "U+0007"),
        ('b: "\\ud800"', "f.yaml:1:"),
        ('b: "\\UFFFFFFFF"', "f.yaml:1:"),
    ],
)
def test_what_is_not_plain_is_refused_with_its_position(reader: str, text: str, expected: str) -> None:
    assert expected in problem(text)


@pytest.mark.parametrize(
    "text",
    [
        "cron: * * * * *",
        "cron: */5 * * * *\nurl: x",
        "url: x\n'cron': * 9-17 * * mon,fri",
        "cron:\n  - */5 * * * *",
        "cron: [* * * * *]",
        "- cron: * * * * *",
    ],
)
def test_an_unquoted_cron_expression_is_told_to_be_quoted(reader: str, text: str) -> None:
    found = problem(text)
    line = next(number for number, row in enumerate(text.split("\n"), 1) if "*" in row)
    assert found.startswith(f"f.yaml:{line}:{text.split(chr(10))[line - 1].index('*') + 1}: ")
    assert "quote the cron expression" in found


def test_every_problem_of_a_document_is_told_at_once(reader: str) -> None:
    assert len(problem("a: 017\nb: !x 1\nc: {<<: 1}\na: 2\n").splitlines()) == 4


def test_a_sound_document_is_kept_beside_a_bad_one(reader: str) -> None:
    found, problems = documents.parse_all("a: 1\n---\na: 017\n---\nb: 2\n--- [", "f.yaml")
    assert [document.value for document in found] == [{"a": 1}, {"b": 2}]
    assert [(one.line, one.column) for one in problems] == [(3, 4), (6, 1)] or len(problems) == 2


def test_a_quoted_merge_key_is_a_key(reader: str) -> None:
    assert value("'<<': 1") == {"<<": 1}


def test_plain_aliases_are_written_out_and_never_shared(reader: str) -> None:
    found = value("a: &s {type: object, list: [1]}\nb: *s\n? &k key\n: *k\n")
    assert found == {"a": {"type": "object", "list": [1]}, "b": {"type": "object", "list": [1]}, "key": "key"}
    assert found["a"] is not found["b"]
    assert found["a"]["list"] is not found["b"]["list"]


def test_aliases_count_as_often_as_they_are_used(reader: str) -> None:
    bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
    bomb += "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 8))
    assert "aliases written out" in problem(bomb)


def test_aliases_cannot_nest_deeper_than_the_text_could(reader: str) -> None:
    text = "a0: &a0 [[[[[[[[1]]]]]]]]\n" + "".join(f"a{n}: &a{n} [[[[[[*a{n - 1}]]]]]]\n" for n in range(1, 8))
    assert "nested too deep" in problem(text)


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 5_000, "- " * 5_000])
def test_depth_is_refused_before_it_hurts(reader: str, text: str) -> None:
    if reader == "pure":
        text = text[:4_000]
    assert "nested too deep" in problem(text)


def test_32_levels_are_allowed_and_33_are_not(reader: str) -> None:
    assert value("[" * 32 + "1" + "]" * 32)
    assert "at most 32 levels" in problem("[" * 33 + "1" + "]" * 33)


def test_too_many_values_are_refused_over_all_documents(reader: str) -> None:
    assert len(value("[" + "1," * 19_990 + "]")) == 19_990
    assert "too many values" in problem("[" + "1," * 20_001 + "]")
    assert "too many values" in problem("[" + "1," * 15_000 + "]\n---\n" + "[" + "1," * 15_000 + "]")


@pytest.mark.parametrize(("text", "count"), [("", 0), ("# nothing\n", 0), ("---\n", 1), ("a: 1\n---\nb: 2\n", 2)])
def test_documents_are_counted(reader: str, text: str, count: int) -> None:
    assert len(documents.parse(text, "f.yaml")) == count


TEXT = """\
url: https://x.example
limits:
  timeout: 3m
notify:
  - ops
  - to: [a, b]
    on: [change]
"""


@pytest.mark.parametrize(
    ("path", "key", "expected"),
    [
        ((), False, (1, 1)),
        (("url",), False, (1, 6)),
        (("url",), True, (1, 1)),
        (("limits", "timeout"), False, (3, 12)),
        (("limits", "timeout"), True, (3, 3)),
        (("limits", "retries"), False, (3, 3)),
        (("notify", 1, "to", 1), False, (6, 13)),
        (("notify", 1, "on"), True, (7, 5)),
        (("notify", 7), False, (5, 3)),
        (("nothing", "here"), True, (1, 1)),
        (("url", "x", 3), False, (1, 6)),
    ],
)
def test_every_value_and_key_has_a_position(
    reader: str, path: tuple[str | int, ...], key: bool, expected: tuple[int, int]
) -> None:
    [document] = documents.parse(TEXT, "f.yaml")
    assert document.position(path, key=key) == expected


def test_a_map_is_merged_over_the_defaults_and_a_list_replaces_theirs() -> None:
    [own] = documents.parse("limits: {timeout: 1m}\nnotify: [me]\nurl: x\n", "w.yaml")
    [settings_file] = documents.parse(
        "agent: x\ndefaults:\n  limits: {timeout: 9m, retries: 3}\n  notify: [ops, b]\n  tags: [t]\n", "monitor.yaml"
    )
    defaults = settings_file.part("defaults")
    assert defaults is not None
    whole = own.over(defaults)
    assert whole.value == {"limits": {"timeout": "1m", "retries": 3}, "notify": ["me"], "url": "x", "tags": ["t"]}
    assert (whole.place(("limits", "timeout")).file, *whole.position(("limits", "timeout"))) == ("w.yaml", 1, 19)
    retries = whole.place(("limits", "retries"))
    assert (retries.file, retries.line, retries.column, retries.within) == ("monitor.yaml", 3, 34, ("defaults",))
    assert whole.place(("tags", 0)).file == "monitor.yaml"
    assert whole.place(("notify", 1)).file == "w.yaml"
    assert whole.place((), key=True).file == "w.yaml"
    assert whole.place(("limits",), key=True) == own.place(("limits",), key=True)
    assert defaults.value["limits"] == {"timeout": "9m", "retries": 3}, "the defaults are left as they are"


def test_merging_what_is_not_a_map_changes_nothing() -> None:
    [own] = documents.parse("[1]", "w.yaml")
    [defaults] = documents.parse("a: 1", "m.yaml")
    assert own.over(defaults) is own
    assert own.part("a") is None
    assert defaults.part("a") is None


def test_a_part_of_a_merged_document_keeps_its_places() -> None:
    [own] = documents.parse("a: {b: 1}", "w.yaml")
    [under] = documents.parse("a: {c: 2}", "m.yaml")
    part = own.over(under).part("a")
    assert part is not None
    assert part.place(("c",)).file == "m.yaml"
    assert part.place((), key=True).file == "w.yaml"


def a_folder(path: Path) -> None:
    path.mkdir()


def a_fifo(path: Path) -> None:
    os.mkfifo(path)


def a_link_to_itself(path: Path) -> None:
    path.symlink_to(path)


def too_large(path: Path) -> None:
    path.write_bytes(b"#" * (1024 * 1024 + 1))


def missing(path: Path) -> None:
    pass


def a_device_link(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (a_folder, "is a directory"),
        (a_fifo, "is not a regular file"),
        (a_device_link, "is not a regular file"),
        (a_link_to_itself, "cannot be read"),
        (too_large, "is larger than 1,024 KiB"),
        (missing, "does not exist"),
    ],
)
def test_what_is_no_regular_file_is_refused_without_blocking(tmp_path: Path, make: Any, words: str) -> None:
    path = tmp_path / "a.yaml"
    make(path)
    with pytest.raises(DefinitionError, match=words) as caught:
        documents.read(path, "a.yaml")
    assert str(caught.value.problems[0]).startswith("a.yaml: this file ")


def test_one_byte_order_mark_is_tolerated_and_two_are_not(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert documents.read(path)[0].value == {"a": 1}
    path.write_bytes(b"\xef\xbb\xbf\xef\xbb\xbfa: 1\n")
    with pytest.raises(DefinitionError, match="U\\+FEFF"):
        documents.read(path)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("a: ä\n".encode("latin-1"), ":1:4: byte 3 is not UTF-8"),
        ("a: ä\n".encode("utf-16"), "is UTF-16"),
        ("ok: ä\nb: ".encode() + b"\xed\xa0\x80", ":2:4: byte 10 is not UTF-8"),
    ],
)
def test_only_utf_8_is_read_and_the_byte_is_named(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(data)
    with pytest.raises(DefinitionError, match=words):
        documents.read(path)


def test_a_file_that_everybody_may_write_is_read_with_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: 1\n")
    path.chmod(0o666)
    found, problems = documents.read_all(path, "a.yaml")
    assert found[0].value == {"a": 1}
    assert [(one.warning, one.message) for one in problems] == [(True, "everybody on this machine may write this file")]
    assert documents.read(path)[0].value == {"a": 1}


def _plain(found: Any) -> Iterator[Any]:
    yield found
    if isinstance(found, dict):
        for key, inner in found.items():
            assert type(key) is str
            yield from _plain(inner)
    elif isinstance(found, list):
        for inner in found:
            yield from _plain(inner)


def _check_problems(error: DefinitionError) -> None:
    assert error.problems
    assert all("\n" not in str(one) for one in error.problems)


YAML_LIKE = st.lists(
    st.sampled_from(
        ["a", "b: ", ": ", "- ", "\n", "  ", "[", "]", "{", "}", ",", "&x ", "*x", "!", "!!int ", "<<: ", "|\n", ">\n",
         "'", '"', "#",
         "---\n", "...\n", "%YAML 1.2\n", "%TAG ! x\n", "\\",
         "\\x00", "\\ud800", "\t", "\r", "? ",
         "1", "0o7", "1_0", "é", "\U0001f600", "\x00", "\u2028", "@", "`", "~", "=",
         "\\UFFFFFFFF"]
    ),
    max_size=40,
).map("".join)  # fmt: skip


@pytest.mark.parametrize("pure", [False, True])
def test_whatever_the_text_only_plain_values_or_a_definition_error_come_out(
    pure: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(yaml, "__with_libyaml__", yaml.__with_libyaml__ and not pure)

    @given(st.one_of(YAML_LIKE, st.text(max_size=60)))
    @example("%YAML 99999999999999999999.1\n---\na")
    @example("a: \r b: 1\r\rc: 'x")
    @example("!<tag:yaml.org,2002:str> x")
    @settings(deadline=None, max_examples=400)
    def check(text: str) -> None:
        try:
            found = documents.parse(text, "f.yaml")
        except DefinitionError as error:
            _check_problems(error)
            return
        for document in found:
            for one in _plain(document.value):
                assert type(one) in {dict, list, str, int, float, bool, type(None)}
                assert not isinstance(one, float) or math.isfinite(one)

    check()


JSON_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"]), max_size=8)
JSON_KEY = st.text(st.characters(codec="ascii", exclude_categories=["C"]), max_size=5)
JSON_VALUE = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(10**18), 10**18), JSON_TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(JSON_KEY, inner, max_size=3)),
    max_leaves=10,
)


@given(JSON_VALUE)
@settings(deadline=None, max_examples=150)
def test_what_json_says_is_read_as_json_reads_it(data: Any) -> None:
    import json

    [document] = documents.parse(json.dumps(data, ensure_ascii=False), "f.yaml")
    assert document.value == data


def test_an_error_of_the_library_never_shows_a_piece_of_the_file() -> None:
    for text in ["a: *secret-token", "a: &secret-token 1\nb: &secret-token 2", 'a: "secret-token', "a: secret: token"]:
        assert "secret" not in problem(text)


def test_the_fast_reader_is_made_once() -> None:
    if yaml.__with_libyaml__:
        assert composing._through_libyaml() is composing._through_libyaml()
