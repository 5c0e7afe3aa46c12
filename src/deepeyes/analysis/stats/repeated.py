"""Several samples of a task: how likely is one of k right, and how likely are all."""

from __future__ import annotations

from math import comb


def pass_at_k(n: int, c: int, k: int) -> float:
    """The probability that at least one of `k` samples is right, when `c` of `n` were: unbiased.

    Chen et al. 2021, "Evaluating large language models trained on code", arXiv 2107.03374, equation 1.
    Raises `ValueError` where k is not from 1 to n.
    """
    _check(n, c, k)
    return 1 - comb(n - c, k) / comb(n, k)


def pass_hat_k(n: int, c: int, k: int) -> float:
    """The probability that all of `k` samples are right (pass^k), when `c` of `n` were: unbiased.

    Yao et al. 2024, "tau-bench: a benchmark for tool-agent-user interaction in real-world domains", arXiv
    2406.12045, section 4. Raises `ValueError` where k is not from 1 to n.
    """
    _check(n, c, k)
    return comb(c, k) / comb(n, k)


def _check(n: int, c: int, k: int) -> None:
    if not 0 <= c <= n or not 1 <= k <= n:
        raise ValueError(f"{c} right of {n} samples and k = {k}: give 0 <= c <= n and 1 <= k <= n")
