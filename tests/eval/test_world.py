"""The runner and its numbers, with the world's own teacher in the model's place and a real sandbox."""

import json
import weakref
from pathlib import Path

import pytest
from PIL import Image

from deepeyes.agent.agent import Agent
from deepeyes.cli.main import main
from deepeyes.core.claim import hold
from deepeyes.core.errors import ConfigError, InputError, StorageError
from deepeyes.core.images import ImageRef, ImageStore, VisionSpec
from deepeyes.core.limits import StopReason
from deepeyes.core.trace import Trace, read_traces
from deepeyes.core.verdict import Verdict
from deepeyes.eval.report import report as report_of
from deepeyes.eval.run import run_plan
from deepeyes.eval.world import WorldPlan
from deepeyes.models.scripted import ScriptedModel
from deepeyes.sandbox import Sandbox
from deepeyes.tools.base import ToolSet
from deepeyes.tools.python import PythonTool
from deepeyes.train.nano.traces import replies_for
from deepeyes.world.families import make_example
from deepeyes.world.tasks import to_task


def teacher(plan: WorldPlan) -> ScriptedModel:
    """Replies for every question of the plan; raises if two tasks ask the same."""
    vision = VisionSpec(factor=32, min_pixels=4096, max_pixels=48 * 1024)
    scripts: dict[str, list[str]] = {}
    for family in plan.families:
        for index in range(plan.n // len(plan.families)):
            example = make_example(family, plan.split, plan.seed, index)
            columns, rows = vision.view_size(*example.scene.image.size)
            size = f"{example.scene.image.width}x{example.scene.image.height}"
            key = f"image_1 {size} as {columns}x{rows}\n{example.question}"
            scripts[key] = [reply.text for reply in replies_for(example, vision)]
    assert len(scripts) == plan.n
    return ScriptedModel(scripts, name="teacher", prompt="brief", vision=vision)


@pytest.mark.slow
async def test_teacher_scores_full_marks_and_its_crops_hit(tmp_path: Path) -> None:
    plan = WorldPlan(families=("tiny", "direct"), split="validation", seed=11, n=6, model="teacher")
    done: list[Trace] = []
    async with Sandbox.start() as sandbox:
        agent = Agent(teacher(plan), ToolSet([PythonTool(sandbox)]))
        traces = await run_plan(plan, agent, tmp_path, concurrency=3, on_done=done.append)
        again = await run_plan(plan, agent, tmp_path, on_done=done.append)
    assert len(traces) == 6 and [t.id for t in again] == [t.id for t in traces]
    assert len(done) == 6, "a run that is complete asks nothing again"
    report = report_of(traces, ImageStore(tmp_path / "images"))
    assert report["n"] == 6 and report["accuracy"] == 1.0
    assert report["ci95"][0] > 0.5 and report["ci95"][1] == 1.0
    assert report["tool_call_rate"] == 0.5 and report["crop_hit_rate"] == 1.0
    assert report["tool_call_rate_tiny"] == 1.0 and report["tool_call_rate_direct"] == 0.0
    assert report["stop_reasons"] == {"answered": 6} and report["infrastructure_errors"] == 0
    json.dumps(report)
    other = plan.model_copy(update={"seed": 12})
    with pytest.raises(ConfigError, match=r"another run: .* differs in seed: choose another --trace"):
        await run_plan(other, Agent(teacher(plan)), tmp_path)


async def test_a_folder_in_which_another_run_is_at_work_is_left_alone(tmp_path: Path) -> None:
    plan = WorldPlan(families=("direct",), split="validation", n=1, model="teacher")
    model = ScriptedModel([], name="never asked")
    with hold(tmp_path), pytest.raises(StorageError, match=r"another process is at work in .*wait for it"):
        await run_plan(plan, Agent(model), tmp_path, fresh=True)
    assert not list(tmp_path.iterdir())


async def test_a_fresh_run_asks_all_anew_and_a_longer_one_what_is_missing(tmp_path: Path) -> None:
    plan = WorldPlan(families=("direct",), split="validation", seed=11, n=2, model="teacher")
    done: list[str] = []
    model = ScriptedModel(["no"] * 9)
    for n, fresh in ((2, False), (3, False), (3, False), (2, True)):
        now = plan.model_copy(update={"n": n})
        traces = await run_plan(
            now, Agent(model), tmp_path, fresh=fresh, on_done=lambda trace: done.append(trace.id)
        )
        assert len(traces) == n
    assert len(done) == 2 + 1 + 0 + 2 and WorldPlan.load(tmp_path / "plan.toml").n == 2
    assert len(list(read_traces(tmp_path))) == 2


def trace(number: int, **fields: object) -> Trace:
    images = ImageStore()
    task = to_task(make_example("direct", "validation", 3, 0), images).model_copy(update={"id": f"t{number}"})
    return Trace.model_validate({"id": f"t{number}#0", "task": task, "stop_reason": "answered", **fields})


def test_our_failures_are_counted_and_never_scored() -> None:
    right = trace(1, verdict=Verdict(score=1), seconds=1.0)
    wrong = trace(2, verdict=Verdict(score=0), seconds=3.0)
    failed = trace(3, stop_reason=StopReason.infrastructure_error, seconds=99.0)
    report = report_of([right, wrong, failed], ImageStore())
    assert (report["n"], report["accuracy"], report["infrastructure_errors"]) == (2, 0.5, 1)
    assert report["seconds_per_episode"] == 2.0
    assert report["tool_call_rate"] == 0.0 and report["crop_hit_rate"] is None
    nothing = report_of([failed], ImageStore())
    assert nothing["n"] == 0 and nothing["accuracy"] is None


@pytest.mark.parametrize(
    "fields",
    [{"families": ("huge",)}, {"families": ()}, {"split": "secret"}, {"n": 1}, {"families": ("tiny", "x")}],
)
def test_plans_are_checked(fields: dict[str, object]) -> None:
    with pytest.raises(InputError):
        WorldPlan.model_validate({"families": ("tiny", "direct"), **fields}).checked()


def test_eval_command_prints_one_flat_object(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    script = tmp_path / "s.txt"
    script.write_text("<think>I guess.</think>\n<answer>red</answer>")
    command = ["eval", "world", "--family", "direct", "--split", "validation", "--n", "3", "--tools", "off"]
    with pytest.raises(SystemExit) as end:
        main([*command, "--json", "--model", f"scripted:{script}", "--trace", str(tmp_path / "t")])
    assert not end.value.code
    report = json.loads(capsys.readouterr().out)
    expected = {
        "n",
        "accuracy",
        "ci95",
        "tool_call_rate",
        "crop_hit_rate",
        "stop_reasons",
        "seconds_per_episode",
    }
    assert expected <= report.keys()
    assert report["n"] == 3 and report["tool_call_rate"] == 0.0 and report["families"] == "direct"
    assert len(list(read_traces(tmp_path / "t"))) == 3


def test_world_sample_writes_pictures_and_tasks(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as end:
        main(["world", "sample", "--n", "2", "--split", "validation", "--webp", "--out", str(tmp_path / "w")])
    assert not end.value.code
    lines = (tmp_path / "w" / "tasks.jsonl").read_text().splitlines()
    tasks = [json.loads(line) for line in lines]
    assert [task["family"] for task in tasks] == ["tiny", "direct"]
    assert all(task["answer"] and (tmp_path / "w" / task["meta"]["file"]).exists() for task in tasks)


def test_world_sample_keeps_what_is_known_of_a_task_and_no_picture_in_memory(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = list[weakref.ref[Image.Image]]()
    alive = list[int]()

    def put(store: ImageStore, image: Image.Image, put=ImageStore.put) -> ImageRef:
        drawn.append(weakref.ref(image))
        alive.append(sum(one() is not None for one in drawn))
        return put(store, image)

    monkeypatch.setattr(ImageStore, "put", put)
    with pytest.raises(SystemExit) as end:
        main(["world", "sample", "--family", "search", "--n", "5", "--webp", "--out", str(tmp_path)])
    assert not end.value.code
    metas = [json.loads(line)["meta"] for line in (tmp_path / "tasks.jsonl").read_text().splitlines()]
    assert all(meta["entities"] and meta["tools"] and (tmp_path / meta["file"]).exists() for meta in metas)
    assert len(alive) == 5 and max(alive) <= 2
