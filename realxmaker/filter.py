"""What can be answered without looking is no question of this benchmark.

A draft is refused if its answer stands in the question, if the same answer was given by too many before it
(so that no constant guess is worth anything), if the question alone finds a page that proves an answer which
is claimed to take perception, or if a model gave its answer without the image. What always holds: models are
asked by `blind`, once for each frozen question, and what they got right is kept in `guessed.json`; the next
`make` draws those anew.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path

from deepeyes.core.files import write_atomic
from deepeyes.core.limits import Limits
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace, TraceWriter, read_traces
from deepeyes.grading.rules import grade
from deepeyes.harness.setup import open_agent
from deepeyes.search.base import TextSearch

from .draft import Draft

GUESSED = Path(__file__).with_name("guessed.json")
OFTEN = 4
"""How often one answer may be given by all questions together."""
HITS = 5
"""So many pages that the question alone finds are looked at."""


def key(question: str, answer: str) -> str:
    """What names a question in `guessed.json`."""
    return sha256(f"{question}\n{answer}".encode()).hexdigest()[:16]


class Filter:
    """Says why a draft is refused; it counts the answers it let through."""

    def __init__(self, search: TextSearch, run: asyncio.Runner, guessed: Iterable[str] = ()) -> None:
        self._search, self._runner = search, run
        self._guessed = set(guessed)
        self._answers: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()

    def __call__(self, draft: Draft) -> str:
        why = self._why(draft)
        if why:
            self.refused[why] += 1
        else:
            self._answers[draft.answer.casefold()] += 1
        return why

    def _why(self, draft: Draft) -> str:
        if key(draft.question, draft.answer) in self._guessed:
            return "a model answers it without the image"
        if stands_in(draft.question, draft.answer):
            return "the answer stands in the question"
        if self._answers[draft.answer.casefold()] >= OFTEN:
            return "the answer is a common one"
        if "perception" in draft.tags and draft.facts and self._found(draft):
            return "the question alone finds the page"
        return ""

    def _found(self, draft: Draft) -> bool:
        hits = self._runner.run(self._search.search(draft.question, HITS))
        pages = {hit.url.split("#")[0] for hit in hits}
        return any(fact.document in pages for fact in draft.facts)


def stands_in(question: str, answer: str) -> bool:
    """Whether the answer, as words or a number of its own, stands in the question."""
    return (
        re.search(rf"(?<![\w.]){re.escape(answer.casefold())}(?![\w]|\.\d)", question.casefold()) is not None
    )


def baselines(tasks: list[Task]) -> dict[str, int]:
    """How many questions are right for guesses that look at nothing: the commonest answer of all, the
    commonest one of the other questions of a form, a number or name out of the question.
    """
    answers = Counter(task.answer.casefold() for task in tasks)
    best = answers.most_common(1)[0][1]
    by_form = 0
    for task in tasks:
        others = Counter(one.answer for one in tasks if one.kind == task.kind and one is not task)
        by_form += others.most_common(1)[0][0] == task.answer
    copied = sum(stands_in(task.question, task.answer) for task in tasks)
    return {
        "commonest answer": best,
        "commonest answer of the form": by_form,
        "copied from the question": copied,
    }


def read_guessed() -> dict[str, list[str]]:
    """Model to the keys of what it got right without looking."""
    return json.loads(GUESSED.read_text("utf-8")) if GUESSED.is_file() else {}


def keep_guessed(model: str, keys: Iterable[str]) -> None:
    """Add what a model guessed to what it guessed before."""
    found = read_guessed()
    found[model] = sorted({*found.get(model, []), *keys})
    write_atomic(GUESSED, (json.dumps(found, indent=1) + "\n").encode())


async def blind(model: str, tasks: list[Task], folder: Path, on_done: Callable[[Trace], None]) -> list[Trace]:
    """Ask a model all questions without their images and without tools; those answers that are right.

    What was asked before is in `folder`, by question and answer, and not asked again.
    """
    unseen = [task.model_copy(update={"id": key(task.question, task.answer), "images": ()}) for task in tasks]
    writer = TraceWriter(folder)
    async with open_agent(model, tools=False, limits=Limits(turns=1)) as agent:
        await agent.run(unseen, concurrency=2, writer=writer, on_done=on_done)
    wanted = {task.id for task in unseen}
    asked = [trace for trace in read_traces(folder) if trace.task.id in wanted]
    return [trace for trace in asked if grade(trace.task, trace.answer).is_right]
