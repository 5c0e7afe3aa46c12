"""What errors tell people to do: it is done here, as it is written, and the error is gone."""

import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from deepeyes.cli.recipes import found
from deepeyes.cli.train import asked_as
from deepeyes.data.recipe import CurationRecipe
from deepeyes.models.nano.model import NAMES, WEIGHTS

from .conftest import ANSWER, LOOK, Server, chat

ROOT = Path(__file__).parents[2]
SCRIPT = ("--model", "scripted:s.txt")
"""Stands as M in the rows."""

# What is typed, what the remedy says (a pattern), and what is typed then: words of the remedy, as `{1}` for
# the pattern's first group, among those that were there before, which is `...`.
ROWS = {
    "turns run out": (
        "ask Q --model scripted:look.txt --limit turns=1",
        r"more with (--limit) turns=N",
        "... {1} turns=3",
    ),
    "tokens run out": (
        "ask Q --model scripted:look.txt --limit tokens=1",
        r"more with (--limit) tokens=N",
        "... {1} tokens=999",
    ),
    "a limit misspelt": ("ask Q M --limit turnz=3", r"did you mean (turns)\?", "ask Q M --limit {1}=3"),
    "a limit that is no number": ("ask Q M --limit turns=x", r"e\.g\. (turns=\d+)", "ask Q M --limit {1}"),
    "a dialect there is not": ("ask Q M --dialect x", r"use (deepeyes_v2) or native", "... --dialect {1}"),
    "a search there is not": ("ask Q M --search x", r"give (off), world", "ask Q M --search {1}"),
    "the question first": ("ask Q p.png M", r"write it (last)", "ask p.png Q M"),
    "no quotation marks": ("ask p.png what is this M", r"in (quotation marks)", "ask p.png 'what is this' M"),
    "a judge of nothing": ("ask Q M --judge scripted:s.txt", r"answer with (--expect)", "... {1} red"),
    "a folder that is not there": ("view gone", r"", "view t"),
    "no column for the answer": ("grade odd.jsonl", r"(--answer) COLUMN", "... {1} uttered"),
    "no column for the reference": ("grade mine.jsonl --answer reply", r"(--gold) COLUMN", "... {1} truth"),
    "a row without reference": ("grade holes.jsonl", r"leave the row out \((--skip)\)", "... {1}"),
    "a folder to build in": ("search index docs.jsonl --no-dense", r"give (--out) DIR", "... {1} built"),
    "a thing misspelt": ("world show Frnace", r"did you mean (France)", "world show {1}"),
    "a family there is not": (
        "world sample --family x --n 1 --out w",
        r"use (tiny)",
        "world sample --family {1} --n 1 --out w",
    ),
    "fewer tasks than families": (
        "eval world --n 1 M --tools off",
        r"use (--n 2)",
        "eval world {1} M --tools off",
    ),
    "a tier there is not": ("sandbox check --tier x", r"use one of (full)", "sandbox check --tier {1}"),
    "votes that are all one": (
        "judge agreement --data people.jsonl --judge scripted:s.txt --votes 2",
        r"give (--temperature 0.7)",
        "... {1}",
    ),
}


@pytest.fixture
def here(tmp_path: Path, picture: Path, cli: Any) -> Path:
    """What the rows speak of."""
    picture.rename("p.png")
    for name, text in {
        "s.txt": "\n---\n".join([ANSWER] * 4),
        "look.txt": f"{LOOK}\n---\n{ANSWER}",
        "mine.jsonl": '{"reply": "4", "truth": "4"}\n',
        "odd.jsonl": '{"uttered": "4", "gold": "4"}\n',
        "number.txt": "<think>I count.</think>\n<answer>8</answer>",
        "holes.jsonl": '{"answer": "4", "gold": ""}\n{"answer": "4", "gold": "4"}\n',
        "docs.jsonl": '{"url": "a", "title": "A", "text": "words"}\n',
        "people.jsonl": '{"question": "q", "gold": "a b", "answer": "c", "correct": true}\n',
    }.items():
        Path(name).write_text(text)
    assert cli("ask", "Q", *SCRIPT, "--tools", "off", "--trace", "t").code == 0
    return tmp_path


@pytest.mark.parametrize("name", ROWS)
def test_a_remedy_helps(cli, here: Path, name: str) -> None:
    provoke, remedy, follow = ROWS[name]
    typed = words(provoke)
    first = cli(*typed)
    assert first.code not in (0, 1) and first.err.startswith(("deepeyes: ", "note: ")), first
    assert not re.search(r"\b[A-Z]\w*(Error|Exception|Unavailable)\b|Traceback", first.err), (
        "class names leak"
    )
    told = first.err.strip().splitlines()[-1]
    found = re.search(remedy, told)
    assert found, told
    written = follow.replace("{1}", found.group(1)) if found.groups() else follow
    then = cli(*(typed if written.startswith("...") else ()), *words(written.removeprefix("...")))
    assert then.code == 0, then


def groups(pattern: str, told: str) -> tuple[str, ...]:
    """What a remedy names."""
    found = re.search(pattern, told)
    assert found, told
    return found.groups()


def words(line: str) -> list[str]:
    """As a shell splits them."""
    return shlex.split(re.sub(r"\bM\b", " ".join(SCRIPT), line))


def test_a_wrong_answer_can_be_looked_at_as_told(cli, here: Path) -> None:
    asked = ("ask", "Q", "--model", "scripted:number.txt", "--tools", "off", "--expect", "7")
    remedy = r"give (--trace) DIR and look at it with: deepeyes (view) DIR"
    option, verb = groups(remedy, cli(*asked).err)
    then = cli(*asked, option, "kept").err
    assert "look at it with: deepeyes view kept" in then and option not in then.split("deepeyes view")[0]
    ran = cli(verb, "kept")
    assert ran.code == 0 and Path(ran.out.strip()).is_file()


def test_a_server_that_speaks_another_way_is_spoken_to_as_told(cli, here: Path, server: Server) -> None:
    server.reply = lambda n: (200, "application/json", chat("The sign says EXIT."))
    asked = ("ask", "Q", "--model", server.model, "--tools", "off", "--dialect", "deepeyes_v2")
    first = cli(*asked)
    assert first.code == 8
    option, value = groups(r"(--dialect) (\w+)", first.err)
    then = cli(*asked[:-2], option, value)
    assert (then.code, then.out) == (0, "The sign says EXIT.\n")


def test_what_runs_a_nano_checkpoint_of_another_make_does(cli, here: Path) -> None:
    folder = here / "other"
    shutil.copytree(WEIGHTS / NAMES["nano"], folder)
    config = json.loads((folder / "config.json").read_text())
    config["vision_config"]["fullatt_block_indexes"] = [1, 2]
    (folder / "config.json").write_text(json.dumps(config))
    first = cli("ask", "Q", "--model", f"nano:{folder}", "--tools", "off")
    assert first.code == 4
    (name,) = groups(r"--model (hf:\S+)", first.err)
    assert cli("ask", "Q", "--model", f"{name}#prompt=brief", "--tools", "off").code in (0, 8)


def test_a_trained_nano_answers_under_the_name_that_training_tells(cli, here: Path) -> None:
    out = here / "sft"
    shutil.copytree(WEIGHTS / NAMES["nano-base"], out)

    told = asked_as("nano-base", out)
    assert told == f"nano:{out}"
    ran = cli("ask", "p.png", "What colour is it?", "--model", told, "--tools", "off")
    assert ran.code == 0 and ran.out.strip()


@pytest.mark.parametrize("verb", ["data curate", "train sft", "train nano"])
def test_what_is_named_instead_of_a_recipe_that_is_not_there_ships(cli, tmp_path: Path, verb: str) -> None:
    out = () if verb == "train nano" else ("--out", tmp_path / "o")
    outside = cli(*verb.split(), "nowhere.toml", *out)
    (names,) = groups(r"or one that ships: ([\w, ]+)", outside.err)
    assert outside.code == 2 and outside.is_one_line
    kind = {"data curate": "data", "train sft": "sft", "train nano": "nano"}[verb]
    for name in names.split(", "):
        assert found(Path(name), kind).is_file()


def test_the_recipe_of_a_checkout_loads() -> None:
    assert CurationRecipe.load(ROOT / "recipes" / "data" / "world.toml", []).checked()


def test_ctrl_c_before_anything_happened_promises_no_trace(here: Path, server: Server) -> None:
    server.reply = lambda n: time.sleep(30) or (200, "", "")  # type: ignore[func-returns-value]
    words = [sys.executable, "-m", "deepeyes", "ask", "Q", "--model", server.model, "--trace", "kept"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert server.arrived[0].wait(30), "the dialect that fits is asked for"
        process.send_signal(signal.SIGINT)
        told = process.communicate(timeout=30)[1]
    assert process.returncode == 130
    assert "nothing had happened yet" in told and not (here / "kept" / "traces.jsonl").exists()
