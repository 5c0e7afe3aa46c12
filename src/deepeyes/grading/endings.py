"""What a reply means that states no answer outright: its last or first line, and its last or first sentence.

What always holds: a line that is one of several items, a sentence that asks or supposes, courtesies after the
answer and everything before a doubt about the question itself mean nothing.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from deepeyes.grading.reply import TAIL

_HEAD = 600
_ENDING = 1_500
"""Characters at the beginning and at the end of a reply that are split into sentences."""
_LONGEST_LINE = 120

_SENTENCES = re.compile(r"([.!?][*_\"”')\]]{0,6})[ \t\r]+(?=[A-Z\"“*(\\$])|\n+|([。！？])")
_COURTESY = re.compile(
    r"\W{0,9}(?:i hope (?:this|that|it)|let me know|is there anything|if you (?:have|need|want)|feel free"
    r"|hope this|please (?:note|let|feel)|would you like|do you have|note\b|thank|remember\b)",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"\W{0,9}(?:if|whether|suppose|assum\w{1,5}|is|are|does|do|can|which|what|how)\b", re.IGNORECASE
)
_NO_OPTION = re.compile(
    r"\b(?:none of (?:the|these|those)|mistake|typo"
    r"|not (?:listed|available|among|one of|an option|provided in|in the)"
    r"|no (?:correct|matching|valid) (?:option|answer|choice))\b"
)
_DOUBTS = ("none of ", "mistake", "typo", "not ", "no ")
"""One of these stands in every doubt about the question; looking for them first is fast."""
_LABELLED = re.compile(r"[ \t(*]{0,6}[A-J]\)?[.:]?\*{0,2}[):.]|[ \t(*]{0,6}[A-J]\)")
_LETTERED = re.compile(r"[\s*]{0,4}\([A-J]\)")
_ITEM = re.compile(r"\s{0,9}(?:[-•*]|\d{1,3}[.)])\s")
_DIGIT = re.compile(r"\d")


class Ending(NamedTuple):
    """Where a reply may have its answer if it announces none."""

    lines: tuple[str, ...]
    """The last, the first and the only lettered line of several, where it is short."""
    last: str
    """The last sentence; empty if it is one of several items, or if the reply ends by doubting it."""
    first: str
    """The first sentence of a reply of several."""
    counts_once: bool
    """Whether no number stands after the first sentence."""


def ending_of(text: str) -> Ending:
    """The lines and sentences of a reply without its thoughts that may be its answer."""
    lines = [line for line in text[-TAIL:].split("\n") if line.strip()]
    if len(text) > TAIL:
        lines[:0] = [line for line in text[:_HEAD].split("\n") if line.strip()][:1]
    sentences = _sentences(text[-_ENDING:])
    while len(sentences) > 1 and _COURTESY.match(sentences[-1]):
        sentences.pop()
    last = sentences[-1] if sentences else ""
    first = next(iter(_sentences(text[:_HEAD])), "")
    closing = " ".join(sentences[-2:]).lower()
    doubts = any(word in closing for word in _DOUBTS) and _NO_OPTION.search(closing) is not None
    return Ending(
        lines=_short(text, lines),
        last="" if doubts or "|" in last or _asks(last) or _is_item(last, lines) else last,
        first="" if doubts or first == last or _asks(first) else first,
        counts_once=first != last and _DIGIT.search(text, len(first)) is None,
    )


def _sentences(text: str) -> list[str]:
    parts = _SENTENCES.sub(lambda found: f"{found[1] or found[2] or ''}\n", text).split("\n")
    return [part for part in parts if part.strip()]


def _asks(sentence: str) -> bool:
    return _ASKS.match(sentence) is not None or sentence.rstrip(" *_\"'”)").endswith("?")


def _is_item(line: str, lines: list[str]) -> bool:
    """Whether `line` is one of several items or lettered options among `lines`."""
    for form in (_LABELLED, _ITEM):
        if form.match(line):
            return sum(1 for one in lines if form.match(one)) > 1
    return False


def _short(text: str, lines: list[str]) -> tuple[str, ...]:
    """The lines of several that can be an answer alone; the first only if an empty line follows it."""
    if len(lines) < 2:
        return ()
    apart = text.partition("\n")[2].startswith("\n")
    lettered = [line for line in lines if _LETTERED.match(line)]
    ends = [lines[-1], *lines[: 1 if apart else 0], *(lettered if len(lettered) == 1 else ())]
    short = [line.strip() for line in ends if len(line) <= _LONGEST_LINE and not _is_item(line, lines)]
    return tuple(dict.fromkeys(short))
