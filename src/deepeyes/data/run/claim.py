"""The check before a run begins or goes on: may this recipe use this folder?

A folder belongs to the recipe that is written in it. A changed recipe may go on in it: the stages whose
settings changed, and all after them, are made anew, and the episodes that are there are judged again; if it
grades otherwise, their answers get new verdicts, except where a person decided. What always holds: what is in
the folder was made with the recipe in it, also if the process is killed in here, and no episode is thrown
away. So a recipe under which the episodes would no longer count, because a model would be asked something
else or otherwise, is refused.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from deepeyes.core.claim import hold
from deepeyes.core.errors import ConfigError, InputError
from deepeyes.core.files import remove_folder, write_atomic, write_lines
from deepeyes.core.limits import StopReason
from deepeyes.core.trace import TRACES_FILE, Trace, read_traces
from deepeyes.data.recipe import CurationRecipe
from deepeyes.data.run.folder import RECIPE_FILE, RunFolder
from deepeyes.data.stages.teach.synthesize import WRITTEN


@contextmanager
def claimed(run: RunFolder, recipe: CurationRecipe) -> Generator[None]:
    """Have `run` as the folder of `recipe` for this process alone while the block runs, whatever was there of
    it swept and up to date.

    Raises `InputError` for a file, `StorageError` if another process is at work in it, and `ConfigError` for
    a run whose models were asked under other settings.
    """
    path = run.path / RECIPE_FILE
    if run.path.exists() and not run.path.is_dir():
        raise InputError(f"{run.path} is a file, not a folder", "choose another --out")
    with hold(run.path):
        before = type(recipe).load(path) if path.exists() else None
        if before is not None:
            stale = _stale_stores(run, recipe, before)
            run.sweep()
            _drop_stale(run, recipe, before)
            if recipe.graded_otherwise(before):
                for store in before.episode_stores():
                    _strike_verdicts(run.store(store))
            for store in stale:  # after the stages that name its episodes
                remove_folder(store)
        if before is None or recipe.dump() != before.dump():
            write_atomic(path, recipe.dump().encode())
        yield


def _stale_stores(run: RunFolder, recipe: CurationRecipe, before: CurationRecipe) -> list[Path]:
    """The stores to write anew. What models said is worth more than a run that goes on; what only wrote rows
    down again is not.
    """
    stale: list[Path] = []
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
        stale.append(folder)
    return stale


def _strike_verdicts(store: Path) -> None:
    """Have every answer in the store await its verdict, but those that a person judged. Each file is
    rewritten whole and may be struck twice, so a start that is killed in here does no harm.
    """

    def struck(trace: Trace) -> Trace:
        if trace.verdict is None or trace.verdict.by == "person" or trace.answer is None:
            return trace
        return trace.ungraded(StopReason.interrupted) if trace.stop_reason.is_result else trace

    for path in sorted(store.glob(f"*/{TRACES_FILE}")):
        write_lines(path, (struck(trace).model_dump_json() for trace in read_traces(path)))


def _drop_stale(run: RunFolder, recipe: CurationRecipe, before: CurationRecipe) -> None:
    changed = recipe.changed(before)
    begun = run.stages()
    first = min((place for place, stage in enumerate(begun) if stage.name in changed), default=len(begun))
    for stage in reversed(begun[first:]):
        stage.drop()
    if "read" in changed:
        run.source_digests.unlink(missing_ok=True)
