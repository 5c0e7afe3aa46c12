"""The distribution that tokens are drawn from, for many conversations at once.

What always holds: the steps and their order are those of `Sampling`; a row depends on its own settings alone;
what is returned is normalised, so that the value of the drawn token is its log-probability.
"""

from collections.abc import Sequence

import torch

from deepeyes.core.sampling import Sampling


def distribution(logits: torch.Tensor, settings: Sequence[Sampling], met: torch.Tensor) -> torch.Tensor:
    """Log-probabilities (rows, vocabulary) of the next tokens.

    `logits`: (rows, vocabulary), minus infinity where a token may not be drawn; `settings`: one a row; `met`:
    (rows, vocabulary), True for the tokens that a row's conversation holds.
    """
    penalty = _column(one.repetition_penalty for one in settings)
    if (penalty != 1).any():
        logits = torch.where(met, torch.where(logits > 0, logits / penalty, logits * penalty), logits)
    heat = _column(one.temperature or 1.0 for one in settings)
    logprobs = torch.log_softmax(logits / heat, -1)
    for row, one in enumerate(settings):
        if one.temperature > 0 and (one.top_k or one.top_p < 1 or one.min_p):
            logprobs[row] = _truncated(logprobs[row], one)
    return logprobs


def _truncated(logprobs: torch.Tensor, one: Sampling) -> torch.Tensor:
    """One row (vocabulary) without its unlikely tokens; the likeliest always stays."""
    if one.top_k:
        least = logprobs.topk(min(one.top_k, len(logprobs))).values[-1]
        logprobs = _renormalised(logprobs, logprobs >= least)
    if one.top_p < 1:
        ordered, places = logprobs.sort(descending=True)
        before = ordered.exp().cumsum(-1) - ordered.exp()
        logprobs = _renormalised(
            logprobs, torch.zeros_like(logprobs, dtype=torch.bool).scatter(0, places, before < one.top_p)
        )
    if one.min_p:
        least = logprobs.max() + torch.tensor(one.min_p).log()
        logprobs = _renormalised(logprobs, logprobs >= least)
    return logprobs


def _renormalised(logprobs: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
    return torch.log_softmax(logprobs.masked_fill(~kept, -torch.inf), -1)


def _column(values: object) -> torch.Tensor:
    return torch.tensor(list(values))[:, None]
