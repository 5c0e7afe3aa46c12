"""The reference answers of a task, read once: a comparison reads only what was answered.

What always holds: each reference is also compared as it is written, and so is what it names as just as right;
where references contradict each other any of them is right, and an answer is wrong only if it is known to
differ from all of them.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple

from deepeyes.core.answers import AnswerForm, AnswerKind
from deepeyes.core.errors import InputError
from deepeyes.core.task import Task
from deepeyes.core.verdict import Decider
from deepeyes.grading.golds import alternatives
from deepeyes.grading.kinds.kind import Kind
from deepeyes.grading.kinds.letter import LETTER, options_of
from deepeyes.grading.kinds.listed import LISTED, may_be_sequences
from deepeyes.grading.kinds.maths import MATHS
from deepeyes.grading.kinds.registry import kinds_of, letters_in
from deepeyes.grading.kinds.text import TEXT
from deepeyes.grading.kinds.units import read_units
from deepeyes.grading.notation import bare
from deepeyes.grading.refusals import is_refusal


class Comparison(NamedTuple):
    """What came out when an answer was compared as one kind."""

    same: bool
    kind: AnswerKind
    by: Decider
    given: str
    expected: str


class _Reading(NamedTuple):
    kind: Kind
    value: Any


class Reference:
    """All that is right for one task, as values of the kinds that can read it."""

    def __init__(self, texts: tuple[str, ...], form: AnswerForm) -> None:
        if any(letters_in(text) and len(LETTER.read(text, SEVERAL) or ()) > 1 for text in texts):
            form = form.model_copy(update={"several": True})
        self.form = form
        self.texts = texts
        self.longest_words = 2 * max(map(len, texts + form.options)) + _MORE_WORDS
        self.golds = [_readings(text, form) for text in texts]
        self.kinds = frozenset(reading.kind.name for gold in self.golds for reading in gold)
        self.declines = any(map(is_refusal, texts + self._option_texts()))
        first = self.golds[0]
        self.kind = first[0].kind if first else TEXT
        self.expected = self.kind.show(first[0].value) if first else texts[0]

    def compare(self, text: str) -> Comparison | None:
        """Right if the bare answer `text` is one of the references, wrong if it is known to be none."""
        if text in self.texts:
            return Comparison(True, self.kind.name, self.kind.by, text, text)
        if " to " in text and self.kind is MATHS and (ratio := _PROPORTION.fullmatch(text)):
            as_ratio = self.compare(f"{ratio[1]}:{ratio[2]}")
            return as_ratio if as_ratio and as_ratio.same else None
        different: Comparison | None = None
        known = True
        for gold in self.golds:
            result = self._compare(text, gold)
            if result is None:
                known = False
            elif result.same:
                return result
            else:
                different = different or result
        return different if known else None

    def _option_texts(self) -> tuple[str, ...]:
        """The texts of the options that are right."""
        letters = [reading.value for gold in self.golds for reading in gold if reading.kind is LETTER]
        places = [_place(each, self.form) for each in letters]
        return tuple(self.form.options[place] for place in places if place is not None)

    def is_several(self, text: str) -> bool:
        """Whether the bare answer `text` names several options where one is asked for."""
        if self.kind is not LETTER or self.form.several:
            return False
        return len(LETTER.read(text, self.form) or ()) > 1

    def _compare(self, text: str, gold: tuple[_Reading, ...]) -> Comparison | None:
        for kind, expected in gold:
            if (kind is MATHS and _is_no_formula(text)) or (kind is TEXT and len(text) > self.longest_words):
                continue
            given = kind.read(text, self.form)
            if given is None:
                continue
            same = kind.same(given, expected, self.form)
            if kind is LISTED and same and self.form.kind is None and may_be_sequences(given, expected):
                return None
            if same is None:
                continue
            result = Comparison(same, kind.name, kind.by, kind.show(given), kind.show(expected))
            if kind is not MATHS or not _is_no_calculation(text, result):
                return result
        return None


_RANGE = re.compile(r"\W{0,3}\d[\d.,]*\s?[-–—]\s?\d")
_JOINED = re.compile(
    r"\W{0,3}\d[\d.,]*+(?:(?:\s?[-–—]\s?\d[\d.,]*+){1,99}|(?:\s?/\s?\d[\d.,]*+){2,99})"
    r"[)\]}]{0,3} ?(.{0,40}?)[)\]}]{0,3}"
)
_WITH_COMMA = re.compile(r"[^\w(\[{]{0,3}\d+,\d")
"""A decimal comma, or digits that were asked for in a row."""
_PROPORTION = re.compile(r"(\d[\d.]*) to (\d[\d.]*)")
_MORE_WORDS = 200
"""Characters beyond twice those of a reference or option with which a text cannot be one of them."""
_NEAR = re.compile(r"~\s?\d")
"""What it would take for a number behind a blank, as in LaTeX."""
_SENTENCE = re.compile(r"[A-Za-z]{2} (?:is|are|was) |[A-Za-z]{2} [a-z]{2,} [a-z]{2,} [a-z]{2}")
_LONGEST_WITH_WORDS = 200


def _is_no_calculation(text: str, result: Comparison) -> bool:
    """Whether algebra took a range, a score or a code for a calculation, or one number for two."""
    if result.same:
        return _is_joined(text) or _is_joined(result.expected)
    return _RANGE.match(text) is not None or _WITH_COMMA.match(text) is not None


def _is_joined(text: str) -> bool:
    """Whether `text` is numbers joined by hyphens or by several slashes, and at most a unit."""
    joined = _JOINED.fullmatch(bare(text))
    return joined is not None and (not joined[1] or bool(read_units(joined[1])))


def _is_no_formula(text: str) -> bool:
    """Whether `text` need not be read as one, which takes long: it is a sentence or says "about"."""
    if _NEAR.match(text):
        return True
    dressed = "$" in text or "\\" in text
    return (not dressed or len(text) > _LONGEST_WITH_WORDS) and _SENTENCE.search(text) is not None


SEVERAL = AnswerForm(several=True)


def reference_of(task: Task) -> Reference:
    """The reference of `task`; raises `InputError` if it has none: there is nothing to compare with."""
    form: Any = task.answer_form
    reference = _reference(task.answer, task.answers, form)
    if reference is None:
        raise InputError(f"task {task.id} has no reference answer", "give it an answer, or do not grade it")
    return reference


@lru_cache(maxsize=8192)
def _reference(answer: str, answers: tuple[str, ...], form: AnswerForm) -> Reference | None:
    texts = tuple(dict.fromkeys(part for text in (answer, *answers) for part in alternatives(text)))
    return Reference(texts, form) if texts else None


def _readings(text: str, form: AnswerForm) -> tuple[_Reading, ...]:
    """`text` by every kind that reads it; for a letter also what it stands for."""
    readings = [_Reading(kind, kind.read(text, form)) for kind in kinds_of(text, form)]
    if readings and readings[0].kind is LETTER and form.options:
        place = _place(readings[0].value, form)
        if place is not None:
            plain = form.model_copy(update={"kind": None, "options": ()})
            readings += [
                _Reading(kind, kind.read(form.options[place], form))
                for kind in kinds_of(form.options[place], plain)
                if kind is not LETTER
            ]
    return tuple(readings)


def _place(letters: frozenset[str], form: AnswerForm) -> int | None:
    """Where the one option stands that `letters` names, if its text says more than its letter."""
    if len(letters) != 1 or not options_of(form.options).texts:
        return None
    place = ord(min(letters)) - ord("A")
    return place if place < len(form.options) else None
