"""From the rewards of groups to advantages: how much better an episode did than others at its task.

What always holds: an advantage depends on its own group alone (and, where it is scaled by the batch, on how
far the batch spreads); the advantages of a group add up to 0; a group whose rewards are all the same has
advantage 0 everywhere, and nothing is divided by nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from deepeyes.core.errors import InputError

Scale = Literal["group", "batch", "none"]
_EPSILON = 1e-4
"""Added to the spread, as TRL does."""


def advantages(groups: Sequence[Sequence[float]], scale: Scale = "group") -> list[list[float]]:
    """The rewards of each group, centred by their mean and divided by a standard deviation.

    `scale`: of the group (GRPO), of all rewards of the batch, or not divided (Dr. GRPO). Raises `InputError`
    for a reward that is no finite number.
    """
    if not all(math.isfinite(reward) for group in groups for reward in group):
        raise InputError("a reward is not a finite number", "check the verdicts' scores and [reward]")
    everything = [reward for group in groups for reward in group]
    whole = deviation(everything)
    centred = [[reward - sum(group) / len(group) for reward in group] for group in groups]
    if scale == "none":
        return centred
    spreads = [deviation(group) if scale == "group" else whole for group in groups]
    return [
        [value / (spread + _EPSILON) for value in group]
        for group, spread in zip(centred, spreads, strict=True)
    ]


def deviation(values: Sequence[float]) -> float:
    """The standard deviation of a sample (n - 1), 0 of fewer than two values."""
    if len(values) < 2:
        return 0.0
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))


def is_mixed(rewards: Sequence[float]) -> bool:
    """Whether a group can teach: its rewards are not all the same."""
    return bool(rewards) and max(rewards) - min(rewards) > 1e-9
