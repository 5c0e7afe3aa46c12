"""Lessons: of every kind, and answered by what was shown."""

import random
import re

from nano_fixtures import SIZE

from deepeyes.train.nano.lesson import draw_lesson
from deepeyes.train.nano.reading_lessons import draw_reading


def test_lessons_know_the_kind_of_every_answer() -> None:
    kinds = {kind for seed in range(200) for kind in draw_lesson(random.Random(seed), SIZE, "train").kinds}
    scenes = {"says", "colour", "count", "where", "blind"}
    assert kinds == scenes | {"places", "number", "numbers", "crop"} | {
        "fact",
        "title",
        "line",
        "query",
        "found",
    }


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
