"""A recipe: every setting that decides what comes out of a curation run, and nothing else.

How fast it goes (episodes in flight, processes, machines) is not in it, so a run may go on with another
pace. What always holds: `checked` and `check_models` find what can be found before anything is read or
asked; every setting but `title`, `grading`, `funnel` and `export` belongs to one stage.
"""

from __future__ import annotations

from importlib.util import find_spec
from math import isfinite
from typing import Any, Literal, get_args

from pydantic import Field, field_validator, model_validator

from deepeyes.core.config import Config
from deepeyes.core.errors import ConfigError
from deepeyes.core.extras import install
from deepeyes.core.images import VisionSpec
from deepeyes.data.item import Route
from deepeyes.data.old_names import renamed
from deepeyes.data.sources.readers import raw_rows
from deepeyes.data.sources.source import Source
from deepeyes.data.stages.prepare.normalise import Normalisation
from deepeyes.data.stages.prepare.verifiable import VerifiabilityFilter
from deepeyes.data.stages.probe.difficulty import DifficultyFilter
from deepeyes.data.stages.probe.tool_benefit import ToolBenefitSplit
from deepeyes.data.stages.select.decontaminate import Decontamination
from deepeyes.data.stages.select.deduplicate import Deduplication
from deepeyes.data.stages.select.fingerprint import Fingerprinting
from deepeyes.data.stages.select.mix import Mixture
from deepeyes.data.stages.select.split import ValidationSplit
from deepeyes.data.stages.stage import Stage
from deepeyes.data.stages.teach.synthesize import WORLD, WRITTEN, Synthesis
from deepeyes.data.stages.teach.verify import Verification
from deepeyes.dialects.registry import dialect_named
from deepeyes.grading.grader import Grading
from deepeyes.harness.search import check_search
from deepeyes.models.registry import check_models
from deepeyes.tools.registry import TOOLS


class ExportOptions(Config):
    """Settings of all formats."""

    images: Literal["seen", "full"] = "seen"
    """Images at the size the model saw them (a fraction of the bytes, and what its words speak of), or in
    full.
    """
    dialect: str = "deepeyes_v2"
    """In which prompts for reinforcement learning are put: `deepeyes_v2`, `deepeyes_v2/brief`, ..."""
    tools: tuple[str, ...] | None = None
    """Which tools these prompts name, in this order; by default those that the run's own stages had, and
    `python` if none had any.
    """
    vision: VisionSpec = VisionSpec()
    """How large the learner of these prompts sees images."""

    @model_validator(mode="before")
    @classmethod
    def _read_old_names(cls, values: Any) -> Any:
        return renamed(values, {"pictures": "images"})

    @field_validator("tools")
    @classmethod
    def _are_tools(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for name in names or ():
            if name not in TOOLS:
                raise ValueError(f"there is no tool {name!r}, the tools are {', '.join(TOOLS)}")
        return names


class FunnelWarnings(Config):
    """From where on a run's funnel is told to be odd. Changes nothing in what comes out."""

    loss: float = Field(default=0.25, ge=0, le=1)
    """Share of a stage's items that may be lost to one reason, where the stage does not choose on purpose."""
    malformed: float = Field(default=0.2, ge=0, le=1)
    """Share of a stage's tries that may end because the model does not speak its dialect."""
    unsure: float = Field(default=0.2, ge=0, le=1)
    """Share of a stage's tries of which the grader may not know whether they are right."""


class CurationRecipe(Config):
    """One TOML file. Its stages run in the order of their fields here; those that ask a model are left out
    where none is named.
    """

    title: str = "curated data"
    sources: dict[str, Source] = Field(min_length=1)
    batch: int = Field(default=256, ge=1)
    """Items a part: what is lost when the run is killed in a stage that asks no model."""
    grading: Grading = Grading()
    """Who says what is right, in every stage that asks."""
    funnel: FunnelWarnings = FunnelWarnings()
    normalise: Normalisation = Normalisation()
    verifiable: VerifiabilityFilter = VerifiabilityFilter()
    difficulty: DifficultyFilter = DifficultyFilter()
    tool_benefit: ToolBenefitSplit = ToolBenefitSplit()
    synthesize: Synthesis = Synthesis()
    verify: Verification = Verification()
    fingerprint: Fingerprinting = Fingerprinting()
    deduplicate: Deduplication = Deduplication()
    decontaminate: Decontamination = Decontamination()
    mix: Mixture = Mixture()
    split: ValidationSplit = ValidationSplit()
    export: ExportOptions = ExportOptions()

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The stages after reading, in order."""
        fields = (getattr(self, name) for name in type(self).model_fields)
        return tuple(field for field in fields if isinstance(field, Stage))

    def changed(self, before: CurationRecipe) -> list[str]:
        """The stages whose settings are not those of `before`, in order; the order of tables counts too."""
        same_rows = (list(self.sources.items()), self.batch) == (list(before.sources.items()), before.batch)
        pairs = zip(self.stages, before.stages, strict=True)
        others = [now.name for now, then in pairs if now.model_dump_json() != then.model_dump_json()]
        if self.verify.tolerate != before.verify.tolerate:  # it also decides who is taught again
            others.append(self.synthesize.name)
        if self.graded_otherwise(before):
            others += [stage.name for stage in self.stages if stage.mode in ("model", "teacher")]
        others = sorted(set(others), key=[stage.name for stage in self.stages].index)
        return others if same_rows else ["read", *others]

    def graded_otherwise(self, before: CurationRecipe) -> bool:
        """Whether answers in a run of `before` may have another verdict by this recipe."""
        unimportant = {"cache", "seconds"}
        now, then = (recipe.grading.model_dump(exclude=unimportant) for recipe in (self, before))
        return now != then

    def asked_otherwise(self, before: CurationRecipe) -> list[str]:
        """The episode stores of a run of `before` whose episodes may not count for this recipe: its questions
        are others, or a model or teacher would be asked under other settings.
        """
        now, then = self._asking(), before._asking()
        other_questions = {"read", "normalise"} & set(self.changed(before))
        return [store for store in then if other_questions or now.get(store) != then[store]]

    def episode_stores(self) -> list[str]:
        """Where a run keeps the episodes whose verdicts are this recipe's."""
        return list(self._asking())

    def _asking(self) -> dict[str, object]:
        """Episode store to all that decides what is said in its episodes, the questions apart."""
        teachers = {**self.synthesize.teachers, WRITTEN: self.synthesize.written}
        probes = (self.difficulty, self.tool_benefit)
        return {
            **{probe.name: probe.model_dump(exclude=set(probe.judging)) for probe in probes},
            **{f"{self.synthesize.name}-{name}": teacher for name, teacher in teachers.items()},
        }

    def check_models(self) -> None:
        """Raises `ModelError` or `ConfigError` for names of models and searches that nothing can have."""
        self.grading.check_models()
        teachers = list(self.synthesize.teachers.values())
        models = [self.difficulty.model, self.tool_benefit.model, *(teacher.model for teacher in teachers)]
        check_models(model for model in models if model and model != WORLD)
        for searching in (self.tool_benefit, *teachers):
            check_search(searching.search)

    def checked(self) -> CurationRecipe:
        """Itself; raises `ConfigError` or `InputError` for what cannot work."""
        for library in ("imagehash", "datasketch"):
            if find_spec(library) is None:
                raise ConfigError(f"{library} is not installed", install("data"))
        teachers = [*self.synthesize.teachers.values(), self.synthesize.written]
        for speaking in (self.difficulty, self.tool_benefit, *teachers, self.export):
            if speaking.dialect:
                dialect_named(speaking.dialect)
        for name in self.synthesize.teachers:
            _check_name(name, "a teacher", taken=WRITTEN)
        self._check_mix()
        for section, sources in (
            ("sources", self.sources),
            ("decontaminate.against", self.decontaminate.against),
        ):
            for name, source in sources.items():
                _check_name(name, "a source")
                source.check(f"{section}.{name}")
                next(iter(raw_rows(source)), None)  # opens it
        goes_to_rl = not self.tool_benefit.model and self.tool_benefit.otherwise == "rl"
        taught = ("cold_start",) if goes_to_rl else ("cold_start", "question")
        needs = [n for n, s in self.sources.items() if s.entry in taught and s.kind != "sharegpt"]
        if needs and not self.synthesize.teachers:
            raise ConfigError(
                f"questions of {', '.join(needs)} may need a trace and there is no teacher",
                'name one in [synthesize.teachers.NAME], or set tool_benefit.otherwise = "rl"',
            )
        return self

    def _check_mix(self) -> None:
        shares, by = self.mix.shares, self.mix.by
        if not all(map(isfinite, shares.values())):
            raise ConfigError("a share of mix.shares is no finite number", "give numbers such as 0.5")
        if by != "family":  # families are known once the rows are read
            self.mix.check(self.sources if by == "source" else get_args(Route))


def _check_name(name: str, what: str, taken: str = "") -> None:
    if name == taken or not name.replace("-", "").replace("_", "").isalnum():
        but = f", but not {taken}" if taken else ""
        raise ConfigError(f"{name!r} is no name for {what}", f"use letters, digits, - and _{but}")
