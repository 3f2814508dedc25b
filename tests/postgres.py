"""A PostgreSQL server of one test session: private, on this machine, gone at the end; the fixture `cluster`.

`initdb` refuses root, so where the tests run as root the server runs as the user `postgres` that Debian's package made.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

PASSWORD = "canary-of-the-database"  # secret on purpose: no error may show it
_USER = "monitor"


def binaries() -> Path | None:
    """The folder of the newest server that is installed; None where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


@dataclass(frozen=True)
class Cluster:
    """A running server. Over its socket everybody is trusted, over TCP a password is asked for."""

    folder: Path
    port: int
    servers: list[subprocess.Popen[bytes]] = field(default_factory=list, compare=False, repr=False)

    def url(self, database: str, **changes: str) -> str:
        """The URL of a database over the socket."""
        return f"postgresql:///{database}?host={self.folder}&port={self.port}&user={_USER}"

    def tcp(self, database: str, password: str = PASSWORD, port: int | None = None) -> str:
        """The URL of a database over TCP."""
        return f"postgresql://{_USER}:{password}@127.0.0.1:{port or self.port}/{database}"

    def start(self) -> None:
        """Start the server as a child that ends with this process, however that ends, and wait until it answers."""
        import psycopg

        where = ["-D", str(self.folder / "data"), "-k", str(self.folder), "-p", str(self.port)]
        paces = ["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "max_connections=100"]
        with (self.folder / "log").open("ab") as log:
            command = _as_server([_binary("postgres"), *where, *paces], "--pdeathsig", "QUIT")
            server = subprocess.Popen(command, stdout=log, stderr=log, cwd="/")
        self.servers.append(server)
        while server.poll() is None:  # the time of a test is bounded
            try:
                psycopg.connect(self.url("postgres")).close()
            except psycopg.OperationalError:
                continue
            return
        raise RuntimeError((self.folder / "log").read_text(encoding="utf-8", errors="replace"))

    def stop(self) -> None:
        """Stop the server at once, as if the power was cut."""
        for server in self.servers:
            server.send_signal(signal.SIGQUIT)
            server.wait()
        self.servers.clear()

    def make(self, database: str, words: str = "") -> None:
        """Make an empty database."""
        self.ask(f"CREATE DATABASE {database} {words}")

    def ask(self, words: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run one statement, outside of a transaction."""
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(words.encode())
            return cursor.fetchall() if cursor.description else []


def _binary(name: str) -> str:
    folder = binaries()
    assert folder is not None
    return str(folder / name)


def _as_server(command: list[str], *options: str) -> list[str]:
    """Return a command as it is run by the user whom the server accepts."""
    user = ["--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    return ["setpriv", *user, *options, *command] if user or options else command


@contextmanager
def running() -> Iterator[Cluster]:
    """Make and start a server; stop and remove it at the end."""
    folder = Path(tempfile.mkdtemp(prefix="gm-pg-", dir="/tmp"))  # a short path: that of a socket has 107 bytes
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, pwd.getpwnam("postgres").pw_uid)
        secret = folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        with socket.create_server(("127.0.0.1", 0)) as free:
            cluster = Cluster(folder, free.getsockname()[1])
        words = ["--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        made = [_binary("initdb"), "-D", str(folder / "data"), "-U", _USER, f"--pwfile={secret}", *words]
        subprocess.run(_as_server(made), check=True, capture_output=True, cwd="/")
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A server of this session; the test is left out where none is installed."""
    if binaries() is None:
        pytest.skip("no PostgreSQL server is installed")
    with running() as found:
        yield found
