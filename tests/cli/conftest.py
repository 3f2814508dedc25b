"""A workspace and the command line in this process: what it printed, what it said, its exit code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from monitor.cli.main import run
from tests.scripted_api import ScriptedApi

WATCH = """\
url: https://shop.example/espresso-machine
goal: Find the product's current price and whether it can be ordered now.
cron: "*/30 * * * *"
output_schema:
  type: object
  required: [price, in_stock]
  properties:
    price: {type: number, minimum: 0}
    in_stock: {type: boolean}
"""


@dataclass(frozen=True)
class Said:
    """What one command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Workspace:
    """A folder with watches, and the command line in it."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._capsys = capsys
        self._monkeypatch = monkeypatch
        (folder / "watches").mkdir()

    def watch(self, name: str = "espresso-machine", text: str = WATCH, **fields: Any) -> Path:
        path = self.folder / "watches" / f"{name}.yaml"
        more = "".join(f"{field}: {json.dumps(value)}\n" for field, value in fields.items())
        path.write_text(text + more, encoding="utf-8")
        return path

    def settings(self, text: str) -> None:
        (self.folder / "monitor.yaml").write_text(text, encoding="utf-8")

    def use(self, api: ScriptedApi) -> None:
        self._monkeypatch.setenv("TINYFISH_BASE_URL", api.url)
        self._monkeypatch.setenv("TINYFISH_API_KEY", "sk-tinyfish-test")

    def __call__(self, *arguments: str) -> Said:
        self._capsys.readouterr()
        code = run(["--workspace", str(self.folder), *arguments])
        printed = self._capsys.readouterr()
        assert "Traceback" not in printed.out + printed.err
        return Said(code, printed.out, printed.err)


@pytest.fixture
def workspace(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Workspace:
    return Workspace(tmp_path, capsys, monkeypatch)


@pytest.fixture(autouse=True)
def _fresh_log() -> Iterator[None]:
    """A command sets up its process's log, on a stderr that ends with the test."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def api() -> Any:
    with ScriptedApi().in_thread() as served:
        yield served
