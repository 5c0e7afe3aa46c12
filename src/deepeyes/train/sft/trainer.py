"""A recipe as TRL's trainer: the model, what of it learns, and the settings of the loop.

What always holds: the settings exist before the weights are loaded, because ZeRO-3 shares these out while
they are read; TRL is given token ids and labels and prepares nothing itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from deepeyes.core.errors import ConfigError, boundary
from deepeyes.train.sft.curves import MetricsCallback
from deepeyes.train.sft.recipe import AdapterConfig, SftRecipe


def weights_dtype(recipe: SftRecipe) -> torch.dtype:
    """In float32 where all weights learn, as they are kept where only adapters do."""
    half = recipe.lora.rank > 0 and half_precision(recipe)
    return torch.bfloat16 if half else torch.float32


def half_precision(recipe: SftRecipe) -> bool:
    """Whether the run computes in bf16. Raises `ConfigError` where the device cannot."""
    return is_half(recipe.learn.precision)


def is_half(precision: str) -> bool:
    """Whether a `precision` of a recipe is bf16 here. Raises `ConfigError` where the device cannot."""
    if precision == "auto":
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    if precision == "bf16" and torch.cuda.is_available() and not torch.cuda.is_bf16_supported():
        raise ConfigError("this GPU has no bf16", "give the precision fp32")
    return precision == "bf16"


def settings(recipe: SftRecipe, out: Path, processes: int, *, evaluates: bool) -> SFTConfig:
    """The loop's settings."""
    learn, pace = recipe.learn, recipe.pace
    return SFTConfig(
        output_dir=str(out / "checkpoints"),
        per_device_train_batch_size=pace.per_device,
        per_device_eval_batch_size=pace.per_device,
        gradient_accumulation_steps=recipe.accumulation(processes),
        num_train_epochs=learn.epochs,
        max_steps=learn.steps or -1,
        learning_rate=learn.lr,
        lr_scheduler_type=learn.schedule,
        warmup_steps=learn.warmup,
        weight_decay=learn.weight_decay,
        adam_beta1=learn.betas[0],
        adam_beta2=learn.betas[1],
        max_grad_norm=learn.clip,
        seed=learn.seed,
        data_seed=learn.seed,
        bf16=half_precision(recipe),
        use_cpu=not torch.cuda.is_available(),
        gradient_checkpointing=pace.gradient_checkpointing,
        gradient_checkpointing_kwargs={"use_reentrant": False} if pace.gradient_checkpointing else None,
        train_sampling_strategy="group_by_length" if recipe.data.order == "length" else "random",
        length_column_name="length",
        dataloader_num_workers=pace.workers,
        dataloader_pin_memory=torch.cuda.is_available(),
        save_strategy="steps",
        save_steps=pace.save_every,
        save_total_limit=pace.keep,
        logging_steps=pace.log_every,
        logging_first_step=True,
        eval_strategy="steps" if evaluates and pace.evaluate_every else "no",
        eval_steps=pace.evaluate_every or None,
        prediction_loss_only=True,
        report_to=[] if pace.report_to == "none" else [pace.report_to],
        run_name=recipe.title,
        remove_unused_columns=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        max_length=None,
        packing=False,
    )


def adapters(lora: AdapterConfig, model: Any) -> LoraConfig | None:
    """The adapters, if a recipe wants any. Raises `ConfigError` if they would be nowhere."""
    if not lora.rank:
        return None
    with boundary(
        ConfigError,
        f"reading lora.targets = {lora.targets!r}",
        "give a regular expression",
        expected=re.error,
    ):
        pattern = re.compile(lora.targets)
    if not any(pattern.fullmatch(name) for name, _ in model.named_modules()):
        raise ConfigError(f"lora.targets = {lora.targets!r} names no module", "see model.named_modules()")
    return LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,  # pyright: ignore[reportArgumentType]  # a scale, which need not be whole
        lora_dropout=lora.dropout,
        target_modules=lora.targets,
        task_type="CAUSAL_LM",
    )


class GoesOn:
    """A trainer of TRL without writing a card for the Hub into every checkpoint, and able to go on from one.

    A checkpoint has the names of the published weights, which differ from the module's; Transformers' own
    resuming knows only the latter, warns and goes on with the weights of the start.
    """

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """The weights of a checkpoint, all of them."""
        trainer: Any = self
        sharded = trainer.is_deepspeed_enabled or trainer.is_fsdp_enabled
        if sharded or isinstance(trainer.model, PeftModel):
            super()._load_from_checkpoint(resume_from_checkpoint, model)  # pyright: ignore[reportAttributeAccessIssue]
            return
        here: Any = trainer.model
        saved: Any = type(here).from_pretrained(resume_from_checkpoint, dtype=here.dtype)
        here.load_state_dict(saved.state_dict())

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """The run's folder has the recipe and the data's card."""


class Trainer(GoesOn, SFTTrainer):
    """TRL's supervised trainer."""


def make_trainer(
    recipe: SftRecipe, config: SFTConfig, model: Any, processor: Any, collator: Callable[..., Any],
    train: Any,
    validation: Any, out: Path,
) -> Trainer:  # fmt: skip
    """TRL's trainer over prepared rows."""
    return Trainer(
        model=model,
        args=config,
        data_collator=collator,
        train_dataset=train,
        eval_dataset=validation,
        processing_class=processor,
        peft_config=adapters(recipe.lora, model),
        callbacks=[MetricsCallback(out)],
    )
