"""The option that names who decides where the rules are unsure, the same for every verb that grades."""

from __future__ import annotations

from typing import Annotated

import typer
from pydantic import ValidationError

from deepeyes.core.errors import InputError
from deepeyes.grading.grader import Grading

Judge = Annotated[
    list[str],
    typer.Option(metavar="MODEL", help="Asked where the rules cannot tell whether it is right. Repeatable."),
]


def grading_of(judges: list[str], others: Grading = Grading()) -> Grading:
    """`others` with these judges, if there are any. Raises `InputError` and, for a name that no model can
    have, `ModelError`.
    """
    if not judges:
        return others
    try:
        grading = Grading.model_validate({**others.model_dump(), "judges": judges})
    except ValidationError as error:
        why = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise InputError(f"--judge {' --judge '.join(judges)} cannot be", why) from error
    grading.check_models()
    return grading
