"""Code that attacks is contained, and nobody beside it notices. `-m slow` runs every cell."""

import pytest
from sandbox.hostile import attack
from sandbox.hostile_cells import CELLS, MATPLOTLIB_CELLS, HostileCell

from deepeyes.sandbox import Sandbox

QUICK = {
    "loop that swallows interrupts",
    "ignores every signal",
    "one large allocation",
    "memory in four processes",
    "memfd",
    "fork bomb",
    "thread bomb",
    "daemon left behind",
    "kills all it can",
    "answers after a fork",
    "os._exit",
    "segmentation fault",
    "10 GB file",
    "inode bomb",
    "opens without end",
    "secret file of the host",
    "symlink out",
    "plant a module",
    "NUL in a path",
    "raw socket call",
    "memory of process 1",
    "own id map",
    "ptrace",
    "clone into a namespace",
    "io_uring",
    "32-bit system call",
    "exception that cannot be printed",
    "closes every descriptor",
    "replaced builtins",
    "forged picture",
    "4 GiB header",
    "20 stale frames",
    "PNG bomb",
    "picture of no pixels",
}
"""One or two of each kind, and every cell that ever found a fault."""


def cases() -> list[object]:
    known = [*CELLS, *MATPLOTLIB_CELLS]
    assert {cell.name for cell in known} >= QUICK
    return [
        pytest.param(cell, id=cell.name, marks=() if cell.name in QUICK else pytest.mark.slow)
        for cell in known
    ]


@pytest.mark.parametrize("cell", cases())
async def test_contained(sandbox: Sandbox, cell: HostileCell) -> None:
    if cell in MATPLOTLIB_CELLS:
        pytest.importorskip("matplotlib")
    async for outcome in attack(sandbox, [cell]):
        assert outcome.contained, (outcome.faults, outcome.status, outcome.last_line)
