"""`deepeyes train nano`: the embedded model from nothing, by its recipe."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import typer

from deepeyes.core.errors import DeepEyesError, InputError, Interrupted

app = typer.Typer(add_completion=False, help="Train models from recipes.")

RECIPE = Path("recipes/nano/nano.toml")


@app.callback()
def _group() -> None:  # pyright: ignore[reportUnusedFunction]
    """Makes `nano` a verb of its own although it is the only one."""


@app.command()
def nano(
    recipe: Path = typer.Argument(RECIPE, help="The stages and their settings."),
    out: Path = typer.Option(Path("runs/nano"), help="Folder of checkpoints; a killed run goes on."),
    install: bool = typer.Option(False, "--install", help="Afterwards, make this the model that `nano` is."),
) -> None:
    """Warm up, teach and cold-start the nano model; stages that are done are not run again."""
    if not recipe.exists():
        raise InputError(f"there is no recipe {recipe}", "run it in a checkout, or name a recipe file")
    command = [sys.executable, "-m", "deepeyes.train.nano", str(recipe), "--out", str(out)]
    try:
        code = subprocess.call([*command, "--install"] if install else command)
    except KeyboardInterrupt:
        raise Interrupted("interrupted", f"the same command goes on from {out}") from None
    if code:
        raise DeepEyesError(
            f"training ended with exit code {code}", f"see above; run it again to go on from {out}"
        )
