"""Episodes played ahead of the learner: those of the next steps, while it learns from this one.

What always holds: steps are played one after the other and in order; an episode is played to its end with the
weights that its step began with, and every turn says which (`Turn.policy`, the number of steps learned
before); no step begins before all but `stale` of the steps before it have been learned, so at 0 everything
happens in turn and can be repeated. What is older all the same (a server may lag) is counted and not learned
from.
"""

from __future__ import annotations

import asyncio
import copy
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from deepeyes.core.images import ImageStore
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace
from deepeyes.train.rl.engines.base import Engine
from deepeyes.train.rl.recipe import OptimConfig
from deepeyes.train.rl.rollouts import Group, Played, Player
from deepeyes.train.rl.tasks import TaskStream

OLD = "older than rollouts.stale allows"

Step = tuple[ImageStore, Played]
"""A step's own images, and what it played."""


@dataclass
class Ahead:
    """Plays the steps of a plan with the weights of `model`, which learns, or with copies of them."""

    engine: Engine
    player: Player
    model: Any
    stream: TaskStream
    plan: OptimConfig

    def __post_init__(self) -> None:
        self._alone = asyncio.Lock()
        """Held while the engine speaks with some weights."""
        self.version = 0
        self._stale = self.player.plan.stale
        self._spoken = copy.deepcopy(self.model) if self._stale else self.model
        self._begun = 0
        self._playing: deque[asyncio.Task[Step]] = deque()

    def start(self, step: int) -> None:
        """The learner is about to begin `step`."""
        self._begun = step
        self.learned(step)

    async def step(self, step: int) -> Step:
        """The episodes of the next step; more steps are begun as far as they may be."""
        while self._begun < min(self.plan.steps, step + self._stale + 1):
            self._playing.append(asyncio.create_task(self._play(self._begun)))
            self._begun += 1
        images, played = await self._playing.popleft()
        drop_old(played, self.version - self._stale)
        return images, played

    def learned(self, steps: int) -> None:
        """The model has learned from so many steps; those that begin from now on are played with it."""
        self.version = steps
        if self._spoken is not self.model:
            self._spoken.load_state_dict(self.model.state_dict())

    async def aside(
        self,
        model: Any,
        tasks: Sequence[Task],
        seed: int,
        images: ImageStore,
        dropped: Counter[str],
        samples: int,
    ) -> list[Group]:
        """What `model` makes of other tasks, between two steps (see `Player.play`)."""
        async with self._alone:
            self.engine.learn(model, -1)
            return await self.player.play(tasks, seed, images, dropped, samples)

    async def aclose(self) -> None:
        """Stop what is being played."""
        for task in self._playing:
            task.cancel()
        await asyncio.gather(*self._playing, return_exceptions=True)
        self._playing.clear()

    async def _play(self, step: int) -> Step:
        images = ImageStore(None, parent=self.stream.images)
        async with self._alone:
            self.engine.learn(self._spoken, self.version)
            return images, await self.player.step(step, self.plan.seed, self.stream, images)


def drop_old(played: Played, oldest: int) -> None:
    """Learn from no episode with a turn of an older policy than `oldest`: it counts as dropped."""
    kept: list[Group] = []
    for group in played.chosen:
        fresh = [place for place, trace in enumerate(group.traces) if not _is_old(trace, oldest)]
        if len(fresh) < len(group.traces):
            played.dropped[OLD] += len(group.traces) - len(fresh)
        left = replace(
            group,
            traces=[group.traces[at] for at in fresh],
            rewarded=[group.rewarded[at] for at in fresh],
        )
        if left.mixed or len(fresh) == len(group.traces):
            kept.append(left)
    played.chosen = kept


def ages(traces: Sequence[Trace], version: int) -> float:
    """How many steps the learner was ahead of what these episodes were played with, on average."""
    found = [version - turn.policy for trace in traces for turn in trace.turns if turn.policy is not None]
    return sum(found) / max(1, len(found))


def _is_old(trace: Trace, oldest: int) -> bool:
    return any(turn.policy is not None and turn.policy < oldest for turn in trace.turns)
