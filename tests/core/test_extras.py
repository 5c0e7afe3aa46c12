"""How what is missing is installed: the command works in the Python that runs."""

import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from deepeyes.core import extras
from deepeyes.core.extras import install, needs


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A virtual environment below the working directory whose Python this is, and no other pip in reach."""
    folder = tmp_path / "work" / ".venv" / "bin"
    folder.mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    monkeypatch.setattr(extras, "find_spec", lambda name: object())
    monkeypatch.setattr(extras, "distribution", lambda name: object())
    monkeypatch.setenv("PATH", str(tmp_path / "elsewhere"))
    return folder


def pip_in(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "pip").write_text("#!/bin/sh\n")
    (folder / "pip").chmod(0o755)


def test_pip_goes_by_its_name_where_that_leads_to_this_python(
    environment: Path, monkeypatch: pytest.MonkeyPatch
):
    pip_in(environment)
    monkeypatch.setenv("PATH", str(environment))
    assert install("search") == "pip install 'deepeyes[search]'"
    assert needs("data") == "install what it needs: pip install 'deepeyes[data]'"


def test_the_pip_of_another_python_is_not_meant(environment: Path, tmp_path: Path):
    pip_in(tmp_path / "elsewhere")
    assert install("search") == ".venv/bin/python -m pip install 'deepeyes[search]'"


def test_a_python_elsewhere_is_named_in_full_and_quoted(
    environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "my envs" / "python"))
    assert install("nano") == f"'{tmp_path}/my envs/python' -m pip install 'deepeyes[nano]'"


def test_without_pip_it_is_uv(environment: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    assert install("nano") == "uv pip install --python .venv/bin/python 'deepeyes[nano]'"


def test_a_folder_on_the_path_is_installed_itself(environment: Path, monkeypatch: pytest.MonkeyPatch):
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(extras, "distribution", missing)
    pip_in(environment)
    monkeypatch.setenv("PATH", str(environment))
    root = Path(__file__).parents[2]
    assert (root / "pyproject.toml").exists() and install("nano") == f"pip install -e '{root}[nano]'"


def test_this_very_command_can_be_run_here():
    words = install("nano").replace(" install ", " install --dry-run --no-deps --no-index -q ")
    ran = subprocess.run(words, shell=True, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
