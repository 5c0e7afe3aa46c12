"""The agent on the embedded world: which share does it get right, and how does it use its tools?

What always holds: another seed draws other tasks of the same split; an episode that failed because of us is
counted and shown, never scored; a run that is started again in its folder asks only what is missing, and a
folder that holds another run is refused.
"""

from __future__ import annotations

from deepeyes.core.config import Config
from deepeyes.core.errors import InputError
from deepeyes.core.limits import Limits
from deepeyes.world import FAMILIES
from deepeyes.world.strings import SPLITS


class WorldPlan(Config):
    """What is asked of whom. `n` may grow between two starts of a run; nothing else may change."""

    families: tuple[str, ...]
    split: str = "test"
    seed: int = 0
    n: int = 500
    model: str = "nano"
    tools: bool = True
    dialect: str = ""
    """Empty for the model's own."""
    temperature: float = 0.0
    limits: Limits = Limits()
    search: tuple[str, ...] = ()
    """What the model may search, as in `deepeyes ask --search`."""

    def checked(self) -> WorldPlan:
        """Itself; raises `InputError` for a family or split that does not exist."""
        unknown = [family for family in self.families if family not in FAMILIES]
        if unknown or not self.families:
            raise InputError(f"there is no family {', '.join(unknown)!r}", f"use {', '.join(FAMILIES)}")
        if self.split not in SPLITS:
            raise InputError(f"there is no split {self.split!r}", f"use {', '.join(SPLITS)}")
        if self.n < len(self.families):
            raise InputError(
                f"{self.n} tasks are fewer than one a family", f"use --n {len(self.families)} or more"
            )
        return self
