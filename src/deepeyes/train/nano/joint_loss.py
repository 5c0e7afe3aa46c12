"""Teaching the whole model to speak: one loss of the assistant's tokens and of the cells of the images.

The vision labels of the warm-up stay on while the language model learns to use them, at a fraction of their
weight: they cost nothing, because the images are encoded anyway, and keep the two in one language. What
always holds: the loss is the mean over the labelled tokens plus `dense_weight` times the loss on the cells.
"""

import re
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from transformers import PreTrainedTokenizerFast

from .batch import IGNORE, Tensors
from .dense import DenseWarmup

NEAR = 0.3
"""Cells by which the answer to "where" may be off on either side and still counts as near."""


class JointLoss(nn.Module):
    """`dense.model` as a language model over conversations; forward gives the loss and how much of it is
    speech.
    """

    def __init__(self, dense: DenseWarmup, dense_weight: float) -> None:
        super().__init__()
        self.dense = dense
        self.dense_weight = dense_weight
        self._features: list[torch.Tensor] = []
        dense.model.model.visual.register_forward_hook(
            lambda _m, _i, out: self._features.append(out.pooler_output)
        )

    def hidden(self, batch: Tensors) -> torch.Tensor:
        """Vectors (batch, tokens, hidden) after the last layer, of a collated batch."""
        self._features.clear()
        keys = ("input_ids", "position_ids")
        keys += ("pixel_values", "image_grid_thw") if len(batch["pixel_values"]) else ()
        device = self.dense.model.device
        return self.dense.model.model(**{key: batch[key].to(device) for key in keys}).last_hidden_state

    def logits(self, batch: Tensors) -> torch.Tensor:
        """Next-token logits (batch, tokens, vocabulary) of a collated batch."""
        return self.dense.model.lm_head(self.hidden(batch))

    def forward(self, **batch: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """A collated batch, with or without `cells` (all images' cells, kinds) -> loss () and metrics."""
        labels = batch["labels"][:, 1:]
        learned = labels != IGNORE  # most tokens are read only: nobody asks what follows them
        logits = self.dense.model.lm_head(self.hidden(batch)[:, :-1][learned])
        speech = cross_entropy(logits, labels[learned])
        metrics = {"speech": speech.detach()}
        if self.dense_weight == 0 or "cells" not in batch or not self._features:
            return speech, metrics
        seen, accuracy = self.dense.score(torch.cat(tuple(self._features)), batch["cells"])
        metrics |= {kind: accuracy[kind] for kind in ("char",) if kind in accuracy}
        return speech + self.dense_weight * seen, metrics


@torch.no_grad()
def teacher_forced_exact_match(
    joint: JointLoss, tokenizer: PreTrainedTokenizerFast, batch: Tensors, kinds: Sequence[Sequence[str]]
) -> dict[str, float]:
    """Share of replies that are right to the last token when each token is given the right ones before it, by
    kind; `kinds` names every reply of every row.

    For a reply that is right so far this is what greedy decoding would say, so the shares are those of greedy
    decoding. "near" is the share of "where" answers within `NEAR` cells on both sides.
    """
    best = joint.logits(batch).argmax(-1)[:, :-1].cpu()
    labels, replies = batch["labels"][:, 1:], batch["replies"][:, 1:]
    right: dict[str, list[float]] = {}
    for row, row_kinds in enumerate(kinds):
        for reply, kind in enumerate(row_kinds):
            at = replies[row] == reply
            said, meant = best[row][at], labels[row][at]
            right.setdefault(kind, []).append(float(bool((said == meant).all())))
            if kind == "where":
                texts = (str(tokenizer.decode(tokens.tolist())) for tokens in (said, meant))
                right.setdefault("near", []).append(float(_is_near(*texts)))
    return {kind: round(sum(values) / len(values), 4) for kind, values in sorted(right.items())}


def _is_near(said: str, meant: str) -> bool:
    """Whether the last two numbers of both texts are nearly the same."""
    (x, y) = ([float(number) for number in re.findall(r"\d\.\d", text)[-2:]] for text in (said, meant))
    slack = NEAR + 1e-6  # numbers have one decimal: 0.3 apart is near, whatever floats make of it
    return len(x) == 2 and all(abs(a - b) <= slack for a, b in zip(x, y, strict=True))
