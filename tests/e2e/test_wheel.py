"""The wheel alone, outside a checkout: every verb works, in every Python that the package says it runs in.

Here the wheel is unpacked in front of what is installed. For the other Pythons that this machine has, it is
installed with pip into an environment below `.venv`, which is kept as long as the requirements stay.
"""

import json
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PYTHONS = [name.rpartition(" ")[2] for name in PROJECT["classifiers"] if ":: 3." in name]
LOOK = "<think>I look.</think>\n<code>\n```python\nprint(image_1.size)\n```\n</code>"
REPLIES = f"{LOOK}\n---\n<think>Clear.</think>\n<answer>red</answer>"
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    built = subprocess.run(build, cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    (file,) = folder.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that is no checkout, with an image and a scripted model."""
    folder = tmp_path_factory.mktemp("outside")
    picture = Image.effect_noise((320, 240), 40).convert("RGB")
    picture.paste("red", (100, 100, 140, 120))
    picture.save(folder / "picture.png")
    (folder / "replies.txt").write_text(REPLIES)
    return folder


Verb = Callable[..., str]


def runner(python: str | Path, folder: Path, **more: str) -> Verb:
    """Runs `deepeyes` there and gives what it prints."""
    mine = ("PYTHONPATH", "VIRTUAL_ENV", "HF_HOME")
    env = {key: value for key, value in os.environ.items() if key not in mine}
    env |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", **more}

    def run(*words: object) -> str:
        command = [str(python), "-m", "deepeyes", *map(str, words)]
        ran = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300)
        assert ran.returncode == 0, f"{words}: {ran.stdout}{ran.stderr}"
        assert words[0] == "train" or "Warning" not in ran.stderr, ran.stderr  # trainers' own
        return ran.stdout

    return run


@pytest.fixture(scope="module")
def deepeyes(wheel: Path, outside: Path, tmp_path_factory: pytest.TempPathFactory) -> Verb:
    """The command line of the unpacked wheel, with what this environment has installed beside it."""
    site = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(site)
    where = [sys.executable, "-c", "import deepeyes; print(deepeyes.__file__)"]
    env = {**os.environ, "PYTHONPATH": str(site)}
    found = subprocess.run(where, cwd=outside, env=env, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == str(site / "deepeyes" / "__init__.py")
    return runner(sys.executable, outside, PYTHONPATH=str(site))


def test_the_wheel_brings_all_that_verbs_read(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    recipes = {file.relative_to(ROOT / "recipes").as_posix() for file in (ROOT / "recipes").rglob("*.*")}
    assert recipes == {name.removeprefix("deepeyes/recipes/") for name in names if "/recipes/" in name}
    tracked = subprocess.run(["git", "ls-files", "src"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {name.removeprefix("src/") for name in tracked.stdout.split()} - set(names)
    strangers = [name for name in names if not name.startswith(("deepeyes/", "deepeyes-"))]
    assert not strangers


def test_an_editable_install_is_a_path_and_nothing_more() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]
    assert settings["dev-mode-dirs"] == ["src"] and "force-include" not in str(settings)


def test_it_asks_looks_and_shows(deepeyes: Verb, outside: Path) -> None:
    said = deepeyes("ask", "picture.png", "Colour?", "--model", "scripted:replies.txt", "--trace", "asked")
    assert said == "red\n"
    assert json.loads(deepeyes("doctor", "--json"))["ok"]
    assert (outside / deepeyes("view", "asked").strip()).stat().st_size > 10_000
    assert "full" in deepeyes("sandbox", "check") or "tier" in deepeyes("sandbox", "check", "--json")
    assert "France" in deepeyes("search", "query", "capital of France", "-k", "1")
    assert deepeyes("search", "image", "picture.png", "-k", "1")
    assert "recipes/sft/nano.toml" in deepeyes("recipes", "copy", "sft/nano", "constraints.txt")
    assert (outside / "recipes/constraints.txt").read_text() == (ROOT / "constraints.txt").read_text()


def test_it_measures_curates_trains_and_asks_what_came_out(deepeyes: Verb, outside: Path) -> None:
    deepeyes("data", "curate", "world", "--out", "runs/curation", "--set", "sources.world.limit=12")
    deepeyes("data", "export", "runs/curation", "--format", "trl")
    small = ("--set", "learn.epochs=1", "--no-evaluate")
    assert "nano:runs/nano" in deepeyes("train", "sft", "nano", "--out", "runs/nano", *small)
    measure = ("eval", "world", "--family", "tiny", "-n", "2", "--json")
    for more in (("--trace", "eval"), ("--model", "nano:runs/nano", "--limit", "turns=2")):
        numbers = json.loads(deepeyes(*measure, *more))
        assert numbers["n"] == 2 and numbers["infrastructure_errors"] == 0


def python_of(version: str) -> str | None:
    """The interpreter of that version, on the path or where pyenv keeps it."""
    kept = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    kept_there = sorted(kept.glob(f"{version}.*/bin/python"), reverse=True)
    for one in filter(None, (shutil.which(f"python{version}"), *kept_there)):
        asked = subprocess.run([one, "-c", "import venv"], capture_output=True)
        if asked.returncode == 0:
            return str(one)
    return None


@pytest.mark.parametrize("version", [version for version in PYTHONS if version != HERE])
def test_it_installs_and_asks_in_other_pythons(version: str, wheel: Path, outside: Path) -> None:
    python = python_of(version)
    if python is None:
        pytest.skip(f"there is no Python {version} on this machine")
    needs = "".join((ROOT / name).read_text("utf-8") for name in ("pyproject.toml", "constraints.txt"))
    place = ROOT / ".venv" / "other-pythons" / f"{version}-{sha256(needs.encode()).hexdigest()[:8]}"
    made, pip = place / "made", [place / "bin" / "python", "-m", "pip", "install", "-q"]
    if not made.exists():
        shutil.rmtree(place, ignore_errors=True)
        subprocess.run([python, "-m", "venv", place], check=True)
    how = ["--force-reinstall", "--no-deps"] if made.exists() else ["-c", ROOT / "constraints.txt"]
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    installed = subprocess.run([*pip, *how, wheel], env=env, capture_output=True, text=True)
    assert installed.returncode == 0, installed.stderr
    made.touch()
    deepeyes = runner(place / "bin" / "python", outside)
    assert deepeyes("ask", "picture.png", "Colour?", "--model", "scripted:replies.txt") == "red\n"
    assert "deepeyes 0." in deepeyes("--version") and "sft/nano.toml" in deepeyes("recipes")
    assert "pip install 'deepeyes[nano]'" in json.dumps(json.loads(deepeyes("doctor", "--json")))
