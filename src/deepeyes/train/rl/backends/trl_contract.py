"""What of TRL is used that TRL does not promise: its version, the methods that are replaced, its settings.

What always holds: another TRL is refused before a run begins, with what it lacks.
"""

from __future__ import annotations

import inspect
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from trl.trainer.grpo_config import GRPOConfig
from trl.trainer.grpo_trainer import GRPOTrainer

from deepeyes.core.errors import ConfigError
from deepeyes.train.rl.losses.registry import LossName
from deepeyes.train.rl.recipe import OptimConfig

SERIES = "1.16"
"""The versions of TRL whose private methods these are."""
LOSS_TYPES: dict[LossName, tuple[str, str]] = {
    "dapo": ("dapo", "token"),
    "grpo": ("grpo", "token"),
    "dr_grpo": ("dr_grpo", "token"),
    "gspo": ("grpo", "sequence"),
}
"""Our losses as TRL's `loss_type` and `importance_sampling_level`."""
_HOOKS = {
    "_generate_and_score_completions": ("self", "inputs"),
    "_compute_loss": ("self", "model", "inputs"),
    "_get_per_token_logps_and_entropies": ("self", "model", "input_ids", "attention_mask", "logits_to_keep"),
    "log": ("self", "logs", "start_time"),
    "_save_checkpoint": ("self", "model", "trial"),
}
"""What is replaced, with the names that its parameters begin with."""
_READ = ("prompt_ids", "completion_ids", "tool_mask", "advantages", "num_items_in_batch", "num_images")
"""What TRL must still read of a step's rows."""


def check_trl() -> None:
    """Raises `ConfigError` unless the TRL that is installed has the methods that are replaced here."""
    remedy = f'install "trl=={SERIES}.*", or train with backend.name = "flat"'
    try:
        found = version("trl")
    except PackageNotFoundError:
        raise ConfigError("TRL is not installed", remedy) from None
    if found.split(".")[:2] != SERIES.split("."):
        raise ConfigError(f"TRL is {found}, and only {SERIES} is known inside", remedy)
    for name, parameters in _HOOKS.items():
        method = getattr(GRPOTrainer, name, None)
        have = tuple(inspect.signature(method).parameters) if method else ()
        if have[: len(parameters)] != parameters:
            raise ConfigError(f"TRL {found} has another GRPOTrainer.{name}", remedy)
    reading = inspect.getsource(GRPOTrainer._compute_loss) + inspect.getsource(GRPOTrainer._prepare_inputs)
    lost = [name for name in _READ if f'"{name}"' not in reading and name != "num_images"]
    if lost or "_generate_and_score_completions" not in reading:
        raise ConfigError(f"TRL {found} no longer reads {', '.join(lost) or 'what was generated'}", remedy)


def settings(plan: OptimConfig, out: Path, **more: Any) -> GRPOConfig:
    """TRL's settings of an optimizer's."""
    loss, level = LOSS_TYPES[plan.loss]
    return GRPOConfig(
        output_dir=str(out),
        max_steps=plan.steps * plan.updates,
        num_iterations=plan.updates,
        loss_type=loss,
        importance_sampling_level=level,
        epsilon=plan.clip_low,
        epsilon_high=plan.clip_high,
        beta=0.0,
        learning_rate=plan.lr,
        lr_scheduler_type=_SCHEDULES[plan.schedule],
        warmup_steps=plan.warmup,
        adam_beta1=plan.betas[0],
        adam_beta2=plan.betas[1],
        weight_decay=plan.weight_decay,
        max_grad_norm=plan.clip,
        seed=plan.seed,
        data_seed=plan.seed,
        shuffle_dataset=False,
        disable_dropout=True,
        ignore_data_skip=True,
        remove_unused_columns=False,
        logging_steps=1,
        **more,
    )


_SCHEDULES = {"constant": "constant_with_warmup", "linear": "linear", "cosine": "cosine"}
