"""What plays episodes while a learner changes the weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from deepeyes.core.errors import ConfigError, ModelError
from deepeyes.models.base import ChatModel
from deepeyes.train.rl.recipe import RolloutsConfig


class Engine(Protocol):
    """A chat model that can be given new weights between steps."""

    @property
    def model(self) -> ChatModel: ...

    def learn(self, learner: Any, version: int) -> None:
        """Speak with the weights of `learner`, a Transformers model, from now on; every reply then carries
        `version`. Only while no episode is running.
        """
        ...


def open_engine(plan: RolloutsConfig, folder: Path, learner: Any, processor: Any, out: Path) -> Engine:
    """The engine that `plan` names for the checkpoint in `folder`, from which `learner` was loaded; one that
    is a server is handed new weights in a folder below `out`.

    Raises `ConfigError` where it cannot run that checkpoint.
    """
    kind = plan.engine
    if kind == "vllm" or kind == "sglang":
        from deepeyes.train.rl.engines.served import ServedEngine

        return ServedEngine(kind, plan.servers, str(folder), processor, out / "served")
    if kind in ("auto", "nano"):
        from deepeyes.train.rl.engines.nano import NanoEngine

        try:
            return NanoEngine(folder, plan.concurrency)
        except ModelError as error:
            if kind == "nano":
                raise ConfigError(
                    f"the engine nano cannot run {folder} ({error.message})",
                    "set rollouts.engine to transformers",
                ) from error
    from deepeyes.train.rl.engines.transformers import TransformersEngine

    return TransformersEngine(folder.name, learner, processor)
