"""One string picks a model.

Forms: `nano` (the default, the best so far), `nano-base` (before any tool traces), `hf:PATH_OR_ID`
(in-process with Transformers), `openai:MODEL@BASE_URL` (any chat-completions server), `scripted:FILE`.
Nothing heavy is imported for a form that is not asked for.
"""

from __future__ import annotations

from typing import Any

from deepeyes.core.errors import ModelError, boundary
from deepeyes.models.base import ChatModel

FORMS = "use nano, nano-base, hf:PATH_OR_ID, openai:MODEL@BASE_URL or scripted:FILE"
_INSTALL = "install what it needs: pip install 'deepeyes[nano]'"


def resolve_model(spec: str, **options: Any) -> ChatModel:
    """The model that `spec` names; `options` go to its constructor. Raises `ModelError`."""
    kind, _, rest = spec.strip().partition(":")
    if kind in ("nano", "nano-base") and not rest:
        with boundary(ModelError, f"loading the model {kind}", _INSTALL, expected=ImportError):
            from deepeyes.models.nano import load_nano
        return load_nano(kind, **options)
    if kind == "hf" and rest:
        with boundary(ModelError, f"loading the model {spec}", _INSTALL, expected=ImportError):
            from deepeyes.models.transformers import TransformersModel
        return TransformersModel.load(rest, **options)
    if kind == "openai" and rest:
        from deepeyes.models.openai import OpenAIModel

        model, at, base_url = rest.partition("@")
        if not model or not at or not base_url.startswith(("http://", "https://")):
            example = "openai:Qwen/Qwen2.5-VL-7B-Instruct@http://127.0.0.1:8000/v1"
            raise ModelError(f"{spec!r} names no server", f"write it like {example}")
        return OpenAIModel(model, base_url, **options)
    if kind == "scripted" and rest:
        from deepeyes.models.scripted import ScriptedModel

        return ScriptedModel.from_file(rest, **options)
    raise ModelError(f"there is no model {spec!r}", FORMS)
