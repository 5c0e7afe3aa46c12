"""From the world's examples to the tasks that agents answer and graders judge."""

import re
from collections.abc import Iterator

from deepeyes.core.ahead import in_order
from deepeyes.core.answers import AnswerForm, AnswerKind
from deepeyes.core.images import ImageStore
from deepeyes.core.task import Task

from .families import Example, make_example, most_of
from .families.sign import EMS

_WORDS = frozenset({"says", "text", "relation", "colour", "attribute", "higher", "highest", *EMS})
"""Kinds of questions that ask for what a sign says or for a colour; a sign of digits is no number."""
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")


def to_task(example: Example, store: ImageStore) -> Task:
    """The example as a task, its picture put into `store`; `truth["box"]` is the thing asked about, in its
    pixels; `meta` names the real things it is about and the tools without which it cannot be solved. What is
    asked about one real thing is grouped by it: a model that knows the thing, or takes it for another, does
    so in all of them.
    """
    truth = {"box": [round(side, 1) for side in example.target.box]} if example.target else {}
    about = {"entities": list(example.entities), "tools": list(example.tools)}
    return Task(
        id=example.id,
        question=example.question,
        images=(store.put(example.scene.image),),
        answer=example.answer,
        answers=example.answers,
        answer_form=_form(example),
        family=example.family,
        split=example.split,
        kind=example.kind,
        truth=truth,
        group=example.entities[0] if len(example.entities) == 1 else "",
        meta={name: value for name, value in about.items() if value},
        source="world",
    )


def _form(example: Example) -> AnswerForm:
    """Closed: whoever made the question knows all that is right."""
    if example.kind in _WORDS or not _NUMBER.fullmatch(example.answer):
        return AnswerForm(kind=AnswerKind.text, closed=True)
    tolerance = example.slack / abs(float(example.answer)) if example.slack else 0.0
    return AnswerForm(kind=AnswerKind.number, closed=True, tolerance=tolerance)


def shares(families: list[str], count: int) -> Iterator[tuple[str, int]]:
    """(family, index) of `count` examples in all, an equal share of each family in the order given; of a
    family that is a list, no more than it has.
    """
    for place, family in enumerate(families):
        share = count // len(families) + (place < count % len(families))
        yield from ((family, index) for index in range(most_of(family, share)))


def world_tasks(families: list[str], split: str, seed: int, count: int, store: ImageStore) -> Iterator[Task]:
    """`count` tasks in all (see `shares`), their images in `store`; drawn by threads, ahead of their use."""

    def drawn(which: tuple[str, int]) -> Task:
        family, index = which
        return to_task(make_example(family, split, seed, index), store)

    return in_order(drawn, shares(families, count))
