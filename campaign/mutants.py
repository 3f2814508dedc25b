"""Seeded bugs: each is put into a copy of the tree, where the tests of its promise must then fail (issue 3).

Owns the copy, the runs of pytest in it, and the ledger `mutants.jsonl`: one line for each bug that was tried. A bug
that was killed is not tried again while its file, its tests and the bug itself are the same. Must not know which bugs
there are: those are the data of `promises`.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from campaign import promises
from campaign.part import Check, Tally, Violation
from campaign.promises import LEDGER, Finding, Mutant
from campaign.runner import ROOT, commit

WITHIN = 180.0  # seconds for the tests of one bug: what hangs is noticed, too
HUNG = "time-out"
_PYTEST = ("-m", "pytest", "-x", "-q", "-p", "no:randomly", "--no-header", "--tb=no", "-rfE")
_TRIES = 3
_PASSED, _FAILED = 0, 1  # pytest's exit codes; every other one means that the tests did not run


@dataclass
class Mutants:
    """The part: case n is the n-th bug. A bug that survives is counted; one that cannot be tried is a violation."""

    ledger: Path = LEDGER
    root: Path = ROOT
    data: Path = promises.DATA
    page: Path | None = promises.PAGE  # whose section is written anew at the end
    name: str = "mutants"
    title: str = "seeded bugs: each must turn the tests of its promise red"
    proves: str = "A1-A7 B1-B10 C1-C10 D1-D7 R1-R10 G1"
    least: int = 1
    chunk: int = 1
    subject: tuple[str, ...] = ("monitor", "tests", "campaign/mutants.py", "campaign/promises.yaml")

    @property
    def size(self) -> int:
        """How many bugs there are."""
        return sum(len(promise.mutants) for promise in promises.promises(self.data))

    @contextmanager
    def opened(self, seed: int) -> Iterator[Check]:  # noqa: ARG002 - nothing here is drawn
        """Copy the tree and return the check."""
        known = list(promises.every_mutant(promises.promises(self.data)))
        with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
            bench = Bench(copied(self.root, Path(folder) / "tree"), self.ledger, commit(self.root))

            def check(numbers: Sequence[int], tally: Tally) -> None:
                for number in numbers:
                    finding = bench.tried(known[number], number)
                    tally.add("killed" if finding.killed else "survived")

            try:
                yield check
            finally:
                if self.page is not None:
                    promises.write(self.page, self.ledger)


def copied(root: Path, place: Path) -> Path:
    """Copy the project's files, those that git tracks and those it does not know yet, and return where they are."""
    git = shutil.which("git") or "git"
    words = [git, "-C", str(root), "ls-files", "-co", "--exclude-standard", "-z"]
    listed = subprocess.run(words, capture_output=True, check=True).stdout.decode()  # noqa: S603 - fixed words
    for name in filter(None, listed.split("\0")):
        source, target = root / name, place / name
        if source.is_file():  # else it was deleted just now
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    return place


@dataclass
class Bench:
    """A copy of the tree in which bugs are tried one at a time."""

    tree: Path
    ledger: Path
    head: str
    passed: set[tuple[str, ...]] = field(default_factory=set)
    writes: int = 0

    def tried(self, mutant: Mutant, number: int) -> Finding:
        """Return what became of a bug, from the ledger where it was killed before; raises Violation."""
        code = self.code(mutant, number)
        for before in promises.findings(self.ledger):
            if (before.digest, before.code, before.killed) == (mutant.digest, code, True):
                return before
        began = time.monotonic()
        self._sound(mutant, number)
        exit_code, by = self._with(mutant)
        if exit_code not in {_PASSED, _FAILED}:
            raise Violation(number, f"{mutant.promise}: the tests cannot be run with: {mutant.name}", by)
        finding = Finding(
            promise=mutant.promise,
            mutant=mutant.name,
            digest=mutant.digest,
            killed=exit_code == _FAILED,
            by=by if exit_code == _FAILED else "",
            code=code,
            commit=self.head,
            date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
            seconds=round(time.monotonic() - began, 1),
        )
        with self.ledger.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(finding), ensure_ascii=False) + "\n")
        return finding

    def code(self, mutant: Mutant, number: int) -> str:
        """Return a digest of the file that the bug is in and of its tests, docstrings left out; raises Violation."""
        path = self.tree / mutant.file
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        if text.count(mutant.old) != 1:
            what = f"{mutant.promise}: {mutant.file} holds the text of this bug {text.count(mutant.old)} times"
            raise Violation(number, f"{what}: {mutant.name}", mutant.old)
        found = hashlib.sha256(text.encode())
        for test in mutant.tests:
            function = promises.function_of(test, self.tree)
            if function is None:
                raise Violation(number, f"{mutant.promise}: there is no such test", test)
            body = function.body[1:] if ast.get_docstring(function) is not None else function.body
            found.update("".join(ast.dump(each) for each in [*function.decorator_list, *body]).encode())
        return found.hexdigest()[:12]

    def _sound(self, mutant: Mutant, number: int) -> None:
        """Raise Violation unless the tests pass without the bug."""
        if mutant.tests not in self.passed:
            exit_code, by = run_tests(self.tree, mutant.tests)
            if exit_code != _PASSED:
                raise Violation(number, f"{mutant.promise}: its tests do not pass without a bug", by)
            self.passed.add(mutant.tests)

    def _with(self, mutant: Mutant) -> tuple[int, str]:
        """Return how the tests end with the bug; a test that fails once and not once more has noticed nothing."""
        path = self.tree / mutant.file
        text = path.read_text(encoding="utf-8")
        try:
            self._put(path, text.replace(mutant.old, mutant.new))
            for _ in range(_TRIES):
                exit_code, by = run_tests(self.tree, mutant.tests)
                if exit_code != _FAILED or by == HUNG:
                    break
                again, _by = run_tests(self.tree, [by.partition("[")[0]])
                if again == _FAILED:
                    break
                exit_code, by = _PASSED, ""
            return exit_code, by
        finally:
            self._put(path, text)

    def _put(self, path: Path, text: str) -> None:
        """Write a file with a time of its own: compiled code is known by size and second, and bugs may share both."""
        path.write_text(text, encoding="utf-8")
        self.writes += 1
        os.utime(path, (1_000_000_000 + self.writes, 1_000_000_000 + self.writes))


def run_tests(tree: Path, tests: Sequence[str], within: float = WITHIN) -> tuple[int, str]:
    """Run tests in a tree and return pytest's exit code and the first that failed; tests that hang have failed."""
    environment = os.environ | {"PYTHONPATH": str(tree), "HYPOTHESIS_STORAGE_DIRECTORY": str(tree / ".hypothesis")}
    running = subprocess.Popen(  # noqa: S603 - our own tests
        [sys.executable, *_PYTEST, *tests],
        cwd=tree,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # so that what a hanging test started ends with it
    )
    try:
        said = running.communicate(timeout=within)[0].decode("utf-8", "replace")
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
        return _FAILED, HUNG
    failed = [line.split()[1] for line in said.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    if running.returncode == _FAILED:
        return _FAILED, failed[0] if failed else HUNG
    return running.returncode, "" if running.returncode == _PASSED else said[-2_000:]
