"""What an episode earns in reinforcement learning: named parts, weighted by a recipe, and their sum.

The paper (arXiv 2511.05271) has accuracy and format; their weights here, 0.8 and 0.2, are those of its
released code. What always holds: an episode that says nothing about the model (something of ours failed,
nobody can tell whether it is right, it is too long and the recipe leaves such out) has no total and a reason
why, and is never a zero; every part that a recipe asks for is told, also where it is 0.
"""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field

from deepeyes.core.config import Config
from deepeyes.core.limits import StopReason
from deepeyes.core.trace import Trace, Turn
from deepeyes.dialects.neutralise import neutralise

INFRASTRUCTURE = "infrastructure"
"""How the reasons begin for which an episode does not count because something of ours failed."""
_CAUSES = {
    "sandbox": ("SandboxUnavailable", "SessionLost", "Refused", "ZygoteDied"),
    "search": ("SearchUnavailable", "SpendingCap"),
    "model": ("ServerError",),
}
"""What of ours failed, by the errors that it is told with."""
_GRADING = "the answer could not be graded"
_CUT = frozenset((StopReason.max_turns, StopReason.max_tokens, StopReason.context_full, StopReason.timeout))


class Reward(Config):
    """The section `[reward]`: what counts how much. A part whose weight is 0 is left out."""

    accuracy: float = Field(default=0.8, ge=0, allow_inf_nan=False)
    """Times the verdict's score, from 0 to 1."""
    format: float = Field(default=0.2, ge=0, allow_inf_nan=False)
    """For an episode that ends in an answer, each of whose replies is one well-formed action."""
    call_cost: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Taken away for each call of a tool."""
    call_bonus: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Given once to an episode that calls a tool (see `bonus`)."""
    bonus: Literal["gated", "ungated"] = "gated"
    """Gated: only where the answer is right and a call did something. Ungated: for any call, to study how
    a model learns to earn it with calls that do nothing.
    """
    overlong: Literal["score", "drop", "punish"] = "score"
    """Of an episode that a limit cut off: score it as it is, leave it out (DAPO's filter), or take away
    `length_penalty`.
    """
    long_from: int = Field(default=0, ge=0)
    """Written tokens from which an episode loses reward, steadily up to `long_to` (arXiv 2503.14476,
    equation 13); 0 for never.
    """
    long_to: int = Field(default=0, ge=0)
    length_penalty: float = Field(default=0.5, ge=0, allow_inf_nan=False)
    """The most that length costs."""


@dataclass(frozen=True)
class Rewarded:
    """`total` is None where the episode does not count, for the reason `dropped`."""

    total: float | None
    parts: dict[str, float] = field(default_factory=dict[str, float])
    """By name, each already weighted: they add up to the total."""
    dropped: str = ""

    @property
    def counts(self) -> bool:
        return self.total is not None


def reward_of(trace: Trace, settings: Reward) -> Rewarded:
    """What a graded episode earns."""
    cause = cause_of(trace)
    if cause:
        what = trace.failure or "the Python session was lost"
        return Rewarded(None, dropped=f"{INFRASTRUCTURE} ({cause}): {what}")
    if settings.overlong == "drop" and is_cut_off(trace):
        return Rewarded(None, dropped=f"cut off: {trace.stop_reason.value}")
    score = 0.0 if trace.answer is None else None if trace.verdict is None else trace.verdict.score
    if score is None and settings.accuracy:
        what = "no verdict" if trace.verdict is None else "unsure whether it is right"
        return Rewarded(None, dropped=what)
    right = bool(score is not None and score >= 0.5)
    parts = {
        "accuracy": settings.accuracy * (score or 0.0),
        "format": settings.format * is_well_formed(trace),
        "call_cost": -settings.call_cost * len(trace.tool_turns),
        "call_bonus": settings.call_bonus * _earns_bonus(trace, right, settings.bonus),
        "length": -settings.length_penalty * _too_long(trace, settings),
    }
    asked = {
        "accuracy": settings.accuracy,
        "format": settings.format,
        "call_cost": settings.call_cost,
        "call_bonus": settings.call_bonus,
        "length": settings.long_from or settings.overlong == "punish",
    }
    told = {name: value + 0.0 for name, value in parts.items() if asked[name]}
    total = sum(told.values())
    if not math.isfinite(total):
        return Rewarded(None, dropped="the reward is not a finite number")
    return Rewarded(total, told)


def cause_of(trace: Trace) -> str:
    """What of ours failed in an episode: sandbox, search, model, grading or other; empty where nothing did.

    A Python session that was lost is the sandbox's doing: code that goes wrong is an error, a crash or a
    timeout, after which the session goes on.
    """
    if not trace.stop_reason.is_result:
        said = trace.notes[-1] if trace.notes else ""
        if said.startswith(_GRADING):
            return "grading"
        name = said.partition(":")[0]
        return next((cause for cause, names in _CAUSES.items() if name in names), "other")
    lost = any(turn.observation.status == "session_lost" for turn in trace.tool_turns if turn.observation)
    return "sandbox" if lost else ""


def is_cut_off(trace: Trace) -> bool:
    """Whether a limit ended the episode, not the model."""
    return trace.stop_reason in _CUT


def is_well_formed(trace: Trace) -> bool:
    """Whether every reply is exactly one action, the last of them an answer without a tag of any protocol."""
    if trace.stop_reason is not StopReason.answered or trace.answer is None:
        return False
    return all(turn.kind != "malformed" for turn in trace.turns) and neutralise(trace.answer) == trace.answer


def does_something(turn: Turn) -> bool:
    """Whether a turn's call came back well and was no placeholder."""
    seen = turn.observation
    if seen is None or not seen.tool or seen.status != "ok":
        return False
    return turn.code is None or not does_nothing(turn.syntax_tree)


def does_nothing(tree: ast.Module | None) -> bool:
    """Whether code computes nothing: it is empty or a comment, passes, imports, names constants or prints
    them. What is not Python (None) does nothing either.
    """
    return tree is None or all(_is_idle(statement) for statement in tree.body)


def _is_idle(statement: ast.stmt) -> bool:
    match statement:
        case ast.Pass() | ast.Import() | ast.ImportFrom():
            return True
        case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value):
            return _is_constant(value)
        case ast.Expr(value=ast.Call(func=ast.Name(id="print"), args=args)):
            return all(map(_is_constant, args))
        case ast.Expr(value=value):
            return _is_constant(value)
        case _:
            return False


def _is_constant(value: ast.expr) -> bool:
    return all(isinstance(node, _LITERAL) for node in ast.walk(value))


_LITERAL = (ast.Constant, ast.JoinedStr, ast.Tuple, ast.List, ast.Set, ast.Dict, ast.expr_context)


def _earns_bonus(trace: Trace, right: bool, bonus: str) -> bool:
    if bonus == "ungated":
        return bool(trace.tool_turns)
    return right and any(map(does_something, trace.turns))


def _too_long(trace: Trace, settings: Reward) -> float:
    """From 0, up to `long_from` tokens, to 1, from `long_to` on."""
    if settings.overlong == "punish" and is_cut_off(trace):
        return 1.0
    if not settings.long_from:
        return 0.0
    over = trace.usage.completion_tokens - settings.long_from
    return min(1.0, max(0.0, over / max(1, settings.long_to - settings.long_from)))
