"""What a task says about the truth behind it."""

import pytest

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
