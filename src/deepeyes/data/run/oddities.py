"""What about a run's funnel should make its reader look twice: a stage that loses much to one reason, a model
that does not speak its dialect, answers of which nobody could tell whether they are right.

Each of these looks like poor data or a weak model and is more often a matter of notation or of settings, so
the warning shows what was answered and expected. What always holds: what a stage leaves out on purpose (what
is too easy, twice there, in a benchmark, more than its share) and what failed because of us is no oddity.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from deepeyes.analysis.misfit import LEAST, many
from deepeyes.core.text import tidy
from deepeyes.data.item import INFRASTRUCTURE_ERROR, Item, PassRate
from deepeyes.data.recipe import FunnelWarnings
from deepeyes.data.run.folder import RunFolder, StageCount, StageFolder
from deepeyes.data.stages.probe.difficulty import DifficultyFilter
from deepeyes.data.stages.probe.probe import Probe
from deepeyes.data.stages.probe.tool_benefit import ToolBenefitSplit
from deepeyes.data.stages.stage import Stage

TRIES, MALFORMED, UNSURE = "tries", "malformed tries", "unsure tries"
MOSTLY_UNSURE = "items with more unsure tries than others"
_MEASURED = {probe.name: probe.measures for probe in (DifficultyFilter, ToolBenefitSplit)}
"""Where the items have what came of the tries of a probe."""
_CHOOSING = frozenset({"difficulty", "deduplicate", "decontaminate", "mix", "split"})
"""Stages that leave out on purpose."""
_QUESTION, _DETAIL = 160, 400
"""Characters shown of each."""


def tries_of(stage: Stage, target: StageFolder, parts: int) -> dict[str, int]:
    """What came of the tries of a stage that asks, for its notes; counts of nothing are left out."""
    counts = dict.fromkeys((TRIES, MALFORMED, UNSURE, MOSTLY_UNSURE), 0)
    for item in (item for part in range(parts) for item in target.read(part)):
        tries, malformed, unsure = _tries(stage, item)
        counts[TRIES] += tries
        counts[MALFORMED] += malformed
        counts[UNSURE] += unsure
        counts[MOSTLY_UNSURE] += 2 * unsure > tries
    return {name: number for name, number in counts.items() if number}


def _tries(stage: Stage, item: Item) -> tuple[int, int, int]:
    """How often the item was tried in the stage, and how many of these were malformed and unsure."""
    if isinstance(stage, Probe):
        rate = getattr(item, stage.measures)
        return (rate.asked, rate.malformed, rate.unsure) if rate is not None else (0, 0, 0)
    made = [trial for trial in item.trials if trial.ref.store.startswith(f"{stage.name}-")]
    counted = [trial for trial in made if INFRASTRUCTURE_ERROR not in trial.failed_checks]
    malformed = sum("nonsense" in trial.failed_checks for trial in counted)
    return len(counted), malformed, sum("unsure_answer" in trial.failed_checks for trial in counted)


def oddities(run: RunFolder, counts: Sequence[StageCount], limits: FunnelWarnings) -> Iterator[str]:
    """The warnings about a run's stages, in order; a first line each, then examples."""
    folders = {folder.name: folder for folder in run.stages()}
    for count in counts:
        tries = count.notes.get(TRIES, 0)
        if many(count.notes.get(MALFORMED, 0), tries, limits.malformed):
            yield (
                f"{_share(count.notes[MALFORMED], tries)} tries of {count.name} were malformed: the model "
                "does not speak its dialect, which looks as if it could not answer; set the dialect that it "
                f'was trained on, or "native" for any model ({_dialect_key(count.name)})'
            )
        if many(count.notes.get(UNSURE, 0), tries, limits.unsure):
            head = (
                f"of {_share(count.notes[UNSURE], tries)} tries of {count.name} nobody could tell whether "
                "they are right, and they do not count as right: name a judge (grading.judges), or declare "
                "the form of the answers"
            )
            found = _doubtful(folders.get(count.name), count)
            yield "\n  ".join([f"{head}; such as" if found else head, *found])
        if count.name in _CHOOSING:
            continue
        given = count.into - count.passed
        for reason, lost in count.rejected.items():
            if reason != INFRASTRUCTURE_ERROR and lost > limits.loss * given and lost >= LEAST:
                examples = _examples(folders[count.name], count.parts, reason)
                head = f"{count.name} left out {_share(lost, given)} items as {reason}, such as"
                yield "\n  ".join([head, *examples])


def _share(number: int, of: int) -> str:
    return f"{number:,} of {of:,} ({number / of:.0%})"


def _dialect_key(stage: str) -> str:
    return "synthesize.teachers.NAME.dialect" if stage == "synthesize" else f"{stage}.dialect"


def _examples(folder: StageFolder, parts: int, reason: str) -> list[str]:
    """Items that were left out for that reason, and what is told of each."""
    items = (item for part in range(parts) for item in folder.read(part))
    lost = ((item, item.rejection) for item in items)
    return _shown((item, why.detail) for item, why in lost if why is not None and why.reason == reason)


def _doubtful(folder: StageFolder | None, count: StageCount) -> list[str]:
    """Items with an answer of which nobody could tell whether it is right, and that answer."""
    if folder is None:
        return []
    items = (item for part in range(count.parts) for item in folder.read(part))
    return _shown((item, said) for item in items if (said := _unsure_answer(count.name, item)))


def _unsure_answer(stage: str, item: Item) -> str:
    """What was answered in an unsure try and what was expected; empty where that was not kept."""
    if stage in _MEASURED:
        rate: PassRate | None = getattr(item, _MEASURED[stage])
        doubted = rate is not None and rate.unsure > 0 and rate.right + rate.unsure == rate.asked
        return rate.missed if rate is not None and doubted else ""
    tried = (trial for trial in item.trials if trial.ref.store.startswith(f"{stage}-"))
    return next((trial.missed for trial in tried if "unsure_answer" in trial.failed_checks), "")


def _shown(found: Iterable[tuple[Item, str]]) -> list[str]:
    """The first few, a line each."""
    return [
        f"{item.id}: '{tidy(item.task.question, _QUESTION)}' {tidy(detail, _DETAIL)}"
        for item, detail in islice(found, LEAST)
    ]
