"""Groups of whole episodes: played by the agent loop, graded, rewarded, and as many of them as a step needs.

What always holds: episodes run at their own pace, tools of many at once; which groups a step learns from
follows from their order, never from who ended first; an episode that failed because of us, or of which nobody
can tell whether it is right, is counted and left out, never a zero; its seed has the step in it, so that the
same task asked again is played anew.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from deepeyes.agent.agent import Agent, Grade
from deepeyes.agent.many import episode_seed
from deepeyes.core.errors import InfrastructureError
from deepeyes.core.images import ImageStore
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace
from deepeyes.grading.reward import INFRASTRUCTURE, Reward, Rewarded, reward_of
from deepeyes.train.rl.advantages import is_mixed
from deepeyes.train.rl.recipe import MixedIn, RolloutsConfig
from deepeyes.train.rl.tasks import TaskStream

_LOST = 0.5
"""More than this share of a step's episodes lost to failures of ours stops the run, which can go on later."""


@dataclass
class Group:
    """The episodes of one task that count, in the order of their samples, and what each earned."""

    task: Task
    traces: list[Trace]
    rewarded: list[Rewarded]
    mixed_in: MixedIn = "reward"

    @property
    def rewards(self) -> list[float]:
        return [one.total for one in self.rewarded if one.total is not None]

    @property
    def mixed(self) -> bool:
        """Whether the episodes differ in what counts, so that something can be learned from them."""
        if self.mixed_in == "accuracy":
            return is_mixed([one.parts.get("accuracy", 0.0) for one in self.rewarded])
        return is_mixed(self.rewards)


@dataclass
class Played:
    """What a step played."""

    groups: list[Group]
    """All of them, in the order of their tasks."""
    chosen: list[Group]
    """Those that are learned from."""
    dropped: Counter[str] = field(default_factory=Counter[str])
    """Episodes that do not count, by reason."""
    seconds: float = 0.0
    stream: dict[str, Any] = field(default_factory=dict[str, Any])
    """The state of the stream of tasks after it."""

    @property
    def traces(self) -> list[Trace]:
        return [trace for group in self.groups for trace in group.traces]


@dataclass(frozen=True)
class Player:
    """Plays tasks with an agent whose weights are those of the learner."""

    agent: Agent
    grade: Grade
    plan: RolloutsConfig
    reward: Reward

    async def step(self, step: int, seed: int, stream: TaskStream, images: ImageStore) -> Played:
        """The groups of one step, wave by wave until enough are mixed. Raises `InfrastructureError` where too
        many episodes were lost.
        """
        began = time.perf_counter()
        played = Played([], [])
        limit = math.ceil(self.plan.groups * self.plan.most)
        while len(played.chosen) < self.plan.groups and len(played.groups) < limit:
            wave = self._wave(played, limit)
            tasks = stream.draw(step, wave, images)
            groups = await self.play(tasks, episode_seed(seed, f"step {step}", 0), images, played.dropped)
            stream.learn((group.task, group.mixed) for group in groups)
            played.groups += groups
            self._check(played)
            teaching = [group for group in groups if group.mixed or self._all(group)]
            played.chosen += teaching[: self.plan.groups - len(played.chosen)]
        played.seconds, played.stream = time.perf_counter() - began, stream.state()
        return played

    async def play(
        self, tasks: Sequence[Task], seed: int, images: ImageStore, dropped: Counter[str], samples: int = 0
    ) -> list[Group]:
        """A group for each task, in their order; what does not count goes to `dropped`."""
        by_tools: dict[tuple[str, ...], list[Task]] = {}
        for task in tasks:
            by_tools.setdefault(self._tools(task), []).append(task)
        jobs: list[Any] = []
        for names, some in by_tools.items():
            sampling = self.agent.sampling.seeded(seed)
            agent = replace(self.agent, tools=self.agent.tools.only(*names), sampling=sampling)
            jobs.append(
                agent.run(
                    some,
                    images=images,
                    samples=samples or self.plan.samples,
                    concurrency=self.plan.concurrency,
                    grade=self.grade,
                )
            )
        found: dict[str, list[Trace]] = {}
        for traces in await asyncio.gather(*jobs):
            for trace in traces:
                found.setdefault(trace.task.id, []).append(trace)
        return [self._group(task, found.get(task.id, []), dropped) for task in tasks]

    def _group(self, task: Task, traces: list[Trace], dropped: Counter[str]) -> Group:
        group = Group(task, [], [], self.plan.mixed_in)
        for trace in sorted(traces, key=lambda trace: trace.sample):
            rewarded = reward_of(trace, self.reward)
            if rewarded.total is None:
                dropped[rewarded.dropped] += 1
                continue
            rewards = {**rewarded.parts, "total": rewarded.total}
            group.traces.append(trace.model_copy(update={"rewards": rewards}))
            group.rewarded.append(rewarded)
        return group

    def _tools(self, task: Task) -> tuple[str, ...]:
        names = self.agent.tools.names
        if self.plan.tools == "all":
            return names
        needed = {"python", *task.meta.get("tools", ())}
        return tuple(name for name in names if name in needed)

    def _all(self, group: Group) -> bool:
        """Whether it is learned from though its rewards are all the same."""
        return not self.plan.mixed_only and len(group.traces) > 1

    def _wave(self, played: Played, limit: int) -> int:
        """How many more tasks to ask: what is missing, by the share that was mixed so far."""
        missing = self.plan.groups - len(played.chosen)
        if not played.groups or not self.plan.mixed_only:
            return min(missing, limit - len(played.groups))
        share = max(0.2, len(played.chosen) / len(played.groups))
        return min(math.ceil(missing / share), limit - len(played.groups))

    def _check(self, played: Played) -> None:
        ours = Counter({why: n for why, n in played.dropped.items() if why.startswith(INFRASTRUCTURE)})
        lost, everything = ours.total(), len(played.traces) + played.dropped.total()
        if lost > _LOST * everything:
            (why, number), *_ = ours.most_common(1)
            raise InfrastructureError(
                f"{lost} of {everything} episodes of a step were lost ({number} times {why})",
                "mend that; the same command goes on from the last checkpoint",
            )
