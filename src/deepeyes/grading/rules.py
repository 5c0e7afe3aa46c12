"""Right, wrong or unsure by rule: the one place where an answer meets its reference without a model.

No network, no model, no guessing. First the whole answer is compared as it is; if that says nothing, what the
reply states (`reply`), and then what it ends with (`endings`). What always holds: grading is symmetric in
notation and never in content; a rule says wrong only where it can know, so other words for a fact are unsure;
a sentence that merely contains the answer is not the answer; two different answers are unsure, and a
correction counts.
"""

from __future__ import annotations

import re

from deepeyes.core.answers import AnswerKind
from deepeyes.core.task import Task
from deepeyes.core.verdict import Verdict
from deepeyes.grading.endings import Ending, ending_of
from deepeyes.grading.kinds.letter import LETTER, mentioned
from deepeyes.grading.quantities import leading, only
from deepeyes.grading.reference import Comparison, Reference, reference_of
from deepeyes.grading.refusals import is_refusal
from deepeyes.grading.reply import TAIL, Stated, Statement, shortened, stated, without_thoughts
from deepeyes.grading.restated import restates

_NUMERIC = frozenset((AnswerKind.number, AnswerKind.maths))
_WORDS = frozenset((AnswerKind.text, AnswerKind.list))
_NAMELESS = frozenset((AnswerKind.letter, AnswerKind.yes_no, AnswerKind.box))
_BRACKETED = frozenset((AnswerKind.list, AnswerKind.box))
_BRACKETS = re.compile(r"\[[^\[\]]{1,300}\]")
_PREDICATED = frozenset((AnswerKind.text, AnswerKind.list, AnswerKind.date, AnswerKind.yes_no))
_PREDICATE = re.compile(r"\b(?:is|are|was|were)\s+(?=\S)", re.IGNORECASE)
_ANOTHER = re.compile(r"\b(?:and|or|but)\b[^.]{0,40}?(?:\b[A-J]\b|\d)")
_SHORT = 60
_MOST_STATEMENTS = 12
_NO_ANSWER, _REFUSED = "no answer", "refused"
_RIGHTLY_REFUSED = "says, as it should, that one cannot tell"
_NOTHING, _CANNOT_TELL, _SEVERAL, _TAKEN_BACK = (
    "states no answer that can be compared",
    "a rule cannot tell whether it means the same",
    "states two answers",
    "takes its answer back",
)
_LONGEST_GIVEN = 200


def grade(task: Task, answer: str | None) -> Verdict:
    """What a rule can say of `answer`: the score is 1, 0, or None where it cannot know. Where a closed
    form's reference says that one cannot tell, so may the answer, in any words.

    Raises `InputError` for a task without a reference answer: there is nothing to compare with.
    """
    verdict = _graded(task, answer)
    if not answer or not is_refusal(answer):
        return verdict
    if verdict.score != 1 and task.answer_form.closed and is_refusal(task.answer):
        verdict = _without(reference_of(task), 1.0, _RIGHTLY_REFUSED, answer)
    return verdict.model_copy(update={"abstained": True})


def _graded(task: Task, answer: str | None) -> Verdict:
    reference = reference_of(task)
    if answer is None or not answer.strip():
        return _without(reference, 0.0, _NO_ANSWER, "")
    if result := reference.compare(answer):
        return _verdict(reference, result)
    if reference.is_several(answer):
        return _without(reference, None, _SEVERAL, answer)
    text = without_thoughts(answer)
    said = stated(text)
    result = _of_reply(reference, answer, text, said, task.question)
    if isinstance(result, Comparison):
        return _verdict(reference, result)
    given = next((one.text for one in reversed(said.statements) if not one.denied), text)
    if result == _NOTHING and _may_be_meant(reference, given):
        result = _CANNOT_TELL
    return _without(reference, 0.0 if result == _REFUSED else None, result, given)


def _may_be_meant(reference: Reference, given: str) -> bool:
    """Whether `given` is other words than those asked for, or a number in another notation."""
    if len(given) > _SHORT:
        return False
    return reference.kind.name in _WORDS or (
        not reference.kinds.isdisjoint(_NUMERIC) and any(map(str.isdigit, given))
    )


def _of_reply(reference: Reference, reply: str, text: str, said: Stated, question: str) -> Comparison | str:
    """What the clearest statements of `reply` come to, or why they come to nothing; `text` is the reply
    without its thoughts, and `said` what it states.
    """
    if len(text) < len(reply) and (result := reference.compare(text)):
        return result
    result = _of_statements(reference, said)
    if isinstance(result, Comparison):
        return result
    if is_refusal(text):
        return _NOTHING if reference.declines else _REFUSED
    if result is not None:
        return result
    ending = ending_of(text)
    return (
        _of_lines(reference, ending)
        or _restated(reference, text, question)
        or _of_sentences(reference, ending)
        or _of_brackets(reference, text)
        or _NOTHING
    )


def _of_statements(reference: Reference, said: Stated) -> Comparison | str | None:
    """What is marked or said: the last of it, unless it is denied, taken back, or contradicted before.

    What stands before a correction does not count, and neither does what stands before a box or a tag; but a
    box beside an option that was chosen before contradicts it. A reply that says three different things
    answers other questions as well.
    """
    last: Comparison | None = None
    last_at = 0
    others: set[str] = set()
    for statement in reversed(said.statements[-_MOST_STATEMENTS:]):
        if last and statement.at < said.corrected < last_at:
            break
        result = _of_statement(reference, statement)
        if statement.denied and not (isinstance(result, Comparison) and result.same):
            return last or _TAKEN_BACK
        if isinstance(result, str):
            return last or result
        if result is None:
            continue
        if last is None:
            last, last_at = result, statement.at
            if statement.marked and reference.kind is not LETTER:
                break
        elif result.same != last.same:
            return _SEVERAL
        elif result.given != last.given:
            others.add(result.given)
            if statement.marked or len(others) > 1:
                return _SEVERAL
    return _TAKEN_BACK if last and said.corrected > last_at else last


def _of_statement(reference: Reference, statement: Statement) -> Comparison | str | None:
    """A statement as it is, without its additions, as the number it begins with, or as the option it names.

    What is marked is bare and nothing is taken off it, but a label and its unit.
    """
    words = [statement.text] if statement.marked else shortened(statement.text, reference.form, words=True)
    parts = words if statement.marked else shortened(statement.text, reference.form)
    for part in words:
        if result := reference.compare(part):
            return result
        if reference.is_several(part):
            return _SEVERAL
    for part in parts[len(words) :]:
        if _ANOTHER.search(words[-1], len(part)):
            return _SEVERAL
        if (result := reference.compare(part)) and result.kind not in _WORDS:
            return result
    if reference.kinds & _NUMERIC:
        for part in parts:
            number = leading(part, reference.form)
            if number and (result := reference.compare(number)):
                return result
    letters = _letters(reference, statement.text)
    return reference.compare(LETTER.show(letters)) if letters else None


def _letters(reference: Reference, sentence: str, concludes: bool = True) -> frozenset[str]:
    if AnswerKind.letter not in reference.kinds:
        return frozenset()
    return mentioned(sentence, reference.form, concludes)


def _of_line(reference: Reference, line: str) -> Comparison | None:
    """A line that is nothing but an answer; other words than the reference's may be a heading."""
    for part in shortened(line.strip("*_#` "), reference.form, words=True):
        result = reference.compare(part)
        if result is None and len(part) <= _SHORT and reference.kinds & _NUMERIC:
            number = leading(part, reference.form)
            result = reference.compare(number) if number else None
        if result and (result.same or result.kind not in _WORDS):
            return result
    return None


def _restated(reference: Reference, text: str, question: str) -> Comparison | None:
    """Right if the reply is the question with a reference in it; a letter or a yes is no name for a thing."""
    if reference.kind.name in _NAMELESS:
        return None
    return next((reference.compare(gold) for gold in reference.texts if restates(text, question, gold)), None)


def _of_brackets(reference: Reference, text: str) -> Comparison | None:
    """The only list of a reply that is asked for a list or a box."""
    if reference.kind.name not in _BRACKETED:
        return None
    found = set(_BRACKETS.findall(text[-TAIL:]))
    return reference.compare(found.pop()) if len(found) == 1 else None


def _of_lines(reference: Reference, ending: Ending) -> Comparison | str | None:
    """What the lines come to that are nothing but an answer, and sentences that begin with yes or no, if all
    agree.
    """
    known = [result for line in ending.lines if (result := _of_line(reference, line))]
    if AnswerKind.yes_no in reference.kinds:
        agreed = map(reference.compare, (ending.last, ending.first))
        known += [result for result in agreed if result and result.kind is AnswerKind.yes_no]
    if any((result.same, result.given) != (known[0].same, known[0].given) for result in known):
        return _SEVERAL
    return known[0] if known else None


def _of_sentences(reference: Reference, ending: Ending) -> Comparison | str | None:
    """What the last sentence can only mean; or the option or the only number that the first one names.

    Another number than the reference's makes a reply wrong only where the task says that it wants a number.
    """
    for sentence in (ending.last, ending.first):
        if letters := _letters(reference, sentence, concludes=not ending.first):
            return reference.compare(LETTER.show(letters)) or _SEVERAL
    for sentence in (ending.last, ending.first if ending.counts_once else ""):
        number = only(sentence, reference.form) if reference.kinds & _NUMERIC else None
        result = reference.compare(number) if number else None
        if result and (result.same or reference.form.kind is not None):
            return result
    predicate = _PREDICATE.search(ending.last) if reference.kind.name in _PREDICATED else None
    result = reference.compare(ending.last[predicate.end() :]) if predicate else None
    return result if result and (result.same or result.kind not in _WORDS) else None


def _verdict(reference: Reference, result: Comparison) -> Verdict:
    """The verdict on an answer that was compared; the same words as a number's are that number."""
    reason = f"is {result.expected}" if result.same else f"is {result.given}, expected {result.expected}"
    as_words = result.same and result.kind is AnswerKind.text
    return Verdict(
        score=1.0 if result.same else 0.0,
        reason=reason,
        by=result.by,
        kind=reference.kind.name if as_words else result.kind,
        given=result.given,
        expected=result.expected,
    )


def _without(reference: Reference, score: float | None, reason: str, given: str) -> Verdict:
    """A verdict on a reply whose answer, the beginning of `given`, could not be compared."""
    return Verdict(
        score=score,
        reason=reason,
        by=reference.kind.by,
        kind=reference.kind.name,
        given=" ".join(given[: 2 * _LONGEST_GIVEN].split())[:_LONGEST_GIVEN],
        expected=reference.expected,
    )
