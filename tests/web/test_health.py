"""The health route over a real socket: red when a part stalls, silent about everything else."""

from __future__ import annotations

import asyncio
import json
import signal
import socket

import pytest

from monitor.errors import UsageError
from monitor.web.health import Health, is_loopback, serve

pytestmark = pytest.mark.anyio

WELL = Health({"scheduler": None, "outbox": None, "store": None})


async def asked(
    base: str, path: str = "/healthz", *, method: str = "GET", host: str | None = None
) -> tuple[int, dict[str, str], bytes]:
    """Send one request and return status, headers in lower case, and body."""
    name, _, port = base.removeprefix("http://").rpartition(":")
    reader, writer = await asyncio.open_connection(name.strip("[]"), int(port))
    writer.write(f"{method} {path} HTTP/1.1\r\nHost: {host or f'{name}:{port}'}\r\nConnection: close\r\n\r\n".encode())
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    headers = {key.lower(): value for key, _, value in (line.partition(": ") for line in rest)}
    return int(first.split()[1]), headers, body


async def test_a_well_process_is_ok() -> None:
    async with serve("127.0.0.1", 0, lambda: WELL) as base:
        status, headers, body = await asked(base)
    assert (status, json.loads(body)) == (200, {"status": "ok"})
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers


@pytest.mark.parametrize("part", ["scheduler", "outbox", "store"])
async def test_a_stalled_part_is_failing_and_named(part: str) -> None:
    async with serve("127.0.0.1", 0, lambda: Health({**WELL.parts, part: "it does not move"})) as base:
        status, _, body = await asked(base)
    expected = {
        "status": "failing",
        "scheduler": "ok",
        "outbox": "ok",
        "store": "ok",
        part: "failing: it does not move",
    }
    assert (status, json.loads(body)) == (503, expected)


async def test_dead_messages_are_said_and_do_not_turn_it_red() -> None:
    """C4: whoever starts a process again because it is red would start it for ever."""
    async with serve("127.0.0.1", 0, lambda: Health(WELL.parts, dead=True)) as base:
        status, _, body = await asked(base)
    assert (status, json.loads(body)) == (200, {"status": "ok", "messages": "some could not be delivered"})


async def test_a_check_that_fails_is_failing() -> None:
    def broken() -> Health:
        raise RuntimeError("secret")

    async with serve("127.0.0.1", 0, broken) as base:
        assert (await asked(base))[::2] == (503, b'{"status":"failing"}')


@pytest.mark.parametrize("path", ["/", "/healthz/", "/metrics", "/../etc/passwd", "/docs", "/openapi.json"])
async def test_everything_else_is_not_found(path: str) -> None:
    async with serve("127.0.0.1", 0, lambda: WELL) as base:
        status, headers, body = await asked(base, path)
    assert (status, body) == (404, b'{"error":"not found"}')
    assert headers["x-content-type-options"] == "nosniff"


async def test_only_reading_is_allowed() -> None:
    async with serve("127.0.0.1", 0, lambda: WELL) as base:
        assert (await asked(base, method="POST"))[0] == 405
        assert (await asked(base, method="HEAD"))[0] == 200


@pytest.mark.parametrize(
    ("host", "status"), [("localhost", 200), ("[::1]", 200), ("evil.example", 421), ("127.0.0.1:1", 421)]
)
async def test_a_loopback_server_answers_to_its_own_names_only(host: str, status: int) -> None:
    async with serve("127.0.0.1", 0, lambda: WELL) as base:
        assert (await asked(base, host=host))[0] == status


async def test_a_public_address_needs_a_token() -> None:
    with pytest.raises(UsageError, match="MONITOR_HTTP_TOKEN"):
        async with serve("0.0.0.0", 0, lambda: WELL):
            pass
    async with serve("0.0.0.0", 0, lambda: WELL, token="t") as base:
        assert (await asked(base.replace("0.0.0.0", "127.0.0.1"), host="monitor.example"))[0] == 200


async def test_a_port_in_use_is_one_clear_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(
            UsageError, match=f"cannot listen on 127.0.0.1:{port}: address already in use .*MONITOR_HTTP"
        ):
            async with serve("127.0.0.1", port, lambda: WELL):
                pass


@pytest.mark.parametrize("host", ["999.1.1.1", "no such host.invalid"])
async def test_a_host_that_cannot_be_bound_is_one_clear_line(host: str) -> None:
    with pytest.raises(UsageError, match="cannot listen on"):
        async with serve(host, 0, lambda: WELL, token="t"):
            pass


async def test_the_port_is_free_again_and_signals_are_untouched() -> None:
    before = signal.getsignal(signal.SIGTERM)
    async with serve("127.0.0.1", 0, lambda: WELL) as base:
        assert signal.getsignal(signal.SIGTERM) is before
        port = int(base.rpartition(":")[2])
    async with serve("127.0.0.1", port, lambda: WELL) as again:
        assert (await asked(again))[0] == 200


async def test_an_error_inside_the_block_is_not_hidden() -> None:
    with pytest.raises(KeyError):
        async with serve("127.0.0.1", 0, lambda: WELL):
            raise KeyError("x")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost"])
def test_loopback_is_known(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "example.org", "", "127.0.0.1.example.org"])
def test_everything_else_is_not_loopback(host: str) -> None:
    assert not is_loopback(host)
