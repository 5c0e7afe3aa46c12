"""What a function's hints and docstring say of its arguments: a JSON schema, and values of the hinted types.

What always holds: a function that does not say all that a model must know is refused when it becomes a tool;
an argument that a model leaves out is left out of the call too, so that defaults are the function's own.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from functools import reduce
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from PIL import Image
from pydantic import ConfigDict, Field, create_model
from pydantic.errors import PydanticUserError
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import SchemaError

from deepeyes.core.errors import ConfigError, boundary

_SECTION = re.compile(r"^(?:Args|Arguments|Parameters):[ \t]*\n((?:[ \t]+.*\n?|[ \t]*\n)*)", re.MULTILINE)
_ENTRY = re.compile(r"^(?P<indent>[ \t]+)(?P<name>\w+)(?:[ \t]*\([^)\n]*\))?:[ \t]*(?P<text>.*)$")
_BY_NAME = "The name of an image: image_1, image_2 ..., or a Python variable that holds one."
_UNTOLD = (PydanticUserError, SchemaError, NameError, TypeError)
_MEND = "use types that JSON has, Literal, enums, dataclasses, pydantic models or PIL images"


class Signature:
    """The arguments of a function. Raises `ConfigError` for one that cannot be a tool."""

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.description, told = _docstring(inspect.getdoc(function) or "")
        if not self.description:
            raise ConfigError(f"the tool {name!r} has no docstring", "say in one what it does, for models")
        self._fields: dict[str, str] = {}
        """Name of an argument -> of its field, which is ours: a field cannot have every name."""
        images: set[str] = set()
        fields: dict[str, Any] = {}
        for parameter, hint in _parameters(name, function):
            shown = _by_name(hint)
            words = told.get(parameter.name, "")
            if shown != hint:
                images.add(parameter.name)
                words = f"{words} {_BY_NAME}".strip()
            field = self._fields[parameter.name] = f"argument_{len(fields)}"
            about: dict[str, Any] = {"alias": parameter.name, **({"description": words} if words else {})}
            if parameter.default is not parameter.empty:
                about["default"] = parameter.default
            fields[field] = (shown, Field(**about))
        self.images = frozenset(images)
        """Arguments that are names of images, or lists of them."""
        with boundary(ConfigError, f"telling a model of the tool {name!r}", _MEND, expected=_UNTOLD):
            self._model = create_model("Arguments", __config__=ConfigDict(extra="forbid"), **fields)
            schema = self._model.model_json_schema(schema_generator=_Plain)
        schema.pop("title", None)
        self.schema: Mapping[str, Any] = {"type": "object", "properties": {}, **schema}

    def read(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments as the function takes them. Raises pydantic's `ValidationError`."""
        values = self._model.model_validate(dict(arguments))
        given = values.model_fields_set
        return {name: getattr(values, field) for name, field in self._fields.items() if field in given}


class _Plain(GenerateJsonSchema):
    """Without the titles that only repeat names, and silent about defaults that JSON does not have."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _parameters(name: str, function: Callable[..., Any]) -> list[tuple[inspect.Parameter, Any]]:
    """Each parameter with its hint."""
    with boundary(
        ConfigError,
        f"reading the type hints of the tool {name!r}",
        "import what they name where the function is",
        expected=(NameError, TypeError, ValueError),
    ):
        hints = get_type_hints(_with_hints(function), include_extras=True)
        parameters = inspect.signature(function).parameters.values()
    for parameter in parameters:
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise ConfigError(
                f"the tool {name!r} takes {parameter}, which has no name for a model",
                "give each argument a name and a type hint",
            )
        if parameter.name not in hints:
            raise ConfigError(
                f"the tool {name!r} does not say of which type {parameter.name!r} is", "give it a type hint"
            )
    return [(parameter, hints[parameter.name]) for parameter in parameters]


def _with_hints(function: Callable[..., Any]) -> Any:
    """What has the hints of a function, a method, or an object that can be called."""
    return function if inspect.isroutine(function) else type(function).__call__


def _by_name(hint: Any) -> Any:
    """The hint with names in place of PIL images; the same where there are none."""
    if hint is Image.Image:
        return str
    origin, inner = get_origin(hint), get_args(hint)
    if origin is None or origin is Literal or not inner:
        return hint
    if origin is Annotated:
        return Annotated[(_by_name(inner[0]), *inner[1:])]
    named = tuple(_by_name(one) for one in inner)
    if named == inner:
        return hint
    return _either(named) if origin in (Union, UnionType) else origin[named]


def _either(hints: tuple[Any, ...]) -> Any:
    return reduce(lambda one, other: one | other, hints)


def _docstring(text: str) -> tuple[str, dict[str, str]]:
    """What it says, and of each argument where it has a section `Args:`."""
    section = _SECTION.search(text)
    if section is None:
        return text.strip(), {}
    told: dict[str, str] = {}
    indent, name = "", ""
    for line in section[1].splitlines():
        entry = _ENTRY.match(line)
        if entry is not None and (not indent or entry["indent"] == indent):
            indent, name = entry["indent"], entry["name"]
            told[name] = entry["text"].strip()
        elif name and line.strip():
            told[name] = f"{told[name]} {line.strip()}".strip()
    return f"{text[: section.start()]}{text[section.end() :]}".strip(), told
