"""Lessons: of every kind, and answered by what was shown."""

import random
import re

from nano_fixtures import SIZE
from PIL import Image

from deepeyes.train.nano.batch import Exchange
from deepeyes.train.nano.dense import cropped
from deepeyes.train.nano.lesson import draw_lesson
from deepeyes.train.nano.ordinary_lessons import draw_ordinary
from deepeyes.train.nano.reading_lessons import draw_reading
from deepeyes.world.asking import CANNOT_TELL
from deepeyes.world.placards import add_placard
from deepeyes.world.scene import Scene


def test_lessons_know_the_kind_of_every_answer() -> None:
    kinds = {kind for seed in range(300) for kind in draw_lesson(random.Random(seed), SIZE, "train").kinds}
    scenes = {"says", "colour", "count", "where", "small"}
    sheets = {"blind", "places", "number", "numbers", "crop"}
    ordinary = {"word", "crop word", "shape", "absent", "labels", "axis", "parts"}
    ordinary |= {"names", "headings", "middle"}
    assert kinds == scenes | sheets | ordinary | {"fact", "title", "line", "query", "found"}


def told(exchange: Exchange) -> str:
    """The answer without the thought before it."""
    return str(exchange.told.parts[0]).partition("<answer>")[2].removesuffix("</answer>")


def test_one_can_tell_what_is_large_and_there_and_nothing_else() -> None:
    lessons = [draw_ordinary(random.Random(seed), SIZE, "train")[0] for seed in range(250)]
    for exchange in (exchange for lesson in lessons for exchange in lesson):
        cannot = exchange.kind in ("absent", "small")
        assert (told(exchange) == CANNOT_TELL) == cannot, exchange.kind
        if exchange.kind in ("word", "crop word"):
            assert told(exchange) == told(exchange).upper(), "one token a character"
        if exchange.kind == "count":
            assert str(exchange.told.parts[0]).partition("</think>")[0].endswith(f":{told(exchange)}.")
    kinds = [exchange.kind for lesson in lessons for exchange in lesson]
    assert 0.08 < kinds.count("absent") / len(kinds) < 0.25
    assert 0.02 < kinds.count("small") / len(kinds) < 0.2


def test_a_crop_keeps_what_stands_in_it_and_moves_its_boxes() -> None:
    scene = Scene(Image.new("RGB", (400, 300), "white"))
    for at in ((20, 20), (200, 150)):
        assert add_placard(random.Random(0), scene, "train", ("AB",), em=40, colour="red", at=at, bent=0.0)
    first, second = scene.things
    cut = cropped(scene, (180, 130, 400, 300))
    (kept,) = cut.things
    assert cut.image.size == (220, 170) and kept.text == second.text
    assert kept.box[:2] == (second.box[0] - 180, second.box[1] - 130)
    assert [box[0] for _, box in kept.glyphs] == [box[0] - 180 for _, box in second.glyphs]
    left = first.glyphs[0][1][2] + 1
    half = cropped(scene, (round(left), 0, 180, 120)).things
    assert [char for thing in half for char, _ in thing.glyphs] == ["B"], (
        "of a sign that is cut, what is seen"
    )


def test_what_a_reading_lesson_asks_for_stands_in_its_page_and_nowhere_else() -> None:
    said = [row for seed in range(40) for row in draw_reading(random.Random(seed), "train")]
    for kind, asked, told in said:
        page, _, _question = str(asked.parts[0]).rpartition("\n")
        reply = str(told.parts[0])
        if kind == "query":
            name = re.findall(r"It is (.+)\. I look it up\.", reply)[0]
            assert name in page.splitlines()[2] and f' {name}"}}}}' in reply
            continue
        answer = reply.partition("<answer>")[2].removesuffix("</answer>")
        assert answer in (page.replace(",", "") if kind in ("fact", "found") else page)
    assert len({str(told.parts[0]) for _, _, told in said}) > 0.7 * len(said), "answers could be guessed"
