"""The user's YAML files as plain values with a position for every one of them; every error is a `DefinitionError`.

A strict subset of YAML 1.2 core (reliability.md, part 3.2, rows 1-15): maps with text keys, lists and scalars; no
tags, no merge keys, no duplicate keys, no cycles; at most 1 MiB, 32 levels and 20,000 values with aliases written
out. Must not know what a document says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from monitor.errors import DefinitionError
from monitor.files import places, regular_files, scalars
from monitor.files.composing import MAX_DEPTH, MAX_NODES, PLAIN, QUOTED, Refused, compose
from monitor.files.places import Place, Spot, Step
from monitor.files.problems import Problem

MAX_BYTES = 1024 * 1024
# What YAML calls not printable, the line breaks of YAML 1.1 that 1.2 reads as text, and marks of byte order inside a
# text.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
# The tag "!" alone: libyaml hides it from us, so it is looked for in the text itself.
_BARE_TAG = re.compile(r"(?:^|[\s\[{,])!\s", re.MULTILINE)
_BARE_TAG_HERE = re.compile(r"(?:&\S+\s+)?!\s")
_CONTROL_IN_VALUE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Document:
    """One document: `value` is made of dict, list, str, int, float, bool and None; `file` is its shown name."""

    file: str
    value: Any
    spot: Spot

    def position(self, path: tuple[Step, ...], *, key: bool = False) -> tuple[int, int]:
        """Return line and column, from 1, of the value at `path` (or its key), or of the nearest parent there is."""
        place = self.place(path, key=key)
        return place.line, place.column

    def place(self, path: tuple[Step, ...], *, key: bool = False) -> Place:
        """Return file, line and column of the value at `path`, as `position` does, also of a merged document."""
        return places.find(self.spot, path, key=key)

    def part(self, key: str) -> Document | None:
        """Return the map under `key` as a document of its own, or None; its places know that they stand under `key`."""
        if not isinstance(self.value, dict) or not isinstance(self.value.get(key), dict):
            return None
        below = self.spot.child(key)
        if isinstance(below, places.Node):
            below = places.Node(below.file, below.node, below.key, (*below.within, key))
        return Document(self.file, self.value[key], below or self.spot)

    def over(self, defaults: Document) -> Document:
        """Return this document merged over `defaults`: maps deeply; its own lists and scalars replace the default's."""
        if not isinstance(self.value, dict) or not isinstance(defaults.value, dict):
            return self
        return Document(self.file, _merged(self.value, defaults.value), places.Merged(self.spot, defaults.spot))

    def grafted(self, key: str, graft: Document) -> Document:
        """Return this document with the value of `key` taken from another file, positions included."""
        return Document(self.file, {**self.value, key: graft.value}, places.Grafted(self.spot, key, graft.spot))


def _merged(own: Mapping[str, Any], under: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**under, **own}
    for key in own.keys() & under.keys():
        if isinstance(own[key], dict) and isinstance(under[key], dict):
            merged[key] = _merged(own[key], under[key])
    return merged


def read(path: Path, shown_as: str | None = None) -> list[Document]:
    """Return the documents of a file; raises DefinitionError with every problem of it."""
    documents, problems = read_all(path, shown_as)
    return _unless(problems, documents)


def parse(text: str, shown_as: str) -> list[Document]:
    """Return the documents of a text; raises DefinitionError with every problem of it."""
    documents, problems = parse_all(text, shown_as)
    return _unless(problems, documents)


def _unless(problems: list[Problem], documents: list[Document]) -> list[Document]:
    errors = [problem for problem in problems if not problem.warning]
    if errors:
        raise DefinitionError(errors)
    return documents


def read_all(path: Path, shown_as: str | None = None) -> tuple[list[Document], list[Problem]]:
    """Return the documents of a file that are sound, and the problems of the others; never raises."""
    name = shown_as or str(path)
    try:
        data, mode = regular_files.contents(path, MAX_BYTES)
        text = decoded(data)
    except regular_files.UnreadableFile as problem:
        return [], [Problem(name, 0, 0, "", f"this file {problem}")]
    except Refused as problem:
        return [], [Problem(name, problem.line, problem.column, "", problem.message, problem.hint)]
    documents, problems = parse_all(text, name)
    if mode & 0o002:  # reliability.md row 55
        problems.append(
            Problem(name, 0, 0, "", "everybody on this machine may write this file", f"chmod o-w {name}", warning=True)
        )
    return documents, problems


def parse_all(text: str, shown_as: str) -> tuple[list[Document], list[Problem]]:
    """Return the documents of a text that are sound, and the problems of the others."""
    documents: list[Document] = []
    problems: list[Problem] = []
    try:
        _check_characters(text)
        count = 0
        for root in compose(text):
            reading = _Reading(shown_as, text, count)
            value = reading.value(root, 1, "")
            count = reading.count
            if reading.problems:
                problems += reading.problems
            else:
                documents.append(Document(shown_as, value, places.Node(shown_as, root)))
    except Refused as problem:
        problems.append(Problem(shown_as, problem.line, problem.column, "", problem.message, problem.hint))
    return documents, problems


def decoded(data: bytes) -> str:
    """Return UTF-8 bytes as text, without one byte order mark in front; raises Refused where it is not UTF-8."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Refused(1, 1, "this file is UTF-16", "save it as UTF-8")
    try:
        return data.removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError as problem:
        before = data[: problem.start].decode(errors="replace")
        line, column = _position(before, len(before))
        raise Refused(line, column, f"byte {problem.start} is not UTF-8", "save the file as UTF-8") from None


def _check_characters(text: str) -> None:
    found = _CONTROL.search(text)
    if found:
        line, column = _position(text, found.start())
        name = f"U+{ord(found[0]):04X}"
        hint = f'write it as "\\u{ord(found[0]):04x}" in quotes' if found[0] in "\x85\u2028\u2029" else "delete it"
        raise Refused(line, column, f"the control character {name} is not allowed", hint)


def _position(text: str, index: int) -> tuple[int, int]:
    return text.count("\n", 0, index) + 1, index - (text.rfind("\n", 0, index) + 1) + 1


class _Reading:
    """One walk over the nodes of a document: makes the value, counts, and gathers every problem."""

    def __init__(self, file: str, text: str, count: int) -> None:
        self.file = file
        self.count = count
        self._escapes = "\\" in text
        self._bare_tags = text if _BARE_TAG.search(text) else None
        self.problems: list[Problem] = []
        self._open: set[int] = set()

    def value(self, node: yaml.Node, depth: int, field: str) -> Any:
        """Return the plain value of a node; what is wrong with it goes to `problems`; raises Refused beyond caps."""
        self.count += 1
        if self.count > MAX_NODES:
            raise self._refused(node, f"too many values: at most {MAX_NODES:,} in a file, aliases written out")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, field)
        if depth > MAX_DEPTH:
            raise self._refused(node, f"nested too deep: at most {MAX_DEPTH} levels, aliases written out")
        if id(node) in self._open:
            raise self._refused(node, "this anchor holds itself")
        if self._has_tag(node):
            self._tagged(node, field)
            return None
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._map(node, depth, field)
            return [self.value(child, depth + 1, f"{field}[{index}]") for index, child in enumerate(node.value)]
        finally:
            self._open.discard(id(node))

    def _map(self, node: yaml.MappingNode, depth: int, field: str) -> dict[str, Any]:
        made: dict[str, Any] = {}
        first: dict[str, int] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, field)
            if key is None:
                continue
            below = f"{field}.{key}" if field else key
            line = key_node.start_mark.line + 1
            if key in first:
                self._problem(
                    key_node,
                    below,
                    f"this key stands twice, in line {first[key]} and in line {line}",
                    "keep one of them",
                )
                continue
            first[key] = line
            made[key] = self.value(value_node, depth + 1, below)
        return made

    def _key(self, node: yaml.Node, field: str) -> str | None:
        if not isinstance(node, yaml.ScalarNode):
            self._problem(node, field, "a key is a text, not a list or a map", None)
            return None
        if node.tag == PLAIN and node.value == "<<":
            self._problem(
                node,
                field,
                "merge keys (<<) are not supported",
                "write the fields out, or use defaults in monitor.yaml",
            )
            return None
        before = len(self.problems)
        value = self._scalar(node, field)
        if len(self.problems) > before:
            return None
        if not isinstance(value, str):
            kind = "empty" if node.value == "" else "a number or a constant"
            self._problem(node, field, f"a key is a text, and this one is {kind}", "quote it")
            return None
        return value

    def _scalar(self, node: yaml.ScalarNode, field: str) -> scalars.Scalar:
        text: str = node.value
        if self._has_tag(node):
            self._tagged(node, field)
            return None
        if node.tag == PLAIN:
            try:
                return scalars.plain(text)
            except ValueError as problem:
                self._problem(node, field, str(problem), None)
                return None
        if self._escapes and (found := _CONTROL_IN_VALUE.search(text)):
            self._problem(node, field, f"the control character U+{ord(found[0]):04X} is not allowed", None)
        return text

    def _has_tag(self, node: yaml.Node) -> bool:
        if node.tag is not PLAIN and node.tag is not QUOTED:
            return True
        return self._bare_tags is not None and bool(_BARE_TAG_HERE.match(self._bare_tags, node.start_mark.index))

    def _tagged(self, node: yaml.Node, field: str) -> None:
        shown = node.tag.rsplit(":", 1)[-1].lstrip("!") if node.tag not in {PLAIN, QUOTED} else ""
        name = f" (!{shown[:40]})" if shown.isascii() and shown.isprintable() and shown else ""
        self._problem(node, field, f"tags{name} are not supported", "write the value without the tag")

    def _problem(self, node: yaml.Node, field: str, message: str, hint: str | None) -> None:
        mark = node.start_mark
        self.problems.append(Problem(self.file, mark.line + 1, mark.column + 1, field, message, hint))

    def _refused(self, node: yaml.Node, message: str) -> Refused:
        return Refused(node.start_mark.line + 1, node.start_mark.column + 1, message)
