"""What follows the cold start: reinforcement learning, evaluation, and the record of the whole run.

    OUT/rl/              the run of reinforcement learning, as `deepeyes train rl` leaves it, and its model
    OUT/evaluation.txt   what the recipe's evaluation printed
    OUT/run.json         of each stage: steps, seconds, what it reached, the hash of its weights; written last

What always holds: started again, what is done is not done again, and what was killed goes on; the record is
written when all the rest is there.
"""

import json
import sys
from hashlib import file_digest, sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from deepeyes.core.claim import hold
from deepeyes.core.files import write_atomic
from deepeyes.train.evaluation import EVALUATED, run_evaluation
from deepeyes.train.rl.loop import FINISHED, train

from .checkpoint import RECORD
from .recipe import NanoRecipe
from .traces import SHARDS

STAGES = ("dense", "copy", "base", "traces", "cold", "rl")


def finish(recipe: NanoRecipe, out: Path) -> None:
    """Do what the recipe says of it with the cold start in `out`."""
    with hold(out):
        if recipe.rl is not None and not (out / "rl" / FINISHED).exists():
            torch.set_num_threads(1)
            model = recipe.rl.model.model_copy(update={"path": str(out / recipe.rl.model.path)})
            train(recipe.rl.model_copy(update={"model": model}), out / "rl")
        if recipe.evaluation.command and not (out / EVALUATED).exists():
            run_evaluation(recipe.evaluation, f"nano:{out / recipe.last}", out)
        write_atomic(out / RECORD, json.dumps(record(recipe, out), indent=1, ensure_ascii=False).encode())


def record(recipe: NanoRecipe, out: Path) -> dict[str, Any]:
    """What `run.json` holds."""
    stages = {stage: _of_stage(out / stage) for stage in STAGES if (out / stage).exists()}
    return {
        "recipe": sha256(recipe.dump().encode()).hexdigest(),
        "python": sys.version.split()[0],
        "packages": {name: version(name) for name in ("torch", "transformers", "numpy", "pillow")},
        "seconds": round(sum(stage["seconds"] for stage in stages.values()), 1),
        "stages": stages,
    }


def _of_stage(folder: Path) -> dict[str, Any]:
    """Its seconds over all starts of it; of older runs, which did not count them, 0."""
    if (folder / SHARDS).exists():
        shards = _lines(folder / SHARDS)
        kept, tried, seconds = (sum(line[name] for line in shards) for name in ("kept", "tried", "seconds"))
        return {"kept": kept, "tried": tried, "seconds": round(seconds, 1)}
    lines = _lines(folder / "curves.jsonl")
    if not lines:
        return {"seconds": 0}
    held_out = [line for line in lines if any(name.startswith("held_out") for name in line)]
    reached = held_out[-1] if held_out else {}
    with (folder / "model.safetensors").open("rb") as weights:
        digest = file_digest(weights, "sha256").hexdigest()
    return {
        "steps": lines[-1]["step"] + (folder.name == "rl"),  # which counts from 0
        "seconds": sum(line.get("seconds_rollouts", 0) + line.get("seconds_learning", 0) for line in lines)
        or lines[-1].get("seconds", 0),
        "held_out": reached.get("held_out", {name: reached[name] for name in reached if "held_out" in name}),
        "weights": digest,
    }


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []
