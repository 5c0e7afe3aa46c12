"""Quality checks: what speaks against a trace as a teacher's example. Every check has a short name that the
funnel counts.

A trace to learn from is right, ran without an error, made no call in vain and did not know its answer before
it looked. All of this is read from the trace alone, code by its syntax tree, and nothing is run; checks that
know more, such as what the embedded world's searches told, are handed in. What always holds: the failed
checks come gravest first, and a failure of ours is `infrastructure_error` and nothing else, because it says
nothing about the teacher.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from deepeyes.core.actions import CallAction, CodeAction, ToolCall
from deepeyes.core.limits import StopReason
from deepeyes.core.trace import Trace, Turn
from deepeyes.data.item import INFRASTRUCTURE_ERROR
from deepeyes.data.stages.teach.literals import printed_constants
from deepeyes.grading.notation import canonical
from deepeyes.grading.refusals import is_refusal

Checks = Mapping[str, Callable[[Trace], bool]]
"""Further checks by name; one that gives True has failed."""

_ENDS = {
    StopReason.refused: "refused",
    StopReason.timeout: "timeout",
    StopReason.malformed: "nonsense",
    StopReason.max_turns: "no_answer",
    StopReason.max_tokens: "too_long",
    StopReason.context_full: "too_long",
}
_TOLD = re.compile(
    r"\b(?:reference|expected|provided|given|known|gold(?:en)?)(?: correct| right| final)? answer\b"
    r"(?! (?:choice|option|format|type))"
    r"|\bground[- ]truth\b|\banswer key\b|\baccording to the (?:hint|solution)\b"
    r"|\b(?:am|are|was|were|been) (?:told|given) (?:that )?the (?:correct |right |final )?answer\b"
    r"(?! (?:choice|option|format|type|must|should))"
    r"|\b(?:correct|right) answer (?:is|was) (?:given|known|stated) (?:as|to)\b",
    re.IGNORECASE,
)
"""Words of one who was told the answer; "so the correct answer is 12" may well have been worked out."""


def failed_checks(trace: Trace, further: Checks | None = None) -> tuple[str, ...]:
    """The checks that a graded trace fails, the gravest first, `further` ones last; empty if it is sound."""
    if not trace.stop_reason.is_result:
        return (INFRASTRUCTURE_ERROR,)
    return tuple(dict.fromkeys(_found(_in_code(trace), further or {})))


def _in_code(trace: Trace) -> Trace:
    """The trace with its calls of Python as the code that they are, whichever way its dialect calls."""

    def in_code(turn: Turn) -> Turn:
        match turn.action:
            case CallAction(thought=thought, call=ToolCall(name="python", arguments={"code": str(code)})):
                return turn.model_copy(update={"action": CodeAction(thought=thought, code=code)})
            case _:
                return turn

    return trace.model_copy(update={"turns": tuple(map(in_code, trace.turns))})


def _found(trace: Trace, further: Checks) -> Iterator[str]:
    if trace.stop_reason is not StopReason.answered:
        yield _end_of(trace)
        return
    if not trace.is_right:
        yield _not_right(trace)
    if any(turn.kind in ("malformed", "none") for turn in trace.turns):
        yield "malformed_turn"
    if any(turn.observation is not None and turn.observation.status != "ok" for turn in trace.tool_turns):
        yield "failed_call"
    if _repeats(trace.tool_turns):
        yield "repeated_call"
    if any(_unused(trace.turns, place) for place in range(len(trace.turns))):
        yield "unused_call"
    if leaks(trace):
        yield "leaked_answer"
    yield from (name for name, fails in further.items() if fails(trace))


def _not_right(trace: Trace) -> str:
    if is_refusal(trace.answer or ""):
        return "refused"
    return "unsure_answer" if trace.is_unsure else "wrong_answer"


def _end_of(trace: Trace) -> str:
    last = trace.turns[-1].text if trace.turns else ""
    if trace.stop_reason in (StopReason.malformed, StopReason.max_turns) and is_refusal(last):
        return "refused"
    if trace.stop_reason is StopReason.max_turns and _repeats(trace.tool_turns):
        return "loops"
    return _ENDS[trace.stop_reason]


def _repeats(turns: Sequence[Turn]) -> bool:
    """Whether two calls are the same, word for word."""
    own = {"thought": True, "call": {"id": True}}  # of each call, and no part of what it asks
    calls = [turn.action.model_dump_json(exclude=own) for turn in turns if turn.action]
    return len(set(calls)) < len(calls)


def _unused(turns: Sequence[Turn], place: int) -> bool:
    """A call that brought nothing back and whose names no later code reads; or code that does nothing."""
    seen = turns[place].observation
    if seen is None or not seen.tool or seen.status != "ok":
        return False
    tree = turns[place].syntax_tree
    if tree is not None and all(isinstance(node, ast.Pass) for node in tree.body):
        return True
    if seen.text.strip() or seen.images:
        return False
    if tree is None:
        return turns[place].code is None
    made = {name for name, context in _names(tree) if isinstance(context, ast.Store)}
    later = [turn.syntax_tree for turn in turns[place + 1 :]]
    read = {n for t in later if t is not None for n, context in _names(t) if isinstance(context, ast.Load)}
    return not made & read


def _names(tree: ast.AST) -> Iterator[tuple[str, ast.expr_context]]:
    """Names a piece of code makes and reads, imports and definitions included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id, node.ctx
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, ast.Store()
        elif isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                yield (alias.asname or alias.name).split(".")[0], ast.Store()


def leaks(trace: Trace) -> bool:
    """Whether an answer that counts as right was known before anything was looked at: a thought speaks of
    having been told it or states it before the first result, or code prints it as a constant that nothing
    seen so far contains.
    """
    if any(_TOLD.search(turn.thought) for turn in trace.turns) and not _TOLD.search(trace.task.question):
        return True
    accepted = {canonical(text) for text in (trace.task.answer, *trace.task.answers)} - {""}
    seen = canonical(trace.task.question)
    for number, turn in enumerate(trace.turns):
        unseen = [answer for answer in accepted if not _holds(seen, answer)]
        long = [answer for answer in unseen if len(answer) >= 3]
        if number == 0 and turn.observation and _holds_any(turn.thought, long):
            return True
        tree = turn.syntax_tree
        constants = [] if tree is None else printed_constants(tree)
        if any(_holds_any(text, unseen) for text in constants):
            return True
        if turn.observation is not None:
            seen += " " + canonical(turn.observation.text)
    return False


def _holds_any(text: str, answers: Sequence[str]) -> bool:
    """Whether one of the `answers` stands in `text` however it is written."""
    plain = canonical(text)
    return any(_holds(plain, answer) for answer in answers)


def _holds(text: str, answer: str) -> bool:
    """Whether `answer` stands in `text` as words of its own."""
    return re.search(rf"(?<!\w){re.escape(answer)}(?!\w)", text) is not None
