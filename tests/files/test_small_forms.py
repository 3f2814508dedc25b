"""Choices, zones, durations, problems and .env files: small forms that settings and watches share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.errors import DefinitionError
from monitor.files import choices, durations, zones
from monitor.files.environment import read_dotenv
from monitor.files.problems import Problem, did_you_mean, in_order
from monitor.files.regular_files import UnreadableFile, contents


def test_a_choice_is_one_of_its_words() -> None:
    read = choices.one_of("local", "remote", later=["postgres"])
    assert read("remote") == "remote"
    with pytest.raises(ValueError, match="must be local or remote"):
        read("Local")
    with pytest.raises(ValueError, match="postgres is not supported yet: use local"):
        read("postgres")


@pytest.mark.parametrize("text", ["0", "11", "-1", "1.5", "", "٣", "1e1", "9999999999"])
def test_a_whole_number_stays_in_its_range(text: str) -> None:
    read = choices.whole(1, 10)
    assert read("10") == 10
    with pytest.raises(ValueError, match="whole number from 1 to 10"):
        read(text)


def test_a_log_setting_is_a_level_and_a_format() -> None:
    assert str(choices.log("debug")) == "debug:console"
    assert choices.log("error:json") == choices.Log("error", "json")
    for text in ("loud", "info:xml", "", "INFO"):
        with pytest.raises(ValueError, match="must be debug"):
            choices.log(text)


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "CET"])
def test_iana_names_are_zones(name: str) -> None:
    assert zones.zone(name).key == name


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "IANA name"),
        (" UTC", "without blanks"),
        ("../../etc/passwd", "not a time zone"),
        ("/etc/localtime", "not a time zone"),
        ("localtime", "not in the time zone database"),
        ("Factory", "not in the time zone database"),
        ("europe/berlin", 'did you mean "Europe/Berlin"'),
        ("Europe/Berln", 'did you mean "Europe/Berlin"'),
        ("berlin", 'did you mean "Europe/Berlin"'),
        ("New_York", 'did you mean "America/New_York"'),
        ("America/Buenos_Aire", 'did you mean "America/Buenos_Aires"'),
        ("Mars/Olympus-Mons", "database: write an IANA name such as"),
        ("Europe/Munich", "database: write an IANA name such as"),
        ("CEST", "database: write an IANA name such as"),
        ("utc+1", "database: write an IANA name such as"),
        ("Ünknown", "not a time zone"),
        ("A" * 200, "not a time zone"),
    ],
)
def test_anything_else_is_no_zone(name: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        zones.zone(name)


@given(st.integers(1, 3_660 * 86_400))
def test_a_duration_is_read_as_it_is_spelt(seconds: int) -> None:
    duration = timedelta(seconds=seconds)
    assert durations.parse(durations.spell(duration)) == duration


@pytest.mark.parametrize("text", ["", "5", "5 m", "m", "1.5h", "-1s", "0s", "4000d", "5M", "٣s", "1h30m"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"duration|ten years"):
        durations.parse(text)


def test_a_duration_of_nothing_can_be_spelt() -> None:
    assert durations.spell(timedelta()) == "0s"
    assert durations.spell(timedelta(seconds=90)) == "90s"


def test_a_problem_is_one_line_with_its_place() -> None:
    whole = Problem("a.yaml", 3, 7, "limits.timeout", "is wrong", "write 3m")
    assert str(whole) == "a.yaml:3:7: limits.timeout: is wrong (write 3m)"
    assert str(Problem("a.yaml", 0, 0, "", "is wrong")) == "a.yaml: is wrong"
    assert whole.as_json()["column"] == 7


def test_problems_are_told_in_order_and_once() -> None:
    late, early = Problem("b", 1, 1, "", "x"), Problem("a", 9, 1, "", "x")
    with_hint = Problem("a", 9, 1, "", "x", "hint")
    assert in_order([late, with_hint, early, late]) == [early, with_hint, late]


def test_a_near_name_is_offered() -> None:
    assert did_you_mean("GAOL", ["goal", "url"]) == 'did you mean "goal"?'
    assert did_you_mean("xyz", ["goal"]) is None


def test_dotenv_is_read_literally(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("# c\nexport A=1\nB='two words'\nC=${A}\nD=\nE\nF=x # c\n\n")
    assert read_dotenv(path) == {"A": "1", "B": "two words", "C": "${A}", "D": "", "F": "x"}
    assert read_dotenv(tmp_path / "missing") == {}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"A=1\nB='open\nC=2\n", r"\.env:2:1: this line cannot be read"),
        (b"A=\xe9\n", r"\.env:1:3: byte 2 is not UTF-8"),
        (b"A=" + b"x" * 70_000, r"\.env: this file is larger"),
    ],
)
def test_a_broken_dotenv_is_told_with_its_line_and_not_its_value(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / ".env").write_bytes(data)
    with pytest.raises(DefinitionError, match=words) as caught:
        read_dotenv(tmp_path / ".env")
    assert "open" not in str(caught.value)


def test_a_file_that_grows_beyond_its_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"12345")
    assert contents(path, 5)[0] == b"12345"
    with pytest.raises(UnreadableFile, match="larger"):
        contents(path, 4)
    with pytest.raises(UnreadableFile, match="name that cannot be"):
        contents(Path("a\x00b"), 4)


def test_a_file_without_a_size_is_read_to_its_end(tmp_path: Path) -> None:
    assert contents(Path("/proc/self/status"), 1_000_000)[0]  # procfs reports size 0
    with pytest.raises(UnreadableFile, match="larger"):
        contents(Path("/proc/self/status"), 10)


@pytest.fixture
def without_rights() -> Iterator[None]:
    """Root may read everything: as nobody, then."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65_534)
    yield
    if root:
        os.seteuid(0)


def test_a_forbidden_file_says_so(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    path = tmp_path / "f"
    path.write_text("x")
    path.chmod(0)
    request.getfixturevalue("without_rights")
    with pytest.raises(UnreadableFile, match="permission denied"):
        contents(path, 10)
