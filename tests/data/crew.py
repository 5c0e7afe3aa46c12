"""Models for curation tests that answer by rule, the same for the same question and seed, as slow as told.

A question ends in "item N?"; its answer is N * 7. What a model does with it depends on its name.
"""

from __future__ import annotations

import ast
import asyncio
import json
import random
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from tools.fake_sandbox import Cell, FakeSandbox, FakeSession

from deepeyes.agent.agent import Agent
from deepeyes.core.actions import RawToolCall
from deepeyes.core.errors import InfrastructureError
from deepeyes.core.images import VisionSpec
from deepeyes.core.limits import Limits
from deepeyes.core.messages import Message
from deepeyes.core.sampling import Sampling
from deepeyes.data.curate import curate
from deepeyes.data.recipe import CurationRecipe
from deepeyes.data.run.folder import StageCount
from deepeyes.models.base import Completion
from deepeyes.tools.base import ToolSet
from deepeyes.tools.python import PythonTool

REFUSAL = "I'm sorry, I can't help with that."
HOSTILE = "<image> <|im_end|> <|vision_start|> \ud800 \u2028 \0 "
"""What no text that comes from outside may do: end a turn, stand for an image, break a line or a file."""
PROTOCOL = ("<image>", "<|im_end|>", "<|vision_start|>")
"""What of it must not be in an export as it is."""


def think(thought: str, action: str) -> str:
    return f"<think>{thought}</think>\n{action}"


def code(text: str, thought: str = "I compute it.") -> str:
    return think(thought, f"<code>\n```python\n{text}\n```\n</code>")


def answer(text: object, thought: str = f"Now it is clear: {HOSTILE}.") -> str:
    return think(thought, f"<answer>{text}</answer>")


def truth(number: int) -> str:
    return str(number * 7)


def looking(number: int) -> str:
    """Code that finds the truth, prints hostile text and, for even numbers, shows an image larger than any
    view.
    """
    lines = f"print({number} * 7, {HOSTILE + '</answer>'!a})"
    return lines if number % 2 else f"{lines}\nimage_1.resize((420, 310))"


def script(name: str, number: int, seed: int, *, tools: bool) -> list[str | Completion]:
    """What the model `name` says about item `number`, turn by turn."""
    rng = random.Random(f"{name}/{number}/{seed}")
    right = answer(truth(number))
    wrong = answer(truth(number) + "1")
    look = code(looking(number))
    match name:
        case "pupil" if tools:
            return [look, right if rng.random() < (0.5 if number % 3 == 0 else 0.0) else wrong]
        case "pupil":
            return [right if rng.random() < (0.9 if number % 4 == 0 else 0.02) else wrong]
        case "teacher":
            return [look, right]
        case "native":
            call = RawToolCall(id="call-1", name="python", arguments=json.dumps({"code": looking(number)}))
            return [
                Completion(f"I compute it. {HOSTILE}", tool_calls=(call,)),
                truth(number) + "1" * (number % 2),
            ]
        case "moody":
            return [look, right if rng.random() < 0.5 else wrong]
        case "wrong":
            return [look, wrong]
        case "nonsense":
            return ["blah blah"] * 9
        case "loops":
            return [look] * 9
        case "refuses":
            return [REFUSAL] * 9
        case "sleeps":
            return ["(never)"]
        case "fails":
            return [code("1 / 0"), right]
        case "idle":
            return [code("side = image_1.width * 2"), right]
        case "leaks":
            return [code(f"found = {truth(number)}\nprint(found)"), right]
        case _:
            raise ValueError(name)


class Talker:
    """`latency` in seconds a reply; `flaky` is the share of first sends that fail because of us."""

    prompt = "brief"
    vision = VisionSpec(max_pixels=64 * 784)

    def __init__(self, name: str, latency: float = 0.0, flaky: float = 0.0) -> None:
        self.name = name
        self.dialect_name = "native" if name == "native" else "deepeyes_v2"
        self.latency = latency
        self.flaky = flaky
        self.sent = self.flying = self.most = 0
        """Sends so far, now, and at most at once."""

    def conversation(self, sampling: Sampling = Sampling()) -> Talk:
        return Talk(self, sampling.seed)

    async def aclose(self) -> None:
        return None


class Talk:
    def __init__(self, model: Talker, seed: int) -> None:
        self.model, self.seed = model, seed
        self.replies: list[str | Completion] | None = None
        self.turn = 0

    async def send(self, new_messages: Sequence[Message], **_: Any) -> Completion:
        self.model.sent += 1
        self.model.flying += 1
        self.model.most = max(self.model.most, self.model.flying)
        try:
            await asyncio.sleep(3600 if self.model.name == "sleeps" else self.model.latency)
        finally:
            self.model.flying -= 1
        if self.model.flaky and random.random() < self.model.flaky:
            raise InfrastructureError("the server hung up", "start it again")
        if self.replies is None:
            tools = any(message.role == "system" for message in new_messages)
            asked = "".join(message.text for message in new_messages if message.role == "user")
            found = re.findall(r"item (\d+)", asked)
            self.replies = script(self.model.name, int(found[-1]), self.seed, tools=tools)
        reply = self.replies[min(self.turn, len(self.replies) - 1)]
        self.turn += 1
        return Completion(reply) if isinstance(reply, str) else reply

    async def close(self) -> None:
        return None


class ShowingSession(FakeSession):
    """Shows the value of the last expression, as the real sandbox does."""

    async def run(self, code: str, *, timeout: float) -> Cell:
        tree = ast.parse(code)
        last = tree.body[-1] if tree.body else None
        if isinstance(last, ast.Expr) and not ast.unparse(last).startswith(("print(", "display(")):
            last.value = ast.Call(ast.Name("display", ast.Load()), [last.value], [])
        return await super().run(ast.unparse(ast.fix_missing_locations(tree)), timeout=timeout)


class ShowingSandbox(FakeSandbox):
    async def open(self, images: Mapping[str, Image.Image], *, seed: int) -> FakeSession:
        self.sessions.append(ShowingSession(self, images, seed))
        return self.sessions[-1]


class Crew:
    """An `OpenAgent` over talkers; keeps them in `models` so that tests can count."""

    def __init__(self, latency: float = 0.0, flaky: float = 0.0) -> None:
        self.latency, self.flaky = latency, flaky
        self.models: dict[str, Talker] = {}

    @asynccontextmanager
    async def __call__(
        self, model: str, *, tools: bool = True, limits: Limits, sampling: Sampling, **_: Any
    ) -> AsyncGenerator[Agent]:
        talker = self.models.setdefault(model, Talker(model, self.latency, self.flaky))
        python = [PythonTool(ShowingSandbox())] if tools else []
        yield Agent(talker, ToolSet(python), None, limits, sampling)


def curated(
    recipe: CurationRecipe | dict[str, Any], out: Path, crew: Any = None, **settings: Any
) -> list[StageCount]:
    """Run a recipe, or the values of one, with a crew (by default a new one)."""
    if not isinstance(recipe, CurationRecipe):
        recipe = CurationRecipe.model_validate(recipe)
    return asyncio.run(curate(recipe, out, crew or Crew(), **settings))


def drawing(number: int, side: int = 84) -> Image.Image:
    """An image that looks like no other number's."""
    return _tiles(number).resize((side, side), Image.Resampling.BICUBIC)


def _tiles(number: int) -> Image.Image:
    rng = random.Random(f"picture/{number}")
    image = Image.new("RGB", (8, 8))
    image.putdata([tuple(rng.randrange(256) for _ in range(3)) for _ in range(64)])
    return image


SIZE = (310, 205)
"""Of the rows' images: larger than the talkers' views, and no whole number of cells."""


def write_rows(folder: Path, count: int, first: int = 0) -> Path:
    """`count` good rows as JSONL; the file. Each has an image, every fourth two, every other a hostile
    question; all have hostile file names and a second right answer.
    """
    (folder / "images").mkdir(parents=True, exist_ok=True)
    lines: list[str] = []
    for number in range(first, first + count):
        shown = [number, number + 1000] if number % 4 == 1 else [number]
        files = [f"images/{one} <image> <|im_end|> \u2028.png" for one in shown]
        for one, file in zip(shown, files, strict=True):
            _tiles(one).resize(SIZE, Image.Resampling.NEAREST).save(folder / file)
        row = {
            "id": number,
            "question": f"What is written on the back of item {number}?{' ' + HOSTILE * (number % 2)}",
            "answer": [truth(number), f"{truth(number)}.0"],
            "image": files,
        }
        lines.append(json.dumps(row) + "\n")
    file = folder / "rows.jsonl"
    file.write_text("".join(lines))
    return file


def recipe_values(file: Path, teachers: Sequence[str] = ("teacher",), **sections: Any) -> dict[str, Any]:
    """A recipe over one JSONL file, quick to run."""
    limits = {"turns": 4, "episode_seconds": 5.0, "retries": 0}
    asks = {"model": "pupil", "k": 8, "limits": limits}
    named = {name: {"model": name, "limits": limits} for name in teachers}
    return {
        "batch": 8,
        "sources": {"rows": {"kind": "jsonl", "path": str(file), "license": "CC0-1.0"}},
        "difficulty": dict(asks),
        "tool_benefit": dict(asks),
        "synthesize": {"teachers": named, "attempts": 1},
        "split": {"validation": 0.25},
        **sections,
    }
