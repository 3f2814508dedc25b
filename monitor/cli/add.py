"""`monitor add URL`: a new watch file with a proposed goal and schema from what the page holds."""

from __future__ import annotations

import asyncio
import json as json_text
import re
import unicodedata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import unquote, urlsplit

import typer

from monitor.cli import options, output
from monitor.errors import DefinitionError, UsageError

if TYPE_CHECKING:
    from monitor.embedded.proposing import Proposal
    from monitor.fetch import Page
    from monitor.settings import Settings

MAX_NAME = 40
# How often a page of a kind is worth a look; everything else changes within the day.
_CRON = dict.fromkeys(("plans", "jobs", "events", "page"), "@daily")
_UNTELLING = frozenset({"index", "home", "default", "main", "page", "product", "products", "item", "items"})
_SPELT = {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "oe", "å": "aa", "ł": "l", "đ": "d"}
_PLAIN = re.compile(r"[A-Za-z_]\w*\Z")


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("add")(add)


def add(
    url: Annotated[str, typer.Argument(metavar="URL", help="The page to watch.", show_default=False)],
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="The watch's name.")] = None,
    workspace: options.WorkspaceOption = None,
    json: options.JsonOption = False,
) -> int:
    """Look at a page and write a watch file with a proposed goal and schema, commented."""
    from monitor.cli import workspace as rooms
    from monitor.embedded.proposing import propose
    from monitor.watch import names, urls

    settings = options.settings_of(workspace)
    chosen = name
    try:
        url = urls.checked(url)
        if name is not None:
            names.checked(name)
    except ValueError as problem:
        raise UsageError(str(problem), hint="monitor add https://shop.example/page --name my-watch") from None
    if name is not None:
        _free(settings, name)
    page = asyncio.run(looked_at(settings, url))
    proposal = propose(page.text, page.url)
    chosen = chosen or named(url, proposal)
    path = _free(settings, chosen)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8") as file:
        file.write(written(url, proposal))
    problems = [problem for problem in rooms.load(settings, [path]).problems if not problem.warning]
    if problems:
        path.unlink()
        raise DefinitionError(problems)
    _tell(path, chosen, proposal, json=options.wants_json(json))
    return 0


async def looked_at(settings: Settings, url: str) -> Page:
    """Return a page as the embedded agent of this workspace reads it, its demo pages included; raises FetchError."""
    from monitor.embedded.looking import look
    from monitor.embedded.server import EmbeddedAgent

    with TemporaryDirectory(prefix="monitor-look-") as folder:
        agent = EmbeddedAgent(ledger=Path(folder) / "agent.db", allow_private=settings.allow_private)
        async with agent:
            return await look(url, agent.policy, obey_robots=not settings.ignore_robots)


def named(url: str, proposal: Proposal) -> str:
    """Return a name for a watch: the last telling part of the url's path, else what the page is called, or its host."""
    parts = urlsplit(url)
    stems = [re.sub(r"\.(?:html?|php|aspx?|jsp)\Z", "", unquote(piece)) for piece in parts.path.split("/")]
    telling = [stem for stem in stems if re.search(r"[^\W\d_]{3}", stem) and stem.casefold() not in _UNTELLING]
    title = next((text for name in ("name", "title") if isinstance(text := proposal.found.result.get(name), str)), "")
    host = (parts.hostname or "page").removeprefix("www.")
    candidates = (telling[-1] if telling else "", title, f"{host} {proposal.kind}")
    return next((slug for slug in map(_slug, candidates) if slug), "page")


def _slug(text: str) -> str:
    """Return the words of a text as a file's name: `Käse-Löffel (neu)` is kaese-loeffel-neu; empty without any."""
    spelt = "".join(_SPELT.get(letter, letter) for letter in text.casefold())
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", spelt) if not unicodedata.combining(letter))
    words = re.findall(r"[a-z0-9]+", plain)
    slug = ""
    for word in words:  # whole words, as far as there is room
        if slug and len(slug) + len(word) >= MAX_NAME:
            break
        slug = f"{slug}-{word}" if slug else word[:MAX_NAME]
    return slug if re.search(r"[a-z]", slug) else ""


def _free(settings: Settings, name: str) -> Path:
    """Return the path of a new watch's file; raises UsageError where the file or the name is taken."""
    from monitor.cli import workspace as rooms

    path = settings.workspace / "watches" / f"{name}.yaml"
    loaded = rooms.load(settings)
    taken = next((candidate for candidate in (path, path.with_suffix(".yml")) if candidate.exists()), None)
    if taken is None and name in loaded.sources:
        taken = Path(loaded.sources[name].file)
    if taken is not None:
        raise UsageError(f"{taken} would be overwritten", hint="nothing was written; give another name: --name NAME")
    return path


def written(url: str, proposal: Proposal) -> str:
    """Return the text of a watch file, with comments that say what was found and what can be changed."""
    count = len(proposal.found.sources)
    cron = f'cron: "{_CRON.get(proposal.kind, "@hourly")}"'
    lines = [
        f"# Proposed by `monitor add` from what the page held: {_comment(proposal.kind)}, {count} values.",
        f"url: {json_text.dumps(url, ensure_ascii=False)}",
        "goal: |",
        f"  {_comment(proposal.goal)}",
        f'{cron:32} # cron(5), or a list of them, or @hourly @daily @weekly; "*/30 7-22 * * *" is by day only',
        "output_schema:                   # JSON Schema 2020-12: what to find; keep the properties that matter to you",
        *_node(proposal.schema, proposal.found.result, proposal.found.sources, "", 1),
    ]
    if proposal.identity:
        lines += ["", "compare:", "  # Rows are matched by this key, so that their order does not matter."]
        lines += [f"  identity: {{{_quoted(at)}: {_quoted(key)}}}" for at, key in proposal.identity.items()]
    lines += [
        "",
        "# All below is optional.",
        "# notify: [ops]                  # a target named in monitor.yaml, or an apprise URL; several are fine",
        "# confirm: {runs: 2, every: 3m}  # tell a change only when two runs in a row agree on it",
        "# limits: {timeout: 10m}         # of one run, queueing included",
    ]
    return "\n".join(lines) + "\n"


def _node(schema: dict[str, Any], value: Any, sources: dict[str, str], at: str, depth: int) -> list[str]:
    """Return the lines of a schema: maps of properties as blocks, everything else in one line with what was found."""
    pad = "  " * depth
    lines = []
    for word, child in schema.items():
        if word == "properties":
            lines.append(f"{pad}properties:")
            for name, below in child.items():
                held = value.get(name) if isinstance(value, dict) else None
                lines += _property(name, below, held, sources, f"{at}/{name}", depth + 1)
        elif word == "items" and "properties" in child:
            lines.append(f"{pad}items:")
            first = value[0] if isinstance(value, list) and value else None
            lines += _node(child, first, sources, f"{at}/0", depth + 1)
        else:
            lines.append(f"{pad}{_quoted(word)}: {_flow(child)}")
    return lines


def _property(name: str, schema: dict[str, Any], value: Any, sources: dict[str, str], at: str, depth: int) -> list[str]:
    pad = "  " * depth
    if "properties" in schema or "properties" in schema.get("items", {}):
        rows = f"  # {len(value)} rows on the page" if isinstance(value, list) else ""
        return [f"{pad}{_quoted(name)}:{rows}", *_node(schema, value, sources, at, depth + 1)]
    said = _comment(json_text.dumps(value, ensure_ascii=False))[:60]
    source = f" ({_comment(sources[at])[:60]})" if at in sources else ""
    return [f"{pad}{_quoted(name)}: {_flow(schema)}  # found: {said}{source}"]


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_quoted(name)}: {_flow(child)}" for name, child in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(child) for child in value) + "]"
    return _quoted(value) if isinstance(value, str) else json_text.dumps(value)


def _quoted(text: str) -> str:
    plain = _PLAIN.match(text) and text.isascii() and text.casefold() not in {"null", "true", "false"}
    return text if plain else json_text.dumps(text, ensure_ascii=False)


def _comment(text: str) -> str:
    from monitor.embedded.extract.words import clean

    return clean(output.plain(text))


def _tell(path: Path, name: str, proposal: Proposal, *, json: bool) -> None:
    if json:
        told = {"watch": name, "file": str(path), "kind": proposal.kind, "goal": proposal.goal}
        output.data({**told, "output_schema": proposal.schema, "found": proposal.found.result})
    output.note(f"wrote {path} ({proposal.kind}: {', '.join(proposal.schema['properties'])})")
    output.note(f"next: look it through; monitor validate; monitor run {name} --agent embedded; monitor hint {name}")
