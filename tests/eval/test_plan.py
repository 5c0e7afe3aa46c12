"""Plans: one seed for tasks and sampling, the registry, and the claim that a run's folder keeps."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eval.plans import SumsPlan

from deepeyes.agent.agent import Agent
from deepeyes.core.errors import ConfigError, InputError, ServerError
from deepeyes.core.images import ImageStore
from deepeyes.core.limits import Limits
from deepeyes.core.sampling import Sampling
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace, read_traces
from deepeyes.eval.registry import BENCHMARKS, benchmark_named
from deepeyes.eval.run import FREE, run_plan
from deepeyes.eval.runs import PLAN_FILE
from deepeyes.eval.world import WorldPlan
from deepeyes.grading.grader import Grading
from deepeyes.models.base import Completion
from deepeyes.models.scripted import ScriptedModel


def answering(text: str) -> Agent:
    return Agent(ScriptedModel([f"<think>I add.</think>\n<answer>{text}</answer>"], name="m"))


# ---- one seed


def test_the_seed_of_the_tasks_is_that_of_sampling_unless_it_has_its_own() -> None:
    assert SumsPlan(seed=5).sampling.seed == 5
    assert SumsPlan.load(overrides=["seed=5", "sampling.temperature=1"]).sampling == Sampling(
        temperature=1, seed=5
    )
    own = SumsPlan.load(overrides=["seed=5", "sampling.seed=9"])
    assert (own.seed, own.sampling.seed) == (5, 9)
    assert SumsPlan(seed=5, sampling=Sampling(seed=0)).sampling.seed == 0, "a seed that was given stays"
    assert SumsPlan(seed=5, sampling=Sampling(top_k=3)).sampling == Sampling(top_k=3, seed=5)


def test_plans_written_before_sampling_had_a_table_are_read(tmp_path: Path) -> None:
    old = tmp_path / "plan.toml"
    old.write_text('n = 3\nseed = 7\ntemperature = 0.5\nfamilies = ["tiny"]\n')
    plan = WorldPlan.load(old)
    assert plan.sampling == Sampling(temperature=0.5, seed=7) and (plan.seed, plan.n) == (7, 3)


OLD = """families = ["direct"]
split = "validation"
seed = 5
n = 2
model = "m"
tools = true
dialect = ""
temperature = 0.5
search = []

[limits]
turns = 9
malformed = 2
tokens_per_turn = 2048
tokens = 16384
tool_images_per_turn = 10
tool_images = 50
stdout_chars = 8000
stderr_chars = 4000
tool_seconds = 60.0
episode_seconds = 600.0
question_chars = 20000
retries = 2
retry_seconds = 0.5
"""


def old_plan(n: int = 2, **sampling: object) -> WorldPlan:
    drawing = Sampling.model_validate({"temperature": 0.5, "seed": 5, **sampling})
    return WorldPlan(families=("direct",), split="validation", seed=5, n=n, model="m", sampling=drawing)


async def test_a_run_begun_before_goes_on_and_another_is_refused(tmp_path: Path) -> None:
    (tmp_path / PLAN_FILE).write_text(OLD)
    agent = answering("red")
    for other in (old_plan(seed=0), old_plan(temperature=0.0), old_plan(top_p=0.9)):
        with pytest.raises(ConfigError, match="another run"):
            await run_plan(other, agent, tmp_path)
    assert len(await run_plan(old_plan(), agent, tmp_path)) == 2
    assert len(await run_plan(old_plan(n=3), agent, tmp_path)) == 3
    written = WorldPlan.load(tmp_path / PLAN_FILE)
    assert written == old_plan(n=3) and "\ntemperature = 0.5" in (tmp_path / PLAN_FILE).read_text()


# ---- the registry


def test_benchmarks_by_name() -> None:
    assert benchmark_named("world") is WorldPlan
    with pytest.raises(InputError, match=r"there is no benchmark 'wrld': use world, or") as caught:
        benchmark_named("wrld")
    assert caught.value.remedy


def test_a_benchmark_is_a_file_and_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine_for_test_plan.py").write_text("from eval.plans import SumsPlan as MinePlan\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(BENCHMARKS, "mine", "mine_for_test_plan:MinePlan")
    assert benchmark_named("mine") is SumsPlan
    with pytest.raises(InputError, match="`deepeyes eval list` shows"):
        benchmark_named("yours")


# ---- running


async def test_tasks_are_drawn_as_they_are_asked(tmp_path: Path) -> None:
    drawn, done, ahead = list[str](), list[Trace](), list[int]()

    class Watched(SumsPlan):
        def tasks(self, images: ImageStore) -> Iterator[Task]:
            for task in super().tasks(images):
                drawn.append(task.id)
                ahead.append(len(drawn) - len(done))
                yield task

    await run_plan(Watched(n=30), answering("1"), tmp_path, concurrency=3, on_done=done.append)
    assert len(drawn) == len(done) == 30 and max(ahead) <= 3


async def test_two_tasks_of_one_id_are_refused_by_name(tmp_path: Path) -> None:
    class Twice(SumsPlan):
        def tasks(self, images: ImageStore) -> Iterator[Task]:
            yield from super().tasks(images)
            yield Task(id="sum-0", question="Another?", answer="1")

    with pytest.raises(InputError, match="two tasks have the id 'sum-0': give each"):
        await run_plan(Twice(n=2), answering("1"), tmp_path)


async def test_a_plan_that_asks_nothing_there_is_is_refused_before_it_leaves_anything(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no family 'huge'"):
        await run_plan(WorldPlan(families=("huge",)), answering("1"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


NOT_THE_AGENTS = ("benchmark", "seed", "grading", "most")


def test_the_agent_is_opened_with_all_that_the_plan_says(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[dict[str, Any]] = []
    monkeypatch.setattr(
        "deepeyes.eval.plan.open_agent", lambda model, **rest: opened.append({"model": model, **rest})
    )
    plan = SumsPlan.model_validate(CHANGED)
    plan.open(print)
    wanted = {key: value for key, value in CHANGED.items() if key not in NOT_THE_AGENTS}
    assert opened == [{**wanted, "sampling": plan.sampling, "tell": print}]
    assert plan.sampling == Sampling(temperature=0.1, seed=1)


async def test_traces_come_in_the_order_of_the_tasks_and_are_graded(tmp_path: Path) -> None:
    traces = await run_plan(SumsPlan(n=12), answering("3"), tmp_path, concurrency=5)
    assert [trace.task.id for trace in traces] == [f"sum-{number}" for number in range(12)]
    assert [trace.verdict.score for trace in traces if trace.verdict] == [0, 0, 1, *[0] * 9]


async def test_the_plan_beside_the_results_is_the_plan(tmp_path: Path) -> None:
    plan = SumsPlan(
        n=2,
        seed=4,
        model='openai:"m"@http://h/v1#prompt=brief',
        tools=False,
        dialect="native",
        search=("world", "serper?k=3&cache=DIR"),
        limits=Limits(turns=3, tool_seconds=1.5),
        sampling=Sampling(temperature=0.7, top_p=0.9, stop=("\n\n", "é"), seed=8),
        most=50,
    )
    await run_plan(plan, answering("1"), tmp_path)
    assert SumsPlan.load(tmp_path / PLAN_FILE) == plan


CHANGED: dict[str, Any] = {
    "benchmark": "differences",
    "seed": 1,
    "model": "nano-base",
    "tools": False,
    "dialect": "native",
    "search": ("world",),
    "limits": Limits(turns=8),
    "sampling": Sampling(temperature=0.1),
    "grading": Grading(judges=("openai:m@http://h/v1",)),
    "most": 99,
}


def test_every_setting_is_among_those_that_may_not_change() -> None:
    assert CHANGED.keys() == SumsPlan.model_fields.keys() - FREE


@pytest.mark.parametrize("setting", CHANGED)
async def test_a_folder_of_another_run_is_refused_and_left_alone(tmp_path: Path, setting: str) -> None:
    await run_plan(SumsPlan(n=2), answering("1"), tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    other = SumsPlan(n=2).model_copy(update={setting: CHANGED[setting]})
    with pytest.raises(
        ConfigError,
        match=rf"holds another run: plan.toml in it differs in {setting}.*: choose another --trace",
    ) as caught:
        await run_plan(other, answering("2"), tmp_path)
    assert caught.value.remedy
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


async def test_n_may_grow_and_what_is_answered_is_not_asked_again(tmp_path: Path) -> None:
    first = await run_plan(SumsPlan(n=2), answering("1"), tmp_path)
    done: list[Trace] = []
    more = await run_plan(SumsPlan(n=4), answering("2"), tmp_path, on_done=done.append)
    assert [trace.answer for trace in more] == ["1", "1", "2", "2"] and more[:2] == first
    assert [trace.task.id for trace in done] == ["sum-2", "sum-3"]
    assert SumsPlan.load(tmp_path / PLAN_FILE).n == 4


async def test_what_failed_because_of_us_is_asked_again(tmp_path: Path) -> None:
    class Down(ScriptedModel):
        def conversation(self, *settings: Any) -> Any:
            talk = super().conversation(*settings)

            async def fail(*_: Any, **__: Any) -> Completion:
                raise ServerError("it is down", "start it")

            talk.send = fail  # type: ignore[method-assign]
            return talk

    failed = await run_plan(SumsPlan(n=2), Agent(Down([], name="m")), tmp_path)
    assert [trace.stop_reason for trace in failed] == ["infrastructure_error"] * 2
    assert not any(trace.verdict for trace in failed), "never scored"
    again = await run_plan(SumsPlan(n=2), answering("1"), tmp_path)
    assert [trace.answer for trace in again] == ["1", "1"] and len(list(read_traces(tmp_path))) == 2


@pytest.mark.parametrize("n", [0, -1])
def test_a_plan_asks_at_least_one_question(n: int) -> None:
    with pytest.raises(ConfigError, match=r"n = .* is not valid"):
        SumsPlan.load(overrides=[f"n={n}"])


def test_the_world_wants_a_task_for_each_family() -> None:
    families = ("tiny", "direct")
    assert WorldPlan(families=families, n=2).checked().n == 2
    with pytest.raises(InputError, match="use --n 2 or more"):
        WorldPlan(families=families, n=1).checked()


def test_a_family_that_is_a_list_is_asked_as_often_as_it_has_questions() -> None:
    assert len(list(WorldPlan(families=("wild",), n=10_000).checked().tasks(ImageStore(None)))) >= 160
    with pytest.raises(InputError, match="use the test split"):
        WorldPlan(families=("wild",), split="train", n=1).checked()


async def test_samples_may_grow_and_only_the_new_ones_are_asked(tmp_path: Path) -> None:
    plan = SumsPlan(n=2, sampling=Sampling(temperature=1.0))
    await run_plan(plan, answering("1"), tmp_path)
    new: list[str] = []
    more = plan.model_copy(update={"samples": 3})
    traces = await run_plan(more, answering("1"), tmp_path, on_done=lambda trace: new.append(trace.id))
    assert [trace.id for trace in traces] == [f"sum-{n}#{sample}" for n in (0, 1) for sample in range(3)]
    assert sorted(new) == ["sum-0#1", "sum-0#2", "sum-1#1", "sum-1#2"]
