"""How titles, texts and meanings become one order of documents.

A question names its subject in the words of a title and paraphrases what it wants to know. So the words
that the best title explains are taken out before the rest is compared by meaning: "which faiths are
followed in France" looks for "which faiths are followed in" among what is said about France. The score of a
document is

    title coverage + 0.2 * text coverage + cosine of its best passage

all three between 0 and about 1. The weights were chosen on the tuning half of the questions
(`python -m benchmarks.search --tune`); reciprocal ranks, which forget how good a match was, did far worse.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from deepeyes.search.text.lexical import Matches

TITLE, TEXT, MEANING = 1.0, 0.2, 1.0
UNRELATED = 0.25
"""A document without a word of the query, whose meaning is no nearer than this, is no hit."""

Scores = NDArray[np.float32]


def lexical_scores(matches: Matches, documents: int, text: float = 1.0) -> Scores:
    """[documents]: what the words say; 0 where none is shared. Without meanings, title and text count
    alike.
    """
    scores = np.zeros(documents, np.float32)
    for found, weight in ((matches.title, TITLE), (matches.text, text)):
        for number, score in found:
            scores[number] += weight * score
    return scores


def fused(matches: Matches, meanings: Scores) -> Scores:
    """[documents]: words and meanings together; 0 for what is unrelated."""
    scores = lexical_scores(matches, len(meanings), TEXT)
    unrelated = (scores == 0) & (meanings < UNRELATED)
    return np.where(unrelated, 0.0, scores + MEANING * np.maximum(meanings, 0.0)).astype(np.float32)


def best(scores: Scores, k: int) -> list[int]:
    """Numbers of the `k` highest scores above 0, best first, the earlier of equals first."""
    near = np.flatnonzero(scores > 0)
    if 0 < k < len(near):
        edge = np.partition(scores[near], len(near) - k)[len(near) - k]
        near = near[scores[near] >= edge]
    return [int(number) for number in near[np.argsort(-scores[near], kind="stable")][: max(0, k)]]


def unexplained(query: Sequence[tuple[str, str]], title: Sequence[tuple[str, str]]) -> str:
    """The words of `query` whose stems `title` does not have; both are (word, stem) pairs."""
    known = {stem for _, stem in title}
    return " ".join(word for word, stem in query if stem not in known)
