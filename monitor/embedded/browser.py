"""Rendering one page in Chromium: a context per run, every request bounded, the settled page as HTML.

Every connection goes through a guard proxy of the run's own. Bounds: seconds, bytes, requests, the size of the page;
no downloads, no service workers, no media. Must not know extraction or what the page is read for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import structlog

from monitor.embedded.chromium import Chromium, playwright_error, short
from monitor.embedded.failure import RunError
from monitor.errors import FetchError
from monitor.fetch import Page, Policy
from monitor.fetch.forward import GuardProxy
from monitor.fetch.policy import Proxy

log = structlog.get_logger(__name__)

RENDER_SECONDS = 45.0
DOCUMENT_SECONDS = 15.0
IDLE_SECONDS = 8.0  # for the network to fall silent; pages that poll never do
MAX_REQUESTS = 400
MAX_TAKEN = 64 * 1024 * 1024
AT_ONCE = 2
_UNUSED = frozenset({"media", "font", "texttrack", "manifest", "ping", "eventsource"})

# Resolves when the document has not changed for 300 ms, or after 3 s.
_QUIET = """() => new Promise(done => {
  let timer = setTimeout(done, 300);
  new MutationObserver(() => { clearTimeout(timer); timer = setTimeout(done, 300); })
    .observe(document, {subtree: true, childList: true, characterData: true});
  setTimeout(done, 3000);
})"""
# The document as HTML with the content of open shadow roots in it, which outerHTML leaves out; templates stay unread.
_SERIALISE = """(limit) => {
  let left = 50000;
  const copy = (node) => {
    if (left-- < 0) return null;
    const made = node.cloneNode(false);
    const inner = node.shadowRoot ? [...node.shadowRoot.childNodes] : [];
    for (const child of [...inner, ...node.childNodes]) {
      const copied = copy(child);
      if (copied) made.appendChild(copied);
    }
    return made;
  };
  const shadowed = [...document.querySelectorAll('*')].some(element => element.shadowRoot);
  const html = (shadowed ? copy(document.documentElement) : document.documentElement).outerHTML;
  return {size: html.length, html: html.slice(0, limit)};
}"""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A page as it stood after its scripts, and a picture of it (JPEG) if that was asked for."""

    page: Page
    screenshot: bytes | None = field(default=None, repr=False)


@dataclass(eq=False)
class Browser:
    """Renders pages under one policy, two at a time."""

    policy: Policy
    chromium: Chromium = field(default_factory=Chromium)
    seconds: float = RENDER_SECONDS
    max_taken: int = MAX_TAKEN
    _places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def render(
        self, plain: Page, url: str, *, screenshot: bool = False, through: Proxy | None = None
    ) -> Rendered:
        """Return the page at `url`, fetched as `plain` before, as its scripts leave it; raises RunError and FetchError.

        The hosts of both urls are those that the user named, by the guard of that fetch.
        """
        hosts = frozenset(filter(None, (urlsplit(one).hostname for one in (url, plain.url))))
        proxy = GuardProxy(replace(self.policy, proxy=through), hosts, self.max_taken)
        try:
            async with self._places, asyncio.timeout(self.seconds), proxy, self._context(proxy) as context:
                return await self._rendered(context, url, screenshot=screenshot)
        except TimeoutError as problem:
            raise FetchError(f"the page was not ready within {self.seconds:g} s", code="timeout") from problem
        except playwright_error() as problem:
            raise _told(problem, proxy) from problem

    async def aclose(self) -> None:
        """End the browser."""
        await self.chromium.aclose()

    @asynccontextmanager
    async def _context(self, proxy: GuardProxy) -> AsyncIterator[Any]:
        context = await self.chromium.context(proxy.address, self.policy.user_agent)
        watching = asyncio.create_task(self.chromium.watch(), name="chromium-memory")
        try:
            yield context
        finally:
            watching.cancel()
            await asyncio.shield(self._closed(context))

    async def _closed(self, context: Any) -> None:
        """Close a context; a page that keeps it from closing costs the browser its life."""
        try:
            await asyncio.wait_for(context.close(), 3)
        except TimeoutError:
            log.warning("chromium did not close a page; it is started anew")
            await self.chromium.aclose()
        except playwright_error():
            log.debug("chromium was gone before its page was closed")

    async def _rendered(self, context: Any, url: str, *, screenshot: bool) -> Rendered:
        await context.route("**/*", _Gatekeeper(pictures=screenshot))
        page = await context.new_page()
        context.on("page", lambda opened: _close_soon(opened, page))
        # "commit": the wait for more is over only much later when the page itself leads to a scheme that is not opened.
        response = await page.goto(url, wait_until="commit", timeout=self.seconds * 1000)
        await self._until(page, "domcontentloaded", min(DOCUMENT_SECONDS, self.seconds / 3))
        await self._until(page, "networkidle", min(IDLE_SECONDS, self.seconds / 4))
        await page.evaluate(_QUIET)
        found = await page.evaluate(_SERIALISE, self.policy.max_bytes)
        if found["size"] > self.policy.max_bytes:
            raise FetchError("the page is larger than what is read of one, after its scripts", code="too_large")
        picture = await page.screenshot(type="jpeg", quality=60, timeout=10_000) if screenshot else None
        text = str(found["html"])
        status = response.status if response is not None else 200
        headers = {"content-type": "text/html; charset=utf-8"}
        rendered = Page(page.url, status, headers, text.encode("utf-8", "replace"), text, "utf-8").checked()
        return Rendered(rendered, picture)

    async def _until(self, page: Any, state: str, seconds: float) -> None:
        """Wait for a state of the page, or for so many seconds: what stands there by then is read."""
        try:
            await page.wait_for_load_state(state, timeout=seconds * 1000)
        except playwright_error() as problem:
            if not _is_timeout(problem):
                raise


class _Gatekeeper:
    """Lets a page's requests go on to the proxy: at most so many, by http and https, and nothing that is not read."""

    def __init__(self, *, pictures: bool) -> None:
        self._unused = _UNUSED if pictures else _UNUSED | {"image"}
        self._left = MAX_REQUESTS

    async def __call__(self, route: Any, request: Any) -> None:
        self._left -= 1
        unfit = not request.url.startswith(("http://", "https://")) or request.resource_type in self._unused
        try:
            if self._left < 0 or unfit:
                await route.abort("blockedbyclient")
            else:
                await route.continue_()
        except playwright_error():
            log.debug("a request outlived its page")


def _close_soon(opened: Any, page: Any) -> None:
    """Close a window that a page opened."""
    if opened is not page:
        task = asyncio.ensure_future(opened.close())
        task.add_done_callback(lambda done: None if done.cancelled() else done.exception())


def _is_timeout(problem: Exception) -> bool:
    return type(problem).__name__ == "TimeoutError"


def _told(problem: Exception, proxy: GuardProxy) -> RunError | FetchError:
    """Return why a page could not be rendered, in our words; `problem` is Playwright's error."""
    text = short(problem)
    if proxy.exceeded:
        return FetchError(f"the page takes more than {proxy.max_bytes // (1024 * 1024)} MiB", code="too_large")
    if proxy.refusals and ("ERR_" in text or "frame was detached" in text):
        return FetchError(proxy.refusals[0], code="blocked_address")
    if _is_timeout(problem):
        return FetchError("the page was not ready in time", code="timeout")
    if "crashed" in text.lower():
        return FetchError("the page broke the browser, or took too much memory", code="protocol")
    if "ERR_" in text:
        return FetchError(f"Chromium could not open the page: {text}", code="connect")
    return RunError("BROWSER_FAILED", f"Chromium failed on this page: {text}", category="SYSTEM_FAILURE")
