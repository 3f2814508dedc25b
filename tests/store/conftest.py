"""The implementations that the conformance tests run over; PostgreSQL joins the list when it exists."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.store.store import Store
from tests.store.scenes import Opener


@pytest.fixture(params=["sqlite"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Opens the same database any number of times; all are closed at the end."""
    opener = Opener(str(tmp_path / "state" / "monitor.db"))
    yield opener
    opener.close()


@pytest.fixture
def store(opener: Opener) -> Store:
    return opener()
