"""The work of one run: fetch the page, extract what the schema asks for, or say exactly why not.

Knows nothing of HTTP or queues.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor
from dataclasses import dataclass
from urllib.parse import urlsplit

from monitor.embedded import failure
from monitor.embedded.failure import RunError
from monitor.embedded.order import Order
from monitor.embedded.runner import Result, Step
from monitor.errors import FetchError
from monitor.fetch import Page, Policy, fetch

EXTRACTION_SECONDS = 60.0
_MISSING_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads pages under one policy; extraction is CPU work and happens in `threads`."""

    policy: Policy
    threads: Executor

    async def __call__(self, order: Order, step: Step) -> Result:
        """Return what the page holds for this order; raises RunError."""
        host = urlsplit(order.url).hostname or "the page"
        step(f"Opening {host}")
        page = await self._page(order.url)
        step("Reading the values from the page")
        return await self._extracted(page, order)

    async def _page(self, url: str) -> Page:
        try:
            page = (await fetch(url, policy=self.policy)).checked()
        except FetchError as problem:
            raise failure.of_fetch(problem, url) from problem
        if not page.text.strip():
            raise RunError(
                "TASK_FAILED", f"{url[:300]} holds no text ({page.headers.get('content-type', 'empty')[:80]})"
            )
        return page

    async def _extracted(self, page: Page, order: Order) -> Result:
        from monitor.embedded.extract import extract

        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(EXTRACTION_SECONDS):
                found = await loop.run_in_executor(self.threads, extract, page.text, page.url, order.output_schema)
        except TimeoutError as problem:
            message = f"reading the page took longer than {EXTRACTION_SECONDS:g} s"
            raise RunError("TIMEOUT", message, category="UNKNOWN") from problem
        extraction = {"sources": found.sources, "missing": found.missing, "url": page.url}
        if found.missing:
            named = ", ".join(found.missing[:_MISSING_SHOWN])
            more = f" and {len(found.missing) - _MISSING_SHOWN} more" if len(found.missing) > _MISSING_SHOWN else ""
            raise RunError(
                "TASK_FAILED",
                f"not found on the page: {named}{more}",
                help_message="name the place with x-css or x-xpath in output_schema, or make the property optional",
                extraction=extraction,
            )
        return Result(found.result, extraction)
