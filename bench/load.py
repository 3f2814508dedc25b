"""Loading 10,000 watch files, every check included, against composing the same files with libyaml and nothing else."""

from __future__ import annotations

import resource
import tempfile
import time
from pathlib import Path

import yaml

from monitor import settings
from monitor.cli import workspace

WATCH = """\
url: https://shop.example/product-{number}
goal: |
  Find the product's current price, its currency and whether it can be ordered now.
cron: "{minute} 7-22 * * *"
output_schema:
  type: object
  required: [price, currency, in_stock]
  properties:
    price: {{type: number, minimum: 0, description: "Price of one unit, without shipping"}}
    currency: {{enum: [EUR, USD]}}
    in_stock: {{type: boolean}}
    offers:
      type: array
      items:
        type: object
        required: [seller]
        properties:
          seller: {{type: string}}
          price: {{type: number}}
timezone: Europe/Berlin
tags: [kitchen, price]
compare:
  ignore: [/currency]
  identity: {{/offers: seller}}
limits:
  timeout: 10m
"""


def write_watches(folder: Path, count: int) -> None:
    """Write `count` different watch files, a thousand to a sub-folder."""
    for number in range(count):
        place = folder / "watches" / f"{number // 1000:03}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"product-{number}.yaml").write_text(WATCH.format(number=number, minute=number % 60))


def main(count: int = 10_000) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_watches(Path(folder), count)
        begin = time.perf_counter()
        for path in sorted(Path(folder).rglob("*.yaml")):
            yaml.compose(path.read_text(), Loader=yaml.CSafeLoader)
        floor = time.perf_counter() - begin
        found = settings.load(Path(folder), {}, {})
        begin = time.perf_counter()
        loaded = workspace.load(found)
        took = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{'libyaml compose only':32} {floor:6.2f} s")
    print(
        f"{f'load {len(loaded.watches):,} watches, all checks':32} {took:6.2f} s"
        f"  {took / floor:5.1f} x the floor  peak {peak:.0f} MiB"
    )
