"""Where a run's numbers go beside its own files: TensorBoard, Trackio, Weights & Biases.

What always holds: the curve on disk is the truth, and a reporter is told every line of it that it was not
told before, so that one which joins late, or a run that goes on, has each step in order, and once (the last
one again, with the same numbers, where the run was killed between telling it and noting that); which lines
those were is kept in `reported.json`; a reporter that fails is left and told of, and training goes on; no key
is read, kept or passed on by us, and none of the libraries is imported unless it is asked for.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from secrets import token_hex
from typing import Any

from deepeyes.core.errors import ConfigError, InfrastructureError, boundary
from deepeyes.core.files import remove_folder, write_atomic
from deepeyes.core.json_files import read_json_file
from deepeyes.train.rl.recipe import RlRecipe

REPORTED, TENSORBOARD = "reported.json", "tensorboard"
_NOT_TOLD = ("step", "dropped")
"""`dropped` has free text in its names; `failures/` has the same by cause."""
_CURVE = "the run's own curves.jsonl has everything"
Say = Callable[[int, dict[str, float]], None]
"""Told a step and its numbers."""


@dataclass
class Reports:
    """Those that are open, by name, and the last step that each was told."""

    path: Path
    id: str
    told: dict[str, int]
    to: dict[str, Say] = field(default_factory=dict[str, Say])

    def tell(self, lines: Sequence[Mapping[str, Any]]) -> list[str]:
        """Tell each what it was not told of a curve; what went wrong, in words."""
        problems: list[str] = []
        for name, say in list(self.to.items()):
            new = [line for line in lines if line["step"] > self.told.get(name, -1)]
            try:
                with boundary(InfrastructureError, f"reporting to {name}", expected=Exception):
                    for line in new:
                        say(line["step"], flat(line))
            except InfrastructureError as error:
                del self.to[name]
                problems.append(f"{error}; it is told no more until the run is started again")
                continue
            if new:
                self.told[name] = new[-1]["step"]
        if self.told:
            self.keep()
        return problems

    def keep(self) -> None:
        """Write down who was told what."""
        write_atomic(self.path, json.dumps({"id": self.id, "told": self.told}).encode())


def flat(numbers: Mapping[str, Any]) -> dict[str, float]:
    """The numbers alone: those of objects under `name/key`, of lists how many entries there are."""
    found: dict[str, float] = {}
    for name, value in numbers.items():
        if name in _NOT_TOLD:
            continue
        if isinstance(value, Mapping):
            found |= {f"{name}/{key}": one for key, one in flat(value).items()}  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        elif isinstance(value, list):
            found[name] = float(len(value))  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(value, int | float):
            found[name] = float(value)
    return found


@contextmanager
def reporting(recipe: RlRecipe, out: Path) -> Generator[Reports]:
    """Everything that `[report]` names, open until the block ends.

    Raises `ConfigError` where one cannot be opened.
    """
    path = out / REPORTED
    known = read_json_file(path, "delete it") if path.exists() else {"id": token_hex(4), "told": {}}
    reports = Reports(path, known["id"], {name: int(step) for name, step in known["told"].items()})
    if recipe.report.to:
        reports.keep()  # its id, before anything has it
    stack, remedy = ExitStack(), "mend that, or leave it out of report.to"
    try:
        for name in recipe.report.to:
            with boundary(ConfigError, f"opening {name}", remedy, expected=Exception):
                reports.to[name] = stack.enter_context(_OPEN[name](recipe, out, reports.id))
        yield reports
    finally:
        with boundary(InfrastructureError, "closing what is reported to", _CURVE, expected=Exception):
            stack.close()


def forget_reports(out: Path) -> None:
    """What a run that begins again leaves behind: it is another run to whoever is told of it."""
    (out / REPORTED).unlink(missing_ok=True)
    remove_folder(out / TENSORBOARD)


@contextmanager
def _tensorboard(recipe: RlRecipe, out: Path, id: str) -> Generator[Say]:
    from torch.utils.tensorboard import SummaryWriter

    writer: Any = SummaryWriter(str(out / TENSORBOARD))

    def say(step: int, numbers: dict[str, float]) -> None:
        for name, value in numbers.items():
            writer.add_scalar(name, value, step)
        writer.flush()  # a killed run has told what it says it told

    try:
        yield say
    finally:
        writer.close()


@contextmanager
def _trackio(recipe: RlRecipe, out: Path, id: str) -> Generator[Say]:
    trackio: Any = import_module("trackio")

    with redirect_stdout(sys.stderr):
        trackio.init(
            project=recipe.report.project,
            name=f"{recipe.title or out.name} {id}",
            config=recipe.model_dump(mode="json"),
            resume="allow",
            embed=False,
            auto_log_gpu=False,
            auto_log_cpu=False,
        )
    try:
        yield lambda step, numbers: trackio.log(numbers, step=step)
    finally:
        with redirect_stdout(sys.stderr):
            trackio.finish()


@contextmanager
def _wandb(recipe: RlRecipe, out: Path, id: str) -> Generator[Say]:
    wandb: Any = import_module("wandb")

    # Without a key it would ask for one and wait; what it then leaves can be sent later (`wandb sync`).
    mode = os.environ.get("WANDB_MODE") or ("online" if wandb.login(prompt=False) else "offline")
    run = wandb.init(
        project=recipe.report.project,
        name=recipe.title or out.name,
        id=id,
        resume="allow",
        dir=str(out),
        mode=mode,
        config=recipe.model_dump(mode="json"),
        # Nothing of the machine, its processes or this folder's git goes there.
        settings=wandb.Settings(
            console="off",
            silent=True,
            disable_git=True,
            disable_code=True,
            x_disable_stats=True,
            x_disable_meta=True,
            x_disable_machine_info=True,
        ),
    )
    try:
        yield lambda step, numbers: run.log(numbers, step=step)
    finally:
        run.finish()


_OPEN = {"tensorboard": _tensorboard, "trackio": _trackio, "wandb": _wandb}
