"""The one outer layer: every route with no token, a wrong one, a read-only one, a foreign Host and a foreign origin
(promise F6, reliability.md rows 41-53).
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from monitor.files.addresses import Listen
from monitor.web import body
from monitor.web.server import Door
from tests.web.conftest import READ_TOKEN, TOKEN, TOKENS, Answer, Site, bearer, console_at

pytestmark = pytest.mark.anyio

OPEN = {"/healthz", "/readyz", "/login", "/robots.txt"}
STREAMS = {"/live", "/api/v1/events"}
FILLED = {"name": "espresso-machine", "run": "01AAAAAAAAAAAAAAAAAAAAAAAA", "message": "1", "path": "x", "tag": "a"}


def walked(site: Site) -> Iterator[tuple[str, str]]:
    """Every route of the application with a method that it has, its parameters filled in."""
    from monitor.web.server import _guarded

    gate = _guarded(site.console, Door(Listen("127.0.0.1", 0), TOKENS), site.port)
    for route in flat(gate._app.routes):  # type: ignore[attr-defined] # as above
        path = route.path
        for name in route.param_convertors:
            path = path.replace(f"{{{name}}}", FILLED.get(name, "1")).replace(f"{{{name}:path}}", FILLED.get(name, "1"))
        for method in sorted((route.methods or set()) - {"HEAD"}):
            yield method, path


def flat(routes: list[BaseRoute]) -> Iterator[APIRoute]:
    """The routes themselves, those of included routers too, which FastAPI keeps as they were given."""
    for route in routes:
        if hasattr(route, "original_router"):
            yield from flat(route.original_router.routes)
        else:
            yield route  # type: ignore[misc] # a Route or an APIRoute


async def test_every_route_refuses_who_may_not(guarded: Site) -> None:
    """F6: no route, with any method, answers to anybody but those whom the table lets in."""
    routes = sorted(set(walked(guarded)))
    assert len(routes) > 25
    assert {path for _, path in routes} >= OPEN | STREAMS | {"/", "/api/v1/status", "/metrics", "/api/v1/openapi.json"}
    for method, path in routes:
        static = path.startswith("/static/")
        nobody = await guarded.ask(method, path)
        allowed = path in OPEN or static
        assert (nobody.status in {200, 303, 403, 404}) if allowed else nobody.status in {401, 303}, (method, path)
        if nobody.status == 303:
            assert nobody.headers["location"].startswith("/login")
        wrong = await guarded.ask(method, path, bearer("no" * 20))
        assert wrong.status in ({200, 401, 403, 405, 429} if allowed else {401, 429}), (method, path)
        foreign = await guarded.ask(method, path, bearer(TOKEN), host="evil.example")
        assert foreign.status == 421, (method, path)
        for origin in ("Origin: https://evil.example", "Sec-Fetch-Site: cross-site", "Origin: null"):
            assert (await guarded.ask(method, path, bearer(TOKEN), origin)).status == 403, (method, path, origin)
        if method == "POST" and path not in {"/login", "/logout"}:
            assert (await guarded.ask(method, path, bearer(READ_TOKEN))).status in {403, 429}, (method, path)
        guarded_headers(nobody, wrong, foreign)


def guarded_headers(*answers: Answer) -> None:
    for answer in answers:
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert "server" not in answer.headers


async def test_nothing_is_changed_by_reading(site: Site) -> None:
    """Row 43: no order is a GET."""
    for method, path in set(walked(site)):
        if method == "POST":
            assert (await site.get(path)).status in {404, 405} or path == "/login", path


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW"])
async def test_other_methods_are_refused(site: Site, method: str) -> None:
    assert (await site.ask(method, "/api/v1/status")).status in {400, 405}


async def test_tokens_open_what_they_are_for(guarded: Site) -> None:
    assert (await guarded.get("/api/v1/status", bearer(TOKEN))).status == 200
    assert (await guarded.get("/api/v1/status", bearer(READ_TOKEN))).status == 200
    assert (await guarded.post("/api/v1/watches/espresso-machine/pause", bearer(TOKEN))).status == 200
    refused = await guarded.post("/api/v1/watches/espresso-machine/resume", bearer(READ_TOKEN))
    assert (refused.status, refused.json["error"]["code"]) == (403, "FORBIDDEN")
    assert (await guarded.get(f"/api/v1/status?token={TOKEN}")).status == 401  # never in a URL (row 48)
    assert (await guarded.get("/api/v1/status", f"Cookie: monitor_session={TOKEN}")).status == 401
    assert (await guarded.get("/api/v1/status", bearer(TOKEN), host_header("monitor.example"))).status == 400


def host_header(name: str) -> str:
    return f"Host: {name}"


async def test_the_public_name_is_answered_and_others_are_not(guarded: Site) -> None:
    """Row 44."""
    assert (await guarded.ask("GET", "/api/v1/status", bearer(TOKEN), host="monitor.example")).status == 200
    for host in ("monitor.example:8600", "monitor.example.evil.com", "xmonitor.example", "", "a b", "[::1", "127.1"):
        assert (await guarded.ask("GET", "/api/v1/status", bearer(TOKEN), host=host)).status in {400, 421}, host


async def test_a_program_gets_a_challenge_and_a_person_the_login_page(guarded: Site) -> None:
    program = await guarded.get("/api/v1/status")
    assert (program.status, program.headers["www-authenticate"]) == (401, 'Bearer realm="goal-monitor"')
    assert program.json["error"]["code"] == "UNAUTHORIZED"
    person = await guarded.get("/watches/a?b=c&d=//evil", "Accept: text/html")
    assert (person.status, person.headers["location"]) == (
        303,
        f"/login?next={quote('/watches/a?b=c&d=//evil', safe='')}",
    )
    feed = await guarded.get("/metrics")
    assert feed.status == 401
    assert feed.headers["www-authenticate"].startswith("Basic ")


async def test_feeds_take_a_token_as_a_password_and_nothing_else_does(guarded: Site) -> None:
    def basic(password: str) -> str:
        return "Authorization: Basic " + base64.b64encode(f"anybody:{password}".encode()).decode()

    assert (await guarded.get("/metrics", basic(READ_TOKEN))).status in {200, 404}
    assert (await guarded.get("/metrics", basic("wrong"))).status == 401
    assert (await guarded.get("/metrics", "Authorization: Basic ====")).status == 401
    assert (await guarded.get("/api/v1/status", basic(TOKEN))).status == 401


async def test_guessing_is_slowed_down(guarded: Site) -> None:
    """Row 48: after ten wrong tokens in a minute even the right one has to wait."""
    for _ in range(10):
        assert (await guarded.get("/api/v1/status", bearer("wrong"))).status == 401
    waiting = await guarded.get("/api/v1/status", bearer(TOKEN))
    assert waiting.status == 429
    assert 0 < int(waiting.headers["retry-after"]) <= 61
    assert (await guarded.get("/healthz")).status == 200


# --- the login page and its session


async def logged_in(site: Site, token: str = TOKEN, following: str = "/") -> Answer:
    word = site_word(site, None)
    form = f"token={token}&next={quote(following, safe='')}&csrf={word}"
    return await site.post("/login", "Content-Type: application/x-www-form-urlencoded", body=form)


def site_word(site: Site, cookie: str | None) -> str:
    return _words[site.base](cookie)


_words: dict[str, Callable[[str | None], str]] = {}


@pytest.fixture(autouse=True)
def _know_the_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test know the word of a form without reading it out of a page: pages have tests of their own."""
    from monitor.web import gate

    before = gate.Gate.__init__

    def remembered(self: gate.Gate, *args: object) -> None:
        before(self, *args)  # type: ignore[arg-type] # handed on as it came
        _words[f"http://127.0.0.1:{self._names.port}"] = lambda cookie: self._sessions.word(
            self._sessions.read(cookie, self._clock.now()) if cookie else None
        )

    monkeypatch.setattr(gate.Gate, "__init__", remembered)


def cookie_of(answer: Answer) -> str:
    return answer.headers["set-cookie"].partition(";")[0].partition("=")[2]


async def test_a_token_at_the_login_page_begins_a_session(guarded: Site) -> None:
    answer = await logged_in(guarded, following="/watches/x?y=1")
    assert (answer.status, answer.headers["location"]) == (303, "/watches/x?y=1")
    kept = answer.headers["set-cookie"].lower()
    assert all(word in kept for word in ("httponly", "samesite=strict", "path=/"))
    assert TOKEN not in answer.headers["set-cookie"]
    cookie = f"Cookie: other=1; monitor_session={cookie_of(answer)}"
    assert (await guarded.get("/api/v1/status", cookie)).status == 200
    pause = "/api/v1/watches/espresso-machine/pause"
    assert (await guarded.post(pause, cookie)).status == 200
    assert (await guarded.post(pause, cookie, "Origin: https://evil.example")).status == 403
    out = await guarded.post("/logout", cookie, f"X-CSRF-Token: {site_word(guarded, cookie_of(answer))}")
    assert out.status == 303
    assert (await guarded.get("/api/v1/status", cookie)).status == 401  # whoever copied the cookie is out too


async def test_a_session_of_the_read_only_token_reads_only(guarded: Site) -> None:
    cookie = f"Cookie: monitor_session={cookie_of(await logged_in(guarded, READ_TOKEN))}"
    assert (await guarded.get("/api/v1/status", cookie)).status == 200
    assert (await guarded.post("/api/v1/watches/espresso-machine/pause", cookie)).status == 403


@pytest.mark.parametrize(
    "following", ["//evil.example", "https://evil.example", "/\\evil.example", "\r\nX: y", "javascript:1"]
)
async def test_the_login_page_leads_to_no_other_site(guarded: Site, following: str) -> None:
    assert (await logged_in(guarded, following=following)).headers["location"] == "/"


async def test_a_wrong_token_at_the_login_page_is_said_and_counted(guarded: Site) -> None:
    for _ in range(10):
        assert (await logged_in(guarded, "wrong")).headers["location"] == "/login?wrong=1"
    assert (await logged_in(guarded)).headers["location"] == "/login?wait=1"


async def test_a_form_without_its_word_is_refused(guarded: Site) -> None:
    """Row 43: same origin, and a word that no other site can know."""
    form = "Content-Type: application/x-www-form-urlencoded"
    assert (await guarded.post("/login", form, "Sec-Fetch-Site: same-origin", body=f"token={TOKEN}")).status == 403
    assert (await guarded.post("/login", form, body=f"token={TOKEN}&csrf=abc")).status == 403
    assert (await guarded.post("/login", form, body=b"\xff\xfe")).status == 400
    cookie = cookie_of(await logged_in(guarded))
    other = f"X-CSRF-Token: {site_word(guarded, None)}"
    refused = await guarded.post("/watches/espresso-machine/pause", f"Cookie: monitor_session={cookie}", other)
    assert refused.status == 403


async def test_the_cookie_is_kept_to_tls_where_the_browser_came_by_it(guarded: Site) -> None:
    form = f"token={TOKEN}&csrf={site_word(guarded, None)}"
    kind = "Content-Type: application/x-www-form-urlencoded"
    answer = await guarded.ask("POST", "/login", kind, body=form, host="monitor.example")
    assert "secure" in answer.headers["set-cookie"].lower()
    assert "secure" not in (await logged_in(guarded)).headers["set-cookie"].lower()


# --- without a token, on loopback


async def test_this_machine_needs_no_token_and_another_site_gets_nothing(site: Site) -> None:
    """Rows 43 to 45: whatever page is open in a browser of this machine."""
    assert (await site.get("/api/v1/status")).status == 200
    assert (await site.get("/api/v1/status", bearer("wrong"))).status == 401
    run = "/api/v1/watches/espresso-machine/run"
    form = "Content-Type: text/plain"
    assert (await site.post(run, form, body=b"{}")).status == 415  # what needs no question first
    assert (await site.post(run, "Sec-Fetch-Site: same-site")).status == 403
    assert (await site.post(run, f"Origin: http://127.0.0.1:{site.port + 1}")).status == 403
    assert (await site.post("/watches/espresso-machine/run")).status == 403  # no word
    for path in sorted(STREAMS):
        assert (await site.get(path, "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: cors")).status == 403
    assert (await site.post(run, f"Origin: http://127.0.0.1:{site.port}")).status == 200


async def test_a_link_on_another_site_leads_to_a_page_and_not_into_a_frame(site: Site) -> None:
    link = ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate")
    assert (await site.get("/robots.txt", *link, "Sec-Fetch-Dest: document")).status == 200
    assert (await site.get("/robots.txt", *link, "Sec-Fetch-Dest: iframe")).status == 403
    assert (await site.get("/api/v1/status", *link, "Sec-Fetch-Dest: document")).status == 403


async def test_what_a_proxy_says_of_itself_is_not_believed(site: Site) -> None:
    """Row 53."""
    pause = "/api/v1/watches/espresso-machine/pause"
    assert (await site.post(pause, "X-Forwarded-For: 8.8.8.8", "Forwarded: for=8.8.8.8")).status == 200
    assert site.desk.store.orders()[0].who == "this machine, 127.0.0.1"
    assert (await site.get("/api/v1/status", "X-Forwarded-Host: evil.example")).status == 200


# --- size and time


async def test_a_request_that_is_too_large_is_refused_early(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Row 49: by what it announces, before it is read."""
    monkeypatch.setattr(body, "LINGER", 0.1)
    run = "/api/v1/watches/espresso-machine/run"
    head = f"POST {run} HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\nContent-Type: application/json\r\n"
    announced = await site.raw(f"{head}Content-Length: 1073741824\r\n\r\n".encode() + b"{" * 1000)
    assert (announced.status, announced.json["error"]["code"]) == (413, "TOO_LARGE")
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    in_pieces = await site.raw(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + chunk + chunk + b"0\r\n\r\n")
    assert in_pieces.status == 413
    assert (await site.raw(f"{head}Content-Length: -1\r\n\r\n".encode())).status in {400, 413}
    assert (await site.get("/api/v1/status")).status == 200


async def test_headers_without_end_are_refused(site: Site) -> None:
    many = [f"X-{number}: a" for number in range(150)]
    assert (await site.get("/", *many)).status == 431
    first = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\n".encode()
    assert (await site.raw(first + b"".join(b"X-%d: a\r\n" % number for number in range(100_000)))).status in {0, 400}
    assert (await site.get("/" + "a" * 5_000)).status == 414
    assert (await site.get("/api/v1/status?" + "a" * 5_000)).status == 414


@pytest.mark.parametrize("name", ["Host", "Content-Length", "Authorization", "Origin"])
async def test_a_header_that_decides_may_stand_only_once(site: Site, name: str) -> None:
    assert (await site.get("/", f"{name}: 1", f"{name}: 2")).status == 400


async def test_a_slow_request_loses_its_place(monkeypatch: pytest.MonkeyPatch, site: Site) -> None:
    """Row 49: neither a head nor a body that never ends holds a connection."""
    from monitor.web import connection

    monkeypatch.setattr(connection, "WHOLE_WITHIN", 0.2)
    monkeypatch.setattr(body, "WITHIN", 0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    assert await asyncio.wait_for(reader.read(), 5) == b""  # it said nothing
    writer.close()
    assert (await site.raw(b"GET / HTTP/1.1\r\nX: ")).status == 0
    run = "/api/v1/watches/espresso-machine/run"
    head = f"POST {run} HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\nContent-Length: 10\r\n\r\n".encode()
    assert (await site.raw(head + b"{")).status == 408
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\n\r\n".encode())
    await reader.readuntil(b'{"status":"ok"}')
    writer.write(b"GET /")  # and a second one, which never comes
    assert await asyncio.wait_for(reader.read(), 3) == b""
    writer.close()


async def test_a_range_is_not_looked_at(site: Site) -> None:
    """CVE-2025-62727: the cost of a Range header grows with its square."""
    ranges = "Range: bytes=" + ",".join(f"{n}-{n + 1}" for n in range(500))
    assert (await site.get("/robots.txt", ranges)).status == 200


async def test_paths_that_climb_find_nothing(site: Site) -> None:
    """Row 50."""
    climbing = ["/static/../console.py", "/static/..%2fconsole.py", "/static/%2e%2e/console.py", "/static//etc/passwd",
                "/../../etc/passwd", "/api/v1/runs/..%2f..%2fetc", "/static/\x00"]  # fmt: skip
    for path in climbing:
        line = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\nConnection: close\r\n\r\n"
        assert (await site.raw(line.encode())).status in {400, 404}, path


async def test_a_websocket_is_refused(site: Site) -> None:
    upgrade = ("Upgrade: websocket", "Connection: Upgrade, close", "Sec-WebSocket-Key: x", "Sec-WebSocket-Version: 13")
    request = "\r\n".join(
        ["GET /live HTTP/1.1", f"Host: 127.0.0.1:{site.port}", "Origin: http://evil.example", *upgrade, "", ""]
    )
    assert (await site.raw(request.encode())).status in {400, 403}


async def test_the_reader_of_a_head_request_gets_no_body(site: Site) -> None:
    head = await site.ask("HEAD", "/api/v1/status")
    assert (head.status, head.body) == (200, b"")
    assert (await site.ask("HEAD", "/live")).status == 405


async def test_a_public_bind_answers_to_addresses_and_names_of_its_own(state: Path) -> None:
    async with console_at(state, door=Door(Listen("0.0.0.0", 0), TOKENS, "https://monitor.example")) as site:
        for host, status in [
            ("10.0.0.7:9", 200),
            ("monitor:8600", 200),
            ("monitor.example", 200),
            ("evil.example", 421),
        ]:
            assert (await site.ask("GET", "/api/v1/status", bearer(TOKEN), host=host)).status == status, host
