"""The one guarded fetcher of web pages: `fetch(url, policy=...)`, `visitor.Visitor` on top of it, the address rules.

Must not know what a page means.

Importing this package is cheap: httpx, httpcore and w3lib load with the first fetch.
"""

from monitor.fetch.addresses import host_problem, refused
from monitor.fetch.page import Page
from monitor.fetch.policy import Policy, Proxy
from monitor.fetch.web import fetch, post

__all__ = ["Page", "Policy", "Proxy", "fetch", "host_problem", "post", "refused"]
