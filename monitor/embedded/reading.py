"""The work of one run: fetch the page, render it if it needs that, extract what the schema asks for, or say why not.

What is left after extraction is asked of a language model, if there is one. Knows nothing of HTTP or queues.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import structlog

from monitor.embedded import aside, chromium, failure, json_page, provenance, wire
from monitor.embedded.browser import Browser
from monitor.embedded.extract.found import Extraction
from monitor.embedded.failure import RunError
from monitor.embedded.order import Order
from monitor.embedded.runner import Result, Step
from monitor.embedded.scripts import Scripts
from monitor.embedded.validation import validated
from monitor.errors import FetchError
from monitor.fetch import Page
from monitor.fetch.visitor import Visitor

if TYPE_CHECKING:
    from monitor.embedded.model import Model

log = structlog.get_logger(__name__)

EXTRACTION_SECONDS = 60.0
_MISSING_SHOWN = 20
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Reading:
    """What one form of a page gave, and what its scripts may be for; `notes` go into the run's `extraction`."""

    page: Page
    found: Extraction
    scripts: Scripts = Scripts.NONE
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def worth(self) -> tuple[int, int]:
        """How well it answers: fewer required values missing, then more values found."""
        return -len(self.found.missing), len(self.found.sources)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads pages as `visitor`; extraction is CPU work and happens in `threads`.

    Without a `browser`, pages that need one fail and say so; without a `model`, nobody is asked for what is left.
    """

    visitor: Visitor
    threads: Executor
    browser: Browser | None = None
    model: Model | None = None
    _aside: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __call__(self, order: Order, step: Step) -> Result:
        """Return what the page holds for this order; raises RunError."""
        host = urlsplit(order.url).hostname or "the page"
        step(f"Opening {host}")
        page = await self._page(order)
        step.keep("html", page.text.encode("utf-8", "replace"))
        step("Reading the values from the page")
        reading = await self._extracted(page, order)
        if self._to_render(reading, order):
            reading = await self._rendered(reading, order, step)
        if self.model is not None and order.output_schema is not None:
            reading = await self._asked(self.model, reading, order, step)
        return await self._in_thread(_result, reading, order.output_schema)

    async def _page(self, order: Order) -> Page:
        url = order.url
        proxy = order.proxy_config.custom() if order.proxy_config else None
        try:
            page = json_page.readable((await self.visitor.fetch(url, proxy=proxy)).checked())
        except FetchError as problem:
            raise failure.of_fetch(problem, url) from problem
        if not page.text.strip():
            raise RunError(
                "TASK_FAILED", f"{url[:300]} holds no text ({page.headers.get('content-type', 'empty')[:80]})"
            )
        return page

    async def _extracted(self, page: Page, order: Order) -> Reading:
        """Return what a page holds; a heavy one is read in a process of its own, one at a time."""
        if not await self._in_thread(aside.heavy, page.text):
            return await self._in_thread(_read, page, order.output_schema)
        async with self._aside:
            try:
                async with asyncio.timeout(EXTRACTION_SECONDS):
                    found, scripts = await aside.read(page.text, page.url, order.output_schema)
            except TimeoutError as problem:
                raise _too_long() from problem
        return Reading(page, found, scripts, {"aside": True})

    def _to_render(self, reading: Reading, order: Order) -> bool:
        """Return whether the page is to be rendered; raises RunError where it needs a browser and there is none."""
        needed = reading.scripts is Scripts.ALL and (bool(reading.found.missing) or not reading.found.sources)
        wished = order.browser_profile == "stealth" or order.capture_config.wants("screenshot")
        if not (needed or wished or (reading.found.missing and reading.scripts is Scripts.SOME)):
            return False
        lacking = chromium.NEEDED if self.browser is None else chromium.missing(self.browser.chromium.environ)
        if lacking and needed:
            raise RunError("TASK_FAILED", lacking, extraction=_extraction(reading, order.output_schema))
        if lacking:
            reading.notes["not_rendered"] = lacking
        return not lacking

    async def _rendered(self, plain: Reading, order: Order, step: Step) -> Reading:
        """Return the better reading of the page with and without its scripts; raises RunError where neither is one."""
        assert self.browser is not None
        step("Rendering the page in Chromium")
        proxy = order.proxy_config.custom() if order.proxy_config else None
        try:
            async with self.visitor.admitted(order.url, proxy=proxy):
                rendered = await self.browser.render(
                    plain.page, order.url, screenshot=order.capture_config.wants("screenshot"), through=proxy
                )
        except (FetchError, RunError) as problem:
            if not plain.found.missing and plain.found.sources:
                log.warning("page_not_rendered", problem=problem.message)
                plain.notes["not_rendered"] = problem.message
                return plain
            raise (failure.of_fetch(problem, order.url) if isinstance(problem, FetchError) else problem) from problem
        step.keep("html", rendered.page.content)
        if rendered.screenshot is not None:
            step.keep("screenshot", rendered.screenshot)
        step("Reading the values from the rendered page")
        reading = await self._extracted(rendered.page, order)
        best = max(reading, plain, key=lambda each: each.worth)
        best.notes["rendered"] = best is reading
        return best

    async def _asked(self, model: Model, reading: Reading, order: Order, step: Step) -> Reading:
        """Return the reading with what the model says of what is left, as far as it stands on the page."""
        from monitor.embedded.extract.document import Document
        from monitor.embedded.extract.shape import shape_of
        from monitor.embedded.model import ask, filled, left

        assert order.output_schema is not None
        shape = shape_of(order.output_schema)
        names = left(reading.found, shape)
        if not names or "aside" in reading.notes:  # what is too heavy for our own threads is too much for a model
            return reading
        step(f"Asking the language model {model.name[:80]} for {', '.join(names)[:200]}")
        try:
            document = await self._in_thread(Document, reading.page.text, reading.page.url)
            answer = await ask(model, document, order.goal, order.output_schema, names)
        except FetchError as problem:
            reading.notes["model"] = {"name": model.name, "problem": str(problem)}
            step(f"The language model could not be asked: {problem}")
            return reading
        found, refused = await self._in_thread(filled, reading.found, answer, document, shape, model)
        cost = {"tokens_in": answer.tokens_in, "tokens_out": answer.tokens_out}
        reading.notes["model"] = {"name": model.name, "asked": names, "not_believed": refused, **cost}
        doubt = f"; {refused} values do not stand on the page and are not believed" if refused else ""
        step(f"The language model cost {answer.tokens_in:,} tokens read and {answer.tokens_out:,} written{doubt}")
        return Reading(reading.page, found, reading.scripts, reading.notes)

    async def _in_thread(self, call: Callable[..., _T], *arguments: Any) -> _T:
        try:
            async with asyncio.timeout(EXTRACTION_SECONDS):
                return await asyncio.get_running_loop().run_in_executor(self.threads, call, *arguments)
        except TimeoutError as problem:
            raise _too_long() from problem


def _too_long() -> RunError:
    return RunError("TIMEOUT", f"reading the page took longer than {EXTRACTION_SECONDS:g} s", category="UNKNOWN")


def _extraction(reading: Reading, schema: dict[str, Any] | None) -> dict[str, Any]:
    """Return where each value came from, and what was not found: `missing` is required, `absent` is optional."""
    found = reading.found
    absent = provenance.absent(found.result, schema, found.missing, found.sources)
    missing = found.missing[: provenance.MAX_NAMED]
    told = {"sources": provenance.bounded(found.sources), "missing": missing, "absent": absent}
    return {**told, "url": reading.page.url, **reading.notes}


def _result(reading: Reading, schema: dict[str, Any] | None) -> Result:
    """Return the run's result; raises RunError where a required value is missing."""
    found, extraction = reading.found, _extraction(reading, schema)
    if found.missing:
        named = ", ".join(found.missing[:_MISSING_SHOWN])
        more = f" and {len(found.missing) - _MISSING_SHOWN} more" if len(found.missing) > _MISSING_SHOWN else ""
        problem = reading.notes.get("model", {}).get("problem")
        asked = f"; the language model could not be asked: {problem}" if problem else ""
        lacking = reading.notes.get("not_rendered")
        also = f"; if scripts put it there, {lacking}" if lacking else ""
        raise RunError(
            "TASK_FAILED",
            f"not found on the page: {named}{more}{asked}",
            help_message="name the place with x-css, x-xpath or x-jsonpath in output_schema (monitor hint NAME "
            f"--value PROPERTY=TEXT finds it by a value that you see there), or make the property optional{also}",
            extraction=extraction,
        )
    value = wire.finite(found.result)
    return Result(value, extraction, validated(value, schema))


def _read(page: Page, schema: dict[str, Any] | None) -> Reading:
    """Return what the page holds, and what its scripts may be for where something is left. Blocking CPU work."""
    return Reading(page, *found_in(page.text, page.url, schema))


def found_in(text: str, url: str, schema: dict[str, Any] | None) -> tuple[Extraction, Scripts]:
    """Return what a text holds as a page, and what its scripts may be for where something is left."""
    from monitor.embedded.extract import extract
    from monitor.embedded.extract.document import Document
    from monitor.embedded.scripts import scripts_of

    found = extract(text, url, schema)
    whole = not found.missing and found.sources
    return found, Scripts.NONE if whole else scripts_of(Document(text, url))
