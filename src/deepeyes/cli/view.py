"""`deepeyes view`: runs as one HTML page, or served on this machine where one page would be too large."""

from __future__ import annotations

import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from deepeyes.core.errors import ConfigError

if TYPE_CHECKING:
    from deepeyes.view.library import Library

app = typer.Typer(add_completion=False)


@app.command()
def view(
    paths: list[Path] = typer.Argument(
        metavar="RUN|FOLDER...", help="What --out or --trace wrote, at any depth. Two runs are compared."
    ),
    out: Path | None = typer.Option(
        None, help="Write the page to this file; what is too large for one page is left out, and said."
    ),
    title: str = typer.Option("", help="Heading of the page; the folders' names by default."),
    open_it: bool = typer.Option(False, "--open", help="Open it in the browser."),
    serve: bool = typer.Option(False, "--serve", help="Serve it, however small it is."),
    host: str = typer.Option("127.0.0.1", help="Address to listen on; others than loopback need a token."),
    port: int = typer.Option(8095, min=0, max=65535),
    tokenizer: Path | None = typer.Option(
        None, help="Folder with the model's tokenizer.json, to show tokens as text."
    ),
) -> None:
    """Browse episodes, filter them, compare two runs. Writes one self-contained HTML page and prints its
    path; what is too large for that is served on this machine until Ctrl-C. The token is DEEPEYES_VIEW_TOKEN.
    """
    from deepeyes.view.library import Library
    from deepeyes.view.page import fits, write_page

    library = Library.open(paths, title, tokenizer=tokenizer, tell=_tell)
    if serve or (out is None and not fits(library)):
        if not serve:
            print(
                "note: too large for one page, so it is served; --out FILE writes what fits", file=sys.stderr
            )
        _serve(library, host, port, open_it)
        return
    path = write_page(library, out, tell=_making)
    print(path)
    if open_it:
        webbrowser.open(path.resolve().as_uri())


def _serve(library: Library, host: str, port: int, open_it: bool) -> None:
    from deepeyes.cli.running import run
    from deepeyes.serve.view import serve
    from deepeyes.view.render import shell

    def ready(address: str) -> None:
        print(address, flush=True)
        print("note: Ctrl-C ends it; from another machine: ssh -L PORT:127.0.0.1:PORT", file=sys.stderr)
        if open_it:
            webbrowser.open(address)

    try:
        run(serve(library, shell(library.title), host=host, port=port, ready=ready), "nothing was changed")
    except ConfigError as problem:
        remedy = f"{problem.remedy}, or give --out FILE for a page with what fits"
        raise ConfigError(problem.message, remedy) from problem


def _making(what: str, done: int, total: int) -> None:
    if done % 200 == 0:
        print(f"note: {done:,} of {total:,} {what}", file=sys.stderr)


def _tell(count: int) -> None:
    if count % 5_000 == 0:
        print(f"note: {count:,} episodes read", file=sys.stderr)
