"""The OpenAPI document against the API that it describes, by schemathesis: whatever is sent, the answer is one of those
that are described, and never an error of ours.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.web.conftest import Site, console_at

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A console in a thread of its own: schemathesis is not asynchronous."""
    from monitor.store.store import Store

    folder = tmp_path_factory.mktemp("openapi") / "state"
    folder.mkdir(mode=0o700)
    Store.open(str(folder / "monitor.db")).close()
    ready, stop = threading.Event(), asyncio.Event()
    found: list[tuple[Site, asyncio.AbstractEventLoop]] = []

    async def main() -> None:
        async with console_at(Path(folder)) as site:
            found.append((site, asyncio.get_running_loop()))
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(main()), name="console of the test")
    thread.start()
    assert ready.wait(30)
    site, loop = found[0]
    try:
        yield site
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)


def test_every_answer_is_one_that_the_document_describes(served: Site) -> None:
    document = schemathesis.openapi.from_url(f"{served.base}/api/v1/openapi.json")
    operations = [each.ok() for each in document.get_all_operations() if "/events" not in each.ok().path]
    assert len(operations) > 15
    for operation in operations:

        @settings(max_examples=6, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def answered(case: schemathesis.Case) -> None:
            case.call_and_validate(base_url=served.base, checks=CHECKS)

        answered()
