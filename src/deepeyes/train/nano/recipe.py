"""What the nano model is made by: its size and the settings of its stages, as one TOML file.

What always holds: the names of the settings, their order and their defaults decide what is written into a
stage's `made.json`, by which a run folder knows its recipe again; settings that only pace a run are not in
it.
"""

import math
from typing import Self

from pydantic import Field, field_validator, model_validator

from deepeyes.core.config import Config
from deepeyes.models.nano.size import NanoSize
from deepeyes.train.evaluation import EvaluationConfig
from deepeyes.train.rl.recipe import RlRecipe


class StageConfig(Config):
    """How long and how fast a stage learns."""

    steps: int
    batch: int = 64
    """Samples a step over all processes."""
    lr: float = 2e-3
    """Peak learning rate of AdamW; `muon` times that for the hidden matrices, `vision_lr` times for the
    vision tower, which at 0 is left as it is.
    """
    muon: float = 3.0
    vision_lr: float = 1.0
    warmup: int = 100
    """Steps of linear rise."""
    decay: float = 0.4
    """The last share of the steps, over which the rate falls along a cosine to a fiftieth."""
    weight_decay: float = 0.01
    clip: float = 1.0
    ema: float = 0.998
    """How much of the average over steps is kept at each step."""
    reuse: int = 1
    """How often a drawn batch is learned from: drawing images takes half of the time of a small model."""
    evaluate_every: int = 500
    save_every: int = 60
    """Seconds between checkpoints."""


class DenseConfig(StageConfig):
    """The vision warm-up."""

    em: tuple[float, float] = (13.0, 60.0)
    """Smallest and largest em of ordinary words, in pixels of the view; small ones are drawn more often. What
    is smaller is to be looked at in a crop.
    """
    views: int = Field(default=1, ge=1)
    """Looks at every image before the next ones are drawn; with more than one, each is at a part of it."""

    @field_validator("em")
    @classmethod
    def _ascending(cls, em: tuple[float, float]) -> tuple[float, float]:
        if not 1 <= em[0] <= em[1]:
            raise ValueError("em should be the smallest and the largest, in pixels from 1 on")
        return em


class JointStageConfig(StageConfig):
    """A stage in which the model learns to speak, with `JointLoss`."""

    dense_weight: float = 0.1
    """Weight of the vision labels beside the loss on words."""


UNKNOWN = "unknown"
"""The name, among the families of a cold start, of what the model is taught to say that it cannot tell of."""


class TraceConfig(Config):
    """How many examples of each family the teacher works through, in shards of `shard`."""

    examples: dict[str, int]
    shard: int = 50
    unknown: dict[str, int] = Field(default_factory=dict)
    """How many examples of each family the teacher looks at that the model is not to be taught: it says that
    it cannot tell. As the family `UNKNOWN` they have a share in the cold start.
    """


class ColdStartConfig(JointStageConfig):
    """Cold start: which share of the samples are traces of each family; the rest are the base model's
    lessons.
    """

    shares: dict[str, float]
    keep: float = Field(default=0.0, ge=0, lt=1)
    """Share that what it started with has in the weights that are handed on: a mean of both forgets less."""
    ablations: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Cold starts to compare with each other, on the traces of these families alone."""
    ablation_steps: int = 800
    """Steps of an ablation that has all families."""

    def only(self, families: tuple[str, ...]) -> "ColdStartConfig":
        """An ablation on these families alone: it sees as many traces of each of them as one on all families,
        and takes as many fewer steps.
        """
        kept = {family: self.shares[family] for family in families}
        part = sum(kept.values()) / sum(self.shares.values())
        shares = {family: share / part for family, share in kept.items()}
        return self.model_copy(update={"shares": shares, "steps": round(self.ablation_steps * part)})


PACES = frozenset({"save_every", "evaluate_every", "ablations", "ablation_steps"})
"""Settings of a stage that do not decide what it makes: they may change while a run goes on."""


class NanoRecipe(Config):
    """One TOML file: the model's size and the settings of each stage."""

    seed: int
    size: NanoSize
    start: str = ""
    """A folder, or the name of an embedded model, from which the first stage begins; with one, a recipe has
    as many of the first three stages as it likes, or none.
    """
    dense: DenseConfig | None = None
    copy_: JointStageConfig | None = Field(
        default=None, alias="copy"
    )  # `copy` is a method of pydantic models
    base: JointStageConfig | None = None
    traces: TraceConfig
    cold: ColdStartConfig
    rl: RlRecipe | None = None
    """Reinforcement learning, from the model of the stage that `rl.model.path` names."""
    evaluation: EvaluationConfig = EvaluationConfig()
    """What is run at the end; `{model}` is the model that came out."""

    @property
    def last(self) -> str:
        """The stage that makes the model that comes out."""
        return "cold" if self.rl is None else "rl"

    @property
    def lessons(self) -> dict[str, StageConfig]:
        """The settings of those of the first three stages that it has, by name and in order."""
        named = {"dense": self.dense, "copy": self.copy_, "base": self.base}
        return {stage: plan for stage, plan in named.items() if plan is not None}

    @model_validator(mode="after")
    def _begins(self) -> Self:
        if not self.start and len(self.lessons) < 3:
            raise ValueError("it needs either a start, or the stages dense, copy and base")
        if self.rl is not None and self.rl.model.path != "cold":
            raise ValueError(f"rl.model.path is {self.rl.model.path!r}: begin with the stage cold")
        return self

    def checked(self) -> Self:
        """Itself; raises `ConfigError` for what cannot work after the cold start."""
        if self.rl is not None:
            self.rl.checked()
        self.evaluation.check()
        return self


def shareable(recipe: NanoRecipe, most: int) -> int:
    """The largest number of processes, up to `most`, that share the batches of all stages evenly."""
    common = math.gcd(*(plan.batch for plan in (*recipe.lessons.values(), recipe.cold)))
    return max(number for number in range(1, max(1, most) + 1) if common % number == 0)
