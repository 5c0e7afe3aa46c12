"""The answers that a reply states: why "so the answer is (B)." and "**Final answer:** 12 m" are graded.

A reply states an answer by marking it (a box, an answer tag, a JSON field) or by saying so ("the answer is",
"答案是", "option C is correct"). What always holds: what is asked, supposed or hedged states nothing;
thoughts in front of an answer are no answer. This module finds bare answers as text and does not know what is
right. Time is linear in the length of the reply, of which the last thousands of characters are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from deepeyes.core.answers import AnswerForm
from deepeyes.grading.markers import (
    CHOOSER,
    CHOSEN,
    COPULA_AFTER,
    CORRECTED,
    CORRECTION,
    DENIED,
    DENYING,
    HEDGED,
    SAID,
    SAID_ABROAD,
    SAID_IN_CHINESE,
    SUBJECT_CHOSEN,
    SUBJECT_IN_CHINESE,
    SUPPOSED,
)

TAIL = 4_000
"""Characters at the end of a reply that are read for sentences."""
_LONGEST = 400
"""Characters of one statement."""
_NEAR = 12
"""Characters between "answer" and a letter that no word links to it."""

_THOUGHTS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<reasoning>", "</reasoning>"),
    ("◁think▷", "◁/think▷"),
)
_TAGS = (
    ("<answer>", "</answer>"),
    ("<final_answer>", "</final_answer>"),
    ("<|begin_of_box|>", "<|end_of_box|>"),
)
_BOX = re.compile(r"\\(?:boxed|fbox)\s?\{")
_BRACE = re.compile(r"(?<!\\)[{}]")
_JOINED = re.compile(r"\}[\s$\\().,]*(?:and|和)?[\s$\\(]*")
_FIELD = re.compile(
    r"[\"'](?:final[_ ]?)?answer[\"']\s{0,9}:\s{0,9}"
    r"(\"(?:[^\"\\\n]|\\.){1,300}\"|'[^'\n]{1,300}'|\[[^\]\n]{1,300}\]|-?\d[\d.,]{0,60}|true|false)",
    re.IGNORECASE,
)
_FIELD_BEFORE = ('"', "'", "_")
"""What stands before the name of a field, which is no noun of a sentence."""
_CORRECTIONS = (
    *("wait", "actual", "correct", "scratch", "hmm", "mistake", "apolog", "wrong", "no,", "sorry,", "oops"),
    *(
        "second thought",
        "however",
        "hold on",
        "let me",
        "that is right",
        "that was right",
        "等等",
        "不对",
        "更正",
    ),
)
_CHOICES = ("choose", "select", "pick", "chose", "say", "opt for", "go with", "going with", "go for")
_VERDICTS = ("correct", "right", "the answer", "choice", "option", " match", "best ")
_CLAUSE = re.compile(
    r"[\n:;]|[.!?]\s|,\s(?!(?:and |or )?\(?\w\)?(?:\W|$))|\b(?:that|so|thus|hence|therefore),?\s",
    re.IGNORECASE,
)

_LEAD = re.compile(r"(?:[\s*_`#>:：~]|[-–—](?=\s)|\\\[|\$\$)*")
_STOP = re.compile(r"[.!?](?=[*_\"'”’)\]$]{0,6}(?:\s|$))|[。！？\n]")
_ABBREVIATED = re.compile(r"\b(?:[A-Z]|Mr|Mrs|Dr|St|No|vs|approx)$")
_BUT = re.compile(r"not\b[^.\n]{1,80}?\bbut\s", re.IGNORECASE)

_FILLER = (
    r"(?:exactly|only|simply|just|therefore|thus|hence|so|likely|probably|indeed|clearly|given by|equal to)"
    r"\s?,?\s{1,3}"
)
_ABOUT = (
    r"(?:approximately|approx\.?|about|around|roughly|nearly|almost|circa)\s?,?\s{1,3}|[≈~]\s?|\\approx\s?"
)
_FIRST_OPTION = re.compile(r"\W{0,4}A[).:]")
_NEXT_OPTION = re.compile(r"[.;,]?\s{1,4}\W{0,4}B[).:]")
_HEDGE = {
    False: re.compile(rf"(?:{_FILLER})+", re.IGNORECASE),
    True: re.compile(rf"(?:{_FILLER}|{_ABOUT})+", re.IGNORECASE),
}
"""What is taken off in front of an answer; by whether it need only be about right."""
_REASON = re.compile(
    r",? (?:because|since|which|where|given that|due to)\b|, (?:as|given|based on)\b"
    r"|\s[—–-]\s(?=[A-Za-z]{2})|;\s(?!\(?[A-J]\b)|\.\s|，|。",
    re.IGNORECASE,
)
_ADDITION = re.compile(
    r"\s(?:as|so|with|when|for|and (?:not|the)|if|in|on|at|is|are)\s|,\s|\s\((?=\w{2})", re.IGNORECASE
)


class Statement(NamedTuple):
    """An answer that a reply states."""

    text: str
    """The bare answer, with what follows it in the same sentence."""
    at: int
    marked: bool = False
    """Whether it stands in a box, a tag or a field, and not in a sentence."""
    denied: bool = False
    """Whether it says what the answer is not, or that there is none."""


class Stated(NamedTuple):
    """What a reply states outright."""

    statements: tuple[Statement, ...]
    """In the order of the reply."""
    corrected: int
    """Where the reply last corrects itself; -1 if it never does."""


def stated(text: str) -> Stated:
    """The answers that are marked or said in a reply without its thoughts."""
    offset = max(0, len(text) - TAIL)
    window = text[offset:]
    lowered = window.replace("İ", "I").lower()
    corrects = CORRECTION.search(lowered) if any(word in lowered for word in _CORRECTIONS) else None
    said = _said(window, lowered, corrects.end() if corrects else None)
    moved = [one._replace(at=one.at + offset) for one in said]
    statements = sorted((*_marked(text, offset), *moved), key=lambda one: one.at)
    corrections = (
        [found.start() for found in CORRECTION.finditer(lowered, corrects.start())] if corrects else []
    )
    return Stated(tuple(statements), corrections[-1] + offset if corrections else -1)


def without_thoughts(reply: str) -> str:
    """What comes after the thoughts; nothing if they never end."""
    if "<" in reply or "◁" in reply:
        for opening, closing in _THOUGHTS:
            if (end := reply.rfind(closing)) >= 0:
                reply = reply[end + len(closing) :]
            if (start := reply.find(opening)) >= 0:
                reply = reply[:start]
    return reply.strip()


def _marked(text: str, offset: int) -> Iterator[Statement]:
    """What stands in answer tags, fields and boxes."""
    lowered = text.lower() if "<" in text else ""
    for opening, closing in _TAGS if lowered else ():
        end = lowered.rfind(closing)
        start = lowered.rfind(opening, 0, end if end >= 0 else None)
        if start >= 0:
            inside = text[start + len(opening) : end if end >= 0 else None].strip()
            yield Statement(inside[:_LONGEST], start, marked=True)
    if "nswer" in text or "NSWER" in text:
        for field in _FIELD.finditer(text, offset):
            yield Statement(field[1].strip("\"'"), field.start(), marked=True)
    if "\\boxed" in text or "\\fbox" in text:
        yield from _boxes(text, offset)


def _boxes(text: str, offset: int) -> list[Statement]:
    """The boxes of the tail, or else the last one; neighbours joined by "and" or a comma are one answer."""
    found = list(_BOX.finditer(text, offset))
    if not found and (last := _BOX.match(text, max(text.rfind("\\boxed"), text.rfind("\\fbox")))):
        found = [last]
    boxes: list[Statement] = []
    end = -1
    for box in found:
        start = box.end()
        if start < end:
            continue
        before, end = end, _closing(text, start)
        inside = text[start:end].strip()
        if boxes and _JOINED.fullmatch(text, before, min(box.start(), before + _LONGEST)):
            boxes[-1] = boxes[-1]._replace(text=f"{boxes[-1].text}, {inside}")
        elif inside:
            boxes.append(Statement(inside, start, marked=True))
    return boxes


def _closing(text: str, start: int) -> int:
    """Where the brace that was opened before `start` closes, or the end of the longest statement."""
    depth = 1
    for found in _BRACE.finditer(text, start, start + _LONGEST):
        depth += 1 if found[0] == "{" else -1
        if not depth:
            return found.start()
    return min(len(text), start + _LONGEST)


def _said(window: str, lowered: str, corrected: int | None) -> Iterator[Statement]:
    """What sentences say the answer is; `lowered` is `window` in small letters, of the same length."""
    foreign = () if lowered.isascii() else (SAID_ABROAD, SAID_IN_CHINESE)
    for pattern in (SAID, *foreign):
        for marker in pattern.finditer(lowered):
            start, fill = marker.start(), marker["fill"] or ""
            before = lowered[start - 1 : start]
            if before in _FIELD_BEFORE or (before.isalpha() and pattern is not SAID_IN_CHINESE):
                continue
            if (
                len(fill) > _NEAR
                and marker[0].endswith(fill)
                and lowered[marker.end() : marker.end() + 1] == " "
            ):
                continue
            if HEDGED.search(fill) or SUPPOSED.search(lowered, max(0, start - 40), start):
                continue
            if statement := _statement(window, marker.end()):
                denied = DENYING.search(fill)
                yield statement._replace(text=f"not {statement.text}", denied=True) if denied else statement
    if any(word in lowered for word in _CHOICES):
        for marker in CHOSEN.finditer(lowered):
            chosen = CHOOSER.search(lowered, max(0, marker.start() - 30), marker.start())
            supposed = (
                " if " in f" {lowered[max(0, marker.start() - 30) : marker.start()].rpartition(',')[2]}"
            )
            if chosen and not supposed and (statement := _statement(window, marker.end())):
                yield statement
    if any(word in lowered for word in _VERDICTS):
        for marker in SUBJECT_CHOSEN.finditer(lowered):
            subject = _CLAUSE.split(window[max(0, marker.start() - 100) : marker.start()])[-1].strip()
            if subject and "?" not in window[marker.end() : marker.end() + 2]:
                yield Statement(subject, marker.start(), denied=bool(DENIED.match(subject)))
    for marker in SUBJECT_IN_CHINESE.finditer(lowered) if foreign else ():
        yield Statement(marker[1].upper(), marker.start())
    if corrected is not None:
        for marker in CORRECTED.finditer(lowered, corrected):
            if statement := _statement(window, marker.end()):
                yield statement


def _statement(window: str, start: int) -> Statement | None:
    """The rest of the sentence from `start`, without markup in front; None if it asks, or if it is the first
    of several lettered lines.
    """
    lead = _LEAD.match(window, start, start + 40)
    start = lead.end() if lead else start
    end = min(len(window), start + _LONGEST)
    for stop in _STOP.finditer(window, start, end):
        if stop[0] == "?":
            return None
        goes_on = stop[0] == "." and window[stop.end() : stop.end() + 20].strip()
        if not goes_on or not _ABBREVIATED.search(window, max(start, stop.start() - 8), stop.start()):
            end = stop.start()
            break
    text = window[start:end].strip()
    if _FIRST_OPTION.match(text) and _NEXT_OPTION.match(window, end):
        return None
    if but := _BUT.match(text):
        text = text[but.end() :].strip()
    text = COPULA_AFTER.sub("", text)
    return Statement(text, start, denied=bool(DENIED.match(text))) if text else None


def about_right(form: AnswerForm) -> bool:
    """Whether an answer need only be near the reference, or equal to it when rounded."""
    return form.tolerance > 0 or form.precision is not None


def shortened(text: str, form: AnswerForm, words: bool = False) -> list[str]:
    """`text` and what is left of it without hedges, reasons and additions, longest first.

    `words` keeps additions: "red for the left one" is not "red". "About 12" is 12 only where the form allows
    an answer to be about right.
    """
    texts = [text]
    if hedge := _HEDGE[about_right(form)].match(text):
        text = text[hedge.end() :]
        texts.append(text)
    if reason := _REASON.search(text):
        text = text[: reason.start()]
        texts.append(text)
    if not words and (addition := _ADDITION.search(text)):
        texts.append(text[: addition.start()])
    return [part for part in texts if part.strip()] or texts[:1]
