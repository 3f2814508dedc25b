"""What a schema wants at one place of a result: the types, options and format that all hold there, and the choices.

Unlike `scope`, which takes all branches together, this keeps them apart: a value is brought to a branch only where that
is the only one it fits. A choice between one schema and null is that schema, nullable. Must not know results.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

from monitor.judge.schemas import dialect
from monitor.judge.schemas.patterns import matches
from monitor.judge.values import locales

MOST_NODES = 1_000
_ALL = frozenset(("array", "boolean", "number", "object", "string", "null"))
_NAMING = {"properties", "patternProperties", "additionalProperties", "unevaluatedProperties", "if"}
_ANYTHING: dict[str, Any] = {}
_URI = "urn:monitor:output-schema"


class Wanted:
    """The schemas that all hold at one place; `locale` and `zone` are the nearest `x-locale` and `x-timezone`."""

    def __init__(
        self,
        nodes: Iterable[Any],
        root: dict[str, Any],
        hints: tuple[str | None, str | None] = (None, None),
        known: dict[Any, Wanted] | None = None,
    ) -> None:
        self._given = tuple(node for node in nodes if isinstance(node, dict))
        self.root = root
        self._known: dict[Any, Wanted] = {} if known is None else known
        self.nullable, self.nodes, self._groups = _joined(self._given, root)
        own = [next((n[w] for n in self.nodes if isinstance(n.get(w), str)), None) for w in ("x-locale", "x-timezone")]
        locale = own[0] if own[0] is not None and locales.known(own[0]) else hints[0]
        self.locale, self.zone = locale, own[1] or hints[1]

    @cached_property
    def kinds(self) -> frozenset[str]:
        """The types that may stand here; an integer counts as a number (`whole`). All where nothing is said."""
        kinds = _ALL
        for node in self.nodes:
            if "type" in node:
                kinds &= {"number" if kind == "integer" else kind for kind in _named(node)}
        if self.options is not None:
            kinds &= {_kind(option) for option in self.options}
        return kinds | {"null"} if self.nullable else kinds

    @cached_property
    def counts(self) -> bool:
        """Whether text here is meant as a number: one is wanted and text is not."""
        return "number" in self.kinds and "string" not in self.kinds

    @cached_property
    def whole(self) -> bool:
        """Whether a number here must be a whole one."""
        return any("integer" in kinds and "number" not in kinds for kinds in map(_named, self.nodes))

    @cached_property
    def options(self) -> tuple[Any, ...] | None:
        """The values of `enum` or `const`, of the first schema that has one; None where there is none."""
        for node in self.nodes:
            if isinstance(node.get("enum"), list):
                return tuple(node["enum"])
            if "const" in node:
                return (node["const"],)
        return None

    @cached_property
    def format(self) -> str | None:
        """The `format` of text here."""
        return next((node["format"] for node in self.nodes if isinstance(node.get("format"), str)), None)

    @cached_property
    def required(self) -> frozenset[str]:
        """The names that this place, or some branch of its choices, requires."""
        branches = (node for group in self._groups for node in group)
        lists = [node.get("required") for node in (*self.nodes, *branches)]
        return frozenset(name for names in lists if isinstance(names, list) for name in names if isinstance(name, str))

    @cached_property
    def choices(self) -> tuple[tuple[Wanted, ...], ...]:
        """The groups of branches (`anyOf`, `oneOf`) of which one must be chosen, without null beside one schema."""
        return tuple(tuple(self._made((node,)) for node in group) for group in self._groups)

    @cached_property
    def _properties(self) -> dict[str, Wanted | None]:
        return {}

    def child(self, name: str) -> Wanted | None:
        """Return what is wanted of a property: anything where no property is declared; None where this one is not."""
        if name in self._properties:
            return self._properties[name]
        if self._open:
            return self._made((_ANYTHING,))
        found = []
        for node in self.nodes:
            own = [s for s in (_dict(node.get("properties")).get(name),) if s is not None]
            own += [s for pattern, s in _dict(node.get("patternProperties")).items() if matches(pattern, name)]
            found += own or [node.get(word) for word in ("additionalProperties", "unevaluatedProperties")]
        child = self._below(found)
        if len(self._properties) < MOST_NODES:  # a page may have any number of names
            self._properties[name] = child
        return child

    def item(self, index: int) -> Wanted | None:
        """Return what is wanted of a list's item: anything where the schema does not say; None beyond a closed list."""
        if not self._prefixed:
            return self._items
        lists = ((_list(node.get("prefixItems")), node.get("items")) for node in self.nodes)
        return self._below([ahead[index] if index < len(ahead) else rest for ahead, rest in lists])

    @cached_property
    def _open(self) -> bool:
        return not self._groups and not any(_NAMING & node.keys() for node in self.nodes)

    @cached_property
    def _prefixed(self) -> bool:
        return any("prefixItems" in node for node in self.nodes)

    @cached_property
    def _items(self) -> Wanted | None:
        items = [node["items"] for node in self.nodes if "items" in node]
        return self._below(items) if items else self._made((_ANYTHING,))

    def _below(self, nodes: Iterable[Any]) -> Wanted | None:
        given = tuple(node for node in nodes if isinstance(node, dict))
        return self._made(given) if given else None

    def _made(self, nodes: tuple[dict[str, Any], ...]) -> Wanted:
        key = (tuple(map(id, nodes)), self.locale, self.zone)
        if key not in self._known:
            self._known[key] = Wanted(nodes, self.root, (self.locale, self.zone), self._known)
        return self._known[key]

    def fits(self, value: Any) -> bool:
        """Return whether a value keeps the schemas of this place."""
        return bool(self._validator.is_valid(value))

    @cached_property
    def _validator(self) -> Any:
        import jsonschema_rs

        whole = [_away(dialect.translated(node)) for node in self._given]
        return jsonschema_rs.Draft202012Validator(
            {"allOf": whole},
            registry=jsonschema_rs.Registry([(_URI, dialect.translated(self.root))]),
            validate_formats=True,
            pattern_options=jsonschema_rs.RegexOptions(),
        )


def _joined(
    given: tuple[dict[str, Any], ...], root: dict[str, Any]
) -> tuple[bool, tuple[dict[str, Any], ...], list[list[dict[str, Any]]]]:
    """Return whether null may stand beside one schema, all schemas that hold together, and the choices among others."""
    found: dict[int, dict[str, Any]] = {}
    groups: list[list[dict[str, Any]]] = []
    waiting, nullable = list(given), False
    while waiting and len(found) < MOST_NODES:
        node = waiting.pop(0)
        if id(node) in found:
            continue
        found[id(node)] = node
        nullable = nullable or node.get("nullable") is True
        more = [dialect.target(node.get("$ref"), root), *_list(node.get("allOf"))]
        for word in ("anyOf", "oneOf"):
            branches = [branch for branch in _list(node.get(word)) if isinstance(branch, dict)]
            others = [branch for branch in branches if branch.get("type") != "null"]
            if len(others) == 1:
                more.append(others[0])
                nullable = nullable or len(branches) > 1
            elif others:
                groups.append(others)
        waiting += [one for one in more if isinstance(one, dict)]
    return nullable, tuple(found.values()), groups


def _away(schema: Any) -> Any:
    """Return a schema whose references lead into the registered root."""
    if isinstance(schema, list):
        return [_away(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: f"{_URI}{item}" if name == "$ref" and isinstance(item, str) else _away(item)
        for name, item in schema.items()
    }


def _named(node: dict[str, Any]) -> list[Any]:
    kinds = node.get("type", [])
    return kinds if isinstance(kinds, list) else [kinds]


def _kind(option: Any) -> str:
    if isinstance(option, bool):
        return "boolean"
    for kind, types in (("string", str), ("number", int | float), ("object", dict), ("array", list)):
        if isinstance(option, types):
            return kind
    return "null"


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
