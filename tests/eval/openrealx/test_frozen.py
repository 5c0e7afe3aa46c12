"""The frozen questions: enough of each kind, held out, proven, gradable by rule, and what was frozen."""

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from deepeyes.core.errors import InputError
from deepeyes.core.task import Task
from deepeyes.core.verdict import Outcome
from deepeyes.eval.openrealx.frozen import (
    IMAGES,
    MANIFEST,
    QUESTIONS,
    assets,
    read_image,
    read_images,
    read_manifest,
    read_questions,
)
from deepeyes.grading.rules import grade
from deepeyes.world.pack import Pack, open_pack, split_of

TAGS = ("perception", "search", "reasoning")
WORLD_PHOTOGRAPHS = Path(__file__).parents[3] / "src/deepeyes/world/assets/backgrounds/SOURCES.json"


@pytest.fixture(scope="module")
def tasks() -> list[Task]:
    return read_questions()


@pytest.fixture(scope="module")
def pack():
    with open_pack() as opened:
        yield opened


def test_there_are_enough_of_each_domain_and_flag(tasks: list[Task]) -> None:
    assert len(tasks) == len({task.id for task in tasks}) == 300
    assert set(Counter(task.family for task in tasks).values()) == {60}
    assert {task.family for task in tasks} == set(read_manifest().domains)
    flags = Counter(tag for task in tasks for tag in task.tags)
    assert set(flags) == set(TAGS) and min(flags.values()) >= 150
    assert sum(set(task.tags) == set(TAGS) for task in tasks) == 75
    assert all(task.tags for task in tasks)


def test_everything_asked_about_is_held_out_from_training_and_validation(tasks: list[Task]) -> None:
    named = {name for task in tasks for name in task.meta.get("entities", [])}
    proven = {fact["entity"] for task in tasks for fact in task.truth.get("facts", [])}
    groups = {task.group for task in tasks if "/" in task.group}
    assert len(named) > 80 and proven <= named and groups <= named
    assert {name: split_of(name) for name in named if split_of(name) != "test"} == {}


def test_no_photograph_is_one_that_training_or_validation_shows(pack: Pack) -> None:
    used = {
        addresses(source["source"])
        for source in json.loads(WORLD_PHOTOGRAPHS.read_text("utf-8"))
        if source["split"] != "test"
    }
    used |= {
        addresses(picture.credit)
        for entity in pack.entities()
        if entity.split != "test"
        for picture in entity.pictures
    }
    shown = {addresses(credit) for image in read_manifest().images for credit in image.credits}
    assert len(shown) > 30
    assert shown & (used - {""}) == set()


def addresses(credit: str) -> str:
    """What follows the last "File:" of a credit; empty without one."""
    return credit.partition("/File:")[2].split(";")[0].split(" ")[0].rstrip("),.")


def test_every_proof_stands_on_its_page(tasks: list[Task], pack: Pack) -> None:
    for task in tasks:
        assert ("search" in task.tags) == bool(task.truth.get("facts")), task.id
        for fact in task.truth.get("facts", []):
            page = pack.document(fact["document"])
            assert page is not None and fact["document"].startswith(f"world://{fact['entity']}/"), task.id
            assert fact["sentence"] in page.text.replace("\n", " / "), task.id
            assert fact["value"] in fact["sentence"].replace(",", ""), task.id


def test_what_must_be_seen_is_framed_and_small(tasks: list[Task]) -> None:
    for task in tasks:
        if "perception" not in task.tags:
            assert task.truth_box is None
            continue
        ref = task.images[0]
        assert max(ref.width, ref.height) >= 1000, task.id
        assert task.truth_box == tuple(next(iter(task.truth["boxes"].values())))
        for left, top, right, bottom in task.truth["boxes"].values():
            assert -1 <= left < right <= ref.width + 1 and -1 <= top < bottom <= ref.height + 1, task.id
            assert (right - left) * (bottom - top) < 0.15 * ref.width * ref.height, task.id


def test_the_answer_is_right_by_rule_and_another_one_is_not(tasks: list[Task]) -> None:
    for task, other in zip(tasks, [*tasks[7:], *tasks[:7]], strict=True):
        for answer in (task.answer, *task.answers, f"The answer is {task.answer}."):
            assert grade(task, answer).is_right, (task.id, answer)
        if (
            other.answer.casefold() != task.answer.casefold()
            and other.answer_form.kind == task.answer_form.kind
        ):
            assert grade(task, other.answer).outcome is Outcome.wrong, (task.id, other.answer)
        assert task.answer_form.kind is not None


def test_no_question_is_asked_twice_and_none_holds_its_answer(tasks: list[Task]) -> None:
    assert len({task.question.casefold() for task in tasks}) == 300
    assert [
        task.id for task in tasks if f" {task.answer.casefold()} " in f" {task.question.casefold()} "
    ] == []
    most = Counter(task.answer.casefold() for task in tasks).most_common(1)[0]
    assert most[1] <= 4


def test_all_images_are_the_frozen_ones_and_the_package_stays_small(tasks: list[Task]) -> None:
    names = [name for name, image in read_images() if image.mode == "RGB"]
    assert names == [task.id for task in tasks]
    folder = Path(str(assets()))
    assert sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) < 8_700_000
    assert len(list((folder / IMAGES).iterdir())) == 300


def test_every_photograph_names_its_licence_and_its_author() -> None:
    bad = ("GPL", "NC", "ND", "ODBL", "GFDL")
    for image in read_manifest().images:
        assert image.licences and image.credits, image.task
        assert not [one for one in image.licences if any(word in one.upper() for word in bad)], image.task


def copy_of(folder: Path) -> Path:
    """The manifest, the questions and one image, to be damaged."""
    (folder / IMAGES).mkdir(parents=True)
    source = Path(str(assets()))
    for name in (MANIFEST, QUESTIONS, f"{IMAGES}/001.webp"):
        shutil.copyfile(source / name, folder / name)
    return folder


def test_a_changed_question_is_refused(tmp_path: Path) -> None:
    folder = copy_of(tmp_path / "assets")
    assert len(read_questions(folder)) == 300
    path = folder / QUESTIONS
    path.write_bytes(path.read_bytes().replace(b"How much", b"How many", 1))
    with pytest.raises(InputError, match=r"questions.jsonl is not the file that was frozen"):
        read_questions(folder)


@pytest.mark.parametrize("damage", ("changed", "cut", "missing"))
def test_a_damaged_image_is_refused_by_name(tmp_path: Path, damage: str) -> None:
    folder = copy_of(tmp_path / damage)
    assert isinstance(read_image("openrealx-001", folder), Image.Image)
    path = folder / IMAGES / "001.webp"
    data = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(data[:-40] if damage == "cut" else data[:-9] + b"\x00" + data[-8:])
    with pytest.raises(InputError, match=r"001\.webp"):
        read_image("openrealx-001", folder)


@pytest.mark.parametrize("text", ("", "{", '{"version": "1"}', "[]"))
def test_a_torn_manifest_is_an_error_with_a_remedy(tmp_path: Path, text: str) -> None:
    folder = copy_of(tmp_path / "torn")
    (folder / MANIFEST).write_text(text)
    with pytest.raises(InputError, match="install DeepEyes again"):
        read_questions(folder)
