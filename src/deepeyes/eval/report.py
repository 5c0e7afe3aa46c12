"""Numbers about graded episodes.

What always holds: an episode that failed because of us is counted and shown with what failed, never scored;
one of which nobody can tell whether it is right is counted apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from deepeyes.analysis.crops import CropFinder, contains
from deepeyes.analysis.misfit import replies_of
from deepeyes.analysis.stats import median, share, wilson
from deepeyes.core.images import ImageStore
from deepeyes.core.trace import Trace
from deepeyes.grading.rules import grade


def report(traces: Sequence[Trace], images: ImageStore) -> dict[str, Any]:
    """One flat object of numbers about graded episodes.

    `accuracy` with its Wilson interval `ci95` is over the `n` episodes that are results, and of the `unsure`
    ones none counts as right; `accuracy_at_most` is what it were if all of them were. `abstained` counts
    those that said they cannot tell, right or wrong. `judged` counts those
    whose verdict is a judge's, of which a number is no better than the judge. `tool_call_rate` is the
    share of all results with at least one tool call; `crop_hit_rate` is the share, of those that called a
    tool and whose truth box is known, in which one of the returned images contains that box. A returned image
    whose place cannot be told (rotated, stretched, drawn on) is not a hit; `crops_unlocated` counts the
    episodes without any located one. `malformed_share` is the share of all replies that could not be read: a
    large one says that the model does not speak its dialect. `seconds_per_episode` is the median wall clock.
    With several families each has its own accuracy and tool-call rate.
    """
    scored = [trace for trace in traces if trace.stop_reason.is_result]
    right = sum(trace.is_right for trace in scored)
    unsure = sum(trace.is_unsure for trace in scored)
    looked = [trace for trace in scored if trace.tool_turns and trace.task.truth_box and trace.task.images]
    hits = [crop_hit(trace, images) for trace in looked]
    numbers: dict[str, Any] = {
        "n": len(scored),
        "accuracy": _rounded(share(right, len(scored))),
        "unsure": unsure,
        "accuracy_at_most": _rounded(share(right + unsure, len(scored))),
        "abstained": sum(trace.has_abstained for trace in scored),
        "judged": sum(trace.verdict is not None and trace.verdict.by == "judge" for trace in scored),
        "ci95": [_rounded(side) for side in wilson(right, len(scored))],
        "tool_call_rate": _rounded(share(sum(bool(t.tool_turns) for t in scored), len(scored))),
        "crop_hit_rate": _rounded(share(sum(hit is True for hit in hits), len(hits))),
        "crops_unlocated": sum(hit is None for hit in hits),
        "malformed_share": _rounded(replies_of(scored).share),
        "stop_reasons": dict(Counter(trace.stop_reason.value for trace in traces).most_common()),
        "seconds_per_episode": _rounded(median([trace.seconds for trace in scored]), 3),
        "infrastructure_errors": len(traces) - len(scored),
    }
    families = list(dict.fromkeys(trace.task.family for trace in traces))
    for family in families if len(families) > 1 else []:
        its = [trace for trace in scored if trace.task.family == family]
        numbers[f"accuracy_{family}"] = _rounded(share(sum(trace.is_right for trace in its), len(its)))
        called = sum(bool(trace.tool_turns) for trace in its)
        numbers[f"tool_call_rate_{family}"] = _rounded(share(called, len(its)))
    return numbers


def failures(traces: Sequence[Trace]) -> Counter[str]:
    """What of ours ended episodes, in words, and how often each."""
    return Counter(trace.failure for trace in traces if not trace.stop_reason.is_result)


def by_our_rules(traces: Sequence[Trace]) -> dict[str, Any]:
    """What our own rules, without a judge, say of the same answers: to be told beside the numbers of a
    published rule, which may be wrong itself.
    """
    scored = [trace for trace in traces if trace.stop_reason.is_result]
    verdicts = [grade(trace.task, trace.answer) for trace in scored]
    return {
        "accuracy_by_our_rules": _rounded(share(sum(one.is_right for one in verdicts), len(scored))),
        "unsure_by_our_rules": sum(one.is_unsure for one in verdicts),
    }


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


def _rounded(value: float | None, digits: int = 4) -> float | None:
    return None if value is None else round(value, digits)
