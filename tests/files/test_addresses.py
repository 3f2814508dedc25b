"""Addresses in settings: what is taken, what is refused, and that a refused one is not repeated."""

from __future__ import annotations

import pytest

from monitor.files import addresses
from monitor.files.addresses import Listen


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://agent.tinyfish.ai", "https://agent.tinyfish.ai"),
        ("https://Agent.TinyFish.ai/", "https://agent.tinyfish.ai"),
        ("https://x.example:8443", "https://x.example:8443"),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("http://localhost", "http://localhost"),
        ("http://[::1]:80/", "http://[::1]:80"),
    ],
)
def test_an_origin_is_https_or_http_on_this_machine(text: str, origin: str) -> None:
    assert addresses.origin(text) == origin


@pytest.mark.parametrize(
    "text",
    [
        "http://agent.tinyfish.ai",
        "http://127.0.0.1.example",
        "ftp://127.0.0.1",
        "agent.tinyfish.ai",
        "https://",
        "https:///x",
        "https://hunter2:hunter2@x.example",
        "https://hunter2@x.example",
        "https://x.example/v1",
        "https://x.example?hunter2",
        "https://x.example#",
        "https://x.example:0",
        "https://x.example:99999",
        "https://x.example:hunter2",
        "https://[::1",
        "https://x\\.example",
        "https://é.example",
        " https://x.example",
        "https://x y.example",
        "",
    ],
)
def test_anything_else_is_no_origin(text: str) -> None:
    with pytest.raises(ValueError, match="must be") as caught:
        addresses.origin(text)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "listen", "loopback"),
    [
        ("127.0.0.1:8600", Listen("127.0.0.1", 8600), True),
        ("localhost:0", Listen("localhost", 0), True),
        ("[::1]:8600", Listen("::1", 8600), True),
        ("0.0.0.0:80", Listen("0.0.0.0", 80), False),
        ("[::]:80", Listen("::", 80), False),
        ("monitor.lan:80", Listen("monitor.lan", 80), False),
    ],
)
def test_a_listening_address_is_host_and_port(text: str, listen: Listen, loopback: bool) -> None:
    found = addresses.listen(text)
    assert found == listen
    assert found is not None
    assert found.loopback is loopback
    assert str(found) == text


def test_an_empty_listening_address_is_off() -> None:
    assert addresses.listen("") is None
    assert addresses.listen("  ") is None


@pytest.mark.parametrize(
    "text", ["8600", ":8600", "::1:8600", "a:", "a:b", "a:70000", "a b:1", "[a]:1", "[::1]", "x/:1", "a:٣"]
)
def test_what_is_no_host_and_port_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="host:port"):
        addresses.listen(text)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("state/monitor.db", "state/monitor.db"),
        ("/var/lib/monitor.db", "/var/lib/monitor.db"),
        ("sqlite:///state/monitor.db", "state/monitor.db"),
        ("sqlite:////var/lib/monitor.db", "/var/lib/monitor.db"),
    ],
)
def test_a_database_is_a_path_or_a_sqlite_url(text: str, path: str) -> None:
    assert addresses.database(text) == path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("postgresql://u:hunter2/@h/db", "must be postgresql://"),
        ("postgresql+psycopg://u:hunter2@x@h/db", "must be postgresql://"),
        ("mysql://hunter2", "must be a path"),
        ("sqlite://state.db", "must be the path"),
        ("sqlite:///", "must be the path"),
        ("sqlite:///:memory:", "must be the path"),
        ("~/monitor.db", "written out"),
        ("state/", "must be the path"),
        ("a.db?mode=ro", "must be the path"),
        ("a\x00b", "must be the path"),
        ("", "must be the path"),
    ],
)
def test_what_cannot_be_a_database_is_refused_without_its_password(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        addresses.database(text)
    assert "hunter2" not in str(caught.value)
