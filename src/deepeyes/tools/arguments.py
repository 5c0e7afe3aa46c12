"""Whether a model's arguments fit a tool's JSON schema, and what to tell it if they do not.

What always holds: a schema that is broken, refers to something that is not in it or holds a pattern that
could take forever is its author's mistake and is found when the check is made; arguments never raise,
whatever they are; a check takes a bounded time and opens nothing; the sentence for the model names the
argument, says what is wanted, is the same for the same arguments, and quotes next to nothing of what the
model wrote.

An argument that the schema does not name is refused unless the schema says otherwise (`additionalProperties`,
or parts that only together say what is allowed): a misspelt name should be told, not dropped.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, cast

from deepeyes.core.errors import ConfigError
from deepeyes.core.text import MAX_DEPTH, one_line, read_json
from deepeyes.tools.schema import Schema, TooComplicated, Unusable

VALUES = 2_000
"""Values in one call, those inside lists and objects included."""
LARGEST = 1e300
_TYPES: Mapping[str, tuple[type, ...]] = {
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}
_SHOWN = 10
"""Allowed values, or names, that are told."""
_OPEN = frozenset(
    (
        *("additionalProperties", "patternProperties", "unevaluatedProperties", "dependentSchemas"),
        *("allOf", "anyOf", "oneOf", "if", "$ref", "$dynamicRef"),
    )
)
"""Where a schema has one of these, its `properties` are not all that it allows."""

_WANTED = {
    "minimum": "must be at least {}",
    "maximum": "must be at most {}",
    "exclusiveMinimum": "must be more than {}",
    "exclusiveMaximum": "must be less than {}",
    "multipleOf": "must be a multiple of {}",
    "minLength": "must have at least {} characters",
    "maxLength": "must have at most {} characters",
    "minItems": "must have at least {} items",
    "maxItems": "must have at most {} items",
    "minProperties": "must have at least {} fields",
    "maxProperties": "must have at most {} fields",
    "uniqueItems": "must not hold the same item twice",
    "pattern": "must match the pattern {}",
    "const": "must be {}",
}


class ArgumentCheck:
    """The check of one tool's arguments. Raises `ConfigError` for a schema that cannot be used."""

    def __init__(self, tool: str, schema: Mapping[str, Any]) -> None:
        closed = schema if schema.keys() & _OPEN else {**schema, "additionalProperties": False}
        try:
            self._schema = Schema(closed)
        except Unusable as problem:
            raise ConfigError(
                f"the parameters of the tool {tool!r} are no JSON schema that can be checked ({problem})",
                "mend them: an object with type, properties and required, all in one place",
            ) from problem

    def problem(self, arguments: Mapping[str, Any]) -> str:
        """What is wrong with `arguments`, in a sentence; empty if they fit."""
        problem = _unbearable(arguments)
        if problem:
            return problem
        try:
            errors = self._schema.errors(arguments, VALUES)
        except TooComplicated:
            return "the arguments are nested in too complicated a way: send simpler ones."
        return _sentence(min(errors, key=_rank)) if errors else ""


def typed(arguments: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with texts as the numbers, truth values, lists or objects that `schema` asks for in their
    place: a model that writes them between tags has no other way to say of which type they are. Where the
    schema takes a text, it stays one.
    """
    asked: Any = schema.get("properties")
    named = cast("Mapping[str, Any]", asked if isinstance(asked, Mapping) else {})
    defined = schema.get("$defs", {})
    return {name: _as_asked(value, named.get(name), defined) for name, value in arguments.items()}


def _as_asked(value: Any, asked: Any, defined: Any) -> Any:
    kinds = _kinds(asked, defined) if isinstance(value, str) else set[str]()
    if not kinds or "string" in kinds:
        return value
    said = read_json(value)
    if said is None:
        return None if "null" in kinds and value.strip() == "null" else value
    return said if any(type(said) in _TYPES.get(kind, ()) for kind in kinds) else value


def _kinds(asked: Any, defined: Any, depth: int = 3) -> set[str]:
    """The types that a value may have: its own, those of its alternatives, or of what it refers to."""
    if not isinstance(asked, Mapping) or depth == 0:
        return set()
    fields = cast("Mapping[str, Any]", asked)
    wanted: Any = fields.get("type") or []
    kinds = {wanted} if isinstance(wanted, str) else {kind for kind in wanted if isinstance(kind, str)}
    place, _, name = str(fields.get("$ref", "")).rpartition("/")
    parts = [*fields.get("anyOf", ()), *fields.get("oneOf", ())]
    parts += [cast("Mapping[str, Any]", defined).get(name)] if place == "#/$defs" else []
    return kinds.union(*(_kinds(part, defined, depth - 1) for part in parts))


def _unbearable(arguments: Mapping[str, Any]) -> str:
    """Why arguments are not even looked at; empty for ordinary ones."""
    stack: list[tuple[Any, int]] = [(arguments, 0)]
    values = 0
    while stack:
        value, depth = stack.pop()
        values += 1
        if values > VALUES:
            return f"the arguments hold more than {VALUES:,} values: send fewer."
        if depth > MAX_DEPTH:
            return f"the arguments are nested more than {MAX_DEPTH} levels deep: send flatter ones."
        if isinstance(value, int | float) and not -LARGEST <= value <= LARGEST:
            return "the arguments hold a number that is too large or none at all: send ordinary ones."
        if isinstance(value, Mapping):
            value = list(islice(cast("Mapping[str, Any]", value).values(), VALUES))
        if isinstance(value, list | tuple):
            stack += [(one, depth + 1) for one in cast("Sequence[Any]", value)[:VALUES]]
    return ""


# ---- what is told


def _rank(error: Any) -> int:
    """A missing argument first, then one that there is not, then the order of the schema."""
    if error.absolute_path or error.validator not in ("required", "additionalProperties"):
        return 2
    return 0 if error.validator == "required" else 1


def _sentence(error: Any) -> str:
    place, keyword, wanted = _place(error.absolute_path), error.validator, error.validator_value
    if keyword == "required":
        missing = next(name for name in wanted if name not in error.instance)
        named = repr(one_line(str(missing), 60))
        return f"{place} lacks the field {named}." if place else f"the argument {named} is missing."
    if keyword == "additionalProperties":
        known = _listed(one_line(str(name), 60) for name in error.schema.get("properties", {})) or "none"
        if not place:
            return f"it has no such argument (known: {known})."
        return f"{place} has a field that does not belong there (known: {known})."
    subject = place or "the whole of the arguments"
    if keyword == "type":
        return f"{subject} must be of type {_types([wanted])}."
    if keyword == "enum":
        return f"{subject} must be one of {_listed(map(_value, wanted))}."
    if keyword in _WANTED:
        return f"{subject} {_WANTED[keyword].format(_value(wanted))}."
    if keyword in ("anyOf", "oneOf") and error.context:
        return _alternatives(error, subject)
    if keyword is None:  # the schema `false`
        return f"{place or 'an argument that was given'} must be left out."
    return f"{subject} does not fit what the tool asks of it ({keyword})."


def _alternatives(error: Any, subject: str) -> str:
    """Nothing fits: the types, if that is all the alternatives differ in, else the nearest miss."""
    inner = error.context
    if all(one.validator == "type" and one.absolute_path == error.absolute_path for one in inner):
        return f"{subject} must be of type {_types([one.validator_value for one in inner])}."
    nearest = min(inner, key=lambda one: (-len(one.absolute_path), one.validator == "type"))
    return f"{subject} fits none of the forms it may have; of the nearest, {_sentence(nearest)}"


def _place(path: Iterable[str | int]) -> str:
    """The argument that a path leads to, such as `the argument 'boxes[2].label'`; empty for all of them."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{one_line(step, 40)}" for step in path)
    return f"the argument {one_line(text.lstrip('.'), 100)!r}" if text else ""


def _types(wanted: Sequence[Any]) -> str:
    names = [name for one in wanted for name in ([one] if isinstance(one, str) else one)]
    return " or ".join(dict.fromkeys(map(str, names)))


def _value(value: Any) -> str:
    """A value of the schema, as JSON."""
    return one_line(json.dumps(value, ensure_ascii=False), 60)


def _listed(texts: Iterable[str]) -> str:
    every = list(texts)
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return ", ".join(every[:_SHOWN]) + more
