"""The one guarded fetcher of web pages: `fetch(url, policy=...)`, the address rules; not what a page means.

Importing this package is cheap: httpx, httpcore and w3lib load with the first fetch.
"""

from monitor.fetch.addresses import host_problem, refused
from monitor.fetch.page import Page
from monitor.fetch.policy import Policy
from monitor.fetch.web import fetch

__all__ = ["Page", "Policy", "fetch", "host_problem", "refused"]
