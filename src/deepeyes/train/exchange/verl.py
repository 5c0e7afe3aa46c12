"""A record as verl 0.9.1's `AgentLoopOutput`: what an agent loop hands to verl's trainer.

What always holds: the names of the fields are verl's, and with verl installed the real class is made of them;
the mask is 1 where the model chose the token and 0 for everything that it was shown; the images are those of
the whole episode, in the order of their tokens, because verl cuts them into patches anew and finds their
places by order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib.util import find_spec
from typing import Any

from deepeyes.core.errors import InputError
from deepeyes.train.exchange.trl import View
from deepeyes.train.tokens import Record


@dataclass(frozen=True)
class LoopOutput:
    """One episode under verl's names."""

    prompt_ids: list[int]
    response_ids: list[int]
    """All that follows the first prompt, observations too."""
    response_mask: list[int]
    response_logprobs: list[float] | None
    multi_modal_data: dict[str, list[Any]]
    """`images`: in the order of their tokens, at the size that the model saw; empty without any."""
    mm_processor_kwargs: dict[str, Any] = field(default_factory=dict[str, Any])
    reward_score: float | None = None
    """None leaves the reward to verl's reward function."""
    num_turns: int = 0
    """Messages of both sides, as verl counts."""
    metrics: dict[str, float] = field(default_factory=dict[str, float])
    """Seconds: `generate_sequences`, `tool_calls`."""
    extra_fields: dict[str, Any] = field(default_factory=dict[str, Any])
    """Reaches the reward function in its `extra_info`."""


def loop_output(
    record: Record,
    image_token: int,
    view: View,
    *,
    most: int,
    reward: float | None = None,
    turns: int = 0,
    metrics: Mapping[str, float] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> LoopOutput:
    """The record for verl; `most`: tokens that a response may have there (`data.max_response_length`).

    Raises `InputError` for a longer one: verl would cut it, and images with it.
    """
    ids = record.ids(image_token)
    response = ids[record.prompt :]
    if len(response) > most:
        raise InputError(
            f"the episode {record.name} has {len(response)} tokens after its prompt, verl takes {most}",
            "raise data.max_response_length, or lower limits.tokens and limits.turns of the agent loop",
        )
    images = [view(image) for image in record.images]
    return LoopOutput(
        prompt_ids=ids[: record.prompt],
        response_ids=response,
        response_mask=list(record.chosen[record.prompt :]),
        response_logprobs=list(record.logprobs[record.prompt :]),
        multi_modal_data={"images": images} if images else {},
        reward_score=reward,
        num_turns=turns,
        metrics=dict(metrics or {}),
        extra_fields=dict(extra or {}),
    )


def for_verl(output: LoopOutput) -> Any:
    """The real `AgentLoopOutput` where verl is installed, the same fields as they are where it is not."""
    if find_spec("verl") is None:
        return output
    from verl.experimental.agent_loop.agent_loop import (  # pyright: ignore[reportMissingImports]
        AgentLoopMetrics,
        AgentLoopOutput,
    )

    values = {one.name: getattr(output, one.name) for one in fields(output)}
    return AgentLoopOutput(**{**values, "metrics": AgentLoopMetrics(**output.metrics)})
