"""`--tool MODULE:FUNCTION` of the verbs that ask: tools of the user's own.

What always holds: a module in the folder where the command is typed is found, as `python -m` finds it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from deepeyes.tools.registry import ALL

OwnTools = Annotated[
    list[str],
    typer.Option(
        "--tool",
        metavar="MODULE:FUNCTION",
        help="A Python function of your own, with type hints and a docstring, as a tool. Repeatable.",
    ),
]


def tools_of(standard: bool, own: Sequence[str]) -> bool | tuple[str, ...]:
    """What `open_agent` gets as `tools`: the standard ones, if wanted, and the user's own."""
    if not own:
        return standard
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    return (*((ALL,) if standard else ()), *own)
