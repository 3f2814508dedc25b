"""`python -m bench [NAME...]`: run the benchmarks and print their tables."""

from __future__ import annotations

import platform
import sys

from bench import compare, cpu_per_run, load, outbox, pages, start_up, web

ALL = {
    "start_up": start_up.main,
    "load": load.main,
    "cpu_per_run": cpu_per_run.main,
    "compare": compare.main,
    "outbox": outbox.main,
    "pages": pages.main,
    "web": web.main,
}


def main() -> int:
    names = sys.argv[1:] or list(ALL)
    unknown = [name for name in names if name not in ALL]
    if unknown:
        print(f"no such benchmark: {', '.join(unknown)} (there are: {', '.join(ALL)})", file=sys.stderr)
        return 2
    print(f"Python {platform.python_version()}, {platform.machine()}")
    for name in names:
        print(f"\n## {name}")
        ALL[name]()
    return 0


sys.exit(main())
