"""The stream of tasks: repeatable, in its shares, and one that follows what teaches."""

from collections import Counter
from pathlib import Path

import pytest

from deepeyes.core.errors import ConfigError, InputError
from deepeyes.core.images import ImageStore
from deepeyes.core.task import Task
from deepeyes.train.rl.recipe import RlRecipe, TasksConfig
from deepeyes.train.rl.tasks import TaskStream, open_stream

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


def asked(one: TaskStream, source: str, steps: int = 30, count: int = 20) -> float:
    """The share of the questions that are of `source` (a family, or one of its kinds)."""
    tasks = [task for step in range(steps) for task in one.draw(step, count, ImageStore())]
    return sum(source in (task.family, task.kind) for task in tasks) / len(tasks)


def files_of_kinds(**kinds: str) -> TaskStream:
    """Sources of tasks of the kinds named, "a/b" for two, without a picture, for speed."""
    files = {
        name: [
            Task(id=f"{name}{n}", question="?", answer="a", family=name, kind=kind)
            for n in range(20)
            for kind in text.split("/")
        ]
        for name, text in kinds.items()
    }
    return TaskStream(TasksConfig(files=dict.fromkeys(files, 1.0), by_signal=1.0), files)


def test_a_family_that_teaches_nothing_fades_and_comes_back_when_it_teaches_again() -> None:
    one = files_of_kinds(solved="x", hopeless="y", mixed="z")
    for step in range(60):  # always right and always wrong are the same: no group is mixed
        one.learn((task, task.family == "mixed") for task in one.draw(step, 12, ImageStore()))
    state = one.state()
    assert asked(one, "solved") < 0.1 and asked(one, "hopeless") < 0.1
    assert asked(one, "solved") + asked(one, "hopeless") > 0, "which is looked at now and then"
    one.restore(state)
    for step in range(60, 120):
        one.learn((task, task.family != "hopeless") for task in one.draw(step, 12, ImageStore()))
    assert asked(one, "solved") > 0.3 and asked(one, "hopeless") < 0.1


def test_kinds_within_a_family_follow_what_teaches_too() -> None:
    one = files_of_kinds(chain="one tool/two tools", other="x")
    assert 0.15 < asked(one, "one tool") < 0.35
    for step in range(60):
        one.learn((task, task.kind != "one tool") for task in one.draw(step, 12, ImageStore()))
    assert asked(one, "one tool") < 0.1 < 0.3 < asked(one, "two tools")
    assert set(one.mixed) == {"chain", "other", "chain: one tool", "chain: two tools", "other: x"}
    for step in range(60):
        one.learn((task, task.kind == "one tool") for task in one.draw(step, 12, ImageStore()))
    assert asked(one, "one tool") > asked(one, "two tools"), "it came back"


def test_kinds_of_the_world_follow_what_teaches() -> None:
    one = TaskStream(TasksConfig(world={"shape": 1.0}, by_signal=1.0))
    one.mixed = {"shape: count": 0.9, "shape: colour": 0.0, "shape: shape": 0.0}
    kinds = Counter(task.kind for task in one.draw(0, 40, ImageStore()))
    plain = Counter(task.kind for task in TaskStream(one.plan).draw(0, 40, ImageStore()))
    assert kinds["count"] > 1.3 * plain["count"]


def test_without_by_signal_kinds_are_asked_as_they_come() -> None:
    plan = TasksConfig(world={"shape": 1.0})
    one = TaskStream(plan, mixed={"shape: count": 0.9, "shape: colour": 0.0})
    names = [task.id for task in one.draw(0, 5, ImageStore())]
    assert names == [task.id for task in TaskStream(plan).draw(0, 5, ImageStore())]


def curated(folder: Path, *, answer: str = "a") -> Path:
    """A folder as `deepeyes data export --format traces` leaves it: a task hardly and one half solved."""
    (folder / "train").mkdir(parents=True)
    tasks = [
        Task(
            id=f"q{right}",
            question="What?",
            answer=answer,
            kind=f"k{right}",
            meta={"passed": {"with_tools": {"right": right, "asked": 8}}},
        )
        for right in (1, 4)
    ]
    lines = "".join(f"{task.model_dump_json()}\n" for task in tasks)
    (folder / "train" / "prompts.jsonl").write_text(lines, encoding="utf-8")
    return folder


@pytest.mark.parametrize("inside", ["", "export/traces"])
def test_curated_prompts_are_asked_by_how_hard_they_were(tmp_path: Path, inside: str) -> None:
    curated(tmp_path / inside)
    one = open_stream(TasksConfig(files={str(tmp_path): 1.0}, by_signal=1.0), ImageStore())
    assert one.mixed[f"{tmp_path}: k4"] == 1.0 and one.mixed[f"{tmp_path}: k1"] == pytest.approx(7 / 16)
    assert asked(one, "k4") > asked(one, "k1") > 0.1


def test_a_question_without_an_answer_is_an_error_before_anything_is_played(tmp_path: Path) -> None:
    curated(tmp_path, answer="")
    with pytest.raises(InputError, match="no reference") as caught:
        open_stream(TasksConfig(files={str(tmp_path): 1.0}), ImageStore())
    assert caught.value.remedy


def test_what_a_file_asks_counts_for_the_file_though_the_world_has_its_family() -> None:
    file = [Task(id="t", question="?", answer="a", family="tiny")]
    one = TaskStream(TasksConfig(world={"tiny": 1.0}, files={"f": 1.0}), {"f": file})
    one.learn([(one._next("f", ImageStore()), True)])
    assert set(one.mixed) == {"f"}


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
