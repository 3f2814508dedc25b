"""The client on real sockets: what is sent, what is refused, and how every library error is translated."""

from __future__ import annotations

import asyncio
import ssl
import urllib.request
from datetime import UTC, datetime
from typing import Any

import httpcore
import httpx
import pytest
import trustme

from monitor.agent import client as client_module
from monitor.agent import happenings as h
from monitor.agent.client import Client
from monitor.agent.goal import goal_text
from monitor.agent.outcome import Code
from monitor.agent.request import body, hinted
from monitor.agent.stream import EventStream
from monitor.agent.transport import TROUBLE, Sent, tls_context, trouble
from monitor.clock import WallClock
from monitor.errors import AgentError, SecretError, UsageError
from monitor.watch.run import Run
from tests.agent.conftest import KEY
from tests.conftest import SimulatedClock, make_watch
from tests.scripted_api import ScriptedApi

pytestmark = pytest.mark.anyio

RUN = Run("01JD8Z0000000000000000000A", "espresso-machine", datetime(2026, 11, 21, 12, tzinfo=UTC))
BODY = {"url": "https://shop.example/x", "goal": "g\n[ref 1]", "output_schema": {"type": "object"}}


def client_of(api: ScriptedApi, **more: Any) -> Client:
    return Client(api.url, more.pop("key", KEY), clock=more.pop("clock", SimulatedClock()), **more)


# --- what is sent


async def test_the_request_carries_key_and_asks_for_plain_bytes() -> None:
    async with ScriptedApi() as api, client_of(api, key=f" {KEY}\n") as client:
        stream = await client.run_sse(BODY, within=10)
        assert isinstance(stream, EventStream)
        await stream.aclose()
        await client.get("run_1")
        await client.cancel("run_1")
    post, get, cancel = api.requests
    assert (post.method, post.path, post.body) == ("POST", "/v1/automation/run-sse", BODY)
    assert (get.method, get.path, get.query) == ("GET", "/v1/runs/run_1", {"screenshots": "none"})
    assert (cancel.method, cancel.path, cancel.body) == ("POST", "/v1/runs/run_1/cancel", None)
    for request in api.requests:
        assert request.headers["x-api-key"] == KEY
        assert request.headers["accept-encoding"] == "identity"


async def test_the_list_is_asked_with_every_filter() -> None:
    async with ScriptedApi() as api, client_of(api) as client:
        page = await client.list_runs(goal="[ref & 1]", created_after=RUN.due_at, cursor="c d", limit=5)
        await client.check_key()
    assert page.runs == ()
    assert api.requests[0].query == {
        "limit": "5", "goal": "[ref & 1]", "created_after": "2026-11-21T12:00:00Z", "cursor": "c d",
    }  # fmt: skip
    assert api.requests[1].query == {"limit": "1"}


async def test_an_id_cannot_leave_its_place_in_the_path() -> None:
    async with ScriptedApi() as api, client_of(api) as client:
        with pytest.raises(AgentError):
            await client.get("../wallet?x")
    assert api.requests[0].path == "/v1/runs/../wallet?x"  # one escaped segment


def test_the_body_is_the_watch_under_the_names_of_the_api() -> None:
    watch = make_watch(
        run={
            "browser_profile": "stealth",
            "proxy_config": {"enabled": True, "type": "custom", "url": "http://p", "password": "${env:P}"},
            "use_vault": True,
            "credential_item_ids": ["cred:1"],
        }
    )
    sent = body(watch, RUN, full_schema=False, reveal=lambda text: "revealed" if text.startswith("$") else text)
    assert sent == {
        "url": watch.url,
        "goal": f"{watch.goal}\n[ref {RUN.id}]",
        "output_schema": watch.output_schema,
        "browser_profile": "stealth",
        "proxy_config": {"enabled": True, "type": "custom", "url": "http://p", "password": "revealed"},
        "use_vault": True,
        "credential_item_ids": ["cred:1"],
    }
    assert goal_text(watch, RUN).rpartition("\n")[2] == f"[ref {RUN.id}]"


def test_hints_are_sent_only_in_the_full_schema() -> None:
    schema = {"type": "object", "properties": {"p": {"type": "number", "x-css": ".p", "description": "d"}}}
    watch = make_watch(output_schema=schema)
    assert body(watch, RUN, full_schema=True, reveal=str)["output_schema"] == schema
    slim = body(watch, RUN, full_schema=False, reveal=str)["output_schema"]
    assert slim == {"type": "object", "properties": {"p": {"type": "number", "nullable": True}}}
    assert hinted(schema)


# --- whom it speaks to


@pytest.mark.parametrize(
    "url", ["https://agent.tinyfish.ai", "http://127.0.0.1:1", "http://localhost:1/", "http://[::1]:1"]
)
def test_an_origin_is_https_or_on_this_machine(url: str) -> None:
    Client(url, KEY, clock=SimulatedClock())


@pytest.mark.parametrize(
    "url",
    [
        *("", "agent", "http://agent.tinyfish.ai", "ftp://x", "https://u:p@x", "https://x/api", "https://x/?a=b"),
        *("http://[", "http://128.0.0.1", "http://a:b:c"),
    ],
)
def test_any_other_origin_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        Client(url, KEY, clock=SimulatedClock())
    assert "u:p" not in str(caught.value)


@pytest.mark.parametrize("key", ["sk-a\nb", "sk-é", "sk-\x00"])
def test_a_key_that_cannot_be_a_header_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(SecretError) as caught:
        Client("https://x", key, clock=SimulatedClock())
    assert "sk-" not in str(caught.value)


async def test_without_a_key_no_header_is_sent() -> None:
    async with ScriptedApi() as api, client_of(api, key="") as client:
        await client.check_key()
    assert "x-api-key" not in api.requests[0].headers


async def test_our_embedded_agent_is_known_by_its_header_and_asked_for_once() -> None:
    async with ScriptedApi(embedded=True) as api, client_of(api) as client:
        assert not await client.wants_full_schema(hinted=False)
        assert api.requests == []
        assert await client.wants_full_schema(hinted=True)
        assert await client.wants_full_schema(hinted=True)
        assert len(api.requests) == 1
    async with ScriptedApi() as api, client_of(api) as client:
        assert not await client.wants_full_schema(hinted=True)
        assert not await client.wants_full_schema(hinted=True)
        assert len(api.requests) == 1
    async with ScriptedApi(embedded=True) as api, client_of(api) as client:
        stream = await client.run_sse(BODY, within=10)
        assert isinstance(stream, EventStream)
        await stream.aclose()
        assert client.embedded
    async with client_of(api) as client:  # closed: the question fails, the POST will say why
        assert not await client.wants_full_schema(hinted=True)


# --- what is refused


@pytest.mark.parametrize(
    ("status", "answer", "headers", "code"),
    [
        (200, "<html>log in</html>", {}, Code.PROTOCOL),
        (200, b"{}", {"content-type": "application/json", "content-encoding": "gzip"}, Code.PROTOCOL),
        (200, b"[]", {"content-type": "application/json"}, Code.PROTOCOL),
        (200, {"data": None}, {}, Code.PROTOCOL),
        (200, b"x" * (9 << 20), {"content-type": "application/json"}, Code.PROTOCOL),
        (302, "", {"location": "https://evil.example/"}, Code.PROTOCOL),
        (401, {"error": {"code": "INVALID_API_KEY", "message": "no"}}, {}, Code.AUTH),
        (429, "", {"retry-after": "9"}, Code.RATE),
        (500, "", {}, Code.NETWORK),
    ],
)
async def test_an_answer_that_is_no_list_is_an_error_with_its_code(
    status: int, answer: Any, headers: dict[str, str], code: Code
) -> None:
    async with ScriptedApi() as api, client_of(api) as client:
        api.answer("GET", "/v1/runs", status, answer, headers=headers)
        with pytest.raises(AgentError) as caught:
            await client.check_key()
    assert caught.value.code == code
    assert caught.value.status == (status if status != 200 else None)
    assert KEY not in str(caught.value)
    assert caught.value.retry_after == (9 if status == 429 else None)


async def test_a_server_that_is_gone_or_slow_is_an_error_of_the_network() -> None:
    async with ScriptedApi() as api:
        pass
    async with client_of(api) as client:
        with pytest.raises(AgentError) as caught:
            await client.get("r")
    assert caught.value.code == Code.NETWORK
    async with ScriptedApi() as api, client_of(api, clock=WallClock(300)) as client:
        api.next_run().hang_before_first_byte()
        assert isinstance(await client.run_async(BODY, within=30), h.Lost)


async def test_a_stream_where_json_was_due_is_closed_and_lost() -> None:
    async with ScriptedApi() as api, client_of(api) as client:
        api.next_run().status(200, b"data: {}\n\n", {"content-type": "text/event-stream"})
        api.next_run().status(200, b"x" * (9 << 20), {"content-type": "application/json"})
        first = await client.run_async(BODY, within=10)
        second = await client.run(BODY, within=10)
        assert isinstance(first, h.Lost)
        assert isinstance(second, h.Lost)
        assert "more than" in second.fault.message


async def test_a_stream_beyond_its_caps_is_lost_after_what_it_gave() -> None:
    async with ScriptedApi() as api, client_of(api) as client:
        api.next_run().raw(b"data: {}\n\n" * 20_500, 3_600)
        stream = await client.run_sse(BODY, within=10)
        assert isinstance(stream, EventStream)
        seen = 0
        while isinstance(came := await stream.read(10), tuple):
            seen += len(came)
        assert isinstance(came, h.Lost)
        assert (seen, came.fault.code) == (20_000, Code.PROTOCOL)
        await stream.aclose()


async def test_a_silent_stream_expires() -> None:
    async with ScriptedApi() as api, client_of(api) as client:
        api.next_run().raw(3_600)
        stream = await client.run_sse(BODY, within=10)
        assert isinstance(stream, EventStream)
        assert await stream.read(0.02) == h.Expired()
        await stream.aclose()
        await api.until_closed()


# --- TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


async def test_a_certificate_that_nobody_vouches_for_is_a_tls_fault_and_nothing_was_sent(
    authority: trustme.CA,
) -> None:
    async with ScriptedApi(tls=server_context(authority)) as api, client_of(api) as client:
        came = await client.run_sse(BODY, within=10)
        assert isinstance(came, h.NotSent)
        assert came.fault.code is Code.TLS
        assert "certificate" in came.fault.message
        with pytest.raises(AgentError) as caught:
            await client.check_key()
        assert caught.value.code == Code.TLS
        assert api.requests == []


async def test_over_a_trusted_connection_runs_stream(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    def trusting() -> ssl.SSLContext:
        context = tls_context()
        authority.configure_trust(context)
        return context

    monkeypatch.setattr(client_module, "tls_context", trusting)
    async with ScriptedApi(tls=server_context(authority)) as api, client_of(api) as client:
        stream = await client.run_sse(BODY, within=10)
        assert isinstance(stream, EventStream)
        assert await stream.read(10)
        await stream.aclose()
        await client.check_key()


def test_the_tls_context_verifies() -> None:
    context = tls_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


# --- translation


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (httpx.ConnectError("x"), Code.NETWORK),
        (httpx.ReadTimeout("x"), Code.NETWORK),
        (httpx.RemoteProtocolError("x"), Code.NETWORK),
        (httpx.LocalProtocolError(f"Illegal header value b'{KEY}'"), Code.PROTOCOL),
        (httpx.InvalidURL("x"), Code.NETWORK),
        (httpx.StreamClosed(), Code.NETWORK),
        (httpcore.ConnectError("x"), Code.NETWORK),
        (httpcore.ConnectTimeout("x"), Code.NETWORK),
        (httpcore.ReadError("x"), Code.NETWORK),
        (httpcore.WriteError("x"), Code.NETWORK),
        (httpcore.WriteTimeout("x"), Code.NETWORK),
        (httpcore.PoolTimeout("x"), Code.NETWORK),
        (httpcore.RemoteProtocolError("x"), Code.NETWORK),
        (httpcore.LocalProtocolError(f"Illegal header value b'{KEY}'"), Code.PROTOCOL),
        (httpcore.ProxyError("x"), Code.NETWORK),
        (httpcore.UnsupportedProtocol("x"), Code.NETWORK),
        (httpcore.ConnectionNotAvailable("x"), Code.NETWORK),
        (TimeoutError(), Code.NETWORK),
        (ConnectionResetError(104, "reset"), Code.NETWORK),
        (ssl.SSLError(1, "bad"), Code.TLS),
        (OSError(101, "Network is unreachable"), Code.NETWORK),
    ],
)
def test_every_library_error_has_its_code_and_no_key_in_its_text(error: Exception, code: Code) -> None:
    assert isinstance(error, TROUBLE)
    fault = trouble(error, "in a test")
    assert fault.code is code
    assert KEY not in fault.message
    assert "in a test" in fault.message


def test_the_cause_of_an_error_counts() -> None:
    outer = httpcore.ConnectError("x")
    outer.__cause__ = ssl.SSLCertVerificationError(1, "certificate verify failed")
    assert trouble(outer, "now").code is Code.TLS
    outer.__cause__ = TimeoutError()
    assert "in time" in trouble(outer, "now").message


@pytest.mark.parametrize("cut", ["before the head ends", "a reset"])
async def test_an_answer_that_breaks_off_is_lost_though_its_class_says_otherwise(cut: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-" if cut.startswith("before") else b"")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, Client(f"http://127.0.0.1:{port}", KEY, clock=SimulatedClock()) as client:
        came = await client.run_sse(BODY, within=10)
    assert isinstance(came, h.Lost)
    assert came.fault.code is Code.NETWORK


async def test_the_flag_says_sent_when_the_server_never_reads() -> None:
    stop = asyncio.Event()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await stop.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1)
    port = server.sockets[0].getsockname()[1]
    huge = {**BODY, "goal": "x" * 30_000_000}
    clock = WallClock(100)
    async with server, Client(f"http://127.0.0.1:{port}", KEY, clock=clock) as client:
        came = await client.run_sse(huge, within=60)
        stop.set()
    assert isinstance(came, h.Lost)
    assert not Sent().left


# --- the scripted server itself


def test_the_scripted_server_serves_from_a_thread() -> None:
    with ScriptedApi().in_thread() as api:
        request = urllib.request.Request(f"{api.url}/v1/runs?limit=1", headers={"x-api-key": "k"})
        with urllib.request.urlopen(request, timeout=5) as answer:
            assert b'"data": []' in answer.read()
    assert [request.path for request in api.requests] == ["/v1/runs"]
