"""Dialects by name. A new one is a file of its own and a line here.

What always holds: a dialect's file is opened when its name is asked for, and what it is made with is the
prompt that was asked for with it.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from deepeyes.core.errors import ConfigError
from deepeyes.dialects.base import Dialect

DIALECTS = {
    "deepeyes_v2": "deepeyes.dialects.deepeyes_v2:DeepEyesV2",
    "deepeyes_v2/brief": "deepeyes.dialects.deepeyes_v2_brief:DeepEyesV2Brief",
    "deepeyes_v2/lenient": "deepeyes.dialects.deepeyes_v2_lenient:DeepEyesV2Lenient",
    "native": "deepeyes.dialects.native:Native",
}
"""Name, or name and prompt, to module and class; the class has `with_prompt` (see `SafeDialect`)."""
AUTO = "auto"
"""The dialect that fits: `harness.setup` finds out which. Where nobody can be asked it is `native`, whose
reader takes every form.
"""


def get_dialect(name: str, prompt: str = "full") -> Dialect:
    """The dialect of that name; `prompt` is full, brief, or the path of a file with a system prompt.

    Raises `ConfigError` for a name that nobody has and for a prompt that the dialect does not have.
    """
    name = "native" if name == AUTO else name
    place = DIALECTS.get(f"{name}/{prompt}") or DIALECTS.get(name)
    if place is None:
        *others, last = [known for known in DIALECTS if "/" not in known]
        raise ConfigError(f"there is no dialect {name!r}", f"use {', '.join(others)} or {last}")
    module, _, kind = place.partition(":")
    made: Any = getattr(import_module(module), kind)
    return made.with_prompt(prompt)


def dialect_named(name: str) -> Dialect:
    """The dialect of a name with its prompt after a slash: `deepeyes_v2/brief`. Raises `ConfigError`."""
    base, _, prompt = name.partition("/")
    return get_dialect(base, prompt or "full")
