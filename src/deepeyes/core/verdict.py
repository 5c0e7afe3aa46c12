"""What a grader says of an answer: right, wrong or unsure, who decided, and what was compared.

What always holds: unsure is never a zero. A verdict without a score means that nobody could tell, and whoever
counts verdicts counts it apart.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, computed_field

from deepeyes.core.text import Text

Decider = Literal["rule", "maths", "judge", "person"]
"""Who decided: a comparison of notations, computer algebra, a model, or a human being."""


class Outcome(StrEnum):
    """The three ways a verdict can go."""

    right = "right"
    wrong = "wrong"
    unsure = "unsure"


class Verdict(BaseModel):
    """A score from 0 to 1, or None where nobody can tell, and one line why."""

    model_config = ConfigDict(frozen=True)

    score: float | None = Field(ge=0, le=1)
    """From 1/2 upwards the answer is right. Between 0 and 1 only where a benchmark gives partial credit."""
    reason: Text = ""
    by: Decider = "rule"
    kind: str = ""
    """As what the answer was compared: "letter", "number", ... (see `AnswerKind`)."""
    given: Text = ""
    """The answer in the form that was compared."""
    expected: Text = ""
    """The reference in the form that was compared."""
    abstained: bool = False
    """Whether the answer is that one cannot tell: right where that is the reference, else wrong, but never a
    wrong claim.
    """

    @computed_field
    @property
    def outcome(self) -> Outcome:
        if self.score is None:
            return Outcome.unsure
        return Outcome.right if self.score >= 0.5 else Outcome.wrong

    @property
    def is_right(self) -> bool:
        return self.outcome is Outcome.right

    @property
    def is_wrong(self) -> bool:
        return self.outcome is Outcome.wrong

    @property
    def is_unsure(self) -> bool:
        return self.score is None
