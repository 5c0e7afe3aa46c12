"""Transformers' own generation as a sampler: whatever the Auto classes load, on the learner's device.

It reads the whole conversation every turn and plays one reply at a time; it is the sampler that always works,
not the fast one.
"""

from __future__ import annotations

from typing import Any

from deepeyes.models.transformers import TransformersModel, vision_of


class TransformersEngine:
    """See `Engine`. The learner itself speaks, so there is nothing to copy."""

    def __init__(self, name: str, learner: Any, processor: Any, *, prompt: str = "full") -> None:
        self.model = TransformersModel(
            f"hf:{name}", learner, processor, prompt=prompt, vision=vision_of(processor)
        )

    def learn(self, learner: Any, version: int) -> None:
        """Only the version changes."""
        self.model.policy = version
