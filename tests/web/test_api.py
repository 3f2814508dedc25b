"""The REST API against a real store: what it shows is what the command line prints, and what it does is done."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.engine.status import document
from monitor.files.addresses import Listen
from monitor.judge.decision import Verdict
from monitor.store.records import stamp
from monitor.watch.run import Trigger
from monitor.web.access import Tokens
from monitor.web.api import answers
from monitor.web.server import Door
from tests.conftest import make_watch
from tests.engine.conftest import until
from tests.web.conftest import Site, console_at

pytestmark = pytest.mark.anyio

API = "/api/v1"
NAME = "espresso-machine"
HOSTILE = "</script><script>alert(1)</script>\u202e"


def records(site: Site, verdict: str | None = None) -> list[Any]:
    return site.desk.store.history(NAME, 100, verdict)


async def ran(site: Site, count: int = 1) -> str:
    """Order a run and wait for its record; returns the run's id."""
    before = len(records(site))
    answer = await site.post(f"{API}/watches/{NAME}/run")
    assert answer.status == 200, answer.text
    await until(lambda: len(records(site)) == before + count)
    return str(answer.json["run"])


async def test_a_run_is_ordered_made_recorded_and_shown_as_the_command_line_shows_it(site: Site) -> None:
    run = await ran(site)
    record = records(site)[0]
    assert (record.id, record.verdict, record.trigger) == (run, "BASELINE", "manual")
    history = await site.get(f"{API}/watches/{NAME}/history")
    assert history.json == {"items": [record.as_json()], "next": None}
    whole = await site.get(f"{API}/runs/{run}")
    stored = site.desk.store.record(run, raw=True)
    assert stored is not None
    assert whole.json == json.loads(json.dumps(stored.whole(())))
    assert (await site.get(f"{API}/runs/{run[:8].lower()}")).json["run"] == run
    assert (await site.get(f"{API}/runs/run_1")).json["run"] == run
    steps = await site.get(f"{API}/runs/{run}/steps")
    assert steps.json["items"][0]["kind"] == "started"
    order = site.desk.store.orders()[0]
    assert (order.who, order.action, order.watch) == ("this machine, 127.0.0.1", "run", NAME)
    listed = await site.get(f"{API}/orders")
    assert listed.json["items"][0] == order.as_json()


async def test_status_is_the_document_of_the_command_line(site: Site) -> None:
    await ran(site)
    console = site.console
    answer = (await site.get(f"{API}/status")).json
    expected = document(console.settings(), console.watches(), (), console.store, console.clock.now())
    for each in (answer["watches"][0], expected["watches"][0]):
        each.pop("next_due")
    assert answer == json.loads(json.dumps(expected))


async def test_a_dry_run_is_dry(site: Site) -> None:
    answer = await site.post(f"{API}/watches/{NAME}/run", body={"dry_run": True})
    assert answer.json["ok"]
    await until(lambda: records(site))
    assert records(site)[0].dry


async def test_a_watch_that_runs_already_is_not_run_again(site: Site) -> None:
    """Row 52: the button is no money pump."""
    site.api.next_run(result={"price": 1, "in_stock": True}).takes(None)
    first = await site.post(f"{API}/watches/{NAME}/run")
    second = await site.post(f"{API}/watches/{NAME}/run")
    assert (second.status, second.json["ok"], second.json["run"]) == (409, False, first.json["run"])
    await until(lambda: site.api.posts == 1)
    flight = await site.get(f"{API}/flight")
    assert [each["run"] for each in flight.json["items"]] == [first.json["run"]]
    shown = await site.get(f"{API}/runs/{first.json['run']}")
    assert (shown.json["verdict"], shown.json["watch"]) == (None, NAME)


async def test_a_run_beyond_the_ceiling_is_recorded_and_costs_nothing(state: Path) -> None:
    """A5 and row 52: what is ordered by hand counts like everything else."""
    async with console_at(state, make_watch(limits={"runs_per_day": 1})) as site:
        await ran(site)
        await ran(site)
        assert (records(site)[0].verdict, records(site)[0].code) == ("SKIPPED", "CEILING")
        assert site.api.posts == 1


async def test_a_run_in_flight_is_cancelled_at_the_api_and_recorded_once(site: Site) -> None:
    """A7: by the task that follows it."""
    site.api.next_run(result={"price": 1, "in_stock": True}).takes(None)
    run = (await site.post(f"{API}/watches/{NAME}/run")).json["run"]
    await until(lambda: [left.run_id for left in site.desk.store.in_flight()] == ["run_1"])
    answer = await site.post(f"{API}/runs/{run}/cancel")
    assert (answer.status, answer.json["run"]) == (200, run)
    await until(lambda: records(site))
    assert [(record.verdict, record.code) for record in records(site)] == [("FAILED", "CANCELLED")]
    assert site.api.cancels == 1
    gone = await site.post(f"{API}/runs/{run}/cancel")
    assert (gone.status, gone.json["error"]["code"]) == (404, "NOT_FOUND")


async def test_a_watch_is_paused_for_a_time_and_resumed(site: Site) -> None:
    now = site.console.clock.now()
    answer = await site.post(f"{API}/watches/{NAME}/pause", body={"for": "2h"})
    assert answer.json["paused"]
    until_ = site.desk.store.pauses(now)[NAME]
    assert until_ is not None
    assert timedelta(hours=1, minutes=59) < until_ - now < timedelta(hours=2, seconds=5)
    instant = stamp(now.replace(microsecond=0) + timedelta(days=1))
    assert (await site.post(f"{API}/watches/{NAME}/pause", body={"until": instant})).json["paused_until"] == instant
    assert (await site.post(f"{API}/watches/{NAME}/pause")).json["paused_until"] is None
    assert (await site.get(f"{API}/watches/{NAME}")).json["paused"]
    assert (await site.post(f"{API}/watches/{NAME}/resume")).json["was_paused"]
    assert not (await site.post(f"{API}/watches/{NAME}/resume")).json["was_paused"]


@pytest.mark.parametrize(
    "body",
    [
        {"for": "2x"},
        {"for": "99999d", "x": 1},
        {"for": "1h", "until": "2030-01-01T00:00:00Z"},
        {"until": "2001-01-01T00:00:00Z"},
        {"until": "2030-01-01"},
        {"for": "99999d"},
        "[",
        "1" * 5_000,
        '{"for": ' + "[" * 10_000,
    ],
)
async def test_a_pause_that_cannot_be_is_one_clear_line(site: Site, body: Any) -> None:
    kind = [] if isinstance(body, dict) else ["Content-Type: application/json"]
    answer = await site.post(f"{API}/watches/{NAME}/pause", *kind, body=body)
    assert answer.status in {400, 409, 422}
    assert "\n" not in answer.json["error"]["message"]
    assert site.desk.store.pauses(site.console.clock.now()) == {}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/watches/nobody"),
        ("GET", "/watches/nobody/history"),
        ("GET", "/watches/nobody/schedule"),
        ("GET", "/runs/01AAAAAAAAAAAAAAAAAAAAAAAA"),
        ("GET", "/runs/x"),
        ("GET", "/runs/01AAAAAAAAAAAAAAAAAAAAAAAA/steps"),
        ("GET", "/nothing"),
        ("POST", "/watches/nobody/run"),
        ("POST", "/watches/nobody/pause"),
        ("POST", "/watches/nobody/resume"),
        ("POST", "/runs/nobody/cancel"),
        ("POST", "/outbox/77/retry"),
        ("POST", "/outbox/77/drop"),
        ("POST", "/targets/nobody/test"),
    ],
)
async def test_what_does_not_exist_is_a_small_404(site: Site, method: str, path: str) -> None:
    answer = await site.ask(method, API + path)
    assert (answer.status, answer.json["error"]["code"]) == (404, "NOT_FOUND")
    assert len(answer.body) < 300


@pytest.mark.parametrize("path", [f"watches/{NAME}/history", "changes", "outbox", "orders"])
async def test_a_cursor_that_is_none_is_refused(site: Site, path: str) -> None:
    assert (await site.get(f"{API}/{path}?cursor=zzz")).status == 422


async def test_history_is_paged_by_a_cursor_and_bounded_in_bytes(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Row 51."""
    for minute in range(25):
        due = site.console.clock.now().replace(minute=0, second=0, microsecond=0) - timedelta(minutes=minute)
        site.desk.store.record_skip(
            NAME, due, Trigger.CRON, Verdict.SKIPPED, "PAUSED", f"why {minute}", site.console.clock.now()
        )
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await site.get(f"{API}/watches/{NAME}/history?limit=10{cursor}")).json
        seen += [record["run"] for record in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == [record.id for record in records(site)]
    monkeypatch.setattr(answers, "ENOUGH", 1_000)
    short = (await site.get(f"{API}/watches/{NAME}/history?limit=25")).json
    assert 0 < len(short["items"]) < 10
    assert short["next"] == short["items"][-1]["run"]
    assert (await site.get(f"{API}/watches/{NAME}/history?verdict=SKIPPED&limit=1")).json["items"][0]["run"] == seen[0]
    assert (await site.get(f"{API}/watches/{NAME}/history?verdict=NONE")).status == 422
    assert (await site.get(f"{API}/watches/{NAME}/history?limit=100000")).status == 422


async def test_what_a_page_said_is_data_in_ascii(site: Site) -> None:
    """Row 36 and F5: no byte of a page can be taken for anything but JSON."""
    site.api.next_run(result={"price": 1, "in_stock": True, "name": HOSTILE, "__proto__": {"a.b": "\u2028"}})
    run = await ran(site)
    answer = await site.get(f"{API}/runs/{run}")
    assert answer.body.isascii()
    assert answer.headers["content-type"] == "application/json"
    assert answer.json["raw"]["result"]["name"].startswith("</script>")


async def test_a_number_that_is_none_is_null(site: Site) -> None:
    from monitor.web.documents import encoded

    found = encoded({"a": [float("nan"), float("inf"), 1.5], "b": (1, "\ud800")})
    assert found == b'{"a":[null,null,1.5],"b":[1,"\\ud800"]}'


async def test_watches_are_filtered_and_paged(state: Path) -> None:
    watches = [make_watch(name=f"w{number}", tags=["odd"] if number % 2 else []) for number in range(7)]
    async with console_at(state, *watches) as site:

        async def names(query: str) -> tuple[list[str], Any]:
            page = (await site.get(f"{API}/watches?{query}")).json
            return [each["name"] for each in page["items"]], page["next"]

        assert await names("tag=odd") == (["w1", "w3", "w5"], None)
        assert await names("q=W6") == (["w6"], None)
        assert await names("limit=3") == (["w0", "w1", "w2"], "w2")
        assert await names("limit=3&cursor=w5") == (["w6"], None)


async def test_a_watch_says_what_its_file_says_and_no_secret(state: Path) -> None:
    """F1."""
    watch = make_watch(
        notify=[{"to": ["ops", "ntfys://user:canary-secret@ntfy.sh/topic", "json://${env:HOOK}/x"], "on": ["change"]}],
        run={
            "proxy_config": {
                "enabled": True,
                "type": "custom",
                "url": "http://p:1",
                "username": "u:p",
                "password": "${env:P}",
            },
            "webhook_url": "https://hooks.example/canary-secret",
        },
        confirm={"runs": 2, "every": "3m"},
    )
    async with console_at(state, watch) as site:
        answer = await site.get(f"{API}/watches/{NAME}")
    assert "canary-secret" not in answer.text
    said = answer.json["definition"]
    assert said["notify"][0]["to"] == ["ops", "ntfys://***", "json://${env:HOOK}***"]
    assert said["run"]["proxy_config"]["password"] == "${env:P}"
    assert said["run"]["proxy_config"]["username"] == "***"
    assert said["confirm"] == {"runs": 2, "every": "3m"}
    assert said["output_schema"] == watch.output_schema
    assert len(answer.json["next"]) == 5


async def test_the_schedule_is_in_the_watchs_own_time(state: Path) -> None:
    async with console_at(state, make_watch(cron="0 9 * * *", timezone="Europe/Berlin")) as site:
        answer = (await site.get(f"{API}/watches/{NAME}/schedule?next=3")).json
    assert [row["local"][11:16] for row in answer["items"]] == ["09:00"] * 3
    assert answer["timezone"] == "Europe/Berlin"


async def test_messages_are_listed_tried_again_and_dropped(state: Path) -> None:
    watch = make_watch(notify=[{"to": ["ops"], "on": ["baseline"]}])
    async with console_at(state, watch) as site:
        await ran(site)
        page = (await site.get(f"{API}/outbox?state=undelivered")).json
        (message,) = page["items"]
        assert (message["watch"], message["target"], message["state"]) == (NAME, "ops", "pending")
        retried = await site.post(f"{API}/outbox/{message['event']}/retry")
        assert (retried.json["ok"], retried.json["changed"]) == (True, 1)
        dropped = await site.post(f"{API}/outbox/{message['id']}/drop")
        assert dropped.json["ok"]
        assert (await site.post(f"{API}/outbox/{message['id']}/drop")).status == 409
        assert (await site.get(f"{API}/outbox?limit=1&cursor={message['id']}")).json == {"items": [], "next": None}


async def test_a_target_is_tested_once_in_ten_seconds_and_its_url_shown_nowhere(state: Path) -> None:
    door = Door(Listen("127.0.0.1", 0), Tokens(None, None))
    yaml = "agent: embedded\ntargets: {ops: 'json://127.0.0.1:9/canary-secret'}\n"
    async with console_at(state, door=door, yaml=yaml) as site:
        answer = await site.post(f"{API}/targets/ops/test")
        assert (answer.status, answer.json["delivered"]) == (409, False)
        again = await site.post(f"{API}/targets/ops/test")
        assert (again.status, "wait" in again.json["error"]["hint"]) == (409, True)
        settings = await site.get(f"{API}/settings")
        orders = await site.get(f"{API}/orders")
    assert "canary-secret" not in answer.text + again.text + settings.text + orders.text
    assert {"name": "targets.ops", "value": "json://***", "origin": "monitor.yaml"} in settings.json["items"]


@pytest.mark.parametrize(
    "path",
    [
        "/changes",
        "/changes?verdict=CHANGED",
        f"/watches/{NAME}/series",
        f"/watches/{NAME}/noise",
        f"/watches/{NAME}/backtest",
        f"/watches/{NAME}/backtest?when=new.price%20%3C%20100&once=true",
        "/spending",
        "/spending?month=2020-01",
    ],
)
async def test_what_was_is_looked_back_at(site: Site, path: str) -> None:
    site.api.next_run(result={"price": 499.0, "in_stock": True})
    await ran(site)
    site.api.next_run(result={"price": 99.0, "in_stock": True})
    await ran(site)
    answer = await site.get(API + path)
    assert answer.status == 200, answer.text
    if path.startswith("/changes"):
        assert [entry["verdict"] for entry in answer.json["items"]] == ["CHANGED"]
    if "series" in path:
        assert answer.json["values"]["/price"] == [499.0, 99.0]


async def test_what_cannot_be_tried_is_one_clear_line(site: Site) -> None:
    for query in ("when=new.prise%20%3C%201", "when=(", "compare=nonsense:%201"):
        answer = await site.get(f"{API}/watches/{NAME}/backtest?{query}")
        assert (answer.status, answer.json["error"]["code"]) == (422, "INVALID_INPUT")
    assert (await site.get(f"{API}/spending?month=2026-13")).status == 422
    assert (await site.get(f"{API}/spending?month=2099-01")).status == 422


async def test_incidents_and_problems_have_their_documents(site: Site) -> None:
    assert (await site.get(f"{API}/incidents")).json == {"open": [], "ended": []}
    assert (await site.get(f"{API}/problems")).json == {"watches": 1, "problems": [], "reloaded_at": None}


async def test_a_store_that_takes_nothing_is_said_without_a_traceback(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from monitor.errors import StoreBusy, StoreCorrupt

    def busy(*_: object, **__: object) -> Any:
        raise StoreBusy("locked")

    def corrupt(*_: object, **__: object) -> Any:
        raise StoreCorrupt("damaged")

    def broken(*_: object, **__: object) -> Any:
        raise ZeroDivisionError("canary of a defect")

    monkeypatch.setattr(type(site.desk.store), "outbox", busy)
    answer = await site.get(f"{API}/outbox")
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    monkeypatch.setattr(type(site.desk.store), "outbox", corrupt)
    assert (await site.get(f"{API}/outbox")).status == 500
    monkeypatch.setattr(type(site.desk.store), "outbox", broken)
    answer = await site.get(f"{API}/outbox")
    assert (answer.status, "canary" in answer.text) == (500, False)


async def test_orders_go_to_whoever_may_be_asked_by_name_of_a_paused_watch_that_is_gone(site: Site) -> None:
    now = site.console.clock.now()
    site.desk.store.pause_watch("gone", None, now)
    assert (await site.post(f"{API}/watches/gone/resume")).json["was_paused"]
