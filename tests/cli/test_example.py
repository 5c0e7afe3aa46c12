"""`deepeyes example`: images that ship, what to ask about them, and what the embedded model is told to be."""

import shlex
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepeyes.cli.example import EXAMPLES, image_of
from deepeyes.core.errors import ModelError
from deepeyes.core.images import ImageStore
from deepeyes.world.families import make_example
from deepeyes.world.tasks import to_task


def test_the_examples_are_listed_with_their_questions_and_answers(cli, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "200")
    lines = cli("example").out.splitlines()
    assert [line.split()[0] for line in lines] == list(EXAMPLES)
    assert all(
        one.question in line and line.rstrip().endswith(one.answer)
        for one, line in zip(EXAMPLES.values(), lines, strict=True)
    )


def test_an_example_is_copied_and_its_command_can_be_run(cli, tmp_path: Path):
    (tmp_path / "answers.txt").write_text("<think>Big.</think>\n<answer>340</answer>")
    ran = cli("example", "sign", "chart", "--to", "some where")
    sign, chart = map(shlex.split, ran.out.splitlines())
    assert (ran.code, ran.err) == (0, "") and chart[2] == "some where/chart.webp"
    asked = cli(*sign[1:], "--model", "scripted:answers.txt", "--expect", EXAMPLES["sign"].answer)
    assert asked.code == 0 and asked.out == "340\n"
    assert cli("example", "sign", "--to", "some where").code == 0  # again


def test_a_copy_takes_no_place_of_another_file(cli, tmp_path: Path):
    (tmp_path / "sign.webp").write_bytes(b"mine")
    ran = cli("example", "sign")
    assert ran.code == 2 and ran.is_one_line and (tmp_path / "sign.webp").read_bytes() == b"mine"


@pytest.mark.parametrize("name", ["sing", "../sign", ""])
def test_a_name_that_no_example_has_is_told(cli, name: str):
    ran = cli("example", name)
    assert ran.code == 2 and ran.is_one_line and "sign, chart, shape" in ran.err


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_the_held_out_task_that_it_says(name: str, tmp_path: Path):
    one, store = EXAMPLES[name], ImageStore()
    family, split, seed, index = one.task.split("-")
    task = to_task(make_example(family, split, int(seed), int(index)), store)
    assert (task.id, task.question, task.answer) == (one.task, one.question, one.answer) and split == "test"
    (tmp_path / "shipped.webp").write_bytes(image_of(name))
    with Image.open(tmp_path / "shipped.webp") as shipped:
        drawn = np.asarray(store.get(task.images[0]).convert("RGB"), float)
        assert np.abs(np.asarray(shipped.convert("RGB"), float) - drawn).mean() < 3


@pytest.fixture
def unopened(monkeypatch: pytest.MonkeyPatch) -> None:
    """No model is opened: what is told before is enough."""

    @asynccontextmanager
    async def refuse(*_: object, **__: object) -> AsyncGenerator[None]:
        raise ModelError("no model here", "go on")
        yield

    for verb in ("ask", "chat"):
        monkeypatch.setattr(f"deepeyes.cli.{verb}.opened", refuse)


@pytest.mark.usefixtures("unopened")
@pytest.mark.parametrize("model", ["nano", "nano-base", "openai:m@http://127.0.0.1:9/v1"])
def test_the_embedded_model_is_called_what_it_is_for_images_from_elsewhere(cli, picture: Path, model: str):
    cli("example", "sign", "--to", "here")
    for verb in (["ask"], ["chat"]):
        question = ["What?"] if verb == ["ask"] else []
        told = cli(*verb, picture, *question, "--model", model).err
        assert told.count("test model") == told.count("with --model") == model.startswith("nano")
        assert "test model" not in cli(*verb, "here/sign.webp", *question, "--model", model).err
    assert "test model" not in cli("ask", "What?", "--model", model).err
