"""How `ask` ends: one JSON object about the episode, or the error that says why there is no answer, or not
the expected one.
"""

from __future__ import annotations

from typing import Any

from deepeyes.core.errors import DeepEyesError, InfrastructureError
from deepeyes.core.limits import StopReason
from deepeyes.core.trace import Trace, TraceWriter
from deepeyes.core.verdict import Outcome, Verdict


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


def complain(trace: Trace) -> None:
    """Raise what ended the episode, unless it was the answer, and that the expected one if one was."""
    if trace.stop_reason == StopReason.answered:
        if trace.verdict is not None and trace.verdict.is_wrong:
            raise WrongAnswer(describe(trace.verdict), "see how it came about with --trace DIR")
        if trace.verdict is not None and trace.verdict.is_unsure:
            raise UnsureAnswer(describe(trace.verdict), "name a model that can tell, with --judge MODEL")
        return
    if trace.stop_reason == StopReason.infrastructure_error:
        raise InfrastructureError(trace.notes[-1] if trace.notes else "something of ours failed")
    remedy = _REMEDIES.get(trace.stop_reason, "give --trace DIR and look at it with: deepeyes view DIR")
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
