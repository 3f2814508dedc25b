"""The API's own description: it says what is served, and schemathesis finds nothing that answers otherwise."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import CHECKS, load_all_checks

from monitor.embedded.server import EmbeddedAgent
from tests.embedded.streams import PRODUCT

pytestmark = pytest.mark.anyio
KEY = "right"
# What the document cannot say: that some fields need others (use_vault, proxy_config), and what a schema must be.
NOT_SAID = {"positive_data_acceptance"}
UNKNOWN_IS_IGNORED = {"negative_data_rejection"}  # a parameter of the query that nobody knows is no error
CREATES = ["/v1/automation/run", "/v1/automation/run-async", "/v1/automation/run-sse"]
READS = ["/v1/runs", "/v1/runs/{run_id}", "/v1/runs/{run_id}/cancel"]
CAPTURES = ["/v1/runs/{run_id}/steps/{step_id}/screenshot", "/v1/runs/{run_id}/steps/{step_id}/html"]


async def test_the_document_names_every_path_that_is_served(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    assert set(document["paths"]) == {*CREATES, *READS, *CAPTURES, "/openapi.json"}
    order = document["components"]["schemas"]["Order"]
    assert {"url", "goal", "proxy_config", "capture_config", "webhook_url", "output_schema"} <= set(order["properties"])


WELL_FORMED = re.compile(r"(?=.{1,2083}\Z)https?://[^/?#]", re.IGNORECASE | re.DOTALL)


def checked(base_url: str, path: str, examples: int) -> int:
    """Send generated requests to one path, with every check of schemathesis that applies; return how many."""
    load_all_checks()
    left_out = NOT_SAID | (UNKNOWN_IS_IGNORED if path == "/v1/runs" else set())
    checks = [check for check in CHECKS.get_all() if check.__name__ not in left_out]
    schema = schemathesis.openapi.from_url(f"{base_url}/openapi.json", headers={"X-API-Key": KEY})
    (operation,) = [found.ok() for found in schema.get_all_operations() if found.ok().path == path]
    modes = [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE]
    strategies = [operation.as_strategy(generation_mode=mode) for mode in modes]
    seen = 0

    @settings(
        deadline=None,
        max_examples=examples,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.one_of(strategies))
    def ask(case: Any) -> None:
        nonlocal seen
        seen += 1
        if isinstance(case.body, dict) and WELL_FORMED.match(str(case.body.get("url"))):
            case.body["url"] = PRODUCT  # no page of somebody else is asked for
            case.body.pop("webhook_url", None)
        case.call_and_validate(base_url=base_url, headers={"X-API-Key": KEY}, checks=checks, timeout=10)

    try:
        ask()
    except BaseExceptionGroup as found:  # not an Exception, so it would end the test's loop instead of the test
        raise AssertionError(str(found)) from None
    return seen


@pytest.mark.parametrize(
    ("path", "examples"),
    [*[(path, 25) for path in CREATES], *[(path, 25) for path in READS], *[(path, 15) for path in CAPTURES]],
)
async def test_schemathesis_finds_nothing_that_the_document_does_not_say(
    tmp_path: Path, path: str, examples: int
) -> None:
    async with EmbeddedAgent(ledger=tmp_path / "a.db", key=KEY) as agent:
        assert await asyncio.to_thread(checked, agent.base_url, path, examples) >= examples * 0.5
