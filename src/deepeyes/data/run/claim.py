"""Whose folder it is: a run goes on in its folder also when its recipe changes, as far as that is honest.

Stages whose settings changed, and all after them, are made anew; what models said before stays on its shelf
and is judged again. What always holds: what is in the folder was made with the recipe in it, also if the
process is killed in here; what models said is never thrown away: where it would no longer count, the recipe
is refused, before anything is touched.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from deepeyes.core.claim import hold
from deepeyes.core.errors import ConfigError, InputError
from deepeyes.core.files import remove_folder, write_atomic
from deepeyes.data.recipe import Recipe
from deepeyes.data.run.folder import RECIPE_FILE, RunFolder
from deepeyes.data.stages.teach.synthesize import WRITTEN


@contextmanager
def claimed(run: RunFolder, recipe: Recipe) -> Generator[None]:
    """Have `run` as the folder of `recipe` for this process alone while the block runs, whatever was there of
    it swept and up to date.

    Raises `InputError` for a file, `StorageError` if another process is at work in it, and `ConfigError` for
    a run whose models were asked under other settings.
    """
    path = run.path / RECIPE_FILE
    if run.path.exists() and not run.path.is_dir():
        raise InputError(f"{run.path} is a file, not a folder", "choose another --out")
    with hold(run.path):
        before = Recipe.load(path) if path.exists() else None
        if before is not None:
            stale = _stale_shelves(run, recipe, before)
            run.sweep()
            _drop_stale(run, recipe, before)
            for shelf in stale:  # after the stages that name its episodes
                remove_folder(shelf)
        if before is None or recipe.dump() != before.dump():
            write_atomic(path, recipe.dump().encode())
        yield


def _stale_shelves(run: RunFolder, recipe: Recipe, before: Recipe) -> list[Path]:
    """The shelves to write anew. What models said is worth more than a run that goes on; what only wrote rows
    down again is not.
    """
    stale: list[Path] = []
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
        stale.append(folder)
    return stale


def _drop_stale(run: RunFolder, recipe: Recipe, before: Recipe) -> None:
    changed = recipe.changed(before)
    begun = run.stages()
    first = min((place for place, stage in enumerate(begun) if stage.name in changed), default=len(begun))
    for stage in reversed(begun[first:]):
        stage.drop()
    if "read" in changed:
        run.marks.unlink(missing_ok=True)
