"""Models that do not speak their dialect: counted, told apart from models that err, and what would fit."""

import pytest

from deepeyes.analysis.misfit import LEAST, Replies, many, replies_of
from deepeyes.core.actions import AnswerAction, Malformed
from deepeyes.core.limits import StopReason
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace, Turn

BAD = Malformed(reason="no")


def turn(text: str = "EXIT", *, bad: bool = True, end: str = "stop") -> Turn:
    return Turn(text=text, action=BAD if bad else AnswerAction(text=text), finish_reason=end)


def trace(
    *turns: Turn,
    model: str = "openai:m@http://h/v1",
    dialect: str = "deepeyes_v2",
    stop: StopReason = StopReason.malformed,
) -> Trace:
    task = Task(id="t", question="?")
    return Trace(id="t#0", task=task, model=model, dialect=dialect, turns=turns, stop_reason=stop)


@pytest.mark.parametrize(
    ("number", "of", "expected"), [(3, 15, True), (3, 16, False), (2, 2, False), (0, 0, False), (4, 20, True)]
)
def test_from_when_on_it_is_worth_a_warning(number: int, of: int, expected: bool):
    assert many(number, of) == expected and LEAST == 3


def test_replies_are_counted_in_results_alone():
    mixed = trace(turn(), turn(bad=False), turn(end="length"), Turn(text="in mid-"))
    failed = trace(turn(), stop=StopReason.infrastructure_error)
    replies = replies_of([mixed, failed])
    assert (replies.made, replies.malformed, replies.cut, replies.share) == (3, 2, 1, 2 / 3)
    assert replies_of([]).share is None and not replies_of([]).misfit


@pytest.mark.parametrize(
    ("model", "dialect", "text", "fitting"),
    [
        ("openai:m@http://h/v1", "deepeyes_v2", "EXIT", "native"),
        ("openai:m@http://h/v1", "deepeyes_v2/brief", "EXIT", "native"),
        ("openai:m@http://h/v1", "deepeyes_v2", "<function=python></function>", "native"),
        ("openai:m@http://h/v1", "deepeyes_v2", "<answer>", ""),
        ("openai:m@http://h/v1", "native", "", ""),
        ("hf:some/vlm", "deepeyes_v2", "EXIT", "deepeyes_v2/lenient"),
        ("hf:some/vlm", "deepeyes_v2/brief", "EXIT", ""),
        ("nano", "deepeyes_v2/brief", "EXIT", ""),
        ("hf:some/vlm", "deepeyes_v2/lenient", "<answer>", ""),
    ],
)
def test_the_dialect_that_fits_reads_what_could_not_be_read(
    model: str, dialect: str, text: str, fitting: str
):
    assert replies_of(
        [trace(turn(text), turn(text), turn("<answer>"), model=model, dialect=dialect)]
    ).fitting == (fitting)


def test_it_reads_most_of_them():
    assert replies_of([trace(turn(), turn("<answer>"))]).fitting == ""
    assert (
        replies_of([trace(turn(), turn(), turn("<answer>"), turn("<answer>", end="length"))]).fitting
        == "native"
    )


def test_what_is_said_and_what_to_do():
    fits = Replies(made=1500, malformed=1200, cut=600, dialect="deepeyes_v2", fitting="native")
    assert fits.what() == "the model's replies are not in the dialect deepeyes_v2 (1,200 of 1,500 malformed)"
    assert fits.remedy("--dialect {}", "--limit {}", "look") == "try --dialect native"
    nothing = Replies(made=5, malformed=4, cut=0, dialect="native", fitting="")
    assert nothing.remedy("--dialect {}", "--limit {}", "look") == "look"
    cut = Replies(made=5, malformed=3, cut=2, dialect="native", fitting="deepeyes_v2")
    assert cut.what() == "the model's replies were cut off (3 of 5 malformed)"
    assert cut.remedy("--dialect {}", "--set limits.{}", "look") == (
        "allow longer ones with --set limits.tokens_per_turn=N"
    )
