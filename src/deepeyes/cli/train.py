"""`deepeyes train`: the embedded model from nothing, and supervised training of any model, by recipe."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from deepeyes.cli.recipe_path import check_recipe
from deepeyes.cli.running import note, waiting
from deepeyes.core.errors import DeepEyesError, InputError, Interrupted, boundary

if TYPE_CHECKING:
    from deepeyes.train.sft.recipe import SftRecipe

app = typer.Typer(add_completion=False, help="Train models from recipes.")

RECIPE = Path("recipes/nano/nano.toml")
_INSTALL = "install what it needs: pip install 'deepeyes[train]'"


@app.command()
def nano(
    recipe: Path = typer.Argument(RECIPE, help="The stages and their settings."),
    out: Path = typer.Option(Path("runs/nano"), help="Folder of checkpoints; a killed run goes on."),
    install: bool = typer.Option(False, "--install", help="Afterwards, make this the model that `nano` is."),
    ablation: str = typer.Option("", help="The cold start of this name in the recipe, beside the full one."),
) -> None:
    """Warm up, teach and cold-start the nano model; stages that are done are not run again."""
    check_recipe(recipe, "nano/nano.toml", "train.md")
    command = [sys.executable, "-m", "deepeyes.train.nano", str(recipe), "--out", str(out)]
    command += ["--install"] if install else []
    command += ["--ablation", ablation] if ablation else []
    with waiting(f"training in {out}", lambda: _so_far(out)):
        _call(command, out)


@app.command()
def sft(
    recipe: Path = typer.Argument(..., help="Model, data and settings (TOML)."),
    out: Path = typer.Option(..., help="Folder of the run and of the model that comes out."),
    override: list[str] = typer.Option([], "--set", metavar="A.B=C", help="Change a setting. Repeatable."),
    resume: bool = typer.Option(
        True, "--resume/--fresh", help="Go on where a run in this folder stopped, or begin again."
    ),
    accelerate: Path | None = typer.Option(
        None, help="An accelerate configuration: several GPUs or machines, DeepSpeed, FSDP."
    ),
    evaluate: bool = typer.Option(True, help="Run the recipe's evaluation.command at the end."),
) -> None:
    """Supervised training on traces: loss on the assistant's turns, images as the model saw them."""
    with boundary(InputError, "training", _INSTALL, expected=ImportError):
        from deepeyes.train.sft.recipe import SftRecipe
    check_recipe(recipe, "sft/nano.toml", "train.md")
    plan = SftRecipe.load(recipe, override).checked()
    if evaluate:
        plan.check_evaluation()
    if accelerate is not None:
        if not accelerate.exists():
            raise InputError(
                f"there is no {accelerate}", "see recipes/sft/accelerate, or `accelerate config`"
            )
        launch = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(accelerate)]
        words = ["--module", "deepeyes", "train", "sft", str(recipe), "--out", str(out), "--no-evaluate"]
        sets = [word for one in override for word in ("--set", one)]
        _call([*launch, *words, *sets, "--resume" if resume else "--fresh"], out)
    else:
        _train(plan, out, fresh=not resume)
    if evaluate and plan.evaluation.command:
        from deepeyes.train.sft.run import evaluate as run_command

        print(run_command(plan, out), end="")


def _train(plan: SftRecipe, out: Path, *, fresh: bool) -> None:
    with (
        waiting("loading what training needs"),
        boundary(InputError, "training", _INSTALL, expected=ImportError),
    ):
        from deepeyes.train.sft.run import FINISHED, train
    finished = not fresh and (out / FINISHED).exists()
    note(f"training {plan.model.path} in {out}")
    try:
        done = train(plan, out, fresh=fresh)
    except KeyboardInterrupt:
        raise Interrupted("interrupted", f"the same command goes on from {out}") from None
    if finished:
        print(f"the run in {out} was finished before; --fresh begins again")
    left_out = sum(sum(reasons.values()) for reasons in done["left_out"].values())
    model, adapters = (
        f"ask it with --model {asked_as(plan.model.path, out)}",
        f"its adapters are in {out / 'adapter'}",
    )
    print(
        f"{done['steps']} steps on {done['conversations']['train']} conversations ({left_out} left out, see "
        f"{out / 'rejects.jsonl'}), loss {done['loss']:.4f}; {adapters if plan.adapters_alone else model}"
    )


def asked_as(start: str, out: Path) -> str:
    """The name of the model in `out` that was made of `start`, with the words that it was taught in."""
    from deepeyes.models.registry import KINDS

    if start in KINDS:
        return f"nano:{out}"
    return f"hf:{out} (or hf:{out}#prompt=brief, where its conversations have no system prompt)"


def _so_far(out: Path) -> str:
    """Where the stages of the nano model are."""
    curves = sorted(out.glob("*/curves.jsonl"), key=lambda path: path.stat().st_mtime)
    lines = curves[-1].read_text("utf-8").splitlines() if curves else []
    return f"{curves[-1].parent.name}, step {json.loads(lines[-1])['step']:,}" if lines else ""


def _call(command: list[str], out: Path) -> None:
    try:
        code = subprocess.call(command)
    except KeyboardInterrupt:
        raise Interrupted("interrupted", f"the same command goes on from {out}") from None
    if code:
        raise DeepEyesError(
            f"training ended with exit code {code}", f"see above; run it again to go on from {out}"
        )
