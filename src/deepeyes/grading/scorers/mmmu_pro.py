"""MMMU-Pro: the letter after the last "Answer:", else a letter in brackets, alone or before a stop, else a
text.

Where nothing is found the published rule draws an option at random. That is no verdict, so the scorer is
unsure; with the option that was drawn, `score_taken` says what the rule said.
"""

from __future__ import annotations

from deepeyes.core.task import Task
from deepeyes.grading.scorers.scorer import Scorer, letter, reference_letter

_MARK = "Answer:"
_EDGES = ",.!?;:'"
_MOST = 10
"""How many options a question has whose options are not given."""
_SHORT = 5
"""Words up to which a reply is not searched for the texts of options."""


def _take(task: Task, reply: str) -> str | None:
    options = task.answer_form.options
    letters = [letter(position) for position in range(len(options) or _MOST)]
    _, marked, tail = reply.rpartition(_MARK)
    if marked:
        named = [each for each in letters if each in tail]
        if len(named) == 1:
            return named[0]
    for edge in _EDGES:  # one kind after the other, as the rule does it
        reply = reply.strip(edge)
    reply = f" {reply} "
    if found := [each for each in letters if f"({each})" in reply]:
        return max(found, key=lambda each: reply.rfind(f"({each})"))
    for ending in " .":
        if found := [each for each in letters if each + ending in reply]:
            return max(found, key=lambda each: reply.rfind(f" {each} "))
    if len(reply.split()) > _SHORT:
        lowered = reply.lower()
        texts = {each: text.lower() for each, text in zip(letters, options, strict=False)}
        found = [each for each, text in texts.items() if text in lowered]
        return max(found, key=lambda each: lowered.rfind(texts[each]), default=None)
    return None


def _same(task: Task, taken: str) -> bool:
    return taken == reference_letter(task)


MMMU_PRO = Scorer(
    name="mmmu_pro",
    source="MMMU-Benchmark/MMMU @ bb0b95a mmmu-pro/evaluate.py; arXiv:2409.02813",
    take=_take,
    same=_same,
    leaves_to="chance",
    known_faults=(
        "A reply in which no letter and no option is found, a refusal or an empty one, gets a random option.",
        'A capital at the end of a word counts as a letter: "in the USA" is A.',
        'Of nine options or more, the word "I" is option I.',
        "The last option that a reply mentions counts, also where the reply rejects it.",
        'After "Answer:" every capital counts: "Answer: (B) Apple" names A and B.',
    ),
)
