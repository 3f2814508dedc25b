"""One JSON request to a service that the user has configured (a language model), bounded; not guarded: it may be local.

Translates httpx's exceptions. Must not know what is asked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from monitor.errors import FetchError

MAX_ANSWER = 4 * 1024 * 1024


async def ask(url: str, body: Mapping[str, Any], headers: Mapping[str, str], *, timeout: float) -> tuple[int, Any]:
    """POST `body` and return status and answer (None where that is not JSON); `timeout` in seconds, in all.

    Raises FetchError: timeout, connect, protocol, too_large, bad_url. No header is in any text of it.
    """
    import asyncio

    import httpx

    try:
        async with (
            asyncio.timeout(timeout),
            httpx.AsyncClient(timeout=timeout, trust_env=False) as client,
            client.stream("POST", url, json=body, headers=dict(headers)) as response,
        ):
            content = bytearray()
            async for chunk in response.aiter_bytes(64 * 1024):
                content += chunk
                if len(content) > MAX_ANSWER:
                    raise FetchError("the answer is larger than 4 MiB", code="too_large")
            return response.status_code, _parsed(bytes(content))
    except (TimeoutError, httpx.TimeoutException) as problem:
        raise FetchError(f"no answer within {timeout:g} s", code="timeout") from problem
    except httpx.NetworkError as problem:
        raise FetchError("no connection", code="connect") from problem
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as problem:
        raise FetchError("its url cannot be read", code="bad_url") from problem
    except httpx.HTTPError as problem:
        raise FetchError("it does not speak proper HTTP", code="protocol") from problem


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None
