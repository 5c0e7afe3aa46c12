"""The check before a run begins or goes on: may this recipe use this folder?

A folder belongs to the recipe that is written in it. A changed recipe may go on in it: the stages whose
settings changed, and all after them, are made anew, and the episodes that are there are judged again. What
always holds: what is in the folder was made with the recipe in it, and no episode is thrown away. So a recipe
under which the episodes would no longer count, because a model would be asked something else or otherwise, is
refused.
"""

from __future__ import annotations

import shutil

from deepeyes.core.errors import ConfigError, InputError, StorageError, boundary
from deepeyes.core.files import write_atomic
from deepeyes.data.recipe import CurationRecipe
from deepeyes.data.run.folder import RECIPE_FILE, RunFolder
from deepeyes.data.stages.teach.synthesize import WRITTEN


def claim(run: RunFolder, recipe: CurationRecipe) -> None:
    """Make `run` the folder of `recipe`, whatever was there of it swept and up to date.

    Raises `InputError` for a file, `ConfigError` for a run whose models were asked under other settings.
    """
    path = run.path / RECIPE_FILE
    if run.path.exists() and not run.path.is_dir():
        raise InputError(f"{run.path} is a file, not a folder", "choose another --out")
    if path.exists():
        before = type(recipe).load(path)
        _refuse_waste(run, recipe, before)
        _drop_stale(run, recipe, before)
        run.sweep()
        if recipe.dump() == before.dump():
            return
    write_atomic(path, recipe.dump().encode())


def _refuse_waste(run: RunFolder, recipe: CurationRecipe, before: CurationRecipe) -> None:
    """What models said is worth more than a run that goes on; what only wrote rows down again is not."""
    for store in recipe.asked_otherwise(before):
        folder = run.store(store)
        if not folder.exists():
            continue
        if store != f"{recipe.synthesize.name}-{WRITTEN}":
            raise ConfigError(
                f"{folder} holds what models said under other settings "
                f"(changed: {', '.join(recipe.changed(before))})",
                "choose another --out, or delete that folder to ask again",
            )
        with boundary(StorageError, f"removing {folder}", "check the folder's permissions"):
            shutil.rmtree(folder)


def _drop_stale(run: RunFolder, recipe: CurationRecipe, before: CurationRecipe) -> None:
    changed = recipe.changed(before)
    begun = run.stages()
    first = min((place for place, stage in enumerate(begun) if stage.name in changed), default=len(begun))
    for stage in reversed(begun[first:]):
        stage.drop()
    if "read" in changed:
        run.source_digests.unlink(missing_ok=True)
