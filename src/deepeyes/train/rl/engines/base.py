"""What plays episodes while a learner changes the weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from deepeyes.core.errors import ConfigError, ModelError
from deepeyes.models.base import ChatModel


class Engine(Protocol):
    """A chat model that can be given new weights between steps."""

    @property
    def model(self) -> ChatModel: ...

    def learn(self, learner: Any, version: int) -> None:
        """Speak with the weights of `learner`, a Transformers model, from now on; every reply then carries
        `version`. Only while no episode is running.
        """
        ...


def open_engine(kind: str, folder: Path, learner: Any, processor: Any, rows: int) -> Engine:
    """The engine of that kind for the checkpoint in `folder`, from which `learner` was loaded, with room for
    `rows` conversations at once.

    Raises `ConfigError` where it cannot run that checkpoint.
    """
    if kind in ("auto", "nano"):
        from deepeyes.train.rl.engines.nano import NanoEngine

        try:
            return NanoEngine(folder, rows)
        except ModelError as error:
            if kind == "nano":
                raise ConfigError(
                    f"the engine nano cannot run {folder} ({error.message})",
                    "set rollouts.engine to transformers",
                ) from error
    from deepeyes.train.rl.engines.transformers import TransformersEngine

    return TransformersEngine(folder.name, learner, processor)
