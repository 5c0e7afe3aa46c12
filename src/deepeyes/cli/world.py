"""`deepeyes world`: look at the embedded world's images, tasks and entities."""

from __future__ import annotations

from pathlib import Path

import typer

from deepeyes.cli.progress import Steps
from deepeyes.core.errors import InputError, StorageError, boundary

app = typer.Typer(add_completion=False, help="The embedded world: look at its pictures, tasks and entities.")


@app.command()
def sample(
    family: str = typer.Option("tiny,direct", help="Task families, separated by commas."),
    split: str = typer.Option("train", help="train, validation, test or rl."),
    n: int = typer.Option(12, "--n", "-n", min=1, help="How many tasks in all."),
    seed: int = typer.Option(0, help="Another seed draws other tasks of the same split."),
    out: Path = typer.Option(..., help="Folder to write to."),
    webp: bool = typer.Option(False, help="Write WebP pictures, a tenth of the size, instead of PNG."),
) -> None:
    """Write images and tasks.jsonl: a line a task with its answer, its truth and its image's file."""
    from deepeyes.core.ahead import in_order
    from deepeyes.core.images import ImageStore
    from deepeyes.core.png import png_bytes
    from deepeyes.eval.world import WorldPlan, named
    from deepeyes.world.families import make_example
    from deepeyes.world.tasks import shares, to_task

    families = named(family)
    WorldPlan(families=families, split=split, seed=seed, n=n).checked()

    def draw(which: tuple[str, int]) -> str:
        store = ImageStore()  # one a task: a store keeps its images, of some 5 MB each
        task = to_task(make_example(which[0], split, seed, which[1]), store)
        image, file = store.get(task.images[0]), f"{task.id}.{'webp' if webp else 'png'}"
        if webp:
            image.save(out / file, quality=90)
        else:
            (out / file).write_bytes(png_bytes(image))
        return task.model_copy(update={"meta": {**task.meta, "file": file}}).model_dump_json()

    with boundary(StorageError, f"writing to {out}", "choose a folder you may write to"):
        out.mkdir(parents=True, exist_ok=True)
        with (out / "tasks.jsonl").open("w", encoding="utf-8") as lines, Steps() as steps:
            steps.step("drawing", 0, n)
            for number, line in enumerate(in_order(draw, shares(list(families), n)), 1):
                lines.write(line + "\n")
                steps.step("drawing", number, n)
    print(out / "tasks.jsonl")


@app.command()
def show(
    name: str = typer.Argument(help="A name, an alias or an id: France, Deutschland, brand/python."),
    out: Path | None = typer.Option(None, help="Write the pictures to this folder."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object a line."),
    text: bool = typer.Option(False, help="Print the documents in full."),
    copyleft: bool = typer.Option(False, help="Look into the copyleft pack."),
    folder: Path | None = typer.Option(None, "--pack", help="Look into the pack in this folder."),
) -> None:
    """What a pack knows of a thing: facts with unit, year and page, documents, images."""
    from deepeyes.world.pack import open_pack

    from .world_show import as_line, print_entity, write_pictures

    with open_pack("copyleft" if copyleft else "permissive", folder) as pack:
        found = pack.find(name)
        if not found:
            near = pack.near(name)
            remedy = f"did you mean {', '.join(near)}?" if near else "try another spelling"
            raise InputError(f"the {pack.name} pack knows no {name!r}", remedy)
        for entity in found:
            if as_json:
                print(as_line(entity))
            else:
                print_entity(entity, text)
        if out:
            write_pictures(pack, found, out)
