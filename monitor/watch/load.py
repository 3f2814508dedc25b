"""Reading `watches/`: every watch that is sound, and every problem of all the others, at once, with its position.

A bad watch never hides a good one. Checks that need other rooms are handed in as callables. Must not know what they
check, nor when or where a watch runs.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from monitor.errors import MonitorError
from monitor.files import documents, validation
from monitor.files.documents import Document
from monitor.files.problems import Problem, in_order
from monitor.watch import names
from monitor.watch.defaults import completed
from monitor.watch.findings import Check
from monitor.watch.listing import watch_files
from monitor.watch.model import Watch
from monitor.watch.promised import PROMISED
from monitor.watch.references import misplaced_references
from monitor.watch.schema_files import SchemaFiles

FOLDER = "watches"
_WITHOUT_SCHEMA = frozenset({"output_schema", "compare"})  # compare's pointers cannot be looked up then
_STAND_INS: dict[str, Any] = {  # for fields that are wrong or absent; no check finds anything in them
    "name": "x",
    "url": "https://example.com/",
    "goal": "-",
    "cron": "@daily",
    "output_schema": {"type": "object", "required": ["x"], "properties": {"x": {"type": "string"}}},
}
_FORMS = {
    r"^(/[^/]*)+$": "must be a JSON Pointer that begins with /, as in /offers/*/price",
    r"^[A-Z]{2}$": "must be a country code of two capital letters, as in DE",
}


@dataclass(frozen=True, slots=True)
class Source:
    """Where a watch is defined; `file` as it is shown, `line` from 1."""

    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Loaded:
    """The sound watches by name, every problem in the order of the files, and where each sound watch stands.

    `refused` holds the errors of watches that are not sound, by name; a file that cannot be read counts by its stem.
    `notes` is good to know and nothing to mend.
    """

    watches: dict[str, Watch]
    problems: tuple[Problem, ...]
    sources: dict[str, Source]

    refused: dict[str, tuple[Problem, ...]]
    notes: tuple[Problem, ...] = ()

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that keep a watch from running; the rest are warnings."""
        return tuple(problem for problem in self.problems if not problem.warning)


def load(
    root: Path,
    *,
    checks: Sequence[Check] = (),
    defaults: Document | None = None,
    default_timezone: str | None = None,
    only: Sequence[Path] | None = None,
    tags: Mapping[str, Document] | None = None,
) -> Loaded:
    """Return the watches of the workspace `root`, or of the files `only`; never raises for what files hold.

    `defaults` is merged under every watch, what `tags` has of its tags above it; `default_timezone` is an IANA name for
    watches that name none. Problems of files outside the workspace are shown with the path as it was given.
    """
    loading = _Loading(root, (misplaced_references, *checks), defaults, default_timezone, tags or {})
    for path in loading.files() if only is None else loading.chosen(only):
        loading.file(path)
    return loading.result()


@dataclass(slots=True)
class _Entry:
    """A watch that is sound by itself, while it is not yet known whether its name is its own.

    It does not keep the document: the nodes of 10,000 files made the garbage collector three quarters of the load.
    """

    watch: Watch
    source: Source


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A watch before the checks; `stand_ins` names the fields that are not the user's, because those were wrong."""

    watch: Watch
    stand_ins: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Loading:
    root: Path
    checks: Sequence[Check]
    defaults: Document | None
    default_timezone: str | None
    tags: Mapping[str, Document]
    problems: list[tuple[str, Problem]] = field(default_factory=list)
    entries: list[_Entry] = field(default_factory=list)
    refused: dict[str, list[tuple[str, Problem]]] = field(default_factory=dict)
    reading: str = ""  # the file in hand: a problem may stand in another one (a schema, monitor.yaml)
    read: dict[str, Path] = field(default_factory=dict)
    named: dict[str, list[tuple[str, Problem]]] = field(default_factory=dict)
    schemas: SchemaFiles = field(init=False)

    def __post_init__(self) -> None:
        self.schemas = SchemaFiles(self.root)

    def files(self) -> Iterator[Path]:
        """Yield the files of `watches/`; what cannot be listed becomes a problem."""
        folder = self.root / FOLDER
        if not folder.is_dir():
            self._add(Problem(FOLDER, 0, 0, "", "there is no such folder", "monitor init makes one", warning=True))
            return
        yield from self.chosen([folder])

    def chosen(self, only: Sequence[Path]) -> Iterator[Path]:
        """Yield the files that were named, and the files of the folders that were named."""
        for path in only:
            if not path.is_dir():
                yield path
                continue
            found, problems = watch_files(path, self.shown)
            for problem in problems:
                self._add(problem)
            yield from found

    def shown(self, path: Path) -> str:
        """Return how a file is named to the user: relative to the workspace, if it is inside."""
        try:
            text = str(path.relative_to(self.root))
        except ValueError:
            text = str(path)
        return "".join(char if char.isprintable() else "?" for char in text)

    def file(self, path: Path) -> None:
        """Read one file and all its watches."""
        shown = self.shown(path)
        self.read[shown] = path
        self.reading = shown
        read, problems = documents.read_all(path, shown)
        for problem in problems:
            self._add(problem)
        real = [document for document in read if document.value is not None]
        if not real and not any(not problem.warning for problem in problems):
            self._add(Problem(shown, 0, 0, "", "this file defines no watch", warning=True))
        several = len(real) > 1 or (bool(real) and any(not problem.warning and problem.line for problem in problems))
        self._note_refused(path.stem, problems)
        for document in real:
            before = len(self.problems)
            self._watch(document, path, several=several)
            self._note_refused(_name_of(document, path), [problem for _, problem in self.problems[before:]])

    def _note_refused(self, name: str, problems: Sequence[Problem]) -> None:
        errors = [problem for problem in problems if not problem.warning]
        if errors:
            self.refused.setdefault(name, []).extend((self.reading, problem) for problem in errors)

    def _watch(self, document: Document, path: Path, *, several: bool) -> None:
        if not isinstance(document.value, dict):
            self._add(validation.located(document, (), "a watch is a map of fields, as in url: https://…"))
            return
        own_name = document.value.get("name")
        if several and own_name is None:
            self._add(
                validation.located(document, (), "each watch of a file with several needs a name", "add name: to it")
            )
            return
        self._note_name(document, path)
        whole = completed(document, self.tags, self.defaults)
        whole, schema_problems = self.schemas.grafted(whole, path)
        candidate, problems = self._validated(whole, path, no_schema=bool(schema_problems))
        found = [*schema_problems, *problems]
        if candidate is not None:
            found += [problem for check in self.checks for problem in _findings(check, candidate, whole)]
        for problem in found:
            self._add(problem)
        if candidate is not None and all(problem.warning for problem in found):
            self.entries.append(_Entry(candidate.watch, Source(whole.file, whole.position(())[0])))

    def _note_name(self, document: Document, path: Path) -> None:
        name = document.value.get("name", path.stem)
        if isinstance(name, str):
            key = ("name",) if "name" in document.value else ()
            place = validation.located(document, key, f'another watch is called "{name[:100]}" too')
            self.named.setdefault(names.folded(name), []).append((name, place))

    def _validated(self, whole: Document, path: Path, *, no_schema: bool) -> tuple[_Candidate | None, list[Problem]]:
        """Return the watch, or as much of it as is sound, and the problems of the rest."""
        values: dict[str, Any] = {"name": path.stem, **whole.value}
        if self.default_timezone:
            values.setdefault("timezone", self.default_timezone)
        try:
            watch = Watch.model_validate(values)
            return _Candidate(watch, _WITHOUT_SCHEMA if no_schema else frozenset()), []
        except ValidationError as error:
            problems = validation.problems(error, whole, Watch, promised=PROMISED, forms=_FORMS)
            return _sound_part(values, error), [_about_stem(problem, whole) for problem in problems]

    def _add(self, problem: Problem) -> None:
        self.problems.append((self.reading, problem))

    def result(self) -> Loaded:
        """Return what was loaded; watches that share a name are all refused, and each names the others' places.

        A file that a watch names as its schema is no watch, and has no problems as one.
        """
        self.reading = ""
        schemas = {shown for shown, path in self.read.items() if self.schemas.holds(path)}
        named = {
            folded: [(name, place) for name, place in places if place.file not in schemas]
            for folded, places in self.named.items()
        }
        shared = {folded: places for folded, places in named.items() if len(places) > 1}
        for places in shared.values():
            for name, place in places:
                others = ", ".join(f"{other.file}:{other.line}" for _, other in places if other is not place)
                problem = Problem(place.file, place.line, place.column, "name", place.message, f"also in {others}")
                self._add(problem)
                self._note_refused(name, [problem])
        good = [entry for entry in self.entries if names.folded(entry.watch.name) not in shared]
        refused = {
            name: tuple(problem for origin, problem in problems if origin not in schemas)
            for name, problems in self.refused.items()
        }
        said = in_order(problem for origin, problem in self.problems if origin not in schemas)
        return Loaded(
            watches={entry.watch.name: entry.watch for entry in good},
            problems=tuple(each for each in said if not each.note),
            sources={entry.watch.name: entry.source for entry in good},
            refused={name: problems for name, problems in refused.items() if problems},
            notes=tuple(each for each in said if each.note),
        )


def _name_of(document: Document, path: Path) -> str:
    name = document.value.get("name") if isinstance(document.value, dict) else None
    return name if isinstance(name, str) else path.stem


def _sound_part(values: dict[str, Any], error: ValidationError) -> _Candidate | None:
    """Return a watch of the fields that are sound, so that one wrong field does not hide what checks find in others."""
    wrong = {str(entry["loc"][0]) for entry in error.errors() if entry["loc"]}
    if "output_schema" in wrong:
        wrong |= _WITHOUT_SCHEMA
    kept = {name: value for name, value in values.items() if name in Watch.model_fields and name not in wrong}
    try:
        return _Candidate(Watch.model_validate(_STAND_INS | kept), frozenset(wrong))
    except ValidationError:
        return None  # fields that are wrong only together


def _about_stem(problem: Problem, whole: Document) -> Problem:
    """Return the problem with a word of where the name came from, when it is the file's and not the user's field."""
    if problem.field or "name" in whole.value:
        return problem
    return Problem(
        problem.file, problem.line, problem.column, "name", problem.message, "the file's name is the watch's: add name:"
    )


def _findings(check: Check, candidate: _Candidate, whole: Document) -> Iterator[Problem]:
    """Yield what one check finds; a check that fails is a problem of this watch, not of the others."""
    watch, stand_ins = candidate.watch, candidate.stand_ins
    try:
        for finding in check(watch):
            if stand_ins and (not finding.path or finding.path[0] in stand_ins):
                continue  # not the user's
            yield validation.located(
                whole, finding.path, finding.message, finding.hint, warning=finding.warning, note=finding.note
            )
    except MonitorError as problem:
        yield validation.located(whole, (), f"{watch.name}: {problem.message}", problem.hint)
    except Exception as problem:  # noqa: BLE001 - whatever breaks in one check, everything else is still judged
        at = traceback.extract_tb(problem.__traceback__)[-1]
        where = f"{type(problem).__name__} in {Path(at.filename).name}:{at.lineno}"  # its text may quote the file
        message = f"{watch.name} could not be checked: {where}"
        yield validation.located(whole, (), message, "this is a defect of goal-monitor")
