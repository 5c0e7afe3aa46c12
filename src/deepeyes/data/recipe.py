"""A recipe: every setting that decides what comes out of a curation run, and nothing else.

How fast it goes (episodes in flight, processes, machines) is not in it, so a run may go on with another
pace. What always holds: `checked` and `check_models` find what can be found before anything is read or
asked; every setting but `title` and `export` belongs to one stage.
"""

from __future__ import annotations

from importlib.util import find_spec
from math import isfinite
from typing import Literal, get_args

from pydantic import Field, field_validator

from deepeyes.core.config import Config
from deepeyes.core.errors import ConfigError
from deepeyes.core.images import VisionSpec
from deepeyes.data.item import Lane
from deepeyes.data.sources.readers import raw_rows
from deepeyes.data.sources.source import Source
from deepeyes.data.stages.prepare.normalise import OpenEnded
from deepeyes.data.stages.prepare.verifiable import Verifiable
from deepeyes.data.stages.probe.difficulty import Difficult
from deepeyes.data.stages.probe.tool_benefit import Benefit
from deepeyes.data.stages.select.decontaminate import Decontaminate
from deepeyes.data.stages.select.deduplicate import Distinct
from deepeyes.data.stages.select.fingerprint import Looks
from deepeyes.data.stages.select.mix import Mixed
from deepeyes.data.stages.select.split import Split
from deepeyes.data.stages.teach.synthesize import WORLD, WRITTEN, Synthesize
from deepeyes.data.stages.teach.verify import Verified
from deepeyes.dialects.registry import dialect_named
from deepeyes.harness.search import check_search
from deepeyes.models.registry import check_model
from deepeyes.tools.registry import TOOLS

Section = (
    OpenEnded
    | Verifiable
    | Difficult
    | Benefit
    | Synthesize
    | Verified
    | Looks
    | Distinct
    | Decontaminate
    | Mixed
    | Split
)
_JUDGING = {"k", "max_right", "solved_at", "otherwise"}
"""Settings of the probes that decide how often is asked and what follows, not what is said."""


class ExportOptions(Config):
    """Settings of all formats."""

    pictures: Literal["seen", "full"] = "seen"
    """Pictures at the size the model saw them (a fraction of the bytes, and what its words speak of), or in
    full.
    """
    dialect: str = "deepeyes_v2"
    """In which prompts for reinforcement learning are put: `deepeyes_v2`, `deepeyes_v2/brief`, ..."""
    tools: tuple[str, ...] | None = None
    """Which tools these prompts name, in this order; by default those that the run's own stages had, and
    `python` if none had any.
    """
    vision: VisionSpec = VisionSpec()
    """How large the learner of these prompts sees pictures."""

    @field_validator("tools")
    @classmethod
    def _are_tools(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for name in names or ():
            if name not in TOOLS:
                raise ValueError(f"there is no tool {name!r}, the tools are {', '.join(TOOLS)}")
        return names


class Recipe(Config):
    """One TOML file. Every stage has a section; those that ask a model are left out without one."""

    title: str = "curated data"
    sources: dict[str, Source] = Field(min_length=1)
    batch: int = Field(default=256, ge=1)
    """Items a part: what is lost when the run is killed in a stage that asks no model."""
    normalise: OpenEnded = OpenEnded()
    verifiable: Verifiable = Verifiable()
    difficulty: Difficult = Difficult()
    tool_benefit: Benefit = Benefit()
    synthesize: Synthesize = Synthesize()
    verify: Verified = Verified()
    fingerprint: Looks = Looks()
    deduplicate: Distinct = Distinct()
    decontaminate: Decontaminate = Decontaminate()
    mix: Mixed = Mixed()
    split: Split = Split()
    export: ExportOptions = ExportOptions()

    @property
    def stages(self) -> tuple[Section, ...]:
        """The stages after reading, in order."""
        return (
            self.normalise,
            self.verifiable,
            self.difficulty,
            self.tool_benefit,
            self.synthesize,
            self.verify,
            self.fingerprint,
            self.deduplicate,
            self.decontaminate,
            self.mix,
            self.split,
        )

    def changed(self, before: Recipe) -> list[str]:
        """The stages whose settings are not those of `before`, in order; the order of tables counts too."""
        same_rows = (list(self.sources.items()), self.batch) == (list(before.sources.items()), before.batch)
        pairs = zip(self.stages, before.stages, strict=True)
        others = [now.name for now, then in pairs if now.model_dump_json() != then.model_dump_json()]
        if self.verify.tolerate != before.verify.tolerate:  # it also decides who is taught again
            others = sorted({*others, self.synthesize.name}, key=[s.name for s in self.stages].index)
        return others if same_rows else ["read", *others]

    def unasked(self, before: Recipe) -> list[str]:
        """The shelves of `before` whose episodes do not count here: other questions, or otherwise asked."""
        now, then = self._asking(), before._asking()
        others = {"read", "normalise"} & set(self.changed(before))
        return [shelf for shelf in then if others or now.get(shelf) != then[shelf]]

    def _asking(self) -> dict[str, object]:
        """Shelf of episodes to what decides what is said in them, the questions apart."""
        teachers = {**self.synthesize.teachers, WRITTEN: self.synthesize.written}
        return {
            **{
                stage.name: stage.model_dump(exclude=_JUDGING)
                for stage in (self.difficulty, self.tool_benefit)
            },
            **{f"{self.synthesize.name}-{name}": teacher for name, teacher in teachers.items()},
        }

    def check_models(self) -> None:
        """Raises `ModelError` or `ConfigError` for names of models and searches that nothing can have."""
        teachers = list(self.synthesize.teachers.values())
        models = [self.difficulty.model, self.tool_benefit.model, *(teacher.model for teacher in teachers)]
        for model in models:
            if model and model != WORLD:
                check_model(model)
        for searching in (self.tool_benefit, *teachers):
            check_search(searching.search)

    def checked(self) -> Recipe:
        """Itself; raises `ConfigError` or `InputError` for what cannot work."""
        for library in ("imagehash", "datasketch"):
            if find_spec(library) is None:
                raise ConfigError(f"{library} is not installed", "pip install 'deepeyes[data]'")
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
            self.mix.check(self.sources if by == "source" else get_args(Lane))


def _check_name(name: str, what: str, taken: str = "") -> None:
    if name == taken or not name.replace("-", "").replace("_", "").isalnum():
        but = f", but not {taken}" if taken else ""
        raise ConfigError(f"{name!r} is no name for {what}", f"use letters, digits, - and _{but}")
