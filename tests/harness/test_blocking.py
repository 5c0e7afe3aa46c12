"""The agent without `async`: in scripts and notebooks, with Ctrl-C, and with nothing left behind."""

import asyncio
import inspect
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import deepeyes
from deepeyes import BlockingAgent, Limits, Task, TraceWriter, read_traces
from deepeyes.agent.events import Code, Event
from deepeyes.core.errors import ConfigError, InputError
from deepeyes.core.images import ImageStore
from deepeyes.core.limits import StopReason
from deepeyes.harness.blocking import AgentSettings
from deepeyes.harness.setup import open_agent
from deepeyes.models.scripted import ScriptedModel

LOOK = "<think>I look.</think>\n<code>\n```python\nimage_1.size\n```\n</code>"
SLEEP = LOOK.replace("image_1.size", "import time; time.sleep(60)")
RED = "<think>Clear.</think>\n<answer>red</answer>"


@pytest.fixture
def picture() -> Image.Image:
    return Image.new("RGB", (64, 48), "red")


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    yield
    assert "agent-loop" not in [thread.name for thread in threading.enumerate()]


def test_one_question_one_call(picture: Image.Image, tmp_path: Path):
    heard: list[Event] = []
    trace = deepeyes.ask(
        picture,
        "Colour?",
        model=ScriptedModel([LOOK, RED]),
        expect=["blue", "red"],
        limits=Limits(turns=3),
        writer=TraceWriter(tmp_path),
        on_event=heard.append,
    )
    assert trace.answer == "red" and trace.is_right and trace.limits.turns == 3
    assert "(64, 48)" in trace.turns[0].observation.text
    assert any(isinstance(event, Code) for event in heard)
    assert [kept.id for kept in read_traces(tmp_path)] == [trace.id]


def test_without_an_expected_answer_there_is_no_verdict(picture: Image.Image):
    assert deepeyes.ask(picture, "Colour?", model=ScriptedModel([RED]), tools=False).verdict is None


async def test_it_works_in_a_running_loop_as_a_notebook_has_it(picture: Image.Image):
    with BlockingAgent(ScriptedModel([RED]), tools=False) as agent:
        assert agent.ask(picture, "Colour?").answer == "red"


def test_an_agent_is_opened_by_the_first_question_and_asked_in_many_cells(
    picture: Image.Image, monkeypatch: pytest.MonkeyPatch
):
    opened: list[object] = []

    def opening(model: Any, **settings: Any) -> Any:
        opened.append(settings)
        return open_agent(model, **settings)

    monkeypatch.setattr("deepeyes.harness.blocking.open_agent", opening)
    agent = BlockingAgent(ScriptedModel([RED]), tools=False)
    assert opened == []
    assert agent.ask(picture, "Colour?").answer == agent.ask(None, "And now?").answer == "red"
    assert opened == [{"tools": False}]
    agent.close()
    assert agent.ask(picture, "Again?").answer == "red" and len(opened) == 2
    agent.close()


def test_many_tasks_are_run_and_judged_by_the_grading_that_is_wanted(picture: Image.Image):
    images = ImageStore()
    shown = images.put(picture)
    tasks = [Task(id=name, question="Colour?", images=(shown,), answer=name) for name in ("red", "blue")]
    done: list[str] = []
    with BlockingAgent(ScriptedModel([RED]), tools=False) as agent:
        traces = agent.run(tasks, images=images, on_done=lambda trace: done.append(trace.task.id))
    assert {trace.task.id: trace.is_right for trace in traces} == {"red": True, "blue": False}
    assert sorted(done) == ["blue", "red"]
    with BlockingAgent(ScriptedModel([RED]), tools=False, grading=None) as agent:
        assert [trace.verdict for trace in agent.run(tasks, images=images)] == [None, None]


def test_what_cannot_be_opened_or_asked_is_raised_here(picture: Image.Image):
    with pytest.raises(ConfigError, match="there is no tool 'pythn'"):
        deepeyes.ask(picture, "Colour?", model=ScriptedModel([RED]), tools="pythn")
    with pytest.raises(InputError, match="no picture"):
        deepeyes.ask("nowhere.png", "Colour?", model=ScriptedModel([RED]), tools=False)
    with pytest.raises(ConfigError, match="klingon"):
        with BlockingAgent(ScriptedModel([RED]), dialect="klingon"):
            raise AssertionError


def test_ctrl_c_keeps_what_happened(picture: Image.Image, tmp_path: Path):
    begun: list[Event] = []

    def press(event: Event) -> None:
        if isinstance(event, Code):
            begun.append(event)
            threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()

    with pytest.raises(KeyboardInterrupt):
        deepeyes.ask(
            picture,
            "Colour?",
            model=ScriptedModel([SLEEP]),
            limits=Limits(tool_seconds=90),
            writer=TraceWriter(tmp_path),
            on_event=press,
        )
    (kept,) = read_traces(tmp_path)
    assert begun and kept.stop_reason is StopReason.interrupted and len(kept.turns) == 1


def test_a_script_that_closes_nothing_ends_by_itself(tmp_path: Path):
    (tmp_path / "replies.txt").write_text(f"{LOOK}\n---\n{RED}")
    script = (
        "import deepeyes\n"
        "agent = deepeyes.BlockingAgent('scripted:replies.txt')\n"
        "print(agent.ask(None, 'Colour?').answer, end='')\n"
    )
    words = [sys.executable, "-c", script]
    ran = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "red", "")


def test_its_settings_are_those_of_open_agent():
    ours = inspect.signature(open_agent).parameters
    assert list(AgentSettings.__annotations__) == [name for name in ours if name != "model"]


def test_asking_while_asked_is_an_error_and_no_deadlock(picture: Image.Image):
    agent = BlockingAgent(ScriptedModel([RED]), tools=False)
    problems: list[BaseException] = []

    def again(event: Event) -> None:
        try:
            agent.ask(picture, "And this?")
        except RuntimeError as error:
            problems.append(error)

    assert agent.ask(picture, "Colour?", on_event=again).answer == "red"
    assert problems and "cannot wait for itself" in str(problems[0])
    agent.close()


def test_two_agents_ask_each_other(picture: Image.Image):
    """A loop of its own for each: one may be a tool of the other."""
    inner = BlockingAgent(ScriptedModel([RED]), tools=False)

    async def ask() -> str | None:
        return await asyncio.to_thread(lambda: inner.ask(picture, "Colour?").answer)

    assert asyncio.run(ask()) == "red"
    inner.close()
