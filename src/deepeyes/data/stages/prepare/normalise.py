"""Normalise: every question becomes open-ended, because one of four letters is right by luck once in four.

Choices are taken off the question (a column, lines "A. ...", or one line "(A) ... (B) ..."), the letter
becomes the text it stands for, and the words that ask for a letter go. What always holds: a question that
means nothing without its choices ("which statement is true?", choices that are in the image) is never opened,
but refused, or kept with a letter as its answer where `letters` says so; of several right choices none is
dropped; what was taken off is kept in the task's `meta`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from deepeyes.core.answers import AnswerForm, AnswerKind
from deepeyes.core.task import Task
from deepeyes.data.item import Item, Route, Unusable
from deepeyes.data.sources.tags import has_tag, name_images
from deepeyes.data.stages.prepare.choices import (
    letter_of,
    listed_choices,
    one_line_choices,
    right_places,
    texts_of,
)
from deepeyes.data.stages.stage import ASKED, Stage, each

_ASKS_LETTER = re.compile(
    r"(?<![ \t])[ \t]*(?:please[ ,]+)?(?:answer|respond|reply|select|choose|pick|give|write)\b[^.?!\n]*"
    r"\b(?:letter|options?|choices?)\b[^.?!\n]*[.!:]?",
    re.IGNORECASE,
)
_SAID = (
    "statement|sentence|claim|assertion|conclusion|proposition|description|explanation|interpretation"
    "|equality|equalities|equation|inequality|inequalities|expression|formula|option|choice|answer"
)
_NEEDS_CHOICES = re.compile(
    r"\b(?:which|what|who) (?:one )?of (?:the following|these|the (?:options|choices|answers))\b"
    r"|\bthe following (?:options|choices|statements?|answers?|is|are)\b"
    rf"|\bwhich (?:of )?(?:the )?(?:\w+ ){{0,2}}(?:{_SAID})s?\b"
    r"|\b(?:given|listed|shown|offered) (?:in|among|as) the (?:answers|options|choices)\b"
    r"|\b(?:answers|options|choices) (?:given|listed|below|above)\b"
    r"|\bwhich\b[^.?!]*\b(?:can ?not|can['’]t|could(?: not|n['’]t)?|might|may|never) (?:\w+ )?"
    r"(?:appear|be|have|represent|show|occur|happen|hold|describe)\b"
    r"|\b(?:best|most (?:likely|nearly|closely|appropriate|suitable)|closest|nearest) (?:\w+ )?"
    r"(?:title|describes?|represents?|summar\w+|explains?|matches|fits|caption|to)\b"
    r"|\b(?:all|none|both|any|either|neither) of "
    r"(?:the (?:above|following|answers|options)|these|those|them)\b"
    r"|\boption [A-J]\b",
    re.IGNORECASE,
)
_POINTS = re.compile(
    r"(?:both|neither|either|all|none|any)(?: of \w+)?(?: (?:are|is|the) .*)?", re.IGNORECASE
)
"""Answers that point at other choices."""
_PLACE = re.compile(
    r"(?:the )?(?:first|second|third|fourth|fifth|last|former|latter|other)(?: one)?", re.IGNORECASE
)
_WHICH_ONE = re.compile(r"\bwhich (?:one|is|are|was|were|has|does|of)\b", re.IGNORECASE)


class Normalisation(Stage):
    """Questions with an answer in words or numbers."""

    name: ClassVar[str] = "normalise"
    routes: ClassVar[tuple[Route, ...]] = (*ASKED, "text")

    question_chars: int = Field(default=4000, ge=1)
    """Longer questions are refused."""
    letters: Literal["refuse", "keep"] = "refuse"
    """What becomes of a question that cannot do without its choices, or of which several are right. By
    default it is refused, since one of five letters is right by luck once in five; `keep` leaves it as it is
    asked, with a letter as its answer.
    """
    composite: bool = False
    """Whether the one image of a row holds all that numbered tags before and behind its question stand for,
    as in MathVision. By default a question with more tags than images is refused.
    """

    def __call__(self, items: Sequence[Item]) -> list[Item]:
        return each(self.name, self._open, items)

    def _open(self, item: Item) -> Item:
        task = item.task
        if item.route == "text":  # it is taken as it is
            return self._checked(item, task.question, task.answer, task.answers)
        if len(task.question) > self.question_chars:
            raise Unusable("question_too_long", f"{len(task.question):,} characters")
        stem, options = (task.question, item.options) if item.options else _inline(task)
        if not options:
            if has_tag(task.answer):
                raise Unusable("answer_is_image", f"the answer is {task.answer[:100]!r}")
            return self._checked(item, self._named(stem, task), task.answer, task.answers)
        texts = texts_of(options)
        right = right_places((task.answer, *task.answers), texts)
        opened = _ASKS_LETTER.sub("", self._named(stem, task)).strip()
        why = _why_closed(opened, texts, right)
        if why is None:
            return self._checked(item, opened, texts[right[0]], (), options, _without_letters(task))
        if self.letters == "refuse":
            raise why
        return self._lettered(item, stem, texts, right)

    def _named(self, question: str, task: Task) -> str:
        return name_images(question, len(task.images), composite=self.composite)

    def _lettered(self, item: Item, stem: str, texts: Sequence[str], right: Sequence[int]) -> Item:
        """The question with its choices, and the letters of those that are right as its answer."""
        task, images = item.task, len(item.task.images)
        bare = all(letter_of(text) == place for place, text in enumerate(texts))
        if bare or not (item.options or any(map(has_tag, texts))):
            question, shown = self._named(task.question, task), tuple(texts)
        else:
            shown = tuple(name_images(f"|{text}|", images)[1:-1] for text in texts)
            lines = [f"{_letter(place)}. {text}" for place, text in enumerate(shown)]
            question = "\n".join([self._named(stem, task), *lines])
        form = AnswerForm(kind=AnswerKind.letter, options=shown, several=len(right) > 1)
        answer = ", ".join(map(_letter, sorted(right)))
        return self._checked(item, question, answer, (), texts, form)

    def _checked(
        self,
        item: Item,
        question: str,
        answer: str,
        answers: Sequence[str],
        options: Sequence[str] = (),
        form: AnswerForm | None = None,
    ) -> Item:
        if not question:
            raise Unusable("no_question", "nothing is left of it")
        if len(question) > self.question_chars:
            raise Unusable("question_too_long", f"{len(question):,} characters")
        if not answer.strip():
            raise Unusable("no_answer", "the answer is empty")
        meta = {**item.task.meta, "options": list(options)} if options else item.task.meta
        form = form or item.task.answer_form
        changed = item.with_task(
            question=question, answer=answer.strip(), answers=tuple(answers), meta=meta, answer_form=form
        )
        return changed.model_copy(update={"options": ()})


def _inline(task: Task) -> tuple[str, tuple[str, ...]]:
    """The question without the choices in its text, and these. Choices on one line count only if the answer
    is one of them: "(A)" and "B." are also written of points and of people.
    """
    stem, options = listed_choices(task.question)
    if options:
        return stem, options
    stem, options = one_line_choices(task.question)
    try:
        right_places((task.answer, *task.answers), texts_of(options))
    except Unusable:
        return task.question, ()
    return stem, options


def _without_letters(task: Task) -> AnswerForm:
    """The form of an answer that was a letter and is now the option's text."""
    form = task.answer_form
    kind = None if form.kind is AnswerKind.letter else form.kind
    return form.model_copy(update={"kind": kind, "options": (), "several": False})


def _why_closed(question: str, texts: Sequence[str], right: Sequence[int]) -> Unusable | None:
    """Why the question cannot be asked without its choices; None if it can."""
    if len(right) > 1:
        return Unusable("several_options", f"{', '.join(map(_letter, right))} are right")
    answer = texts[right[0]].strip().rstrip(".")
    if letter_of(answer) == right[0] or has_tag(answer):
        return Unusable("needs_options", "the choices are in the image")
    points = _POINTS.fullmatch(answer) or (_PLACE.fullmatch(answer) and _WHICH_ONE.search(question))
    if points or _NEEDS_CHOICES.search(question) or _NEEDS_CHOICES.search(answer):
        return Unusable("needs_options", "it means nothing without its choices")
    return None


def _letter(place: int) -> str:
    return chr(ord("A") + place)
