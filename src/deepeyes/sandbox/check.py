"""What isolation this machine gives: the report behind `deepeyes sandbox check` and `deepeyes doctor`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from deepeyes.core.errors import ConfigError, SandboxUnavailable

from .sandbox import Sandbox
from .tiers import TIERS, Probe, Refused, Tier

WARNINGS: dict[Tier, str] = {
    "full": "",
    "uid": "No namespaces here: sessions share the machine's view of processes and the network stack (calls"
    " are refused, not absent), and a folder's size is watched instead of bounded.",
    "landlock": "No namespaces and no user of their own: sessions share this user's process limit, and what"
    " they leave running is hunted down instead of ended at once. For code that is clumsy, not hostile.",
}


@dataclass(frozen=True)
class Report:
    """The tier found, every probe tried, and the error if no tier is good enough."""

    tier: Tier | None
    probes: list[Probe] = field(default_factory=list[Probe])
    error: SandboxUnavailable | None = None

    @property
    def warning(self) -> str:
        return WARNINGS[self.tier] if self.tier else ""

    def as_dict(self) -> dict[str, Any]:
        return {
            "tier": self.tier,
            "probes": [{"name": p.name, "ok": p.ok, "detail": p.detail} for p in self.probes],
            "warning": self.warning,
            "error": str(self.error) if self.error else None,
        }


def parse_tier(text: str | None) -> Tier | None:
    for tier in TIERS:
        if text == tier:
            return tier
    if text is not None:
        raise ConfigError(f"there is no tier {text!r}", f"use one of {', '.join(TIERS)}")
    return None


async def report(tier: Tier | None = None) -> Report:
    """Start a sandbox in the strongest tier (or exactly `tier`) and say how it went."""
    try:
        async with Sandbox.start(tier=tier, min_isolation="landlock") as sandbox:
            return Report(sandbox.tier, sandbox.probes)
    except SandboxUnavailable as problem:
        return Report(None, problem.probes if isinstance(problem, Refused) else [], problem)
