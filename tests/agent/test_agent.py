"""`Agent.ask` and `Agent.run`: images in every form, what is kept however it ends, and ids that stay."""

import asyncio
import io
from pathlib import Path
from typing import Any

import pytest
from agent.graders import RIGHT, Saying, by_rule
from PIL import Image
from tools.fake_sandbox import FakeSandbox

from deepeyes.agent import events
from deepeyes.agent.agent import Agent
from deepeyes.core.errors import InputError
from deepeyes.core.images import ImageStore, load_image
from deepeyes.core.limits import Limits, StopReason
from deepeyes.core.sampling import Sampling
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace, TraceWriter, read_traces
from deepeyes.models.scripted import ScriptedModel
from deepeyes.tools.base import ToolSet
from deepeyes.tools.python import PythonTool

ANSWER = "<think>clear</think><answer>red</answer>"
CROP = "<think>look</think><code>\n```python\ndisplay(image_1.crop((0, 0, 9, 9)))\n```\n</code>"
SLOW = "<think>wait</think><code>\n```python\nslow()\n```\n</code>"
PLAIN = Image.effect_noise((60, 40), 50).convert("RGB")


def agent(*replies: str, sandbox: FakeSandbox | None = None, **parts: Any) -> Agent:
    tools = ToolSet([PythonTool(sandbox or FakeSandbox())])
    return Agent(ScriptedModel(list(replies or (ANSWER,))), tools, **parts)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    PLAIN.save(tmp_path / "p.png")
    return tmp_path / "p.png"


async def test_an_image_may_come_in_any_form(file: Path) -> None:
    one = agent()
    forms = [file, str(file), file.read_bytes(), PLAIN, load_image(file), [file], (PLAIN,)]
    traces = [await one.ask(form, "What colour?") for form in forms]
    assert {trace.task.images for trace in traces} == {traces[0].task.images}
    assert len({trace.id for trace in traces}) == 1 and all(trace.answer == "red" for trace in traces)
    assert [part.name for part in traces[0].image_parts()] == ["image_1"]


async def test_several_images_are_named_in_order_and_none_may_be_given(file: Path) -> None:
    other = Image.new("RGB", (30, 20), "blue")
    two = await agent().ask([file, other], "Which is red?")
    assert [(part.name, part.ref.width) for part in two.image_parts()] == [("image_1", 60), ("image_2", 30)]
    for nothing in (None, [], ()):
        none = await agent().ask(nothing, "What is 1 + 1?")
        assert none.task.images == () and none.image_parts() == () and none.answer == "red"


async def test_the_id_follows_from_image_and_question_alone(file: Path, tmp_path: Path) -> None:
    first = (await agent().ask(file, "What colour?")).task.id
    again = (await agent(sampling=Sampling(seed=3)).ask(PLAIN, "  What colour?\n")).task.id
    assert first == again == "ask-" + first[4:] and len(first) == 16
    assert first != (await agent().ask(file, "What shape?")).task.id
    assert first != (await agent().ask(Image.new("RGB", (60, 40)), "What colour?")).task.id
    assert first != (await agent().ask([file, file], "What colour?")).task.id
    assert (await agent().ask(file, "What colour?", id="mine")).task.id == "mine"


async def test_a_writer_keeps_the_trace_and_its_images(file: Path, tmp_path: Path) -> None:
    told: list[Any] = []
    drawing = Sampling(temperature=0.5, seed=9)
    trace = await agent(CROP, ANSWER, sampling=drawing).ask(
        file, "What colour?", writer=TraceWriter(tmp_path / "t"), on_event=told.append
    )
    (kept,) = read_traces(tmp_path / "t")
    assert kept == Trace.model_validate_json(trace.model_dump_json())
    assert kept.sampling == drawing.stopping(("</code>", "</tool_call>", "</answer>"))
    store = ImageStore(tmp_path / "t/images")
    assert len(kept.image_refs()) == 2 and all(ref in store for ref in kept.image_refs())
    assert isinstance(told[0], events.Started) and isinstance(told[-1], events.Ended)


async def test_an_interrupted_question_is_kept_with_its_notes(tmp_path: Path) -> None:
    sandbox = FakeSandbox()
    sandbox.gate = asyncio.Event()
    moving = io.BytesIO()
    PLAIN.save(moving, "GIF", save_all=True, append_images=[PLAIN.rotate(90)])
    one = agent(CROP, SLOW, ANSWER, sandbox=sandbox)
    asking = asyncio.create_task(one.ask(moving.getvalue(), "What?", writer=TraceWriter(tmp_path)))
    while not sandbox.waiting:
        await asyncio.sleep(0.001)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    (kept,) = read_traces(tmp_path)
    assert kept.stop_reason is StopReason.interrupted and len(kept.turns) == 2
    assert any("only the first is used" in note for note in kept.notes)
    assert all(ref in ImageStore(tmp_path / "images") for ref in kept.image_refs())


async def test_the_notes_of_an_animated_image_come_first_in_what_is_returned(tmp_path: Path) -> None:
    path = tmp_path / "p.gif"
    PLAIN.save(path, save_all=True, append_images=[PLAIN.rotate(90)])
    trace = await agent().ask([PLAIN, path], "What?")
    assert len(trace.notes) == 1 and "2 frames: only the first is used" in trace.notes[0]


async def test_what_cannot_be_asked_is_refused_and_nothing_is_kept(file: Path, tmp_path: Path) -> None:
    writer = TraceWriter(tmp_path / "t")
    for image, question in (
        (file, " "),
        (file, "x" * 101),
        (tmp_path / "none.png", "What?"),
        (b"no", "What?"),
    ):
        with pytest.raises(InputError):
            await agent(limits=Limits(question_chars=100)).ask(image, question, writer=writer)
    assert not writer.done_ids()


async def test_a_run_without_a_writer_puts_images_in_the_store_it_was_given() -> None:
    store = ImageStore()
    tasks = [Task(id=f"t{n}", question=f"{n}?", images=(store.put(PLAIN),)) for n in range(3)]
    drawing = Sampling(temperature=0.5, seed=2)
    traces = await agent(CROP, ANSWER, sampling=drawing).run(iter(tasks), images=store, samples=2)
    assert sorted(trace.id for trace in traces) == [f"t{n}#{s}" for n in range(3) for s in range(2)]
    assert all(ref in store for trace in traces for ref in trace.image_refs())
    assert len({trace.sampling.seed for trace in traces}) == 6
    assert {trace.sampling.temperature for trace in traces} == {0.5}
    assert all(trace.verdict is None for trace in traces)


async def test_a_run_of_questions_without_images_needs_no_store() -> None:
    (trace,) = await agent().run([Task(id="t", question="1 + 1?")], grade=Saying())
    assert trace.answer == "red" and trace.verdict == RIGHT


async def test_an_answer_is_graded_by_what_is_expected(tmp_path: Path) -> None:
    writer = TraceWriter(tmp_path)
    trace = await agent().ask(PLAIN, "Which?", id="a", writer=writer, expect=("blue", "red"), grade=by_rule)
    assert trace.verdict is not None and trace.verdict.is_right
    assert (trace.task.answer, trace.task.answers) == ("blue", ("red",))
    assert list(read_traces(tmp_path)) == [trace]
    assert (await agent().ask(PLAIN, "Which?", expect="blue", grade=by_rule)).is_right is False
    assert (await agent().ask(PLAIN, "Which?", expect="blue")).verdict is None
    assert (await agent().ask(PLAIN, "Which?", grade=by_rule)).verdict is None
