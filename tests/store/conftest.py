"""The implementations that the conformance tests run over: a SQLite file, and PostgreSQL where there is a server."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitor.store.store import Store
from monitor.store.tables import metadata
from tests.postgres import Cluster
from tests.store.scenes import Opener


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database as `Store.open` makes it, to be copied: migrating anew for each test takes longer than the test."""
    path = tmp_path_factory.mktemp("fresh") / "monitor.db"
    Store.open(str(path)).close()
    return path


@pytest.fixture(scope="session")
def shared(cluster: Cluster) -> str:
    """The name of a database with our tables, which `emptied` empties: making one for each test takes too long."""
    cluster.make("shared")
    Store.open(cluster.url("shared")).close()
    return "shared"


def emptied(cluster: Cluster, name: str) -> str:
    """End every other connection to a database, empty its tables, and return its URL."""
    others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    words = [
        f"SELECT pg_terminate_backend(pid) {others}",
        *(f"DELETE FROM {table.name}" for table in reversed(metadata.sorted_tables)),
        "SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'",
    ]
    cluster.ask("; ".join(words), name)
    return cluster.url(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Opens the same database any number of times; all are closed at the end."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    if request.param == "sqlite":
        opener = Opener(str(state / "monitor.db"), state)
        shutil.copy2(request.getfixturevalue("fresh"), opener.path)
    else:
        cluster, name = request.getfixturevalue("cluster"), request.getfixturevalue("shared")
        opener = Opener(emptied(cluster, name), state)
    yield opener
    opener.close()


@pytest.fixture
def store(opener: Opener) -> Store:
    return opener()
