"""Which column of a file of answers holds what.

What always holds: columns that nobody named are guessed from the first row by their usual names, and where
two could be meant that is an error which names them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from deepeyes.core.errors import InputError
from deepeyes.core.text import one_line

Row = Mapping[str, Any]

_GIVEN = (
    *(
        "prediction",
        "pred",
        "response",
        "model_answer",
        "model_output",
        "model_response",
        "output",
        "generation",
    ),
    *("generated", "generated_text", "completion", "reply", "predicted_answer", "given"),
)
_GOLDS = (
    *("gold", "golds", "gold_answer", "gold_answers", "reference", "references", "reference_answer"),
    *("ground_truth", "groundtruth", "gt", "gt_answer", "expected", "expected_answer", "correct_answer"),
    *("correct_answers", "target", "targets", "label", "labels"),
)
_EITHER = ("answer", "answers")
"""The reference where the model's answer has a column of its own, else the model's answer."""
_MAYBE = ("target", "targets", "label", "labels")
"""Of the references those that files of questions have for something else too, beside "answer"."""
_LAST = ("solution",)
"""The reference where nothing else is: often it is a worked solution beside the answer."""


@dataclass(frozen=True)
class Columns:
    """Which column is what; those left empty are found by their usual names. A dot goes into a value."""

    answer: str = ""
    """What a model answered."""
    gold: str = ""
    """The reference: a text, a number, or a list of which each is right."""
    id: str = ""
    kind: str = ""
    """As what the answer is compared, one of `AnswerKind`."""
    options: str = ""
    """The texts of lettered options: a list, an object from letter to text, or one text of either."""
    question: str = ""
    also: str = ""
    """Further references."""
    separator: str = ""
    """What separates several references inside one text, such as "/"."""
    person: str = ""
    """What a person says of the answer, such as "right" or false; empty where nobody looked."""

    def found_in(self, row: Row, place: str) -> Columns:
        """The same with answer and gold named, by the names that `row` has. Raises `InputError`."""
        names = {name.casefold().replace(" ", "_").replace("-", "_"): name for name in row}
        answer, gold = self.answer, self.gold
        given = [names[name] for name in _GIVEN if name in names and names[name] != gold]
        golds = [names[name] for name in _GOLDS if name in names and names[name] != answer]
        either = [names[name] for name in _EITHER if name in names and names[name] not in (answer, gold)]
        if not answer:
            answer = _only(
                given or (either[:1] if golds or gold else []), "the model's answer", "answer", row, place
            )
        if not gold:
            spare = [name for name in either if name != answer]
            last = [names[name] for name in _LAST if name in names and names[name] != answer]
            gold = _only(golds or spare[:1] or last, "the reference", "gold", row, place)
        also = (
            names.get("answers", "") if gold == names.get("answer") and answer != names.get("answers") else ""
        )
        return replace(self, answer=answer, gold=gold, also=self.also or also)

    def asked_in(self, row: Row, place: str) -> Columns:
        """The same with gold named for a file of questions that nobody has answered yet, where "answer" is
        the reference; one with a second reference beside it may be a file of answers. Raises `InputError`.
        """
        names = {name.casefold().replace(" ", "_").replace("-", "_"): name for name in row}
        sure = [names[name] for name in _GOLDS if name in names and name not in _MAYBE]
        maybe = [names[name] for name in _MAYBE if name in names]
        own = [names[name] for name in _EITHER if name in names][:1]
        last = [names[name] for name in _LAST if name in names]
        found = (own + sure) or maybe or last
        gold = self.gold or _only(found, "the reference", "answer", row, place, "--column {0}={1}")
        also = names.get("answers", "") if gold == names.get("answer") else ""
        return replace(self, gold=gold, also=self.also or also)


def _only(
    found: Sequence[str],
    what: str,
    option: str,
    row: Row,
    place: str,
    spelt: str = "{0}={1} or --{0} {1}",
) -> str:
    """The one column that `found` holds; `spelt` is how to name it. Raises `InputError`."""
    names = list(dict.fromkeys(found))
    if len(names) > 1:
        several = " and ".join(map(repr, names))
        raise InputError(f"{several} could be {what}", f"name the column: {spelt.format(option, names[0])}")
    if not names:
        columns = one_line(", ".join(map(str, row)), 200) or "none"
        raise InputError(
            f"{place} has no column known for {what} (it has: {columns})",
            f"name it: {spelt.format(option, 'COLUMN')}",
        )
    return names[0]
