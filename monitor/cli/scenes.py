"""What happens at the demo's shop, scene by scene, and what must be heard and told of it: literally, not computed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from monitor.embedded.shop import Shop

WATCHES = ("espresso-machine", "grinders", "plans", "news")
Told = tuple[str, str, Any]  # a watch, the place, and the value there now, or "added" for a row


@dataclass(frozen=True, slots=True)
class Scene:
    """What happens at the shop, which watches must then be heard of, and the changes that they must tell."""

    text: str
    act: Callable[[Shop], None]
    heard: tuple[str, ...]
    changes: tuple[Told, ...] = ()


def set_price(price: float, shop: Shop) -> None:
    """Let the espresso machine cost this much."""
    shop.set_price(price)


def _change_offers(shop: Shop) -> None:
    shop.set_offer("Kaffeewerk", price=169.5)
    shop.set_offer("Crema Direct", in_stock=True)


def _change_plans_and_news(shop: Shop) -> None:
    shop.set_plan("Household", 27.0)
    shop.publish("Free shipping until Sunday", "2026-11-21", "No code.")


def _sell_out(shop: Shop) -> None:
    shop.set_stock(in_stock=False)


def _go_down(shop: Shop) -> None:
    shop.set_down(down=True)


def _come_back(shop: Shop) -> None:
    shop.set_down(down=False)


SCENES = (
    Scene("each watch makes its first run: its baseline", lambda _: None, WATCHES),
    Scene(
        "the espresso machine drops from 499 to 449 euros",
        partial(set_price, 449.0),
        ("espresso-machine",),
        (("espresso-machine", "/price", 449.0),),
    ),
    Scene(
        "two sellers of the grinder change their offers; the page shuffles them, which is no change",
        _change_offers,
        ("grinders",),
        (
            ("grinders", "/offers/seller=Kaffeewerk/price", 169.5),
            ("grinders", "/offers/seller=Crema Direct/in_stock", True),
        ),
    ),
    Scene(
        "a plan gets dearer, and there is news",
        _change_plans_and_news,
        ("plans", "news"),
        (
            ("plans", "/plans/name=Household/price", 27.0),
            ("news", "/news/title=Free shipping until Sunday", "added"),
        ),
    ),
    Scene(
        "the espresso machine is sold out",
        _sell_out,
        ("espresso-machine",),
        (("espresso-machine", "/in_stock", False),),
    ),
    Scene("the shop breaks: every page answers 503; the second failure in a row is told", _go_down, WATCHES),
    Scene("the shop is back", _come_back, WATCHES),
)
