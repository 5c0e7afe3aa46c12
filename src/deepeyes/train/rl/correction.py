"""Importance correction: what sampled is never quite what learns, and older weights less so.

The ratio of trainer to sampler says how much likelier a token is under the weights that an update starts from
than it was when it was drawn. What always holds: a correction carries no gradient, is 1 where the model chose
nothing, and never drops a whole batch for one token.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Correction = Literal["none", "truncate", "mask", "sequence_mask"]


def importance(
    trainer: Tensor, sampler: Tensor, mask: Tensor, how: Correction, *, low: float = 0.5, high: float = 2.0
) -> Tensor | None:
    """(b, t) what each token's loss is multiplied by, or None for 1 everywhere.

    `trainer`, `sampler`: (b, t) log-probabilities of the drawn tokens. `mask`: (b, t).
    `how`: cut the ratio off at `high` (truncated importance sampling, Yao et al. 2025, "Your Efficient RL
    Framework Secretly Brings You Off-Policy RL Training"); give tokens outside `low` to `high` no weight
    (IcePop); or whole sequences, by the geometric mean of their ratios.
    """
    if how == "none":
        return None
    difference = torch.where(mask > 0, trainer.detach() - sampler, 0.0)
    if how == "sequence_mask":
        mean = difference.sum(-1) / mask.sum(-1).clamp(min=1)
        within = (torch.exp(mean) >= low) & (torch.exp(mean) <= high)
        return within[:, None].to(difference.dtype).expand_as(difference)
    ratio = torch.exp(difference)
    if how == "truncate":
        return ratio.clamp(max=high)
    return torch.where((ratio >= low) & (ratio <= high), ratio, 0.0)
