"""What an episode earns."""

import ast
from typing import Any

import pytest

from deepeyes.core.actions import Action, AnswerAction, CallAction, CodeAction, Malformed, ToolCall
from deepeyes.core.limits import StopReason
from deepeyes.core.results import Observation
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace, Turn, Usage
from deepeyes.core.verdict import Verdict
from deepeyes.grading.reward import Reward, does_nothing, reward_of

CROP = "look = image_1.crop((1, 2, 3, 4))\nlook"


def turn(action: Action, status: Any = "ok") -> Turn:
    seen = None
    if action.kind in ("code", "call"):
        seen = Observation(tool="python", status=status, stdout="x")
    return Turn(action=action, observation=seen)


def episode(*actions: Action, answer: str | None = "EXIT", score: float | None = 1.0, **fields: Any) -> Trace:
    turns = [turn(action) for action in actions]
    if answer is not None:
        turns.append(turn(AnswerAction(text=answer)))
    values: dict[str, Any] = {
        "stop_reason": StopReason.answered if answer is not None else StopReason.max_turns,
        "verdict": Verdict(score=score),
        **fields,
    }
    return Trace(
        id="t#0", task=Task(id="t", question="q", answer="EXIT"), turns=tuple(turns), answer=answer, **values
    )


def test_a_right_answer_in_good_form_earns_the_papers_weights() -> None:
    rewarded = reward_of(episode(CodeAction(code=CROP)), Reward())
    assert rewarded.parts == {"accuracy": 0.8, "format": 0.2} and rewarded.total == 1.0


def test_a_wrong_answer_in_good_form_earns_its_form() -> None:
    assert reward_of(episode(score=0.0), Reward()).parts == {"accuracy": 0.0, "format": 0.2}


def test_partial_credit_counts_in_part() -> None:
    assert reward_of(episode(score=0.25), Reward(format=0)).total == pytest.approx(0.2)


@pytest.mark.parametrize(
    "trace",
    [
        episode(Malformed(reason="two actions")),
        episode(answer="EXIT</answer><code>"),
        episode(answer="it says <|im_end|>"),
        episode(CodeAction(code=CROP), answer=None, score=0.0),
    ],
)
def test_a_malformed_reply_a_tag_in_the_answer_and_no_answer_lose_the_form(trace: Trace) -> None:
    assert reward_of(trace, Reward()).parts["format"] == 0.0


def test_no_answer_is_wrong_also_without_a_verdict() -> None:
    trace = episode(answer=None, verdict=None)
    assert reward_of(trace, Reward()).total == 0.0


@pytest.mark.parametrize(
    ("trace", "why"),
    [
        (episode(score=None), "unsure"),
        (episode(verdict=None), "no verdict"),
        (
            episode(stop_reason=StopReason.infrastructure_error, notes=("SearchUnavailable: 429",)),
            "infrastructure (search): 429",
        ),
        (episode(stop_reason=StopReason.interrupted), "infrastructure"),
    ],
)
def test_what_says_nothing_about_the_model_is_dropped_and_never_a_zero(trace: Trace, why: str) -> None:
    rewarded = reward_of(trace, Reward())
    assert rewarded.total is None and not rewarded.counts and why in rewarded.dropped and not rewarded.parts


def test_without_accuracy_an_unsure_answer_counts() -> None:
    assert reward_of(episode(score=None), Reward(accuracy=0)).parts == {"format": 0.2}


@pytest.mark.parametrize("stop", ["max_turns", "max_tokens", "context_full", "timeout"])
def test_a_cut_off_episode_is_scored_dropped_or_punished(stop: str) -> None:
    cut = episode(CodeAction(code=CROP), answer=None, score=0.0, stop_reason=StopReason(stop))
    assert reward_of(cut, Reward()).total == 0.0
    assert reward_of(cut, Reward(overlong="drop")).dropped == f"cut off: {stop}"
    assert reward_of(cut, Reward(overlong="punish")).parts["length"] == -0.5


@pytest.mark.parametrize(("tokens", "loss"), [(0, 0.0), (100, 0.0), (150, -0.25), (200, -0.5), (900, -0.5)])
def test_length_costs_steadily_more(tokens: int, loss: float) -> None:
    trace = episode(usage=Usage(prompt_tokens=5_000, completion_tokens=tokens))
    assert reward_of(trace, Reward(long_from=100, long_to=200)).parts["length"] == loss


def test_every_call_costs() -> None:
    trace = episode(CodeAction(code=CROP), CallAction(call=ToolCall(name="search")))
    assert reward_of(trace, Reward(call_cost=0.1)).parts["call_cost"] == pytest.approx(-0.2)


NOTHING = CodeAction(code="# There is no need to look")
NATIVE = CallAction(call=ToolCall(name="python", arguments={"code": "print('no need')"}))


@pytest.mark.parametrize(
    ("trace", "gated", "ungated"),
    [
        (episode(CodeAction(code=CROP)), 1, 1),
        (episode(CallAction(call=ToolCall(name="search", arguments={"query": "x"}))), 1, 1),
        (episode(NOTHING), 0, 1),
        (episode(NATIVE), 0, 1),
        (episode(CodeAction(code=CROP), score=0.0), 0, 1),
        (episode(), 0, 0),
    ],
)
def test_a_gated_bonus_wants_a_right_answer_and_a_call_that_did_something(
    trace: Trace, gated: int, ungated: int
) -> None:
    assert reward_of(trace, Reward(call_bonus=1)).parts["call_bonus"] == gated
    assert reward_of(trace, Reward(call_bonus=1, bonus="ungated")).parts["call_bonus"] == ungated


def test_a_call_that_failed_earns_no_gated_bonus() -> None:
    trace = episode(CodeAction(code=CROP))
    failed = (turn(CodeAction(code=CROP), status="error"), *trace.turns[1:])
    trace = trace.model_copy(update={"turns": failed})
    assert reward_of(trace, Reward(call_bonus=1)).parts["call_bonus"] == 0


@pytest.mark.parametrize(
    "code",
    [
        "",
        "# There is no need to write code",
        "pass",
        "'''nothing to do'''",
        "...",
        "import numpy as np\nfrom PIL import Image",
        "x = 1\ny: str = 'done'",
        "print('The answer is 5')",
        "print(f'done')",
        "answer = ['EXIT', 5, {'a': 1}]\n(1, 2)",
        "crop(((",
    ],
)
def test_placeholder_code_is_seen_through(code: str) -> None:
    try:
        tree = ast.parse(code)
    except SyntaxError:
        tree = None
    assert does_nothing(tree)


@pytest.mark.parametrize(
    "code",
    [
        CROP,
        "print(image_1.size)",
        "print(3 * 4)",
        "x = 3 + 4",
        "y = f'{image_1.size}'",
        "for i in range(3): pass",
        "image_1",
        "import math\nmath.pi",
    ],
)
def test_code_that_looks_or_computes_is_no_placeholder(code: str) -> None:
    assert not does_nothing(ast.parse(code))


@pytest.mark.parametrize("weight", ["nan", "inf", "-1"])
def test_a_weight_that_is_no_number_is_refused(weight: str) -> None:
    from deepeyes.core.errors import ConfigError

    with pytest.raises(ConfigError, match="accuracy"):
        Reward.load(overrides=[f"accuracy={weight}"])
