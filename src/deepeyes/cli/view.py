"""`deepeyes view`: a run folder as one HTML page."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import typer

app = typer.Typer(add_completion=False)


@app.command()
def view(
    folder: Path = typer.Argument(help="The folder that --trace wrote."),
    out: Path | None = typer.Option(None, help="The page's file; index.html in the folder by default."),
    title: str = typer.Option("", help="Heading of the page; the folder's name by default."),
    open_it: bool = typer.Option(False, "--open", help="Open it in the browser."),
) -> None:
    """Render a run's traces as one self-contained HTML page and print its path."""
    from deepeyes.view.page import write_page

    path = write_page(folder, out, title)
    print(path)
    if open_it:
        webbrowser.open(path.resolve().as_uri())
