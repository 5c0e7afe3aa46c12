"""The world: same numbers, same picture; splits that share nothing; truths that are true."""

import re
from pathlib import Path

import numpy as np
import pytest

from deepeyes.core.answers import AnswerForm, AnswerKind
from deepeyes.core.images import ImageStore, image_ref
from deepeyes.grading.rules import grade
from deepeyes.world import backgrounds, phrases
from deepeyes.world.families import FAMILIES, make_example, make_examples, splits_of
from deepeyes.world.palette import COLOURS, inks_on
from deepeyes.world.strings import SPLITS, draw_string, split_of
from deepeyes.world.tasks import shares, to_task, world_tasks

DRAWN = [family for family in FAMILIES if family != "wild"]
"""The families that are drawn: one is a list, whatever the seed."""


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_numbers_give_the_same_example(family: str) -> None:
    first, again = (make_example(family, "test", 3, 5) for _ in range(2))
    assert (first.question, first.answer, first.target) == (again.question, again.answer, again.target)
    assert np.array_equal(np.asarray(first.scene.image), np.asarray(again.scene.image))


@pytest.mark.parametrize("family", DRAWN)
def test_another_seed_or_split_gives_other_examples(family: str) -> None:
    def questions(split: str, seed: int) -> list[tuple[str, str]]:
        return [(example.question, example.answer) for example in make_examples(family, split, seed, 6)]

    assert questions("test", 0) != questions("test", 1)
    assert questions("test", 0) != questions("train", 0)


def test_splits_share_no_string_and_no_photograph() -> None:
    import random

    for split in SPLITS:
        rng = random.Random(split)
        assert {split_of(draw_string(rng, split)) for _ in range(50)} == {split}
    photos = [set(backgrounds.photo_names(split)) for split in SPLITS]
    assert all(photos)
    assert sum(map(len, photos)) == len(set().union(*photos))


def test_every_photograph_and_font_is_listed_with_its_licence() -> None:
    import json
    from importlib import resources

    assets = resources.files("deepeyes.world") / "assets"
    listed = {
        (entry["split"], entry["file"].split("/")[-1])
        for entry in json.loads((assets / "backgrounds" / "SOURCES.json").read_text())
    }
    assert listed == {(split, name) for split in SPLITS for name in backgrounds.photo_names(split)}
    fonts = {
        entry["file"].split("/")[-1] for entry in json.loads((assets / "fonts" / "SOURCES.json").read_text())
    }
    from deepeyes.world.fonts import font_names

    assert fonts == set(font_names())


def test_tiny_targets_are_small_inside_and_coloured_like_no_other_sign() -> None:
    for example in make_examples("tiny", "validation", 0, 12):
        image, target = example.scene.image, example.target
        assert target is not None
        left, top, right, bottom = target.box
        assert 0 <= left < right <= image.width and 0 <= top < bottom <= image.height
        assert (right - left) * (bottom - top) < 0.02 * image.width * image.height
        assert 1 <= len(example.scene.things) <= 4
        colours = [thing.colour for thing in example.scene.things]
        assert len(set(colours)) == len(colours)
        if len(colours) > 1:
            assert target.colour in example.question


def test_answers_are_what_was_drawn() -> None:
    for family in ("tiny", "direct"):
        for example in make_examples(family, "train", 0, 20):
            if example.kind == "count" and example.target is None:
                named = [thing.kind for thing in example.scene.things if f"{thing.kind}s" in example.question]
                assert example.answer == str(len(named))
            elif example.target is not None:
                target = example.target
                shown = {target.text, str(target.dots), target.ink, target.colour}
                assert example.answer in shown


def test_inks_can_be_seen_and_every_question_has_eight_wordings() -> None:
    assert all(ink in COLOURS and ink != plate for plate in COLOURS for ink in inks_on(plate))
    sets = (phrases.SAYS, phrases.INK, phrases.DOTS, phrases.WHERE, phrases.SHAPE_COLOUR, phrases.SHAPE_COUNT)
    assert all(len(set(wordings)) >= 8 for wordings in sets)
    assert all(re.search(r"\{(it|shape)\}", wording) for wordings in sets for wording in wordings)


def test_unknown_family_and_split_are_named() -> None:
    with pytest.raises(ValueError, match="use one of tiny, direct"):
        make_example("huge", "test", 0, 0)
    with pytest.raises(ValueError, match="use one of train"):
        make_example("tiny", "dev", 0, 0)


def test_tasks_hold_the_picture_and_the_truth() -> None:
    store = ImageStore(None)
    example = make_example("tiny", "test", 0, 0)
    task = to_task(example, store)
    assert store.get(task.images[0]).size == example.scene.image.size
    assert example.target is not None and task.truth["box"] == [round(side, 1) for side in example.target.box]
    assert grade(task, task.answer).score == 1
    assert grade(task, "no such thing").score == 0


@pytest.mark.parametrize("family", FAMILIES)
def test_tasks_say_in_which_form_their_answer_is(family: str) -> None:
    """Whoever made the question knows all that is right, and whether it is a number or what a sign says."""
    for example in make_examples(family, "test", 0, 12):
        form = to_task(example, ImageStore(None)).answer_form
        signs = example.kind in ("says", "text", "relation", "colour", "attribute")
        signs = signs or example.kind in ("higher", "highest", "small", "medium", "large")
        number = not signs and re.fullmatch(r"-?\d+(\.\d+)?", example.answer)
        slack = example.slack / float(example.answer) if example.slack else 0.0
        kind = AnswerKind.number if number else AnswerKind.text
        assert form == AnswerForm(kind=kind, closed=True, tolerance=slack)
        if family in ("chart", "table", "geometry", "integration") or example.kind == "count":
            assert form.kind is AnswerKind.number


def test_another_colour_sign_or_number_is_wrong_and_not_unsure() -> None:
    examples = [e for family in ("tiny", "direct") for e in make_examples(family, "test", 0, 40)]
    tasks = {example.kind: to_task(example, ImageStore(None)) for example in examples}
    assert tasks.keys() == {"says", "colour", "count"}
    for kind, other in (("says", "QQ9Z"), ("colour", "turquoise"), ("count", "11")):
        assert grade(tasks[kind], other).is_wrong and grade(tasks[kind], tasks[kind].answer).is_right


def test_every_family_gets_an_equal_share_of_the_tasks() -> None:
    tasks = list(world_tasks(["tiny", "direct"], "test", 0, 5, ImageStore(None)))
    assert [task.family for task in tasks].count("tiny") == 3
    assert len({task.id for task in tasks}) == 5


def test_drawn_ahead_by_threads_every_image_is_the_one_drawn_alone(tmp_path: Path) -> None:
    families = [family for family in FAMILIES if splits_of(family) == SPLITS]
    ahead = ImageStore(tmp_path)
    tasks = list(world_tasks(families, "train", 6, 3 * len(families), ahead))
    alone = [
        to_task(make_example(family, "train", 6, index), ImageStore())
        for family, index in shares(families, 3 * len(families))
    ]
    assert tasks == alone, "a task holds the hash of its image's pixels"
    assert all(image_ref(ahead.get(task.images[0])) == task.images[0] for task in tasks)
