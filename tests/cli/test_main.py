"""The command line as a whole: what it costs, what it lists, doctor, and Ctrl-C."""

import json
import os
import re
import subprocess
import sys
import tomllib
from functools import partial
from pathlib import Path

import pytest

from deepeyes.cli.doctor import EXTRAS
from deepeyes.cli.main import GROUPS, VERBS, load
from deepeyes.data.curate import Execution
from deepeyes.data.run.probe import RetryRounds

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "transformers", "numpy", "PIL", "jinja2", "httpx")


def test_help_lists_every_verb_and_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom deepeyes.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all(verb in ran.stdout for verb in (*VERBS, *GROUPS))
    assert ran.stderr.strip() == "[]"


def test_every_verb_has_help(cli) -> None:
    for verb in (*VERBS, *GROUPS):
        ran = cli(verb, "--help")
        assert ran.code == 0 and "Usage" in ran.out, verb


def test_unknown_verb_suggests_one(cli) -> None:
    ran = cli("aks")
    assert ran.code == 2 and "ask" in ran.err


def test_version(cli) -> None:
    assert cli("--version").out.startswith("deepeyes ")
    assert "Print the version" in cli("--help").out


@pytest.mark.parametrize("verb", ["", *VERBS, *GROUPS])
def test_help_shows_no_type_for_options_that_take_none(cli, verb: str) -> None:
    groups = load(verb).commands if verb in GROUPS else {"": None}
    for sub in groups:
        shown = cli(*filter(None, (verb, sub)), "--help").out
        assert "Usage" in shown and "<bool>" not in shown, (verb, sub)


def test_h_is_help(cli) -> None:
    assert cli("-h").out == cli("--help").out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_completes_verbs_and_options(cli, monkeypatch: pytest.MonkeyPatch, shell: str) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    shown = cli("--show-completion", shell)
    assert shown.code == 0 and "_DEEPEYES_COMPLETE" in shown.out
    if shell != "bash":
        return
    for typed, wanted in (("deepeyes cha", {"chat"}), ("deepeyes ask --allow", {"--allow-url"})):
        told = {
            "_DEEPEYES_COMPLETE": "complete_bash",
            "COMP_WORDS": typed,
            "COMP_CWORD": str(typed.count(" ")),
        }
        ran = subprocess.run(
            [sys.executable, "-m", "deepeyes"], env={**os.environ, **told}, capture_output=True, text=True
        )
        assert set(ran.stdout.split()) == wanted, ran


DEAD = "openai:m@http://127.0.0.1:9/v1#retries=0"


@pytest.mark.parametrize(
    ("words", "often"),
    [
        ("ask Q --tools off --model DEAD --dialect native --limit retries=0", ""),
        ("ask Q --tools off --model DEAD", ""),
        ("chat --tools off --model DEAD --dialect native --limit retries=0", ""),
        ("demo --model DEAD --out d", ""),
        ("eval world --n 2 --tools off --model DEAD --dialect native --limit retries=0", "2 times"),
        ("grade answers.jsonl --judge DEAD", ""),
        ("judge agreement --data people.jsonl --judge DEAD", ""),
        ("data curate recipe.toml --out c", "16 times"),
    ],
)
def test_a_dead_server_is_told_with_its_cause_and_is_never_a_success(
    cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, often: str
) -> None:
    once = partial(Execution, retry=RetryRounds(rounds=1))
    monkeypatch.setattr("deepeyes.data.curate.Execution", once)
    (tmp_path / "answers.jsonl").write_text('{"answer": "a b", "gold": "c d e"}\n')
    row = {"question": "q", "gold": "c d e", "answer": "a b", "correct": True}
    (tmp_path / "people.jsonl").write_text(json.dumps(row) + "\n")
    (tmp_path / "recipe.toml").write_text(
        'title = "t"\n[sources.world]\nkind = "world"\nfamilies = ["tiny"]\nlimit = 2\n'
        f'[difficulty]\nmodel = "{DEAD}"\n[tool_benefit]\nmodel = "{DEAD}"\n'
        '[synthesize.teachers.world]\nmodel = "world"\ndialect = "deepeyes_v2/brief"\n'
    )
    (tmp_path / "lines").write_text("Q\n")
    with (tmp_path / "lines").open() as lines:
        monkeypatch.setattr(sys, "stdin", lines)
        ran = cli(*words.replace("DEAD", DEAD).split())
    told = next(line for line in ran.err.splitlines() if "127.0.0.1:9/v1 cannot be reached" in line)
    assert ran.code == 5 and often in told, ran
    assert ran.err.splitlines()[-1].startswith("deepeyes: ")


def test_verbs_that_ask_import_no_torch() -> None:
    code = (
        "import sys, deepeyes.cli.ask, deepeyes.cli.eval, deepeyes.cli.demo\n"
        "import deepeyes.cli.doctor, deepeyes.cli.train\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_doctor_tells_what_is_here_and_what_to_do(cli) -> None:
    ran = cli("doctor", "--json")
    said = json.loads(ran.out)
    assert ran.code == (0 if said["ok"] else 1)
    by_name = {finding["name"]: finding for finding in said["findings"]}
    assert {"nano", "nano-base", "hf:PATH_OR_ID", "openai:MODEL@BASE_URL", "isolation"} <= by_name.keys()
    assert all(finding["ok"] or finding["remedy"] for finding in said["findings"])
    assert "Sandbox" in cli("doctor").out


def test_doctor_knows_the_extras_and_what_is_in_them() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    assert EXTRAS.keys() == extras.keys() - {"dev", "docs"}
    for extra, names in EXTRAS.items():
        there = {re.split(r"[^\w-]", one)[0] for one in (*extras[extra], *project["dependencies"])}
        assert there.issuperset(names), extra


def test_recipe_that_is_missing(cli) -> None:
    ran = cli("train", "nano", "nowhere.toml")
    assert ran.code == 2 and ran.is_one_line
