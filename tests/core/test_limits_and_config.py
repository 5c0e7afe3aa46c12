"""Budgets and configurations: typed, frozen, and errors that name the nearest known key."""

import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from deepeyes.core.config import Config, to_toml
from deepeyes.core.errors import ConfigError, InputError
from deepeyes.core.limits import Limits, StopReason, parse_limits
from deepeyes.core.task import check_question
from deepeyes.core.text import cut_middle, encodable


class Optimizer(Config):
    lr: float = Field(default=1e-4, gt=0)
    betas: tuple[float, float] = (0.9, 0.95)


class Recipe(Config):
    name: str
    steps: int = 10
    train: Optimizer = Optimizer()
    weights: dict[str, float] = {}
    notes: str | None = None


def test_limits_override_reads_strings():
    limits = Limits().override({"turns": "3", "tool_seconds": "2.5"})
    assert (limits.turns, limits.tool_seconds) == (3, 2.5)
    assert parse_limits(["turns=3", " tokens = 99"]).tokens == 99


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        (["turn=3"], "did you mean turns?"),
        (["zzz=3"], "known limits are turns,"),
        (["turns=many"], "limit turns='many' is not valid"),
        (["turns=0"], "greater than or equal to 1"),
        (["turns"], "is not key=value"),
        (["=3"], "is not key=value"),
    ],
)
def test_bad_limits(pairs: list[str], words: str):
    with pytest.raises(ConfigError) as caught:
        parse_limits(pairs)
    assert words in str(caught.value)


def test_which_endings_are_results():
    ours = {StopReason.interrupted, StopReason.infrastructure_error, StopReason.error}
    assert {reason for reason in StopReason if not reason.is_result} == ours


@pytest.mark.parametrize(
    ("question", "words"), [("", "empty"), (" \n", "empty"), ("x" * 51_200, "51,200 characters")]
)
def test_bad_questions(question: str, words: str):
    with pytest.raises(InputError, match=words):
        check_question(question, Limits().question_chars)


def test_config_from_file_and_overrides(tmp_path: Path):
    path = tmp_path / "r.toml"
    path.write_text('name = "a"\n[train]\nlr = 0.01\n')
    recipe = Recipe.load(path, ["train.lr=1e-3", "steps=20", "weights.tiny=0.5", "notes=plain words"])
    assert recipe.train.lr == 1e-3
    assert recipe.weights == {"tiny": 0.5}
    assert recipe.notes == "plain words"


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["name=a", "stepz=3"], "unknown key stepz: did you mean steps?"),
        (["nam=a"], "unknown key nam: did you mean name?"),
        (["name=a", "train.lr=-1", "stepz=3"], "unknown key stepz: did you mean steps?"),
        (["name=a", "train.rate=3"], "unknown key train.rate: known keys are betas, lr"),
        (["name=a", "train.lr=-1"], "train.lr = -1 is not valid: input should be greater than 0"),
        (["name=a", "steps=1", "steps.more=1"], "goes into steps"),
        (["name=a", "steps"], "is not key=value"),
        ([], "name is missing"),
    ],
)
def test_bad_overrides(overrides: list[str], words: str):
    with pytest.raises(ConfigError) as caught:
        Recipe.load(None, overrides)
    assert words in str(caught.value)


def test_bad_files(tmp_path: Path):
    with pytest.raises(ConfigError, match="give a TOML file"):
        Recipe.load(tmp_path / "none.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("name = [")
    with pytest.raises(ConfigError, match="give a TOML file"):
        Recipe.load(broken)


def test_dump_loads_to_an_equal_object_with_an_equal_digest(tmp_path: Path):
    recipe = Recipe(name='quo"ted\n\x7f', weights={"a b": 1.0, "c": float("inf")})
    path = tmp_path / "r.toml"
    path.write_text(recipe.dump())
    again = Recipe.load(path)
    assert again == recipe and again.digest() == recipe.digest()
    assert again.digest() != Recipe(name="other").digest()


SCALARS = st.one_of(st.booleans(), st.integers(-(2**60), 2**60), st.text(), st.floats())
KEYS = st.one_of(st.text(), st.sampled_from(["a.b", "", "'", '"', "a b", "\x7f", "\n", "é", "[x]", "#"]))
TREES = st.recursive(
    st.one_of(SCALARS, st.lists(SCALARS), st.none()),
    lambda inner: st.one_of(
        st.dictionaries(KEYS, inner), st.lists(st.dictionaries(KEYS, inner)), st.lists(st.lists(SCALARS))
    ),
    max_leaves=6,
)


def without_none(value: object) -> object:
    if isinstance(value, dict):
        return {key: without_none(inner) for key, inner in value.items() if inner is not None}
    return [without_none(inner) for inner in value] if isinstance(value, list) else value


def told(values: object) -> str:
    """As text, in which NaN is NaN. Plain keys come before tables in TOML, so their order is no matter."""
    return json.dumps(values, sort_keys=True)


@settings(max_examples=200)
@given(st.dictionaries(KEYS, TREES))
def test_toml_round_trip(values: dict[str, object]):
    again = tomllib.loads(to_toml(values).encode().decode())
    assert told(again) == told(without_none(values))


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), float("-inf"), -0.0, 1e-7, 1e22, 2**62, True, "\x7f\x00\t\r\n\"\\'", [], {}]
    + [[[1], [2.5]], [{"a.b": {"c": []}}, {}], {"": {"x.y": 1}}],
)
def test_hard_values_survive_toml(value: object):
    values = {"a": {"b.c": value}, "z": 1}
    assert told(tomllib.loads(to_toml(values))) == told(values)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"a": {"b": [1, None]}}, "a.b holds a list with nothing (None) in it: leave that out"),
        ({"a": [{"b": [None]}]}, "a.b holds a list with nothing (None) in it: leave that out"),
        ({"a": "\ud800"}, "writing TOML failed ('utf-8' codec can't encode character '\\ud800'"),
        ({"\udcff": 1}, "give text that is valid UTF-8"),
    ],
)
def test_what_toml_cannot_hold_is_refused(values: dict[str, object], words: str):
    with pytest.raises(ConfigError) as caught:
        to_toml(values)
    assert words in str(caught.value)


def test_a_dump_of_before_is_the_same_recipe(tmp_path: Path):
    """As the writer before this one put it."""
    before = tmp_path / "r.toml"
    before.write_text(
        'name = "quo\\"ted\\n\\u007f"\nsteps = 20\n\n[train]\nlr = 1e-05\nbetas = [0.9, 0.95]\n\n'
        '[weights]\n"a b" = 1.0\nc = inf\n'
    )
    recipe = Recipe(
        name='quo"ted\n\x7f', steps=20, train=Optimizer(lr=1e-5), weights={"a b": 1.0, "c": float("inf")}
    )
    again = Recipe.load(before)
    assert again == recipe and again.digest() == recipe.digest() and again.dump() == recipe.dump()


def test_text_that_no_file_can_hold_is_made_encodable():
    assert encodable("a\ud800b") == "a?b"


@given(st.text(), st.integers(0, 40))
def test_cutting_keeps_head_and_tail(text: str, limit: int):
    cut = cut_middle(text, limit)
    if len(text) <= limit:
        assert cut == text
    else:
        assert f"{len(text) - limit:,} characters cut" in cut
        assert cut.startswith(text[: limit - limit // 2])
        assert cut.endswith(text[len(text) - limit // 2 :])
