"""Many episodes: bounded, resumable, none waiting for another, each written when it ends."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agent.graders import RIGHT, UNSURE, Saying, by_rule
from PIL import Image
from tools.fake_sandbox import FakeSandbox

from deepeyes.agent.agent import Agent
from deepeyes.agent.many import at_most, episode_seed
from deepeyes.core.errors import InfrastructureError, InputError, ModelError, StorageError
from deepeyes.core.images import ImageStore
from deepeyes.core.limits import Limits, StopReason
from deepeyes.core.sampling import Sampling
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace, TraceWriter, read_traces
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
        many,
        images=store,
        samples=2,
        writer=writer,
        grade=by_rule,
        on_done=lambda trace: told.append(trace.id),
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
        tasks(store, 1), images=store, grade=by_rule
    )
    assert trace.stop_reason is StopReason.infrastructure_error and trace.verdict is None


async def test_an_episode_is_graded_when_it_has_closed_and_before_it_is_written(
    tmp_path: Path, store: ImageStore
):
    sandbox, writer = FakeSandbox(), TraceWriter(tmp_path)
    seen: list[tuple[bool, set[str], bool]] = []

    async def watching(task: Task, answer: str | None, images: ImageStore) -> Any:
        closed = all(session.closed for session in sandbox.sessions)
        seen.append((closed, writer.done_ids(), task.images[0] in images))
        images.get(task.images[0])
        return UNSURE

    agent = Agent(ScriptedModel([SHOW, ANSWER]), ToolSet([PythonTool(sandbox)]))
    (trace,) = await agent.run(tasks(store, 1), images=store, writer=writer, grade=watching)
    assert seen == [(True, set(), True)] and len(sandbox.sessions) == 1
    assert trace.verdict == UNSURE and list(read_traces(tmp_path)) == [trace]


async def test_others_go_on_while_a_verdict_is_awaited(store: ImageStore):
    grader = Saying()
    grader.gate = asyncio.Event()
    running = Agent(ScriptedModel([ANSWER])).run(tasks(store, 3), images=store, concurrency=3, grade=grader)
    work = asyncio.create_task(running)
    while len(grader.asked) < 3:
        await asyncio.sleep(0.005)
    grader.gate.set()
    assert [trace.verdict for trace in await work] == [RIGHT] * 3


async def test_an_answer_whose_judge_is_down_is_kept_and_graded_later_without_asking_again(
    tmp_path: Path, store: ImageStore
):
    grader, sandbox = Saying(), FakeSandbox()
    grader.failures = [InfrastructureError("the judge is down", "start it")]
    many = tasks(store, 1)
    agent = Agent(ScriptedModel([SHOW, ANSWER]), ToolSet([PythonTool(sandbox)]))
    (failed,) = await agent.run(many, images=store, writer=TraceWriter(tmp_path), grade=grader)
    assert failed.stop_reason is StopReason.infrastructure_error and failed.verdict is None
    assert failed.answer == "red"
    assert failed.notes[-1] == (
        "the answer could not be graded: InfrastructureError: the judge is down: start it"
    )
    assert list(read_traces(tmp_path)) == [failed] and TraceWriter(tmp_path).done_ids() == set()

    nobody = Agent(ScriptedModel([]), python())
    (graded,) = await nobody.run(many, images=store, writer=TraceWriter(tmp_path), grade=grader)
    assert graded.verdict == RIGHT and graded.stop_reason is StopReason.answered
    assert graded.turns == failed.turns and graded.sampling == failed.sampling
    assert list(read_traces(tmp_path)) == [graded]
    assert await nobody.run(many, images=store, writer=TraceWriter(tmp_path), grade=grader) == []
    assert grader.asked == ["red", "red"]


async def test_an_answer_that_awaits_its_verdict_is_asked_again_where_nobody_grades(
    tmp_path: Path, store: ImageStore
):
    grader = Saying()
    grader.failures = [InfrastructureError("the judge is down", "start it")]
    agent = Agent(ScriptedModel([ANSWER]))
    await agent.run(tasks(store, 1), images=store, writer=TraceWriter(tmp_path), grade=grader)
    (again,) = await agent.run(tasks(store, 1), images=store, writer=TraceWriter(tmp_path))
    assert again.stop_reason is StopReason.answered and again.verdict is None and again.notes == ()


@pytest.mark.parametrize("error", [ModelError("refuses the key", "set it"), ZeroDivisionError("a bug")])
async def test_what_else_a_grader_raises_stops_the_run_and_answers_stay(
    error: Exception, tmp_path: Path, store: ImageStore
):
    grader = Saying()
    grader.failures = [error]
    agent = Agent(ScriptedModel([ANSWER]))
    with pytest.raises(type(error)):
        await agent.run(tasks(store, 1), images=store, writer=TraceWriter(tmp_path), grade=grader)
    (trace,) = read_traces(tmp_path)
    assert trace.awaits_verdict and trace.verdict is None and trace.answer == "red"
    (graded,) = await Agent(ScriptedModel([])).run(
        tasks(store, 1), images=store, writer=TraceWriter(tmp_path), grade=grader
    )
    assert graded.verdict == RIGHT


async def test_cancelling_while_a_verdict_is_awaited_keeps_the_answer(tmp_path: Path, store: ImageStore):
    grader = Saying()
    grader.gate = asyncio.Event()
    agent = Agent(ScriptedModel([SHOW, ANSWER]), python())
    work = asyncio.create_task(
        agent.run(tasks(store, 5), images=store, writer=TraceWriter(tmp_path), grade=grader, concurrency=2)
    )
    while len(grader.asked) < 2:
        await asyncio.sleep(0.005)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    kept = list(read_traces(tmp_path))
    assert [(t.stop_reason, t.answer, t.verdict) for t in kept] == [(StopReason.interrupted, "red", None)] * 2
    grader.gate.set()
    again = await agent.run(tasks(store, 5), images=store, writer=TraceWriter(tmp_path), grade=grader)
    assert len(again) == 5 and all(trace.verdict == RIGHT for trace in again)
    turns = {trace.id: trace.turns for trace in again}
    assert all(turns[trace.id] == trace.turns for trace in kept), "not asked again"


def test_ctrl_c_while_a_verdict_is_awaited_keeps_the_answer(tmp_path: Path, store: ImageStore):
    async def main() -> None:
        grader = Saying()
        grader.gate = asyncio.Event()
        asyncio.get_running_loop().call_later(0.3, os.kill, os.getpid(), signal.SIGINT)
        agent = Agent(ScriptedModel([ANSWER]))
        await agent.run(tasks(store, 1), images=store, writer=TraceWriter(tmp_path), grade=grader)

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(main())
    assert [trace.awaits_verdict for trace in read_traces(tmp_path)] == [True]


async def test_an_answer_given_while_the_episode_was_cancelled_is_not_lost(tmp_path: Path, store: ImageStore):
    """Between the end of an episode and its verdict lies the closing of its tools."""
    closing = asyncio.Event()

    class Slow(FakeSandbox):
        async def open(self, images: Any, *, seed: int) -> Any:
            session = await super().open(images, seed=seed)
            close = session.close

            async def slowly() -> None:
                closing.set()
                await asyncio.sleep(0.2)
                await close()

            session.close = slowly  # type: ignore[method-assign]
            return session

    agent = Agent(ScriptedModel([SHOW, ANSWER]), ToolSet([PythonTool(Slow())]))
    work = asyncio.create_task(
        agent.run(tasks(store, 1), images=store, writer=TraceWriter(tmp_path), grade=Saying())
    )
    await closing.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    (trace,) = read_traces(tmp_path)
    assert trace.awaits_verdict and trace.answer == "red"


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


# ---- drawing jobs


async def test_jobs_drawn_in_threads_do_not_stop_those_in_flight() -> None:
    ticks, done, loop_thread = 0, list[int](), threading.get_ident()

    def jobs() -> Iterator[int]:
        for number in range(4):
            assert threading.get_ident() != loop_thread
            time.sleep(0.05)
            yield number

    async def work(number: int) -> None:
        nonlocal ticks
        for _ in range(10):
            await asyncio.sleep(0.001)
            ticks += 1
        done.append(number)

    await at_most(3, jobs(), work, drawn_in_thread=True)
    assert sorted(done) == [0, 1, 2, 3] and ticks == 40


async def test_what_goes_wrong_in_drawing_comes_out_as_itself() -> None:
    def jobs() -> Iterator[int]:
        yield 1
        raise InputError("row 2 is no row", "mend it")

    done: list[int] = []

    async def work(number: int) -> None:
        done.append(number)

    with pytest.raises(InputError, match="row 2"):
        await at_most(3, jobs(), work, drawn_in_thread=True)
    assert done == [1]
