"""OpenRealX as a benchmark: what its settings choose, and that nothing is drawn before it is asked for."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from deepeyes.core.errors import InputError
from deepeyes.core.images import ImageStore
from deepeyes.eval.openrealx.frozen import read_questions
from deepeyes.eval.openrealx.plan import OpenRealXPlan
from deepeyes.eval.registry import benchmark_named
from deepeyes.eval.run import run_plan


def planned(*overrides: str) -> OpenRealXPlan:
    plan = benchmark_named("openrealx").load(overrides=list(overrides)).checked()
    assert isinstance(plan, OpenRealXPlan)
    return plan


def test_by_default_all_are_asked_and_the_world_may_be_searched() -> None:
    plan = planned()
    assert plan.n == 300 and plan.search == ("world",)
    tasks = plan._chosen()
    assert sorted(task.id for task in tasks) == [task.id for task in read_questions()]


def test_a_few_are_of_all_domains() -> None:
    tasks = list(planned("n=10").tasks(ImageStore()))
    assert set(Counter(task.family for task in tasks).values()) == {2}
    sixty = planned()._chosen()[:60]
    assert len({(task.family, task.kind) for task in sixty}) == 60
    assert {len(task.tags) for task in sixty} == {1, 2, 3}


def test_domains_and_tags_are_chosen_together() -> None:
    tasks = planned("domains=sports, travel", "tags=perception,search,reasoning")._chosen()
    assert Counter(task.family for task in tasks) == {"sports": 15, "travel": 15}
    assert all(len(task.tags) == 3 for task in tasks)


@pytest.mark.parametrize(
    ("setting", "said"), (("domains=sport", "domain 'sport'"), ("tags=reason", "tag 'reason'"))
)
def test_an_unknown_name_is_refused_with_the_known_ones(setting: str, said: str) -> None:
    with pytest.raises(InputError, match=f"there is no {said}.*use "):
        planned(setting)


def test_images_come_one_by_one_into_the_store(tmp_path: Path) -> None:
    images = ImageStore(tmp_path)
    asked = planned().tasks(images)
    assert list(tmp_path.iterdir()) == []
    task = next(asked)
    assert [file.stem for file in tmp_path.iterdir()] == [task.images[0].sha256]
    assert images.get(task.images[0]).size == (task.images[0].width, task.images[0].height)


def test_nothing_is_read_at_import() -> None:
    heavy = "{'matplotlib', 'torch', 'realxmaker', 'deepeyes.world.pack.pack'}"
    code = f"import sys, deepeyes.eval.openrealx.plan; assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


async def test_a_scripted_model_is_asked_graded_and_counted(tmp_path: Path) -> None:
    first = planned("n=1")._chosen()[0]
    replies = tmp_path / "replies.txt"
    replies.write_text(f"<think>I look.</think>\n<answer>{first.answer}</answer>")
    plan = planned(f"model=scripted:{replies}", "tools=false", "n=1")
    async with plan.open(print) as agent:
        traces = await run_plan(plan, agent, tmp_path / "run")
    assert [trace.is_right for trace in traces] == [True]
    assert traces[0].task.tags == first.tags and traces[0].task.group == first.group
