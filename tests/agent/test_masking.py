"""Masking: a secret that the API quotes, in whatever form, goes no further than the client."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.agent.client import Client
from monitor.agent.masking import MASK, SHORTEST, Mask
from monitor.agent.request import credentials
from monitor.agent.stream import EventStream
from monitor.agent.wire import read_json
from monitor.errors import AgentError, SecretError
from tests.agent.conftest import KEY
from tests.canaries import Search
from tests.conftest import SimulatedClock, make_watch
from tests.scripted_api import ScriptedApi

pytestmark = pytest.mark.anyio

SECRET = 'p"a/s+s=w&ord-4711\\x'
SECRETS = st.text(st.characters(codec="utf-8"), min_size=SHORTEST, max_size=40)
BODY = {"url": "https://shop.example/x", "goal": "g\n[ref 1]", "output_schema": {"type": "object"}}


def mask_of(*values: str) -> Mask:
    mask = Mask()
    mask.hide(values)
    return mask


def basic(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    "quoted",
    [
        SECRET,
        json.dumps(SECRET),
        quote(SECRET, safe=""),
        quote(SECRET, safe="").lower(),
        SECRET.replace("&", "&amp;").replace('"', "&quot;"),
        json.dumps(SECRET).replace("/", "\\/").replace("+", "\\u002b").replace("&", "\\u0026"),
        basic("u", SECRET),
        basic("us", SECRET),
        basic("use", SECRET),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
    ],
)
def test_every_form_is_masked_in_text_and_in_json(quoted: str) -> None:
    mask = mask_of(SECRET)
    search = Search({"it": SECRET})
    for masked in (
        mask.text(f"the key {quoted} is wrong"),
        mask.document(json.dumps({"error": {"message": f"the key {quoted} is wrong"}})),
        mask.document(f'{{"error": "the key {quoted} is'),
        mask.body(f"<p>{quoted}</p>".encode()).decode(),
    ):
        assert MASK in masked
        assert search.found(masked) == []


@given(SECRETS, st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))
@settings(deadline=None, max_examples=60)
def test_json_stays_json_and_nothing_else_is_changed(secret: str, before: str, after: str) -> None:
    mask = mask_of(secret)
    fields = {"type": "COMPLETE", "result": [before, {before: after}, 1, 1e300, None, True, before + secret + after]}
    for ascii_only in (True, False):
        found = read_json(mask.document(json.dumps(fields, ensure_ascii=ascii_only)))
        assert secret not in found["result"][-1]
        if not any(secret in each for each in (before, after)):
            assert found["result"][2:6] == [1, 1e300, None, True]
    assert read_json(mask.body(b"\xef\xbb\xbf" + json.dumps(fields).encode())) == found


def test_a_number_that_looks_like_a_password_stays_a_number() -> None:
    found = read_json(mask_of("12345678").document('{"result": {"views": 12345678, "note": "12345678"}}'))
    assert found == {"result": {"views": 12345678, "note": MASK}}


def test_what_the_run_is_known_by_is_kept() -> None:
    """A proxy's user may be a word of the goal: the run is found by its goal all the same."""
    mask = mask_of("espresso", "run_0001", "COMPLETED")
    run = {"run_id": "run_0001", "goal": "the espresso", "status": "COMPLETED", "result": {"goal": "espresso"}}
    masked = run | {"result": {"goal": MASK}}
    assert read_json(mask.document(json.dumps(run))) == masked
    assert read_json(mask.document(json.dumps({"data": [run, "espresso"]}))) == {"data": [masked, MASK]}


def test_short_words_and_no_secret_at_all_change_nothing() -> None:
    assert mask_of("user", "").text("user") == "user"
    assert Mask().text(KEY) == KEY
    assert Mask().document("{}") == "{}"
    assert Mask().body(b"{}") == b"{}"


def test_bytes_that_are_no_text_come_back_as_they_were() -> None:
    assert mask_of(KEY).body(b"\xff " + KEY.encode() + b" \xfe") == b"\xff *** \xfe"


def test_text_without_a_secret_is_not_even_parsed() -> None:
    mask = mask_of(KEY, "proxy-user-1", SECRET)
    text = json.dumps({"type": "PROGRESS", "purpose": "looking at the page " * 50})
    body = text.encode()
    assert mask.document(text) is text
    assert mask.body(body) is body
    assert mask.text(text) is text


# --- the client's doors


def client_of(api: ScriptedApi) -> Client:
    return Client(api.url, KEY, clock=SimulatedClock())


async def test_a_refusal_that_quotes_the_key_is_masked() -> None:
    async with ScriptedApi() as api, client_of(api) as client:
        api.next_run().status(401, {"error": {"code": "INVALID_API_KEY", "message": f"the key {KEY} is wrong"}})
        came = await client.run_async(BODY, within=10)
        assert "the key *** is wrong" in came.fault.message  # type: ignore[union-attr]
        api.answer("GET", "/v1/runs", 302, headers={"location": f"https://{KEY}.example/"})
        api.answer("GET", "/v1/runs", 200, {"data": [{"run_id": "r", "goal": "g", "result": {"shown": KEY}}]})
        api.answer("GET", "/v1/runs", 200, f"[{KEY}", headers={"content-type": "application/json"})
        with pytest.raises(AgentError) as caught:
            await client.check_key()
        assert KEY not in str(caught.value)
        (run,) = (await client.list_runs()).runs
        assert run.raw["result"] == {"shown": MASK}
        with pytest.raises(AgentError) as caught:
            await client.check_key()
        assert KEY not in str(caught.value)
        assert KEY not in caught.value.__cause__.text  # type: ignore[union-attr]


async def test_events_are_masked_and_a_former_key_stays_masked() -> None:
    async with ScriptedApi() as api, client_of(api) as client:
        client.hide("proxy-password")
        client.use_key("sk-another-key")
        progress = {"type": "PROGRESS", "run_id": "{run_id}", "purpose": f"{KEY} proxy-password sk-another-key"}
        api.next_run().raw(f"data: {json.dumps(progress)}\n\n".encode())
        stream = await client.run_sse(BODY, within=10)
        assert isinstance(stream, EventStream)
        (event,) = await stream.read(10)  # type: ignore[misc]
        assert event.purpose == "*** *** ***"  # type: ignore[union-attr]
        await stream.aclose()


async def test_an_answer_that_is_no_http_quotes_nothing() -> None:
    import asyncio

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"the key {KEY} is wrong\r\n\r\n".encode())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, Client(f"http://127.0.0.1:{port}", KEY, clock=SimulatedClock()) as client:
        came = await client.run_async(BODY, within=10)
        assert KEY not in came.fault.message  # type: ignore[union-attr]
        with pytest.raises(AgentError) as caught:
            await client.check_key()
        assert KEY not in str(caught.value)


# --- which secrets a request holds


def with_proxy(**fields: Any) -> Any:
    return make_watch(run={"proxy_config": {"enabled": True, "type": "custom", "url": "http://p.example"} | fields})


def test_credentials_of_a_request_are_those_of_its_proxy() -> None:
    def reveal(text: str) -> str:
        return {"${env:U}": "the-user", "${env:P}": "the-word", "${env:URL}": "http://us%40er:wo@p.example"}.get(
            text, text
        )

    assert credentials(make_watch(), reveal) == ()
    assert credentials(with_proxy(), reveal) == ("", "", ":")
    given_apart = credentials(with_proxy(username="${env:U}", password="${env:P}"), reveal)
    assert given_apart == ("the-user", "the-word", "the-user:the-word")
    given_inside = credentials(with_proxy(url="${env:URL}"), reveal)
    assert given_inside[3:] == ("http://us%40er:wo@p.example", "us%40er:wo", "us@er", "wo")


def test_a_credential_that_cannot_be_read_hides_nothing() -> None:
    def reveal(text: str) -> str:
        raise SecretError("it is not set")

    assert credentials(with_proxy(), reveal) == ()
