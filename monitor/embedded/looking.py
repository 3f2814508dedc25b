"""Looking at a page outside a run: fetched as a run fetches it, and rendered where it shows nothing without scripts.

Must not know what the page is looked at for.
"""

from __future__ import annotations

import time

from monitor.embedded import aside, chromium, json_page
from monitor.embedded.browser import Browser
from monitor.errors import FetchError
from monitor.fetch import Page, Policy
from monitor.fetch.visitor import Visitor

_HEAVY = "write its watch by hand, with x-css: runs read it in a process of their own"


async def look(url: str, policy: Policy, *, obey_robots: bool = True) -> Page:
    """Return the page at `url` as a run would read it; raises FetchError, and RunError where the browser fails."""
    from monitor.embedded.extract.document import Document
    from monitor.embedded.scripts import Scripts, scripts_of

    visitor = Visitor(policy, pace=None, monotonic=time.monotonic, obey_robots=obey_robots)
    page = json_page.readable((await visitor.fetch(url)).checked())
    if not page.text.strip():
        raise FetchError(f"{url[:300]} holds no text", code="protocol")
    if scripts_of(Document(_light(page).text, page.url)) is not Scripts.ALL:
        return page
    if lacking := chromium.missing():
        raise FetchError(lacking, code="browser")
    browser = Browser(policy)
    try:
        async with visitor.admitted(url):
            return _light((await browser.render(page, url)).page)
    finally:
        await browser.aclose()


def _light(page: Page) -> Page:
    """Return the page; raises FetchError where reading it here could hold up the command for minutes."""
    if aside.heavy(page.text):
        raise FetchError(f"{page.url[:300]} is too heavy a page to be looked at", code="too_large", hint=_HEAVY)
    return page
