"""Connections through the HTTP proxy of a policy. The proxy's own address is guarded; its credentials are not shown.

The proxy resolves the names of pages, so of those only what their urls say can be checked here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.errors import FetchError
from monitor.fetch.addresses import host_problem
from monitor.fetch.policy import Policy, Proxy

if TYPE_CHECKING:
    import httpcore


def problem(proxy: Proxy) -> str | None:
    """Return why a proxy cannot be used ("must be …"), or None; credentials belong beside the url, not into it."""
    import httpx

    try:
        url = httpx.URL(proxy.url)
    except (httpx.InvalidURL, ValueError):
        return "must be a url such as http://proxy.example:3128"
    if url.scheme not in ("http", "https") or not url.host or url.raw_path not in (b"/", b"") or url.fragment:
        return "must be a url such as http://proxy.example:3128"
    if url.userinfo:
        return "must not hold credentials: give username and password beside it"
    if any(not (" " < each <= "\x7e") for each in proxy.url) or not (url.port is None or 0 < url.port < 65_536):
        return "must be a url such as http://proxy.example:3128"
    return None


def connection(
    target: httpcore.URL, backend: httpcore.AsyncNetworkBackend, policy: Policy
) -> httpcore.AsyncConnectionInterface | None:
    """Return a connection to `target` through the policy's proxy, or None if it has none; raises FetchError."""
    import httpcore

    proxy = policy.proxy
    if proxy is None:
        return None
    if words := problem(proxy):
        raise FetchError(f"the proxy's url {words}", code="proxy")
    host = target.host.decode("ascii")
    private = policy.allow_private
    if words := host_problem(host, allow_loopback=policy.allow_loopback, allow_private=private):
        raise FetchError(f"{host} {words}", code="blocked_address")
    login = None
    if proxy.username is not None:
        login = (proxy.username.encode(), (proxy.password or "").encode())
    made = httpcore.AsyncHTTPProxy(proxy.url, proxy_auth=login, network_backend=backend)
    return made.create_connection(target.origin)  # one connection; the pool itself is never used


def leads_out(host: str) -> bool:
    """Return whether a page at `host`, fetched through a proxy, counts as public: it may not redirect inside."""
    return host_problem(host, allow_loopback=False, allow_private=False) is None
