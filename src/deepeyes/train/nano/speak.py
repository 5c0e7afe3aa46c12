"""Teaching the whole model to speak: loss on the assistant's tokens, and, beside it, on the cells of the
pictures.

The vision labels of the warm-up stay on while the language model learns to use them, at a fraction of their
weight: they cost nothing, because the pictures are encoded anyway, and keep the two in one language.
"""

import re
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from transformers import PreTrainedTokenizerFast

from .batch import IGNORE
from .dense import DenseWarmup
from .loop import Tensors


class Speak(nn.Module):
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
        """A collated batch, with or without `cells` (all pictures' cells, kinds) -> loss () and metrics."""
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
def exactness(
    speak: Speak, tokenizer: PreTrainedTokenizerFast, batch: Tensors, kinds: Sequence[Sequence[str]]
) -> dict[str, float]:
    """Share of replies that are right to the last token when each token is given the right ones before it, by
    kind.

    For a reply that is right so far this is what greedy decoding would say, so the shares are those of greedy
    decoding. "near" is the share of "where" answers within 0.3 cells on both sides.
    """
    best = speak.logits(batch).argmax(-1)[:, :-1].cpu()
    labels, replies = batch["labels"][:, 1:], batch["replies"][:, 1:]
    right: dict[str, list[float]] = {}
    for row, row_kinds in enumerate(kinds):
        for reply, kind in enumerate(row_kinds):
            at = replies[row] == reply
            said, meant = best[row][at], labels[row][at]
            right.setdefault(kind, []).append(float(bool((said == meant).all())))
            if kind == "where":
                near = _near(tokenizer.decode(said.tolist()), tokenizer.decode(meant.tolist()))
                right.setdefault("near", []).append(near)
    return {kind: round(sum(values) / len(values), 4) for kind, values in sorted(right.items())}


def _near(said: str, meant: str, within: float = 0.3) -> float:
    numbers = [[float(number) for number in re.findall(r"\d\.\d", text)[-2:]] for text in (said, meant)]
    if len(numbers[0]) != 2:
        return 0.0
    return float(all(abs(a - b) <= within + 1e-6 for a, b in zip(*numbers, strict=True)))
