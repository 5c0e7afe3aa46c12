"""The runs that the viewer's tests look at."""

from pathlib import Path

import pytest
from PIL import Image
from view.view_helpers import EVIL, HostilePython

from deepeyes.agent.agent import Agent
from deepeyes.core.limits import StopReason
from deepeyes.core.task import Task
from deepeyes.core.trace import TraceWriter
from deepeyes.core.verdict import Verdict
from deepeyes.grading.rules import grade
from deepeyes.models.scripted import ScriptedModel
from deepeyes.tools.base import ToolSet


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """A run of three episodes: hostile and wrong, right at once, and failed because of us."""
    writer = TraceWriter(tmp_path / "run")
    picture = writer.images.put(Image.effect_noise((900, 600), 70).convert("RGB"))
    task = Task(
        id=f"one {EVIL}",
        question=EVIL,
        images=(picture,),
        answer="red",
        family=f"evil {EVIL}",
        tags=(EVIL, "search"),
        truth={"box": [30, 40, 60, 60]},
    )
    code = f"<think>{EVIL}</think>\n<code>\n```python\nprint({EVIL!r})\n```\n</code>"
    evil = ScriptedModel([code, EVIL, f"<think>x</think><answer>{EVIL}</answer>"], name=EVIL)
    trace = await Agent(evil, ToolSet([HostilePython()])).episode(task, images=writer.images)
    writer.write(trace.graded(Verdict(score=0.0, reason=f"is {EVIL}, expected red", given=EVIL)))
    plain = task.model_copy(update={"id": "two", "question": "What colour?", "family": "colours", "tags": ()})
    model = ScriptedModel(["<think>I see.</think><answer>Red.</answer>"])
    trace = await Agent(model, ToolSet()).episode(plain, images=writer.images)
    writer.write(trace.graded(grade(plain, trace.answer)))
    writer.write(trace.model_copy(update={"id": "three", "stop_reason": StopReason.infrastructure_error}))
    return tmp_path / "run"
