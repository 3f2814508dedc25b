"""An `output_schema` that is given as a path: a .json or .yaml file beside the watch, inside the workspace."""

from __future__ import annotations

from pathlib import Path

from monitor.errors import DefinitionError
from monitor.files import documents, validation
from monitor.files.documents import Document
from monitor.files.json_documents import read_json
from monitor.files.problems import Problem

_FIELD = "output_schema"


class SchemaFiles:
    """The schema files that one load has read, each once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._read: dict[Path, Document | DefinitionError] = {}

    def grafted(self, whole: Document, path: Path) -> tuple[Document, list[Problem]]:
        """Return the watch's document with its schema file's content in place of the path, and what is wrong there.

        A path is relative to the file that it is written in: the watch's, or monitor.yaml.
        """
        given = whole.value.get(_FIELD)
        if not isinstance(given, str):
            return whole, []
        place = whole.place((_FIELD,))
        folder = self.root if place.within else path.parent
        refusal = _refusal(given)
        target = None
        if refusal is None:
            target = (folder / given).resolve()
            if not any(target.is_relative_to(allowed.resolve()) for allowed in (self.root, folder)):
                refusal = "this path leads out of the workspace"
        if refusal or target is None:
            return _without(whole), [validation.located(whole, (_FIELD,), refusal or "")]
        schema = self._document(target)
        if isinstance(schema, DefinitionError):
            return _without(whole), self._shown(schema, whole, given)
        return whole.grafted(_FIELD, schema), []

    def holds(self, path: Path) -> bool:
        """True for a file that a watch names as its schema, sound or not."""
        return path.resolve() in self._read

    def _document(self, target: Path) -> Document | DefinitionError:
        if target not in self._read:
            try:
                self._read[target] = self._load(target)
            except DefinitionError as problem:
                self._read[target] = problem
        return self._read[target]

    def _load(self, target: Path) -> Document:
        root = self.root.resolve()
        shown = str(target.relative_to(root)) if target.is_relative_to(root) else str(target)
        if target.suffix.lower() == ".json":
            document = read_json(target, shown)
        else:
            read = documents.read(target, shown)
            if len(read) != 1:
                raise DefinitionError(
                    [Problem(shown, 0, 0, "", f"a schema file holds one document, this one {len(read)}")]
                )
            document = read[0]
        if not isinstance(document.value, dict):
            raise DefinitionError([validation.located(document, (), "a schema is a map, as in type: object")])
        return document

    @staticmethod
    def _shown(error: DefinitionError, whole: Document, given: str) -> list[Problem]:
        """Return the file's problems where they stand; an unreadable file is a problem of the watch's line."""
        return [
            problem
            if problem.line
            else validation.located(whole, (_FIELD,), f"the schema file {given}: {problem.message}")
            for problem in error.problems
        ]


def _refusal(given: str) -> str | None:
    if not given or not given.isprintable() or len(given) > 1_000:
        return "must be a JSON Schema, or the path of a .json or .yaml file"
    if Path(given).is_absolute():
        return "the path of a schema file is relative to this file"
    if Path(given).suffix.lower() not in {".json", ".yaml", ".yml"}:
        return "a schema file ends in .json, .yaml or .yml"
    return None


def _without(whole: Document) -> Document:
    """Return the document with an empty schema, so that the rest of the watch is still judged."""
    return Document(whole.file, {**whole.value, _FIELD: {}}, whole.spot)
