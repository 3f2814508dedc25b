"""Secrets: never shown in any form, resolved late, and errors that name the reference only."""

from __future__ import annotations

import copy
import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import SecretError
from monitor.files import secrets
from monitor.files.secrets import Held, Secret

CANARY = "canary-7f3a9"


@pytest.mark.parametrize(
    "shown",
    [
        repr(Secret(CANARY)),
        str(Secret(CANARY)),
        f"{Secret(CANARY)}",
        f"{Secret(CANARY)!r:>20}",
        "%s" % Secret(CANARY),  # noqa: UP031 - this form is what is tested
        f"{Secret(CANARY):>10}",
        repr([Secret(CANARY)]),
        repr(copy.copy({"key": Held("n", Secret(CANARY), "plain")})),
    ],
)
def test_no_text_form_of_a_secret_shows_it(shown: str) -> None:
    assert CANARY not in shown
    assert "***" in shown


def test_a_secret_can_be_compared_but_not_hashed_pickled_or_dumped() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert Secret("\ud800") != Secret("b")
    with pytest.raises(TypeError):
        hash(Secret(CANARY))
    with pytest.raises(TypeError):
        pickle.dumps(Secret(CANARY))
    with pytest.raises(TypeError):
        json.dumps(Secret(CANARY))
    assert not hasattr(Secret(CANARY), "__dict__")


def test_references_are_found_in_order() -> None:
    found = secrets.references("mailto://${env:USER_1}:${file:/run/pw}@host$${env:X}")
    assert [str(one) for one in found] == ["${env:USER_1}", "${file:/run/pw}", "${env:X}"]
    assert secrets.references("$HOME {env:X} $(x)") == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("${ENV:X}", "is ${env:NAME} or ${file:PATH}"),
        ("${HOME}", "is ${env:NAME} or ${file:PATH}"),
        ("${env:}", "does not hold the name"),
        ("${env:A B}", "does not hold the name"),
        ("${env:1A}", "does not hold the name"),
        ("${file:}", "does not hold a path"),
        ("${file:a\x00b}", "does not hold a path"),
        ("x${env:A", "is not closed"),
    ],
)
def test_a_badly_written_reference_is_refused(text: str, words: str) -> None:
    with pytest.raises(SecretError) as caught:
        secrets.references(text)
    assert words in str(caught.value)


def test_references_are_replaced_by_trimmed_values(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("  hunter2\r\n")
    found = secrets.resolve("x://${env:NAME}:${file:pw}@h", {"NAME": f"{CANARY}\n"}, tmp_path)
    assert found.reveal() == f"x://{CANARY}:hunter2@h"
    assert secrets.resolve("plain", {}).reveal() == "plain"
    assert secrets.resolve("${env:A}", {"A": "${env:B}", "B": "x"}).reveal() == "${env:B}", "values are not read again"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("${env:NOPE}", "${env:NOPE} is not set"),
        ("${env:EMPTY}", "${env:EMPTY} is empty"),
        ("${env:NUL}", "${env:NUL} holds a NUL byte"),
        ("${file:nope}", "the file of ${file:nope} does not exist"),
        ("${file:empty}", "the file of ${file:empty} is empty"),
        ("${file:large}", "the file of ${file:large} is larger than 64 KiB"),
        ("${file:folder}", "the file of ${file:folder} is a directory"),
        ("${file:fifo}", "the file of ${file:fifo} is not a regular file"),
        ("${file:latin}", "the file of ${file:latin} is not UTF-8 text"),
        ("${file:nul}", "the file of ${file:nul} holds a NUL byte"),
        ("${file:loop}", "the file of ${file:loop} cannot be read"),
    ],
)
def test_what_cannot_be_resolved_names_the_reference_and_never_a_value(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "empty").write_text(" \n")
    (tmp_path / "large").write_text(CANARY * 10_000)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "latin").write_bytes(CANARY.encode() + b"\xe9")
    (tmp_path / "nul").write_bytes(CANARY.encode() + b"\x00x")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(SecretError) as caught:
        secrets.resolve(text, {"EMPTY": "  ", "NUL": f"{CANARY}\x00x"}, tmp_path)
    assert words in str(caught.value)
    assert CANARY not in str(caught.value)


def test_a_relative_file_needs_a_folder() -> None:
    with pytest.raises(SecretError, match="relative path"):
        secrets.resolve("${file:pw}", {})


@pytest.mark.parametrize("value", ["key-123\n", "  key-123\r\n", "key-123"])
def test_a_header_value_is_trimmed(value: str) -> None:
    assert secrets.header_value(Secret(value)) == "key-123"


@pytest.mark.parametrize(
    "value", [f"{CANARY}\nX: y", f"{CANARY}\x00", f"{CANARY}é", f"{CANARY}\u2028x", f"{CANARY}\x7f", "", " \n"]
)
def test_what_cannot_be_a_header_is_refused_without_being_shown(value: str) -> None:
    with pytest.raises(SecretError, match="TINYFISH_API_KEY") as caught:
        secrets.header_value(Secret(value), "TINYFISH_API_KEY")
    assert CANARY not in f"{caught.value!s}{caught.value!r}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("${env:OPS}", "${env:OPS}"),
        ("slack://a/b/c", "slack://***"),
        ("mailto://u:${env:PW}@h", "mailto://***${env:PW}***"),
        ("https://", "https://"),
        ("token", "***"),
        ("", ""),
        ("${ENV:X}", "***"),
        ("x${env:A", "***"),
    ],
)
def test_only_scheme_and_references_are_shown(text: str, shown: str) -> None:
    assert secrets.mask(text) == shown


@given(st.text(max_size=30), st.text(max_size=30))
@settings(deadline=None, max_examples=200)
def test_a_masked_text_never_shows_a_token(before: str, after: str) -> None:
    assert CANARY not in secrets.mask(f"{before}://{CANARY}{after}")


def test_a_file_that_everybody_may_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("x")
    (tmp_path / "pw").chmod(0o644)
    assert secrets.exposed("${file:pw}${env:A}${file:nope}", tmp_path) == (
        "everybody on this machine may read the file of ${file:pw}",
    )
    (tmp_path / "pw").chmod(0o600)
    assert secrets.exposed("${file:pw}", tmp_path) == ()


@pytest.mark.parametrize(
    ("form", "text", "shown"),
    [("plain", CANARY, "***"), ("path", "key", "file key"), ("references", "${env:KEY}", "${env:KEY}")],
)
def test_a_held_secret_is_read_as_it_was_given(tmp_path: Path, form: str, text: str, shown: str) -> None:
    (tmp_path / "key").write_text(f"{CANARY}\n")
    held = Held("api_key", Secret(text), form)
    assert held.read({"KEY": CANARY}, tmp_path).reveal() == CANARY
    assert held.shown() == shown


def test_only_a_plain_secret_is_not_read_for_references(tmp_path: Path) -> None:
    assert Held("k", Secret("a${env:B}"), "plain").read({}, tmp_path).reveal() == "a${env:B}"


def test_secret_error_is_what_missing_files_become(tmp_path: Path) -> None:
    held: Any = Held("TINYFISH_API_KEY_FILE", Secret("nope"), "path")
    with pytest.raises(SecretError, match="the file of TINYFISH_API_KEY_FILE does not exist"):
        held.read({}, tmp_path)
