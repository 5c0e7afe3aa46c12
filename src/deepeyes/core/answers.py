"""Which form the answer of a task has: what a grader needs to know beside the reference itself.

A task declares as much of it as its maker knows; what is not declared is inferred from the reference answer
(`deepeyes.grading`). What always holds: a form is frozen data and says nothing about what is right.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from deepeyes.core.text import Text


class AnswerKind(StrEnum):
    """As what two answers are compared."""

    letter = "letter"
    """One or several of the lettered options."""
    number = "number"
    """A number, with its unit if it has one."""
    maths = "maths"
    """A mathematical expression: a fraction, a root, a set, an interval, a matrix, an equation."""
    date = "date"
    """A day, a month, a year, or a time of day."""
    yes_no = "yes_no"
    list = "list"
    """Several things."""
    text = "text"
    """Words: a name, a colour, a string that was read."""
    box = "box"
    """Four numbers: left, top, right, bottom."""


class AnswerForm(BaseModel):
    """How the answer to a question is written and compared."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: AnswerKind | None = None
    """None: inferred from the reference."""
    options: tuple[Text, ...] = ()
    """The texts of the lettered options, that of A first; a letter stands for its text and the other way
    round.
    """
    several: bool = False
    """Whether more than one option may be right, and then all of them are asked for."""
    closed: bool = False
    """Whether the reference and its alternatives are all that is right, so that a rule may call other words
    wrong. Free factual text is not closed: a paraphrase may be right.
    """
    tolerance: float = Field(default=0.0, ge=0)
    """How far a number may be off, as a share of the reference."""
    precision: int | None = Field(default=None, ge=0)
    """Decimal places that count; None for all."""
    unit: Text = ""
    """The unit the question asks for; a bare number is taken to be in it."""
    decimal_comma: bool = False
    """Whether "1,5" is one and a half and "1.500" fifteen hundred."""
    ordered: bool = False
    """Whether the order of a list counts."""
    overlap: float = Field(default=0.5, gt=0, le=1)
    """Least intersection over union at which two boxes are the same."""
