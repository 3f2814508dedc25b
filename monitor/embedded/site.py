"""The demo shop as a web site (Starlette). Owns its HTML; the state is a `Shop`.

Links are relative, so that it works at any path.

Each page carries harmless noise (the time it was made, a rotating banner, rotating order of offers), so that
"unchanged" is a judgement and not an accident.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from html import escape
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from monitor.embedded.shop import Offer, Shop

_STYLE = """
body{margin:0;font:16px/1.5 system-ui,sans-serif;color:#2b2320;background:#faf7f3}
header,main,footer{max-width:52rem;margin:0 auto;padding:1rem}
header a{margin-right:1rem;color:#7a3b12;text-decoration:none;font-weight:600}
.banner{background:#7a3b12;color:#fff;text-align:center;padding:.4rem}
.card{background:#fff;border:1px solid #e6dcd2;border-radius:.6rem;padding:1rem 1.25rem;margin:1rem 0}
.row{display:flex;gap:1rem;flex-wrap:wrap}.row .card{flex:1 1 12rem}
.price{font-size:1.6rem;font-weight:700}.in{color:#1d7a3a}.out{color:#a02020}
table{width:100%;border-collapse:collapse}td,th{text-align:left;padding:.5rem;border-bottom:1px solid #e6dcd2}
footer{color:#8a7d74;font-size:.85rem}
"""
_BANNERS = (
    "Freshly roasted every Tuesday",
    "Free delivery from 50 euros",
    "Ask us about grind sizes",
    "Thirty days to change your mind",
)
_LINKS = (
    ("./", "Shop"),
    ("espresso-machine", "Espresso machine"),
    ("grinders", "Grinders"),
    ("pricing", "Coffee plans"),
    ("news", "News"),
)


def site(shop: Shop, now: Callable[[], datetime]) -> Starlette:
    """Return the shop's site; `now` stamps the pages."""

    def page(title: str, content: Callable[[Shop], str]) -> Callable[[Request], Any]:
        async def serve(_request: Request) -> Response:
            shop.views += 1
            if shop.down:
                return HTMLResponse(_document("Closed", "<h1>We are back shortly</h1>", shop, now()), status_code=503)
            return HTMLResponse(_document(title, content(shop), shop, now()))

        return serve

    async def missing(_request: Request, _problem: Exception) -> Response:
        return HTMLResponse(_document("Not found", "<h1>There is no such page</h1>", shop, now()), status_code=404)

    routes = [
        Route("/", page("Aurora coffee", _index)),
        Route("/espresso-machine", page("Aurora Duo espresso machine", _product)),
        Route("/grinders", page("Grinder offers", _grinders)),
        Route("/pricing", page("Coffee plans", _pricing)),
        Route("/news", page("News", _news)),
    ]
    return Starlette(routes=routes, exception_handlers={404: missing})


def _document(title: str, content: str, shop: Shop, now: datetime) -> str:
    links = "".join(f'<a href="{target}">{name}</a>' for target, name in _LINKS)
    banner = _BANNERS[shop.views % len(_BANNERS)]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)} | Aurora</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
        f'<div class="banner">{banner}</div><header>{links}</header><main>{content}</main>'
        f"<footer>A demonstration shop of goal-monitor. Page made at {now:%Y-%m-%d %H:%M:%S} UTC, view {shop.views}."
        f"</footer></body></html>"
    )


def _index(shop: Shop) -> str:
    return (
        "<h1>Aurora coffee</h1><p>A small shop that changes its prices, so that something can watch it.</p>"
        f'<div class="row"><div class="card"><h2>{escape(shop.product.name)}</h2>'
        '<a href="espresso-machine">See it</a></div>'
        '<div class="card"><h2>Grinders</h2><a href="grinders">Compare offers</a></div>'
        '<div class="card"><h2>Coffee plans</h2><a href="pricing">See prices</a></div></div>'
    )


def _product(shop: Shop) -> str:
    product = shop.product
    data = {
        "@type": "Product",
        "name": product.name,
        "sku": product.sku,
        "brand": {"@type": "Brand", "name": "Aurora"},
        "description": "Two boilers, one portafilter, no fuss.",
        "aggregateRating": {"@type": "AggregateRating", "ratingValue": product.rating, "reviewCount": product.reviews},
        "offers": {
            "@type": "Offer",
            "price": f"{product.price:.2f}",
            "priceCurrency": product.currency,
            "availability": _availability(product.in_stock),
        },
    }
    return (
        f'{_json_ld(data)}<h1>{escape(product.name)}</h1><div class="card"><p class="price">€{product.price:,.2f}</p>'
        f"<p>{_stock(product.in_stock)}</p><p>Two boilers, one portafilter, no fuss.</p>"
        f"<dl><dt>Article number</dt><dd>{product.sku}</dd><dt>Water tank</dt><dd>2.1 l</dd></dl>"
        f"<p>Rated {product.rating} by {product.reviews} people</p></div>"
    )


def _grinders(shop: Shop) -> str:
    turn = shop.views % max(1, len(shop.offers))
    offers = shop.offers[turn:] + shop.offers[:turn]
    data = {
        "@type": "Product",
        "name": "Ballista 54 grinder",
        "offers": {"@type": "AggregateOffer", "priceCurrency": "EUR", "offers": [_offer(offer) for offer in offers]},
    }
    rows = "".join(
        f"<tr><td>{escape(offer.seller)}</td><td>€{offer.price:,.2f}</td><td>{_stock(offer.in_stock)}</td></tr>"
        for offer in offers
    )
    return (
        f"{_json_ld(data)}<h1>Ballista 54 grinder</h1><p>{len(offers)} sellers.</p>"
        f'<div class="card"><table><thead><tr><th>Seller</th><th>Price</th><th>Stock</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _pricing(shop: Shop) -> str:
    cards = "".join(
        f'<section class="card plan"><h2>{escape(plan.name)}</h2>'
        f'<p class="price">€{plan.price:,.2f} <small>a month</small></p>'
        f"<ul>{''.join(f'<li>{escape(feature)}</li>' for feature in plan.features)}</ul></section>"
        for plan in shop.plans
    )
    return f'<h1>Coffee plans</h1><div class="row">{cards}</div>'


def _news(shop: Shop) -> str:
    entries = "".join(
        f'<article class="card"><h2>{escape(entry.title)}</h2>'
        f'<time datetime="{entry.published}">{entry.published}</time>'
        f"<p>{escape(entry.summary)}</p></article>"
        for entry in shop.news
    )
    return f"<h1>News</h1>{entries}"


def _offer(offer: Offer) -> dict[str, Any]:
    return {
        "@type": "Offer",
        "seller": {"@type": "Organization", "name": offer.seller},
        "price": f"{offer.price:.2f}",
        "priceCurrency": "EUR",
        "availability": _availability(offer.in_stock),
    }


def _availability(in_stock: bool) -> str:  # noqa: FBT001 - one flag, and it is the subject
    return f"https://schema.org/{'InStock' if in_stock else 'OutOfStock'}"


def _stock(in_stock: bool) -> str:  # noqa: FBT001 - one flag, and it is the subject
    return '<span class="in">In stock</span>' if in_stock else '<span class="out">Sold out</span>'


def _json_ld(data: dict[str, Any]) -> str:
    text = json.dumps({"@context": "https://schema.org"} | data).replace("<", "\\u003c")
    return f'<script type="application/ld+json">{text}</script>'
