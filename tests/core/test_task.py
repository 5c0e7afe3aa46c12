"""What a task says about the truth behind it."""

import json

import pytest

from deepeyes.core.answers import AnswerForm, AnswerKind
from deepeyes.core.task import Task


@pytest.mark.parametrize(
    ("truth", "box"),
    [
        ({"box": [30, 40, 60.5, 60]}, (30.0, 40.0, 60.5, 60.0)),
        ({"box": (1, 2, 3, 4), "cell": "B2"}, (1.0, 2.0, 3.0, 4.0)),
        ({}, None),
        ({"box": None}, None),
        ({"box": "30,4"}, None),
        ({"box": [30, 40, 60]}, None),
    ],
)
def test_truth_box_is_four_sides_or_nothing(truth: dict[str, object], box: tuple[float, ...] | None) -> None:
    assert Task(id="one", question="what?", truth=truth).truth_box == box


def test_a_form_says_on_the_wire_only_what_was_declared() -> None:
    plain = Task(id="t", question="What?", answer="7")
    assert "answer_form" not in plain.model_dump() and "answer_form" not in plain.model_dump_json()
    form = AnswerForm(kind=AnswerKind.number, closed=True, unit="m")
    task = plain.model_copy(update={"answer_form": form})
    assert json.loads(task.model_dump_json())["answer_form"] == {
        "kind": "number",
        "closed": True,
        "unit": "m",
    }
    assert Task.model_validate_json(task.model_dump_json()) == task
    assert Task.model_validate(task.model_dump()) == task
    assert Task.model_validate_json(plain.model_dump_json()) == plain
    assert "answer_form" not in task.model_dump(exclude={"answer_form"})
    assert task.model_dump(include={"id"}) == {"id": "t"}


def test_an_empty_group_and_no_tags_leave_no_trace_in_json() -> None:
    bare = Task(id="a", question="q")
    assert not {"group", "tags"} & bare.model_dump(mode="json").keys()
    whole = Task(id="a", question="q", group="france", tags=("search", "reason"))
    assert Task.model_validate_json(whole.model_dump_json()) == whole
