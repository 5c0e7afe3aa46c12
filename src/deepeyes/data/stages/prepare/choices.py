"""Choices of a question: found in its text, and which of them the reference names.

What always holds: choices run A, B, C ... without a gap, or there are none; a reference that is none of them,
or contradicts its own letter, is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from deepeyes.data.item import Unusable
from deepeyes.data.sources.tags import split_tail
from deepeyes.grading.notation import canonical

_LISTED = re.compile(r"^[ \t]*[(（]?([A-J])[.):．、：）][ \t]*(\S.*)$", re.MULTILINE)
_HEADING = re.compile(
    r"^[ \t]*(?:options|choices|answer choices)[ \t]*[:：][ \t]*$", re.MULTILINE | re.IGNORECASE
)
_LEADS_IN = re.compile(r"(?:\A|(?<=\s))(?:answer )?(?:options|choices)[:：]\Z", re.IGNORECASE)
_MARKS = (
    re.compile(r"(?<![\w$\\])[(（]([A-J])[)）][.:]?"),
    re.compile(r"(?<![\w$\\(])([A-J])[.):．、：）](?=\s)"),
    re.compile(r"(?<![\w$\\])\(([a-j])\)"),
)
"""How choices on one line are marked; one way for all of them."""
_INSTRUCTION = re.compile(
    r"(?<=[ \t])(?:please[ ,]+)?(?:answer|respond|reply|select|choose|pick|give|write)\b.*\Z|\n.*\Z",
    re.IGNORECASE | re.DOTALL,
)
"""What may stand behind the last choice."""
_LETTER = re.compile(r"[(（]?([A-Ja-j])[)）]?[.:)）]?")
_LETTERED = re.compile(r"[(（]?([A-J])(?:[.:)）]\s*|[)）]\s+)(\S.*)", re.DOTALL)
_LETTERS = re.compile(r"[(（]?[A-J][)）]?(?:\s?(?:,|;|/|&|and|\s)\s?[(（]?[A-J][)）]?)+")
_MOST = 10


def listed_choices(question: str) -> tuple[str, tuple[str, ...]]:
    """The question without the lines that list its choices, and these; none unless they run A, B ..."""
    found = list(_LISTED.finditer(question))
    if not _runs([match[1] for match in found]):
        return question, ()
    stem = _HEADING.sub("", _LISTED.sub("", question))
    return re.sub(r"\n{2,}", "\n", stem).strip(), tuple(match[2].strip() for match in found)


def one_line_choices(question: str) -> tuple[str, tuple[str, ...]]:
    """The question without choices that follow each other on a line, "(A) car (B) dog" or "A. car B. dog"."""
    for mark in _MARKS:
        found = list(mark.finditer(question))
        first = max((at for at, match in enumerate(found) if match[1].upper() == "A"), default=len(found))
        if not _runs([match[1].upper() for match in found[first:]]):
            continue
        marks = found[first:]
        stem, last = question[: marks[0].start()].strip(), question[marks[-1].end() :]
        rest = _INSTRUCTION.search(last)
        last, after = (last[: rest.start()], rest[0]) if rest else (last, "")
        last, tags = split_tail(last.strip())
        between = [question[a.end() : b.start()] for a, b in pairwise(marks)]
        texts = tuple(text.strip().rstrip(",;|").strip() for text in (*between, last))
        if stem and all(texts):
            parts = (_LEADS_IN.sub("", stem).strip(), tags.strip(), after.strip())
            return "\n".join(filter(None, parts)), texts
    return question, ()


def split_choices(question: str) -> tuple[str, tuple[str, ...]]:
    """The question without its choices, on lines or on one line, and these."""
    stem, options = listed_choices(question)
    return (stem, options) if options else one_line_choices(question)


def texts_of(options: Sequence[str]) -> tuple[str, ...]:
    """The options, each without the letter of its own place in front."""
    return tuple(_without_letter(option.strip(), place) for place, option in enumerate(options))


def right_places(golds: Sequence[str], texts: Sequence[str]) -> tuple[int, ...]:
    """The places of the options that the references name, each text once. Raises `Unusable` for a reference
    that is no option, and for letters in another order than those of their places.
    """
    found = dict[str, int]()
    for gold in golds:
        for place in _places(gold.strip(), texts):
            found.setdefault(canonical(texts[place]), place)
    return tuple(found.values())


def letter_of(text: str) -> int | None:
    """The place of the letter that `text` is, "(B)" is 1; None if it is anything else."""
    letter = _LETTER.fullmatch(text.strip())
    return None if letter is None else ord(letter[1].upper()) - ord("A")


def _places(gold: str, texts: Sequence[str]) -> list[int]:
    place, plain = letter_of(gold), canonical(gold)
    same = [at for at, text in enumerate(texts) if canonical(text) == plain]
    if same:
        if place is not None and place < len(texts) and place not in same:
            raise Unusable("answer_not_an_option", f"{gold!r} is one option and the letter of another")
        return same[:1]
    if place is not None:
        return [_within(place, texts)]
    letters = re.findall(r"[A-J]", gold) if _LETTERS.fullmatch(gold) else list(gold)
    if (
        1 < len(letters) <= _MOST
        and re.fullmatch(r"[A-J]+", "".join(letters))
        and sorted(set(letters)) == letters
    ):
        return [_within(ord(letter) - ord("A"), texts) for letter in letters]
    lettered = _LETTERED.fullmatch(gold)
    if lettered is None:
        raise Unusable("answer_not_an_option", f"{gold[:100]!r} is none of {len(texts)} options")
    place = _within(ord(lettered[1]) - ord("A"), texts)
    if canonical(lettered[2]) != canonical(texts[place]):
        raise Unusable("answer_not_an_option", f"{gold[:100]!r} does not agree with its letter")
    return [place]


def _within(place: int, texts: Sequence[str]) -> int:
    if place >= len(texts):
        raise Unusable("answer_not_an_option", f"there is no option {chr(ord('A') + place)}")
    return place


def _without_letter(option: str, place: int) -> str:
    lettered = _LETTERED.fullmatch(option)
    own = lettered is not None and ord(lettered[1]) - ord("A") == place
    return lettered[2].strip() if lettered is not None and own else option


def _runs(letters: Sequence[str]) -> bool:
    """Whether there are two or more, A first and none left out."""
    return len(letters) > 1 and list(letters) == [chr(ord("A") + place) for place in range(len(letters))]
