"""Heavy pages are read in a process of their own, under limits that the system keeps; the others are not."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.embedded import aside
from monitor.embedded.failure import RunError
from monitor.embedded.server import EmbeddedAgent
from tests.embedded.streams import PRICE, order, run
from tests.fetch.memory import Peak
from tests.fetch.servers import page, serving
from tests.pages.score import cases

pytestmark = pytest.mark.anyio

FLOOD = f"<p {' '.join(f'a{number}=1' for number in range(150_000))}>x</p>"
ROWS = "<table><tr><th>Seller</th><td>A</td></tr>" + "<tr><td>a</td><td>b</td></tr>" * 30_000 + "</table>"
HEAVY = f"<h1>Kettle</h1><dl><dt>Price</dt><dd>49.00</dd></dl>{ROWS}"
SECRET = "s3cret-in-the-environment"


@pytest.mark.parametrize(
    ("text", "heavy"),
    [
        ("", False),
        ("<p>text</p>" * 8_000, False),
        ("word " * 500_000, False),
        (FLOOD, True),
        (f"<p {' '.join(f'a{number}' for number in range(90_000))}>", True),
        ("<b>" * 100_001, True),
        ("x" * (4 * 1024 * 1024 + 1), True),
    ],
)
def test_weight_is_told_by_size_by_tags_and_by_different_words(text: str, heavy: bool) -> None:
    assert aside.heavy(text) is heavy


def test_pages_of_usual_weight_are_not_heavy() -> None:
    assert not [
        folder.name for folder, _case in cases("open") if aside.heavy((folder / "page.html").read_text("latin-1"))
    ]


@settings(deadline=None, max_examples=25)
@given(st.lists(st.sampled_from(["a{n}='<'", 'b{n}=">"', "c{n}", "d{n}=x", "e{n} ="]), min_size=1, max_size=30))
def test_an_element_has_no_more_attributes_than_the_page_has_different_words(pieces: list[str]) -> None:
    from monitor.embedded.extract.document import Document

    text = f"<p {' '.join(piece.format(n=number) for number, piece in enumerate(pieces))}>x</p>"
    (element,) = Document(text, "https://x.example/").tree.iter("p")
    assert len(element.attrib) <= len(set(aside._WORD.findall(text)))


async def test_a_page_that_takes_for_ever_in_c_ends_its_own_run_in_time_and_leaves_no_process(
    client: httpx.AsyncClient,
) -> None:
    before, peak = _children(), Peak()
    began = time.monotonic()
    async with serving(page(FLOOD.encode())) as server:
        found = await run(client, server.url(), agent_config={"max_duration_seconds": 2})
    assert (found["status"], found["error"]["code"]) == ("FAILED", "TIMEOUT")
    assert time.monotonic() - began < 8
    assert _children() <= before
    assert peak.grown_mib() < 60
    assert (await run(client))["status"] == "COMPLETED"


async def test_an_agent_that_stops_takes_the_process_with_it(tmp_path: Path) -> None:
    before = _children()
    async with (
        serving(page(FLOOD.encode())) as server,
        EmbeddedAgent(ledger=tmp_path / "a.db") as agent,
        httpx.AsyncClient(base_url=agent.base_url, timeout=20, verify=False) as client,
    ):
        await client.post("/v1/automation/run-async", json=order(server.url()))
        while not _children() - before:
            await client.get("/v1/runs")  # a round trip over a socket, so that the run goes on
    assert _children() <= before


async def test_a_heavy_page_is_read_as_well_as_any(client: httpx.AsyncClient) -> None:
    peak = Peak()
    async with serving(page(HEAVY.encode())) as server:
        found = await run(client, server.url(), output_schema=PRICE)
    assert (found["status"], found["result"]) == ("COMPLETED", {"price": 49.0}), found["error"]
    assert found["extraction"]["aside"] is True
    assert peak.grown_mib() < 60


async def test_what_the_process_finds_is_what_our_threads_find() -> None:
    from monitor.embedded.reading import found_in

    text = "<h1>Käse \u2028</h1><script>x=1</script><p class=price>€ 5</p>"
    schema: dict[str, Any] = {"properties": {"name": {}}}
    found, scripts = await aside.read(text, "https://x.example/", schema)
    again, same = found_in(text, "https://x.example/", schema)
    assert (found.result, found.sources, found.missing, scripts) == (again.result, again.sources, again.missing, same)


async def test_the_process_is_given_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    spy = tmp_path / "python"
    spy.write_text(f"#!/bin/sh\nenv > {tmp_path}/seen\nexit 1\n")
    spy.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(spy))
    monkeypatch.setenv("MONITOR_LLM_KEY", SECRET)
    with pytest.raises(RunError):
        await aside.read("x", "https://x.example/", None)
    assert "PATH=" in (tmp_path / "seen").read_text()
    assert SECRET not in (tmp_path / "seen").read_text()


@pytest.mark.parametrize(
    ("limits", "code", "words"),
    [
        ({"seconds": 1}, "TIMEOUT", "more than 1 s of computing"),
        ({"memory": 200 * 1024 * 1024}, "TASK_FAILED", "too much memory"),
    ],
)
async def test_the_system_keeps_the_limits(limits: Any, code: str, words: str) -> None:
    text = FLOOD if "seconds" in limits else "<b>x</b>" * 1_000_000
    with pytest.raises(RunError, match=words) as raised:
        await aside.read(text, "https://x.example/", PRICE, **limits)
    assert raised.value.code == code


async def test_a_process_that_cannot_be_started_is_a_failure_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    with pytest.raises(RunError, match="no process could be started") as raised:
        await aside.read("x", "https://x.example/", None)
    assert raised.value.category == "SYSTEM_FAILURE"


def _children() -> set[int]:
    listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return {int(pid) for pid in listed}
