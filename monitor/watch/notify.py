"""`notify`: the rules that say who is told of what, and when. Must not know targets or messages."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from monitor.watch.part import Flag, Part, Text

On = Literal["baseline", "change", "failure", "recovery", "reminder", "missed", "drift", "stale"]


class Rule(Part):
    """One entry of `notify`: the targets it tells (names of monitor.yaml, or apprise URLs), of what, and when.

    `when` and `rearm` are CEL; `once` tells when `when` becomes true and again only after it was false (or after
    `rearm` held). `title` and `body` are texts with CEL inside `{{ }}`, in place of the built-in ones.
    """

    to: Annotated[tuple[Text, ...], Field(min_length=1)]
    on: Annotated[tuple[On, ...], Field(min_length=1)] = ("change", "failure", "recovery", "reminder", "drift", "stale")
    when: Text | None = None
    once: Flag = False
    rearm: Text | None = None
    title: Text | None = None
    body: Text | None = None

    @field_validator("to", mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _dependent_fields(self) -> Rule:
        if self.once and self.when is None:
            raise ValueError("once needs when: it tells when that condition becomes true")
        if self.rearm is not None and not self.once:
            raise ValueError("rearm needs once: true")
        return self

    @cached_property
    def key(self) -> str:
        """A digest of on, when, once and rearm: a rule keeps its memory while they stay the same (interface.md)."""
        parts = [sorted(self.on), self.when, self.once, self.rearm]
        return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()[:16]
