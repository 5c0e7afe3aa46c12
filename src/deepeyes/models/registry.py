"""One string picks a model: `KIND`, or `KIND:PLACE`, and `#setting=value,...` for what the model cannot tell.

`openai:served-nano@http://127.0.0.1:8000/v1#prompt=brief,max_pixels=37632` is a model behind a server,
`openai:some-model@NAME` one of a provider that `deepeyes.toml` describes (see `providers`). A new kind is a
file of its own and a line in `KINDS`. What always holds: nothing is imported for a kind that is not asked
for; a name, place or setting that cannot be is refused before anything is loaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from pydantic import ValidationError

from deepeyes.core.errors import ModelError, boundary
from deepeyes.core.extras import needs
from deepeyes.core.images import VisionSpec
from deepeyes.models import providers
from deepeyes.models.base import ChatModel
from deepeyes.models.hub import checked_folder
from deepeyes.models.providers import Provider

_VISION = {"factor": int, "min_pixels": int, "max_pixels": int}
_WORDS = {"prompt": str, "dialect_name": str}
_SERVER = {**_WORDS, "logprobs": bool, "seconds": float, "retries": int}
_HF = {"prompt": str, "device": str, "dtype": str, "max_pixels": int}


@dataclass(frozen=True)
class Kind:
    """How the models of a kind are written, and what opens them."""

    form: str
    """`KIND` or `KIND:PLACE`. A place FILE or FOLDER is one on this disk, MODEL@BASE_URL names a server,
    by its URL or by its name in the table of providers; the server comes as `provider`.
    """
    opens: str
    """Where the function is defined that gets the place, if there is one, and the settings by their names,
    and gives the `ChatModel`.
    """
    settings: Mapping[str, type] = field(default_factory=dict[str, type])
    """Name -> str, int, float or bool."""
    sees: bool = False
    """Whether the sizes at which the model sees are settings too; they come as `vision`."""
    alone: bool = False
    """Whether the kind without a place is a model as well."""
    extra: str = ""
    """The extra of this package that it needs."""


KINDS = {
    "nano": Kind("nano:FOLDER", "deepeyes.models.nano.model:open_nano", alone=True, extra="nano"),
    "nano-sft": Kind("nano-sft", "deepeyes.models.nano.model:open_sft", alone=True, extra="nano"),
    "nano-rl": Kind("nano-rl", "deepeyes.models.nano.model:open_rl", alone=True, extra="nano"),
    "nano-world": Kind("nano-world", "deepeyes.models.nano.model:open_world", alone=True, extra="nano"),
    "nano-base": Kind("nano-base", "deepeyes.models.nano.model:open_base", alone=True, extra="nano"),
    "hf": Kind("hf:PATH_OR_ID", "deepeyes.models.transformers:TransformersModel.load", _HF, extra="nano"),
    "openai": Kind("openai:MODEL@BASE_URL", "deepeyes.models.openai:OpenAIModel.at", _SERVER, sees=True),
    "scripted": Kind("scripted:FILE", "deepeyes.models.scripted:ScriptedModel.from_file", _WORDS, sees=True),
}
EMBEDDED = frozenset(name for name, kind in KINDS.items() if kind.alone)
"""Names of the models that ship with this package."""


def resolve_model(spec: str, **options: Any) -> ChatModel:
    """The model that `spec` names; `options` go to what opens it. Raises `ModelError`."""
    name, place, settings = _read(spec)
    kind = KINDS[name]
    remedy = needs(kind.extra) if kind.extra else ""
    with boundary(
        ModelError, f"loading the model {spec}", remedy or f"look for {kind.opens}", expected=ImportError
    ):
        opens = resolve_name(kind.opens)
    model: ChatModel = opens(*([place] if place else []), **{**settings, **options})
    return model


def check_model(spec: str) -> None:
    """Raises `ModelError` for a name that no model can have, or a file that is not there, without loading
    anything.
    """
    name, place, _ = _read(spec)
    form = KINDS[name].form
    if place and form.endswith((":FILE", ":FOLDER")) and not Path(place).exists():
        raise ModelError(f"there is no file or folder {place} of {spec!r}", "check its path")
    if form.endswith(":PATH_OR_ID"):
        checked_folder(place)


def check_models(specs: Iterable[str]) -> None:
    """`check_model` for all models of a run; raises `ModelError` too where two servers would get one key."""
    servers: list[Provider] = []
    for spec in specs:
        check_model(spec)
        servers += [one for one in _read(spec)[2].values() if isinstance(one, Provider)]
    providers.check_common_key(servers)


def check_keys(specs: Iterable[str]) -> None:
    """Raises `ModelError` for a model whose server needs a key that is not there; nothing is loaded."""
    for spec in specs:
        for one in _read(spec)[2].values():
            if isinstance(one, Provider):
                one.check_key()


def forms() -> str:
    """Every way to name a model, in words."""
    alone = [name for name, kind in KINDS.items() if kind.alone]
    *first, last = [*alone, *(kind.form for kind in KINDS.values() if ":" in kind.form)]
    return f"{', '.join(first)} or {last}"


def _read(spec: str) -> tuple[str, str, dict[str, Any]]:
    """Kind, place (empty if there is none), and the settings."""
    name, colon, rest = spec.strip().partition("#")[0].partition(":")
    kind = KINDS.get(name)
    if kind is None or not (rest if colon else kind.alone) or (rest and ":" not in kind.form):
        raise ModelError(f"there is no model {spec!r}", f"use {forms()}")
    served = kind.form.endswith(":MODEL@BASE_URL")
    model, server = providers.split_place(rest) if served else ("", "")
    if served and not model:
        raise _no_server(name, spec)
    known = {**kind.settings, **(_VISION if kind.sees else {}), **(providers.SETTINGS if served else {})}
    settings = _settings(spec.strip().partition("#")[2], known)
    if served:
        of_server = {key: settings.pop(key) for key in providers.SETTINGS if key in settings}
        if providers.is_url(server):
            settings["provider"] = providers.provider_at(server, of_server)
        else:
            settings["provider"] = providers.provider_named(server, of_server)
            if settings["provider"] is None:
                raise _no_server(name, spec)
    return name, rest, _with_vision(settings) if kind.sees else settings


def _no_server(kind: str, spec: str) -> ModelError:
    example = f"{kind}:Qwen/Qwen2.5-VL-7B-Instruct@http://127.0.0.1:8000/v1"
    return ModelError(
        f"{spec!r} names no server", f"write it like {example}, or put [providers.NAME] in deepeyes.toml"
    )


def _settings(text: str, known: Mapping[str, type]) -> dict[str, Any]:
    """`a=1,b=x` by the types in `known`."""
    settings: dict[str, Any] = {}
    for pair in filter(None, text.split(",")):
        key, sign, value = pair.partition("=")
        if not sign or key not in known:
            raise ModelError(
                f"{pair!r} is not a setting of this kind of model",
                f"known are {', '.join(known)}" if known else "leave it out: this kind has none",
            )
        wanted = "true or false" if known[key] is bool else "a number"
        with boundary(ModelError, f"reading {pair}", f"give {wanted}", expected=ValueError):
            settings[key] = _value(value, known[key])
    return settings


def _value(text: str, kind: type) -> Any:
    if kind is not bool:
        return kind(text)
    if text not in ("true", "false"):
        raise ValueError(f"{text!r} is neither")
    return text == "true"


def _with_vision(settings: dict[str, Any]) -> dict[str, Any]:
    """The same settings, those about image sizes put together as `vision`."""
    sizes = {key: settings.pop(key) for key in _VISION if key in settings}
    if sizes:
        with boundary(
            ModelError, "reading the picture sizes", "give sizes that fit", expected=ValidationError
        ):
            settings["vision"] = VisionSpec(**sizes)
    return settings
