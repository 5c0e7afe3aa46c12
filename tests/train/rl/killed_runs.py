"""Runs that are killed for real: a program that forks a process for each try, so that what takes long to
import is imported once, and sends it SIGKILL at a moment that is seen on disk.

    python tests/train/rl/killed_runs.py FOLDER flat|trl    # prints what happened, as JSON
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from nano_fixtures import SIZE, world_tokenizer

from deepeyes.models.nano.build import build_model, build_processor, save_processor
from deepeyes.train.curves import curves
from deepeyes.train.rl.checkpoints import CHECKPOINTS
from deepeyes.train.rl.episodes import EPISODES
from deepeyes.train.rl.recipe import RlRecipe

STEPS = 6
BEHIND_TRL = ("optim.average=0", "pace.per_device=3", "pace.gradient_checkpointing=false")


def recipe(model: Path, door: str) -> RlRecipe:
    """An untrained model that babbles; who is briefer earns more, so that its groups are mixed."""
    return RlRecipe.load(
        overrides=[
            f"backend.name={door}",
            f"model.path={model}",
            "tasks.world.tiny=1",
            "rollouts.groups=2",
            "rollouts.samples=3",
            "rollouts.mixed_only=false",
            "rollouts.limits.tokens_per_turn=48",
            "rollouts.limits.malformed=0",
            "reward.long_from=4",
            "reward.long_to=60",
            f"optim.steps={STEPS}",
            "optim.lr=1e-3",
            "optim.average=0.5",
            "pace.save_every=2",
            "watch.every=3",
            "watch.n=2",
            "watch.samples=1",
            "report.to=tensorboard",
            *(BEHIND_TRL if door == "trl" else ()),
        ]
    )


def forked(act: Callable[[], object]) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            act()
        except BaseException as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            os._exit(1)
        os._exit(0)
    return pid


def killed(act: Callable[[], object], moment: Callable[[], bool], wait: float) -> bool:
    """Whether the process was killed, `wait` seconds after the moment came, before it ended by itself."""
    pid = forked(act)
    while not moment():
        if os.waitpid(pid, os.WNOHANG) != (0, 0):
            return False
        time.sleep(0.001)
    time.sleep(wait)
    os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


def make(folder: Path) -> None:
    tokenizer = world_tokenizer()
    build_model(tokenizer, SIZE, 0).save_pretrained(folder)
    save_processor(build_processor(tokenizer, SIZE), folder)


def main(folder: Path, door: str) -> dict[str, object]:
    model, whole, out = folder / "model", folder / "whole", folder / "killed"
    train = import_module(f"deepeyes.train.rl.{'loop' if door == 'flat' else 'backends.trl'}").train
    for act in (lambda: make(model), lambda: train(recipe(model, door), whole)):
        assert os.waitpid(forked(act), 0)[1] == 0

    def done(steps: int) -> Callable[[], bool]:
        return lambda: len(curves(out)) >= steps

    def begun(pattern: str) -> Callable[[], bool]:
        return lambda: any(out.glob(pattern))

    written = f".step-{2:06d}*" if door == "flat" else "checkpoint-2"
    moments = {
        "in the first step": (begun("recipe.toml"), 0.3),
        "after a step, before its checkpoint": (done(1), 0.0),
        "while a checkpoint is written": (begun(f"{CHECKPOINTS}/{written}"), 0.0),
        "while episodes are written": (begun(f"{EPISODES}/step-000003/traces.jsonl"), 0.0),
        "while the model is written": (done(STEPS), 0.05),
    }
    told = {}
    for name, (moment, wait) in moments.items():
        hit = killed(lambda: train(recipe(model, door), out), moment, wait)
        told[name] = {"killed": hit, "steps": len(curves(out))}
    assert os.waitpid(forked(lambda: train(recipe(model, door), out)), 0)[1] == 0
    return told


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]), sys.argv[2])))
