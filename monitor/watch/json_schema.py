"""The JSON Schema of a watch file, for editors that complete and check while one writes (`monitor schema`).

Derived from the model, so that it cannot drift from it; the shorter forms that a file may use are added here.
"""

from __future__ import annotations

from typing import Any

from monitor.watch import cron
from monitor.watch.model import Watch

_DURATION = {"type": "string", "pattern": "^[0-9]{1,9}[smhd]$", "examples": ["30s", "10m", "6h", "7d"]}


def file_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of one document of a watch file."""
    schema = _plain(Watch.model_json_schema())
    fields = schema["properties"]
    # The file's stem is the name unless `name` is given.
    schema["required"] = [name for name in schema["required"] if name != "name"]
    fields["name"] = {
        "type": "string",
        "minLength": 1,
        "maxLength": 100,
        "description": "Default: the stem of the file",
    }
    fields["url"] |= {"format": "uri", "pattern": "^https?://"}
    fields["cron"] = _one_or_several({"type": "string", "minLength": 1, "maxLength": cron.MAX_LENGTH})
    fields["cron"]["examples"] = ["*/30 7-22 * * *", *cron.MACROS]
    fields["output_schema"] = {
        "description": "JSON Schema 2020-12, or the path of a .json or .yaml file beside this one",
        "anyOf": [{"type": "object"}, {"type": "string", "pattern": r"\.(json|ya?ml)$"}],
    }
    fields["notify"]["items"] = {"anyOf": [{"type": "string", "minLength": 1}, fields["notify"]["items"]]}
    rule = schema["$defs"]["Rule"]["properties"]
    rule["to"] = _one_or_several({"type": "string", "minLength": 1})
    identity = schema["$defs"]["Compare"]["properties"]["identity"]
    identity["patternProperties"] = {
        pointer: _one_or_several({"type": "string", "minLength": 1}) for pointer in identity["patternProperties"]
    }
    identity["additionalProperties"] = False
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A watch of goal-monitor",
        **{key: value for key, value in schema.items() if key != "title"},
    }


def _one_or_several(item: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [item, {"type": "array", "items": item, "minItems": 1}]}


def _plain(node: Any) -> Any:
    """Return pydantic's schema with durations as people write them, without generated titles and null defaults."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    if node.get("format") == "duration":
        return dict(_DURATION)
    made = {key: _plain(value) for key, value in node.items() if not (key == "title" and isinstance(value, str))}
    if "$ref" in made or made.get("default", ...) is None:  # the default of a whole part says nothing to an editor
        made.pop("default", None)
    if "anyOf" in made:  # pydantic writes "or null" where a field may be left out; a file leaves it out
        kept = [option for option in made["anyOf"] if option != {"type": "null"}]
        del made["anyOf"]
        made |= {"anyOf": kept} if len(kept) > 1 else kept[0]
    return made
