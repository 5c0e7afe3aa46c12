"""A recipe for reinforcement learning: what is asked, how it is played, what earns reward, how it is learned.

What always holds: what is in `[pace]`, `[watch]` and `[report]` does not change what is learned, so a run may
go on with other values there; a folder refuses to go on with any other change. `checked` finds what can be
found before anything heavy is loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from deepeyes.core.config import Config
from deepeyes.core.errors import ConfigError
from deepeyes.core.extras import needs
from deepeyes.core.limits import Limits
from deepeyes.core.sampling import Sampling, with_sampling
from deepeyes.grading.grader import Grading
from deepeyes.grading.reward import Reward
from deepeyes.train.rl.advantages import Scale
from deepeyes.train.rl.correction import Correction
from deepeyes.train.rl.losses.registry import LossName
from deepeyes.train.sft.recipe import AdapterConfig, ModelConfig
from deepeyes.world.families import FAMILIES
from deepeyes.world.strings import SPLITS

EngineName = Literal["auto", "nano", "transformers", "vllm", "sglang"]
SERVED = ("vllm", "sglang")
"""Engines that are servers of their own."""
MixedIn = Literal["reward", "accuracy"]
NOT_LEARNED = ("title", "pace", "watch", "report")
"""Sections that may change while a run goes on."""


class TasksConfig(Config):
    """What is asked: the world's families, or files of questions (as `deepeyes eval run` reads them)."""

    world: dict[str, float] = Field(default_factory=dict[str, float])
    """Family of the embedded world to its share of the groups."""
    split: str = "train"
    files: dict[str, float] = Field(default_factory=dict[str, float])
    """File or folder of questions to its share; each is gone through in a shuffled order, again and again."""
    by_signal: float = Field(default=0.0, ge=0, le=1)
    """How far shares follow what was mixed lately: 0 keeps them, 1 asks each kind as often as its groups
    teach.
    """
    seed: int = 0

    def fixed(self, families: Sequence[str], split: str) -> TasksConfig:
        """The same number of each family of another split, always the same ones."""
        return TasksConfig(world=dict.fromkeys(families, 1.0), split=split, seed=self.seed)

    @field_validator("world")
    @classmethod
    def _families(cls, shares: dict[str, float]) -> dict[str, float]:
        unknown = [family for family in shares if family not in FAMILIES]
        if unknown:
            raise ValueError(f"the families are {', '.join(FAMILIES)}")
        return shares

    @field_validator("split")
    @classmethod
    def _split(cls, split: str) -> str:
        if split not in SPLITS:
            raise ValueError(f"the splits are {', '.join(SPLITS)}")
        return split

    @field_validator("world", "files")
    @classmethod
    def _positive(cls, shares: dict[str, float]) -> dict[str, float]:
        if any(not 0 < share < float("inf") for share in shares.values()):
            raise ValueError("a share should be above 0")
        return shares


class RolloutsConfig(Config):
    """How episodes are played."""

    groups: int = Field(default=32, ge=1)
    """Groups that a step learns from."""
    samples: int = Field(default=8, ge=2)
    """Episodes a group: tries at one task."""
    mixed_only: bool = True
    """Learn from groups alone whose rewards differ, and play others in place of the rest (DAPO's dynamic
    sampling).
    """
    mixed_in: MixedIn = "reward"
    """Which differences count: of the whole reward, or of accuracy alone, so that groups that differ in form
    or in the cost of calls do not crowd out those that differ in what is right.
    """
    most: float = Field(default=4.0, ge=1)
    """Play at most so many times `groups` for a step; what is mixed by then is learned from."""
    engine: EngineName = "auto"
    servers: tuple[str, ...] = ()
    """Addresses of the servers that `vllm` and `sglang` ask, like http://127.0.0.1:8000."""
    concurrency: int = Field(default=64, ge=1)
    """Episodes in flight."""
    stale: int = Field(default=0, ge=0)
    """Steps that may be played ahead, while the learner learns, with the weights that there are by then; at 0
    a step is played with the newest, and a run can be repeated.
    """
    tools: Literal["task", "all"] = "task"
    """Offer Python and what a task says that it needs, or all that is open."""
    search: tuple[str, ...] = ()
    """What may be searched, as in `deepeyes ask --search`."""
    dialect: str = ""
    limits: Limits = Limits()
    sampling: Sampling = Sampling(temperature=1.0)

    @model_validator(mode="before")
    @classmethod
    def _warm(cls, values: Any) -> Any:
        return with_sampling(values, default=Sampling(temperature=1.0))

    @field_validator("search", "servers", mode="before")
    @classmethod
    def _one_search(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


class OptimConfig(Config):
    """How weights follow rewards."""

    steps: int = Field(default=60, ge=1)
    updates: int = Field(default=1, ge=1)
    """Optimizer steps on the groups of one step."""
    loss: LossName = "dapo"
    scale: Scale = "group"
    """What advantages are divided by."""
    clip_low: float = Field(default=0.2, gt=0, lt=1)
    clip_high: float = Field(default=0.3, gt=0)
    correction: Correction = "none"
    """For the difference between the sampler's log-probabilities and the trainer's."""
    correction_low: float = Field(default=0.5, ge=0)
    correction_high: float = Field(default=2.0, gt=0)
    lr: float = Field(default=1e-6, gt=0)
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    warmup: int = Field(default=0, ge=0)
    """Updates over which the rate rises."""
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = Field(default=0.0, ge=0)
    clip: float = Field(default=1.0, gt=0)
    """Largest norm of a gradient."""
    average: float = Field(default=0.0, ge=0, lt=1)
    """Share of the average that each step keeps: with one above 0, averaged weights are measured and left."""
    seed: int = 0


class WatchConfig(Config):
    """What is looked at beside the training."""

    every: int = Field(default=0, ge=0)
    """Steps between measurements on the fixed set; 0 for none."""
    world: tuple[str, ...] = ()
    """Families of the fixed set; by default those that are trained on."""
    split: str = "validation"
    n: int = Field(default=160, ge=1)
    samples: int = Field(default=2, ge=1)
    """Episodes a question of the fixed set, at temperature 1."""
    keep: int = Field(default=2, ge=0)
    """Groups a step whose episodes are kept for the viewer."""
    signal: bool = True
    """Measure the cosine of half-batches' gradients, which takes the memory of one more gradient."""


class ReportConfig(Config):
    """Who is told the numbers of each step, beside the run's own files."""

    to: tuple[Literal["tensorboard", "trackio", "wandb"], ...] = ()
    """`tensorboard` writes into the run's folder, `trackio` where it keeps its projects, `wandb` to its
    server, or into the run's folder where there is no key.
    """
    project: str = Field(default="deepeyes", min_length=1)
    """For Trackio and Weights & Biases."""

    @field_validator("to", mode="before")
    @classmethod
    def _one(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    def check(self) -> None:
        """Raises `ConfigError` for one whose library is missing."""
        for name in self.to:
            if find_spec(name) is None:
                extra = "train" if name == "tensorboard" else "report"
                raise ConfigError(
                    f"report.to names {name}, which is not installed", f"{needs(extra)}, or leave it out"
                )


class BackendConfig(Config):
    """Who optimizes: our own loop on one device, or TRL, with adapters and on many devices."""

    name: Literal["flat", "trl"] = "flat"
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    """`trl` only; `auto` is bf16 on a GPU and fp32 without one. The flat loop computes in fp32."""


class RlAdapterConfig(AdapterConfig):
    """Low-rank adapters, `trl` only."""

    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Has to be 0: with dropout the weights that learn are not those that sampled."""


class PaceConfig(Config):
    """Speed and memory."""

    tokens: int = Field(default=16_384, ge=1)
    """Most tokens, padding included, of one forward pass of the flat loop."""
    per_device: int = Field(default=1, ge=1)
    """Episodes of one forward pass of TRL on each device; the rest of a step's is accumulated."""
    gradient_checkpointing: bool = True
    """`trl` only."""
    save_every: int = Field(default=5, ge=1)
    keep: int = Field(default=2, ge=1)


class RlRecipe(Config):
    """One run."""

    title: str = ""
    model: ModelConfig
    tasks: TasksConfig
    rollouts: RolloutsConfig = RolloutsConfig()
    reward: Reward = Reward()
    grading: Grading = Grading()
    optim: OptimConfig = OptimConfig()
    backend: BackendConfig = BackendConfig()
    lora: RlAdapterConfig = RlAdapterConfig()
    pace: PaceConfig = PaceConfig()
    watch: WatchConfig = WatchConfig()
    report: ReportConfig = ReportConfig()

    def checked(self) -> Self:
        """Itself; raises `ConfigError` for what cannot work."""
        if not self.tasks.world and not self.tasks.files:
            raise ConfigError("the recipe asks nothing", "name families under [tasks.world] or files")
        if self.rollouts.sampling.temperature == 0:
            raise ConfigError(
                "at temperature 0 all episodes of a group are the same",
                "set rollouts.sampling.temperature to 1",
            )
        if self.rollouts.sampling.repetition_penalty != 1:
            raise ConfigError(
                "a repetition penalty makes log-probabilities hang on the whole conversation",
                "set rollouts.sampling.repetition_penalty to 1",
            )
        if self.rollouts.stale and self.rollouts.engine in ("auto", "transformers"):
            raise ConfigError(
                "episodes are only played ahead by an engine with weights of its own",
                "set rollouts.engine to nano, or rollouts.stale to 0",
            )
        if self.rollouts.stale and self.optim.correction == "none":
            raise ConfigError(
                "what is played ahead was sampled from older weights, and nothing corrects for that",
                "set optim.correction to truncate",
            )
        if self.reward.long_from and self.reward.long_to <= self.reward.long_from:
            raise ConfigError("reward.long_to is not above reward.long_from", "raise it")
        served = self.rollouts.engine in SERVED
        if served != bool(self.rollouts.servers):
            raise ConfigError(
                f"rollouts.engine is {self.rollouts.engine} and rollouts.servers names "
                f"{len(self.rollouts.servers)} servers",
                f"name servers for the engines {' and '.join(SERVED)}, and for them alone",
            )
        self._check_backend()
        self.grading.check_models()
        self.report.check()
        return self

    def _check_backend(self) -> None:
        """Raises `ConfigError` for what the backend of the recipe does not do."""
        if self.backend.name == "flat" and self.lora.rank:
            raise ConfigError("the flat loop has no adapters", 'set backend.name = "trl", or lora.rank = 0')
        if self.backend.name == "trl" and self.optim.average:
            raise ConfigError("TRL averages no weights", 'set backend.name = "flat", or optim.average = 0')
        if self.rollouts.stale and (self.backend.name == "trl" or self.rollouts.engine in SERVED):
            raise ConfigError(
                "only the flat loop with the engine nano plays steps ahead", "set rollouts.stale = 0"
            )
        if self.lora.dropout:
            raise ConfigError("with lora.dropout what learns is not what sampled", "set lora.dropout = 0")
