"""Files of answers and references, graded row by row.

What always holds: a row that cannot be read or has no reference stops the run with its line, or is counted
apart where the caller says so, and is never a verdict; however long the file is, only some of its rows are in
memory.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from deepeyes.agent.many import at_most
from deepeyes.analysis.stats import wilson
from deepeyes.core.errors import InputError
from deepeyes.core.images import ImageStore
from deepeyes.core.verdict import Outcome, Verdict
from deepeyes.data.sources.numbered import NumberedRow
from deepeyes.grading.columns import Columns
from deepeyes.grading.grader import Grading, open_grader
from deepeyes.grading.rows import Answered, NoReference, answered
from deepeyes.grading.rules import grade

_WINDOW = 512
"""Rows that are in memory at once."""


class Graded(NamedTuple):
    """A row's verdict."""

    id: str
    verdict: Verdict

    def line(self) -> str:
        """As one line of JSON, without its end."""
        said = self.verdict
        fields = {"id": self.id, "outcome": said.outcome.value, "score": said.score, "by": said.by}
        fields |= {"kind": said.kind, "given": said.given, "expected": said.expected, "reason": said.reason}
        return json.dumps(fields, ensure_ascii=False)


class Tally:
    """How the verdicts went, by kind, how many are a judge's, and why rows were left out."""

    def __init__(self) -> None:
        self.kinds: dict[str, Counter[Outcome]] = {}
        self.judged = 0
        self.left_out: Counter[str] = Counter()
        self.ours: Counter[Outcome] = Counter()
        """What our own rules say, where a published one gives the verdicts."""

    def add(self, verdict: Verdict) -> None:
        self.kinds.setdefault(verdict.kind, Counter())[verdict.outcome] += 1
        self.judged += verdict.by == "judge"

    def told(self) -> dict[str, Any]:
        """All rows, then those of each kind, the most frequent first. `accuracy` is the share of right ones
        among those that are decided, with its Wilson interval; None if none is. `our_rules` is there where a
        published rule gave the verdicts, which may be wrong itself.
        """
        kinds = sorted(self.kinds.items(), key=lambda one: (-one[1].total(), one[0]))
        everything = sum((count for _, count in kinds), Counter[Outcome]())
        by_kind = {kind or "none": _shares(count) for kind, count in kinds}
        ours = {"our_rules": _shares(self.ours)} if self.ours else {}
        rest = {"judged": self.judged, "left_out": dict(self.left_out), "by_kind": by_kind}
        return {**_shares(everything), **ours, **rest}


async def grade_all(
    rows: Iterable[NumberedRow],
    columns: Columns,
    settings: Grading,
    *,
    done: Callable[[Graded], None],
    tell: Callable[[str], None],
    skip: bool = False,
    concurrency: int = 16,
) -> Tally:
    """`done` with the verdict on each row, in order.

    With `skip`, rows that cannot be read or have no reference are left out. Raises `InputError` for a row
    that cannot be graded, and with judges `InfrastructureError`, `ModelError` and `StorageError`.
    """
    rule, store, tally = settings.rule(), ImageStore(None), Tally()
    asked = _answered(rows, columns, tally.left_out, skip=skip)
    async with open_grader(settings, tell=tell) as judged:
        while window := list(islice(asked, _WINDOW)):
            verdicts = [one.verdict(rule) for one in window]
            if settings.scorer:
                tally.ours.update(grade(one.task, one.answer).outcome for one in window)

            async def judge(
                place: int, window: list[Answered] = window, verdicts: list[Verdict] = verdicts
            ) -> None:
                verdicts[place] = await judged(window[place].task, window[place].answer, store)

            if settings.judges:
                await at_most(concurrency, [at for at, said in enumerate(verdicts) if said.is_unsure], judge)
            for one, verdict in zip(window, verdicts, strict=True):
                tally.add(verdict)
                done(Graded(one.id, verdict))
    return tally


def _answered(
    rows: Iterable[NumberedRow], columns: Columns, left_out: Counter[str], *, skip: bool
) -> Iterator[Answered]:
    found: Columns | None = None
    for place, row in rows:
        try:
            if isinstance(row, InputError):
                raise row
            found = found or columns.found_in(row, place)
            one = answered(row, found, place)
        except InputError as error:
            if not skip or (found is None and not isinstance(row, InputError)):
                raise
            left_out["no reference" if isinstance(error, NoReference) else "cannot be read"] += 1
        else:
            yield one


def _shares(count: Counter[Outcome]) -> dict[str, Any]:
    right, wrong, unsure = (count[outcome] for outcome in Outcome)
    low, high = wilson(right, right + wrong)
    return {
        "n": count.total(),
        "right": right,
        "wrong": wrong,
        "unsure": unsure,
        "accuracy": round(right / (right + wrong), 6) if right + wrong else None,
        "ci95": [round(low, 6), round(high, 6)],
    }
