"""Our verdicts as a scorer of Inspect's, and our numbers as its metrics.

What always holds: rules decide first; where they are unsure the judges of the task are asked, and Inspect's
model of the role `grader` where there is one; without any, the value is NOANSWER, which our metrics count
apart. A sample to which nothing was replied, and a judge that fails, raise: the sample is an error, no zero.
"""

# pyright: reportMissingImports=false
# Inspect has an environment of its own (docs/inspect.md); checked in it, this line changes nothing.
from __future__ import annotations

from typing import Any

from inspect_ai.model import model_roles
from inspect_ai.scorer import Metric, SampleScore, Score, Scorer, Target, metric, scorer
from inspect_ai.solver import TaskState

from deepeyes.core.errors import InfrastructureError
from deepeyes.core.images import ImageStore
from deepeyes.core.task import Task
from deepeyes.eval.inspect.adapter import InspectModel
from deepeyes.eval.inspect.messages import images_in
from deepeyes.eval.inspect.told import ANSWER, TASK, VERDICT, labelled, overall, traces_of, value_of
from deepeyes.grading.grader import Grading, open_grader
from deepeyes.models.base import ChatModel

ROLE = "grader"


@metric(name="accuracy", scores="unreduced")
def accuracy() -> Metric:
    """The share that is right: `accuracy` between `accuracy_low` and `accuracy_high` (95 %, clustered), of
    `accuracy_n` samples; `unsure` of which nobody could tell.
    """

    def measure(scores: list[SampleScore]) -> dict[str, Any]:
        return dict(overall(traces_of(_metadata(scores))))

    return measure


@metric(name="by_label", scores="unreduced")
def by_label() -> Metric:
    """The same for every tag, and every family where there are several."""

    def measure(scores: list[SampleScore]) -> dict[str, Any]:
        return dict(labelled(traces_of(_metadata(scores))))

    return measure


@scorer(metrics=[accuracy(), by_label()], name="verdict")
def verdict(grading: dict[str, Any] | None = None) -> Scorer:
    """Right, wrong or unsure, for the samples of our tasks.

    Args:
        grading: Who decides, as the section `[grading]` of a plan.
    """
    settings = Grading.model_validate(grading or {})

    async def score(state: TaskState, target: Target) -> Score:
        if state.output.empty:
            raise InfrastructureError(
                "there is no reply to grade", "run the sample again: inspect eval-retry LOG"
            )
        task = Task.model_validate(state.metadata[TASK])
        answer = state.output.completion.strip() or None
        judges = _judges()
        images = ImageStore()
        if judges or settings.judges:
            for message in state.input if isinstance(state.input, list) else ():
                for image in images_in(message):
                    images.put(image)
        decided = settings.model_copy(update={"judges": (*settings.judges, *judges)})
        async with open_grader(decided, opened=judges) as grade:
            said = await grade(task, answer, images)
        return Score(
            value=value_of(said),
            answer=answer,
            explanation=said.reason,
            metadata={ANSWER: answer, VERDICT: said.model_dump(mode="json")},
        )

    return score


def _judges() -> dict[str, ChatModel]:
    """Those that the evaluation names for the role, by name."""
    found = model_roles().get(ROLE, [])
    models = found if isinstance(found, list) else [found]
    return {f"inspect/{model}": InspectModel(model) for model in models}


def _metadata(scores: list[SampleScore]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return [(one.sample_metadata or {}, one.score.metadata or {}) for one in scores]
