"""The nano engine as a sampler: many conversations decoded in step, in this process, on the CPU."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from deepeyes.models.nano.model import NanoModel, load_nano

_PREFIXES = {"model.visual.": "visual.", "model.language_model.": "model."}
"""How a Transformers model calls its weights, and how its file does."""


class NanoEngine:
    """See `Engine`."""

    def __init__(self, folder: Path, rows: int) -> None:
        self.model: NanoModel = load_nano(f"nano:{folder}", folder=folder, rows=rows)

    def learn(self, learner: Any, version: int) -> None:
        """Copies the weights: the learner may go on changing its own."""
        self.model.engine.learn(as_saved(learner.state_dict()), version)


def as_saved(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Weights of a loaded model under the names of its file, copied; those that are tied stand once."""
    renamed: dict[str, torch.Tensor] = {}
    for name, weight in weights.items():
        for prefix, short in _PREFIXES.items():
            if name.startswith(prefix):
                renamed[short + name.removeprefix(prefix)] = weight.detach().float().clone()
    return renamed
