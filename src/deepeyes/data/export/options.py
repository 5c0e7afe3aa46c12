"""What the exports leave open."""

from __future__ import annotations

from typing import Literal

from deepeyes.core.config import Config
from deepeyes.core.images import VisionSpec

ToolName = Literal["python", "search", "image_search", "open_page"]


class ExportOptions(Config):
    """Settings of all formats."""

    pictures: Literal["seen", "full"] = "seen"
    """Pictures at the size the model saw them (a fraction of the bytes, and what its words speak of), or in
    full.
    """
    dialect: str = "deepeyes_v2"
    """In which prompts for reinforcement learning are put: `deepeyes_v2`, `deepeyes_v2/brief`, ..."""
    tools: tuple[ToolName, ...] | None = None
    """Which tools these prompts name, in this order; by default those that the run's own stages had, and
    `python` if none had any.
    """
    vision: VisionSpec = VisionSpec()
    """How large the learner of these prompts sees pictures."""
