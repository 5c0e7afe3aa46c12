"""What all processes of a run played, put together for whoever tells of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from accelerate.utils import gather_object

from deepeyes.core.trace import Trace
from deepeyes.train.rl.rollouts import Group, Played


def together(played: Played) -> Played:
    """What all processes played, without the tokens."""
    mine = [(_without_tokens(group), id(group) in set(map(id, played.chosen))) for group in played.groups]
    groups: list[tuple[Group, bool]] = gather_object(mine)
    dropped: list[Counter[str]] = gather_object([played.dropped])
    seconds: list[float] = gather_object([played.seconds])
    return Played(
        [group for group, _ in groups],
        [group for group, chosen in groups if chosen],
        sum(dropped, Counter[str]()),
        max(seconds),
    )


def _without_tokens(group: Group) -> Group:
    return replace(group, traces=[light(trace) for trace in group.traces])


def light(trace: Trace) -> Trace:
    """Without what is recorded for each token."""
    nothing = {"prompt_ids": None, "token_ids": None, "logprobs": None, "loss_mask": None}
    return trace.model_copy(update={"turns": tuple(turn.model_copy(update=nothing) for turn in trace.turns)})
