"""The stream of tasks: repeatable, in its shares, and one that follows what teaches."""

from collections import Counter

import pytest

from deepeyes.core.errors import ConfigError, InputError
from deepeyes.core.images import ImageStore
from deepeyes.core.task import Task
from deepeyes.train.rl.recipe import RlRecipe, TasksConfig
from deepeyes.train.rl.tasks import TaskStream

FILE = [Task(id=f"q{number}", question="What?", answer="a") for number in range(3)]


def stream(**fields: object) -> TaskStream:
    return TaskStream(TasksConfig(files={"a": 1.0}, **fields), {"a": FILE})  # pyright: ignore[reportArgumentType]


def test_a_stream_that_goes_on_asks_what_an_undisturbed_one_asks() -> None:
    plan = TasksConfig(world={"tiny": 2.0, "direct": 1.0}, seed=3)
    whole, first = TaskStream(plan), TaskStream(plan)
    expected = [[task.id for task in whole.draw(step, 5, ImageStore())] for step in range(3)]
    begun = [task.id for task in first.draw(0, 5, ImageStore())]
    second = TaskStream(plan)
    second.restore(first.state())
    rest = [[task.id for task in second.draw(step, 5, ImageStore())] for step in (1, 2)]
    assert [begun, *rest] == expected
    assert len({name for step in expected for name in step}) == 15, "a world task is asked once"


def test_images_are_in_the_steps_store() -> None:
    images = ImageStore()
    tasks = TaskStream(TasksConfig(world={"tiny": 1.0})).draw(0, 2, images)
    assert all(images.get(ref).size for task in tasks for ref in task.images)


def test_a_file_is_gone_through_again_in_another_order_under_other_ids() -> None:
    one = stream()
    rounds = [[task.id for task in one.draw(step, 3, ImageStore())] for step in range(6)]
    assert all(sorted(name.partition("@")[0] for name in some) == ["q0", "q1", "q2"] for some in rounds)
    assert len({name for some in rounds for name in some}) == 18
    assert len({tuple(name.partition("@")[0] for name in some) for some in rounds}) > 1


def test_kinds_whose_groups_are_mixed_are_asked_more_often() -> None:
    plan = TasksConfig(world={"tiny": 1.0, "direct": 1.0}, by_signal=1.0)
    one = TaskStream(plan, mixed={"tiny": 0.9, "direct": 0.0})
    asked = Counter(task.family for task in one.draw(0, 200, ImageStore()))
    assert asked["tiny"] > 5 * asked["direct"] > 0


def test_what_was_mixed_is_learned_of_its_own_source() -> None:
    one = stream()
    tasks = one.draw(0, 3, ImageStore())
    for _ in range(40):
        one.learn((task, True) for task in tasks)
    assert one.mixed == {"a": pytest.approx(1.0, abs=0.01)}


def test_a_file_without_questions_is_an_error() -> None:
    with pytest.raises(InputError, match="no question in a"):
        TaskStream(TasksConfig(files={"a": 1.0}), {"a": []})


def test_each_takes_the_same_number_of_every_source() -> None:
    fixed = TaskStream(TasksConfig(seed=1).fixed(("tiny", "direct"), "validation"))
    tasks = fixed.each(6, ImageStore())
    assert Counter(task.family for task in tasks) == {"tiny": 3, "direct": 3}
    again = TaskStream(TasksConfig(seed=1).fixed(("tiny", "direct"), "validation")).each(6, ImageStore())
    assert [task.id for task in tasks] == [task.id for task in again]


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("tasks.world.tinny=1", "families are tiny"),
        ("tasks.split=nowhere", "splits are"),
        ("tasks.world.tiny=0", "above 0"),
        ("rollouts.sampling.temperature=0", "temperature 0 all episodes"),
        ("rollouts.sampling.repetition_penalty=1.2", "repetition penalty"),
        ("rollouts.samples=1", "greater than or equal to 2"),
        ("reward.long_from=100", "long_to is not above"),
        ("optim.loss=ppo", "optim.loss"),
    ],
)
def test_a_recipe_that_cannot_work_is_refused_with_what_to_change(override: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        RlRecipe.load(overrides=["model.path=nano", "tasks.world.tiny=1", override]).checked()
    assert words in str(caught.value) and caught.value.remedy


def test_a_recipe_that_asks_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="asks nothing"):
        RlRecipe.load(overrides=["model.path=nano", "tasks.seed=1"]).checked()
