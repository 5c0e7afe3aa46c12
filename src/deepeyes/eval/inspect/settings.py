"""A benchmark's plan out of what follows `-T`. Pure: no `inspect_ai` in here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

from deepeyes.core.errors import ConfigError
from deepeyes.eval.plan import EvalPlan
from deepeyes.eval.registry import benchmark_named

ASKED = frozenset(("model", "tools", "dialect", "search", "limits", "sampling", "samples"))
"""Settings of a plan that are the model's, the agent's or Inspect's here."""
_WHERE = "give --model, -M to a model of ours, -S to --solver deepeyes/agent, or --epochs"
_ENDLESS = {"world": 100}
"""Tasks of a benchmark that draws as many as one likes, where `n` does not say."""


def plan_of(name: str, settings: Mapping[str, Any]) -> EvalPlan:
    """The plan of the benchmark `name`. Keys may be dotted (`grading.votes`) or hold what belongs below.

    Raises `InputError` for a benchmark that there is not, `ConfigError` for a setting that it has not.
    """
    plan = benchmark_named(name)
    pairs = dict(_flat(settings))
    if strange := sorted({key.partition(".")[0] for key in pairs} & ASKED):
        raise ConfigError(f"{', '.join(strange)} is no setting of the task {name}", _WHERE)
    if name in _ENDLESS:
        pairs = {"n": _ENDLESS[name], **pairs}
    return plan.load(None, [f"{key}={json.dumps(value)}" for key, value in pairs.items()])


def _flat(settings: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(cast("Mapping[str, Any]", value), f"{above}{key}.")
        else:
            yield f"{above}{key}", value
