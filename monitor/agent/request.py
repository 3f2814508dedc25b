"""The request that starts a run: its goal text and its body, and what the provider would refuse in it.

Pure. Owns the reference by which a run is found again (reliability.md A2). Must not know how a request is sent.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from monitor.agent.schema import BYTES, compile_schema, provider_problems, size
from monitor.watch.findings import Finding
from monitor.watch.model import Watch
from monitor.watch.run import Run

_SECRET_FIELDS = ("url", "username", "password")  # of proxy_config; no other field may hold a reference


def goal_text(watch: Watch, run: Run) -> str:
    """Return the goal as it is sent: the watch's own, then the run's reference as the last line: it is unique."""
    return f"{watch.goal}\n{reference(run)}"


def reference(run: Run) -> str:
    """Return the line by which a run is found in the list of runs."""
    return f"[ref {run.id}]"


def body(watch: Watch, run: Run, *, full_schema: bool, reveal: Callable[[str], str]) -> dict[str, Any]:
    """Return the request body: the API's own field names, unset fields left out, no nulls.

    `reveal` turns a secret reference into its value and leaves other text as it is; it may raise SecretError.
    """
    options = watch.run.model_dump(mode="json", exclude_none=True)
    proxy = options.get("proxy_config", {})
    for field in _SECRET_FIELDS:
        if field in proxy:
            proxy[field] = reveal(proxy[field])
    schema = watch.output_schema if full_schema else compile_schema(watch.output_schema).sent
    return {"url": watch.url, "goal": goal_text(watch, run), "output_schema": schema, **options}


def hinted(schema: Any) -> bool:
    """Return whether a schema holds hints for our embedded agent (`x-css` and the like), at any depth."""
    stack = [schema]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            if any(isinstance(key, str) and key.startswith("x-") for key in node):
                return True
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)
    return False


def check(watch: Watch) -> Iterator[Finding]:
    """Yield what the provider would refuse; keywords that are only checked on this side are nothing to report."""
    try:
        json.dumps(watch.output_schema, allow_nan=False)
    except ValueError:
        yield Finding(("output_schema",), "the schema holds a number that JSON does not have (NaN or infinity)")
        return
    compiled = compile_schema(watch.output_schema)
    for pointer, keyword, why in compiled.dropped:
        if why.startswith(("deeper than", "the schema has more")):
            hint = "the agent API takes 10 levels: flatten the schema"
            yield Finding(("output_schema", *_path(pointer), *([keyword] if keyword != "*" else [])), why, hint)
    if size(compiled.sent) > BYTES:
        hint = "leave out enumerations and properties that are not needed"
        yield Finding(("output_schema",), f"the schema is larger than the {BYTES // 1024} KB the agent API takes", hint)
    elif not any(why.startswith("deeper than") for _, _, why in compiled.dropped):
        for pointer, message in provider_problems(compiled.sent):
            yield Finding(("output_schema", *_path(pointer.removeprefix("#"))), message)


def _path(pointer: str) -> tuple[str | int, ...]:
    parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    before = ["", *parts]
    return tuple(
        int(part) if part.isdigit() and above in {"anyOf", "oneOf"} else part
        for above, part in zip(before, parts, strict=False)
    )
