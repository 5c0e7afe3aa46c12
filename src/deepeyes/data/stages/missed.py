"""What was answered and what was expected where an answer is not right: in one line, for whoever reads why a
row was left out. What always holds: the line is short, whatever the answer is.
"""

from __future__ import annotations

from deepeyes.core.text import tidy
from deepeyes.core.trace import Trace

_SHOWN = 120
"""Characters of an answer, a reference and a reason each."""


def missed(trace: Trace) -> str:
    """The answer, the reference and the verdict's reason; empty where the answer is right, or the failure
    was ours.
    """
    verdict = trace.verdict
    if not trace.stop_reason.is_result or (verdict is not None and verdict.is_right):
        return ""
    expected = f"expected {tidy(trace.task.answer, _SHOWN)!r}"
    if trace.answer is None:
        return f"no answer ({trace.stop_reason.value}), {expected}"
    reason = f" ({tidy(verdict.reason, _SHOWN)})" if verdict is not None and verdict.reason else ""
    return f"answered {tidy(trace.answer, _SHOWN)!r}, {expected}{reason}"
