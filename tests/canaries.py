"""Secrets that no output may hold (promise F1 of reliability.md), and the watch over what every test of the suite says.

A canary is a value that stands for a secret in a test. `KNOWN` are those of the whole suite: a test whose captured
output, log or error holds one of them fails, whatever it was about.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Generator, Iterable, Mapping
from urllib.parse import quote, quote_plus

import pytest

# The values that tests use for keys, tokens and passwords; a new one belongs here.
KNOWN = {
    "the target's token of tests/alert": "CanaryT0ken4711",
    "the token of tests/alert/services": "T0kenCanary4711xyz",
    "the password of the broker": "Canary4711-mqtt",
    "the secret of tests/files": "canary-7f3a9",
    "the key of tests/cli": "sk-tinyfish-canary",
    "the key of tests/engine": "sk-canary",
    "the key of the language model": "Cq5e1745601b03f71ae0",
}


def canary(name: str, more: str = "") -> str:
    """Return the canary of a secret: the same in every run, its first characters unlike those of any other."""
    return f"Cq{hashlib.sha256(name.encode()).hexdigest()[:18]}{more}"


def forms(value: str) -> frozenset[bytes]:
    """Return every form in which a value may turn up, in lower case: some write a host or a header so."""
    raw = value.encode()
    found = {
        value,
        value[:12],
        json.dumps(value)[1:-1],
        quote(value, safe=""),
        quote_plus(value),
        quote(value),
        raw.hex(),
    }
    for before in range(3):  # base64 of a text that it is a part of; the ends depend on what stands beside it
        coded = base64.b64encode(b"\x00" * before + raw).rstrip(b"=").decode()
        inner = coded[-(-before * 8 // 6) : -1]
        found |= {inner, inner.replace("+", "-").replace("/", "_")}
    return frozenset(form.lower().encode() for form in found)


class Search:
    """Looks for canaries by name: `Search({"key": "Cq…"}).found(data)` names those that are in it, in any form."""

    def __init__(self, canaries: Mapping[str, str]) -> None:
        self._forms = {name: forms(value) for name, value in canaries.items()}

    def found(self, data: bytes | str, *, but: Iterable[str] = ()) -> list[str]:
        """Return the names of the canaries in `data`, without those that may be there."""
        low = (data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data).lower()
        rightful = set(but)
        return sorted(
            name for name, each in self._forms.items() if name not in rightful and any(form in low for form in each)
        )


_SUITE = {name: value.lower() for name, value in KNOWN.items()}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that let a canary out, into its output or a log that was captured; judged once, at its end."""
    report = yield
    if report.when == "teardown" and report.passed:
        said = "\n".join(text for _, text in report.sections).lower()
        leaked = [name for name, value in _SUITE.items() if value in said]
        if leaked:
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid}: its output holds {', '.join(leaked)} (promise F1, tests/canaries.py)"
    return report
