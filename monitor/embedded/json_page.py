"""A url that answers JSON, as a page whose one script holds it: what is read from inline data is read from it, too."""

from __future__ import annotations

from dataclasses import replace

from monitor.fetch import Page


def readable(page: Page) -> Page:
    """Return the page as it is, or with its JSON, proper or not, in a script of an empty page."""
    kind = page.headers.get("content-type", "").casefold()
    if "json" not in kind or not page.text.lstrip("\ufeff \t\r\n").startswith(("{", "[")):
        return page
    # Both can stand inside strings only, where JSON has another way to write them; in HTML they would end the script.
    text = page.text.lstrip("\ufeff").replace("</", "<\\/").replace("<!--", "<\\u0021--")
    return replace(page, text=f'<html><body><script type="application/json" id="json">{text}</script></body></html>')
