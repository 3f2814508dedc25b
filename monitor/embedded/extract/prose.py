"""The main text of a page as prose. Owns trafilatura; used only where nothing nearer describes the page."""

from __future__ import annotations

from typing import Any

MAX_HTML = 1_000_000
MAX_PROSE = 2_000


def main_text(tree: Any) -> str:
    """Return the main text of a page, at most 2,000 characters, or an empty text where there is none or too much."""
    import lxml.etree
    from trafilatura import extract

    html = lxml.etree.tostring(tree, encoding="unicode", method="html")
    if len(html) > MAX_HTML:
        return ""
    text = extract(html, include_comments=False, include_tables=False, favor_precision=True, with_metadata=False)
    return " ".join((text or "").split())[:MAX_PROSE]
