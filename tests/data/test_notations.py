"""A teacher who is right in other notations than the references keeps its traces.

The rows are a published set that lies beside the checkout, or beside $DEEPEYES_VERDICTS; where it is missing
the test is skipped.
"""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from data.crew import ShowingSandbox, Talk, Talker, answer, code, curated
from grading.notations import notations

from deepeyes.agent.agent import Agent
from deepeyes.core.limits import Limits
from deepeyes.core.sampling import Sampling
from deepeyes.tools.base import ToolSet
from deepeyes.tools.python import PythonTool

pytest.importorskip("datasketch")
pytest.importorskip("imagehash")

BESIDE = Path(__file__).parents[3] / "shared/data/verdicts"
ROWS = Path(os.environ.get("DEEPEYES_VERDICTS") or BESIDE).parent / "mathvision_304/testmini.jsonl"

pytestmark = pytest.mark.skipif(not ROWS.is_file(), reason=f"{ROWS} is missing")


class Pupils(Talker):
    """A prober who is never right, and a teacher who always is, in its own notation."""

    def __init__(self, name: str, said: dict[str, str]) -> None:
        super().__init__(name)
        self.said = said

    def conversation(self, sampling: Sampling = Sampling()) -> Talk:
        return Lesson(self, sampling.seed)


class Lesson(Talk):
    async def send(self, new_messages: Any, **settings: Any) -> Any:
        if self.replies is None:
            asked = _letters("".join(message.text for message in new_messages))
            model = self.model
            assert isinstance(model, Pupils)
            found = max((question for question in model.said if question in asked), key=len, default="")
            right = answer(model.said.get(found, "?"))
            self.replies = (
                [code("print(image_1.size)"), right] if model.name == "teacher" else [answer("-99991")]
            )
        return await super().send(new_messages, **settings)


def _letters(text: str) -> str:
    """What is left of a question however its images are named."""
    return re.sub(r"<image\d>|image_\d|\W", "", text)


def _said() -> dict[str, str]:
    """What the teacher answers to a question: the reference in another notation, words as they are."""
    drawn = random.Random(11)
    said: dict[str, str] = {}
    for line in ROWS.read_text().splitlines():
        row = json.loads(line)
        reference, options = row["answer"], row["options"]
        place = ord(reference) - ord("A") if len(reference) == 1 and reference.isupper() else -1
        if 0 <= place < len(options):
            reference = options[place]
        others = [other for other in notations(reference) if "\\boxed" not in other]
        said[_letters(row["question"])] = drawn.choice(others) if others else reference
    return said


@pytest.mark.slow
def test_a_teacher_who_writes_other_notations_keeps_what_is_right(tmp_path: Path) -> None:
    said = _said()

    @asynccontextmanager
    async def crew(
        model: str, *, tools: bool = True, limits: Limits, sampling: Sampling, **_: Any
    ) -> AsyncGenerator[Agent]:
        python = [PythonTool(ShowingSandbox())] if tools else []
        yield Agent(Pupils(model, said), ToolSet(python), None, limits, sampling)

    limits = {"turns": 3, "retries": 0}
    asks = {"model": "prober", "k": 4, "limits": limits}
    recipe = {
        "sources": {"mv": {"kind": "jsonl", "path": str(ROWS), "license": "MIT"}},
        "difficulty": asks,
        "tool_benefit": asks,
        "synthesize": {"teachers": {"teacher": {"model": "teacher", "limits": limits}}, "attempts": 1},
    }
    counts = {count.name: count for count in curated(recipe, tmp_path / "run", crew)}
    assert counts["read"].kept == 304
    assert counts["synthesize"].kept >= 200
    assert counts["verify"].kept >= 0.95 * counts["synthesize"].kept
