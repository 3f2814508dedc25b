"""What a schema says of the shape of values: which properties it declares, which are required, what lists hold.

Reading drops empty optional values by it, comparing leaves undeclared values out by it, and the load check finds
pointers that name nothing. `$ref`, `allOf`, `anyOf`, `oneOf` and conditions count together: each declares.
Must not know results' contents.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

from monitor.judge.schemas import dialect
from monitor.judge.schemas.patterns import matches
from monitor.judge.values.wanted import Wanted

TOGETHER = ("allOf", "anyOf", "oneOf")
MOST_NODES = 10_000  # of one scope: an exploding schema is refused at load, and this keeps a forced one bounded


class Scope:
    """The schemas that speak of one place in a value, taken together; places below are made when first asked for."""

    def __init__(
        self, nodes: Iterable[Any], root: dict[str, Any], known: dict[frozenset[int], Scope] | None = None
    ) -> None:
        self.root = root
        self._given = tuple(nodes)
        self.nodes = _together(self._given, root)
        self._known = {} if known is None else known

    @cached_property
    def wanted(self) -> Wanted:
        """What a value here is brought to: the same schemas, their branches kept apart."""
        return Wanted(self._given, self.root)

    @cached_property
    def properties(self) -> dict[str, Scope]:
        """The declared properties, in the order of the schema."""
        named: dict[str, list[Any]] = {}
        for node in self.nodes:
            for name, child in _dict(node.get("properties")).items():
                named.setdefault(name, []).append(child)
        return {name: self._scope(children) for name, children in named.items()}

    @cached_property
    def required(self) -> frozenset[str]:
        """The names that some schema of this place requires."""
        names = (node.get("required") for node in self.nodes)
        return frozenset(name for group in names if isinstance(group, list) for name in group if isinstance(name, str))

    @cached_property
    def types(self) -> frozenset[str]:
        """The types that some schema of this place names."""
        kinds = [node.get("type") for node in self.nodes]
        flat = (kind for entry in kinds for kind in (entry if isinstance(entry, list) else [entry]))
        return frozenset(kind for kind in flat if isinstance(kind, str))

    @cached_property
    def formats(self) -> frozenset[str]:
        """The `format`s that some schema of this place names."""
        return frozenset(node["format"] for node in self.nodes if isinstance(node.get("format"), str))

    @cached_property
    def open(self) -> bool:
        """True where no schema says anything of an object's properties, so that all of them count."""
        return not (self.properties or self._patterns or self._additional)

    @property
    def is_list(self) -> bool:
        """Whether a list may stand here and the schema says so."""
        return "array" in self.types or any({"items", "prefixItems"} & node.keys() for node in self.nodes)

    def child(self, name: str) -> Scope | None:
        """Return the scope of a property, or None when the schema does not declare it."""
        found = self.properties.get(name)
        if found is not None and not self._patterns:
            return found
        schemas = [schema for pattern, schema in self._patterns if matches(pattern, name)]
        if found is not None:
            return self._scope([*found.nodes, *schemas]) if schemas else found
        if schemas or self._additional:
            return self._scope(schemas or self._additional)
        return ANYTHING if self.open else None

    def item(self, index: int) -> Scope:
        """Return the scope of a list's item."""
        if not self._prefixed:
            return self._items
        return self._scope([_item(node, index) for node in self.nodes])

    @cached_property
    def _items(self) -> Scope:
        return self._scope([node["items"] for node in self.nodes if "items" in node])

    @cached_property
    def _prefixed(self) -> bool:
        return any("prefixItems" in node for node in self.nodes)

    @cached_property
    def _patterns(self) -> list[tuple[str, Any]]:
        return [pair for node in self.nodes for pair in _dict(node.get("patternProperties")).items()]

    @cached_property
    def _additional(self) -> list[Any]:
        both = [node.get(word) for node in self.nodes for word in ("additionalProperties", "unevaluatedProperties")]
        return [schema for schema in both if isinstance(schema, dict)]

    def _scope(self, nodes: list[Any]) -> Scope:
        key = frozenset(id(node) for node in nodes)
        if key not in self._known:
            self._known[key] = Scope(nodes, self.root, self._known)
        return self._known[key]


def of(schema: dict[str, Any]) -> Scope:
    """Return the scope of a whole value; kept per schema object while a caller holds the scope."""
    return Scope([schema], schema)


def _together(nodes: Iterable[Any], root: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    found: dict[int, dict[str, Any]] = {}
    waiting = [node for node in nodes if isinstance(node, dict)]
    while waiting and len(found) < MOST_NODES:
        node = waiting.pop(0)
        if id(node) in found:
            continue
        found[id(node)] = node
        more = [dialect.target(node.get("$ref"), root), node.get("then"), node.get("else")]
        for word in TOGETHER:
            members = node.get(word)
            more += members if isinstance(members, list) else []
        waiting += [one for one in more if isinstance(one, dict)]
    return tuple(found.values())


def _item(node: dict[str, Any], index: int) -> Any:
    ahead = node.get("prefixItems")
    if isinstance(ahead, list) and index < len(ahead):
        return ahead[index]
    return node.get("items")


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


ANYTHING = Scope((), {})
