"""Whose folder it is: a run goes on in its folder also when its recipe changes, as far as that is honest.

Stages whose settings changed, and all after them, are made anew; what models said before stays on its shelf
and is judged again. What always holds: what is in the folder was made with the recipe in it; what models said
is never thrown away: where it would no longer count, the recipe is refused.
"""

from __future__ import annotations

import shutil

from deepeyes.core.errors import ConfigError, InputError, StorageError, boundary
from deepeyes.core.files import write_atomic
from deepeyes.data.recipe import Recipe
from deepeyes.data.run.folder import RECIPE_FILE, RunFolder
from deepeyes.data.stages.teach.synthesize import WRITTEN


def claim(run: RunFolder, recipe: Recipe) -> None:
    """Make `run` the folder of `recipe`, whatever was there of it swept and up to date.

    Raises `InputError` for a file, `ConfigError` for a run whose models were asked under other settings.
    """
    path = run.path / RECIPE_FILE
    if run.path.exists() and not run.path.is_dir():
        raise InputError(f"{run.path} is a file, not a folder", "choose another --out")
    if path.exists():
        before = Recipe.load(path)
        _refuse_waste(run, recipe, before)
        _drop_stale(run, recipe, before)
        run.sweep()
        if recipe.dump() == before.dump():
            return
    write_atomic(path, recipe.dump().encode())


def _refuse_waste(run: RunFolder, recipe: Recipe, before: Recipe) -> None:
    """What models said is worth more than a run that goes on; what only wrote rows down again is not."""
    for shelf in recipe.unasked(before):
        folder = run.shelf(shelf)
        if not folder.exists():
            continue
        if shelf != f"{recipe.synthesize.name}-{WRITTEN}":
            raise ConfigError(
                f"{folder} holds what models said under other settings "
                f"(changed: {', '.join(recipe.changed(before))})",
                "choose another --out, or delete that folder to ask again",
            )
        with boundary(StorageError, f"removing {folder}", "check the folder's permissions"):
            shutil.rmtree(folder)


def _drop_stale(run: RunFolder, recipe: Recipe, before: Recipe) -> None:
    changed = recipe.changed(before)
    begun = run.stages()
    first = min((place for place, stage in enumerate(begun) if stage.name in changed), default=len(begun))
    for stage in reversed(begun[first:]):
        stage.drop()
    if "read" in changed:
        run.marks.unlink(missing_ok=True)
