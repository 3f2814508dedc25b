"""One page of the corpus that a script builds, read as Chromium shows it. The others: `score --rendered`."""

from __future__ import annotations

import pytest

from monitor.embedded import chromium
from monitor.embedded.extract import extract
from tests.pages import score

pytestmark = [pytest.mark.browser, pytest.mark.anyio]


async def test_a_page_that_a_script_builds_is_read_with_its_hints() -> None:
    assert chromium.missing() is None, f"this test needs a browser: {chromium.missing()}"
    folder, case = next(found for found in score.cases() if found[1].get("rendered"))
    html = await score.built((folder / "page.html").read_bytes())
    tally = score.measure(case, extract(html, case["url"], score.hinted(case)).result)
    assert tally.right / tally.all >= 0.6
    plain = score.measure(
        case, extract((folder / "page.html").read_text("utf-8"), case["url"], score.hinted(case)).result
    )
    assert plain.right < tally.right
