"""`deepeyes recipes`: the recipes that ship, by name, and how verbs find one.

What always holds: a file of the user's goes before a recipe that ships, and whoever gets the latter is told;
a copy never takes the place of a file.
"""

from __future__ import annotations

import re
import shutil
from itertools import takewhile
from pathlib import Path

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

import deepeyes
from deepeyes.cli.running import note
from deepeyes.core.errors import InputError, StorageError, boundary

app = typer.Typer(add_completion=False, help="The recipes that ship: list and copy them.")


@app.callback(invoke_without_command=True)
def recipes(context: typer.Context) -> None:
    """The recipes that ship, and what each does; `copy` brings some here to be changed."""
    if context.invoked_subcommand is None:
        table = Table(box=None, show_header=False)
        for name, file in shipped().items():
            table.add_row(name, escape(_purpose(file)))
        Console(highlight=False).print(table)


@app.command()
def copy(
    names: list[str] = typer.Argument(metavar="NAME...", help="As listed, or a whole folder of them: sft."),
    to: Path = typer.Option(Path("recipes"), help="Folder to copy them to, under the same names."),
) -> None:
    """Copy recipes that ship, to be read and changed."""
    files = dict(pair for name in names for pair in _named(name).items())
    there = [target for name in files if (target := to / name).exists()]
    if there:
        raise InputError(
            f"there is already a file {there[0]}", "remove it, or choose another folder with --to"
        )
    for name, file in files.items():
        with boundary(StorageError, f"writing {to / name}", "choose another folder with --to"):
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, to / name)
        print(to / name)


def found(given: Path, kind: str) -> Path:
    """The file of a recipe: the one that `given` names, else that of the recipe of this name and `kind` that
    ships, which is told. Raises `InputError`.
    """
    if given.is_file():
        return given
    name = given.as_posix().removeprefix("recipes/").removeprefix(f"{kind}/")
    of_kind = {key.removeprefix(f"{kind}/"): key for key in shipped() if Path(key).parent == Path(kind)}
    for short, key in of_kind.items():
        if name in (short, Path(short).stem):
            note(f"no file {given} here: using {key} that ships (deepeyes recipes copy {key} brings it here)")
            return shipped()[key]
    names = ", ".join(Path(short).stem for short in of_kind)
    raise InputError(f"there is no recipe {given}", f"name a file, or one that ships: {names}")


def shipped() -> dict[str, Path]:
    """Name -> file of each recipe: beside the package in a wheel, at the root of a checkout."""
    package = Path(deepeyes.__file__).parent
    folder = next(f for f in (package / "recipes", package.parents[1] / "recipes") if f.is_dir())
    files = (file for file in folder.rglob("*") if file.suffix in (".toml", ".yaml", ".txt"))
    return {file.relative_to(folder).as_posix(): file for file in sorted(files)}


def _named(name: str) -> dict[str, Path]:
    """The recipes that a name or folder stands for, with or without `recipes/` and the ending."""
    wanted = name.removeprefix("recipes/").rstrip("/")
    every = shipped()
    some = {
        key: file
        for key, file in every.items()
        if wanted in (key, key.rpartition(".")[0]) or key.startswith(f"{wanted}/")
    }
    if not wanted or not some:
        raise InputError(f"there is no recipe {name!r}", "see their names with: deepeyes recipes")
    return some


def _purpose(file: Path) -> str:
    """What the comment at the top begins with, up to the first colon, semicolon or full stop."""
    lines = takewhile(lambda line: line.strip("# "), file.read_text("utf-8").splitlines())
    return re.split(r"[.:;](?:\s|$)", " ".join(line.strip("# ") for line in lines))[0]
