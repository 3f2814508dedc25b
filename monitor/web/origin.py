"""Whether a request comes from our own pages, by what browsers say and no page can forge. Pure (reliability.md row 43).

`Sec-Fetch-Site` where the browser sends it, else `Origin`; programs send neither. Must not know who asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit


def foreign(headers: Mapping[str, str], host: str, *, reads: bool, page: bool) -> bool:
    """Return whether a browser says that another site made the request.

    A link on another site may lead to a `page`: that is a navigation, which reads and whose answer only the reader
    sees. Everything else of another site is refused, scripts, frames, images and streams (rows 43, 45, 47).
    """
    site = headers.get("sec-fetch-site")
    if site is not None and site not in {"same-origin", "none"}:
        to_page = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
        return not (reads and page and to_page)
    origin = headers.get("origin")
    return origin is not None and not _same(origin, host)


def _same(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin.lower())
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(host) and parts.netloc == host.lower()
