"""The layout holds: imports point one way, importing does nothing, and a thing lies under its own name.

The graph is grimp's, imports for type checking included: what only a reader must know is a dependency too.
"""

import graphlib
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from itertools import pairwise, permutations
from pathlib import Path

import grimp
import pytest

from deepeyes.data.recipe import CurationRecipe

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "deepeyes"


@cache
def imports() -> grimp.ImportGraph:
    return grimp.build_graph("deepeyes", include_external_packages=True, cache_dir=None)


def python(*arguments: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = imports()
    uses = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    graphlib.TopologicalSorter(uses).prepare()  # CycleError names the modules


def test_nothing_in_the_package_imports_what_stays_in_the_checkout() -> None:
    assert not {"tests", "benchmarks", "packmaker"} & imports().modules


def test_only_models_and_training_import_torch() -> None:
    heavy = {
        module
        for name in ("torch", "transformers", "trl", "peft", "accelerate")
        for module in imports().find_modules_that_directly_import(name)
    }
    rooms = ("deepeyes.models.transformers", "deepeyes.models.nano", "deepeyes.train")
    assert heavy and not [module for module in heavy if not module.startswith(rooms)]


def test_looking_at_traces_loads_no_world() -> None:
    code = (
        "import sys, deepeyes.view, deepeyes.view.episode, deepeyes.view.page\n"
        "print([name for name in sys.modules if name.startswith('deepeyes.world')])"
    )
    assert python("-c", code).strip() == "[]"


def layers() -> list[list[str]]:
    """The rooms of each floor, from above to below."""
    (contract,) = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    return [floor.split(" | ") for floor in contract["layers"]]


def test_every_room_stands_on_one_floor() -> None:
    rooms = sorted(path.parent.name for path in SOURCE.glob("*/__init__.py"))
    assert rooms == sorted(room for floor in layers() for room in floor)


def test_an_import_sideways_or_upwards_is_refused(tmp_path: Path) -> None:
    floors = layers()
    sideways = [pair for floor in floors for pair in permutations(floor, 2)]
    upwards = [(below[0], above[0]) for above, below in pairwise(floors)]
    assert len(sideways) >= 10 and len(upwards) >= 12
    copy = tmp_path / "src" / "deepeyes"
    keep = shutil.ignore_patterns("assets", "weights", "__pycache__")
    shutil.copytree(SOURCE, copy, ignore=keep)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    assert "1 kept, 0 broken" in lint(tmp_path)
    for room, other in (*sideways, *upwards):
        with (copy / room / "__init__.py").open("a") as file:
            file.write(f"\nimport deepeyes.{other}\n")
    said = lint(tmp_path)
    assert "0 kept, 1 broken" in said
    for room, other in (*sideways, *upwards):
        assert f"deepeyes.{room} is not allowed to import deepeyes.{other}:" in said


def lint(folder: Path) -> str:
    """The words of import-linter on the package below `folder`, one space between each two."""
    code = (
        "import sys\nfrom importlinter.cli import lint_imports_command\n"
        "sys.path.insert(0, sys.argv.pop(1))\nlint_imports_command()"
    )
    command = [sys.executable, "-c", code, str(folder / "src"), "--no-cache"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return " ".join(f"{done.stdout} {done.stderr}".split())


@pytest.mark.slow
def test_importing_any_module_does_nothing() -> None:
    """No file, network, process or thread, and no look at the environment."""
    assert python(str(Path(__file__).with_name("import_all.py")), str(SOURCE)).strip() == ""


def test_no_folder_of_data_is_long() -> None:
    for folder in (SOURCE / "data", *(path.parent for path in (SOURCE / "data").rglob("__init__.py"))):
        entries = [path.name for path in folder.iterdir() if path.name not in ("__init__.py", "__pycache__")]
        assert len(entries) <= 10, folder


def test_every_stage_lies_in_the_file_of_its_name() -> None:
    others = {"title", "sources", "batch", "grading", "funnel", "export"}
    stages = CurationRecipe.model_fields.keys() - others
    assert len(stages) == 11
    for name in stages:
        assert len(list((SOURCE / "data" / "stages").rglob(f"{name}.py"))) == 1, name
