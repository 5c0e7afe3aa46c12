"""Did the answer come from what the tools brought back? Read from traces of which the truth is known.

Two things can be seen in the episode itself: whether a returned image holds the thing that was asked about,
and whether the fact was in a result at all. The third is found by living the episode again with another
result in its place (`eval/faithful.py`): an answer that survives that was not read from it. What always
holds: where nobody can tell, nothing is said, and how often that is stands beside the shares.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from deepeyes.analysis.crops import CropFinder, contains
from deepeyes.analysis.stats import Estimate, cluster_mean
from deepeyes.analysis.summary import Row, group_of
from deepeyes.core.images import ImageStore
from deepeyes.core.results import Observation
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace
from deepeyes.core.verdict import Verdict
from deepeyes.grading.rules import grade

EVERY_TOOL = "all"
"""Stands for all tools of an episode that used several."""
META = "faithful"
"""The key of a counterfactual episode's `task.meta`: `of` (the trace's id), `tool`, `change`, and, where a
result was replaced, `other` (the trace it is from) and `other_answers` (what is right there).
"""
_THOUSANDS = re.compile(r"(?<=\d)[,\u00a0\u202f](?=\d{3}\b)")
_WORD = re.compile(r"\w+(?:\.\d+)?")


def crop_hit(trace: Trace, images: ImageStore) -> bool | None:
    """Whether a returned image contains the truth box; None if none of them could be placed."""
    truth = trace.task.truth_box
    returned = [part.ref for turn in trace.tool_turns if turn.observation for part in turn.observation.images]
    if truth is None or not returned:
        return False
    finder = CropFinder(images.get(trace.task.images[0]))
    places = [place for ref in returned if (place := finder.find(images.get(ref))) is not None]
    if not places:
        return None
    return any(contains(place.box, truth, place.tolerance) for place in places)


def outputs_of(trace: Trace, tool: str = EVERY_TOOL) -> list[Observation]:
    """What a tool brought back in the episode, in order."""
    seen = (turn.observation for turn in trace.tool_turns)
    return [one for one in seen if one is not None and tool in (EVERY_TOOL, one.tool)]


def tools_of(trace: Trace) -> list[str]:
    """The tools that it called, in the order of their first call."""
    return list(dict.fromkeys(seen.tool for seen in outputs_of(trace)))


def facts_of(task: Task) -> list[str]:
    """Texts of which any proves the answer: the answers, unless one is the letter of an option, and what
    `truth["proof"]` says (a text or several).
    """
    proof = task.truth.get("proof", ())
    texts = [proof] if isinstance(proof, str) else cast("Sequence[Any]", proof)
    answers = (text for text in (task.answer, *task.answers) if len(text.strip("() .")) > 1 or text.isdigit())
    return [text for text in (*map(str, texts), *answers) if _words(text)]


def holds_fact(text: str, task: Task) -> bool:
    """Whether the words of a fact stand in `text`, one after the other."""
    words = f" {_words(text)} "
    return any(f" {_words(fact)} " in words for fact in facts_of(task))


def fact_in_result(trace: Trace, images: ImageStore, tool: str = EVERY_TOOL) -> bool | None:
    """Whether what `tool` brought back holds the fact: in its text, or in an image with the truth box in it.

    None where nobody can tell: no fact is known that words could say, or images came back that may show it.
    """
    outputs = outputs_of(trace, tool)
    if any(holds_fact(seen.text, trace.task) for seen in outputs):
        return True
    if any(seen.images for seen in outputs):
        known = trace.task.truth_box is not None and trace.task.images
        return crop_hit(trace, images) if known else None
    return False if facts_of(trace.task) else None


@dataclass(frozen=True)
class Seen:
    """What episodes with a tool show by themselves."""

    episodes: int
    fact: Estimate
    """Share in which the tool brought the fact, of those of which this can be told."""
    right_without: Estimate
    """Share of the right ones, of which it can be told, that came without it: known already, or guessed."""
    untold: int
    """Episodes of which nobody can tell whether the fact was there."""

    def told(self) -> dict[str, Any]:
        """As JSON."""
        shares = {"fact": self.fact.told(), "right_without_fact": self.right_without.told()}
        return {"episodes": self.episodes, **shares, "untold": self.untold}


def seen_facts(traces: Iterable[Trace], images: ImageStore) -> dict[str, Seen]:
    """By tool, over the results that called it."""
    by_tool: dict[str, list[tuple[Trace, bool | None]]] = {}
    for trace in traces:
        for tool in tools_of(trace) if trace.stop_reason.is_result else ():
            by_tool.setdefault(tool, []).append((trace, fact_in_result(trace, images, tool)))
    return {tool: _seen(found) for tool, found in by_tool.items()}


def _seen(found: Sequence[tuple[Trace, bool | None]]) -> Seen:
    known = [(trace, fact) for trace, fact in found if fact is not None]
    right = [(trace, fact) for trace, fact in known if trace.is_right]
    return Seen(
        episodes=len(found),
        fact=cluster_mean([float(fact) for _, fact in known], [group_of(trace.task) for trace, _ in known]),
        right_without=cluster_mean(
            [float(not fact) for _, fact in right], [group_of(trace.task) for trace, _ in right]
        ),
        untold=len(found) - len(known),
    )


@dataclass(frozen=True)
class Survival:
    """Right answers after the same change."""

    tool: str
    change: str
    """kept (the control), replaced or blanked."""
    survived: Row
    """Still right."""
    follows: Estimate | None
    """Answers that became that of the question whose result was put in; None where none was."""
    infrastructure: int

    def told(self) -> dict[str, Any]:
        """As JSON."""
        follows = None if self.follows is None else self.follows.told()
        rest = {"follows": follows, "infrastructure_errors": self.infrastructure}
        return {"tool": self.tool, "change": self.change, "survived": self.survived.told(), **rest}


def survivals(traces: Iterable[Trace]) -> list[Survival]:
    """By tool and change, from counterfactual episodes; others are left out."""
    cells: dict[tuple[str, str], list[Trace]] = {}
    for trace in traces:
        about = trace.task.meta.get(META)
        if isinstance(about, dict):
            made = cast("dict[str, Any]", about)
            cells.setdefault((str(made.get("tool")), str(made.get("change"))), []).append(trace)
    return [_survival(*cell, its) for cell, its in cells.items()]


def _survival(tool: str, change: str, traces: Sequence[Trace]) -> Survival:
    results = [trace for trace in traces if trace.stop_reason.is_result]
    share = None
    if change == "replaced":
        follows = list(map(_follows, results))
        share = cluster_mean(list(map(float, follows)), [group_of(trace.task) for trace in results])
        results = [_decided(trace) if its else trace for trace, its in zip(results, follows, strict=True)]
    return Survival(tool, change, Row.of(results), share, len(traces) - len(results))


def _follows(trace: Trace) -> bool:
    """Whether the answer is that of the question whose result was put in."""
    first, *others = trace.task.meta[META]["other_answers"]
    other = trace.task.model_copy(update={"answer": first, "answers": tuple(others)})
    return grade(other, trace.answer).is_right


def _decided(trace: Trace) -> Trace:
    """An answer of which nobody could tell is wrong where it is the other question's."""
    if not trace.is_unsure:
        return trace
    return trace.graded(Verdict(score=0.0, reason="the answer to the other question"))


def _words(text: str) -> str:
    """Words and numbers with one space between each two; no case, no marks, no thousands separators."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(_WORD.findall(_THOUSANDS.sub("", plain)))
