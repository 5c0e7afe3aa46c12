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
    if trace.is_right or not trace.stop_reason.is_result:
        return ""
    expected = f"expected '{_cut(trace.task.answer)}'"
    if trace.answer is None:
        return f"no answer ({trace.stop_reason.value}), {expected}"
    reason = f" ({_cut(trace.verdict.reason)})" if trace.verdict and trace.verdict.reason else ""
    return f"answered '{_cut(trace.answer)}', {expected}{reason}"


def _cut(text: str) -> str:
    """Its beginning and its end, where most replies say what they come to."""
    line = tidy(text, len(text))
    half = _SHOWN // 2
    return line if len(line) <= _SHOWN else f"{line[:half]} ... {line[-half:]}"
