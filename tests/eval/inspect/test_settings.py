"""What may follow `-T`; needs no `inspect_ai`."""

import pytest

from deepeyes.core.errors import ConfigError, InputError
from deepeyes.eval.inspect.settings import ASKED, plan_of


def test_settings_may_be_dotted_nested_lists_or_text_as_the_plan_has_them() -> None:
    plan = plan_of(
        "world", {"families": ["tiny", "direct"], "n": 7, "grading": {"votes": 1}, "split": "test"}
    )
    assert plan.n == 7 and plan.benchmark == "world" and plan.model_dump()["families"] == ("tiny", "direct")
    assert plan_of("world", {"families": "tiny"}).model_dump()["families"] == ("tiny",)
    assert plan_of("vstar", {"grading.scorer": "", "skip": True}).grading.scorer == ""
    assert plan_of("vstar", {}).grading.scorer == "vstar"


def test_the_endless_world_is_bounded_because_inspect_draws_all() -> None:
    assert plan_of("world", {}).n == 100


@pytest.mark.parametrize("key", sorted(ASKED))
def test_what_is_the_models_or_the_agents_is_refused_with_its_place(key: str) -> None:
    with pytest.raises(ConfigError, match="--solver deepeyes/agent"):
        plan_of("world", {key: "x"})


def test_an_unknown_setting_and_an_unknown_benchmark_are_named() -> None:
    with pytest.raises(ConfigError, match="famlies"):
        plan_of("world", {"famlies": "tiny"})
    with pytest.raises(InputError, match="vstar"):
        plan_of("vstarr", {})
