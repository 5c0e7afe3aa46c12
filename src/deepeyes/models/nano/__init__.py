"""The embedded default model: Qwen2.5-VL's architecture at 2.1 million parameters, taught here.

`load_nano` is the door; `build` makes the model from nothing, `engine` decodes many conversations at once.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .model import NanoModel, load_nano

__all__ = ["NanoModel", "load_nano"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from . import model

        return getattr(model, name)
    raise AttributeError(name)
