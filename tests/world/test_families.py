"""Families over sheets and real things: numbers recomputed, splits apart, plans that lead to the answer."""

import random
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepeyes.agent.agent import Agent
from deepeyes.core.images import ImageStore, VisionSpec
from deepeyes.data.stages.teach.teachers import replies_for
from deepeyes.grading.rules import grade
from deepeyes.models.scripted import ScriptedModel
from deepeyes.sandbox import Sandbox
from deepeyes.tools.base import ToolSet
from deepeyes.tools.python import PythonTool
from deepeyes.world.families import FAMILIES, Example, make_examples, searched
from deepeyes.world.pack.entity import split_of
from deepeyes.world.plan import Ask, Compute, Find, Look, Point, Read, Tally
from deepeyes.world.scene import Thing
from deepeyes.world.strings import SPLITS
from deepeyes.world.tasks import to_task

NANO = VisionSpec(factor=28, min_pixels=3136, max_pixels=37632)
REAL = ("chart", "table", "search", "integration")
NUMBERS = ("chart", "table", "geometry")
DRAWN = [name for name in FAMILIES if name != "wild"]
"""`wild` is a list for measuring alone: nobody draws or teaches it."""


@pytest.mark.parametrize("family", REAL)
def test_real_things_belong_to_the_split(family: str) -> None:
    for split in SPLITS:
        asked = {name for example in make_examples(family, split, 0, 12) for name in example.entities}
        assert asked and {split_of(name) for name in asked} == {split}


@pytest.mark.parametrize("family", NUMBERS)
def test_answers_follow_from_the_numbers_in_the_picture(family: str) -> None:
    for example in make_examples(family, "validation", 0, 30):
        sums = [step for step in example.steps if isinstance(step, Compute)]
        read = [float(thing.text) for thing in numbers(example)]
        if not sums:
            assert example.kind == "read" and float(example.answer) == read[0]
            continue
        assert recomputed(example.kind, example.question, read) == pytest.approx(
            float(example.answer), abs=0.006
        )


def numbers(example: Example) -> tuple[Thing, ...]:
    """What the teacher reads in the picture."""
    return next(step for step in example.steps if isinstance(step, Read)).things


def recomputed(kind: str, question: str, read: list[float]) -> float:
    """The answer by a second way, from the kind of question and the numbers in the order they are read."""
    match kind:
        case "sum":
            return sum(read)
        case "mean":
            return float(np.mean(read))
        case "compare":
            return abs(read[0] - read[1])
        case "percent":
            return 100 * read[0] / read[1]
        case "perimeter":
            return 2 * sum(read)
        case "diagonal" | "longest side":
            return float(np.hypot(*read))
        case "circumference":
            return 2 * 3.1416 * read[0]
        case "third angle":
            return 180 - sum(read)
        case "fourth angle":
            return 360 - sum(read)
        case "area" if len(read) == 1:
            return 3.1416 * read[0] ** 2
        case "area" if len(read) == 3:
            return (read[0] + read[1]) * read[2] / 2
        case "area":
            half = "triangle" in question
            return read[0] * read[1] / (2 if half else 1)
    raise AssertionError(f"{kind}: {question}")


@pytest.mark.parametrize("family", NUMBERS)
def test_numbers_stand_where_their_boxes_say(family: str) -> None:
    for example in make_examples(family, "validation", 1, 6):
        image = example.scene.image
        for thing in numbers(example):
            left, top, right, bottom = thing.box
            assert 0 <= left < right <= image.width and 0 <= top < bottom <= image.height
            inside = np.asarray(image.crop((int(left), int(top), round(right), round(bottom))).convert("L"))
            assert int(inside.max()) - int(inside.min()) > 60, "nothing is written there"


def test_searches_name_the_thing_and_never_the_answer() -> None:
    for family in ("search", "integration"):
        for example in make_examples(family, "validation", 0, 20):
            assert [type(step) for step in example.steps if isinstance(step, Find | Ask)] == [Find, Ask]
            ask = next(step for step in example.steps if isinstance(step, Ask))
            find = next(step for step in example.steps if isinstance(step, Find))
            assert find.shows in ask.query and find.shows not in example.question
            assert example.answer.casefold() not in example.question.casefold().split()


@pytest.mark.parametrize("family", [name for name in DRAWN if not searched(name)])
async def test_the_teacher_solves_what_needs_no_search(family: str, tmp_path: Path) -> None:
    async with Sandbox.start() as sandbox:
        for example in make_examples(family, "validation", 4, 3):
            images = ImageStore(None)
            task = to_task(example, images)
            texts = [reply.text for reply in replies_for(example, NANO)]
            model = ScriptedModel(texts, name="teacher", prompt="brief", vision=NANO)
            trace = await Agent(model, ToolSet([PythonTool(sandbox)])).episode(task, images=images)
            assert grade(task, trace.answer).score == 1
            assert all(turn.observation and turn.observation.status == "ok" for turn in trace.tool_turns)


def test_pictures_can_be_drawn_at_any_seed() -> None:
    for family in DRAWN:
        seed = random.Random(family).randrange(10**6)
        for example in make_examples(family, "train", seed, 3):
            assert isinstance(example.scene.image, Image.Image) and example.scene.image.mode == "RGB"


def test_what_is_counted_is_counted_column_by_column() -> None:
    counted = [e for e in make_examples("direct", "validation", 0, 40) if e.steps]
    assert counted
    for example in counted:
        (reply,) = replies_for(example, NANO)
        (tally,) = example.steps
        assert isinstance(tally, Tally)
        steps = [(int(column), int(count)) for column, count in re.findall(r"(\d+):(\d+)", reply.text)]
        width, _ = NANO.view_size(*example.scene.image.size)
        assert [column for column, _ in steps] == list(range(width // NANO.factor))
        assert steps[-1][1] == int(example.answer) == len(tally.things)
        shares = sorted(thing.centre[0] / example.scene.image.width for thing in tally.things)
        for column, count in steps:
            assert count == sum(share < (column + 1) / len(steps) for share in shares)


def test_what_a_sign_stands_beside_is_pointed_at_first() -> None:
    related = [e for e in make_examples("perception", "validation", 0, 20) if e.kind == "relation"]
    assert related
    for example in related:
        pointed, look = example.steps
        assert isinstance(pointed, Point) and isinstance(look, Look)
        across, down = (a - b for a, b in zip(look.thing.centre, pointed.thing.centre, strict=True))
        side = max(
            ("right of", across), ("left of", -across), ("below", down), ("above", -down), key=lambda s: s[1]
        )
        text = replies_for(example, NANO)[0].text
        assert f"I look {side[0]} it." in text
        places = re.findall(r"\((\d\.\d) ([+-] \d\.\d)\)", text)
        assert f"is at {places[0][0]}, {places[1][0]}." in text, "the way is counted from there"


async def test_what_is_searched_for_is_cut_out_along_its_edges() -> None:
    async with Sandbox.start() as sandbox:
        for example in make_examples("integration", "train", 2, 6):
            images = ImageStore(None)
            task = to_task(example, images)
            texts = [reply.text for reply in replies_for(example, NANO)]
            first = next(at for at, text in enumerate(texts) if "near = " in text)
            model = ScriptedModel(
                [*texts[first : first + 2], "<answer>1</answer>"], prompt="brief", vision=NANO
            )
            trace = await Agent(model, ToolSet([PythonTool(sandbox)])).episode(task, images=images)
            near, cut = (turn.observation for turn in trace.tool_turns)
            assert near and cut and near.status == cut.status == "ok"
            assert example.target is not None
            left, top, right, bottom = example.target.box
            picture = images.get(cut.images[0].ref).convert("RGB")
            error = 0.06 * example.scene.image.width / 7
            assert (
                abs(picture.width - (right - left)) < error and abs(picture.height - (bottom - top)) < error
            )
            meant = example.scene.image.crop((round(left), round(top), round(right), round(bottom)))
            small = [np.asarray(image.resize((16, 16)), np.float32) for image in (picture, meant)]
            assert np.abs(small[0] - small[1]).mean() < 12


def test_numbers_read_from_afar_come_with_their_places() -> None:
    for example in make_examples("table", "validation", 0, 20):
        read = next(step for step in example.steps if isinstance(step, Read))
        said = re.findall(r"At \d\.\d, \d\.\d: (\d+)\.", replies_for(example, NANO)[0].text)
        assert said == ([thing.text for thing in read.things] if read.large else [])
