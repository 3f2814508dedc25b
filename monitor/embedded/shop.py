"""The demo shop's state: what its pages say and how it changes.

A value with methods; must not know how its pages look or who serves them. Amounts are in the shop's currency.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Offer:
    """One seller's offer of the grinder."""

    seller: str
    price: float
    in_stock: bool = True


@dataclass(frozen=True, slots=True)
class Plan:
    """One plan of the pricing page, priced per month."""

    name: str
    price: float
    features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Headline:
    """One entry of the news page; `published` is an ISO date."""

    title: str
    published: str
    summary: str = ""


@dataclass(slots=True)
class Product:
    """The espresso machine."""

    name: str = "Aurora Duo espresso machine"
    sku: str = "AUR-DUO-2"
    price: float = 499.0
    currency: str = "EUR"
    in_stock: bool = True
    rating: float = 4.6
    reviews: int = 212


def _offers() -> list[Offer]:
    return [Offer("Bean & Burr", 189.0), Offer("Kaffeewerk", 179.5), Offer("Crema Direct", 194.9, in_stock=False)]


def _plans() -> list[Plan]:
    return [
        Plan("Taster", 9.0, ("250 g a month", "One roast")),
        Plan("Household", 24.0, ("1 kg a month", "Three roasts", "Free delivery")),
        Plan("Office", 79.0, ("5 kg a month", "Any roast", "Free delivery", "Machine service")),
    ]


def _news() -> list[Headline]:
    return [
        Headline("New roastery opens in Leipzig", "2026-11-12", "Tours on Saturdays."),
        Headline("Aurora Duo wins the home barista award", "2026-10-30", "Best machine under 500 euros."),
        Headline("Winter opening hours", "2026-10-01", "Open until six from November."),
    ]


@dataclass(slots=True)
class Shop:
    """A small shop; `down` makes every page answer 503, `views` counts the pages served and moves the noise on them."""

    product: Product = field(default_factory=Product)
    offers: list[Offer] = field(default_factory=_offers)
    plans: list[Plan] = field(default_factory=_plans)
    news: list[Headline] = field(default_factory=_news)
    down: bool = False
    views: int = 0

    def set_price(self, price: float) -> None:
        """Set the espresso machine's price."""
        self.product.price = price

    def set_stock(self, *, in_stock: bool) -> None:
        """Set whether the espresso machine can be ordered."""
        self.product.in_stock = in_stock

    def set_offer(self, seller: str, *, price: float | None = None, in_stock: bool | None = None) -> None:
        """Change one seller's offer of the grinder, or add it (then a price is needed); raises ValueError."""
        for index, offer in enumerate(self.offers):
            if offer.seller == seller:
                self.offers[index] = replace(
                    offer,
                    price=offer.price if price is None else price,
                    in_stock=offer.in_stock if in_stock is None else in_stock,
                )
                return
        if price is None:
            raise ValueError(f"a new offer of {seller} needs a price")
        self.offers.append(Offer(seller, price, in_stock=in_stock is not False))

    def drop_offer(self, seller: str) -> None:
        """Take one seller's offer away."""
        self.offers = [offer for offer in self.offers if offer.seller != seller]

    def set_plan(self, name: str, price: float) -> None:
        """Change the price of a plan, or add a plan."""
        for index, plan in enumerate(self.plans):
            if plan.name == name:
                self.plans[index] = replace(plan, price=price)
                return
        self.plans.append(Plan(name, price))

    def publish(self, title: str, published: str, summary: str = "") -> None:
        """Put a headline on top of the news."""
        self.news.insert(0, Headline(title, published, summary))

    def set_down(self, *, down: bool) -> None:
        """Make every page answer 503, or serve again."""
        self.down = down
