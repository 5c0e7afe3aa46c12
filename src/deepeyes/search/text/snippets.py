"""The few hundred characters of a document that show why it was found.

What always holds: a snippet is one stretch of the text on one line, cut between words where there are any,
at most `chars` long without its marks of omission; the time is linear in the text.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from deepeyes.search.text.words import LONG, SHORT, flat, stands_alone, stem

_LEAD = 60
"""Characters shown before the first word that was asked for."""

Spot = tuple[int, str]
"""(place, word that was asked for)."""


def snippet(
    text: str, wanted: Sequence[str], chars: int = 300, *, within: tuple[int, int] | None = None
) -> str:
    """The stretch of `text` that has most of the words `wanted` (folded), rare ones first, the earlier of
    equals.

    `within` names (start, end) of the passage to look in, where something else than words says which is
    right: its beginning is shown if it has none of them, and what follows it if it is short.
    """
    low, high = within or (0, len(text))
    if within is not None and high - low <= chars:
        return _cut(text, low, high if 2 * (high - low) > chars else min(len(text), low + chars), chars)
    spots = _spots(text, low, high, wanted)
    if not spots:
        return _cut(text, low, high, chars)
    return _cut(text, max(low, _best(spots, chars - _LEAD) - _LEAD), high, chars)


def coverage(text: str, wanted: Sequence[str], spans: Sequence[tuple[int, int]]) -> list[float]:
    """For each (start, end) of `spans`, in order and apart: the weighed share of the words `wanted` that it
    has.
    """
    spots = _spots(text, 0, len(text), wanted)
    weight = _weights(spots)
    whole = sum(weight.values()) or 1.0
    shares: list[float] = []
    place = 0
    for start, end in spans:
        while place < len(spots) and spots[place][0] < start:
            place += 1
        inside: set[str] = set()
        while place < len(spots) and spots[place][0] < end:
            inside.add(spots[place][1])
            place += 1
        shares.append(sum(weight[word] for word in inside) / whole)
    return shares


def _spots(text: str, low: int, high: int, wanted: Sequence[str]) -> list[Spot]:
    """Where between `low` and `high` a wanted word stands; short ones count only where there is nothing
    else.
    """
    telling = [word for word in wanted if len(word) > SHORT or stands_alone(word)] or wanted
    stems = {stem(word): word for word in telling}
    spaced = [_ending(word) for word in telling if not stands_alone(word)]
    alone = [re.escape(word) for word in telling if stands_alone(word)]
    # One look behind for all words: a regular expression that tries each at every place is ten times slower.
    parts = [*alone, *([rf"(?<![^\W_])(?:{'|'.join(spaced)})"] if spaced else [])]
    if not parts:
        return []
    pattern, part = re.compile("|".join(parts)), text[low:high]
    # Folding a long text character by character is slow; lower case alone nearly always has the words.
    for fold in (str.lower, flat) if not part.isascii() else (str.lower,):
        plain = fold(part)
        if len(plain) == len(part):
            found = pattern.finditer(plain)
            spots = [(low + spot.start(), stems.get(stem(spot[0]), spot[0])) for spot in found]
            if spots:
                return spots
    return []


def _ending(word: str) -> str:
    """The words that count as `word`: long ones that begin alike, short ones with or without an s."""
    if len(word) > LONG:
        return re.escape(word[:LONG])
    return rf"{re.escape(stem(word))}s?(?![^\W_])"


def _best(spots: list[Spot], width: int) -> int:
    """Where the window of `width` characters begins whose different words weigh most (one walk over the
    spots).
    """
    weight = _weights(spots)
    inside: Counter[str] = Counter()
    best, best_start, here, first = 0.0, spots[0][0], 0.0, 0
    for place, word in spots:
        here += weight[word] if not inside[word] else 0.0
        inside[word] += 1
        while place - spots[first][0] > width:
            gone = spots[first][1]
            inside[gone] -= 1
            here -= weight[gone] if not inside[gone] else 0.0
            first += 1
        if here > best + 1e-9:
            best, best_start = here, spots[first][0]
    return best_start


def _weights(spots: list[Spot]) -> dict[str, float]:
    """Words that are rare in this text say more about where to look."""
    counts = Counter(word for _, word in spots)
    return {word: math.log(1 + len(spots) / count) for word, count in counts.items()}


def _cut(text: str, start: int, end: int, chars: int) -> str:
    """`text[start:end]`, at most `chars` of it, moved to the edges of words, with marks for what is left
    out.
    """
    if start > 0 and not text[start - 1].isspace():
        edge = text.find(" ", start, start + _LEAD)
        start = edge + 1 if edge >= 0 else start
    stop = min(end, start + chars)
    if stop < end and not text[stop].isspace():
        edge = text.rfind(" ", max(start, stop - _LEAD), stop)
        stop = edge if edge > start else stop
    body = " ".join(text[start:stop].split())
    return f"{'... ' if text[:start].strip() else ''}{body}{' ...' if text[stop:].strip() else ''}"
