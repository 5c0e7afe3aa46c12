"""`deepeyes train`: the embedded model from nothing, and supervised training of any model, by recipe."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from deepeyes.cli.recipes import found
from deepeyes.cli.running import note, waiting, warn
from deepeyes.core.errors import DeepEyesError, InputError, Interrupted, boundary
from deepeyes.core.extras import needs

if TYPE_CHECKING:
    from deepeyes.train.sft.recipe import SftRecipe

app = typer.Typer(add_completion=False, help="Train models from recipes.")

RECIPE = Path("recipes/nano/nano.toml")


@app.command()
def nano(
    recipe: Path = typer.Argument(RECIPE, help="The stages and their settings."),
    out: Path = typer.Option(Path("runs/nano"), help="Folder of checkpoints; a killed run goes on."),
    install: bool = typer.Option(False, "--install", help="Afterwards, make this the model that `nano` is."),
    ablation: str = typer.Option("", help="The cold start of this name in the recipe, beside the full one."),
) -> None:
    """Warm up, teach and cold-start the nano model; stages that are done are not run again."""
    recipe = found(recipe, "nano")
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
    with boundary(InputError, "training", needs("train"), expected=ImportError):
        from deepeyes.train.sft.recipe import SftRecipe
    recipe = found(recipe, "sft")
    plan = SftRecipe.load(recipe, override).checked()
    if evaluate:
        plan.check_evaluation()
    if accelerate is not None:
        words = ["sft", str(recipe), "--out", str(out), "--no-evaluate"]
        _launch(accelerate, [*words, "--resume" if resume else "--fresh"], override, out)
    else:
        _train(plan, out, fresh=not resume)
    if evaluate and plan.evaluation.command:
        from deepeyes.train.sft.run import evaluate as run_command

        print(run_command(plan, out), end="")


def _train(plan: SftRecipe, out: Path, *, fresh: bool) -> None:
    with (
        waiting("loading what training needs"),
        boundary(InputError, "training", needs("train"), expected=ImportError),
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


def _launch(accelerate: Path, words: list[str], override: list[str], out: Path) -> None:
    """`deepeyes train` with these words and settings, on what an accelerate configuration describes."""
    file = found(accelerate, "sft/accelerate")
    command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(file)]
    sets = [word for one in override for word in ("--set", one)]
    _call([*command, "--module", "deepeyes", "train", *words, *sets], out)


def _call(command: list[str], out: Path) -> None:
    try:
        code = subprocess.call(command)
    except KeyboardInterrupt:
        raise Interrupted("interrupted", f"the same command goes on from {out}") from None
    if code:
        raise DeepEyesError(
            f"training ended with exit code {code}", f"see above; run it again to go on from {out}"
        )


@app.command()
def rl(
    recipe: Path = typer.Argument(..., help="Model, tasks, rollouts, reward and settings (TOML)."),
    out: Path = typer.Option(..., help="Folder of the run and of the model that comes out."),
    override: list[str] = typer.Option([], "--set", metavar="A.B=C", help="Change a setting. Repeatable."),
    resume: bool = typer.Option(
        True, "--resume/--fresh", help="Go on where a run in this folder stopped, or begin again."
    ),
    accelerate: Path | None = typer.Option(
        None, help="An accelerate configuration, for backend.name = trl: several GPUs or machines."
    ),
) -> None:
    """Reinforcement learning on whole episodes: groups of tries, rewards, and updates by them."""
    with (
        waiting("loading what training needs"),
        boundary(InputError, "training", needs("train"), expected=ImportError),
    ):
        from deepeyes.train.rl.recipe import RlRecipe
    recipe = found(recipe, "rl")
    plan = RlRecipe.load(recipe, override).checked()
    if accelerate is not None:
        if plan.backend.name != "trl":
            raise InputError("the flat loop runs on one device", 'set backend.name = "trl"')
        words = ["rl", str(recipe), "--out", str(out), "--resume" if resume else "--fresh"]
        _launch(accelerate, words, override, out)
        return
    with (
        waiting("loading what training needs"),
        boundary(InputError, "training", needs("train"), expected=ImportError),
    ):
        from deepeyes.train.rl.loop import FINISHED

        if plan.backend.name == "trl":
            from deepeyes.train.rl.backends.trl import train
        else:
            from deepeyes.train.rl.loop import train
    finished = resume and (out / FINISHED).exists()
    note(f"training {plan.model.path} in {out}")
    try:
        done = train(plan, out, fresh=not resume, on_step=_tell_step)
    except KeyboardInterrupt:
        raise Interrupted("interrupted", f"the same command goes on from {out}") from None
    if finished:
        print(f"the run in {out} was finished before; --fresh begins again")
    measured, held_out = done["held_out_accuracy"], ""
    if measured is not None:
        low, high = done["held_out_interval"]
        held_out = (
            f", {measured:.1%} [{low:.1%}, {high:.1%}] of {done['held_out_episodes']} right on the fixed set"
        )
    print(
        f"{done['steps']} steps{held_out}; ask it with --model hf:{out}; look at it with deepeyes view {out}"
    )


@app.command()
def curves(
    runs: list[Path] = typer.Argument(metavar="RUN...", help="Folders of runs of train rl."),
    out: Path | None = typer.Option(None, help="The image; curves.png in the first run by default."),
    title: str = typer.Option("", help="Above the panels."),
    smooth: int = typer.Option(
        9, min=1, help="Steps that a smooth line is a mean over, its numbers paler behind it; 1 for none."
    ),
) -> None:
    """Draw the curves of runs of reinforcement learning into one image, and say what goes wrong in them."""
    from deepeyes.train.curves import CURVES
    from deepeyes.train.curves import curves as read
    from deepeyes.train.rl.alarms import alarms
    from deepeyes.train.rl.plots import PLOT, plot

    lines = {run: [line for line in read(run) if "reward" in line] for run in runs}
    empty = [run for run in runs if not lines[run]]
    if empty:
        raise InputError(
            f"there is no step of reinforcement learning in {empty[0] / CURVES}",
            "give folders that deepeyes train rl wrote",
        )
    names = [run.resolve().name for run in runs]
    labels = {
        run: name if names.count(name) == 1 else str(run) for run, name in zip(runs, names, strict=True)
    }
    path = out or runs[0] / PLOT
    plot({labels[run]: told for run, told in lines.items()}, path, title, smooth)
    for run, told in lines.items():
        print(f"{labels[run]}: {_so_far_learned(told)}")
        for alarm in alarms(told):
            print(f"  {alarm.told}")
    print(path)


def _so_far_learned(lines: list[dict[str, Any]]) -> str:
    """A run in a line: first and last steps beside each other."""
    few = max(1, min(5, len(lines) // 2))
    names = {"reward": "reward", "calls": "calls", "reply_tokens": "tokens", "held_out/accuracy": "fixed set"}
    told: list[str] = []
    for key, name in names.items():
        values = [line[key] for line in lines if line.get(key) is not None]
        if key.startswith("held_out") and values:
            last = next(line for line in reversed(lines) if line.get(key) is not None)
            low, high = last.get(f"{key}_low", 0.0), last.get(f"{key}_high", 1.0)
            told.append(f"{name} {values[0]:.1%} to {values[-1]:.1%} [{low:.1%}, {high:.1%}]")
        elif values:
            first, end = values[:few], values[-few:]
            told.append(f"{name} {sum(first) / len(first):.3g} to {sum(end) / len(end):.3g}")
    return f"{len(lines)} steps, " + ", ".join(told)


def _tell_step(numbers: dict[str, Any]) -> None:
    """One line a step, and what goes wrong."""
    shown = {
        "reward": numbers["reward"],
        "right": numbers["accuracy"],
        "fixed set": numbers.get("held_out/accuracy"),
        "calls": numbers["calls"],
        "tokens": numbers["reply_tokens"],
        "mixed": numbers["mixed"],
        "entropy": numbers.get("entropy"),
        "log-prob difference": numbers.get("logprob_diff_max"),
    }
    told = ", ".join(f"{name} {value:.3g}" for name, value in shown.items() if value is not None)
    seconds = numbers["seconds_rollouts"] + numbers["seconds_learning"]
    note(f"step {numbers['step']}: {told}, {seconds:.0f} s")
    for alarm in numbers["alarms"]:
        warn(alarm)
