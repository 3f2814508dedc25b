"""The implementations that the conformance tests run over; PostgreSQL joins the list when it exists."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.store.store import Store
from tests.store.scenes import Opener


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database as `Store.open` makes it, to be copied: migrating anew for each test takes longer than the test."""
    path = tmp_path_factory.mktemp("fresh") / "monitor.db"
    Store.open(str(path)).close()
    return path


@pytest.fixture(params=["sqlite"])
def opener(request: pytest.FixtureRequest, tmp_path: Path, fresh: Path) -> Iterator[Opener]:
    """Opens the same database any number of times; all are closed at the end."""
    opener = Opener(str(tmp_path / "state" / "monitor.db"))
    opener.path.parent.mkdir(mode=0o700)
    shutil.copy2(fresh, opener.path)
    yield opener
    opener.close()


@pytest.fixture
def store(opener: Opener) -> Store:
    return opener()
