"""`python -m packmaker [--copyleft] [--out DIR] [--work DIR]`: make a pack, print what is in it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from deepeyes.core.errors import DeepEyesError
from deepeyes.world.pack.pack import pack_folder

from .build import build_pack

_COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    TextColumn("{task.completed}"),
    TimeElapsedColumn(),
)


def main(arguments: list[str] | None = None) -> None:
    """Make a pack; an expected error is one line on stderr and its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m packmaker",
        description="Make a pack of real things from pinned packages. A killed run goes on where it stopped.",
    )
    parser.add_argument("--copyleft", action="store_true", help="the copyleft pack, not the permissive one")
    parser.add_argument("--out", type=Path, help="folder of the pack; default: where `open_pack` looks")
    parser.add_argument("--work", type=Path, help="folder that keeps downloads and finished parts")
    options = parser.parse_args(arguments)
    try:
        make("copyleft" if options.copyleft else "permissive", options.out, options.work)
    except DeepEyesError as error:
        print(f"packmaker: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


def make(name: str, out: Path | None, work: Path | None) -> None:
    """Build with a line of progress on stderr; raises what `build_pack` raises."""
    with Progress(*_COLUMNS, console=Console(stderr=True), transient=True) as bar:
        line = bar.add_task("starting", total=None)

        def tell(what: str, done: int) -> None:
            bar.update(line, description=what, completed=done)

        with build_pack(name, out or pack_folder(name), work=work, progress=tell) as pack:
            for note in pack.manifest.shelves:
                print(
                    f"{note.kind}: {note.entities:,} entities, {note.documents:,} documents, "
                    f"{note.pictures:,} pictures, {note.bytes / 1e6:.1f} MB"
                )
            print(f"{pack.folder}\n{pack.digest}")


if __name__ == "__main__":
    main()
