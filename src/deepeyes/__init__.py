"""DeepEyes: an agentic multimodal model you can ask, train, measure and look at.

The names below are the front door; each is loaded from its room when it is first used, so importing the
package does nothing and is fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_ROOMS = {
    "DeepEyesError": "core.errors",
    "Config": "core.config",
    "ImageStore": "core.images",
    "load_image": "core.images",
    "Limits": "core.limits",
    "StopReason": "core.limits",
    "Task": "core.task",
    "Trace": "core.trace",
    "TraceWriter": "core.trace",
    "read_traces": "core.trace",
    "Sampling": "core.sampling",
    "Agent": "agent.agent",
    "open_agent": "harness.setup",
    "ask": "harness.blocking",
    "BlockingAgent": "harness.blocking",
    "resolve_model": "models.registry",
    "ToolSet": "tools.base",
    "PythonTool": "tools.python",
    "tool": "tools.function",
    "grade": "grading.rules",
    "grade_rows": "grading.rows",
    "Grading": "grading.grader",
    "open_grader": "grading.grader",
}

__all__ = ["__version__", *_ROOMS]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module 'deepeyes' has no attribute {name!r}")
    return getattr(import_module(f"deepeyes.{_ROOMS[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
