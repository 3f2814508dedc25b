"""What may stand as the url of a watch, by its form alone (reliability.md row 27); not whether it may be reached."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit, urlunsplit

MAX_LENGTH = 2_083
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_LABEL = re.compile(r"[^\W_]([\w-]*[^\W_])?\Z")


def checked(url: str) -> str:
    """Return `url` as it is; raises ValueError, for the user, unless every program reads it the same way."""
    if not url:
        raise ValueError("a url is needed, as in https://shop.example/page")
    if len(url) > MAX_LENGTH:
        raise ValueError(f"a url has at most {MAX_LENGTH:,} characters")
    for column, char in enumerate(url, 1):
        if char.isspace() or not char.isprintable():
            raise ValueError(
                f"a url holds no blanks and no control characters (here at character {column}): write %20 for a blank"
            )
    if "\\" in url:
        raise ValueError("a url holds no backslash: programs read it in different ways; write / or %5C")
    parts = _split(url)
    _check_host(parts)
    plain = urlunsplit(parts)
    if plain != url:
        raise ValueError(
            "this url is not in its plain form: write the scheme in small letters and leave out an empty ? or #"
        )
    return url


def _split(url: str) -> SplitResult:
    scheme = _SCHEME.match(url)
    if not scheme or re.match(r"[0-9]+(/|\Z)", url[scheme.end() :]):  # shop.example:8080/page has a port, no scheme
        raise ValueError("the url has no scheme: write https:// in front of it")
    if scheme[1].lower() not in {"http", "https"}:
        raise ValueError(f"a watched page is http or https, not {scheme[1][:20]}:")
    if not url.startswith("//", scheme.end()):
        raise ValueError(f"the url has no host: write {scheme[1].lower()}:// and the host after it")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("the host or port of this url cannot be read") from None
    if port == 0 or parts.netloc.endswith(":"):
        raise ValueError("the port of this url is not a port: write 1 to 65535, or leave out the colon")
    return parts


def _check_host(parts: SplitResult) -> None:
    if "@" in parts.netloc:
        raise ValueError("a url holds no user name or password: they would be sent to the agent's provider and shown")
    host = parts.hostname or ""
    if not host:
        raise ValueError("the url has no host, as in https://shop.example/page")
    if parts.netloc.startswith("["):
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            raise ValueError("the address in brackets is not an IPv6 address") from None
        return
    labels = host.removesuffix(".").split(".")
    if len(host) > 253 or not all(len(label) <= 63 and _LABEL.match(label) for label in labels):
        raise ValueError("the host of this url is not a host name: letters, digits, hyphens and dots between them")
