"""What is kept of the steps, how it is served, and what bounds it."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from monitor.embedded.captures import MAX_OF_RUN, Captures
from monitor.embedded.ledger import Ledger
from tests.embedded.streams import order, run
from tests.embedded.test_ledger import NOW, a_run
from tests.fetch.servers import page, serving

pytestmark = pytest.mark.anyio
HTML = '<p class="price">12.50 €</p><script>alert("grüß")</script>'
SCHEMA = {"type": "object", "properties": {"price": {"type": "number", "x-css": ".price"}}}


async def test_the_html_of_a_step_is_kept_when_it_was_asked_for(client: httpx.AsyncClient) -> None:
    async with serving(page(HTML.encode())) as server:
        found = await run(client, server.url(), output_schema=SCHEMA, capture_config={"html": True})
    base = f"/v1/runs/{found['run_id']}/steps"
    kept = await client.get(f"{base}/{found['steps'][0]['id']}/html")
    assert (kept.status_code, kept.text) == (200, HTML)
    assert kept.headers["content-type"] == "text/html; charset=utf-8"
    assert "sandbox" in kept.headers["content-security-policy"], "no script of the page runs with the agent's origin"
    absent = await client.get(f"{base}/{found['steps'][0]['id']}/screenshot")
    assert (absent.status_code, "capture_config.screenshots" in absent.text) == (404, True)
    assert (await client.get(f"{base}/step-99/html")).json()["error"]["message"] == "Step not found"


async def test_nothing_is_kept_that_was_not_asked_for(client: httpx.AsyncClient) -> None:
    found = await run(client)
    answer = await client.get(f"/v1/runs/{found['run_id']}/steps/step-1/html")
    assert (answer.status_code, "capture_config.html" in answer.text) == (404, True)


@pytest.mark.parametrize("form", ["none", "base64", "url"])
async def test_screenshots_are_shown_in_the_form_asked_for(client: httpx.AsyncClient, form: str) -> None:
    run_id = (await client.post("/v1/automation/run", json=order())).json()["run_id"]
    found = (await client.get(f"/v1/runs/{run_id}", params={"screenshots": form})).json()
    assert [step["screenshot"] for step in found["steps"]] == [None, None]


def captured(*contents: tuple[str, bytes]) -> Captures:
    found = Captures()
    for step, content in contents:
        found.put(step, "screenshot", content)
    return found


def test_a_run_s_captures_are_bounded_and_the_last_of_a_step_stays() -> None:
    found = captured(("step-1", b"a"), ("step-1", b"b"), ("step-2", b"x" * MAX_OF_RUN), ("step-3", b"c"))
    assert found.of("screenshot") == {"step-1": b"b", "step-3": b"c"}
    assert found.of("html") == {}


def test_old_captures_are_forgotten_and_go_with_their_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.embedded.ledger._CAPTURE_BYTES", 40)
    ledger = Ledger(tmp_path / "a.db", now=NOW)
    for number in range(4):
        ledger.add(a_run(f"run-{number}", status="COMPLETED"))
        ledger.keep(f"run-{number}", captured(("step-1", bytes([number]) * 5)))
    kept = [name for name in ("run-0", "run-1", "run-2", "run-3") if ledger.captured(name, "screenshot")]
    monkeypatch.setattr("monitor.embedded.ledger._KEEP", 1)
    ledger.prune()
    after = [name for name in kept if ledger.captured(name, "screenshot")]
    ledger.close()
    assert (kept, after) == (["run-1", "run-2", "run-3"], ["run-3"])
