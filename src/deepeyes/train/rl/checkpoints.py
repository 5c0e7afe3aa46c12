"""Where a killed run goes on: weights, optimizer, stream of tasks, and the curve up to there.

What always holds: a checkpoint counts only once it is whole; the newest few are kept; the curve of a run that
goes on has each step once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from deepeyes.core.errors import ConfigError
from deepeyes.core.files import append_line, remove_folder, replaced_folder, write_atomic
from deepeyes.core.json_files import read_json_file
from deepeyes.train.curves import CURVES, curves

CHECKPOINTS = "checkpoints"
_NAME = re.compile(r"step-(\d+)")
_AGAIN = "delete that folder: the run goes on from the one before"


def save(out: Path, step: int, state: Mapping[str, Any], told: Mapping[str, Any], keep: int) -> None:
    """`state` holds tensors (as `state_dict`s do), `told` what JSON can hold."""
    with replaced_folder(out / CHECKPOINTS / f"step-{step:06d}") as part:
        torch.save(dict(state), part / "state.pt")
        write_atomic(part / "told.json", json.dumps({"step": step, **told}).encode())
    for old in _all(out)[:-keep]:
        remove_folder(old)


def newest(out: Path, vocabulary: str = "") -> tuple[dict[str, Any], dict[str, Any]] | None:
    """(state, told) of the last checkpoint, or None. Raises `ConfigError` for one of a model whose tokens are
    not those of `vocabulary` (see `Collator`).
    """
    found = _all(out)
    if not found:
        return None
    told = read_json_file(found[-1] / "told.json", _AGAIN)
    if told.get("vocabulary", vocabulary) != vocabulary:
        raise ConfigError(
            f"{found[-1]} is of a model with another tokenizer than the one that model.path names now",
            "put the former model back there, or give --fresh to begin again",
        )
    return torch.load(found[-1] / "state.pt", weights_only=True, map_location="cpu"), told


def _all(out: Path) -> list[Path]:
    folders = [path for path in (out / CHECKPOINTS).glob("step-*") if _NAME.fullmatch(path.name)]
    return sorted(path for path in folders if (path / "told.json").exists())


def trim(out: Path, step: int) -> None:
    """Forget what was told of steps from `step` on, which are done again."""
    kept = [line for line in curves(out) if line["step"] < step]
    write_atomic(out / CURVES, "".join(json.dumps(line) + "\n" for line in kept).encode())


def tell(out: Path, numbers: Mapping[str, Any]) -> None:
    """Add a step's numbers to the curve."""
    append_line(out / CURVES, json.dumps(numbers).encode() + b"\n", sync=False)
