"""DAPO: every token of the update counts the same.

Yu et al. 2025, "DAPO: An Open-Source LLM Reinforcement Learning System at Scale", arXiv 2503.14476, equation
8. Its other parts stand elsewhere: the higher upper bound is `Clip`, dynamic sampling is the rollouts', what
long episodes lose is the reward's.
"""

from deepeyes.train.rl.losses.common import Clip, Inputs, Loss, Totals, clipped, token_ratios


def dapo(inputs: Inputs, clip: Clip, totals: Totals) -> Loss:
    """Mean over all chosen tokens of the update."""
    ratios = token_ratios(inputs)
    return clipped(inputs, ratios, clip, ratios.new_tensor(1 / max(1, totals.tokens)))
