"""Groups of episodes: in order, as many as teach, and nothing of ours counted as the model's."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from deepeyes.agent.agent import Agent, Grade
from deepeyes.core.errors import InfrastructureError
from deepeyes.core.images import ImageStore
from deepeyes.core.limits import Limits
from deepeyes.core.sampling import Sampling
from deepeyes.core.task import Task
from deepeyes.core.verdict import Verdict
from deepeyes.grading.reward import Reward, Rewarded
from deepeyes.models.base import Completion
from deepeyes.models.scripted import ScriptedModel
from deepeyes.train.rl.recipe import MixedIn, RolloutsConfig, TasksConfig
from deepeyes.train.rl.rollouts import Group, Player
from deepeyes.train.rl.tasks import TaskStream


class Dice(ScriptedModel):
    """Answers by its seed: some samples of a task are right, others are not."""

    seen: list[int]

    def __init__(self, *, always: str = "", slow: bool = False) -> None:
        super().__init__([])
        self.seen, self.always, self.slow = [], always, slow

    def conversation(self, sampling: Sampling = Sampling()) -> Any:
        self.seen.append(sampling.seed)
        return _Said(self.always or ("a" if sampling.seed % 3 else "b"), sampling.seed if self.slow else 0)


@dataclass
class _Said:
    word: str
    seed: int

    async def send(self, new_messages: Sequence[Any], **_: Any) -> Completion:
        if self.word == "down":
            raise InfrastructureError("the server is gone", "start it")
        if self.seed:
            await asyncio.sleep(self.seed % 7 / 1000)
        return Completion(f"<think>t</think>\n<answer>{self.word}</answer>", token_ids=(1,), logprobs=(0.0,))

    async def close(self) -> None:
        return None


async def grade(task: Task, answer: str | None, images: ImageStore) -> Verdict:
    return Verdict(score=float(answer == task.answer))


def player(model: Dice, *, judge: Grade = grade, **plan: Any) -> Player:
    agent = Agent(model, limits=Limits(retries=0), sampling=Sampling(temperature=1.0))
    return Player(agent, judge, RolloutsConfig(**plan), Reward())


def stream(count: int = 40) -> TaskStream:
    tasks = [Task(id=f"q{number}", question="What?", answer="a") for number in range(count)]
    return TaskStream(TasksConfig(files={"f": 1.0}), {"f": tasks})


async def test_as_many_mixed_groups_as_are_wanted_are_chosen_in_the_order_of_their_tasks() -> None:
    played = await player(Dice(), groups=6, samples=4).step(0, 0, stream(), ImageStore())
    assert len(played.chosen) == 6 and all(group.mixed for group in played.chosen)
    assert played.chosen == [group for group in played.groups if group.mixed][:6]
    for group in played.groups:
        assert [trace.sample for trace in group.traces] == [0, 1, 2, 3]
        assert all(
            trace.rewards["total"] == total for trace, total in zip(group.traces, group.rewards, strict=True)
        )


async def test_who_ends_first_changes_nothing() -> None:
    quick = await player(Dice(), groups=5, samples=4).step(2, 0, stream(), ImageStore())
    slow = await player(Dice(slow=True), groups=5, samples=4, concurrency=3).step(
        2, 0, stream(), ImageStore()
    )
    assert [(group.task.id, group.rewards) for group in quick.chosen] == [
        (group.task.id, group.rewards) for group in slow.chosen
    ]


async def test_a_step_without_signal_ends_at_its_limit() -> None:
    played = await player(Dice(always="a"), groups=4, samples=2, most=2.5).step(0, 0, stream(), ImageStore())
    assert len(played.groups) == 10 and played.chosen == []


async def test_all_groups_are_learned_from_where_the_recipe_says_so() -> None:
    played = await player(Dice(always="a"), groups=4, samples=2, mixed_only=False).step(
        0, 0, stream(), ImageStore()
    )
    assert len(played.groups) == len(played.chosen) == 4


async def test_the_step_is_in_the_seed() -> None:
    model = Dice()
    one = player(model, groups=2, samples=2, mixed_only=False)
    for step in (0, 1):
        await one.step(step, 0, stream(2), ImageStore())
    assert len(set(model.seen)) == 8


async def test_the_same_seed_and_step_give_the_same_episodes() -> None:
    models = Dice(), Dice()
    for model in models:
        await player(model, groups=3, samples=2, mixed_only=False).step(4, 9, stream(), ImageStore())
    assert models[0].seen and sorted(models[0].seen) == sorted(models[1].seen)


async def test_episodes_that_nobody_can_judge_are_counted_and_left_out() -> None:
    async def unsure(task: Task, answer: str | None, images: ImageStore) -> Verdict:
        return Verdict(score=None if answer == "b" else 1.0)

    played = await player(Dice(), judge=unsure, groups=9, samples=4, mixed_only=False).step(
        0, 0, stream(), ImageStore()
    )
    left = sum(len(group.traces) for group in played.groups)
    assert played.dropped == {"unsure whether it is right": 36 - left} and 0 < left < 36
    assert all(reward == 1.0 for group in played.groups for reward in group.rewards)


async def test_a_judge_that_is_down_drops_the_episode_and_training_goes_on() -> None:
    async def down(task: Task, answer: str | None, images: ImageStore) -> Verdict:
        if task.id == "q1":
            raise InfrastructureError("the judge is down", "start it")
        return await grade(task, answer, images)

    played = await player(Dice(), judge=down, groups=3, samples=4, mixed_only=False).step(
        0, 0, stream(3), ImageStore()
    )
    (why,) = played.dropped
    assert why.startswith("infrastructure (grading): ") and "the judge is down" in why
    assert played.dropped[why] == 4
    assert [len(group.traces) for group in played.groups if group.task.id == "q1"] == [0]


async def test_a_step_that_lost_most_of_its_episodes_stops_the_run_and_says_why() -> None:
    with pytest.raises(InfrastructureError, match=r"8 of 8 episodes .*the server is gone.*goes on"):
        await player(Dice(always="down"), groups=4, samples=2, mixed_only=False).step(
            0, 0, stream(), ImageStore()
        )


async def test_tasks_are_offered_the_tools_that_they_need() -> None:
    from deepeyes.tools.base import ToolSet
    from deepeyes.tools.python import PythonTool
    from deepeyes.tools.search import SearchTool

    one = player(Dice(always="a"))
    tools = ToolSet([PythonTool(None), SearchTool(None)])  # pyright: ignore[reportArgumentType]
    asking = Player(Agent(one.agent.model, tools), grade, RolloutsConfig(), Reward())
    tasks = [
        Task(id="look", question="What?", answer="a"),
        Task(id="find", question="What?", answer="a", meta={"tools": ["search"]}),
    ]
    groups = await asking.play(tasks, 0, ImageStore(), Counter(), 1)
    assert [group.traces[0].tools for group in groups] == [("python",), ("python", "search")]
    everything = Player(Agent(one.agent.model, tools), grade, RolloutsConfig(tools="all"), Reward())
    groups = await everything.play(tasks, 0, ImageStore(), Counter(), 1)
    assert [group.traces[0].tools for group in groups] == [("python", "search")] * 2


@pytest.mark.parametrize(("mixed_in", "mixed"), [("reward", True), ("accuracy", False)])
def test_differences_in_form_alone_count_where_the_recipe_says_so(mixed_in: MixedIn, mixed: bool) -> None:
    parts = [{"accuracy": 0.8, "format": 0.2}, {"accuracy": 0.8, "format": 0.0}]
    earned = [Rewarded(sum(one.values()), one) for one in parts]
    task = Task(id="q", question="What?", answer="a")
    assert Group(task, [], earned, mixed_in).mixed is mixed
    wrong = Rewarded(0.2, {"accuracy": 0.0, "format": 0.2})
    assert Group(task, [], [*earned, wrong], mixed_in).mixed
