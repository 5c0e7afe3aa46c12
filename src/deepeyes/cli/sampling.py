"""The options that say how a model draws its tokens, the same for every verb that asks."""

from __future__ import annotations

from typing import Annotated

import typer
from pydantic import ValidationError

from deepeyes.core.errors import InputError
from deepeyes.core.sampling import Sampling

Temperature = Annotated[float, typer.Option(help="0 takes the likeliest token.")]
TopP = Annotated[float, typer.Option(help="The likeliest tokens that together have this probability.")]
TopK = Annotated[int, typer.Option(help="So many of the likeliest tokens; 0 takes all.")]
MinP = Annotated[float, typer.Option(help="Tokens at least this share as likely as the likeliest.")]
RepetitionPenalty = Annotated[
    float, typer.Option(help="Above 1, tokens that were there before get less likely.")
]
Stop = Annotated[list[str], typer.Option(metavar="TEXT", help="A reply also ends after this. Repeatable.")]


def sampling_of(
    temperature: float,
    top_p: float,
    top_k: int,
    min_p: float,
    repetition_penalty: float,
    stop: list[str],
    seed: int,
) -> Sampling:
    """The settings that the options give; raises `InputError` for one that cannot be."""
    try:
        return Sampling(
            temperature=temperature,
            top_p=top_p,
            top_k=top_k,
            min_p=min_p,
            repetition_penalty=repetition_penalty,
            stop=tuple(stop),
            seed=seed,
        )
    except ValidationError as error:
        first = error.errors()[0]
        option = str(first["loc"][0]).replace("_", "-")
        remedy = first["msg"].lower().removeprefix("value error, ")
        raise InputError(f"--{option} cannot be {first['input']!r}", remedy) from error
