"""`deepeyes world sample`: pictures and tasks of the embedded world, for people to look at."""

from __future__ import annotations

from pathlib import Path

import typer
from rich.console import Console
from rich.progress import track

from deepeyes.core.errors import StorageError, boundary

app = typer.Typer(add_completion=False, help="The embedded world: look at its pictures and tasks.")


@app.callback()
def _group() -> None:  # pyright: ignore[reportUnusedFunction]
    """Makes `sample` a verb of its own although it is the only one."""


@app.command()
def sample(
    family: str = typer.Option("tiny,direct", help="Task families, separated by commas."),
    split: str = typer.Option("train", help="train, validation or test."),
    n: int = typer.Option(12, "--n", "-n", min=1, help="How many tasks in all."),
    seed: int = typer.Option(0, help="Another seed draws other tasks of the same split."),
    out: Path = typer.Option(..., help="Folder to write to."),
    webp: bool = typer.Option(False, help="Write WebP pictures, a tenth of the size, instead of PNG."),
) -> None:
    """Write pictures and tasks.jsonl: a line a task with its answer, its truth and its picture's file."""
    from deepeyes.core.images import ImageStore
    from deepeyes.eval.world import WorldPlan
    from deepeyes.world.tasks import world_tasks

    families = [name.strip() for name in family.split(",") if name.strip()]
    WorldPlan(families=tuple(families), split=split, seed=seed, n=n).checked()
    console = Console(stderr=True)
    with boundary(StorageError, f"writing to {out}", "choose a folder you may write to"):
        out.mkdir(parents=True, exist_ok=True)
        with (out / "tasks.jsonl").open("w", encoding="utf-8") as lines:
            store = ImageStore()
            tasks = world_tasks(families, split, seed, n, store)
            for task in track(tasks, "drawing", total=n, console=console, transient=True):
                file = f"{task.id}.{'webp' if webp else 'png'}"
                picture = store.get(task.images[0])
                if webp:
                    picture.save(out / file, quality=90)
                else:
                    picture.save(out / file, compress_level=1)
                lines.write(task.model_copy(update={"meta": {"file": file}}).model_dump_json() + "\n")
    print(out / "tasks.jsonl")
