"""The losses by the names that recipes call them."""

from typing import Literal

from deepeyes.train.rl.losses.common import LossFunction
from deepeyes.train.rl.losses.dapo import dapo
from deepeyes.train.rl.losses.dr_grpo import dr_grpo
from deepeyes.train.rl.losses.grpo import grpo
from deepeyes.train.rl.losses.gspo import gspo

LossName = Literal["grpo", "dapo", "dr_grpo", "gspo"]
LOSSES: dict[LossName, LossFunction] = {"grpo": grpo, "dapo": dapo, "dr_grpo": dr_grpo, "gspo": gspo}
