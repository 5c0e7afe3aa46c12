"""Log-probabilities of chosen tokens under the distribution that they were sampled from, with gradient.

What always holds: the steps are those of the sampler (banned tokens, temperature, then `top_k`, `top_p` and
`min_p`, renormalised), so at equal weights the numbers equal the recorded ones up to rounding; a token that
was drawn stays in the distribution however the weights have moved; logits are only computed where a token was
chosen, and only so many at once as are named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from deepeyes.core.sampling import Sampling
from deepeyes.models.nano.sampler import truncated
from deepeyes.train.batch import Batch


@dataclass(frozen=True)
class Scores:
    """Of one batch, both (b, t) and 0 where the model chose nothing."""

    logprobs: Tensor
    entropy: Tensor
    """Nats, of the distribution that each token was drawn from; without gradient."""


def logprobs_of(model: Any, batch: Batch, *, chunk: int = 1024) -> Scores:
    """One forward pass. `chunk`: tokens whose distributions are held at once."""
    ids, chosen = batch.inputs["input_ids"], batch.chosen.bool()
    places = chosen.any(0).nonzero()[:, 0]  # a token at place i is foretold by the logits at i - 1
    hidden = model(**batch.inputs, logits_to_keep=places - 1, use_cache=False).logits
    row, column = chosen[:, places].nonzero(as_tuple=True)
    tokens = ids[row, places[column]]
    values: list[Tensor] = []
    entropies: list[Tensor] = []
    for first in range(0, len(tokens), chunk):
        part = slice(first, first + chunk)
        logits = hidden[row[part], column[part]].float()
        logs = _distribution(logits, tokens[part], [batch.records[one] for one in row[part].tolist()])
        values.append(logs.gather(-1, tokens[part, None])[:, 0])
        with torch.no_grad():
            entropies.append(-(logs.exp() * logs.clamp(min=-1e4)).sum(-1))
    where = (row, places[column])
    empty = hidden.new_zeros(ids.shape, dtype=torch.float32)
    return Scores(empty.index_put(where, torch.cat(values)), empty.index_put(where, torch.cat(entropies)))


def _distribution(logits: Tensor, tokens: Tensor, records: Sequence[Any]) -> Tensor:
    """Log-probabilities (n, vocabulary) from logits of the same shape; `tokens` (n,) were drawn."""
    drawn = torch.zeros_like(logits, dtype=torch.bool).scatter(-1, tokens[:, None], True)
    kinds: dict[tuple[Sampling, tuple[int, ...]], list[int]] = {}
    for place, record in enumerate(records):
        kinds.setdefault((record.sampling.seeded(0), record.banned), []).append(place)
    scores = logits
    for (sampling, banned), which in kinds.items():
        part = logits[which] / (sampling.temperature or 1.0)
        kept = part.detach().clone()
        if banned:
            kept[:, list(banned)] = -torch.inf
        if sampling.temperature:
            kept = truncated(kept, sampling)
        gone = torch.isinf(kept) & ~drawn[which]
        scores = scores.index_copy(
            0, torch.tensor(which, device=logits.device), part.masked_fill(gone, -torch.inf)
        )
    return torch.log_softmax(scores, -1)


@dataclass(frozen=True)
class Mismatch:
    """How far the trainer's log-probabilities are from the sampler's."""

    largest: float
    mean: float
    pearson: float
    """Correlation of the probabilities; 1 where nothing varies."""
    tokens: int


def mismatch(trainer: Tensor, sampler: Tensor, chosen: Tensor) -> Mismatch:
    """All (b, t); differences are in nats."""
    keep = chosen.bool()
    one, other = trainer.detach()[keep].double(), sampler[keep].double()
    if not len(one):
        return Mismatch(0.0, 0.0, 1.0, 0)
    apart = (one - other).abs()
    pair = torch.stack([one.exp(), other.exp()])
    varies = len(one) > 1 and bool((pair.std(-1) > 0).all())
    pearson = float(torch.corrcoef(pair)[0, 1]) if varies else 1.0
    return Mismatch(float(apart.max()), float(apart.mean()), pearson, len(one))
