"""Many episodes: bounded, resumable, none waiting for another, each written when it ends."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tools.fake_sandbox import FakeSandbox

from deepeyes.agent.agent import Agent
from deepeyes.agent.many import episode_seed
from deepeyes.core.errors import InputError, ModelError, StorageError
from deepeyes.core.images import ImageStore
from deepeyes.core.limits import Limits, StopReason
from deepeyes.core.sampling import Sampling
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace, TraceWriter, read_traces
from deepeyes.grading.rules import grade
from deepeyes.models.scripted import ScriptedModel
from deepeyes.tools.base import ToolSet
from deepeyes.tools.python import PythonTool

ANSWER = "<think>clear</think><answer>red</answer>"
SHOW = "<think>look</think><code>\n```python\ndisplay(image_1.crop((0, 0, 9, 9)))\n```\n</code>"
SLOW = "<think>wait</think><code>\n```python\nslow()\n```\n</code>"


def tasks(store: ImageStore, count: int) -> list[Task]:
    ref = store.put(Image.new("RGB", (64, 48), "red"))
    return [Task(id=f"t{n}", question=f"Question {n}?", images=(ref,), answer="red") for n in range(count)]


def python() -> ToolSet:
    return ToolSet([PythonTool(FakeSandbox())])


async def test_all_run_and_are_written_with_their_pictures_and_verdicts(tmp_path: Path, store: ImageStore):
    writer = TraceWriter(tmp_path)
    told: list[str] = []
    many = tasks(store, 5)
    traces = await Agent(ScriptedModel([SHOW, ANSWER]), python()).run(
        many, images=store, samples=2, writer=writer, grade=grade, on_done=lambda trace: told.append(trace.id)
    )
    assert {trace.id for trace in traces} == {f"t{n}#{s}" for n in range(5) for s in range(2)} == set(told)
    written = list(read_traces(tmp_path))
    assert len(written) == 10 and all(trace.verdict and trace.verdict.score == 1 for trace in written)
    images = ImageStore(tmp_path / "images")
    assert all(ref in images for trace in written for ref in trace.image_refs())
    crop = written[0].image_parts()[1].ref
    assert crop not in store, "the data set's store is only read"
    assert len({trace.sampling.seed for trace in written}) == 10


async def test_a_run_resumes_where_it_stopped(tmp_path: Path, store: ImageStore):
    many, model = tasks(store, 4), ScriptedModel([ANSWER])
    await Agent(model, python()).run(many[:2], images=store, writer=TraceWriter(tmp_path))
    failed = TraceWriter(tmp_path)
    first = next(read_traces(tmp_path))
    failed.write(
        first.model_copy(update={"id": "t2#0", "stop_reason": StopReason.infrastructure_error}), store
    )
    again = await Agent(model, python()).run(many, images=store, writer=TraceWriter(tmp_path))
    assert sorted(trace.id for trace in again) == ["t2#0", "t3#0"]
    assert [trace.stop_reason for trace in read_traces(tmp_path)] == [StopReason.answered] * 4


async def test_episodes_in_flight_are_bounded_and_slow_tools_stop_nobody(store: ImageStore):
    sandbox = FakeSandbox()
    sandbox.gate = asyncio.Event()
    model = ScriptedModel({"Question 0?": [SLOW, ANSWER], "": [SHOW, ANSWER]})
    order: list[str] = []
    running = peak = 0

    class Counted(PythonTool):
        async def run(self, arguments: Any, episode: Any) -> Any:
            nonlocal running, peak
            running, peak = running + 1, max(peak, running + 1)
            try:
                return await super().run(arguments, episode)
            finally:
                running -= 1

    def finished(trace: Trace) -> None:
        order.append(trace.id)
        if len(order) == 11 and sandbox.gate:
            sandbox.gate.set()

    await Agent(model, ToolSet([Counted(sandbox)])).run(
        iter(tasks(store, 12)), images=store, concurrency=3, on_done=finished
    )
    assert order[-1] == "t0#0", "everything else finished while it waited"
    assert peak <= 3


async def test_slow_episodes_overlap(store: ImageStore):
    sandbox = FakeSandbox()
    sandbox.gate = asyncio.Event()
    tools = ToolSet([PythonTool(sandbox)])
    work = asyncio.create_task(
        Agent(ScriptedModel([SLOW, ANSWER]), tools).run(tasks(store, 16), images=store, concurrency=16)
    )
    while sandbox.waiting < 16:
        await asyncio.sleep(0.005)
    sandbox.gate.set()
    assert len(await work) == 16


async def test_a_users_mistake_stops_the_run_and_comes_out_as_itself(tmp_path: Path, store: ImageStore):
    many = tasks(store, 6)
    many[3] = many[3].model_copy(update={"question": " "})
    with pytest.raises(InputError, match="the question is empty"):
        await Agent(ScriptedModel([ANSWER]), python()).run(
            many, images=store, writer=TraceWriter(tmp_path), concurrency=2
        )
    assert 1 <= len(list(read_traces(tmp_path))) < 6


async def test_a_failing_model_stops_the_run_and_partial_traces_stay(tmp_path: Path, store: ImageStore):
    class Refusing(ScriptedModel):
        def conversation(self, sampling: Sampling = Sampling()) -> Any:
            talk = super().conversation(sampling)

            async def send(*_: Any, **__: Any) -> Any:
                await asyncio.sleep(0.01 if sampling.seed % 2 else 0.02)
                raise ModelError("refuses the key", "set it")

            talk.send = send  # type: ignore[method-assign]
            return talk

    with pytest.raises(ModelError, match="refuses the key"):
        await Agent(Refusing([]), python()).run(tasks(store, 4), images=store, writer=TraceWriter(tmp_path))
    reasons = [trace.stop_reason for trace in read_traces(tmp_path)]
    assert len(reasons) == 4 and set(reasons) <= {StopReason.error, StopReason.interrupted}


async def test_cancelling_a_run_keeps_every_partial_trace(tmp_path: Path, store: ImageStore):
    sandbox = FakeSandbox()
    sandbox.slow_seconds = 30
    writer = TraceWriter(tmp_path)
    work = asyncio.create_task(
        Agent(ScriptedModel([SHOW, SLOW]), ToolSet([PythonTool(sandbox)])).run(
            tasks(store, 5), images=store, writer=writer, concurrency=3
        )
    )
    while sum("slow" in code for code in sandbox.codes) < 3:
        await asyncio.sleep(0.005)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    traces = list(read_traces(tmp_path))
    assert [trace.stop_reason for trace in traces] == [StopReason.interrupted] * 3
    assert all(len(trace.turns) == 2 for trace in traces) and writer.done_ids() == set()
    assert all(session.closed for session in sandbox.sessions)


async def test_a_full_disk_stops_the_run(tmp_path: Path, store: ImageStore, monkeypatch: pytest.MonkeyPatch):
    writer = TraceWriter(tmp_path)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageError, match="the disk is full"):
        await Agent(ScriptedModel([ANSWER]), python()).run(tasks(store, 3), images=store, writer=writer)


async def test_failures_of_ours_are_not_graded(store: ImageStore):
    sandbox = FakeSandbox()
    sandbox.failures = 99
    limits = Limits(retries=0)
    (trace,) = await Agent(ScriptedModel([SHOW]), ToolSet([PythonTool(sandbox)]), limits=limits).run(
        tasks(store, 1), images=store, grade=grade
    )
    assert trace.stop_reason is StopReason.infrastructure_error and trace.verdict is None


def test_seeds_depend_on_nothing_but_their_arguments():
    assert episode_seed(0, "t1", 0) == 773344492
    seeds = {episode_seed(seed, task, sample) for seed in (0, 1) for task in ("a", "b") for sample in (0, 1)}
    assert len(seeds) == 8 and all(0 <= seed < 2**31 for seed in seeds)


def test_traces_are_equal_for_equal_seeds(store: ImageStore):
    def once() -> list[Trace]:
        work = Agent(ScriptedModel([SHOW, ANSWER]), python(), sampling=Sampling(seed=3)).run(
            tasks(store, 3), images=store
        )
        return sorted(asyncio.run(work), key=lambda trace: trace.id)

    ignore = {"seconds", "model_seconds", "tool_seconds", "started", "turns"}
    first, second = ([trace.model_dump(exclude=ignore) for trace in once()] for _ in range(2))
    assert first == second
