"""The nano recipe: its defaults decide what comes out, and its mistakes are told before anything starts."""

from pathlib import Path
from typing import Any

import pytest

from deepeyes.core.errors import ConfigError
from deepeyes.train.nano.recipe import (
    ColdStartConfig,
    JointStageConfig,
    NanoRecipe,
    StageConfig,
    TraceConfig,
    shareable,
)

SHIPPED = Path("recipes/nano/nano.toml")
STAGE = {
    "steps": 7, "batch": 64, "lr": 2e-3, "muon": 3.0, "vision_lr": 1.0, "warmup": 100, "decay": 0.4,
    "weight_decay": 0.01, "clip": 1.0, "ema": 0.998, "reuse": 1, "evaluate_every": 500, "save_every": 60,
}  # fmt: skip


def test_the_defaults_are_those_that_the_weights_were_made_with() -> None:
    joint = {**STAGE, "dense_weight": 0.1}
    cold = {**joint, "shares": {"a": 1.0}, "keep": 0.0, "ablations": {}, "ablation_steps": 800}
    assert list(StageConfig(steps=7).model_dump().items()) == list(STAGE.items()), "in this order, too"
    assert list(JointStageConfig(steps=7).model_dump().items()) == list(joint.items())
    assert list(ColdStartConfig(steps=7, shares={"a": 1}).model_dump().items()) == list(cold.items())
    assert TraceConfig(examples={"a": 1}).shard == 50


@pytest.mark.parametrize(
    ("stage", "changed"),
    [
        ("dense", {"steps": 5500, "lr": 1e-3, "decay": 0.8, "reuse": 3}),
        ("copy_", {"steps": 350, "warmup": 50, "decay": 0.3, "dense_weight": 0.0, "evaluate_every": 175}),
        ("base", {"steps": 4800, "lr": 8e-4, "decay": 0.85, "reuse": 2, "dense_weight": 0.3}),
        (
            "cold",
            {
                "steps": 2400,
                "lr": 8e-4,
                "warmup": 50,
                "decay": 0.8,
                "vision_lr": 0.6,
                "dense_weight": 0.05,
                "ablation_steps": 700,
            },
        ),
    ],
)
def test_the_shipped_recipe_says_the_same_as_ever(stage: str, changed: dict[str, Any]) -> None:
    resolved = getattr(NanoRecipe.load(SHIPPED), stage).model_dump(exclude={"shares", "ablations"})
    assert resolved == {**resolved, **STAGE, "batch": 32, **changed}


def test_the_shipped_cold_start_has_every_family_and_lessons_beside_them() -> None:
    recipe = NanoRecipe.load(SHIPPED)
    assert recipe.cold.shares.keys() == recipe.traces.examples.keys() == set(recipe.cold.ablations["all"])
    assert sum(recipe.cold.shares.values()) == pytest.approx(0.62)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("copy.warmp=3", "unknown key copy.warmp: did you mean warmup"),
        ("size.hiden=3", "unknown key size.hiden: did you mean hidden"),
        ("cold.share={}", "unknown key cold.share: did you mean shares"),
        ("dense.steps=many", "dense.steps = 'many' is not valid"),
        ("dense.em=[20,10]", "em should be the smallest and the largest"),
        ("copi={}", "unknown key copi: did you mean copy"),
    ],
)
def test_mistakes_are_told_with_what_was_meant(override: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        NanoRecipe.load(SHIPPED, [override])
    assert "\n" not in str(caught.value)


def test_a_recipe_that_was_written_down_is_the_same_again(tmp_path: Path) -> None:
    recipe = NanoRecipe.load(SHIPPED, ["copy.steps=9"])
    (tmp_path / "again.toml").write_text(recipe.dump())
    assert NanoRecipe.load(tmp_path / "again.toml") == recipe and recipe.copy_.steps == 9


@pytest.mark.parametrize(("most", "number"), [(0, 1), (1, 1), (2, 2), (7, 4), (64, 32)])
def test_processes_share_every_batch(most: int, number: int) -> None:
    assert shareable(NanoRecipe.load(SHIPPED), most) == number


def test_every_stage_has_a_say_in_how_many_processes_there_are() -> None:
    for stage in ("dense", "copy", "base", "cold"):
        assert shareable(NanoRecipe.load(SHIPPED, [f"{stage}.batch=30"]), 64) == 2


def test_an_ablation_sees_as_much_of_its_families_as_one_on_all() -> None:
    plan = ColdStartConfig(steps=9, batch=10, shares={"a": 0.2, "b": 0.4, "c": 0.2}, ablation_steps=1000)
    less, whole = plan.only(("a", "b")), plan.only(("a", "b", "c"))
    assert (less.steps, whole.steps) == (750, 1000) and whole.shares == pytest.approx(plan.shares)
    for family in ("a", "b"):
        assert less.steps * less.shares[family] == pytest.approx(whole.steps * whole.shares[family])
