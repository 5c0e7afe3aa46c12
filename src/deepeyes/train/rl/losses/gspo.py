"""GSPO: a sequence is clipped as a whole, by the geometric mean of its tokens' ratios.

Zheng et al. 2025, "Group Sequence Policy Optimization", arXiv 2507.18071. Its bounds are much narrower than a
token's: the paper has 3e-4 and 4e-4.
"""

import torch

from deepeyes.train.rl.losses.common import Clip, Inputs, Loss, Totals, clipped, lengths, log_ratios


def gspo(inputs: Inputs, clip: Clip, totals: Totals) -> Loss:
    """Mean over sequences of the clipped sequence ratio times the advantage."""
    length = lengths(inputs.mask)
    mean = log_ratios(inputs).sum(-1) / length
    ratios = torch.exp(mean)[:, None].expand_as(inputs.new)
    return clipped(inputs, ratios, clip, 1 / (length[:, None] * totals.sequences))
