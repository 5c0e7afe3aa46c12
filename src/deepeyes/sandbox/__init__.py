"""A stateful Python sandbox for code that a model wrote: starts in milliseconds, shows images, survives
hostility.

    async with Sandbox.start() as sandbox:
        async with await sandbox.open({"image_1": image}) as session:
            result = await session.run("image_1.crop((0, 0, 64, 64))")
            result.images[0]

The image of the processes, the threat model and every limit: docs/sandbox.md. Rooms inside: `sandbox` and
`session` are the supervisor, `tiers` chooses the isolation, `jailed` is what runs on the far side.
"""

from .blocking import BlockingSandbox, BlockingSession
from .limits import Preload, SandboxLimits
from .result import CellResult, Status
from .sandbox import Sandbox, Template
from .session import Session, SessionLost
from .tiers import Probe, Tier

__all__ = [
    "BlockingSandbox",
    "BlockingSession",
    "CellResult",
    "Preload",
    "Probe",
    "Sandbox",
    "SandboxLimits",
    "Session",
    "SessionLost",
    "Status",
    "Template",
    "Tier",
]
