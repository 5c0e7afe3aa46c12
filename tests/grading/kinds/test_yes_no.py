"""Yes and no: the first word decides, unless the rest takes it back."""

import pytest

from deepeyes.core.answers import AnswerForm
from deepeyes.grading.kinds.yes_no import YES_NO

FREE = AnswerForm()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[
            (text, True)
            for text in (
                "yes",
                "Yes.",
                "Yes, it is.",
                "**Yes**",
                "true",
                "True",
                "Yes - it is",
                "是",
                "Sí",
                "はい",
            )
        ],
        *[(text, False) for text in ("no", "No, it is not.", "false", "Nein", "否", "не" + "т")],
        *[
            (text, None)
            for text in (
                "yesterday",
                "not",
                "it is",
                "Yes, but no.",
                "No, but yes",
                "",
                "Yes it is no",
                "both",
            )
        ],
        ("yes, " + "very " * 100, None),
    ],
)
def test_reading(text: str, value: bool | None):
    assert YES_NO.read(text, FREE) is value


def test_comparing():
    assert YES_NO.same(True, True, FREE) is True
    assert YES_NO.same(True, False, FREE) is False
    assert YES_NO.show(True) == "yes"
    assert YES_NO.show(False) == "no"
