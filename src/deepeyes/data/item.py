"""What travels through curation: a task, what the stages found out about it, and why it was left out, if it
was.

What always holds: every row of every source becomes exactly one `Item`, also a row nobody can read; a stage
never drops an item but puts a `Rejection` on it, so that counts in and out always agree; an item is frozen
and is written as one line of JSON.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, model_validator

from deepeyes.core.errors import InputError
from deepeyes.core.task import Task
from deepeyes.core.text import Text
from deepeyes.data.old_names import LICENSE, MASKED, ROUTE, renamed

Route = Literal["question", "rl", "cold_start", "trace", "text"]
"""Where an item goes. `question`: not yet measured. `rl`: solved with tools, a prompt for reinforcement
learning. `cold_start`: needs a teacher's trace. `trace`: came with its trace. `text`: came with written
reasoning and no image.
"""
INFRASTRUCTURE_ERROR = "infrastructure_error"
"""The reason of items and episodes that failed because of us, which says nothing about them."""


class Unusable(InputError):
    """Why an item is left out: `reason` is a short name to count by, `detail` says more."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


class Rejection(BaseModel):
    """Which stage left the item out, and why."""

    model_config = ConfigDict(frozen=True)

    stage: str
    reason: str
    detail: Text = ""


class PassRate(BaseModel):
    """How often a model was right; `asked` counts only tries that say something about the model. A try that
    is neither right nor unsure was wrong.
    """

    model_config = ConfigDict(frozen=True)

    model: str
    right: int
    asked: int
    unsure: int = 0
    """Tries with an answer of which nobody could tell whether it is right. They are not among the right."""
    malformed: int = 0
    """Tries that ended because the model did not write as its dialect asks it to."""
    called: int = 0
    """Tries in which it called a tool."""
    missed: Text = ""
    """What was answered and expected in the first try that was not right."""


class TraceRef(BaseModel):
    """Which trace belongs to an item: episode `id` in part `part` of the episode store `store`."""

    model_config = ConfigDict(frozen=True)

    store: str
    part: int
    id: str

    @model_validator(mode="before")
    @classmethod
    def _read_old_names(cls, values: Any) -> Any:
        return renamed(values, {"shelf": "store"})


class Trial(BaseModel):
    """One attempt of a teacher. `failed_checks` speak against it, the gravest first; empty if it is sound."""

    model_config = ConfigDict(frozen=True)

    teacher: str
    ref: TraceRef
    failed_checks: tuple[str, ...] = ()
    missed: Text = ""
    """What was answered and expected, where the answer is not right."""
    masked_turns: tuple[int, ...] = ()
    """Turns that a learner sees but is not to imitate, such as looks that are off on purpose: their loss is
    masked.
    """

    @model_validator(mode="before")
    @classmethod
    def _read_old_names(cls, values: Any) -> Any:
        return renamed(values, {"faults": "failed_checks", **MASKED})


class Item(BaseModel):
    """One row on its way."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Task
    source: str
    row: int
    """Its number in the source, from 0."""
    route: Route = "question"
    license: str = ""
    options: tuple[Text, ...] = ()
    """Choices that came with the question; empty once it is open-ended."""
    reasoning: Text = ""
    """Written thought that leads to the answer, for the route `text`."""
    without_tools: PassRate | None = None
    with_tools: PassRate | None = None
    trials: tuple[Trial, ...] = ()
    trace: TraceRef | None = None
    """The trace to learn from."""
    masked_turns: tuple[int, ...] = ()
    """Its turns that are not to be imitated (see `Trial`)."""
    fingerprints: tuple[str, ...] = ()
    """Perceptual hashes of its images, in hexadecimal, in order."""
    split: str = ""
    rejection: Rejection | None = None

    @model_validator(mode="before")
    @classmethod
    def _read_old_names(cls, values: Any) -> Any:
        measured = {"unaided": "without_tools", "aided": "with_tools", "looks": "fingerprints"}
        return renamed(values, {**ROUTE, **LICENSE, **MASKED, **measured})

    @property
    def id(self) -> str:
        return self.task.id

    @property
    def kept(self) -> bool:
        return self.rejection is None

    def rejected(self, stage: str, reason: str, detail: str = "") -> Item:
        """The same item, left out by `stage`."""
        return self.model_copy(
            update={"rejection": Rejection(stage=stage, reason=reason, detail=detail[:500])}
        )

    def with_task(self, **fields: object) -> Item:
        """The same item with some fields of its task replaced."""
        return self.model_copy(update={"task": self.task.model_copy(update=fields)})
