"""How sure a number is, and whether two numbers differ. Pure functions of arrays.

What always holds: no share without its n and its interval; results that belong together (samples of a task,
tasks about one entity) are never counted as independent; an interval is at 95 % unless told otherwise. The
intervals of shares need nothing but numpy, so every run can report them; what needs scipy or statsmodels
imports them when it is called (`pip install 'deepeyes[eval]'`). Their coverage, by simulation:
`python -m benchmarks.coverage`, docs/statistics.md.
"""

from .bootstrap import bootstrap_difference, bootstrap_mean
from .estimate import Estimate
from .paired import mcnemar, paired_difference, paired_p
from .planning import holm, minimum_detectable
from .proportions import cluster_mean, median, share, wilson
from .repeated import pass_at_k, pass_hat_k

__all__ = [
    "Estimate",
    "bootstrap_difference",
    "bootstrap_mean",
    "cluster_mean",
    "holm",
    "mcnemar",
    "median",
    "minimum_detectable",
    "paired_difference",
    "paired_p",
    "pass_at_k",
    "pass_hat_k",
    "share",
    "wilson",
]
