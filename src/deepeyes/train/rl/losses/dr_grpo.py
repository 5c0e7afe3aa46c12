"""Dr. GRPO: a sum over tokens that is divided by a constant, so length is neither favoured nor punished.

Liu et al. 2025, "Understanding R1-Zero-Like Training: A Critical Perspective", arXiv 2503.20783.
Its advantages are centred and not scaled: `scale = "none"` of `advantages`.
"""

from deepeyes.train.rl.losses.common import Clip, Inputs, Loss, Totals, clipped, token_ratios


def dr_grpo(inputs: Inputs, clip: Clip, totals: Totals) -> Loss:
    """Sum over tokens, by the most tokens that all sequences together could have."""
    ratios = token_ratios(inputs)
    return clipped(inputs, ratios, clip, ratios.new_tensor(1 / (totals.sequences * totals.limit)))
