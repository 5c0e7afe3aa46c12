"""A tool's JSON schema, made ready to check arguments: whatever could take forever or reach out is refused
here or done otherwise than by the library.

What always holds: no reference leads out of the schema, so nothing is opened; patterns are matched in linear
time, whatever is matched; references are followed a bounded number of times a check.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from functools import cache
from importlib import import_module
from itertools import islice
from typing import Any, cast

from pydantic_core import SchemaError as PatternError
from pydantic_core import SchemaValidator, core_schema

from deepeyes.core.text import one_line

STEPS = 1_000
"""References that are followed for one call: a schema that refers to itself in several places could else ask
for exponentially many.
"""
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")

_followed: ContextVar[list[int]] = ContextVar("_followed")


class Unusable(Exception):
    """Why a schema cannot be used, in a few words."""


class TooComplicated(Exception):
    """A check took more references than it may, or went deeper than Python goes."""


class Schema:
    """A JSON schema of type object, of the draft it names, else 2020-12. Raises `Unusable`."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._validator = _validator(dict(schema))

    def errors(self, value: Mapping[str, Any], most: int) -> list[Any]:
        """The first `most` errors of `jsonschema`, in the order of the schema. Raises `TooComplicated`."""
        token = _followed.set([0])
        try:
            return list(islice(self._validator.iter_errors(dict(value)), most))
        except RecursionError:
            raise TooComplicated from None
        finally:
            _followed.reset(token)


def _validator(schema: dict[str, Any]) -> Any:
    """A validator for `schema` (of the draft it names, else 2020-12). Raises `Unusable`."""
    jsonschema: Any = import_module("jsonschema")
    specifications: Any = import_module("jsonschema_specifications").REGISTRY
    draft: Any = jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        draft.check_schema(schema)
    except jsonschema.SchemaError as error:
        where = ".".join(map(str, error.absolute_path))
        raise Unusable(one_line(f"{where}: {error.message}".removeprefix(": "), 200)) from error
    if schema.get("type") != "object":
        raise Unusable("its type is not object")
    _check_parts(schema, draft, specifications)
    keywords = _keywords(draft.VALIDATORS, jsonschema.ValidationError)
    return jsonschema.validators.extend(draft, keywords)(schema, registry=specifications)


def _check_parts(schema: dict[str, Any], draft: Any, registry: Any) -> None:
    """Raises `Unusable` for references that lead out of the schema and for patterns that are refused."""
    dialect = draft.META_SCHEMA["$schema"]
    specification: Any = import_module("referencing.jsonschema").specification_with(dialect)
    unresolvable: Any = import_module("referencing.exceptions").Unresolvable
    root = specification.create_resource(schema)
    parts = [(root, registry.resolver_with_root(root))]
    seen: set[int] = set()
    while parts:
        part, resolver = parts.pop()
        contents: Any = part.contents
        if isinstance(contents, bool) or id(contents) in seen:
            continue
        seen.add(id(contents))
        fields = cast("dict[str, Any]", contents)
        _check_patterns(fields)
        for keyword in _REFERENCES:
            if keyword in fields:
                try:
                    found = resolver.lookup(fields[keyword])
                except unresolvable as error:
                    raise Unusable(f"{_json(fields[keyword])} is not in it") from error
                parts.append((specification.create_resource(found.contents), found.resolver))
        parts += [(inner, resolver.in_subresource(inner)) for inner in part.subresources()]


def _check_patterns(fields: dict[str, Any]) -> None:
    patterns = cast("dict[str, Any]", fields.get("patternProperties", {}))
    if patterns and "unevaluatedProperties" in fields:
        raise Unusable("unevaluatedProperties beside patternProperties")
    for pattern in (*patterns, *([fields["pattern"]] if "pattern" in fields else [])):
        try:
            _matcher(pattern)
        except PatternError as error:
            reason = "is too large, or looks around or back, which can take forever"
            raise Unusable(f"the pattern {_json(pattern)} {reason}") from error


@cache
def _matcher(pattern: str) -> SchemaValidator:
    """Finds a pattern in a text in linear time (Rust's engine), which Python's `re` does not promise."""
    return SchemaValidator(core_schema.str_schema(pattern=pattern))


def _keywords(given: Mapping[str, Any], failure: Any) -> dict[str, Any]:
    """The keywords that are checked otherwise than by the library: patterns and equal items in linear time,
    names that are not known in their order, references no more than `STEPS` times.
    """

    def pattern(validator: Any, wanted: str, instance: Any, schema: Any) -> Iterator[Any]:
        if isinstance(instance, str) and not _matcher(wanted).isinstance_python(instance):
            yield failure("pattern")

    def unique_items(validator: Any, wanted: bool, instance: Any, schema: Any) -> Iterator[Any]:
        if wanted and isinstance(instance, list):
            items = [json.dumps(item, sort_keys=True) for item in cast("list[Any]", instance)]
            if len(set(items)) < len(items):
                yield failure("uniqueItems")

    def pattern_properties(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Any]:
        for name, value in _fields(instance):
            for each, inner in wanted.items():
                if _matcher(each).isinstance_python(name):
                    yield from validator.descend(value, inner, path=name, schema_path=each)

    def additional_properties(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Any]:
        for name, value in _fields(instance):
            patterns = schema.get("patternProperties", ())
            known = name in schema.get("properties", ())
            if known or any(_matcher(each).isinstance_python(name) for each in patterns):
                continue
            if isinstance(wanted, dict):
                yield from validator.descend(value, wanted, path=name)
            elif not wanted:
                yield failure("additionalProperties")

    def counted(follow: Any) -> Any:
        def reference(*arguments: Any) -> Iterator[Any]:
            steps = _followed.get()
            steps[0] += 1
            if steps[0] > STEPS:
                raise TooComplicated
            yield from follow(*arguments) or ()

        return reference

    return {
        "pattern": pattern,
        "uniqueItems": unique_items,
        "patternProperties": pattern_properties,
        "additionalProperties": additional_properties,
        **{keyword: counted(given[keyword]) for keyword in _REFERENCES if keyword in given},
    }


def _fields(instance: Any) -> list[tuple[str, Any]]:
    return list(cast("dict[str, Any]", instance).items()) if isinstance(instance, dict) else []


def _json(value: Any) -> str:
    return one_line(json.dumps(value, ensure_ascii=False), 100)
