"""How a model works: calls, what they were, in which order, and what went wrong."""

from deepeyes.analysis.behaviour import ALL, behaviour
from deepeyes.core.actions import Action, AnswerAction, CallAction, CodeAction, ToolCall
from deepeyes.core.limits import StopReason
from deepeyes.core.results import Observation
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace, Turn, Usage
from deepeyes.core.verdict import Verdict

CROP = CodeAction(code="image_1.crop((0, 0, 5, 5))")
NATIVE = CallAction(call=ToolCall(name="python", arguments={"code": "image_1.crop((0, 0, 5, 5))"}))
FIND = CallAction(call=ToolCall(name="search", arguments={"query": "x"}))


def call(action: Action, stderr: str = "") -> Turn:
    tool = "search" if action is FIND else "python"
    seen = Observation(tool=tool, status="error" if stderr else "ok", stderr=stderr)
    return Turn(action=action, observation=seen)


def trace(number: int, *turns: Turn, right: bool = True, family: str = "a", tokens: int = 10) -> Trace:
    return Trace(
        id=f"t{number}#0",
        task=Task(id=f"t{number}", question="q", family=family),
        turns=(*turns, Turn(action=AnswerAction(text="x"))),
        stop_reason=StopReason.answered,
        answer="x",
        verdict=Verdict(score=float(right)),
        usage=Usage(completion_tokens=tokens),
    )


def test_calls_are_counted_in_their_classes_orders_and_combinations() -> None:
    traces = [
        trace(1, call(CROP), call(NATIVE), call(FIND)),
        trace(2, call(CROP), call(FIND)),
        trace(3, right=False, family="b", tokens=40),
    ]
    found = behaviour(traces)
    assert list(found) == [ALL, "a", "b"]
    every = found[ALL]
    assert every.uses == {"crop": 3, "text search": 2}
    assert every.combinations == {"crop + text search": 2}
    assert every.sequences == {"crop x2 > text search": 1, "crop > text search": 1}
    assert every.call_rate.value == 2 / 3 and every.call_rate.low < 2 / 3 < every.call_rate.high
    assert every.right_with_call.value == 1.0 and every.right_without_call.value == 0.0
    assert every.calls.value == 5 / 3 and every.tokens.value == 20 and every.turns == 8 / 3
    assert found["b"].uses == {} and found["b"].told()["uses"] == {}


def test_errors_are_counted_by_tool_and_by_the_last_error_that_is_told_of() -> None:
    text = "Traceback (most recent call last):\n  x\nKeyError: 1\n\nDuring handling ...\nValueError: no crop"
    found = behaviour([trace(1, call(CROP, text), call(FIND, "nothing found"))])[ALL]
    assert found.errors == {"python: ValueError": 1, "search: error": 1} and found.failed_calls == 2


def test_failures_of_ours_say_nothing_of_the_model() -> None:
    lost = trace(1, call(CROP)).model_copy(update={"stop_reason": StopReason.infrastructure_error})
    found = behaviour([lost])
    assert found[ALL].episodes == 0 and found[ALL].call_rate.value is None and found[ALL].uses == {}
