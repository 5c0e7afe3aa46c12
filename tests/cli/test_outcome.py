"""How `ask` ends where the embedded model cannot tell."""

import pytest

from deepeyes.cli.outcome import LARGER, complain
from deepeyes.core.limits import StopReason
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace
from deepeyes.world.asking import CANNOT_TELL


def ended(model: str, answer: str) -> Trace:
    task = Task(id="mine", question="What bird is this?")
    return Trace(id="mine#0", task=task, model=model, stop_reason=StopReason.answered, answer=answer)


@pytest.mark.parametrize("model", ("nano", "nano-base", "nano:runs/nano/cold"))
def test_where_nano_cannot_tell_a_larger_model_is_named(
    model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    complain(ended(model, CANNOT_TELL))
    assert LARGER in " ".join(capsys.readouterr().err.split())


def test_an_answer_or_another_model_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    complain(ended("nano", "A robin"))
    complain(ended("openai:gpt@http://x/v1", CANNOT_TELL))
    assert capsys.readouterr().err == ""
