"""How `ask` ends: one JSON object about the episode, or the error that says why there is no answer."""

from __future__ import annotations

from typing import Any

from deepeyes.core.errors import DeepEyesError, InfrastructureError
from deepeyes.core.limits import StopReason
from deepeyes.core.trace import Trace, TraceWriter


class NoAnswer(DeepEyesError):
    """The model came to an end without an answer."""

    exit_code = 8


def summary(trace: Trace, writer: TraceWriter | None) -> dict[str, Any]:
    """What `--json` prints; `size` and `seen_at` are [width, height] in pixels."""
    seen = [turn.observation for turn in trace.tool_turns if turn.observation]
    return {
        "answer": trace.answer,
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


def complain(trace: Trace) -> None:
    """Raise what ended the episode, unless it was the answer."""
    if trace.stop_reason == StopReason.answered:
        return
    if trace.stop_reason == StopReason.infrastructure_error:
        raise InfrastructureError(trace.notes[-1] if trace.notes else "something of ours failed")
    remedy = _REMEDIES.get(trace.stop_reason, "give --trace DIR and look at it with: deepeyes view DIR")
    raise NoAnswer(f"the model gave no answer ({trace.stop_reason.value})", remedy)


_REMEDIES = {
    StopReason.max_turns: "allow more with --limit turns=N",
    StopReason.max_tokens: "allow more with --limit tokens=N",
    StopReason.timeout: "allow more with --limit episode_seconds=N",
    StopReason.context_full: "ask with a smaller picture or fewer turns",
}
