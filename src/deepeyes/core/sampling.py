"""How a model draws its tokens.

What always holds: a `Sampling` is frozen and is kept in the trace of every episode; what a model cannot do is
refused, never ignored (a server without a temperature or a seed is asked without, which the trace tells). The
steps come in this order, as in Transformers: repetition penalty, temperature, `top_k`, `top_p`, `min_p`; what
is left is normalised again and drawn from. Models that report log-probabilities report them under that
distribution; at temperature 0, where the likeliest token is taken, under that of temperature 1 without
`top_k`, `top_p` and `min_p`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, Field, field_validator

from deepeyes.core.text import Text

_COOLEST = 1e-6
"""The lowest temperature above 0: logits divided by much less would leave what 32 bits hold."""


class Sampling(BaseModel):
    """The settings of one episode's replies; the defaults take the likeliest token."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    temperature: float = Field(default=0.0, ge=0, le=1e6)
    """0 takes the likeliest token."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    """The likeliest tokens that together have at least this probability; 1 takes all."""
    top_k: int = Field(default=0, ge=0)
    """So many of the likeliest tokens; 0 takes all."""
    min_p: float = Field(default=0.0, ge=0, le=1)
    """Tokens of at least this share of the likeliest one's probability; 0 takes all."""
    repetition_penalty: float = Field(default=1.0, ge=1e-3, le=1e3)
    """Divides positive and multiplies negative logits of tokens that the conversation holds (arXiv
    1909.05858); 1 changes nothing.
    """
    seed: int = 0
    stop: tuple[Text, ...] = ()
    """Strings after which a reply ends, beside those of the dialect. They belong to the reply; one that
    begins before the reply ends nothing.
    """

    @field_validator("temperature")
    @classmethod
    def _finite(cls, temperature: float) -> float:
        if 0 < temperature < _COOLEST:
            raise ValueError(f"the temperature should be 0, or at least {_COOLEST}")
        return temperature

    @field_validator("stop")
    @classmethod
    def _said(cls, stop: tuple[str, ...]) -> tuple[str, ...]:
        if "" in stop:
            raise ValueError("a stop string should not be empty: every reply would end before it begins")
        return stop

    def stops(self, text: str) -> bool:
        """Whether a reply that begins with `text` has come to its end."""
        return any(stop in text for stop in self.stop)

    def seeded(self, seed: int) -> Sampling:
        """The same with another seed."""
        return self.model_copy(update={"seed": seed})

    def stopping(self, stop: Sequence[str]) -> Sampling:
        """The same, also ending replies after the strings `stop`."""
        return self.model_copy(update={"stop": tuple(dict.fromkeys((*stop, *self.stop)))})


def with_sampling(values: Any, *keys: str, shared: Sequence[str] = (), default: Sampling = Sampling()) -> Any:
    """The `values` of a table whose key `sampling` is one of these settings, before they are validated.

    Settings that `sampling` does not name are those of `default`. What stood beside `sampling` in files
    written before there was a table of them is used where it does not name them: `keys` (temperature, seed)
    move into it, `shared` ones are settings of the table too and stay.
    """
    if not isinstance(values, dict):
        return values
    fields = dict(cast("dict[str, Any]", values))
    known: Any = fields.get("sampling", {})
    if isinstance(known, Sampling):
        known = known.model_dump(exclude_unset=True)
    if isinstance(known, dict):
        old = {key: fields[key] for key in (*keys, *shared) if key in fields}
        fields = {key: value for key, value in fields.items() if key not in keys}
        fields["sampling"] = {**default.model_dump(), **old, **cast("dict[str, Any]", known)}
    return fields
