"""The demo shop: its pages, its changes, its noise; and the example watches that look at it."""

from __future__ import annotations

from importlib import resources
from typing import Any

import httpx
import pytest

from monitor.cli.scenes import SCENES
from monitor.embedded.extract.shape import problems
from monitor.embedded.server import EmbeddedAgent
from monitor.embedded.shop import Shop
from monitor.embedded.site import _news, _product
from monitor.files.documents import parse
from monitor.watch.model import Watch
from tests.embedded.streams import run

pytestmark = pytest.mark.anyio
PAGES = ("", "espresso-machine", "grinders", "pricing", "news")
EXAMPLES = ("espresso-machine", "grinders", "plans", "news")


def example(name: str) -> str:
    return (resources.files("monitor.embedded") / "examples" / f"{name}.yaml").read_text("utf-8")


def fields_of(name: str) -> dict[str, Any]:
    value = parse(example(name), name)[0].value
    return {field: value[field] for field in ("url", "goal", "output_schema")}


async def test_every_page_is_served_at_the_demo_host_and_under_demo(
    agent: EmbeddedAgent, client: httpx.AsyncClient
) -> None:
    for name in PAGES:
        own = await client.get(f"/demo/{name}")
        hosted = await client.get(f"/{name}", headers={"Host": "demo.localhost"})
        assert (own.status_code, hosted.status_code) == (200, 200)
        assert "<h1>" in own.text
        assert 'href="/' not in own.text  # links are relative, so that the site works at both places
    assert (await client.get("/demo/nothing")).status_code == 404
    assert (await client.get("/demo")).headers["location"] == "/demo/"


async def test_two_views_of_one_page_differ_but_the_values_do_not(client: httpx.AsyncClient) -> None:
    texts = {(await client.get("/demo/grinders")).text for _ in range(4)}
    assert len(texts) == 4
    values = [(await run(client, **fields_of("grinders")))["result"] for _ in range(3)]
    rows = [sorted(tuple(offer.items()) for offer in value["offers"]) for value in values]
    assert rows[0] == rows[1] == rows[2]
    assert len({str(value) for value in values}) > 1  # the order rotates


async def test_every_change_of_the_script_is_seen_by_the_watches_that_look(
    agent: EmbeddedAgent, client: httpx.AsyncClient
) -> None:
    assert agent.shop is not None
    shop = agent.shop
    before = {name: (await run(client, **fields_of(name)))["result"] for name in EXAMPLES}
    for scene in SCENES:
        scene.act(shop)
    after = {name: (await run(client, **fields_of(name)))["result"] for name in EXAMPLES}
    assert before["espresso-machine"] == {"price": 499.0, "currency": "EUR", "in_stock": True}
    assert after["espresso-machine"] == {"price": 449.0, "currency": "EUR", "in_stock": False}
    assert {"seller": "Kaffeewerk", "price": 169.5, "in_stock": True} in after["grinders"]["offers"]
    assert {plan["name"]: plan["price"] for plan in after["plans"]["plans"]} == {
        "Taster": 9.0,
        "Household": 27.0,
        "Office": 79.0,
    }
    assert after["plans"]["plans"][0]["features"] == ["250 g a month", "One roast"]
    assert after["news"]["news"][0] == {
        "title": "Free shipping until Sunday",
        "published": "2026-11-21",
        "summary": "No code.",
    }
    assert len(after["news"]["news"]) == len(before["news"]["news"]) + 1


async def test_a_shop_that_is_down_fails_the_run_and_recovers(agent: EmbeddedAgent, client: httpx.AsyncClient) -> None:
    assert agent.shop is not None
    agent.shop.set_down(down=True)
    found = await run(client)
    agent.shop.set_down(down=False)
    assert (found["status"], found["error"]["category"]) == ("FAILED", "UNKNOWN")
    assert (await run(client))["status"] == "COMPLETED"


def test_offers_are_added_changed_and_dropped() -> None:
    shop = Shop()
    shop.set_offer("New", price=150.0, in_stock=False)
    shop.set_offer("New", in_stock=True)
    shop.drop_offer("Kaffeewerk")
    shop.set_plan("Big", 200.0)
    assert [offer.seller for offer in shop.offers] == ["Bean & Burr", "Crema Direct", "New"]
    assert shop.offers[-1].in_stock
    assert shop.plans[-1].name == "Big"
    with pytest.raises(ValueError, match="needs a price"):
        shop.set_offer("Unknown")


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_a_valid_watch_with_comments_and_without_targets(name: str) -> None:
    text = example(name)
    watch = Watch.model_validate({"name": name} | parse(text, name)[0].value)
    assert watch.url.startswith("http://demo.localhost/")
    assert watch.notify == ()
    assert sum(line.lstrip().startswith("#") for line in text.splitlines()) >= 2


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_s_schema_can_be_filled(name: str) -> None:
    assert problems(fields_of(name)["output_schema"]) == []


def test_the_shop_s_own_text_cannot_break_out_of_its_pages() -> None:
    shop = Shop()
    shop.product.name = "</script><script>alert(1)</script>"
    shop.publish("<img src=x onerror=alert(1)>", "2026-11-21")
    for page in (_product(shop), _news(shop)):
        assert "<script>alert" not in page
        assert "<img" not in page
