"""The stream of tasks that a run asks: an endless, repeatable mixture of the world's families and files.

What always holds: which tasks a step asks follows from the recipe, the number of the step and what earlier
steps found, never from time; a world task is asked once; the state of a stream is a few numbers that a
checkpoint keeps.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deepeyes.core.errors import InputError
from deepeyes.core.images import ImageStore
from deepeyes.core.task import Task
from deepeyes.data.export.traces import PASSED, PROMPTS
from deepeyes.eval.own import QuestionsPlan
from deepeyes.train.rl.recipe import TasksConfig
from deepeyes.world.families import make_example
from deepeyes.world.tasks import to_task

_FLOOR = 0.05
"""A kind whose groups are never mixed is still asked, in case that changes."""
_MEMORY = 0.9
"""Of the running share of mixed groups: what a new group does not replace."""
_UNKNOWN = 0.5
"""The share of what was not asked yet."""
_LOOKS = 4
"""Most tasks of a source that are drawn for one that is asked: the others are of kinds that teach less."""
_EXPORTS = (Path("train", PROMPTS), Path("export", "traces", "train", PROMPTS))
"""Where the prompts are in the folder of `deepeyes data export --format traces`, and of the curation."""


def open_stream(plan: TasksConfig, images: ImageStore) -> TaskStream:
    """The stream of a recipe, the questions of its files read and their images put into `images`.

    A folder that was curated or exported stands for its prompts. Raises `InputError` for a file that cannot
    be asked, such as one with a question that has no answer: nothing could be rewarded.
    """
    asked = {name: QuestionsPlan(source=_prompts(name)).checked() for name in plan.files}
    return TaskStream(
        plan, {name: list(questions.tasks(images)) for name, questions in asked.items()}, images=images
    )


@dataclass
class TaskStream:
    """Draws from sources by their shares; `files` are the questions of each file, read beforehand."""

    plan: TasksConfig
    files: dict[str, Sequence[Task]] = field(default_factory=dict[str, Sequence[Task]])
    drawn: dict[str, int] = field(default_factory=dict[str, int])
    """Source to how many of its tasks were asked."""
    mixed: dict[str, float] = field(default_factory=dict[str, float])
    """Source, and source with kind ("chain: two tools"), to the running share of its groups that taught
    something; of files that say how often models solved each task, at first what these say.
    """
    images: ImageStore = field(default_factory=ImageStore)
    """Of the questions in files."""

    def __post_init__(self) -> None:
        empty = [name for name in self.plan.files if not self.files.get(name)]
        if empty:
            raise InputError(f"there is no question in {empty[0]}", "give a file of questions with answers")
        expected: dict[str, list[float]] = {}
        for source in self.plan.files:
            for task in self.files[source]:
                if (share := _expected(task)) is not None:
                    for name in {source, _kind(source, task)}:
                        expected.setdefault(name, []).append(share)
        self.mixed = {**{name: sum(some) / len(some) for name, some in expected.items()}, **self.mixed}

    def draw(self, step: int, count: int, images: ImageStore) -> list[Task]:
        """The next `count` tasks, their images in `images`."""
        shares = {**self.plan.world, **self.plan.files}
        weights = [share * self._pull(source) for source, share in shares.items()]
        rng = random.Random(f"rl/{self.plan.seed}/{step}/{sum(self.drawn.values())}")
        return [self._chosen(rng, source, images) for source in rng.choices([*shares], weights, k=count)]

    def each(self, count: int, images: ImageStore) -> list[Task]:
        """`count` tasks, of each source the same number."""
        sources = [*self.plan.world, *self.plan.files]
        return [self._next(sources[place % len(sources)], images) for place in range(count)]

    def learn(self, groups: Iterable[tuple[Task, bool]]) -> None:
        """Which tasks' groups were mixed."""
        for task, mixed in groups:
            source = self._source(task)
            for name in {source, _kind(source, task)}:
                before = self.mixed.get(name, _UNKNOWN)
                self.mixed[name] = _MEMORY * before + (1 - _MEMORY) * mixed

    def state(self) -> dict[str, dict[str, float]]:
        """What a checkpoint keeps."""
        return {"drawn": dict(self.drawn), "mixed": dict(self.mixed)}

    def restore(self, state: dict[str, dict[str, float]]) -> None:
        """Go on from what `state` returned."""
        self.drawn = {source: int(number) for source, number in state["drawn"].items()}
        self.mixed = dict(state["mixed"])

    def _pull(self, name: str) -> float:
        signal = self.mixed.get(name, _UNKNOWN) + _FLOOR
        return (1 - self.plan.by_signal) + self.plan.by_signal * signal

    def _chosen(self, rng: random.Random, source: str, images: ImageStore) -> Task:
        """A task of `source`, of a kind the sooner the more that kind teaches beside the others."""
        most = max((self._pull(name) for name in self.mixed if name.startswith(f"{source}: ")), default=0.0)
        task = self._next(source, images)
        for _ in range(_LOOKS - 1):
            if rng.random() * most < self._pull(_kind(source, task)):
                break
            task = self._next(source, images)
        return task

    def _next(self, source: str, images: ImageStore) -> Task:
        number = self.drawn.get(source, 0)
        self.drawn[source] = number + 1
        if source in self.plan.world:
            return to_task(make_example(source, self.plan.split, self.plan.seed, number), images)
        tasks = self.files[source]
        round_, place = divmod(number, len(tasks))
        order = list(range(len(tasks)))
        random.Random(f"rl/{self.plan.seed}/{source}/{round_}").shuffle(order)
        task = tasks[order[place]]
        again = {"id": f"{task.id}@{round_}"} if round_ else {}
        return task.model_copy(update={"meta": {**task.meta, "source": source}, **again})

    def _source(self, task: Task) -> str:
        return str(task.meta.get("source") or task.family)


def _kind(source: str, task: Task) -> str:
    return f"{source}: {task.kind}" if task.kind else source


def _prompts(name: str) -> str:
    """The file of prompts in a folder that was curated or exported; another path as it is."""
    inside = (Path(name) / place for place in _EXPORTS)
    return next((str(file) for file in inside if file.is_file()), name)


def _expected(task: Task) -> float | None:
    """How often a group of a task is mixed whose pass rate with tools is known: most where it is one half."""
    rate = task.meta.get(PASSED, {}).get("with_tools")
    if not rate or not rate["asked"]:
        return None
    share = rate["right"] / rate["asked"]
    return 4 * share * (1 - share)
