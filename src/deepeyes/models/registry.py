"""One string picks a model.

Forms: `nano` (the default, the best so far), `nano-base` (before any tool traces), `nano:FOLDER` (a
checkpoint of the nano recipe's), `hf:PATH_OR_ID` (in-process with Transformers), `openai:MODEL@BASE_URL`
(any chat-completions server), `scripted:FILE`. What a server or a folder does not tell can follow after `#`:
`openai:served-nano@http://127.0.0.1:8000/v1#prompt=brief,max_pixels=37632`. Nothing heavy is imported for a
form that is not asked for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from deepeyes.core.errors import ModelError, boundary
from deepeyes.core.images import VisionSpec
from deepeyes.models.base import ChatModel

FORMS = "use nano, nano-base, nano:FOLDER, hf:PATH_OR_ID, openai:MODEL@BASE_URL or scripted:FILE"
_INSTALL = "install what it needs: pip install 'deepeyes[nano]'"
_VISION = {"factor": int, "min_pixels": int, "max_pixels": int}
_OPENAI = {"prompt": str, "dialect_name": str, "logprobs": bool, "seconds": float, "retries": int, **_VISION}
_HF = {"prompt": str, "device": str, "dtype": str, "max_pixels": int}
_SCRIPTED = {"prompt": str, "dialect_name": str, **_VISION}


def resolve_model(spec: str, **options: Any) -> ChatModel:
    """The model that `spec` names; `options` go to its constructor. Raises `ModelError`."""
    kind, rest, settings = _read(spec)
    if kind in ("nano", "nano-base"):
        with boundary(ModelError, f"loading the model {kind}", _INSTALL, expected=ImportError):
            from deepeyes.models.nano import load_nano
        return load_nano(spec.strip(), folder=Path(rest) if rest else None, **options)
    if kind == "hf":
        with boundary(ModelError, f"loading the model {spec}", _INSTALL, expected=ImportError):
            from deepeyes.models.transformers import TransformersModel
        return TransformersModel.load(rest, **{**settings, **options})
    if kind == "openai":
        from deepeyes.models.openai import OpenAIModel

        model, _, base_url = rest.partition("@")
        return OpenAIModel(model, base_url, **{**settings, **options})
    from deepeyes.models.scripted import ScriptedModel

    return ScriptedModel.from_file(rest, **{**settings, **options})


def check_model(spec: str) -> None:
    """Raises `ModelError` for a name that no model can have, or a file that is not there, without loading
    anything.
    """
    kind, rest, _ = _read(spec)
    if kind in ("nano", "scripted") and rest and not Path(rest).exists():
        raise ModelError(f"there is no file or folder {rest} of {spec!r}", "check its path")


def _read(spec: str) -> tuple[str, str, dict[str, Any]]:
    """Kind, what follows the colon, and the settings."""
    kind, _, rest = spec.strip().partition(":")
    rest, _, settings = rest.partition("#")
    if kind == "nano" or (kind == "nano-base" and not rest):
        return kind, rest, {}
    if kind not in ("hf", "openai", "scripted") or not rest:
        raise ModelError(f"there is no model {spec!r}", FORMS)
    if kind == "hf":
        return kind, rest, _settings(settings, _HF)
    model, at, base_url = rest.partition("@")
    if kind == "openai" and not (model and at and base_url.startswith(("http://", "https://"))):
        example = "openai:Qwen/Qwen2.5-VL-7B-Instruct@http://127.0.0.1:8000/v1"
        raise ModelError(f"{spec!r} names no server", f"write it like {example}")
    return kind, rest, _with_vision(_settings(settings, _OPENAI if kind == "openai" else _SCRIPTED))


def _settings(text: str, known: dict[str, type]) -> dict[str, Any]:
    """`a=1,b=x` by the types in `known`."""
    settings: dict[str, Any] = {}
    for pair in filter(None, text.split(",")):
        key, sign, value = pair.partition("=")
        if not sign or key not in known:
            raise ModelError(
                f"{pair!r} is not a setting of this kind of model", f"known are {', '.join(known)}"
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
    """The same settings, those about picture sizes put together as `vision`."""
    sizes = {key: settings.pop(key) for key in _VISION if key in settings}
    if sizes:
        with boundary(
            ModelError, "reading the picture sizes", "give sizes that fit", expected=ValidationError
        ):
            settings["vision"] = VisionSpec(**sizes)
    return settings
