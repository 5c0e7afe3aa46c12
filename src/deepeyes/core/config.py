"""Typed configuration: TOML plus dotted overrides, checked before anything heavy starts.

Each component owns a subclass of `Config`; a recipe is one TOML file for one of them. What always holds: a
config is frozen; an unknown key is an error that names the nearest known one; `dump` gives TOML that loads
to an equal object; `digest` changes whenever any value does, and resuming a run compares it.
"""

from __future__ import annotations

import difflib
import json
import os
import tomllib
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Self, cast, get_args

import tomli_w
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from deepeyes.core.errors import ConfigError, boundary


class Config(BaseModel):
    """Base of all configurations: frozen, and no key it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def load(cls, path: str | os.PathLike[str] | None = None, overrides: Iterable[str] = ()) -> Self:
        """Defaults, then the TOML file, then overrides such as "train.lr=1e-3". Raises `ConfigError`."""
        values: dict[str, Any] = {} if path is None else _read_toml(Path(path))
        for override in overrides:
            _apply(values, override)
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise _explain(cls, error) from error

    def dump(self) -> str:
        """The resolved configuration as TOML."""
        return to_toml(self.model_dump(mode="json", exclude_none=True, by_alias=True))

    def digest(self) -> str:
        """Sixteen hex digits over all values, defaults included."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return sha256(canonical.encode()).hexdigest()[:16]


def to_toml(values: Mapping[str, Any]) -> str:
    """JSON-like values as TOML. Keys whose value is None are left out; raises `ConfigError` for a None in a
    list and for text with lone surrogates, which TOML cannot hold.
    """
    text = tomli_w.dumps(cast("Mapping[str, Any]", _plain(values, "")))
    with boundary(ConfigError, "writing TOML", "give text that is valid UTF-8", expected=UnicodeError):
        text.encode()
    return text


def _plain(value: Any, key: str) -> Any:
    """The same without keys that are None; `key` is its own, dotted."""
    if isinstance(value, Mapping):
        pairs = cast("Mapping[str, Any]", value).items()
        return {name: _plain(inner, f"{key}.{name}") for name, inner in pairs if inner is not None}
    if isinstance(value, list | tuple):
        return [_plain(inner, key) for inner in cast("Iterable[Any]", value)]
    if value is None:
        raise ConfigError(f"{key.lstrip('.')} holds a list with nothing (None) in it", "leave that out")
    return value


def _read_toml(path: Path) -> dict[str, Any]:
    with boundary(
        ConfigError,
        f"reading {path}",
        "give a TOML file",
        expected=(OSError, tomllib.TOMLDecodeError, UnicodeError),
    ):
        return tomllib.loads(path.read_text("utf-8"))


def _apply(values: dict[str, Any], override: str) -> None:
    """Set one "a.b=value" in place; the value is TOML, or else a plain string."""
    dotted, sign, text = override.partition("=")
    keys = [key.strip() for key in dotted.split(".")]
    if not sign or not all(keys):
        raise ConfigError(f"override {override!r} is not key=value", "write for example train.lr=1e-3")
    here = values
    for key in keys[:-1]:
        inner = here.setdefault(key, {})
        if not isinstance(inner, dict):
            raise ConfigError(
                f"override {override!r} goes into {key}, which is a single value", f"set {key} itself"
            )
        here = cast("dict[str, Any]", inner)
    try:
        here[keys[-1]] = tomllib.loads(f"v = {text.strip()}")["v"]
    except tomllib.TOMLDecodeError:
        here[keys[-1]] = text.strip()


def _explain(config: type[BaseModel], error: ValidationError) -> ConfigError:
    """The first problem, with the nearest known name when a key is unknown; such a key is told before what is
    missing because of it.
    """
    problems = error.errors()
    first = next((problem for problem in problems if problem["type"] == "extra_forbidden"), problems[0])
    path = [str(part) for part in first["loc"]]
    dotted = ".".join(path)
    if first["type"] == "extra_forbidden":
        known = sorted(_fields(config, path[:-1]))
        near = difflib.get_close_matches(path[-1], known, n=2)
        remedy = f"did you mean {' or '.join(near)}?" if near else f"known keys are {', '.join(known)}"
        return ConfigError(f"unknown key {dotted}", remedy)
    if first["type"] == "missing":
        return ConfigError(f"{dotted} is missing", f"add it to the file, or give {dotted}=VALUE")
    return ConfigError(f"{dotted} = {first.get('input')!r} is not valid", first["msg"].lower())


def _fields(config: type[BaseModel], path: list[str]) -> set[str]:
    """Names of the fields of the (nested) config at `path`, as they are written in a file."""
    here: type[BaseModel] = config
    for key in path:
        field = _written(here).get(key)
        if field is None:
            continue
        candidates = (field.annotation, *get_args(field.annotation))
        nested = [kind for kind in candidates if isinstance(kind, type) and issubclass(kind, BaseModel)]
        if nested:
            here = nested[0]
    return set(_written(here))


def _written(config: type[BaseModel]) -> dict[str, FieldInfo]:
    return {field.alias or name: field for name, field in config.model_fields.items()}
