"""The body of the request that starts a run, and what the provider would refuse in it.

Pure. Must not know how a request is sent.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import unquote

from monitor.agent.faults import clean
from monitor.agent.goal import goal_text
from monitor.agent.provider import BYTES, DEPTH, provider_problems, size
from monitor.agent.schema import compile_schema
from monitor.agent.subset import Dropped
from monitor.errors import SecretError
from monitor.watch.findings import Finding
from monitor.watch.model import Watch
from monitor.watch.run import Run

_SHOWN = 8  # places of a note
_SECRET_FIELDS = ("url", "username", "password")  # of proxy_config; no other field may hold a reference


def body(
    watch: Watch, run: Run, *, full_schema: bool, reveal: Callable[[str], str], stated: bool = False
) -> dict[str, Any]:
    """Return the request body: the API's own field names, unset fields left out, no nulls.

    With `stated` the schema is in the goal and not a field, unless the full one is wanted. `reveal` turns a secret
    reference into its value and leaves other text as it is; it may raise SecretError.
    """
    options = watch.run.model_dump(mode="json", exclude_none=True)
    proxy = options.get("proxy_config", {})
    for field in _SECRET_FIELDS:
        if field in proxy:
            proxy[field] = reveal(proxy[field])
    found: dict[str, Any] = {"url": watch.url, "goal": goal_text(watch, run, stated=stated)}
    if full_schema:
        found["output_schema"] = watch.output_schema
    elif not stated:
        found["output_schema"] = compile_schema(watch.output_schema).sent
    return found | options


def credentials(watch: Watch, reveal: Callable[[str], str]) -> tuple[str, ...]:
    """Return the secrets that the body of a request holds, to be masked in answers; none where one cannot be read."""
    proxy = watch.run.proxy_config
    if proxy is None:
        return ()
    try:
        username, password = reveal(proxy.username or ""), reveal(proxy.password or "")
        address = reveal(proxy.url or "")
    except SecretError:
        return ()  # nor can it be sent: `body` says why
    found = [username, password, f"{username}:{password}"]
    if address != (proxy.url or ""):
        found.append(address)  # a reference: all of it is a secret
    if "@" in address:
        inside = address.partition("://")[2].rpartition("@")[0]
        found += [inside, *(unquote(part) for part in inside.split(":", 1))]
    return tuple(found)


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
    """Yield what the provider would refuse, and one note on what is checked on this side only."""
    try:
        json.dumps(watch.output_schema, allow_nan=False)
    except ValueError:
        yield Finding(("output_schema",), "the schema holds a number that JSON does not have (NaN or infinity)")
        return
    compiled = compile_schema(watch.output_schema)
    for pointer, keyword, why in compiled.beyond:
        hint = f"the agent API takes {DEPTH} levels: flatten the schema"
        yield Finding(("output_schema", *_path(pointer), *([keyword] if keyword != "*" else [])), why, hint)
    if size(compiled.sent) > BYTES:
        hint = "leave out enumerations and properties that are not needed"
        yield Finding(("output_schema",), f"the schema is larger than the {BYTES // 1024} KB the agent API takes", hint)
    else:
        for pointer, message in provider_problems(compiled.sent):
            yield Finding(("output_schema", *_path(pointer.removeprefix("#"))), message)
    if compiled.local:
        yield Finding(("output_schema",), _local_only(compiled.local), warning=True, note=True)


def _local_only(dropped: Sequence[Dropped]) -> str:
    """Return in words what is not sent and checked here, the first places of it."""
    shown = [clean(f"{each.keyword} at {each.pointer or '/'}", 120) for each in dropped[:_SHOWN]]
    more = f", and {len(dropped) - _SHOWN} more" if len(dropped) > _SHOWN else ""
    return f"not sent to the agent API, checked on this machine only: {', '.join(shown)}{more}"


def _path(pointer: str) -> tuple[str | int, ...]:
    parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    before = ["", *parts]
    return tuple(
        int(part) if part.isdigit() and above in {"anyOf", "oneOf"} else part
        for above, part in zip(before, parts, strict=False)
    )
