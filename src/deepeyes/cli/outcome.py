"""How `ask` ends: one JSON object about the episode, or the error that says why there is no answer, or not
the expected one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deepeyes.analysis.misfit import replies_of
from deepeyes.cli.running import warn
from deepeyes.core.errors import DeepEyesError, InfrastructureError
from deepeyes.core.limits import StopReason
from deepeyes.core.trace import Trace, TraceWriter
from deepeyes.core.verdict import Outcome, Verdict
from deepeyes.grading.refusals import is_refusal
from deepeyes.models.registry import EMBEDDED

DIALECT, LIMIT = "--dialect {}", "--limit {}"
"""How the options are written."""
LARGER = (
    "nano is small and was never taught most of what images show: ask a larger model, with"
    " --model hf:PATH_OR_ID or --model openai:MODEL@BASE_URL"
)
"""What to do where the embedded model cannot tell."""


class NoAnswer(DeepEyesError):
    """The model came to an end without an answer."""

    exit_code = 8


class WrongAnswer(DeepEyesError):
    """The answer is not the expected one."""

    exit_code = 10


class UnsureAnswer(DeepEyesError):
    """Nobody could tell whether the answer is the expected one."""

    exit_code = 11


def summary(trace: Trace, writer: TraceWriter | None) -> dict[str, Any]:
    """What `--json` prints; `size` and `seen_at` are [width, height] in pixels."""
    seen = [turn.observation for turn in trace.tool_turns if turn.observation]
    return {
        "answer": trace.answer,
        "verdict": None if trace.verdict is None else trace.verdict.model_dump(mode="json"),
        "stop_reason": trace.stop_reason.value,
        "turns": len(trace.turns),
        "malformed": replies_of([trace]).malformed,
        "tool_calls": [{"name": call.tool, "status": call.status} for call in seen],
        "images": [
            {
                "name": part.name,
                "size": [part.ref.width, part.ref.height],
                "seen_at": [part.view_width, part.view_height],
            }
            for part in trace.image_parts()
        ],
        "trace": str(writer.path) if writer else None,
    }


def describe(verdict: Verdict) -> str:
    """The verdict in one line."""
    reason = " ".join(verdict.reason.split())
    return f"{_SAID[verdict.outcome]} ({verdict.by}: {reason})"


def look_at(folder: Path | None) -> str:
    """How to see what happened, which was kept in `folder`, if anywhere."""
    return f"{'' if folder else 'give --trace DIR and '}look at it with: deepeyes view {folder or 'DIR'}"


def complain(trace: Trace, writer: TraceWriter | None = None) -> None:
    """Raise what ended the episode, unless it was the answer, and that the expected one if one was. `writer`
    has kept the trace.
    """
    look = look_at(writer.folder if writer else None)
    replies = replies_of([trace])
    misfit = f"{replies.what()}: {replies.remedy(DIALECT, LIMIT, look)}" if replies.misfit else ""
    if trace.stop_reason == StopReason.answered:
        if misfit:
            warn(misfit)
        if trace.model.partition(":")[0] in EMBEDDED and trace.answer and is_refusal(trace.answer):
            warn(LARGER)
        if trace.verdict is not None and trace.verdict.is_wrong:
            raise WrongAnswer(describe(trace.verdict), look)
        if trace.verdict is not None and trace.verdict.is_unsure:
            raise UnsureAnswer(describe(trace.verdict), "name a model that can tell, with --judge MODEL")
        return
    if trace.stop_reason == StopReason.infrastructure_error:
        raise InfrastructureError(trace.failure, "" if trace.notes else look)
    if trace.stop_reason == StopReason.malformed:
        raise NoAnswer(replies.what(), replies.remedy(DIALECT, LIMIT, look))
    remedy = misfit or _REMEDIES.get(trace.stop_reason, look)
    raise NoAnswer(f"the model gave no answer ({trace.stop_reason.value})", remedy)


_SAID = {
    Outcome.right: "the answer is right",
    Outcome.wrong: "the answer is wrong",
    Outcome.unsure: "nobody could tell whether the answer is right",
}
_REMEDIES = {
    StopReason.max_turns: "allow more with --limit turns=N",
    StopReason.max_tokens: "allow more with --limit tokens=N",
    StopReason.timeout: "allow more with --limit episode_seconds=N",
    StopReason.context_full: "ask with a smaller picture or fewer turns",
}
