"""Cold-start traces: executed for real, kept only when right, showing the sign that was asked about."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from deepeyes.agent.agent import Agent
from deepeyes.analysis.crops import contains, find_crop
from deepeyes.core.images import ImageStore, VisionSpec
from deepeyes.core.results import Hit
from deepeyes.core.trace import Trace
from deepeyes.data.stages.teach.quality import failed_checks
from deepeyes.data.stages.teach.teachers import WORLD_CHECKS
from deepeyes.models.scripted import ScriptedModel
from deepeyes.sandbox import Sandbox
from deepeyes.tools.base import Episode, Tool, ToolResult, ToolSet
from deepeyes.tools.python import PythonTool
from deepeyes.train.nano import traces
from deepeyes.train.nano.batch import NO_LOSS
from deepeyes.train.nano.traces import is_sound, replies_for, teach, write_shard
from deepeyes.world.families import make_example
from deepeyes.world.teacher import Reply

VISION = VisionSpec(factor=28, min_pixels=4 * 784, max_pixels=48 * 784)


def learner(*tools: Tool) -> Agent:
    """Who is to learn from the traces: it is never asked, but has the tools and the eyes."""
    return Agent(ScriptedModel([], prompt="brief", vision=VISION), ToolSet(tools))


async def test_the_teachers_last_crop_shows_all_of_the_sign() -> None:
    looks: list[int] = []
    async with Sandbox.start() as sandbox:
        for index in range(10):
            images, agent = ImageStore(None), learner(PythonTool(sandbox))
            example = make_example("tiny", "validation", 0, index)
            trace = await teach(example, replies_for(example, VISION), agent, images)
            assert is_sound(trace)
            looks.append(len(trace.tool_turns))
            observation = trace.tool_turns[-1].observation
            assert observation is not None and example.target is not None
            box = find_crop(example.scene.image, images.get(observation.images[0].ref))
            assert box is not None and contains(box, example.target.box)
    assert {1, 2} == set(looks), "some first looks miss, and a second one mends it"


def test_a_first_look_that_is_off_is_not_imitated() -> None:
    marked = [replies_for(make_example("tiny", "validation", 0, index), VISION) for index in range(10)]
    assert all(reply.masked for replies in marked for reply in replies[:-2])
    assert {replies[0].masked for replies in marked} == {True, False}
    assert not any(reply.masked for replies in marked for reply in replies[-1:])


async def test_shards_hold_what_training_reads(tmp_path: Path) -> None:
    async with Sandbox.start() as sandbox:
        agent = learner(PythonTool(sandbox))
        kept, tried = await write_shard(tmp_path / "tiny.pt", "tiny", "train", 0, range(2), agent)
        await write_shard(tmp_path / "direct.pt", "direct", "train", 0, range(2), agent)
    assert (kept, tried) == (2, 2)
    conversations = torch.load(tmp_path / "tiny.pt", weights_only=True)
    roles = [role for role, _ in conversations[0]]
    assert roles[:2] == ["system", "user"] and roles[-2:] == ["user", "assistant"] and len(roles) in (5, 7)
    assert set(roles[2::2]) <= {"assistant", NO_LOSS}
    picture = conversations[0][1][1][0]
    assert picture.dtype == torch.uint8 and picture.shape[0] % 28 == 0 and picture.shape[2] == 3
    lines = (tmp_path / "tiny.jsonl").read_text().splitlines()
    verdicts = [Trace.model_validate_json(line).verdict for line in lines]
    assert len(verdicts) == 2 and all(verdict is not None and verdict.score == 1 for verdict in verdicts)
    direct = torch.load(tmp_path / "direct.pt", weights_only=True)
    assert [role for role, _ in direct[0]] == ["system", "user", "assistant"]


async def test_looks_that_are_off_on_purpose_are_kept_without_loss(tmp_path: Path) -> None:
    """A shard has the role of every turn as the teacher marked it."""
    roles: list[list[str]] = []
    marked: list[list[str]] = []
    async with Sandbox.start() as sandbox:
        agent = learner(PythonTool(sandbox))
        for index in range(10):
            path = tmp_path / f"{index}.pt"
            assert await write_shard(path, "tiny", "validation", 0, [index], agent) == (1, 1)
            (conversation,) = torch.load(path, weights_only=True)
            roles.append([role for role, _ in conversation if role not in ("system", "user")])
            replies = replies_for(make_example("tiny", "validation", 0, index), VISION)
            marked.append([NO_LOSS if reply.masked else "assistant" for reply in replies])
    assert roles == marked and {role for turns in roles for role in turns} == {NO_LOSS, "assistant"}


async def test_what_is_left_out_of_a_shard_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = traces.is_sound
    monkeypatch.setattr(traces, "is_sound", lambda trace: real(trace) and not trace.task.id.endswith("1"))
    async with Sandbox.start() as sandbox:
        agent = learner(PythonTool(sandbox))
        counted = await write_shard(tmp_path / "x.pt", "direct", "train", 0, range(3), agent)
    assert counted == (2, 3) and len(torch.load(tmp_path / "x.pt", weights_only=True)) == 2
    assert len((tmp_path / "x.jsonl").read_text().splitlines()) == 2


def test_shards_of_before_are_read_as_those_of_now() -> None:
    view = torch.arange(28 * 56 * 3, dtype=torch.uint8).view(28, 56, 3)
    for role in ("given", NO_LOSS):
        message = traces.as_message(role, ["look", view])
        assert message.role == NO_LOSS and message.parts[0] == "look"
        assert isinstance(message.parts[1], Image.Image) and message.parts[1].size == (56, 28)
        assert torch.equal(torch.from_numpy(np.array(message.parts[1])), view)
    assert traces.as_message("assistant", ["x"]).role == "assistant"


class Told:
    """A search that always tells the same."""

    description = "Search."

    def __init__(self, name: str, takes: str, *, title: str = "", snippet: str = "", words: bool) -> None:
        self.name = name
        told = f"1. {title}\n" if title else snippet
        self.result = ToolResult(stdout=told) if words else ToolResult(hits=(Hit(title, "u", snippet),))
        self.parameters = {"type": "object", "properties": {takes: {"type": "string"}}}

    async def run(self, arguments: Mapping[str, Any], episode: Episode) -> ToolResult:
        return self.result


@pytest.mark.parametrize("words", [True, False])
async def test_the_worlds_teacher_may_not_say_what_no_search_told(words: bool) -> None:
    """Whether tools give hits, or words as they did before."""
    example = make_example("search", "train", 0, 0)
    find, ask = example.steps

    async def found(title: str, page: str, *, own: bool = False) -> tuple[str, ...]:
        by_image = Told("image_search", "image", title=title, words=words)
        agent = learner(by_image, Told("search", "query", snippet=page, words=words))
        replies = replies_for(example, VISION)
        said = [Reply(reply.text.replace("It is", "I see")) if own else reply for reply in replies]
        trace = await teach(example, said, agent, ImageStore(None))
        assert is_sound(trace), "a search that found something gave something back"
        return failed_checks(trace, WORLD_CHECKS)

    assert await found(find.shows, f"Of it: {ask.shows}.") == ()
    assert await found(find.shows, "Of something else.") == ("unsupported",)
    assert await found("Another thing", f"Of it: {ask.shows}.") == ("unsupported",)
    assert await found("Another thing", "Of it.", own=True) == (), "others may have it from elsewhere"
