"""`Sampling`: what it refuses, how stop strings end a reply, and tables written before it existed."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from deepeyes.core.sampling import Sampling, with_sampling


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": -0.1},
        {"temperature": 1e-9},
        {"temperature": 1e9},
        {"temperature": float("nan")},
        {"temperature": float("inf")},
        {"top_p": 0},
        {"top_p": 1.01},
        {"top_k": -1},
        {"top_k": 1.5},
        {"min_p": -0.01},
        {"min_p": 1.01},
        {"repetition_penalty": 0},
        {"repetition_penalty": float("nan")},
        {"repetition_penalty": 1e40},
        {"stop": ("",)},
        {"stop": ("</code>", "")},
        {"stop": "</code>"},
        {"topp": 0.9},
    ],
)
def test_what_cannot_be_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Sampling(**fields)


def test_the_ends_of_every_range_are_allowed() -> None:
    for fields in (
        {"temperature": 1e-6, "top_p": 1, "min_p": 0, "repetition_penalty": 1e-3},
        {"temperature": 1e6, "top_p": 1e-9, "min_p": 1, "repetition_penalty": 1e3, "top_k": 10**9},
    ):
        assert Sampling.model_validate(fields)


def test_the_defaults_take_the_likeliest_token_of_all() -> None:
    plain = Sampling()
    assert (plain.temperature, plain.top_p, plain.top_k, plain.min_p) == (0, 1, 0, 0)
    assert (plain.repetition_penalty, plain.seed, plain.stop) == (1, 0, ())
    with pytest.raises(ValidationError, match="frozen"):
        plain.seed = 1  # type: ignore[misc]


def test_the_dialects_stop_strings_come_first_and_each_once() -> None:
    both = Sampling(temperature=0.5, stop=("X", "</code>")).stopping(("</code>", "</answer>"))
    assert both.stop == ("</code>", "</answer>", "X") and both.temperature == 0.5
    assert both.seeded(4) == both.model_copy(update={"seed": 4})


def test_a_reply_stops_anywhere_in_its_text() -> None:
    stopping = Sampling(stop=("</code>", "é"))
    assert stopping.stops("x</code>") and stopping.stops("x</code>. y") and stopping.stops("é")
    assert not stopping.stops("x</code") and not Sampling().stops("x")


@given(
    st.builds(
        Sampling,
        temperature=st.floats(1e-6, 1e6),
        top_p=st.floats(0, 1, exclude_min=True),
        top_k=st.integers(0, 10**6),
        min_p=st.floats(0, 1),
        repetition_penalty=st.floats(1e-3, 1e3),
        seed=st.integers(-(2**70), 2**70),
        stop=st.lists(st.text(min_size=1, max_size=5)).map(tuple),
    )
)
def test_what_a_trace_holds_is_read_back(sampling: Sampling) -> None:
    assert Sampling.model_validate_json(sampling.model_dump_json()) == sampling


class Table(BaseModel):
    """Read as stages and plans are: one that moves `temperature`, shares `seed` and has its own default."""

    model_config = ConfigDict(extra="forbid")

    seed: int = 0
    sampling: Sampling = Sampling(temperature=0.7, seed=2)

    @model_validator(mode="before")
    @classmethod
    def _read(cls, values: Any) -> Any:
        default = cls.model_fields["sampling"].default
        return with_sampling(values, "temperature", shared=("seed",), default=default)


@pytest.mark.parametrize(
    ("values", "seed", "sampling"),
    [
        ({}, 0, {"temperature": 0.7, "seed": 2}),
        ({"temperature": 0.1}, 0, {"temperature": 0.1, "seed": 2}),
        ({"seed": 5}, 5, {"temperature": 0.7, "seed": 5}),
        ({"seed": 5, "sampling": {"seed": 6}}, 5, {"temperature": 0.7, "seed": 6}),
        ({"sampling": {"top_p": 0.9}}, 0, {"temperature": 0.7, "seed": 2, "top_p": 0.9}),
        ({"temperature": 0.1, "sampling": {"temperature": 0.2}}, 0, {"temperature": 0.2, "seed": 2}),
        ({"sampling": Sampling(top_p=0.9)}, 0, {"temperature": 0.7, "seed": 2, "top_p": 0.9}),
        ({"sampling": Sampling().seeded(9)}, 0, {"temperature": 0.7, "seed": 9}),
    ],
)
def test_tables_of_before_and_of_today(values: dict[str, Any], seed: int, sampling: dict[str, Any]) -> None:
    before = dict(values)
    read = Table.model_validate(values)
    assert (read.seed, read.sampling) == (seed, Sampling(**sampling))
    assert values == before, "what was given is not changed"
    assert Table.model_validate(read.model_dump()) == read


@pytest.mark.parametrize("values", [{"sampling": 3}, {"sampling": {"temprature": 1}}, {"temperature": "x"}])
def test_nonsense_in_a_table_is_a_validation_error(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Table.model_validate(values)
