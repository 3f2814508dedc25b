"""The health routes over a real socket: red when a part stalls, silent about everything else."""

from __future__ import annotations

import asyncio
import signal
import socket
from pathlib import Path

import pytest

from monitor.errors import UsageError
from monitor.files.addresses import Listen
from monitor.files.secrets import Secret
from monitor.web.access import Tokens
from monitor.web.health import Health
from monitor.web.server import Door
from tests.web.conftest import TOKENS, WELL, console_at

pytestmark = pytest.mark.anyio

PARTS = ("scheduler", "outbox", "store")


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
@pytest.mark.parametrize("part", [None, *PARTS])
async def test_a_well_process_is_ok_and_a_stalled_part_is_named(state: Path, path: str, part: str | None) -> None:
    health = Health({**WELL.parts} | ({part: "it does not move"} if part else {}))
    async with console_at(state, health=lambda: health) as site:
        answer = await site.get(path)
    expected = {"status": "failing"} | dict.fromkeys(PARTS, "ok") | {part: "failing: it does not move"}
    assert (answer.status, answer.json) == ((503, expected) if part else (200, {"status": "ok"}))
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert "server" not in answer.headers


async def test_dead_messages_are_said_and_do_not_turn_it_red(state: Path) -> None:
    """C4: whoever starts a process again because it is red would start it for ever."""
    async with console_at(state, health=lambda: Health(WELL.parts, dead=True)) as site:
        answer = await site.get("/healthz")
    assert (answer.status, answer.json) == (200, {"status": "ok", "messages": "some could not be delivered"})


async def test_a_check_that_fails_is_failing(state: Path) -> None:
    def broken() -> Health:
        raise RuntimeError("secret")

    async with console_at(state, health=broken) as site:
        answer = await site.get("/healthz")
    assert (answer.status, answer.body) == (503, b'{"status":"failing"}')


async def test_health_needs_no_token_and_only_reading_is_allowed(state: Path) -> None:
    async with console_at(state, door=Door(Listen("127.0.0.1", 0), TOKENS)) as site:
        assert (await site.get("/healthz")).status == 200
        assert (await site.get("/healthz/")).status == 401  # exact, never by a prefix
        assert (await site.ask("HEAD", "/healthz")).body == b""
        assert (await site.ask("HEAD", "/healthz")).status == 200
        assert (await site.ask("PUT", "/healthz")).status == 405
        assert (await site.post("/healthz")).status in {403, 405}


@pytest.mark.parametrize(
    ("host", "status"), [("localhost", 200), ("[::1]", 200), ("evil.example", 421), ("127.0.0.1:1", 421)]
)
async def test_a_loopback_server_answers_to_its_own_names_only(state: Path, host: str, status: int) -> None:
    async with console_at(state) as site:
        assert (await site.ask("GET", "/healthz", host=host)).status == status


async def test_a_public_server_tells_its_health_to_any_name(state: Path) -> None:
    """A probe asks by whatever name its machine has for this one; it learns nothing else."""
    async with console_at(state, door=Door(Listen("0.0.0.0", 0), TOKENS)) as site:
        assert (await site.ask("GET", "/healthz", host="pod-7.cluster.example")).status == 200
        assert (await site.ask("GET", "/", host="pod-7.cluster.example")).status == 421


@pytest.mark.parametrize(
    ("door", "words"),
    [
        (Door(Listen("0.0.0.0", 0), Tokens()), "MONITOR_HTTP_TOKEN"),
        (Door(Listen("127.0.0.1", 0), Tokens(), "https://monitor.example"), "MONITOR_PUBLIC_URL"),
        (Door(Listen("127.0.0.1", 0), Tokens(None, TOKENS.read)), "MONITOR_HTTP_READ_TOKEN"),
        (Door(Listen("0.0.0.0", 0), Tokens(Secret("x" * 21))), "MONITOR_HTTP_TOKEN has fewer than 22 .*token_urlsafe"),
        (Door(Listen("0.0.0.0", 0), Tokens(TOKENS.full, Secret("x" * 21))), "MONITOR_HTTP_READ_TOKEN has fewer"),
    ],
    ids=["bind", "public address", "read token alone", "short token", "short read token"],
)
async def test_what_others_reach_needs_a_token_that_cannot_be_guessed(state: Path, door: Door, words: str) -> None:
    """Rows 41, 48."""
    with pytest.raises(UsageError, match=words):
        async with console_at(state, door=door):
            pass


@pytest.mark.parametrize(("host", "length"), [("0.0.0.0", 22), ("127.0.0.1", 3)])
def test_a_token_may_be_short_on_loopback_only(host: str, length: int) -> None:
    door = Door(Listen(host, 0), Tokens(Secret("x" * length)))
    door.check()
    assert door.guessable == (None if length >= 22 else "MONITOR_HTTP_TOKEN")


async def test_a_port_in_use_is_one_clear_line(state: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = f"cannot listen on 127.0.0.1:{port}: address already in use .*MONITOR_HTTP"
        with pytest.raises(UsageError, match=said):
            async with console_at(state, door=Door(Listen("127.0.0.1", port), Tokens())):
                pass


@pytest.mark.parametrize("host", ["999.1.1.1", "no such host.invalid"])
async def test_a_host_that_cannot_be_bound_is_one_clear_line(state: Path, host: str) -> None:
    with pytest.raises(UsageError, match="cannot listen on"):
        async with console_at(state, door=Door(Listen(host, 0), TOKENS)):
            pass


async def test_the_port_is_free_again_and_signals_are_untouched(state: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    async with console_at(state) as site:
        assert signal.getsignal(signal.SIGTERM) is before
        port = site.port
    async with console_at(state, door=Door(Listen("127.0.0.1", port), Tokens())) as again:
        assert (await again.get("/healthz")).status == 200


async def test_an_error_inside_the_block_is_not_hidden(state: Path) -> None:
    with pytest.raises(KeyError):
        async with console_at(state):
            raise KeyError("x")


async def test_open_streams_do_not_hold_the_server_up(state: Path) -> None:
    async with asyncio.timeout(5):
        async with console_at(state) as site:
            reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
            writer.write(f"GET /live HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\n\r\n".encode())
            await reader.readuntil(b"event: flight")
        assert b"runs" in await reader.read()
        writer.close()
