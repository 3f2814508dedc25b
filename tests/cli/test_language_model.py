"""The language model of the settings: whole or not at all, its key kept from plain http and from every output."""

from __future__ import annotations

from typing import Any

import pytest

from monitor.cli.process import language_model
from monitor.errors import UsageError
from monitor.settings import load
from tests.canaries import KNOWN

KEY = KNOWN["the key of the language model"]
URL, NAME, SECRET = "MONITOR_LLM_URL", "MONITOR_LLM_MODEL", "MONITOR_LLM_KEY"


def model_of(folder: Any, environ: dict[str, str]) -> Any:
    return language_model(load(folder, {}, environ))


def test_it_is_off_by_default_and_needs_no_key(tmp_path: Any) -> None:
    assert model_of(tmp_path, {}) is None
    found = model_of(tmp_path, {URL: "http://127.0.0.1:11434/v1/", NAME: "small"})
    assert (found.url, found.name, found.key) == ("http://127.0.0.1:11434/v1", "small", None)


def test_the_file_says_it_as_the_environment_does(tmp_path: Any) -> None:
    (tmp_path / "monitor.yaml").write_text("llm_url: https://llm.example/v1\nllm_model: small\nllm_key: ${env:K}\n")
    found = model_of(tmp_path, {"K": KEY})
    assert (found.url, found.name, found.key) == ("https://llm.example/v1", "small", KEY)
    assert KEY not in repr(found)


WRONG = {
    "a url alone": ({URL: "https://llm.example/v1"}, "MONITOR_LLM_MODEL is not"),
    "a model alone": ({NAME: "small"}, "MONITOR_LLM_URL is not"),
    "a key in the open": ({URL: "http://llm.example/v1", NAME: "small", SECRET: KEY}, "readable on the way"),
    "no url": ({URL: "llm.example", NAME: "small"}, "must be an http or https url"),
    "a password in it": ({URL: "https://u:p@llm.example/v1", NAME: "small"}, "without a user name"),
}


@pytest.mark.parametrize(("environ", "words"), WRONG.values(), ids=WRONG.keys())
def test_half_of_a_model_is_a_usage_error(tmp_path: Any, environ: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words) as raised:
        model_of(tmp_path, environ)
    assert KEY not in str(raised.value)
