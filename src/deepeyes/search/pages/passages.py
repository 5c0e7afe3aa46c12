"""The parts of a long text that stand around a query, because a model cannot read a whole page.

What always holds: the result is at most `budget` characters long and made of whole pieces of the text in
their order; it is a function of its arguments alone; the time is linear in the text.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections import Counter
from dataclasses import dataclass, replace

from deepeyes.search.base import Document, PageReader

_WORD = re.compile(r"[^\W_]+")
_IDEOGRAPH = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_STEM = 6
_PIECE = 400
_GAP = "\n[...]\n"
_SENTENCE = re.compile(r"(?<=[.!?。！？])\s*(?=\S)")


@dataclass(frozen=True)
class Passages:
    """The pages of a reader, each cut to what stands around a query. It closes nothing."""

    reader: PageReader

    async def passages(self, url: str, query: str, max_chars: int) -> Document | None:
        """The page behind `url` with its text cut; None where there is no such page, one that says why where
        it could not be read. Raises `SearchUnavailable` as the reader does.
        """
        page = await self.reader.read(url)
        if page is None or not page.could_be_read:
            return page
        return replace(page, text=await asyncio.to_thread(passages, page.text, query, max_chars))


def passages(text: str, query: str, budget: int = 4000) -> str:
    """The pieces of `text` that share most with `query`, or its beginning if none does.

    At most `budget` characters. Left out parts are marked by a line "[...]".
    """
    text = text.strip()
    if len(text) <= budget:
        return text
    pieces = _pieces(text)
    wanted = set(_terms(query))
    terms = [_terms(piece) for piece in pieces]
    spread = Counter(term for found in terms for term in set(found) & wanted)
    if not spread:
        return _head(text, budget)
    weight = {term: math.log(1 + len(pieces) / count) for term, count in spread.items()}
    scores = [sum(weight[term] for term in set(found) & wanted) for found in terms]
    near = [_with_neighbours(scores, index) for index in range(len(scores))]
    chosen: set[int] = set()
    left = budget - len(_GAP)
    for index in sorted(range(len(pieces)), key=lambda i: (-near[i], i)):
        cost = len(pieces[index]) + len(_GAP)
        if near[index] <= 0 or left <= 0:
            break
        if cost <= left:
            chosen.add(index)
            left -= cost
    return _joined(pieces, chosen) if chosen else _head(text, budget)


def _with_neighbours(scores: list[float], index: int) -> float:
    """A piece's score and half of its better neighbour's: answers often stand beside what is asked about."""
    around = scores[max(0, index - 1) : index] + scores[index + 1 : index + 2]
    return scores[index] + 0.5 * max(around, default=0.0)


def _pieces(text: str) -> list[str]:
    """Lines, long ones cut at sentences, and at `_PIECE` characters where there are none."""
    pieces: list[str] = []
    for line in text.splitlines():
        here = ""
        for sentence in _SENTENCE.split(line):
            for start in range(0, len(sentence), _PIECE):
                part = sentence[start : start + _PIECE]
                if here and len(here) + len(part) + 1 > _PIECE:
                    pieces.append(here)
                    here = part
                else:
                    here = f"{here} {part}".strip()
        if here.strip():
            pieces.append(here)
    return pieces


def _terms(text: str) -> list[str]:
    """Words cut to their first letters, so that "populations" meets "population"; ideographs one by one."""
    found: list[str] = []
    for word in _WORD.findall(text.casefold()):
        if _IDEOGRAPH.search(word):
            found.extend(word)
        elif len(word) > 1 or word.isdigit():
            found.append(word[:_STEM])
    return found


def _joined(pieces: list[str], chosen: set[int]) -> str:
    """The chosen pieces in order, with a mark wherever others are missing, at both ends too."""
    parts: list[str] = []
    last = -1
    for index in sorted(chosen):
        if index == last + 1:
            parts.append("\n" if parts else "")
        else:
            parts.append(_GAP if parts else _GAP.lstrip())
        parts.append(pieces[index])
        last = index
    return "".join(parts) + (_GAP.rstrip() if last < len(pieces) - 1 else "")


def _head(text: str, budget: int) -> str:
    cut = text[: max(0, budget - len(_GAP))]
    edge = cut.rfind(" ")
    return (cut[:edge] if edge > len(cut) // 2 else cut) + _GAP.rstrip() if budget > len(_GAP) else cut
