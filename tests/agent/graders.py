"""Graders for tests: the rules alone, and some whose verdict is set by hand."""

import asyncio
from collections.abc import Mapping

from deepeyes.core.images import ImageStore
from deepeyes.core.task import Task
from deepeyes.core.verdict import Verdict
from deepeyes.grading.rules import grade

RIGHT = Verdict(score=1.0, reason="as expected")
WRONG = Verdict(score=0.0, reason="another one")
UNSURE = Verdict(score=None, reason="in other words")


async def by_rule(task: Task, answer: str | None, images: ImageStore) -> Verdict:
    return grade(task, answer)


class Saying:
    """The verdict by the answer, `others` for all others; after `gate` is set, if there is one. What is in
    `failures` is raised first.
    """

    def __init__(self, verdicts: Mapping[str, Verdict] | None = None, others: Verdict = RIGHT) -> None:
        self.verdicts, self.others = verdicts or {}, others
        self.gate: asyncio.Event | None = None
        self.failures: list[Exception] = []
        self.asked: list[str | None] = []

    async def __call__(self, task: Task, answer: str | None, images: ImageStore) -> Verdict:
        self.asked.append(answer)
        if self.gate is not None:
            await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        return self.verdicts.get(answer or "", self.others)
