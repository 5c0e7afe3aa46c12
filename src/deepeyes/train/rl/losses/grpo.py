"""GRPO: every sequence counts the same, and so do the tokens within one.

Shao et al. 2024, "DeepSeekMath: Pushing the Limits of Mathematical Reasoning in Open Language Models",
arXiv 2402.03300, equation 3, without its KL term.
"""

from deepeyes.train.rl.losses.common import Clip, Inputs, Loss, Totals, clipped, lengths, token_ratios


def grpo(inputs: Inputs, clip: Clip, totals: Totals) -> Loss:
    """Mean over tokens of a sequence, then over sequences: a long reply's tokens count less."""
    scale = 1 / (lengths(inputs.mask)[:, None] * totals.sequences)
    return clipped(inputs, token_ratios(inputs), clip, scale)
