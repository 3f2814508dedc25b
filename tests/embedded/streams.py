"""Reading the agent's answers in tests."""

from __future__ import annotations

import json
from typing import Any

import httpx

PRICE = {"type": "object", "required": ["price"], "properties": {"price": {"type": "number"}}}
PRODUCT = "http://demo.localhost/espresso-machine"


def order(url: str = PRODUCT, **fields: Any) -> dict[str, Any]:
    """Return the body of a create request."""
    return {"url": url, "goal": "Find the price", "output_schema": PRICE} | fields


def events(text: str) -> list[dict[str, Any]]:
    """Return the events of a stream that was read whole; each is one `data:` line and an empty line."""
    frames = text.split("\n\n")
    assert frames.pop() == ""
    assert all(frame.startswith("data: {") and "\n" not in frame for frame in frames)
    return [json.loads(frame.removeprefix("data: ")) for frame in frames]


async def run(client: httpx.AsyncClient, url: str = PRODUCT, **fields: Any) -> dict[str, Any]:
    """Run blocking and return the whole run object."""
    response = await client.post("/v1/automation/run", json=order(url, **fields))
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = (await client.get(f"/v1/runs/{response.json()['run_id']}")).json()
    return answer


async def ended(client: httpx.AsyncClient, run_id: str) -> dict[str, Any]:
    """Poll a run to its end; each poll is a round trip over a socket, so other tasks go on."""
    while True:
        found: dict[str, Any] = (await client.get(f"/v1/runs/{run_id}")).json()
        if found["status"] in ("COMPLETED", "FAILED", "CANCELLED"):
            return found
