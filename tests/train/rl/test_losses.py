"""The losses against plain arithmetic, and what must hold however an update is cut."""

import math

import pytest
import torch

from deepeyes.train.rl.losses.common import Clip, Inputs, Totals
from deepeyes.train.rl.losses.registry import LOSSES, LossName

CLIP = Clip(0.2, 0.3)
LIMIT = 16


def ragged(seed: int = 0, rows: int = 6, width: int = 9) -> Inputs:
    """Sequences of several turns: the mask has holes, where tools spoke, and every row its own length."""
    torch.manual_seed(seed)
    mask = (torch.rand(rows, width) < 0.6).double()
    mask[:, 0] = 1
    mask[0] = 1
    old = -torch.rand(rows, width, dtype=torch.float64) * 3
    new = (old + 0.5 * torch.randn(rows, width, dtype=torch.float64)).requires_grad_()
    advantages = torch.tensor([1.0, -1.0, 0.5, -0.5, 2.0, -2.0], dtype=torch.float64)[:rows]
    counts = torch.ones(rows, dtype=torch.float64)
    return Inputs(new, old, mask, advantages, counts)


def totals(inputs: Inputs) -> Totals:
    tokens = int((inputs.mask.sum(-1) * inputs.counts).sum())
    return Totals(int(inputs.counts.sum()), tokens, LIMIT)


def surrogate(ratio: float, advantage: float) -> float:
    return min(ratio * advantage, min(max(ratio, 1 - CLIP.low), 1 + CLIP.high) * advantage)


def by_hand(inputs: Inputs, name: LossName) -> float:
    """Token by token, in Python's own numbers."""
    rows = []
    columns = [part.detach().tolist() for part in (inputs.new, inputs.old, inputs.mask, inputs.advantages)]
    for new, old, mask, advantage in zip(*columns, strict=True):
        logs = [n - o for n, o, m in zip(new, old, mask, strict=True) if m]
        if name == "gspo":
            rows.append([surrogate(math.exp(sum(logs) / len(logs)), advantage)] * len(logs))
        else:
            rows.append([surrogate(math.exp(log), advantage) for log in logs])
    match name:
        case "grpo" | "gspo":
            return -sum(sum(row) / len(row) for row in rows) / len(rows)
        case "dapo":
            return -sum(map(sum, rows)) / sum(map(len, rows))
        case "dr_grpo":
            return -sum(map(sum, rows)) / (len(rows) * LIMIT)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("seed", range(5))
def test_a_loss_is_what_its_paper_says(name: LossName, seed: int) -> None:
    inputs = ragged(seed)
    assert float(LOSSES[name](inputs, CLIP, totals(inputs)).value.detach()) == pytest.approx(
        by_hand(inputs, name)
    )


@pytest.mark.parametrize("name", LOSSES)
def test_the_parts_of_an_update_add_up_to_the_whole(name: LossName) -> None:
    whole, clip = ragged(2), Clip(0.02, 0.03) if name == "gspo" else CLIP
    expected = LOSSES[name](whole, clip, totals(whole))
    (gradient,) = torch.autograd.grad(expected.value, whole.new)
    parts = [
        LOSSES[name](rows(whole, slice(*keep)), clip, totals(whole)) for keep in ((0, 1), (1, 4), (4, 6))
    ]
    value = sum(part.value for part in parts)
    assert torch.is_tensor(value)
    assert float(value.detach()) == pytest.approx(float(expected.value.detach()))
    assert torch.allclose(torch.autograd.grad(value, whole.new)[0], gradient)
    assert sum(part.clipped_low for part in parts) == expected.clipped_low > 0
    assert sum(part.clipped_high for part in parts) == expected.clipped_high > 0


def rows(inputs: Inputs, keep: slice) -> Inputs:
    return Inputs(*(None if part is None else part[keep] for part in inputs))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("name", LOSSES)
def test_identical_sequences_may_be_counted_instead_of_computed(name: LossName) -> None:
    inputs = ragged()
    twice = torch.tensor([0, 0, 0, 1, 2, 2, 3, 4, 5])
    spelled = Inputs(*(None if part is None else part[twice] for part in inputs))  # pyright: ignore[reportArgumentType]
    counted = inputs._replace(counts=torch.tensor([3.0, 1, 2, 1, 1, 1], dtype=torch.float64))
    one = LOSSES[name](spelled, CLIP, totals(spelled))
    other = LOSSES[name](counted, CLIP, totals(counted))
    assert float(one.value.detach()) == pytest.approx(float(other.value.detach()))
    assert (one.clipped_low, one.clipped_high) == (other.clipped_low, other.clipped_high)
    gradients = [torch.autograd.grad(loss.value, inputs.new)[0] for loss in (one, other)]
    assert torch.allclose(*gradients)


@pytest.mark.parametrize("name", LOSSES)
def test_what_stands_where_the_model_chose_nothing_does_not_matter(name: LossName) -> None:
    inputs = ragged()
    noise = torch.where(inputs.mask > 0, inputs.new, torch.full_like(inputs.new, -math.inf))
    one = LOSSES[name](inputs, CLIP, totals(inputs)).value
    other = LOSSES[name](inputs._replace(new=noise), CLIP, totals(inputs)).value
    assert float(one.detach()) == float(other.detach())


@pytest.mark.parametrize("name", LOSSES)
def test_a_correction_weighs_tokens_and_no_ratio(name: LossName) -> None:
    inputs = ragged()
    half = LOSSES[name](inputs._replace(correction=torch.full_like(inputs.mask, 0.5)), CLIP, totals(inputs))
    assert float(half.value.detach()) == pytest.approx(by_hand(inputs, name) / 2)


@pytest.mark.parametrize(
    ("ratio", "advantage", "learns"),
    [
        (1.29, 1.0, True),
        (1.31, 1.0, False),
        (0.5, 1.0, True),
        (0.79, -1.0, False),
        (0.81, -1.0, True),
        (2.0, -1.0, True),
    ],
)
@pytest.mark.parametrize("name", ["grpo", "dapo", "dr_grpo"])
def test_the_gradient_stops_only_where_the_ratio_has_gone_far_the_right_way(
    name: LossName, ratio: float, advantage: float, learns: bool
) -> None:
    new = torch.tensor([[math.log(ratio)]], dtype=torch.float64, requires_grad=True)
    one = torch.ones(1, 1, dtype=torch.float64)
    inputs = Inputs(new, one * 0, one, one[0] * advantage, one[0])
    loss = LOSSES[name](inputs, CLIP, Totals(1, 1, 1))
    (gradient,) = torch.autograd.grad(loss.value, new)
    assert (float(gradient) != 0) == learns
    assert (loss.clipped_low + loss.clipped_high > 0) == (not learns)


@pytest.mark.parametrize("name", LOSSES)
def test_a_step_makes_good_sequences_likelier_and_bad_ones_less_likely(name: LossName) -> None:
    old = torch.full((2, 3), -1.0)
    new = old.clone().requires_grad_()
    inputs = Inputs(new, old, torch.ones(2, 3), torch.tensor([1.0, -1.0]), torch.ones(2))
    (gradient,) = torch.autograd.grad(LOSSES[name](inputs, Clip(), Totals(2, 6, 3)).value, new)
    assert (gradient[0] < 0).all() and (gradient[1] > 0).all()
