"""Who decides where the rules are unsure: the option, the same for every verb that grades, and what it opens.

The rules are loaded when they are needed: that takes a third of the time of a short question.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Annotated

import typer

from deepeyes.core.errors import InputError

if TYPE_CHECKING:
    from deepeyes.agent.keeping import Grade
    from deepeyes.grading.grader import Grading

Judge = Annotated[
    list[str],
    typer.Option(metavar="MODEL", help="Asked where the rules cannot tell whether it is right. Repeatable."),
]


def grading_of(judges: list[str], others: Grading | None = None) -> Grading:
    """`others` with these judges, if there are any. Raises `InputError` and, for a name that no model can
    have, `ModelError`.
    """
    from pydantic import ValidationError

    from deepeyes.grading.grader import Grading

    others = others or Grading()
    if not judges:
        return others
    try:
        grading = Grading.model_validate({**others.model_dump(), "judges": judges})
    except ValidationError as error:
        why = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise InputError(f"--judge {' --judge '.join(judges)} cannot be", why) from error
    grading.check_models()
    return grading


def open_grader(grading: Grading, *, tell: Callable[[str], None]) -> AbstractAsyncContextManager[Grade]:
    """See `deepeyes.grading.grader.open_grader`."""
    from deepeyes.grading.grader import open_grader as opening

    return opening(grading, tell=tell)
