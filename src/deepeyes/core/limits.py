"""Budgets and endings: every loop has named limits, and every end has a name.

`Limits` is frozen; `override` is what `--limit key=value` calls. `StopReason` says why an episode ended:
the first group counts as the model's result (right or wrong), the second is left out of scores and run
again on resume.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from deepeyes.core.errors import ConfigError


class StopReason(StrEnum):
    """Why an episode ended."""

    answered = "answered"
    """The model gave an answer."""
    max_turns = "max_turns"
    """The last allowed turn was not an answer."""
    max_tokens = "max_tokens"
    """The episode's token budget is used up."""
    context_full = "context_full"
    """The conversation no longer fits the model's context."""
    timeout = "timeout"
    """The episode's wall clock ran out."""
    malformed = "malformed"
    """Too many replies without exactly one well-formed action."""
    refused = "refused"
    """The provider's content filter stopped the reply."""

    interrupted = "interrupted"
    """Ctrl-C or a cancelled run; the turns so far are kept."""
    infrastructure_error = "infrastructure_error"
    """Something of ours failed and kept failing; never scored."""
    error = "error"
    """The run was stopped by a mistake of its user, such as a wrong key; the turns so far are kept."""

    @property
    def is_result(self) -> bool:
        """True if the episode says something about the model and may be scored."""
        return self not in (StopReason.interrupted, StopReason.infrastructure_error, StopReason.error)


class Limits(BaseModel):
    """The budgets of one episode. Seconds are wall clock, characters are Unicode characters."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    turns: int = Field(default=9, ge=1)
    """Replies of the model, the answer included."""
    malformed: int = Field(default=2, ge=0)
    """Badly formed replies that are sent back with a reason before the episode ends."""
    tokens_per_turn: int = Field(default=2048, ge=1)
    tokens: int = Field(default=16_384, ge=1)
    """Tokens the model may write in the whole episode."""
    tool_images_per_turn: int = Field(default=10, ge=0)
    tool_images: int = Field(default=50, ge=0)
    stdout_chars: int = Field(default=8_000, ge=0)
    stderr_chars: int = Field(default=4_000, ge=0)
    tool_seconds: float = Field(default=60.0, gt=0)
    episode_seconds: float = Field(default=600.0, gt=0)
    question_chars: int = Field(default=20_000, ge=1)
    retries: int = Field(default=2, ge=0)
    """Further attempts when something of ours fails."""
    retry_seconds: float = Field(default=0.5, ge=0)
    """Wait before the first further attempt, give or take half; doubles each time, up to a minute."""

    def override(self, values: Mapping[str, Any]) -> Limits:
        """A copy with some limits replaced; values may be strings. Raises `ConfigError` naming the key."""
        known = type(self).model_fields
        for key in values:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"known limits are {', '.join(known)}"
                raise ConfigError(f"there is no limit {key!r}", hint)
        try:
            return type(self).model_validate({**self.model_dump(), **values})
        except ValidationError as error:
            first = error.errors()[0]
            key = str(first["loc"][0]) if first["loc"] else "?"
            raise ConfigError(
                f"limit {key}={values.get(key)!r} is not valid",
                f"{first['msg'].lower()}, e.g. {key}={known[key].default}",
            ) from error


def parse_limits(pairs: list[str], base: Limits | None = None) -> Limits:
    """`["turns=3", "tool_seconds=10"]`, as typed after `--limit`, over `base`."""
    values: dict[str, str] = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not sign or not key.strip() or not value.strip():
            raise ConfigError(f"limit {pair!r} is not key=value", "write for example --limit turns=3")
        values[key.strip()] = value.strip()
    return (base or Limits()).override(values)
