"""What an agent is made of."""

from __future__ import annotations

from dataclasses import dataclass, field

from deepeyes.core.limits import Limits
from deepeyes.core.sampling import Sampling
from deepeyes.dialects.base import Dialect
from deepeyes.dialects.registry import get_dialect
from deepeyes.models.base import ChatModel
from deepeyes.tools.base import ToolSet


@dataclass(frozen=True)
class AgentParts:
    """A model and everything that decides what its episodes are like."""

    model: ChatModel
    tools: ToolSet = field(default_factory=ToolSet)
    dialect: Dialect | None = None
    """None for the model's own."""
    limits: Limits = Limits()
    sampling: Sampling = Sampling()

    @property
    def speech(self) -> Dialect:
        """The dialect that is spoken. Raises `ConfigError` for a model that names none."""
        return self.dialect or get_dialect(self.model.dialect_name, self.model.prompt)
