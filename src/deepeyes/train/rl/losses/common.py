"""What the losses share: their arguments, their result, and the clipped objective.

Every loss is a function `loss(inputs, clip, totals) -> Loss`. What always holds: nothing is averaged over a
part of an update: a loss divides by the totals of the whole update, so the losses of its parts add up to
that of the whole, however it is cut; a sequence that stands for several identical ones counts as many times.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor


class Inputs(NamedTuple):
    """One part of an update: b sequences of up to t tokens, padded anyhow."""

    new: Tensor
    """(b, t) log-probabilities under the weights that learn, with gradient."""
    old: Tensor
    """(b, t) the same under the weights that the update starts from."""
    mask: Tensor
    """(b, t) 1 where the model chose the token, else 0."""
    advantages: Tensor
    """(b,) one a sequence."""
    counts: Tensor
    """(b,) how many identical sequences of a group each stands for."""
    correction: Tensor | None = None
    """(b, t) importance of each token for the difference between sampler and trainer; None for 1."""

    @property
    def weights(self) -> Tensor:
        """(b, t) what each token counts before the loss has its say."""
        weights = self.mask * self.counts[:, None]
        return weights if self.correction is None else weights * self.correction


class Clip(NamedTuple):
    """How far the ratio of new to old may move before its gradient stops."""

    low: float = 0.2
    high: float = 0.2


class Totals(NamedTuple):
    """Of the whole update, identical sequences counted each time."""

    sequences: int
    tokens: int
    """Those that the model chose."""
    limit: int
    """The most tokens that a sequence may have."""


@dataclass(frozen=True)
class Loss:
    """`value` is a scalar with gradient; the rest are sums over the part, to be added up and divided."""

    value: Tensor
    clipped_low: float
    """Tokens (or sequences' tokens) whose gradient the lower bound stopped."""
    clipped_high: float


LossFunction = Callable[[Inputs, Clip, Totals], Loss]


def lengths(mask: Tensor) -> Tensor:
    """(b,) chosen tokens of each sequence, at least 1."""
    return mask.sum(-1).clamp(min=1)


def log_ratios(inputs: Inputs) -> Tensor:
    """(b, t) new minus old, 0 where the model chose nothing, whatever stands there."""
    return torch.where(inputs.mask > 0, inputs.new - inputs.old, 0.0)


def token_ratios(inputs: Inputs) -> Tensor:
    """(b, t) new over old probability."""
    return torch.exp(log_ratios(inputs))


def clipped(inputs: Inputs, ratios: Tensor, clip: Clip, scale: Tensor) -> Loss:
    """The pessimistic surrogate of PPO (arXiv 1707.06347, equation 7), negated.

    `ratios` (b, t); `scale` broadcasts to (b, t): what a token's surrogate is multiplied by.
    """
    advantages = inputs.advantages[:, None]
    bounded = ratios.clamp(1 - clip.low, 1 + clip.high)
    surrogate = torch.minimum(ratios * advantages, bounded * advantages)
    value = -(surrogate * inputs.weights * scale).sum()
    counted = inputs.mask * inputs.counts[:, None]
    low = ((ratios < 1 - clip.low) & (advantages < 0)) * counted
    high = ((ratios > 1 + clip.high) & (advantages > 0)) * counted
    return Loss(value, float(low.sum()), float(high.sum()))
