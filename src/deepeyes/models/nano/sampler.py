"""The distribution that tokens are drawn from, for many conversations at once.

What always holds: the steps and their order are those of `Sampling`, and what they keep is what Transformers'
own warpers keep; a row depends on its own settings alone; what is returned is normalised, so that the value
of the drawn token is its log-probability.
"""

from collections.abc import Iterable, Sequence

import torch

from deepeyes.core.sampling import Sampling

_NO_IDS = torch.LongTensor(1, 0)
"""Warpers are given the tokens so far; those used here do not look at them."""


def distribution(logits: torch.Tensor, settings: Sequence[Sampling], met: torch.Tensor) -> torch.Tensor:
    """Log-probabilities (rows, vocabulary) of the next tokens.

    `logits`: (rows, vocabulary), minus infinity where a token may not be drawn; `settings`: one a row; `met`:
    (rows, vocabulary), True for the tokens that a row's conversation holds.
    """
    penalty = _column(one.repetition_penalty for one in settings)
    if (penalty != 1).any():
        logits = torch.where(met, torch.where(logits < 0, logits * penalty, logits / penalty), logits)
    scores = logits / _column(one.temperature or 1.0 for one in settings)
    for row, one in enumerate(settings):
        if one.temperature > 0 and _truncates(one):
            scores[row] = truncated(scores[None, row], one)[0]
    return torch.log_softmax(scores, -1)


def drawn(logprobs: torch.Tensor, points: Sequence[float]) -> torch.Tensor:
    """One token a row (rows,) of a distribution (rows, vocabulary): that in whose share of the interval from
    0 to 1 the row's point lies. A token without a share is never drawn.
    """
    ends = logprobs.double().exp().cumsum(-1)
    wanted = torch.tensor(points, dtype=torch.float64)[:, None] * ends[:, -1:]
    return torch.searchsorted(ends, wanted, right=True)[:, 0]


def truncated(scores: torch.Tensor, one: Sampling) -> torch.Tensor:
    """`scores` (1, vocabulary) with minus infinity for unlikely tokens; the likeliest always stays."""
    if not _truncates(one):
        return scores  # Transformers is not loaded for nothing
    from transformers import MinPLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    if one.top_k:
        scores = TopKLogitsWarper(one.top_k)(_NO_IDS, scores)
    if one.top_p < 1:
        scores = TopPLogitsWarper(one.top_p)(_NO_IDS, scores)
    if one.min_p:
        scores = MinPLogitsWarper(one.min_p)(_NO_IDS, scores)
    return scores


def _truncates(one: Sampling) -> bool:
    return bool(one.top_k or one.top_p < 1 or one.min_p)


def _column(values: Iterable[float]) -> torch.Tensor:
    """(rows, 1)."""
    return torch.tensor(list(values))[:, None]
