"""Cells here and in ipykernel, side by side: `python -m benchmarks.sandbox_differential`.

Prints every cell of tests/sandbox/notebook_cells.py whose printed text, shown value or error differs, and the
counts. A value is compared as the kernel's text/plain; the layout of tracebacks is meant to differ. Run it
from the repository's root; needs `ipykernel` and `jupyter_client`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from dataclasses import dataclass
from typing import Any

from deepeyes.sandbox import Sandbox
from tests.sandbox.notebook_cells import STATE, sessions


@dataclass
class Seen:
    stdout: str = ""
    result: str | None = None
    error: str | None = None


async def in_kernel(client: Any, cells: list[str]) -> list[Seen]:
    """The cells in a kernel whose variables were cleared; starting one for each session takes minutes."""
    found: list[Seen] = []
    await client.execute_interactive("%reset -f", output_hook=lambda _: None, timeout=120)
    for cell in cells:
        seen = Seen()

        def take(message: dict[str, Any], seen: Seen = seen) -> None:
            content = message["content"]
            if message["msg_type"] == "stream" and content["name"] == "stdout":
                seen.stdout += content["text"]
            elif message["msg_type"] == "execute_result":
                seen.result = content["data"]["text/plain"]
            elif message["msg_type"] == "error":
                seen.error = f"{content['ename']}: {content['evalue']}"

        await client.execute_interactive(cell, output_hook=take, timeout=120)
        found.append(seen)
    return found


async def in_sandbox(sandbox: Sandbox, cells: list[str], expected: list[Seen]) -> list[Seen]:
    found: list[Seen] = []
    async with await sandbox.open(seed=0) as session:
        for cell, theirs in zip(cells, expected, strict=True):
            result = await session.run(cell, 60.0)
            told = theirs.error and all(
                part in result.stderr for part in theirs.error.partition(" (")[0].rstrip(": ").split(": ")
            )
            error = None if result.status == "ok" else theirs.error if told else result.stderr.strip()[-160:]
            found.append(Seen(result.stdout, result.result, error))
    return found


async def compare() -> dict[str, Any]:
    from jupyter_client.manager import start_new_async_kernel

    cells, differ = 0, []
    manager: Any
    client: Any
    with tempfile.TemporaryDirectory() as folder:
        manager, client = await start_new_async_kernel(kernel_name="python3", cwd=folder)
        async with Sandbox.start() as sandbox:
            for session in sessions():
                code = [*session, STATE]
                print(f"{cells} cells", file=sys.stderr)
                theirs = await in_kernel(client, code)
                mine = await in_sandbox(sandbox, code, theirs)
                cells += len(code)
                for cell, here, there in zip(code, mine, theirs, strict=True):
                    if here != there:
                        differ.append({"cell": cell, "sandbox": vars(here), "ipykernel": vars(there)})
        client.stop_channels()
        await manager.shutdown_kernel(now=True)
    return {"cells": cells, "same": cells - len(differ), "differ": differ}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one object")
    arguments = parser.parse_args()
    report = asyncio.run(compare())
    if arguments.json:
        print(json.dumps(report))
        return
    for entry in report["differ"]:
        print(f"{entry['cell']!r}\n   sandbox:   {entry['sandbox']}\n   ipykernel: {entry['ipykernel']}")
    print(f"{report['same']} of {report['cells']} cells are the same")


if __name__ == "__main__":
    main()
