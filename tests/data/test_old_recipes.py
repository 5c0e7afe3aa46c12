"""Recipes written when `temperature` and `seed` stood beside the other settings."""

import tomllib
from typing import Any

import pytest

from deepeyes.core.errors import ConfigError
from deepeyes.core.sampling import Sampling
from deepeyes.data.recipe import CurationRecipe

OLD = """
[difficulty]
model = "m"
temperature = 0.9

[tool_benefit]
model = "m"
seed = 4

[synthesize]
seed = 7

[synthesize.teachers.first]
model = "world"

[synthesize.teachers.second]
model = "nano"
temperature = 0.2
"""


SOURCE = '[sources.rows]\nkind = "jsonl"\npath = "rows.jsonl"\n'


def read(text: str) -> CurationRecipe:
    return CurationRecipe.model_validate(tomllib.loads(text if "[sources." in text else SOURCE + text))


def test_what_stood_beside_moves_into_sampling() -> None:
    recipe = read(OLD)
    assert recipe.difficulty.sampling == Sampling(temperature=0.9, seed=0)
    assert recipe.tool_benefit.sampling == Sampling(temperature=1.0, seed=4)
    teachers = recipe.synthesize.teachers
    assert teachers["first"].sampling == Sampling(temperature=0.7, seed=7)
    assert teachers["second"].sampling == Sampling(temperature=0.2, seed=7)
    assert recipe.synthesize.written.sampling.seed == 7
    assert read(recipe.dump()) == recipe, "written as today, and read as the same"


def test_written_with_settings_of_its_own_takes_the_stages_seed_too() -> None:
    """As every recipe that a run kept has it: all of its fields."""
    written = (
        '\n[synthesize.written]\nmodel = "written"\ndialect = "native"\ntools = false\ntemperature = 0.4\n'
    )
    kept = read(OLD + written).synthesize.written
    assert (kept.dialect, kept.sampling) == ("native", Sampling(temperature=0.4, seed=7))


def test_one_setting_leaves_the_others_as_the_stage_has_them() -> None:
    recipe = read(
        "[difficulty.sampling]\ntop_p = 0.9\n[tool_benefit.sampling]\ntop_k = 5\n"
        '[synthesize.teachers.a]\nmodel = "nano"\n[synthesize.teachers.a.sampling]\nmin_p = 0.1\n'
    )
    assert recipe.difficulty.sampling == Sampling(temperature=1.0, seed=0, top_p=0.9)
    assert recipe.tool_benefit.sampling == Sampling(temperature=1.0, seed=1, top_k=5)
    assert recipe.synthesize.teachers["a"].sampling == Sampling(temperature=0.7, seed=2, min_p=0.1)


def test_a_teachers_own_settings_do_not_lose_the_stages_seed() -> None:
    recipe = read(OLD + "\n[synthesize.teachers.second.sampling]\ntop_p = 0.9\n")
    assert recipe.synthesize.teachers["second"].sampling == Sampling(temperature=0.2, seed=7, top_p=0.9)


@pytest.mark.parametrize("nonsense", [{"teachers": 3}, {"teachers": {"a": 3}}, {"written": 3}])
def test_nonsense_beside_an_old_seed_is_told_in_a_line(nonsense: dict[str, Any]) -> None:
    key = next(iter(nonsense))
    with pytest.raises(ConfigError, match=key):
        CurationRecipe.load(
            overrides=[
                "sources.rows.path=rows.jsonl",
                "sources.rows.kind=jsonl",
                "synthesize.seed=7",
                f"synthesize.{key}={_inline(nonsense[key])}",
            ]
        )


def _inline(value: Any) -> str:
    return "{a = 3}" if isinstance(value, dict) else str(value)
