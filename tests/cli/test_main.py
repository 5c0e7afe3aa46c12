"""The command line as a whole: what it costs, what it lists, doctor, and Ctrl-C."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from deepeyes.cli.doctor import EXTRAS
from deepeyes.cli.main import GROUPS, VERBS

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
