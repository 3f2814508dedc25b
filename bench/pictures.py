"""The pictures of the console in the documentation, from a real daemon on the demo shop: `python -m bench.pictures`."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from monitor.embedded import chromium
from tests.web.theatre import Theatre, theatre

PRICES = (489.0, 449.0, 459.0, 429.0, 399.0, 449.0)
SHOTS = {"overview": "/", "watch": "/watches/espresso-machine"}


def main(folder: Path) -> None:
    """Play a while at the shop, then write one picture a page."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, theatre(Path(place) / "workspace") as stage:
        _play(stage)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium.executable(os.environ), args=["--no-sandbox"])
            page = browser.new_page(base_url=stage.base, viewport={"width": 1280, "height": 860})
            for name, address in SHOTS.items():
                page.goto(address)
                page.locator(".uplot, #latest li").first.wait_for()
                page.screenshot(path=folder / f"{name}.png")
                print(folder / f"{name}.png")
            browser.close()


def _play(stage: Theatre) -> None:
    stage.until(lambda: "BASELINE" in stage.history("espresso-machine"), "the first result")
    for number, price in enumerate(PRICES, 1):
        runs = len(stage.history("espresso-machine"))
        stage.shop.set_price(price)
        stage.shop.set_offer("Kaffeewerk", price=170.0 + number)
        stage.until(lambda: len(stage.history("espresso-machine")) >= runs + 3, "three more runs")  # noqa: B023 - waited for at once


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/pictures"))
