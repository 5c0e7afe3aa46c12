"""One step's learning: from the groups that were played to new weights, and numbers about it.

What always holds: identical episodes of a group are computed once and counted; the gradient of an update is
that of all its episodes at once, however few fit into one forward pass; the order of additions follows from
the order of the groups alone, so a step can be repeated to the last bit on one CPU.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from deepeyes.core.images import ImageStore
from deepeyes.train.batch import Batch, Collator
from deepeyes.train.logprobs import logprobs_of, mismatch
from deepeyes.train.rl.advantages import advantages
from deepeyes.train.rl.correction import importance
from deepeyes.train.rl.losses.common import Clip, Inputs, Totals
from deepeyes.train.rl.losses.registry import LOSSES
from deepeyes.train.rl.recipe import OptimConfig
from deepeyes.train.rl.rollouts import Group
from deepeyes.train.tokens import Record, record_of


@dataclass(frozen=True)
class Episode:
    """A distinct episode with its advantage, and how many like it its group holds."""

    record: Record
    advantage: float
    count: int
    half: int
    """0 or 1: to which half of the batch its group belongs."""


@dataclass
class Tally:
    """Numbers of one step's updates."""

    loss: float = 0.0
    entropy: float = 0.0
    clipped_low: float = 0.0
    clipped_high: float = 0.0
    gradient: float = 0.0
    """Norm, before it was clipped, of the last update."""
    cosine: float | None = None
    """Of the gradients of the two halves of the first update's groups."""
    apart: list[tuple[float, float, float, int]] = field(
        default_factory=list[tuple[float, float, float, int]]
    )
    """Mismatch of every part: largest, mean, Pearson, tokens."""

    def numbers(self, tokens: int, updates: int) -> dict[str, float | None]:
        """By name; shares of chosen tokens."""
        seen = max(1, sum(count for *_, count in self.apart))
        return {
            "loss": self.loss / updates,
            "entropy": self.entropy / max(1, tokens),
            "clipped_low": self.clipped_low / max(1, tokens * updates),
            "clipped_high": self.clipped_high / max(1, tokens * updates),
            "gradient_norm": self.gradient,
            "half_batch_cosine": self.cosine,
            "logprob_diff_max": max((largest for largest, *_ in self.apart), default=0.0),
            "logprob_diff_mean": sum(mean * count for _, mean, _, count in self.apart) / seen,
            "logprob_pearson": min((pearson for _, _, pearson, _ in self.apart), default=1.0),
        }


def episodes_of(groups: Sequence[Group], plan: OptimConfig, image_token: int) -> list[Episode]:
    """The distinct episodes of all groups, with their advantages."""
    found: list[Episode] = []
    gains = advantages([group.rewards for group in groups], plan.scale)
    for place, (group, values) in enumerate(zip(groups, gains, strict=True)):
        same: dict[object, tuple[Record, float, int]] = {}
        for trace, value in zip(group.traces, values, strict=True):
            record = record_of(trace, image_token=image_token)
            key = (record.same, value)
            first, _, count = same.get(key, (record, value, 0))
            same[key] = (first, value, count + 1)
        found += [Episode(record, value, count, place % 2) for record, value, count in same.values()]
    return found


def parts_of(episodes: Sequence[Episode], tokens: int) -> Iterator[list[Episode]]:
    """Episodes of like length together, at most so many tokens with their padding; all of one half first."""
    part: list[Episode] = []
    for episode in sorted(episodes, key=lambda one: (one.half, len(one.record))):
        widest = max(len(episode.record), *(len(one.record) for one in part), 0)
        if part and (widest * (len(part) + 1) > tokens or part[0].half != episode.half):
            yield part
            part = []
        part.append(episode)
    if part:
        yield part


@dataclass
class Learner:
    """The model that learns, with its optimizer."""

    model: Any
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    collator: Collator
    plan: OptimConfig
    part_tokens: int
    signal: bool

    def learn(self, groups: Sequence[Group], images: ImageStore) -> dict[str, float | None]:
        """Update the weights by the groups of one step; numbers by name."""
        episodes = episodes_of(groups, self.plan, self.collator.image_token)
        device = next(self.model.parameters()).device
        parts = [
            (part, self.collator([one.record for one in part], images).to(device))
            for part in parts_of(episodes, self.part_tokens)
        ]
        self.collator.forget()
        totals = Totals(
            sequences=sum(one.count for one in episodes),
            tokens=sum(one.count * sum(one.record.chosen) for one in episodes),
            limit=max(len(one.record) for one in episodes),
        )
        tally = Tally()
        old: list[Tensor] = []
        for update in range(self.plan.updates):
            first = update == 0
            half: list[Tensor] | None = None
            self.optimizer.zero_grad()
            for place, (part, batch) in enumerate(parts):
                if first and self.signal and half is None and part[0].half == 1 and place:
                    half = self._gradients()
                scores = logprobs_of(self.model, batch)
                if first:
                    old.append(scores.logprobs.detach())
                    apart = mismatch(scores.logprobs, batch.logprobs, batch.chosen)
                    tally.apart.append((apart.largest, apart.mean, apart.pearson, apart.tokens))
                inputs = self._inputs(scores.logprobs, old[place], part, batch)
                clip = Clip(self.plan.clip_low, self.plan.clip_high)
                loss = LOSSES[self.plan.loss](inputs, clip, totals)
                loss.value.backward()
                tally.loss += float(loss.value.detach())
                tally.clipped_low += loss.clipped_low
                tally.clipped_high += loss.clipped_high
                if first:
                    tally.entropy += float((scores.entropy * inputs.mask * inputs.counts[:, None]).sum())
            if half is not None:
                tally.cosine = _cosine(half, self._gradients())
            norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.plan.clip)
            tally.gradient = float(norm)
            self.optimizer.step()
            self.schedule.step()
        return {
            **tally.numbers(totals.tokens, self.plan.updates),
            "lr": float(self.schedule.get_last_lr()[0]),
            "episodes_learned": totals.sequences,
            "episodes_distinct": len(episodes),
            "tokens_learned": totals.tokens,
        }

    def _inputs(self, new: Tensor, old: Tensor, part: Sequence[Episode], batch: Batch) -> Inputs:
        tensor = new.new_tensor
        correction = importance(
            old,
            batch.logprobs,
            batch.chosen,
            self.plan.correction,
            low=self.plan.correction_low,
            high=self.plan.correction_high,
        )
        return Inputs(
            new,
            old,
            batch.chosen,
            tensor([one.advantage for one in part]),
            tensor([float(one.count) for one in part]),
            correction,
        )

    def _gradients(self) -> list[Tensor]:
        return [weight.grad.clone() for weight in self.model.parameters() if weight.grad is not None]


def _cosine(half: Sequence[Tensor], whole: Sequence[Tensor]) -> float | None:
    """Of the gradients of the first half and of the rest, which is what was added to the former."""
    dot = one = other = 0.0
    for first, both in zip(half, whole, strict=True):
        second = both - first
        dot += float((first * second).sum())
        one += float(first.square().sum())
        other += float(second.square().sum())
    return dot / (one * other) ** 0.5 if one and other else None
