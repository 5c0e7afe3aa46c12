"""Recipes that are named and are not there: what to name instead, here."""

from __future__ import annotations

from pathlib import Path

from deepeyes.core.errors import InputError


def check_recipe(path: Path, example: str, page: str) -> None:
    """Raises `InputError` for a recipe that is no file. The remedy names `example` if this is a checkout,
    where the recipes are, and else the page of the documentation that shows how one is written.
    """
    if path.is_file():
        return
    there = Path("recipes") / example
    write = f"write a TOML file as docs/{page} shows, or run this in a checkout, which has {there}"
    raise InputError(
        f"there is no recipe {path}", f"name a file such as {there}" if there.is_file() else write
    )
