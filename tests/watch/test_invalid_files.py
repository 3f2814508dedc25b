"""One file per rule in tests/data/watches/invalid; beside `<why>.yaml`, all its problems in `<why>.expected`."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.watch.load import load

ROOT = Path(__file__).parent.parent / "data"
FILES = sorted((ROOT / "watches" / "invalid").glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_invalid_file_is_told_with_exactly_these_words(path: Path) -> None:
    path.chmod(0o644)  # a checkout under a wide umask would add the warning about who may write it
    found = load(ROOT, only=[path])
    told = "".join(f"{problem}\n".replace("watches/invalid/", "") for problem in found.problems)
    assert told == path.with_suffix(".expected").read_text()
    assert found.errors


def test_every_rule_has_its_file_and_they_are_all_told_together() -> None:
    assert len(FILES) >= 50
    together = load(ROOT)
    files = {problem.file for problem in together.errors}
    assert {f"watches/invalid/{path.name}" for path in FILES} <= files
    assert set(together.watches) <= {"second"}, "only the good half of one file is loaded"
