"""How a model draws its tokens.

What always holds: a `Sampling` is frozen and is kept in the trace of every episode; what a model cannot do is
refused, never ignored. The steps come in this order, as in Transformers: repetition penalty, temperature,
`top_k`, `top_p`, `min_p`; what is left is drawn from after it is normalised again, and models that report
log-probabilities report them under that distribution (at temperature 0, where the likeliest token is taken,
under the one of temperature 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, Field

from deepeyes.core.text import Text


class Sampling(BaseModel):
    """The settings of one episode's replies; the defaults take the likeliest token."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    temperature: float = Field(default=0.0, ge=0)
    """0 takes the likeliest token."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    """The likeliest tokens that together have at least this probability; 1 takes all."""
    top_k: int = Field(default=0, ge=0)
    """So many of the likeliest tokens; 0 takes all."""
    min_p: float = Field(default=0.0, ge=0, le=1)
    """Tokens of at least this share of the likeliest one's probability; 0 takes all."""
    repetition_penalty: float = Field(default=1.0, gt=0)
    """Divides positive and multiplies negative logits of tokens that the conversation holds (arXiv
    1909.05858); 1 changes nothing.
    """
    seed: int = 0
    stop: tuple[Text, ...] = ()
    """Strings after which a reply ends, which belong to it, beside those of the dialect."""

    def seeded(self, seed: int) -> Sampling:
        """The same with another seed."""
        return self.model_copy(update={"seed": seed})

    def stopping(self, stop: Sequence[str]) -> Sampling:
        """The same, also ending replies after the strings `stop`."""
        return self.model_copy(update={"stop": tuple(dict.fromkeys((*stop, *self.stop)))})


def with_sampling(values: Any, *keys: str, default: Sampling = Sampling()) -> Any:
    """The `values` of a table whose key `sampling` is one of these settings, before they are validated.

    Settings that `sampling` does not name are those of `default`; `keys` (temperature, seed), which stood
    beside it in files written before there was a table of them, move into it.
    """
    if not isinstance(values, dict):
        return values
    fields = dict(cast("dict[str, Any]", values))
    known: Any = fields.get("sampling", {})
    if isinstance(known, Sampling):
        known = known.model_dump(exclude_unset=True)
    if isinstance(known, dict):
        old = {key: fields.pop(key) for key in keys if key in fields}
        fields["sampling"] = {**default.model_dump(), **old, **cast("dict[str, Any]", known)}
    return fields
