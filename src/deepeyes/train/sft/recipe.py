"""A recipe for supervised training: every setting that decides which weights come out, and how fast.

What always holds: what is in `[pace]` and `[evaluation]` does not change what is learned (but for the order
of additions), so a killed run may go on with other values there; all else is in `identity`, and a run folder
refuses to go on with another one. `checked` finds what can be found before anything heavy is loaded.
"""

from __future__ import annotations

import json
from hashlib import sha256
from importlib.util import find_spec
from typing import Literal

from pydantic import Field

from deepeyes.core.config import Config
from deepeyes.core.errors import ConfigError
from deepeyes.core.extras import install_package
from deepeyes.train.evaluation import EvaluationConfig

Reporter = Literal["none", "tensorboard", "trackio", "wandb"]


class ModelConfig(Config):
    """The model to start from."""

    path: str
    """`nano`, `nano-base`, a folder, or a Hub id of an image-text-to-text model."""
    max_pixels: int | None = Field(default=None, ge=28 * 28)
    """Most pixels of an image's view; smaller than the processor's own limit. Saved with the model."""
    freeze_vision: bool = True
    """Leave the vision tower and its projector as they are."""
    attention: Literal["sdpa", "eager", "flash_attention_2"] = "sdpa"


class DataConfig(Config):
    """What to learn from: exports of `deepeyes data export --format trl`, or parquet files like theirs."""

    train: tuple[str, ...] = Field(min_length=1)
    validation: tuple[str, ...] = ()
    """By default the validation splits of the same exports."""
    max_tokens: int = Field(default=20_480, ge=16)
    """Longest conversation, images included."""
    overlong: Literal["drop", "cut"] = "drop"
    """What happens to longer ones; a cut one ends after the last whole reply that fits."""
    order: Literal["random", "length"] = "random"
    """`length` puts conversations of like length into a batch, which saves padding."""
    packing: bool = False
    """Refused: see `checked`."""


class OptimConfig(Config):
    """How long and how fast."""

    epochs: float = Field(default=3.0, gt=0)
    steps: int | None = Field(default=None, ge=1)
    """If given, instead of `epochs`."""
    batch: int = Field(default=128, ge=1)
    """Conversations a step, over all processes and accumulated parts."""
    lr: float = Field(default=1e-5, gt=0)
    schedule: Literal["cosine", "linear", "constant", "constant_with_warmup"] = "cosine"
    warmup: float = Field(default=0.1, ge=0, lt=1)
    """Share of the steps over which the rate rises."""
    weight_decay: float = Field(default=0.0, ge=0)
    betas: tuple[float, float] = (0.9, 0.999)
    clip: float = Field(default=1.0, gt=0)
    seed: int = 0
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    """`auto` is bf16 on a GPU and fp32 without one."""


class AdapterConfig(Config):
    """Low-rank adapters in place of all weights; `rank = 0` is none."""

    rank: int = Field(default=0, ge=0)
    alpha: float = Field(default=32.0, gt=0)
    dropout: float = Field(default=0.05, ge=0, lt=1)
    targets: str = r".*language_model.*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"
    """Regular expression over module names: by default every linear map of the language model."""
    merge: bool = True
    """Also write the model with the adapters merged in, which `hf:` loads."""


class RuntimeConfig(Config):
    """What decides speed, memory and what is seen of a run, not what is learned."""

    per_device: int = Field(default=1, ge=1)
    """Conversations that one process puts through at once; the rest of `batch` is accumulated."""
    gradient_checkpointing: bool = True
    workers: int = Field(default=0, ge=0)
    """Processes that decode images ahead, for each training process."""
    prepare: int = Field(default=1, ge=1)
    """Processes that turn conversations into tokens before training."""
    save_every: int = Field(default=500, ge=1)
    """Steps between checkpoints."""
    keep: int = Field(default=2, ge=1)
    log_every: int = Field(default=10, ge=1)
    evaluate_every: int = Field(default=0, ge=0)
    """Steps between losses on the validation split; 0 for only at the end."""
    report_to: Reporter = "none"


NOT_LEARNED = ("title", "pace", "evaluation")
"""Sections that may change from one start of a run to the next."""


class SftRecipe(Config):
    """One TOML file."""

    title: str = "supervised training"
    model: ModelConfig
    data: DataConfig
    learn: OptimConfig = OptimConfig()
    lora: AdapterConfig = AdapterConfig()
    pace: RuntimeConfig = RuntimeConfig()
    evaluation: EvaluationConfig = EvaluationConfig()

    @property
    def identity(self) -> str:
        """Sixteen hex digits over all that decides what is learned."""
        values = self.model_dump(mode="json", exclude=set(NOT_LEARNED))
        return sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]

    def checked(self) -> SftRecipe:
        """Itself; raises `ConfigError` for what cannot work."""
        if self.data.packing:
            raise ConfigError(
                "data.packing would let conversations see each other's pictures and positions",
                'leave it false; data.order = "length" saves padding without that',
            )
        reporter = self.pace.report_to
        if reporter != "none" and find_spec(reporter) is None:
            raise ConfigError(
                f"pace.report_to is {reporter}, which is not installed",
                f"{install_package(reporter)}, or none",
            )
        self.evaluation.check()
        return self

    @property
    def adapters_alone(self) -> bool:
        """Whether no model comes out, only LoRA's weights."""
        return bool(self.lora.rank) and not self.lora.merge

    def check_evaluation(self) -> None:
        """Raises `ConfigError` for a command that is to be given a model where none comes out."""
        names_model = self.evaluation.words("model", "") != self.evaluation.words("", "")
        if self.adapters_alone and names_model:
            raise ConfigError(
                "evaluation.command asks for {model}, but with lora.merge = false only adapters are written",
                "set lora.merge = true, use {out}/adapter in the command, or give --no-evaluate",
            )

    def accumulation(self, processes: int) -> int:
        """Parts that each of `processes` accumulates a step. Raises `ConfigError` if it cannot."""
        at_once = self.pace.per_device * processes
        if self.learn.batch % at_once:
            raise ConfigError(
                f"learn.batch = {self.learn.batch} is not a multiple of {at_once} "
                f"(pace.per_device = {self.pace.per_device} on {processes} processes)",
                "change one of them",
            )
        return self.learn.batch // at_once
