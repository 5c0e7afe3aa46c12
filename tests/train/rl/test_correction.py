"""The weight of tokens that other weights drew."""

import math

import pytest
import torch

from deepeyes.train.rl.correction import importance

SAMPLER = torch.tensor([[-1.0, -1.0, -1.0, -1.0]])
RATIOS = torch.tensor([[1.0, 0.4, 1.9, 9.0]])
TRAINER = SAMPLER + RATIOS.log()
MASK = torch.tensor([[1.0, 1.0, 1.0, 0.0]])


def test_nothing_to_correct_is_nothing() -> None:
    assert importance(TRAINER, SAMPLER, MASK, "none") is None


def test_ratios_are_cut_off_above_and_kept_below() -> None:
    weights = importance(TRAINER, SAMPLER, MASK, "truncate", high=1.5)
    assert weights is not None and weights.tolist() == [pytest.approx([1.0, 0.4, 1.5, 1.0])]


def test_tokens_out_of_bounds_lose_their_weight_and_no_others() -> None:
    weights = importance(TRAINER, SAMPLER, MASK, "mask", low=0.5, high=1.5)
    assert weights is not None and weights.tolist() == [pytest.approx([1.0, 0.0, 0.0, 1.0])]


def test_a_sequence_out_of_bounds_loses_its_weight_and_not_the_others() -> None:
    trainer = torch.cat([SAMPLER, SAMPLER + math.log(3)])
    weights = importance(trainer, SAMPLER.expand(2, 4), MASK.expand(2, 4), "sequence_mask")
    assert weights is not None and weights.tolist() == [[1.0] * 4, [0.0] * 4]


def test_no_gradient_goes_through_a_correction() -> None:
    trainer = TRAINER.clone().requires_grad_()
    weights = importance(trainer, SAMPLER, MASK, "truncate")
    assert weights is not None and not weights.requires_grad
