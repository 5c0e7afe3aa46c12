"""Code that attacks, and the rehearsal that runs it.

Each cell runs in a session of its own. It is *contained* when the outcome is the expected one, a witness
session beside it keeps its variable and its file, the zygote was not restarted, and no bait outside was read
or written. The table of what stops each of them is in docs/sandbox.md. Nothing of the package runs them:
tests do, and `benchmarks/sandbox_hostile.py`.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deepeyes.sandbox import Sandbox, SandboxLimits

from .hostile_cells import CELLS, HostileCell

SECRET = "TOPSECRET-4711"
_CALM_SECONDS = 60.0
_HASTY = {"memory_mib": 1024, "grace": 0.5, "stretch": 1.0, "nice": 0}
"""Limits of the attackers: a rehearsal need not be patient with endless loops."""


@dataclass(frozen=True)
class Outcome:
    """How one hostile cell ended."""

    cell: HostileCell
    contained: bool
    status: str
    last_line: str
    seconds: float
    faults: list[str] = field(default_factory=list[str])
    """What was not as it should be."""


async def attack(sandbox: Sandbox, cells: Iterable[HostileCell] = CELLS) -> AsyncGenerator[Outcome, None]:
    """Run the cells one after the other beside a witness; yields each outcome as it comes."""
    with tempfile.TemporaryDirectory(prefix="hostile-bait-") as folder:
        bait = Path(folder) / "secret.txt"
        bait.write_text(SECRET)
        bait.chmod(0o644)
        Path(folder).chmod(0o755)
        witness = await sandbox.open(seed=0)
        async with witness:
            await witness.run("y = 'witness'\nopen('mine', 'w').write('1')", _CALM_SECONDS)
            for cell in cells:
                yield await _one(sandbox, witness, cell, bait)


async def _one(sandbox: Sandbox, witness: Any, cell: HostileCell, bait: Path) -> Outcome:
    restarts = sandbox.restarts
    limits = SandboxLimits.model_validate({**_HASTY, **cell.limits})
    async with await sandbox.open(seed=0, limits=limits) as session:
        await session.run("x = 41\nimport os\nbox = os.environ['TMPDIR']", _CALM_SECONDS)
        code = cell.code.replace("{BAIT}", str(bait))
        result = await session.run(code, cell.timeout)
        text = f"{result.status}\n{result.result or ''}\n{result.stdout}\n{result.stderr}"
        after = await session.run(cell.after, _CALM_SECONDS)
    seen = await witness.run("print(y, open('mine').read())", _CALM_SECONDS)
    faults: list[str] = []
    if not re.search(cell.expect, text):
        faults.append(f"expected /{cell.expect}/")
    if SECRET in text:
        faults.append("read a secret of the host")
    if bait.read_text() != SECRET or len(list(bait.parent.iterdir())) != 1:
        faults.append("wrote outside")
    if after.status == "session_lost":
        if not cell.may_lose_session:
            faults.append(f"session lost: {after.stderr.strip()}")
    elif "alive 41" not in after.stdout:
        faults.append(f"state lost: {after.status} {after.stderr.strip()[-200:]}")
    if seen.stdout != "witness 1\n":
        faults.append(f"witness harmed: {seen.status} {seen.stderr.strip()[-200:]}")
    if sandbox.restarts != restarts:
        faults.append("zygote died")
    lines = [line for line in text.splitlines() if line.strip()]
    return Outcome(cell, not faults, result.status, lines[-1][-120:], result.seconds, faults)
