"""Dialects by name. A new one is a file of its own and a line here."""

from __future__ import annotations

from deepeyes.core.errors import ConfigError
from deepeyes.dialects.base import Dialect


def get_dialect(name: str, prompt: str = "full") -> Dialect:
    """The dialect of that name; `prompt` is full, brief, or the path of a file with a system prompt."""
    from deepeyes.dialects.deepeyes_v2 import DeepEyesV2
    from deepeyes.dialects.native import Native

    if name == "deepeyes_v2":
        return DeepEyesV2.with_prompt(prompt)
    if name == "native":
        return Native()
    raise ConfigError(f"there is no dialect {name!r}", "use deepeyes_v2 or native")


def dialect_named(name: str) -> Dialect:
    """The dialect of a name with its prompt after a slash: `deepeyes_v2/brief`. Raises `ConfigError`."""
    base, _, prompt = name.partition("/")
    return get_dialect(base, prompt or "full")
