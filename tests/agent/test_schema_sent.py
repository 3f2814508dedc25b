"""Any schema becomes one that the provider takes, and never a stricter one: against rules written down here anew."""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from monitor.agent.schema import compile_schema
from tests.agent.conftest import not_taken

NAMES = ["a", "b", "c", "x-ray"]
WORDS = st.sampled_from(["", "EUR", "2026-11-21", "a"])
NUMBERS = st.integers(-3, 3) | st.sampled_from([0.5, -1.5, 2.0])
SCALARS = st.none() | st.booleans() | WORDS | NUMBERS


def values() -> st.SearchStrategy[Any]:
    return st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
        max_leaves=8,
    )


def leaves() -> st.SearchStrategy[Any]:
    """Schemas without others in them; each keyword alone or beside a type."""
    types = st.sampled_from(["string", "number", "integer", "boolean", "null", "array", "object"])
    return st.one_of(
        st.booleans(),
        st.just({}),
        st.builds(lambda kind: {"type": kind}, types),
        st.builds(lambda kinds: {"type": kinds}, st.lists(types, min_size=1, max_size=4, unique=True)),
        st.builds(lambda value: {"const": value}, SCALARS),
        st.builds(lambda found: {"enum": found}, st.lists(values(), min_size=1, max_size=4)),
        st.builds(lambda low: {"type": "number", "minimum": low, "title": "T"}, NUMBERS),
        st.builds(lambda high: {"maximum": high, "exclusiveMinimum": -2}, NUMBERS),
        st.just({"type": "string", "minLength": 1, "pattern": "^E", "x-css": ".p", "description": "d"}),
        st.builds(lambda form: {"type": "string", "format": form}, st.sampled_from(["date", "email", "uri"])),
        st.builds(lambda n: {"$ref": f"#/$defs/d{n}"}, st.integers(0, 3)),
    )


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Schemas made of others."""
    several = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        objects(inner),
        st.fixed_dictionaries(
            {"items": inner},
            optional={
                "type": st.sampled_from(["array", ["array", "null"]]),
                "minItems": st.integers(0, 2),
                "maxItems": st.integers(0, 3),
                "prefixItems": several,
            },
        ),
        *(st.builds(lambda members, word=word: {word: members}, several) for word in ("allOf", "anyOf", "oneOf")),
        st.builds(lambda ref, more: {"$ref": f"#/$defs/d{ref}"} | more, st.integers(0, 3), objects(inner)),
        st.builds(
            lambda one, other: {"type": ["object", "string"], "not": one, "if": other, "then": one}, inner, inner
        ),
        st.builds(lambda first, members: {**first, "allOf": members}, objects(inner), several),
    )


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"properties": st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)},
        optional={
            "type": st.sampled_from(["object", ["object", "null"]]),
            "required": st.lists(st.sampled_from(NAMES), max_size=2, unique=True),
            "additionalProperties": inner,
            "patternProperties": st.builds(lambda one: {"^a": one}, inner),
            "propertyOrdering": st.lists(st.sampled_from(NAMES), max_size=3),
        },
    )


def schemas() -> st.SearchStrategy[dict[str, Any]]:
    """Whole schemas: d0 refers to d1 and so on at most, so that every reference ends."""
    inner = st.recursive(leaves(), nested, max_leaves=8)
    return st.builds(
        lambda root, defs: {**root, "$defs": {f"d{n}": _lower(each, n) for n, each in enumerate(defs)}},
        st.one_of(objects(inner), nested(inner).filter(lambda one: isinstance(one, dict)), st.just({})),
        st.lists(inner, min_size=4, max_size=4),
    )


def _lower(schema: Any, number: int) -> Any:
    """Let a definition refer only to those after it."""
    if isinstance(schema, list):
        return [_lower(each, number) for each in schema]
    if not isinstance(schema, dict):
        return schema
    reference = schema.get("$ref")
    if isinstance(reference, str) and int(reference[-1]) <= number:
        return {key: _lower(each, number) for key, each in schema.items() if key != "$ref"}
    return {key: _lower(each, number) for key, each in schema.items()}


def as_json_schema(sent: Any) -> Any:
    """Return what a schema in the provider's words means in those of JSON Schema."""
    if isinstance(sent, list):
        return [as_json_schema(each) for each in sent]
    if not isinstance(sent, dict):
        return sent
    plain = {key: as_json_schema(each) for key, each in sent.items() if key not in {"nullable", "properties", "enum"}}
    if "properties" in sent:
        plain["properties"] = {name: as_json_schema(each) for name, each in sent["properties"].items()}
    if "enum" in sent:
        plain["enum"] = sent["enum"]
    return {"anyOf": [{"type": "null"}, plain]} if sent.get("nullable") is True else plain


def some_value(random: Random, depth: int = 0) -> Any:
    """Return a value of the same few names and words that schemas are made of."""
    kind = random.randrange(9 if depth < 3 else 6)
    if kind < 6:
        words = ("", "EUR", "2026-11-21", "a")
        return (None, True, random.choice(words), random.randint(-3, 3), random.choice((0.5, 2.0)), False)[kind]
    if kind == 6:
        return [some_value(random, depth + 1) for _ in range(random.randrange(4))]
    return some_object(random, depth)


def some_object(random: Random, depth: int = 0) -> dict[str, Any]:
    return {name: some_value(random, depth + 1) for name in random.sample(NAMES, random.randrange(5))}


def likely(schema: Any, root: dict[str, Any], random: Random, depth: int = 0) -> Any:
    """Return a value that may well fit: guided by the schema, and now and then not."""
    if not isinstance(schema, dict) or depth > 8 or random.random() < 0.03:
        return some_value(random)
    if "enum" in schema or "const" in schema:
        return random.choice(schema.get("enum", [schema.get("const")]))
    parts = [_own(schema, root, random, depth)]
    if "$ref" in schema:
        parts.append(likely(root["$defs"][schema["$ref"][-2:]], root, random, depth + 1))
    members = [
        *schema.get("allOf", []),
        *(random.choice(schema[word]) for word in ("anyOf", "oneOf") if word in schema),
    ]
    parts += [likely(each, root, random, depth + 1) for each in members]
    found = [part for part in parts if isinstance(part, dict)]
    if not found:
        return random.choice(parts[1:] or parts)
    return {name: value for part in random.sample(found, len(found)) for name, value in part.items()}


def _own(schema: dict[str, Any], root: dict[str, Any], random: Random, depth: int) -> Any:
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if ("array" in kinds or not kinds) and {"items", "prefixItems"} & schema.keys():
        ahead = schema.get("prefixItems", [])
        least, most = schema.get("minItems", 0), schema.get("maxItems", 3)
        inner = [*ahead, *[schema.get("items")] * 3]
        return [likely(each, root, random, depth + 1) for each in inner[: random.choice((least, most, 1))]]
    if "object" in kinds or "properties" in schema or depth == 0:
        named = {**dict.fromkeys(schema.get("required", ()), schema.get("additionalProperties"))}
        named |= {name: schema.get("additionalProperties") for name in NAMES if random.random() < 0.2}
        named |= schema.get("properties", {})
        needed = schema.get("required", ())
        chosen = [name for name in named if name in needed or random.random() < 0.7]
        return {name: likely(named[name], root, random, depth + 1) for name in chosen}
    edges = [schema[word] for word in ("minimum", "maximum") if word in schema]
    if edges and (not kinds or {"number", "integer"} & set(kinds)):
        return random.choice(edges)  # what a bound lets through to the last is where bounds go wrong
    fitting = {"string": "EUR", "number": 0.5, "integer": 2, "boolean": True, "null": None, "array": []}
    return fitting[random.choice(kinds)] if kinds else some_value(random)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(schemas(), st.integers(0, 2**32))
def test_the_provider_takes_it_and_it_takes_all_that_the_user_does(schema: dict[str, Any], seed: int) -> None:
    """Two checks of one schema, because making it is what costs."""
    Draft202012Validator.check_schema(schema)
    compiled = compile_schema(schema)
    assert not_taken(compiled.sent) == []
    for pointer, keyword, why in (*compiled.local, *compiled.beyond):
        assert keyword
        assert why
        assert pointer == "" or pointer.startswith("/")
    random = Random(seed)
    sent = Draft202012Validator(as_json_schema(compiled.sent))
    made = [likely(schema, schema, random) for _ in range(60)] + [some_object(random) for _ in range(10)]
    given_values = [value for value in made if isinstance(value, dict)]
    if not given_values:
        return
    exact = {**schema, "anyOf": [{"const": given_values[0]}]}  # a schema that surely takes one, if it takes any
    theirs, ours = _validator(schema), Draft202012Validator(as_json_schema(compile_schema(exact).sent))
    for value in given_values:
        assert sent.is_valid(value) or not theirs.is_valid(value), value
    assert ours.is_valid(given_values[0]) or not _validator(exact).is_valid(given_values[0])


def _validator(schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


class Fitting:
    """Writes schemas that surely take a given value, in every way of saying so: the value comes first."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.defs: dict[str, Any] = {}

    def schema(self, value: Any, depth: int = 0) -> Any:
        """Return a schema, bare or made of several, that takes `value`."""
        ways = [self._plain, self._plain, self._listed] if depth > 3 else [self._plain, self._listed, *self._made]
        return self._random.choice(ways)(value, depth)

    @property
    def _made(self) -> list[Any]:
        return [self._all, self._any, self._one, self._named, self._plain, self._plain, self._plain]

    def _all(self, value: Any, depth: int) -> Any:
        how = self._random.choice([self.schema, self.schema, self._listed])
        return {"allOf": [how(value, depth + 1) for _ in range(self._random.randint(1, 3))]}

    def _any(self, value: Any, depth: int) -> Any:
        others = [self.schema(some_value(self._random), depth + 1) for _ in range(self._random.randint(0, 2))]
        return {"anyOf": self._mixed([self.schema(value, depth + 1), *others])}

    def _one(self, value: Any, depth: int) -> Any:
        return {"oneOf": self._mixed([self.schema(value, depth + 1), {"const": ["no", "value", "is", "this"]}])}

    def _named(self, value: Any, depth: int) -> Any:
        name = f"n{len(self.defs)}"
        self.defs[name] = True  # the name is taken before what is named is written
        self.defs[name] = self.schema(value, depth + 1)
        return {"$ref": f"#/$defs/{name}"} | (self._plain(value, depth + 1) if self._random.random() < 0.3 else {})

    def _listed(self, value: Any, depth: int) -> Any:
        if self._random.random() < 0.3:
            return {"const": value}
        return {"enum": self._mixed([value, *(some_value(self._random, 2) for _ in range(self._random.randrange(5)))])}

    def _plain(self, value: Any, depth: int) -> Any:
        said: dict[str, Any] = {}
        if self._random.random() < 0.8:
            more = self._random.choice([(), ("null",), ("string", "null"), ("object",), ("array", "number")])
            kinds = list(dict.fromkeys(self._mixed([self._kind(value), *more])))
            said["type"] = kinds[0] if len(kinds) == 1 else kinds
        if isinstance(value, dict):
            said |= self._object(value, depth)
        elif isinstance(value, list):
            said |= self._list(value, depth)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            room = self._random.choice([0, 0, 1, 2])
            said |= self._some({"minimum": value - room, "maximum": value + self._random.choice([0, 1])})
        return said

    def _object(self, value: dict[str, Any], depth: int) -> dict[str, Any]:
        declared = [name for name in NAMES if self._random.random() < 0.6]
        beside = [value[name] for name in value if name not in declared]
        found: dict[str, Any] = {
            "properties": {
                name: self.schema(value[name] if name in value else some_value(self._random), depth + 1)
                for name in declared
            },
            "required": [name for name in value if self._random.random() < 0.5],
        }
        if self._random.random() < 0.6:
            found["additionalProperties"] = (
                {"anyOf": [self.schema(each, depth + 1) for each in beside]} if beside else False
            )
        return found

    def _list(self, value: list[Any], depth: int) -> dict[str, Any]:
        found = self._some({"minItems": self._random.choice([0, len(value)]), "maxItems": len(value)})
        if value and self._random.random() < 0.8:
            found["items"] = {"anyOf": [self.schema(each, depth + 1) for each in value]}
        return found

    def _some(self, said: dict[str, Any]) -> dict[str, Any]:
        return {word: each for word, each in said.items() if self._random.random() < 0.5}

    def _mixed(self, found: list[Any]) -> list[Any]:
        return self._random.sample(found, len(found))

    @staticmethod
    def _kind(value: Any) -> str:
        kinds = {type(None): "null", bool: "boolean", str: "string", int: "number", float: "number"}
        return kinds.get(type(value), "array" if isinstance(value, list) else "object")


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32))
def test_a_value_that_the_users_schema_takes_is_taken_by_the_one_that_is_sent(seed: int) -> None:
    """Schemas are written around a value, so that each one tests; the reference implementation says that it does."""
    random = Random(seed)
    for _ in range(40):
        value = some_object(random)
        fitting = Fitting(random)
        schema = fitting.schema(value)
        schema = {**schema, "$defs": fitting.defs}
        assert _validator(schema).is_valid(value), (schema, value)
        sent = compile_schema(schema).sent
        assert not_taken(sent) == []
        assert Draft202012Validator(as_json_schema(sent)).is_valid(value), (schema, sent, value)
