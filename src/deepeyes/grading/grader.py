"""The one door to verdicts for everybody above: the rules, and judges for what the rules leave open.

What always holds: a judge is asked only where the rules are unsure, and knows nothing of what they found;
without a judge, what is unsure stays unsure; a judge that fails is an error of ours (`InfrastructureError`)
or of the settings (`ModelError`), never a verdict.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationInfo, field_validator

from deepeyes.agent.keeping import Grade
from deepeyes.core.config import Config
from deepeyes.core.images import ImageStore
from deepeyes.core.sampling import Sampling
from deepeyes.core.task import Task
from deepeyes.core.verdict import Outcome, Verdict
from deepeyes.grading.judge.cache import VoteCache
from deepeyes.grading.judge.judge import Flights, Judge, Vote, majority
from deepeyes.grading.judge.prompt import PROMPT_VERSION, Exhibit
from deepeyes.grading.rules import grade
from deepeyes.grading.scorers.registry import SCORERS, scorer_named
from deepeyes.models.base import ChatModel
from deepeyes.models.registry import check_keys, check_model, resolve_model

_LOG = logging.getLogger(__name__)

_SCORES = {Outcome.right: 1.0, Outcome.wrong: 0.0, Outcome.unsure: None}


class Grading(Config):
    """The section `[grading]` of a recipe or plan: who decides, and how."""

    judges: tuple[str, ...] = ()
    """Models as in `deepeyes ask --model`, asked only where the rules are unsure. None: that stays unsure."""
    sampling: Sampling = Sampling()
    """How judges draw their replies."""
    votes: int = Field(default=1, ge=1, le=99)
    """How often each judge is asked; more than once needs a temperature above 0."""
    max_tokens: int = Field(default=1024, ge=1)
    """Of a judge's reply, its reasoning included."""
    seconds: float = Field(default=300.0, gt=0)
    """For one vote, trying again included; a judge that takes longer has failed."""
    show_image: bool = False
    """Whether judges see the task's images."""
    scorer: str = ""
    """A published rule in place of our own rules, by its name in `grading/scorers/registry.py`."""
    cache: str = ""
    """The file that keeps what judges said, for all runs that name it; empty for the caller's own, if any."""

    @field_validator("judges", mode="before")
    @classmethod
    def _one_judge(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("judges")
    @classmethod
    def _named_once(cls, judges: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(judges)) < len(judges):
            raise ValueError("a judge is named twice, give it more votes instead")
        return judges

    @field_validator("votes")
    @classmethod
    def _votes_differ(cls, votes: int, others: ValidationInfo) -> int:
        sampling = others.data.get("sampling")
        if votes > 1 and isinstance(sampling, Sampling) and sampling.temperature == 0:
            raise ValueError("at temperature 0 all votes of a judge are the same, raise sampling.temperature")
        return votes

    @field_validator("scorer")
    @classmethod
    def _is_scorer(cls, name: str) -> str:
        if name and name not in SCORERS:
            raise ValueError(f"the published rules are {', '.join(SCORERS)}")
        return name

    def check_models(self) -> None:
        """Raises `ModelError` for a judge that no model can be, without loading any."""
        for judge in self.judges:
            check_model(judge)

    def check_keys(self) -> None:
        """Raises `ModelError` for a judge whose key is not there, without loading any."""
        check_keys(self.judges)

    def rule(self) -> Callable[[Task, str | None], Verdict]:
        """What decides before any judge: our own rules, or the published one that is named."""
        return scorer_named(self.scorer).score if self.scorer else grade


@asynccontextmanager
async def open_grader(
    settings: Grading,
    *,
    cache: Path | None = None,
    opened: Mapping[str, ChatModel] | None = None,
    tell: Callable[[str], None] = _LOG.warning,
) -> AsyncGenerator[Grade]:
    """What gives verdicts by these settings.

    `cache`: the file for what judges say where the settings name none.
    `opened`: judges that are open already, by the names that the settings have for them; they stay open.
    `tell`: told once, in a sentence, what a judge's server does not take.

    Raises `ModelError` for a judge that cannot be opened and `StorageError` for a cache that cannot be used.
    The verdicts raise `InputError` (a task without a reference), and with judges `InfrastructureError`,
    `ModelError` and `StorageError`.
    """
    rule = settings.rule()
    async with open_judges(settings, cache=cache, opened=opened, tell=tell) as judges:

        async def graded(task: Task, answer: str | None, images: ImageStore) -> Verdict:
            # In a thread: a rule may compute for as long as its time limit, and others have their turn.
            verdict = await asyncio.to_thread(rule, task, answer)
            if not judges or answer is None or not verdict.is_unsure:
                return verdict
            exhibit = Exhibit.of(task, answer, show_image=settings.show_image)
            votes = await asyncio.gather(*(judge.ask(exhibit, images) for judge in judges))
            return _judged(verdict, judges, [vote for one in votes for vote in one])

        yield graded


@asynccontextmanager
async def open_judges(
    settings: Grading,
    *,
    cache: Path | None = None,
    opened: Mapping[str, ChatModel] | None = None,
    tell: Callable[[str], None] = _LOG.warning,
) -> AsyncGenerator[list[Judge]]:
    """The judges by themselves, in the order of the settings; arguments and errors as in `open_grader`."""
    held = opened or {}
    for name in settings.judges:
        if name not in held:
            check_model(name)
    file = Path(settings.cache) if settings.cache else cache
    flights, told = Flights(), set[str]()

    def once(what: str) -> None:
        if what not in told:
            told.add(what)
            tell(what)

    async with AsyncExitStack() as stack:
        kept: VoteCache | None = None
        if file is not None and settings.judges:
            kept = await asyncio.to_thread(VoteCache, file)
            stack.callback(kept.close)
        judges: list[Judge] = []
        for name in settings.judges:
            model = held.get(name)
            if model is None:
                model = await asyncio.to_thread(resolve_model, name)
                stack.push_async_callback(model.aclose)
            judges.append(
                Judge(
                    name,
                    model,
                    votes=settings.votes,
                    sampling=settings.sampling,
                    max_tokens=settings.max_tokens,
                    seconds=settings.seconds,
                    cache=kept,
                    tell=once,
                    flights=flights,
                )
            )
        stack.push_async_callback(flights.aclose)
        yield judges


def _judged(unsure: Verdict, judges: Sequence[Judge], votes: Sequence[Vote]) -> Verdict:
    """The rules' verdict with the judges' in its place; what the rules found stays in the reason."""
    outcome = majority(votes)
    silent = sum(vote is None for vote in votes)
    said = f"{votes.count(outcome)} of {len(votes)} votes say {outcome.value}"
    if outcome is Outcome.unsure:
        counts = [f"{votes.count(word)} {word.value}" for word in Outcome if word in votes]
        said = f"votes: {', '.join([*counts, *([f'{silent} without a verdict'] if silent else [])])}"
    names = ", ".join(judge.model.name for judge in judges)
    reason = f"{names} (prompt {PROMPT_VERSION}): {said}; rules: {unsure.reason}"
    return unsure.model_copy(update={"score": _SCORES[outcome], "by": "judge", "reason": reason})
