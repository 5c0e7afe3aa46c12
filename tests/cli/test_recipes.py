"""`deepeyes recipes`, and verbs that are given a recipe that ships."""

from pathlib import Path

import pytest

from deepeyes.cli.recipes import found, shipped
from deepeyes.core.errors import InputError
from deepeyes.data.recipe import CurationRecipe

ROOT = Path(__file__).parents[2]

NANO = sorted(f"nano/{file.name}" for file in (ROOT / "recipes/nano").iterdir())


def test_every_recipe_is_listed_with_what_it_does(cli, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "200")
    lines = {line.split()[0]: line.split(maxsplit=1)[1] for line in cli("recipes").out.splitlines()}
    files = {file.relative_to(ROOT / "recipes").as_posix() for file in (ROOT / "recipes").rglob("*.*")}
    assert lines.keys() == files == shipped().keys()
    assert lines["sft/nano.toml"].strip() == "The embedded base model learns to use tools from curated traces"
    assert all(line.strip().count(" ") > 3 and "#" not in line for line in lines.values())


@pytest.mark.parametrize(
    ("names", "files"),
    [
        (["sft/nano"], ["sft/nano.toml"]),
        (["recipes/sft/nano.toml", "constraints.txt"], ["constraints.txt", "sft/nano.toml"]),
        (["sft/accelerate/"], ["sft/accelerate/fsdp2.yaml", "sft/accelerate/zero3.yaml"]),
        (["nano", "nano/nano"], NANO),
    ],
)
def test_recipes_are_copied_under_their_names(cli, tmp_path: Path, names: list[str], files: list[str]):
    ran = cli("recipes", "copy", *names)
    assert ran.code == 0
    copied = sorted(
        file.relative_to(tmp_path / "recipes").as_posix() for file in tmp_path.rglob("*.*") if file.is_file()
    )
    assert copied == files and sorted(ran.out.split()) == [f"recipes/{file}" for file in files]
    assert all((tmp_path / "recipes" / file).read_text() == shipped()[file].read_text() for file in files)


def test_a_copy_goes_where_it_is_wanted_and_takes_no_place(cli, tmp_path: Path):
    mine = tmp_path / "mine" / "data" / "world.toml"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    ran = cli("recipes", "copy", "data", "--to", "mine")
    assert ran.code == 2 and ran.is_one_line and "mine/data/world.toml" in ran.err
    assert mine.read_text() == "mine" and len(list(mine.parent.iterdir())) == 1
    assert cli("recipes", "copy", "data/world", "--to", "yours").out == "yours/data/world.toml\n"


@pytest.mark.parametrize("name", ["klingon", "", "..", "../constraints.txt", "/", "recipes"])
def test_a_name_that_no_recipe_has_is_told(cli, name: str):
    ran = cli("recipes", "copy", name)
    assert ran.code == 2 and ran.is_one_line and ran.err.rstrip().endswith("deepeyes recipes")


@pytest.mark.parametrize("given", ["recipes/data/world.toml", "data/world.toml", "data/world", "world"])
def test_a_recipe_that_ships_is_found_from_anywhere_and_told(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "world").mkdir()
    file = found(Path(given), "data")
    assert CurationRecipe.load(file).title == "Embedded world, cold start and RL prompts"
    told = capsys.readouterr()
    assert not told.out and f"no file {given} here" in told.err and "recipes copy data/world.toml" in told.err


def test_a_file_of_ones_own_goes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    mine = Path("recipes/data/world.toml")
    mine.parent.mkdir(parents=True)
    mine.write_text("title = 'mine'")
    assert found(mine, "data") == mine and capsys.readouterr().err == ""


@pytest.mark.parametrize("given", ["wrld.toml", "recipes/sft/nano.toml", "/recipes/data/world.toml"])
def test_what_is_neither_a_file_nor_ships_is_refused(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="one that ships: deepeyes_v2, published, world, world_all"):
        found(Path(given), "data")


@pytest.mark.parametrize(
    "words",
    [
        ("train", "nano", "nan", "--out", "run"),
        ("train", "sft", "nan", "--out", "run"),
        ("train", "sft", "nano", "--out", "run", "--no-evaluate", "--accelerate", "zero9"),
        ("data", "curate", "nan", "--out", "run"),
    ],
)
def test_every_verb_that_takes_a_recipe_says_which_there_are(cli, words: tuple[str, ...]):
    ran = cli(*words)
    assert ran.code == 2 and "one that ships: " in ran.err.splitlines()[-1]
