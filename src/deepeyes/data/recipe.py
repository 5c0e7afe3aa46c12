"""A recipe: every setting that decides what comes out of a curation run, and nothing else.

How fast it goes (episodes in flight, processes, machines) is not in it, so a run may go on with another
pace. What always holds: `checked` finds what can be found before anything is read or asked.
"""

from __future__ import annotations

from pydantic import Field

from deepeyes.core.config import Config
from deepeyes.core.errors import ConfigError
from deepeyes.data.decontaminate import Decontaminate
from deepeyes.data.duplicates import Distinct
from deepeyes.data.export.options import ExportOptions
from deepeyes.data.looks import Looks
from deepeyes.data.mix import Mixed, Split
from deepeyes.data.odds import Benefit, Difficult
from deepeyes.data.openended import OpenEnded
from deepeyes.data.readers import raw_rows
from deepeyes.data.source import Source
from deepeyes.data.teaching import Synthesize
from deepeyes.data.verifiable import Verifiable
from deepeyes.data.verify import Verified


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

    def checked(self) -> Recipe:
        """Itself; raises `ConfigError` or `InputError` for what cannot work."""
        for section, sources in (
            ("sources", self.sources),
            ("decontaminate.against", self.decontaminate.against),
        ):
            for name, source in sources.items():
                if not name.replace("-", "").replace("_", "").isalnum():
                    raise ConfigError(f"{name!r} is no name for a source", "use letters, digits, - and _")
                source.check(f"{section}.{name}")
                next(iter(raw_rows(source)), None)  # opens it
        needs = [n for n, s in self.sources.items() if s.entry in ("question", "cold_start")]
        goes_to_rl = not self.tool_benefit.model and self.tool_benefit.otherwise == "rl"
        if needs and not self.synthesize.teachers and not goes_to_rl and not self._all_rl():
            raise ConfigError(
                f"questions of {', '.join(needs)} may need a trace and there is no teacher",
                'name one in [synthesize.teachers.NAME], or set tool_benefit.otherwise = "rl"',
            )
        return self

    def _all_rl(self) -> bool:
        return all(source.entry in ("rl", "trace", "text") for source in self.sources.values())
