"""What is written of an internal error, and of what others say: everything but the secrets."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import structlog

from monitor.cli import logs, output
from monitor.files.choices import Log
from monitor.files.secrets import Secret, resolve

PASSWORD = "Word-of-the-output-test"
TOKEN = "TokenOfTheOutputTest"


@pytest.fixture(autouse=True)
def _secrets_that_were_read() -> None:
    resolve("${env:PASSWORD}", {"PASSWORD": PASSWORD})
    Secret(f"slack://{TOKEN}A/{TOKEN}B/?key=a%2Bb{TOKEN}C")


def test_details_hold_no_secret_that_a_foreign_exception_quotes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    error = RuntimeError(f"POST https://x.example/{TOKEN}B?k=a+b{TOKEN}C to {TOKEN}A failed")
    error.__cause__ = ValueError(f"no login as ops:{PASSWORD}")
    path = Path(output.details(error))
    text = path.read_text()
    assert "RuntimeError: POST https://x.example/***" in text
    assert "no login as ops:***" in text
    assert PASSWORD not in text
    assert TOKEN not in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_line_of_the_log_holds_a_secret(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    logs.configure(Log("info", form))  # type: ignore[arg-type] # one of its words
    try:
        int(PASSWORD)
    except ValueError:
        structlog.get_logger().exception("it broke", said=f"{TOKEN}A is wrong")
    said = capsys.readouterr().err
    assert "it broke" in said
    assert "*** is wrong" in said
    assert PASSWORD not in said
    assert TOKEN not in said


def test_references_and_hosts_may_be_shown() -> None:
    Secret("${env:A_REFERENCE_OF_THE_TEST}")
    Secret("json://hooks.output-test.example:8080/short")
    text = "${env:A_REFERENCE_OF_THE_TEST} is not set; hooks.output-test.example:8080 is down; short"
    assert output.masked(text) == text
