"""Which episodes are lived again, and with what in the place of what a tool had brought back.

Three changes: `kept` is the control, nothing is changed; `replaced` puts in what the same tool brought back
for another question with another answer; `blanked` makes the tool's images grey, of the same size. All
results of the tool up to its last call are changed, so that the fact cannot be read from another one of them,
and from there on the model goes on by itself. What always holds: only right answers are tried, since what is
asked is whether they stay right; the other question's answer is not right here, and its results neither hold
this answer in words nor the best hit of these.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from PIL import Image

from deepeyes.analysis.faithfulness import EVERY_TOOL, META, holds_fact, outputs_of, tools_of
from deepeyes.core.images import ImageStore
from deepeyes.core.results import Observation, ToolResult
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace, Turn
from deepeyes.eval.replay import as_result
from deepeyes.grading.rules import grade

Change = Literal["kept", "replaced", "blanked"]
_GREY = (127, 127, 127)


@dataclass(frozen=True)
class Counterfactual:
    """One episode to live again."""

    trace: Trace
    change: Change
    tool: str
    """Whose results are changed, or `EVERY_TOOL`."""
    other: Trace | None = None
    """Whose results are put in, where they are replaced."""

    @property
    def task(self) -> Task:
        """The question, under a name of its own, knowing what it is the variation of."""
        before = self.trace.task
        about: dict[str, object] = {"of": self.trace.id, "tool": self.tool, "change": self.change}
        if self.other is not None:
            task = self.other.task
            about |= {"other": self.other.id, "other_answers": [task.answer, *task.answers]}
        return before.model_copy(
            update={
                "id": f"{self.trace.id}/{self.tool}/{self.change}",
                "group": before.group or before.id,
                "meta": {**before.meta, META: about},
            }
        )

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The replies up to the tool's last call: what came after it is the model's to say again."""
        seen = [turn.observation.tool if turn.observation else "" for turn in self.trace.turns]
        called = [place for place, tool in enumerate(seen) if tool and self.tool in (tool, EVERY_TOOL)]
        return self.trace.turns[: called[-1] + 1]

    @property
    def called_later(self) -> set[str]:
        """The tools that the episode called after that."""
        later = self.trace.turns[len(self.turns) :]
        return {turn.observation.tool for turn in later if turn.observation and turn.observation.tool}

    @property
    def live(self) -> set[str]:
        """The tools that work after that: all others than the changed ones, whose results would tell now what
        was taken away.
        """
        return set() if self.tool == EVERY_TOOL else set(self.trace.tools) - {self.tool}

    def results(self, images: ImageStore) -> list[ToolResult]:
        """What the tools bring back now, in the order of the calls. Raises `InputError` for an image that is
        not in `images`.
        """
        outputs = [turn.observation for turn in self.turns if turn.observation and turn.observation.tool]
        left = Counter(seen.tool for seen in outputs)
        found: list[ToolResult] = []
        for seen in outputs:
            left[seen.tool] -= 1  # counted from the last one
            found.append(self._changed(seen, left[seen.tool], images))
        return found

    def _changed(self, seen: Observation, place: int, images: ImageStore) -> ToolResult:
        result = as_result(seen, images)
        if self.tool not in (seen.tool, EVERY_TOOL) or not says_something(seen):
            return result
        if self.change == "blanked":
            return replace(result, images=tuple(map(_blank, result.images)))
        if self.other is None:
            return result
        theirs = [one for one in outputs_of(self.other, seen.tool) if says_something(one)]
        return as_result(theirs[max(0, len(theirs) - 1 - place)], images)


def says_something(seen: Observation) -> bool:
    """Whether a result holds anything that an answer could be read from."""
    return bool(seen.text.strip() or seen.images)


def counterfactuals(traces: Sequence[Trace], most: int) -> Iterator[Counterfactual]:
    """All of at most `most` episodes, in their order: for every tool it called (and for all of them, if
    several) the control and the changes that there can be.
    """
    tried = [trace for trace in traces if can_be_tried(trace)]
    for trace in tried[:most]:
        for tool in scopes_of(trace):
            yield Counterfactual(trace, "kept", tool)
            other = other_for(trace, tools_of(trace) if tool == EVERY_TOOL else [tool], tried)
            if other is not None:
                yield Counterfactual(trace, "replaced", tool, other)
            if any(_own_images(seen) for seen in outputs_of(trace, tool)):
                yield Counterfactual(trace, "blanked", tool)


def scopes_of(trace: Trace) -> list[str]:
    """Whose results are changed, one after the other: each tool's, and all of them if there are several."""
    tools = tools_of(trace)
    return [*tools, EVERY_TOOL] if len(tools) > 1 else tools


def can_be_tried(trace: Trace) -> bool:
    """Whether the episode ended with a right answer after a tool brought back something."""
    return trace.is_right and trace.answer is not None and any(map(says_something, outputs_of(trace)))


def other_for(trace: Trace, tools: Sequence[str], traces: Iterable[Trace]) -> Trace | None:
    """An episode that called all these tools for a question with another answer: one of the same kind if
    there is one, always the same for the same traces. None where there is none.
    """
    fitting = [
        other
        for other in traces
        if other.task.id != trace.task.id
        and not (trace.task.group and other.task.group == trace.task.group)
        and all(any(map(says_something, outputs_of(other, tool))) for tool in tools)
    ]
    start = zlib.crc32(trace.id.encode()) % max(1, len(fitting))
    turned = [*fitting[start:], *fitting[:start]]
    turned.sort(key=lambda other: _unlike(trace.task, other.task))
    return next((other for other in turned if _answers_otherwise(trace, other, tools)), None)


def _unlike(task: Task, other: Task) -> int:
    return 2 * (task.family != other.family) + (task.kind != other.kind)


def _answers_otherwise(trace: Trace, other: Trace, tools: Sequence[str]) -> bool:
    if not other.task.answer or _may_mean_the_same(trace.task, other.task):
        return False
    best = {seen.hits[0].url for tool in tools for seen in outputs_of(trace, tool) if seen.hits}
    outputs = [seen for tool in tools for seen in outputs_of(other, tool)]
    found = {hit.url for seen in outputs for hit in seen.hits or ()}
    return best.isdisjoint(found) and not any(holds_fact(seen.text, trace.task) for seen in outputs)


def _may_mean_the_same(task: Task, other: Task) -> bool:
    """Whether the other's answer is right here, or one of the two holds the other in words."""
    held = holds_fact(other.answer, task) or holds_fact(task.answer, other)
    return held or grade(task, other.answer).is_right


def _own_images(seen: Observation) -> bool:
    of_hits = {hit.image for hit in seen.hits or ()}
    return any(part.name not in of_hits for part in seen.images)


def _blank(image: Image.Image) -> Image.Image:
    return Image.new("RGB", image.size, _GREY)
