"""Whether a model speaks the dialect that it is spoken to in, told from its replies.

A model that does not looks as if it could not answer, and only another dialect helps; one that errs now and
then is told so and goes on. What always holds: replies are counted in episodes that are results; a reply that
was cut off is malformed, but says nothing about the dialect; a dialect is named as the cure only if it reads
most of what could not be read, and if the model could be asked in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deepeyes.analysis.stats import share
from deepeyes.core.trace import Trace, Turn
from deepeyes.dialects.registry import dialect_named

WARN_FROM = 0.2
"""Share of malformed replies that is worth a warning."""
LEAST = 3
"""Fewer are no reason to warn, whatever their share."""


def many(number: int, of: int, limit: float = WARN_FROM) -> bool:
    """Whether `number` of them is worth a warning."""
    return number >= max(LEAST, limit * of)


@dataclass(frozen=True)
class Replies:
    """How the replies of some episodes could be read."""

    made: int
    malformed: int
    cut: int
    """Those of the malformed ones that were cut off."""
    dialect: str
    """In which they were read; several, separated by commas, if there are several."""
    fitting: str
    """The dialect that reads most of the malformed ones; empty if there is none."""

    @property
    def share(self) -> float | None:
        return share(self.malformed, self.made)

    @property
    def misfit(self) -> bool:
        return many(self.malformed, self.made)

    def what(self) -> str:
        """What is wrong with the malformed ones, in words."""
        count = f"{self.malformed:,} of {self.made:,} malformed"
        if self.mostly_cut:
            return f"the model's replies were cut off ({count})"
        return f"the model's replies are not in the dialect {self.dialect} ({count})"

    def remedy(self, dialect: str, limit: str, look: str) -> str:
        """What to do about it: `dialect` and `limit` are how an option is written there, such as
        `--dialect {}`, and `look` what to do when nothing is known to help.
        """
        if self.mostly_cut:
            return f"allow longer ones with {limit.format('tokens_per_turn=N')}"
        return f"try {dialect.format(self.fitting)}" if self.fitting else look

    @property
    def mostly_cut(self) -> bool:
        return 2 * self.cut > self.malformed


def replies_of(traces: Sequence[Trace]) -> Replies:
    """The replies of those of `traces` that are results."""
    results = [trace for trace in traces if trace.stop_reason.is_result]
    lost = [(trace, turn) for trace in results for turn in trace.turns if turn.kind == "malformed"]
    whole = [(trace, turn) for trace, turn in lost if turn.finish_reason != "length"]
    return Replies(
        made=sum(turn.kind != "none" for trace in results for turn in trace.turns),
        malformed=len(lost),
        cut=len(lost) - len(whole),
        dialect=", ".join(dict.fromkeys(trace.dialect for trace, _ in lost)),
        fitting=_fitting(whole),
    )


def _fitting(lost: Sequence[tuple[Trace, Turn]]) -> str:
    for name in ("native", "deepeyes_v2/lenient"):
        reader = dialect_named(name)
        read = sum(
            _can_be_asked_in(name, trace) and reader.parse(turn.text).kind != "malformed"
            for trace, turn in lost
        )
        if 2 * read > len(lost):
            return name
    return ""


def _can_be_asked_in(name: str, trace: Trace) -> bool:
    """Servers take tools; a model in this process is told of them in words, but not one that was trained on
    the brief ones.
    """
    served = trace.model.startswith("openai:")
    return trace.dialect != name and (name == "native") == served and (served or "brief" not in trace.dialect)
