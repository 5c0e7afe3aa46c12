"""Normalise: every question becomes open-ended, because one of four letters is right by luck once in four.

Choices are taken off the question (as a column, or as lines "A. ..." in its text), the letter becomes the
text it stands for, and the words that ask for a letter go. What always holds: a question that means nothing
without its choices ("which of the following ...") is refused, not changed; what was taken off is kept in the
task's `meta`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from deepeyes.data.item import Item, Route, Unusable
from deepeyes.data.stages.stage import ASKED, Stage, each
from deepeyes.grading.notation import canonical

_IMAGE_TAG = re.compile(r"<image\s*\d*>|<\|?image_?\d*\|?>", re.IGNORECASE)
_CHOICE = re.compile(r"^[ \t]*\(?([A-H])[.):][ \t]*(\S.*?)[ \t]*$", re.MULTILINE)
_HEADING = re.compile(
    r"^[ \t]*(?:options|choices|answer choices)[ \t]*:[ \t]*$", re.MULTILINE | re.IGNORECASE
)
_ASKS_LETTER = re.compile(
    r"[ \t]*(?:please[ ,]+)?(?:answer|respond|reply|select|choose|pick|give|write)\b[^.?!\n]*"
    r"\b(?:letter|options?|choices?)\b[^.?!\n]*[.!:]?",
    re.IGNORECASE,
)
_NEEDS_CHOICES = re.compile(
    r"\b(?:which|what|who) (?:one )?of (?:the following|these|the (?:options|choices|answers))\b"
    r"|\bthe following (?:options|choices|statements?|answers?|is|are)\b"
    r"|\b(?:all|none|both) of the (?:above|following)\b|\boption [A-H]\b",
    re.IGNORECASE,
)
_LETTER = re.compile(r"^\(?([A-Ha-h])\)?[.:)]?$")
_LETTERED = re.compile(r"^\(?([A-H])(?:[.:)]\s*|\)\s+)(\S.*)$")


class Normalisation(Stage):
    """Questions with an answer in words or numbers."""

    name: ClassVar[str] = "normalise"
    routes: ClassVar[tuple[Route, ...]] = (*ASKED, "text")

    question_chars: int = Field(default=4000, ge=1)
    """Longer questions are refused."""

    def __call__(self, items: Sequence[Item]) -> list[Item]:
        return each(self.name, self._open, items)

    def _open(self, item: Item) -> Item:
        if item.route == "text":  # it is taken as it is
            return self._checked(item, item.task.question, item.task.answer, item.task.answers, ())
        question = _IMAGE_TAG.sub("", item.task.question).strip()
        stem, inline = split_choices(question)
        options = item.options or inline
        if not options:
            return self._checked(item, question, item.task.answer, item.task.answers, ())
        answer = chosen(item.task.answer, options)
        others = [other for other in item.task.answers if canonical(other) != canonical(answer)]
        stem = _ASKS_LETTER.sub("", stem).strip()
        if _NEEDS_CHOICES.search(stem) or _NEEDS_CHOICES.search(answer):
            raise Unusable("needs_options", "it means nothing without its choices")
        if all(_LETTER.match(option.strip()) for option in options):
            raise Unusable("needs_options", "the choices are in the image")
        others = [chosen(other, options) for other in others if not _LETTER.match(other.strip())]
        return self._checked(item, stem, answer, tuple(others), options)

    def _checked(
        self, item: Item, question: str, answer: str, answers: Sequence[str], options: Sequence[str]
    ) -> Item:
        if not question:
            raise Unusable("no_question", "nothing is left of it")
        if len(question) > self.question_chars:
            raise Unusable("question_too_long", f"{len(question):,} characters")
        if not answer.strip():
            raise Unusable("no_answer", "the answer is empty")
        meta = {**item.task.meta, "options": list(options)} if options else item.task.meta
        opened = item.with_task(question=question, answer=answer.strip(), answers=tuple(answers), meta=meta)
        return opened.model_copy(update={"options": ()})


def split_choices(question: str) -> tuple[str, tuple[str, ...]]:
    """The question without the lines that list its choices, and these (none unless they run A, B ...)."""
    found = list(_CHOICE.finditer(question))
    letters = [match[1] for match in found]
    if len(found) < 2 or letters != [chr(ord("A") + place) for place in range(len(found))]:
        return question, ()
    stem = _HEADING.sub("", _CHOICE.sub("", question))
    return re.sub(r"\n{2,}", "\n", stem).strip(), tuple(match[2] for match in found)


def chosen(answer: str, options: Sequence[str]) -> str:
    """The text of the chosen option: a letter becomes its option, "(B) red" becomes "red". Raises `Unusable`
    if the answer is none of the options.
    """
    texts = [_without_letter(option, place) for place, option in enumerate(options)]
    text = answer.strip()
    same = [option for option in texts if canonical(option) == canonical(text)]
    if same:
        return same[0]
    letter = _LETTER.match(text) or _LETTERED.match(text)
    if letter is None:
        raise Unusable("answer_not_an_option", f"{text[:100]!r} is none of {len(texts)} options")
    place = ord(letter[1].upper()) - ord("A")
    if place >= len(texts):
        raise Unusable("answer_not_an_option", f"there is no option {letter[1].upper()}")
    if letter.re is _LETTERED and canonical(letter[2]) != canonical(texts[place]):
        raise Unusable("answer_not_an_option", f"{text[:100]!r} does not agree with its letter")
    return texts[place]


def _without_letter(option: str, place: int) -> str:
    """The option without the letter of its own place in front."""
    lettered = _LETTERED.match(option.strip())
    own = lettered is not None and ord(lettered[1]) - ord("A") == place
    return lettered[2].strip() if lettered is not None and own else option.strip()
