"""Teachers that know the solution beforehand: the embedded world's own, and written reasoning.

Both speak through the same agent loop as any model, so their code really runs and their traces look like any
other. What always holds: a task that no such teacher knows is `Unusable`, never guessed at; whether the
searches told what the world's teacher says can be seen from the trace alone.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from deepeyes.core.images import VisionSpec
from deepeyes.core.results import Observation
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace
from deepeyes.data.item import Item, Unusable
from deepeyes.data.stages.teach.quality import Checks
from deepeyes.dialects.neutralise import neutralise
from deepeyes.models.scripted import ScriptedModel
from deepeyes.world.families import FAMILIES, Example, make_example, searched
from deepeyes.world.plan import Ask, Find
from deepeyes.world.strings import SPLITS
from deepeyes.world.teacher import Reply, solve


def replies_for(example: Example, vision: VisionSpec) -> list[Reply]:
    """What the world's teacher says to a model that sees with `vision`."""

    def cells(width: int, height: int) -> tuple[int, int]:
        across, down = vision.view_size(width, height)
        return across // vision.factor, down // vision.factor

    return solve(random.Random(f"teacher/{example.id}"), example, cells)


@dataclass(frozen=True)
class Solution:
    """What solves one task: a model that says it, and which of its turns are not to be imitated."""

    model: ScriptedModel
    masked_turns: tuple[int, ...] = ()


def world_solution(task: Task, name: str, dialect: str, vision: VisionSpec) -> Solution:
    """The world's teacher on one of the world's tasks. Raises `Unusable` for any other task."""
    family, split, seed, index = _world_place(task)
    replies = replies_for(make_example(family, split, seed, index), vision)
    masked = tuple(turn for turn, reply in enumerate(replies) if reply.masked)
    model = ScriptedModel(
        [reply.text for reply in replies], name=name, prompt=_prompt(dialect), vision=vision
    )
    return Solution(model, masked)


def written_solution(item: Item, dialect: str, vision: VisionSpec) -> Solution:
    """One reply: the row's reasoning as the thought, then its answer. Tags in either are made inert."""
    thought, answer = neutralise(item.reasoning.strip()), neutralise(item.task.answer)
    text = f"<think>{thought}</think>\n<answer>{answer}</answer>"
    return Solution(ScriptedModel([text], name="written", prompt=_prompt(dialect), vision=vision))


def is_unsupported(trace: Trace) -> bool:
    """Whether the trace is the world's teacher's, word for word, and its searches told less than it says."""
    try:
        family, split, seed, index = _world_place(trace.task)
    except Unusable:
        return False
    if not searched(family):
        return False
    example = make_example(family, split, seed, index)
    words = [reply.text for reply in replies_for(example, trace.vision)]
    return words == [turn.text for turn in trace.turns] and not is_supported(example, trace)


WORLD_CHECKS: Checks = {"unsupported": is_unsupported}
"""What only those can check who know the world: of no other trace does it say anything."""


def is_supported(example: Example, trace: Trace) -> bool:
    """Whether the searches told what the teacher says they did: the thing's name in the title of the most
    alike image, the facts in the pages found, and neither where a search is said to miss. A model cannot
    learn to say what nothing told it.
    """
    seen = [turn.observation for turn in trace.tool_turns if turn.observation]
    for step in example.steps:
        if isinstance(step, Find):
            found = _made(seen, "image_search", step.image, bool(step.misses))
            told = step.shows in _best(found)
        elif isinstance(step, Ask):
            found = _made(seen, "search", step.query, bool(step.misses))
            pages, shown = _pages(found).replace(",", ""), step.shows.replace(",", "")
            told = shown in pages or all(part in pages for part in shown.split(" and "))
        else:
            continue
        if told == bool(step.misses):
            return False
    return True


def _made(seen: Sequence[Observation], tool: str, asked: str, only: bool) -> Observation | None:
    """The search for `asked`; or else, unless it must be that `only`, the last one with this tool (traces
    written before searches were kept do not say what was searched for).
    """
    its = [one for one in seen if one.tool == tool]
    same = [one for one in its if asked in (one.query, one.searched_image)]
    return same[-1] if same else its[-1] if its and not only else None


def _best(seen: Observation | None) -> str:
    """The title of the first hit (its line, in traces written before hits were kept)."""
    if seen is None:
        return ""
    if seen.hits is not None:
        return seen.hits[0].title if seen.hits else ""
    return next((line for line in seen.stdout.splitlines() if line.startswith("1. ")), "")


def _pages(seen: Observation | None) -> str:
    """Titles and snippets, which every dialect tells."""
    if seen is None:
        return ""
    if seen.hits is not None:
        return "\n".join(f"{hit.title}\n{hit.snippet}" for hit in seen.hits)
    return seen.stdout


def _world_place(task: Task) -> tuple[str, str, int, int]:
    name = task.id.rpartition("/")[2]
    family, *place = name.rsplit("-", 3)
    known = family in FAMILIES and len(place) == 3 and place[0] in SPLITS
    if not known or not all(number.isdecimal() for number in place[1:]):
        raise Unusable("no_trace", "the world's teacher knows only the world's tasks")
    return family, place[0], int(place[1]), int(place[2])


def _prompt(dialect: str) -> str:
    return dialect.partition("/")[2] or "full"
