"""Agents of which it is known what they answer from, and runs of them on disk."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from deepeyes.agent.agent import Agent
from deepeyes.core.actions import RawToolCall
from deepeyes.core.images import ImageStore, VisionSpec
from deepeyes.core.messages import Message
from deepeyes.core.results import Hit, ToolResult
from deepeyes.core.sampling import Sampling
from deepeyes.core.task import Task
from deepeyes.core.trace import TraceWriter
from deepeyes.eval.runs import Run, find_runs
from deepeyes.grading.grader import Grading, open_grader
from deepeyes.models.base import Completion, MessageConversation, OnText
from deepeyes.tools.base import Episode, Tool, ToolSet

COLOURS = {"red": (200, 30, 30), "green": (30, 160, 40), "blue": (30, 40, 200), "white": (250, 250, 250)}
LOOK = "<think>Closer.</think>\n<code>\n```python\nimage_1.crop((0, 0, 40, 40))\n```\n</code>"
TOWNS = ("Paris", "Rome", "Lima", "Oslo", "Cairo", "Quito")


class Reader:
    """Looks (`deepeyes_v2`) or searches (`native`) once, and says what it is shown; asked again to call, it
    calls the number of times in `calls`.
    """

    vision = VisionSpec()
    prompt = "full"

    def __init__(self, dialect_name: str, calls: int = 1) -> None:
        self.name, self.dialect_name, self.calls = f"reader-{dialect_name}", dialect_name, calls
        self.sent: list[list[Message]] = []

    def conversation(self, sampling: Sampling = Sampling()) -> MessageConversation:
        return MessageConversation(self, sampling)

    async def aclose(self) -> None:
        return None

    async def generate(
        self,
        messages: Sequence[Message],
        *,
        sampling: Sampling = Sampling(),
        max_tokens: int = 2048,
        tools: Sequence[Any] = (),
        on_text: OnText | None = None,
    ) -> Completion:
        self.sent.append(list(messages))
        said = sum(message.role == "assistant" for message in messages)
        question = next(message.text for message in messages if message.role == "user")
        if said < self.calls:
            return self._call(question, said)
        answer = self.answer(question, messages)
        return Completion(f"<think>So.</think>\n<answer>{answer}</answer>" if self._tags else answer)

    @property
    def _tags(self) -> bool:
        return self.dialect_name == "deepeyes_v2"

    def _call(self, question: str, said: int) -> Completion:
        if self._tags:
            return Completion(LOOK)
        call = RawToolCall(id=f"c{said}", name="search", arguments=json.dumps({"query": question}))
        return Completion("", "tool_calls", tool_calls=(call,))

    def answer(self, question: str, messages: Sequence[Message]) -> str:
        if self._tags:
            shown = messages[-1].images[-1].pixels
            assert shown is not None
            pixel: Any = shown.getpixel((2, 2))
            return next((name for name, colour in COLOURS.items() if colour == pixel), "I see nothing")
        read = messages[-1].text.partition(" lives in ")[2]
        return read.split(".")[0] if read else "unknown"


class Guesser(Reader):
    """Does the same and answers what it knew before."""

    def answer(self, question: str, messages: Sequence[Message]) -> str:
        number = int("".join(filter(str.isdigit, question)))
        return list(COLOURS)[number % 4] if self._tags else TOWNS[number % 6]


class Library:
    """A search that knows where everybody lives."""

    name = "search"
    description = "Search."
    parameters: Mapping[str, Any] = {"type": "object", "properties": {"query": {"type": "string"}}}

    async def run(self, arguments: Mapping[str, Any], episode: Episode) -> ToolResult:
        number = int("".join(filter(str.isdigit, arguments["query"])))
        hit = Hit(f"Person {number}", f"https://p/{number}", f"Person {number} lives in {TOWNS[number % 6]}.")
        return ToolResult(hits=(hit,), query=arguments["query"])


class Cropper:
    """Whatever the code, a crop of the first image."""

    name = "python"
    description = "Run Python."
    parameters: Mapping[str, Any] = {"type": "object", "properties": {"code": {"type": "string"}}}

    async def run(self, arguments: Mapping[str, Any], episode: Episode) -> ToolResult:
        return ToolResult(images=(episode.images["image_1"].crop((0, 0, 40, 40)),))


def tasks_of(dialect: str, images: ImageStore, n: int) -> list[Task]:
    """Colours of plates, or where people live."""
    if dialect == "native":
        return [
            Task(id=f"p{number}", question=f"Where does person {number} live?", answer=TOWNS[number % 6])
            for number in range(n)
        ]
    return [
        Task(
            id=f"c{number}",
            question=f"What colour is plate {number}?",
            answer=list(COLOURS)[number % 4],
            images=(images.put(Image.new("RGB", (80 + number, 80), list(COLOURS.values())[number % 4])),),
            truth={"box": [10, 10, 20, 20]},
        )
        for number in range(n)
    ]


async def record(model: Reader, folder: Path, n: int = 6) -> Run:
    """A run of `model` with its tool, on disk."""
    writer = TraceWriter(folder)
    tool: Tool = Library() if model.dialect_name == "native" else Cropper()
    async with open_grader(Grading()) as grade:
        await Agent(model, ToolSet([tool])).run(
            tasks_of(model.dialect_name, writer.images, n), images=writer.images, writer=writer, grade=grade
        )
    return find_runs([folder])[0]
