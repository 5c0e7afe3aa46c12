"""What is asked of whom: the base of every benchmark's plan.

A benchmark is a subclass in a file of its own that says which tasks there are, and a line in `registry`. What
always holds: a plan is written beside its results; `n` may grow between two starts of a run, nothing else may
change.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from deepeyes.agent.agent import Agent
from deepeyes.core.config import Config
from deepeyes.core.images import ImageStore
from deepeyes.core.limits import Limits
from deepeyes.core.sampling import Sampling, with_sampling
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace
from deepeyes.grading.grader import Grading
from deepeyes.harness.setup import Tell, open_agent
from deepeyes.models.base import ChatModel


class EvalPlan(Config, ABC):
    """The agent and the size of the run; subclasses add what is asked."""

    benchmark: str = ""
    """Its name in `registry`; each benchmark says its own."""
    n: int = Field(default=500, ge=1)
    """How many tasks at most."""
    samples: int = Field(default=1, ge=1)
    """Episodes a task; more than one needs a temperature above 0."""
    seed: int = 0
    """Of the tasks, where a benchmark draws them, and of the sampling unless that has its own."""
    model: str = "nano"
    """As in `deepeyes ask --model`."""
    tools: bool = True
    dialect: str = ""
    """Empty for the model's own."""
    search: tuple[str, ...] = ()
    """What the model may search, as in `deepeyes ask --search`."""
    limits: Limits = Limits()
    sampling: Sampling = Sampling()
    grading: Grading = Grading()
    """Who says what is right."""

    @model_validator(mode="before")
    @classmethod
    def _one_seed(cls, values: Any) -> Any:
        """Plans written before `sampling` had `temperature` beside `seed`, which was the seed of both."""
        return with_sampling(values, "temperature", shared=("seed",))

    @field_validator("search", mode="before")
    @classmethod
    def _one_search(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    def checked(self) -> Self:
        """Itself; raises `InputError` for what cannot be asked."""
        return self

    @abstractmethod
    def tasks(self, images: ImageStore) -> Iterator[Task]:
        """At most `n` tasks, always the same for the same plan; their images go to `images`."""

    def numbers(self, traces: Sequence[Trace]) -> dict[str, Any]:
        """What the benchmark itself tells of graded episodes beside their accuracy, flat: its official score,
        the chance level. An estimate `x` comes with `x_n` and `x_ci95`. Only traces are needed, no data.
        """
        return {}

    def open(self, tell: Tell, model: ChatModel | None = None) -> AbstractAsyncContextManager[Agent]:
        """The agent that is asked; `model` is what its name stands for, where that is open already."""
        return open_agent(
            self.model if model is None else model,
            tools=self.tools,
            dialect=self.dialect,
            search=self.search,
            limits=self.limits,
            sampling=self.sampling,
            tell=tell,
        )
