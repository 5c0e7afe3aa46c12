"""Every benchmark of `eval.registry` as a task of Inspect's: `deepeyes/world`, `deepeyes/vstar` ...

What always holds: the questions, their order and their ids are those of `deepeyes eval run`; `-T` takes the
settings of the benchmark's plan, and what is a matter of the model or of the agent is refused there. Inspect
draws a whole data set before it looks at `--limit`: `-T n=8` draws no more than that.
"""

# pyright: reportMissingImports=false
# Inspect has an environment of its own (docs/inspect.md); checked in it, this line changes nothing.
from __future__ import annotations

from tempfile import TemporaryDirectory
from typing import Any

from inspect_ai import Task as InspectTask
from inspect_ai import task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessageUser, ContentImage, ContentText
from inspect_ai.solver import generate

from deepeyes.core.images import ImageStore
from deepeyes.core.task import Task
from deepeyes.eval.inspect.scores import verdict
from deepeyes.eval.inspect.settings import ASKED, plan_of
from deepeyes.eval.inspect.told import TASK
from deepeyes.eval.plan import EvalPlan
from deepeyes.eval.registry import BENCHMARKS


@task
def benchmark(name: str, **settings: Any) -> InspectTask:
    """A benchmark by name.

    Args:
        name: As `deepeyes eval list` has it.
        settings: Of its plan, such as `n` and `source`.
    """
    return task_of(plan_of(name, settings))


def task_of(plan: EvalPlan) -> InspectTask:
    """What the plan asks, to be answered by a model (`generate`) unless Inspect is given another solver."""
    plan = plan.checked()
    return InspectTask(
        dataset=PlanDataset(plan),
        solver=generate(),
        scorer=verdict(grading=plan.grading.model_dump(mode="json")),
        metadata={"plan": plan.model_dump(mode="json", exclude=set(ASKED))},
    )


class PlanDataset(MemoryDataset):
    """The questions of a plan. Their images are files, kept as long as this is, so that they are read when
    their turn comes.
    """

    def __init__(self, plan: EvalPlan) -> None:
        self._folder = TemporaryDirectory(prefix="deepeyes-inspect-")
        images = ImageStore(self._folder.name)
        super().__init__([sample_of(one, images) for one in plan.tasks(images)], name=plan.benchmark)


def sample_of(one: Task, images: ImageStore) -> Sample:
    """A task of ours as a sample, with all of it in the metadata."""
    paths = [str(images.path(ref)) for ref in one.images]
    content = [*(ContentImage(image=path) for path in paths), ContentText(text=one.question)]
    return Sample(
        id=one.id,
        input=[ChatMessageUser(content=content)],
        target=[one.answer, *one.answers],
        metadata={TASK: one.model_dump(mode="json"), "family": one.family, "tags": list(one.tags)},
    )


def _registered(name: str) -> Any:
    def made(**settings: Any) -> InspectTask:
        return task_of(plan_of(name, settings))

    made.__doc__ = f"The benchmark {name}; `-T` takes the settings of its plan."
    return task(name=name)(made)


TASKS = {name: _registered(name) for name in BENCHMARKS}
"""By name; making it registers them."""
