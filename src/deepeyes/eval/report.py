"""Numbers about graded episodes.

What always holds: an episode that failed because of us is counted and shown with what failed, never scored;
one of which nobody can tell whether it is right is counted apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from deepeyes.analysis.faithfulness import crop_hit
from deepeyes.analysis.misfit import replies_of
from deepeyes.analysis.stats import median, share
from deepeyes.analysis.summary import summarise
from deepeyes.core.images import ImageStore
from deepeyes.core.trace import Trace
from deepeyes.grading.rules import grade


def report(traces: Sequence[Trace], images: ImageStore) -> dict[str, Any]:
    """One flat object of numbers about graded episodes.

    `accuracy` with its interval `ci95` is over the `n` episodes that are results, and of the `unsure` ones
    none counts as right; `accuracy_at_most` is what it were if all of them were. The interval is Wilson's,
    where samples of a task or tasks of a group belong together at the number of results that they are worth;
    `groups` is how many are independent. `abstained` counts those that said they cannot tell, right or wrong.
    `judged` counts those
    whose verdict is a judge's, of which a number is no better than the judge. `tool_call_rate` is the
    share of all results with at least one tool call; `crop_hit_rate` is the share, of those that called a
    tool and whose truth box is known, in which one of the returned images contains that box. A returned image
    whose place cannot be told (rotated, stretched, drawn on) is not a hit; `crops_unlocated` counts the
    episodes without any located one. `malformed_share` is the share of all replies that could not be read: a
    large one says that the model does not speak its dialect. `seconds_per_episode` is the median wall clock.
    With several families each has its own accuracy and tool-call rate.
    """
    scored = [trace for trace in traces if trace.stop_reason.is_result]
    summary = summarise(traces)
    looked = [trace for trace in scored if trace.tool_turns and trace.task.truth_box and trace.task.images]
    hits = [crop_hit(trace, images) for trace in looked]
    numbers: dict[str, Any] = {
        "n": len(scored),
        "accuracy": _rounded(summary.all.accuracy.value),
        "unsure": sum(trace.is_unsure for trace in scored),
        "accuracy_at_most": _rounded(summary.all.accuracy_at_most.value),
        "abstained": sum(trace.has_abstained for trace in scored),
        "judged": summary.judged,
        "ci95": [_rounded(side) for side in (summary.all.accuracy.low, summary.all.accuracy.high)],
        "groups": summary.all.accuracy.groups,
        "tool_call_rate": _rounded(share(sum(bool(t.tool_turns) for t in scored), len(scored))),
        "crop_hit_rate": _rounded(share(sum(hit is True for hit in hits), len(hits))),
        "crops_unlocated": sum(hit is None for hit in hits),
        "malformed_share": _rounded(replies_of(scored).share),
        "stop_reasons": dict(Counter(trace.stop_reason.value for trace in traces).most_common()),
        "seconds_per_episode": _rounded(median([trace.seconds for trace in scored]), 3),
        "infrastructure_errors": summary.infrastructure.total(),
    }
    for k, estimate in summary.pass_at.items():
        told, all_right = estimate.told(), summary.pass_hat[k].told()
        numbers[f"pass_at_{k}"], numbers[f"pass_at_{k}_ci95"] = told["value"], told["ci95"]
        numbers[f"pass_hat_{k}"], numbers[f"pass_hat_{k}_ci95"] = all_right["value"], all_right["ci95"]
    for family, row in summary.families.items() if len(summary.families) > 1 else ():
        its = [trace for trace in scored if trace.task.family == family]
        numbers[f"accuracy_{family}"] = _rounded(row.accuracy.value)
        numbers[f"ci95_{family}"] = [_rounded(side) for side in (row.accuracy.low, row.accuracy.high)]
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


def _rounded(value: float | None, digits: int = 4) -> float | None:
    return None if value is None else round(value, digits)
