"""Ordinary images: every character where it is said to be, splits apart, teachers that are right."""

import json
import random
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepeyes.core.images import ImageStore
from deepeyes.grading.rules import grade
from deepeyes.world import asking, figures, plots, typefaces, words
from deepeyes.world.families import make_example, make_examples
from deepeyes.world.families.ordinary import about_nothing, about_shapes, draw_shapes, draw_signs
from deepeyes.world.grounds import camera, draw_ground
from deepeyes.world.outlines import OUTLINES, add_outline
from deepeyes.world.palette import EVERY_COLOUR
from deepeyes.world.placards import add_placard
from deepeyes.world.scene import Scene
from deepeyes.world.strings import SPLITS
from deepeyes.world.tasks import to_task

ASSETS = resources.files("deepeyes.world") / "assets"


def ink_of(*, text: str, seed: int, bent: float) -> tuple[Scene, np.ndarray]:
    """A text on white, and where it is not white."""
    scene = Scene(Image.new("RGB", (900, 300), "white"))
    while not scene.things:
        add_placard(random.Random(seed), scene, "train", (text,), em=60, colour="", bent=bent, at=(60, 60))
        seed += 100
    return scene, np.asarray(scene.image.convert("L")) < 128


@pytest.mark.parametrize("bent", (0.0, 1.0))
def test_every_character_stands_where_its_box_is(bent: float) -> None:
    """Also on slanted, curved and turned signs: the ink lies within the boxes, and every box holds ink."""
    for seed in range(30):
        scene, ink = ink_of(text="HN UMB", seed=seed, bent=bent)
        (sign,) = scene.things
        assert "".join(char for char, _ in sign.glyphs) == sign.text == "HN UMB"
        if not ink.any():
            continue  # a pale ink
        boxes = [box for char, box in sign.glyphs if char != " "]
        held = np.zeros_like(ink)
        for left, top, right, bottom in boxes:
            here = (
                slice(max(int(top) - 9, 0), int(bottom) + 10),
                slice(max(int(left) - 9, 0), int(right) + 10),
            )
            assert ink[here].mean() > 0.03, seed
            held[here] = True
        assert (ink & ~held).sum() < 0.05 * ink.sum(), seed


def test_bending_a_sign_loses_nothing_of_it() -> None:
    for seed in range(120):
        scenes = (ink_of(text="WHWH", seed=seed, bent=bent)[0] for bent in (0.0, 1.0))
        straight, bent = (255.0 - np.asarray(scene.image.convert("L")) for scene in scenes)
        assert 0.85 < bent.sum() / straight.sum() < 1.2, seed


def test_characters_are_told_in_reading_order_with_the_blanks_between_words_and_lines() -> None:
    scene = Scene(Image.new("RGB", (900, 600), "white"))
    sign = add_placard(random.Random(1), scene, "train", ("Room 12", "Café"), em=50, colour="blue", at=(9, 9))
    assert sign is not None and sign.text == "Room 12 Café" and sign.colour == "blue" and sign.kind == "sign"
    assert "".join(char for char, _ in sign.glyphs).replace("\n", " ") == sign.text
    lines = ["".join(char for char, _ in sign.glyphs)].pop().split("\n")
    assert lines == ["Room 12", "Café"]
    middles = [(box[1] + box[3]) / 2 for _, box in sign.glyphs]
    assert max(middles[:7]) < min(middles[8:])


def test_a_sign_for_which_there_is_no_room_is_not_drawn() -> None:
    scene = Scene(Image.new("RGB", (200, 100), "white"))
    assert (
        add_placard(random.Random(0), scene, "train", ("EMERGENCY",), em=60, colour="red", at=(10, 10))
        is None
    )
    assert not scene.things and np.asarray(scene.image).min() == 255


def test_splits_share_no_typeface_no_string_and_no_chart_style_but_the_default() -> None:
    families = [{name.rsplit("-", 2)[0] for name in typefaces.face_names(split)} for split in SPLITS]
    assert all(families) and sum(map(len, families)) == len(set().union(*families)) >= 60
    for split in SPLITS:
        rng = random.Random(split)
        lines = [words.draw_line(rng, split) for _ in range(100)]
        assert {words.split_of(line) for line in lines} == {split}
        assert {words.split_of(line.swapcase()) for line in lines} == {split}, "case is no other string"
        assert all(0 < len(line) <= words.LONGEST for line in lines)
        for longest in range(words.SHORTEST, words.LONGEST):
            assert 0 < len(words.draw_line(rng, split, longest)) <= longest
        with pytest.raises(ValueError, match="of 1 characters"):
            words.draw_line(rng, split, words.SHORTEST - 1)
    styles = [set(plots.STYLES[split]) - {"default"} for split in SPLITS]
    assert all(styles) and sum(map(len, styles)) == len(set().union(*styles))


def test_every_string_can_be_said_in_one_token_a_character() -> None:
    allowed = {*words.READ, " "}
    rng = random.Random(0)
    for _ in range(300):
        assert set(words.spoken(words.draw_line(rng, "train"))) <= allowed
    assert {char for word in words.sign_words() for char in words.spoken(word)} <= allowed


def test_every_typeface_has_what_stands_on_signs() -> None:
    for split in SPLITS:
        for name in typefaces.face_names(split):
            font = typefaces.load_face(split, name, 30)
            assert typefaces.width_of(font, "AVATAR") > 20
            missing = font.getmask("\ue123").getbbox(), font.getlength("\ue123")
            drawn = [(font.getmask(char).getbbox(), font.getlength(char)) for char in "AZaz09é"]
            assert all(one != missing for one in drawn), name


@pytest.mark.parametrize("folder", ("faces", "wild"))
def test_every_file_is_listed_with_its_licence(folder: str) -> None:
    entries = json.loads((ASSETS / folder / "SOURCES.json").read_text("utf-8"))
    suffix = ".woff2" if folder == "faces" else ".webp"
    root = ASSETS / folder
    there = {entry.name for entry in root.iterdir() if entry.name.endswith(suffix)}
    for split in SPLITS if folder == "faces" else ():
        there |= {f"{split}/{entry.name}" for entry in (root / split).iterdir()}
    assert {entry["file"] for entry in entries} == there
    free = {"OFL-1.1", "Apache-2.0", "BSD-3-Clause", "CC-BY-SA-3.0", "CC-BY-SA-4.0"}
    assert all(entry["licence"] in free and entry["source"] for entry in entries)
    notice = (Path(__file__).parents[2] / "NOTICE").read_text("utf-8")
    if folder == "faces":
        named = [f"  {name.rsplit('-', 2)[0]}: " for split in SPLITS for name in typefaces.face_names(split)]
    else:
        named = [entry["source"].partition(":")[0] for entry in entries]
    assert all(name in notice for name in named)


def test_shapes_show_on_their_ground_in_the_colour_they_are_called() -> None:
    for kind in OUTLINES:
        scene = Scene(Image.new("RGB", (300, 300), (250, 250, 250)))
        shape = add_outline(random.Random(kind), scene, kind, side=120, gap=0, colour="blue", solid=True)
        assert shape is not None and (shape.kind, shape.colour) == (kind, "blue")
        left, top, right, bottom = (round(side) for side in shape.box)
        pixels = np.asarray(scene.image).astype(int)
        blue = pixels[..., 2] - pixels[..., 0] > 60
        assert blue[top:bottom, left:right].mean() > 0.2
        blue[top:bottom, left:right] = False
        assert not blue.any(), "nothing of it outside of its box"


def test_a_white_shape_on_white_is_given_another_colour() -> None:
    scene = Scene(Image.new("RGB", (300, 300), "white"))
    shape = add_outline(random.Random(0), scene, "star", side=90, gap=0, colour="white", solid=True)
    assert shape is None or shape.colour != "white"


def test_what_is_asked_about_shapes_is_true_of_what_is_drawn() -> None:
    for seed in range(40):
        scene = draw_shapes(random.Random(seed), "train", (500, 500))
        for asked in about_shapes(random.Random(seed), scene):
            if asked.kind == "count":
                assert (
                    int(asked.answer)
                    == len(asked.targets)
                    == sum(thing.kind == asked.targets[0].kind for thing in scene.things)
                )
            elif asked.target is not None:
                assert asked.answer in (asked.target.colour, asked.target.kind)


def test_what_is_absent_is_not_there() -> None:
    for seed in range(60):
        rng = random.Random(seed)
        signs = seed % 2
        size = (500, 600)
        scene = draw_signs(rng, "train", size, (0.2, 0.8)) if signs else draw_shapes(rng, "train", size)
        asked = about_nothing(rng, scene)
        named = [name for name in EVERY_COLOUR if name in asked.question.lower().split()]
        assert asked.answer == asking.CANNOT_TELL and asked.target is None
        assert all(name not in (thing.colour, thing.ink) for name in named for thing in scene.things)


def test_questions_are_typed_in_many_ways_and_keep_their_words() -> None:
    rng = random.Random(0)
    typed = {asking.retyped(rng, "What does the red sign say?") for _ in range(400)}
    assert len(typed) > 25
    assert all("the red sign" in question.lower() and "say" in question.lower() for question in typed)
    assert any(not question.endswith("?") for question in typed) and any(
        question.isupper() for question in typed
    )


def test_plurals() -> None:
    assert [asking.plural(kind) for kind in ("cross", "square")] == ["crosses", "squares"]


def test_the_camera_and_the_ground_keep_the_size() -> None:
    for seed in range(30):
        image = draw_ground(random.Random(seed), "train", (321, 123))
        assert camera(random.Random(seed), image).size == image.size == (321, 123) and image.mode == "RGB"


def test_bars_and_ticks_stand_where_matplotlib_drew_them() -> None:
    """A bar's height over that of a tick is its value over the tick's."""
    for seed in range(12):
        plot = plots.draw_plot(random.Random(seed), "train")
        zero, mark = plot.ticks[0], plot.ticks[-1]
        pixels_of_one = (zero.centre[1] - mark.centre[1]) / (float(mark.text) - float(zero.text))
        assert len(plot.bars) == len(plot.labels)
        for bar, label in zip(plot.bars, plot.labels, strict=True):
            assert bar.name == label.text and abs(bar.centre[0] - label.centre[0]) < 3
            assert (bar.box[3] - bar.box[1]) / pixels_of_one == pytest.approx(
                float(bar.text), abs=0.1 * plot.step
            )


def test_of_other_charts_the_greatest_part_comes_first_and_every_text_is_where_it_is() -> None:
    for seed in range(16):
        figure = figures.draw_figure(random.Random(seed), "train")
        assert 2 <= figure.series == len(figure.parts) and figure.kind in figures.KINDS
        ground = np.asarray(figure.scene.image.convert("L"), int)
        for text in (*figure.texts.values(), *figure.parts):
            left, top, right, bottom = (round(side) for side in text.box)
            assert np.ptp(ground[top : bottom + 1, left : right + 1]) > 60, "there is ink"
            assert "".join(char for char, _ in text.glyphs) == text.text


@pytest.mark.parametrize("family", ("word", "sign", "shape", "plot", "figure", "absent"))
def test_another_answer_is_wrong(family: str) -> None:
    for example in make_examples(family, "test", 0, 10):
        task = to_task(example, ImageStore(None))
        assert grade(task, words.spoken(example.answer)).is_right, "case does not count"
        assert grade(task, "QQ9Z").is_wrong or example.kind in ("value", "count", "number")
        assert not grade(task, "QQ9Z").is_right


def test_the_signs_of_the_test_are_ordinary_words_and_codes_of_three_sizes() -> None:
    examples = list(make_examples("sign", "test", 0, 60))
    assert {example.kind for example in examples} == {"small", "medium", "large"}
    known = {word.casefold() for word in words.sign_words()}
    plain = [e.answer.casefold() for e in examples if e.answer.isalpha() and len(e.answer) > 3]
    assert plain and all(len(example.answer) <= 8 for example in examples)
    assert sum(answer in known for answer in plain) > 0.85 * len(plain), "a few codes are letters alone"


def test_the_value_of_a_bar_may_be_off_by_a_tenth_of_a_tick() -> None:
    example = next(
        e for e in make_examples("plot", "test", 0, 40) if e.kind == "value" and float(e.answer) > 5
    )
    task, value = to_task(example, ImageStore(None)), float(example.answer)
    assert grade(task, f"{value + 0.9 * example.slack:.3f}").is_right
    assert grade(task, f"{value + 1.2 * example.slack:.3f}").is_wrong


def test_wild_is_a_list_of_the_test_split_and_every_answer_is_right() -> None:
    examples = list(make_examples("wild", "test", 0, 10_000))
    assert len(examples) >= 160 and len({example.entities for example in examples}) >= 80
    assert make_example("wild", "test", 7, 3).question == examples[3].question, "whatever the seed"
    for example in examples:
        task = to_task(example, ImageStore(None))
        assert grade(task, example.answer).is_right
    for split, index in (("train", 0), ("test", len(examples))):
        with pytest.raises(ValueError, match="all of the test split"):
            make_example("wild", split, 0, index)
