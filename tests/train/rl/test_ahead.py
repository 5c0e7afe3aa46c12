"""Steps played ahead: in order, with the weights that there were, never further than the bound."""

import asyncio
from typing import Any

import pytest
from torch import nn

from deepeyes.core.errors import ConfigError
from deepeyes.core.images import ImageStore
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace, Turn
from deepeyes.grading.reward import Rewarded
from deepeyes.train.rl.ahead import OLD, Ahead, ages, drop_old
from deepeyes.train.rl.recipe import OptimConfig, RlRecipe, RolloutsConfig
from deepeyes.train.rl.rollouts import Group, Played
from deepeyes.train.rl.tasks import TaskStream


class Engine:
    """Notes which weights it was given."""

    model: Any = None

    def __init__(self) -> None:
        self.weight, self.version = 0.0, -1

    def learn(self, learner: Any, version: int) -> None:
        self.weight, self.version = float(learner.weight.detach()), version


class Player:
    """A step is the weights and the version that it was played with; it takes a moment."""

    def __init__(self, engine: Engine, stale: int) -> None:
        self.engine, self.plan = engine, RolloutsConfig(stale=stale)
        self.log: list[str] = []

    async def step(self, step: int, seed: int, stream: Any, images: ImageStore) -> Played:
        self.log.append(f"begin {step}")
        weight, version = self.engine.weight, self.engine.version
        await asyncio.sleep(0.01)
        assert (self.engine.weight, self.engine.version) == (weight, version), "changed while it spoke"
        self.log.append(f"end {step}")
        played = Played([], [])
        played.stream = {"step": step, "weight": weight, "version": version}
        return played


async def run(stale: int, steps: int = 5, first: int = 0) -> tuple[list[tuple[int, float, int]], list[str]]:
    """(step, weight, version) of all, and what happened; the learner adds one to its weight each step."""
    engine, model = Engine(), nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, first)
    player = Player(engine, stale)
    ahead = Ahead(engine, player, model, TaskStream.__new__(TaskStream), OptimConfig(steps=steps))  # pyright: ignore[reportArgumentType]
    ahead.stream.images = ImageStore()
    ahead.start(first)
    seen: list[tuple[int, float, int]] = []
    for step in range(first, steps):
        _, played = await ahead.step(step)
        seen.append(tuple(played.stream.values()))
        player.log.append(f"learn {step}")
        nn.init.constant_(model.weight, 999)  # a thread learns; meanwhile its weights are nobody's
        await asyncio.sleep(0.03)
        nn.init.constant_(model.weight, step + 1)
        await asyncio.sleep(0.03)
        player.log.append(f"learned {step}")
        ahead.learned(step + 1)
    await ahead.aclose()
    return seen, player.log


async def test_without_staleness_everything_happens_in_turn() -> None:
    seen, log = await run(0, 3)
    assert seen == [(0, 0.0, 0), (1, 1.0, 1), (2, 2.0, 2)]
    assert log == [f"{what} {step}" for step in range(3) for what in ("begin", "end", "learn", "learned")]


@pytest.mark.parametrize("stale", [1, 2])
async def test_next_steps_are_played_while_the_learner_learns_with_whole_weights(stale: int) -> None:
    seen, log = await run(stale)
    assert [step for step, *_ in seen] == list(range(5))
    assert all(weight == version for _, weight, version in seen), "never weights of a half-made update"
    assert all(version == max(0, step - stale) for step, _, version in seen)
    assert log.index("end 1") < log.index("learned 0"), "played meanwhile"
    for step in range(5):
        if step + stale + 1 < 5:
            assert log.index(f"begin {step + stale + 1}") > log.index(f"learned {step}"), "beyond the bound"


async def test_a_run_that_goes_on_plays_what_is_left() -> None:
    seen, _ = await run(1, steps=5, first=3)
    assert seen == [(3, 3.0, 3), (4, 3.0, 3)]


async def test_what_is_played_ahead_stops_with_the_run() -> None:
    engine, model = Engine(), nn.Linear(1, 1)
    player = Player(engine, 3)
    ahead = Ahead(engine, player, model, TaskStream.__new__(TaskStream), OptimConfig(steps=9))  # pyright: ignore[reportArgumentType]
    ahead.stream.images = ImageStore()
    await ahead.step(0)
    await ahead.aclose()
    before = list(player.log)
    await asyncio.sleep(0.05)
    assert player.log == before and "end 3" not in before


def trace(policy: int | None, reward: float) -> Trace:
    turn = Turn.model_construct(policy=policy)
    return Trace.model_construct(turns=(turn,), rewards={"total": reward})


def group(*policies: tuple[int | None, float]) -> Group:
    traces = [trace(policy, reward) for policy, reward in policies]
    return Group(Task(id="q", question="?"), traces, [Rewarded(reward) for _, reward in policies])


def test_episodes_beyond_the_bound_are_counted_and_not_learned_from() -> None:
    whole, thinned = group((4, 1.0), (5, 0.0)), group((2, 1.0), (4, 1.0), (4, 0.0))
    no_signal_left, unknown = group((2, 0.0), (4, 1.0), (4, 1.0)), group((None, 1.0), (None, 0.0))
    by_accuracy = group((4, 1.0), (4, 0.5), (2, 0.0))
    by_accuracy.mixed_in = "accuracy"
    played = Played([], [whole, thinned, no_signal_left, unknown, by_accuracy])
    drop_old(played, 3)
    assert played.dropped == {OLD: 3}
    assert [group.rewards for group in played.chosen] == [[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]]
    assert [len(group.traces) for group in played.chosen] == [2, 2, 2]
    assert ages([trace(2, 0.0), trace(4, 0.0), trace(None, 0.0)], 4) == 1.0


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (("rollouts.engine=nano",), "optim.correction to truncate"),
        (("optim.correction=truncate",), "rollouts.engine to nano"),
    ],
)
def test_what_is_older_is_corrected_for_by_an_engine_with_its_own_weights(
    settings: tuple[str, ...], says: str
) -> None:
    recipe = RlRecipe.load(overrides=["model.path=nano", "tasks.world.tiny=1", "rollouts.stale=1", *settings])
    with pytest.raises(ConfigError, match=says):
        recipe.checked()
