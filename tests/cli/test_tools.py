"""`--tool MODULE:FUNCTION`: a function of the user's own, from the folder where the command is typed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from deepeyes.cli.tools import tools_of

MODULE = '''
from helper_of_mine import SHIPS

def ships(century: int) -> list[str]:
    """Ships of the register that were built in a century."""
    return [name for name, year in SHIPS.items() if (year - 1) // 100 + 1 == century]
'''
CALL = '<think>a</think><tool_call>{"name": "ships", "arguments": {"century": 17}}</tool_call>'
CODE = "<think>b</think>\n<code>\n```python\nprint(6 * 7)\n```\n</code>"
REPLIES = f"{CALL}\n---\n{CODE}\n---\n<think>One.</think><answer>Vasa</answer>"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in ("ships_of_mine", "helper_of_mine"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    (tmp_path / "ships_of_mine.py").write_text(MODULE)
    (tmp_path / "helper_of_mine.py").write_text("SHIPS = {'Vasa': 1628, 'Fram': 1892}\n")
    (tmp_path / "replies.txt").write_text(REPLIES)
    return tmp_path


def asked(cli, picture: Path, *more: str):
    words = ("ask", picture, "Which ship?", "--model", "scripted:replies.txt", "--json", *more)
    ran = cli(*words)
    calls = json.loads(ran.out)["tool_calls"] if ran.out else []
    return ran, [(call["name"], call["status"]) for call in calls]


def test_it_is_used_beside_the_standard_tools(cli, picture: Path, folder: Path):
    ran, calls = asked(cli, picture, "--tool", "ships_of_mine:ships")
    assert ran.code == 0 and calls == [("ships", "ok"), ("python", "ok")], ran.err


def test_it_can_be_all_that_there_is(cli, picture: Path, folder: Path):
    ran, calls = asked(cli, picture, "--tools", "off", "--tool", "ships_of_mine:ships")
    assert ran.code == 0 and calls == [("ships", "ok"), ("python", "error")], ran.err


def test_it_makes_the_question_another_one(cli, picture: Path, folder: Path):
    for more in ([], ["--tool", "ships_of_mine:ships"]):
        asked(cli, picture, "--trace", "runs", *more)
    assert len((folder / "runs" / "traces.jsonl").read_text().splitlines()) == 2


PLACES = ["ships_of_mine:boats", "nowhere_of_mine:ships", "ships_of_mine", "os:sep", "helper_of_mine:SHIPS"]


@pytest.mark.parametrize("place", PLACES)
def test_one_that_is_not_there_is_told_before_a_model_is_loaded(cli, picture: Path, folder: Path, place: str):
    ran = cli("ask", picture, "Which ship?", "--model", "hf:./nowhere", "--tool", place)
    assert (ran.code == 3 and ran.is_one_line and "MODULE:FUNCTION" in ran.err) or "type hints" in ran.err


def test_without_any_nothing_changes():
    assert tools_of(True, []) is True and tools_of(False, []) is False


def test_the_folder_is_searched_by_the_command_that_is_installed(picture: Path, folder: Path):
    """It has its own folder first on the path, not the one where it is typed."""
    script = "import sys; sys.path[0] = '/nowhere'; from deepeyes.cli.main import main; main(sys.argv[1:])"
    words = ["ask", picture, "Which?", "--model", "scripted:replies.txt", "--tool", "ships_of_mine:ships"]
    ran = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout) == (0, "Vasa\n"), ran.stderr
