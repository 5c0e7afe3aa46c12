"""What the exports leave open."""

from __future__ import annotations

from typing import Literal

from deepeyes.core.config import Config
from deepeyes.core.images import VisionSpec


class ExportOptions(Config):
    """Settings of all formats."""

    pictures: Literal["seen", "full"] = "seen"
    """Pictures at the size the model saw them (a fraction of the bytes, and what its words speak of), or in
    full.
    """
    dialect: str = "deepeyes_v2"
    """In which prompts for reinforcement learning are put: `deepeyes_v2`, `deepeyes_v2/brief`, ..."""
    vision: VisionSpec = VisionSpec()
    """How large the learner of these prompts sees pictures."""
