"""The pilot's recipes: each composes, and differs in one thing from another; runs are told side by side."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deepeyes.train.nano.recipe import NanoRecipe
from deepeyes.train.rl.recipe import RlRecipe

ROOT = Path(__file__).parents[3]
PILOTS = ("little", "bonus", "patterns", "no-search")


def recipe(name: str) -> dict[str, Any]:
    return RlRecipe.load(ROOT / f"recipes/rl/pilot-{name}.toml").checked().model_dump(exclude={"title"})


def differing(one: Any, other: Any, at: str = "") -> set[str]:
    if not isinstance(one, dict):
        return set() if one == other else {at}
    keys = {*one, *other}
    return {place for key in keys for place in differing(one.get(key, {}), other.get(key, {}), f"{at}.{key}")}


@pytest.mark.parametrize("name", PILOTS)
def test_each_composes_and_is_short(name: str) -> None:
    plan = recipe(name)
    assert plan["optim"]["steps"] <= 25 and plan["tasks"]["split"] == "rl"
    assert {"search", "tiny"} <= set(plan["watch"]["world"]), "all of them are measured on the same"


def test_each_differs_from_the_one_beside_it_in_one_thing() -> None:
    little = recipe("little")
    assert differing(little, recipe("bonus")) == {".reward.call_bonus", ".reward.bonus"}
    assert differing(little, recipe("patterns")) == {".model.path"}
    assert differing(recipe("patterns"), recipe("no-search")) == {".tasks.world.search"}
    assert recipe("bonus")["reward"]["bonus"] == "ungated"


def test_the_cold_start_that_is_too_little_begins_with_the_base_model_that_ships() -> None:
    plan = NanoRecipe.load(ROOT / "recipes/nano/pilot.toml")
    longer = NanoRecipe.load(ROOT / "recipes/nano/short.toml")
    assert plan.start == longer.start == "nano-base" and plan.size == longer.size
    assert plan.cold.steps < longer.cold.steps / 2
    assert set(plan.cold.shares) == set(plan.traces.examples) == set(recipe("little")["tasks"]["world"])


def test_runs_are_told_side_by_side_and_drawn_into_one_figure(tmp_path: Path) -> None:
    for name, calls in (("a", (1.3, 1.2, 0.6, 0.4)), ("b", (1.2, 1.2, 1.2, 1.4))):
        (tmp_path / name).mkdir()
        lines = [
            {"step": step, "reward": 0.5, "accuracy": 0.4, "calls": value, "reply_tokens": 90, "alarms": []}
            for step, value in enumerate(calls)
        ]
        lines[1]["held_out/accuracy"], lines[3]["held_out/accuracy"] = 0.4, 0.3
        lines[-1]["alarms"] = ["calls since step 2: they die out"] if name == "a" else []
        text = "".join(f"{json.dumps(line)}\n" for line in lines)
        (tmp_path / name / "curves.jsonl").write_text(text, encoding="utf-8")
    words = [
        sys.executable,
        "-m",
        "benchmarks.pilot",
        str(tmp_path / "a"),
        str(tmp_path / "b"),
        "--steps",
        "2",
    ]
    drawn = tmp_path / "pilot.png"
    told = json.loads(
        subprocess.run([*words, "--plot", str(drawn), "--json"], check=True, capture_output=True).stdout
    )
    assert told["a"]["calls"] == {
        "first": 1.25,
        "last": 0.5,
        "first_range": [1.2, 1.3],
        "last_range": [0.4, 0.6],
    }
    assert told["a"]["held_out/accuracy"] == {"first": 0.4, "last": 0.3} and told["b"]["alarms"] == []
    assert told["a"]["placeholder_code"] is None and drawn.read_bytes().startswith(b"\x89PNG")
    text = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    assert "| a | 4 | 1.25 [1.2, 1.3] -> 0.5 [0.4, 0.6] |" in text and "they die out" in text
