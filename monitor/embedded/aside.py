"""Reading a heavy page in a process of its own, whose seconds and memory the system bounds: its death costs one run.

Parsing happens in C, where no thread can be stopped: libxml2 compares each attribute of an element with all before it,
so that 100,000 attributes (0.9 MB) take 14 s and 500,000 half an hour. Pages of usual weight are read in threads of the
agent; what is heavy is decided by counts that cost milliseconds. Must not know runs.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import resource
import signal
import sys
from typing import Any

from monitor.embedded.extract.found import Extraction
from monitor.embedded.failure import RunError
from monitor.embedded.scripts import Scripts

MAX_TEXT = 4 * 1024 * 1024
MAX_TAGS = 100_000
MAX_WORDS = 40_000  # an element cannot have more attributes than the page has different words: 2 s of comparing
MAX_ANSWER = 32 * 1024 * 1024
MEMORY = 1536 * 1024 * 1024  # bytes of address space; a page of 10 MiB takes about 450 MB
CPU_SECONDS = 60
_WORD = re.compile(r"""[^\s"'<>=/]+""")
_KEPT = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "SYSTEMROOT")  # no secret of ours goes to where a hostile page is read


def heavy(text: str) -> bool:
    """Return whether a page may cost more than a few seconds or a few hundred MB to read."""
    if len(text) > MAX_TEXT or text.count("<") > MAX_TAGS:
        return True
    if len(text) <= 2 * MAX_WORDS:
        return False
    words: set[str] = set()
    for found in _WORD.finditer(text):
        words.add(found.group())
        if len(words) > MAX_WORDS:
            return True
    return False


async def read(
    text: str, url: str, schema: dict[str, Any] | None, *, memory: int = MEMORY, seconds: int = CPU_SECONDS
) -> tuple[Extraction, Scripts]:
    """Return what `extract` finds and what the page's scripts are for; the process is killed when this is cancelled.

    Raises RunError where `memory` (bytes) or `seconds` (of computing) do not suffice, or no process can be started.
    """
    process = await _started(memory, seconds)
    try:
        answer, _ = await process.communicate(json.dumps({"html": text, "url": url, "schema": schema}).encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        raise RunError("TIMEOUT", f"reading the page takes more than {seconds} s of computing", category="UNKNOWN")
    if process.returncode != 0:
        raise RunError("TASK_FAILED", "the page takes too much memory to be read")
    found = json.loads(answer)
    return Extraction(found["result"], found["sources"], found["missing"]), Scripts(found["scripts"])


async def _started(memory: int, seconds: int) -> asyncio.subprocess.Process:
    # -P: nothing is imported from the folder that we happen to stand in
    command = (sys.executable, "-P", "-m", "monitor.embedded.aside", str(memory), str(seconds))
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    try:
        return await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, stderr=nothing, env=environment, limit=MAX_ANSWER
        )
    except OSError as problem:
        message = f"no process could be started to read this heavy page in: {problem.strerror}"
        raise RunError("SERVICE_BUSY", message, category="SYSTEM_FAILURE") from problem


def main(memory: int, seconds: int) -> int:
    """Read one page from standard input and write what was found, under limits; return 1 where they do not suffice."""
    _limit(resource.RLIMIT_AS, memory)
    _limit(resource.RLIMIT_CPU, seconds)
    _limit(resource.RLIMIT_CORE, 0)
    from monitor.embedded import wire
    from monitor.embedded.reading import found_in

    asked = json.load(sys.stdin)
    try:
        found, scripts = found_in(asked["html"], asked["url"], asked["schema"])
        told = {"result": wire.finite(found.result), "sources": found.sources, "missing": found.missing}
        answer = wire.dumped(told | {"scripts": scripts.value})
    except MemoryError:
        return 1
    if len(answer) > MAX_ANSWER:
        return 1
    sys.stdout.buffer.write(answer)
    return 0


def _limit(kind: int, most: int) -> None:
    """Set a limit of this process, unless a lower one is set already."""
    _, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:3])))
