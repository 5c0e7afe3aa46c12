"""The nano model's stages as a command: `python -m deepeyes.train.nano RECIPE --out DIR`.

On a CPU it starts one process a core under `torchrun`; with a GPU it is one process. What always holds: the
recipe is checked before any process starts, and an expected error is one line.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from deepeyes.core.claim import hold
from deepeyes.core.errors import DeepEyesError
from deepeyes.train.nano.checkpoint import install
from deepeyes.train.nano.recipe import NanoRecipe, shareable
from deepeyes.train.nano.stages import run
from deepeyes.train.nano.story import finish


def main(words: Sequence[str] | None = None) -> int:
    """Start the processes, or be one of them; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m deepeyes.train.nano", description=__doc__)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/nano"))
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument(
        "--install", action="store_true", help="afterwards, make this the model that `nano` is"
    )
    parser.add_argument("--ablation", default="", help="the cold start of this name instead of the full one")
    arguments = parser.parse_args(words)
    recipe = NanoRecipe.load(arguments.recipe).checked()
    processes = shareable(recipe, arguments.processes)
    if "RANK" not in os.environ and not torch.cuda.is_available() and processes > 1:
        with hold(arguments.out):  # a folder in use is refused before any process is started
            pass
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        command += [f"--nproc-per-node={processes}", "-m", "deepeyes.train.nano"]
        command += [str(arguments.recipe), "--out", str(arguments.out)]
        command += ["--ablation", arguments.ablation] if arguments.ablation else []
        status = subprocess.call(command, env={**os.environ, "OMP_NUM_THREADS": "1"})
        if status:
            return status
    else:
        run(recipe, arguments.out, arguments.ablation)
    if "RANK" not in os.environ and not arguments.ablation:
        finish(recipe, arguments.out)
    if arguments.install:
        install(arguments.recipe, arguments.out, last=recipe.last)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except DeepEyesError as error:
        sys.stderr.write(f"deepeyes.train.nano: {error}\n")
        sys.exit(error.exit_code)
