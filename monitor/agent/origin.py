"""The origin of the API: which base urls a key may be sent to. Must not know what is asked of it."""

from __future__ import annotations

import ipaddress

import httpx

from monitor.errors import UsageError


def checked_origin(base_url: str) -> httpx.URL:
    """Return the origin; raises UsageError for anything but https://host, or http:// on this machine (F2)."""
    hint = "TINYFISH_BASE_URL is https://host, or http:// on this machine"
    try:
        url = httpx.URL(base_url.strip())
    except httpx.InvalidURL:
        raise UsageError("the base url of the API is not a url", hint=hint) from None
    if not url.host or url.userinfo or url.scheme not in {"http", "https"} or url.path.strip("/") or url.query:
        raise UsageError("the base url of the API is not a plain http(s) origin", hint=hint)
    if url.scheme == "http" and not loopback(url.host):
        raise UsageError("the base url of the API is not https: the key would travel in the open", hint=hint)
    return url.copy_with(path="/", fragment=None)


def loopback(host: str) -> bool:
    """Return whether a host name means this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
