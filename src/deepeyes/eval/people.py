"""Answers that people have judged, read from a JSON Lines file in any of three layouts.

- plain: `question`, `gold` (one or a list), `answer`, `correct`; other names of columns may be told;
- one answer a line under `response` or `prediction`, `answer` being the reference where there is no `gold`
  (NQ301 of OpenQA-eval, with a `gpt4` column beside it);
- several answers a line: `answers` is {system: [text, correct]}, references are joined by "/" and
  `improper` questions are left out (EVOUNA).

What always holds: a line that cannot be read is an error with its number; a line that nobody judged is
counted, and left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, cast

from deepeyes.core.errors import InputError
from deepeyes.core.json_files import read_json_lines
from deepeyes.core.task import Task
from deepeyes.core.verdict import Outcome
from deepeyes.grading.rows import verdict_word

_GOLDS = ("gold", "golds", "reference", "references", "answers")
_GIVEN = ("response", "prediction")
_OUTCOMES = {True: Outcome.right, False: Outcome.wrong, None: Outcome.unsure}


@dataclass(frozen=True)
class Columns:
    """Names of columns; empty ones are found by themselves."""

    question: str = "question"
    gold: str = ""
    answer: str = ""
    correct: str = "correct"
    image: str = "image"
    other: str = "gpt4"
    """Holds another judge's verdict, where a file has it."""

    @classmethod
    def named(cls, pairs: Sequence[str]) -> Columns:
        """From texts like "gold=reference". Raises `InputError`."""
        known = [field.name for field in fields(cls)]
        given = dict[str, str]()
        for pair in pairs:
            key, _, name = pair.partition("=")
            given[key] = name
            if key not in known or not name:
                raise InputError(f"{pair!r} names no column", f"write KEY=NAME, KEY: {', '.join(known)}")
        return cls(**given)


@dataclass(frozen=True)
class PeoplesVerdict:
    """One answer, and what people say of it."""

    task: Task
    answer: str
    correct: bool
    other: Outcome | None = None
    """What another judge said, if the file tells; unsure where its words are no verdict."""
    image: Path | None = None


@dataclass(frozen=True)
class PeoplesVerdicts:
    """Those of a file."""

    rows: tuple[PeoplesVerdict, ...]
    left_out: int
    """Answers that nobody judged, or to questions that are marked improper."""


def read_verdicts(path: Path, columns: Columns = Columns()) -> PeoplesVerdicts:
    """Raises `InputError` for a file that cannot be read, and where it holds no judged answer."""
    rows, left_out = list[PeoplesVerdict](), 0
    for number, value in read_json_lines(path, "write one JSON object a line"):
        line = _Line(path, number, columns, value)
        for row in line.rows():
            left_out += row is None
            rows += [] if row is None else [row]
    if not rows:
        raise InputError(f"{path} holds no answer that people judged", "give a file with a column correct")
    return PeoplesVerdicts(tuple(rows), left_out)


@dataclass(frozen=True)
class _Line:
    path: Path
    number: int
    columns: Columns
    value: Any

    def rows(self) -> Iterator[PeoplesVerdict | None]:
        """The answers of the line; None for one that does not count."""
        if not isinstance(self.value, dict):
            raise self._error("is no object")
        row = cast("dict[str, Any]", self.value)
        several = row.get("answers")
        if isinstance(several, dict) and not self.columns.answer:
            task = self._task(row, str(row.get(self.columns.gold or "gold") or "").split("/"))
            for system, pair in cast("dict[str, Any]", several).items():
                if not isinstance(pair, list) or len(cast("list[Any]", pair)) != 2:
                    raise self._error(f"has no [text, correct] for {system}")
                text, correct = cast("list[Any]", pair)
                yield None if row.get("improper") else self._row(row, task, text, correct)
            return
        given, gold = self._names(row)
        golds = row.get(gold)
        task = self._task(row, cast("list[Any]", golds) if isinstance(golds, list) else [golds])
        if self.columns.correct not in row:
            raise self._error(f"has no {self.columns.correct}")
        yield self._row(row, task, row[given], row[self.columns.correct])

    def _names(self, row: Mapping[str, Any]) -> tuple[str, str]:
        """The columns of the answer and of the reference."""
        gold = self.columns.gold or next((name for name in _GOLDS if name in row), "answer")
        given = self.columns.answer or next((name for name in _GIVEN if name in row), "answer")
        if given not in row or gold not in row or given == gold:
            raise self._error("does not tell the reference from the answer")
        return given, gold

    def _task(self, row: Mapping[str, Any], golds: Sequence[Any]) -> Task:
        question = row.get(self.columns.question)
        texts = [str(gold).strip() for gold in golds if gold is not None and str(gold).strip()]
        if not isinstance(question, str) or not texts:
            raise self._error("has no question" if texts else "has no reference")
        return Task(id=str(self.number), question=question, answer=texts[0], answers=tuple(texts[1:]))

    def _row(self, row: Mapping[str, Any], task: Task, answer: Any, correct: Any) -> PeoplesVerdict | None:
        if correct is None or correct == "":
            return None
        right = verdict_word(correct)
        if right is None:
            raise self._error(f"has a verdict that is neither true nor false ({str(correct)[:40]!r})")
        said = row.get(self.columns.other)
        other = None if said is None else _OUTCOMES[verdict_word(said)]
        image = row.get(self.columns.image)
        place = self.path.parent / image if isinstance(image, str) and image else None
        return PeoplesVerdict(task, "" if answer is None else str(answer), right, other, place)

    def _error(self, what: str) -> InputError:
        return InputError(
            f"line {self.number} of {self.path} {what}",
            "write question, gold, answer and correct, or name the columns with --column KEY=NAME",
        )
