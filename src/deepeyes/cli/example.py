"""`deepeyes example`: three images of the embedded world, and a question that its model answers about each.

What always holds: each image is a held-out task of the embedded world, drawn again by `deepeyes world` from
the name in `task`; a copy never takes the place of another file; stdout holds commands that can be run.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from deepeyes.core.errors import InputError, StorageError, boundary
from deepeyes.core.files import write_atomic

app = typer.Typer(add_completion=False)


@dataclass(frozen=True)
class Example:
    """`task` is the task's id, FAMILY-SPLIT-SEED-INDEX; `answer` is what is right."""

    task: str
    question: str
    answer: str
    shows: str

    def command(self, file: Path) -> str:
        return shlex.join(["deepeyes", "ask", str(file), self.question])


EXAMPLES = {
    "sign": Example(
        "tiny-test-19-3", "What text is on the red label?", "340", "a label too small to read without a crop"
    ),
    "chart": Example(
        "chart-test-19-2",
        "By how much does the purple bar fall short of the orange bar?",
        "13",
        "a chart: two values to read, one to compute",
    ),
    "shape": Example(
        "direct-test-19-4", "In what colour is the triangle painted?", "yellow", "plain shapes: seen at once"
    ),
}


@app.command()
def example(
    names: list[str] = typer.Argument(None, metavar="NAME", help="sign, chart or shape."),
    to: Path = typer.Option(Path(), help="Folder to copy them to."),
) -> None:
    """List the example images that ship; copy those that are named, and print what asks about each."""
    if not names:
        table = Table(box=None, show_header=False)
        for name, one in EXAMPLES.items():
            table.add_row(name, one.shows, one.question, one.answer)
        Console(highlight=False).print(table)
        return
    if unknown := [name for name in names if name not in EXAMPLES]:
        raise InputError(f"there is no example {unknown[0]!r}", f"name one of {', '.join(EXAMPLES)}")
    files = {name: to / f"{name}.webp" for name in names}
    for name, file in files.items():
        if file.exists() and not is_example(str(file)):
            raise InputError(
                f"there is already a file {file}", "remove it, or choose another folder with --to"
            )
        with boundary(StorageError, f"writing {file}", "choose another folder with --to"):
            to.mkdir(parents=True, exist_ok=True)
            write_atomic(file, image_of(name))
    for name, file in files.items():
        print(EXAMPLES[name].command(file))


def image_of(name: str) -> bytes:
    """The WebP file of an example."""
    return resources.files("deepeyes.world").joinpath("assets", "examples", f"{name}.webp").read_bytes()


def is_example(file: str) -> bool:
    """Whether this names a file that is one of the examples, copied."""
    path = Path(file)
    return path.is_file() and path.suffix == ".webp" and path.read_bytes() in map(image_of, EXAMPLES)
