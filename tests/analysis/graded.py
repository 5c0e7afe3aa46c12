"""Graded episodes that are made up, for tests of numbers."""

from typing import Any

from deepeyes.core.limits import StopReason
from deepeyes.core.results import Observation
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace, Turn, Usage, trace_id
from deepeyes.core.verdict import Verdict


def graded(
    name: str,
    score: float | None = 1.0,
    *,
    sample: int = 0,
    stop: StopReason = StopReason.answered,
    by: Any = "rule",
    calls: int = 0,
    tokens: int = 10,
    seconds: float = 1.0,
    verdict: bool = True,
    **task: Any,
) -> Trace:
    """An episode of the task `name`; a score of None is unsure."""
    its = Task(id=name, question=task.pop("question", f"What is {name}?"), answer="7", **task)
    return Trace(
        id=trace_id(name, sample),
        task=its,
        sample=sample,
        stop_reason=stop,
        answer="7" if stop is StopReason.answered else None,
        verdict=Verdict(score=score, by=by) if verdict else None,
        turns=(Turn(observation=Observation(tool="python")),) * calls,
        usage=Usage(prompt_tokens=100, completion_tokens=tokens),
        seconds=seconds,
    )
