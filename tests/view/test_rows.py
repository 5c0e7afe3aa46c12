"""A row says what a trace says; columns are its properties, and a search finds words anywhere in it."""

from typing import Any

import pytest
from view.view_helpers import EVIL, told

from deepeyes.core.actions import CallAction, CodeAction, ToolCall
from deepeyes.core.limits import StopReason
from deepeyes.core.results import Observation, Page, SeenHit
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace, Turn
from deepeyes.data.item import Item, TraceRef, Trial
from deepeyes.view.rows import Row, columns, found, row_of, row_of_item


def row(trace: Trace, **more: Any) -> Row:
    return row_of(trace, run="r", **more)


def test_every_property_that_is_filtered_by_is_there() -> None:
    task = Task(id="t", question="q", family="f", kind="k", tags=("a", "b"), split="test")
    turns = (
        Turn(observation=Observation(tool="python", status="error")),
        Turn(observation=Observation(tool="search")),
        Turn(observation=Observation(status="malformed")),
    )
    trial = Trial(teacher="t", ref=TraceRef(store="s", part=0, id="t"), failed_checks=("leak",))
    facets = row(told(task=task, turns=turns, sample=3), benchmark="world", trial=trial).facets
    assert facets == {
        "entry": ("episodes",), "run": ("r",), "benchmark": ("world",), "model": ("m",), "family": ("f",),
        "kind": ("k",), "tag": ("a", "b"), "split": ("test",), "tool": ("python", "search"),
        "trouble": ("error", "malformed"), "stop": ("answered",), "sample": ("3",), "step": (),
        "learned": (), "check": ("leak",),
    }  # fmt: skip


def test_what_is_not_there_is_no_guess() -> None:
    facets = row(told()).facets
    assert facets["family"] == facets["benchmark"] == facets["tag"] == facets["check"] == ()
    assert facets["tool"] == facets["trouble"] == ("none",)


@pytest.mark.parametrize(
    ("trace", "verdict"),
    [
        (told(score=1.0), "right"),
        (told(score=0.0), "wrong"),
        (told(score=None), "unsure"),
        (told(verdict=None), "unscored"),
        (told(verdict=None, stop_reason=StopReason.infrastructure_error), "failed"),
        (told(verdict=None, stop_reason=StopReason.interrupted), "failed"),
    ],
)
def test_verdicts(trace: Trace, verdict: str) -> None:
    assert row(trace).verdict == verdict


def test_the_same_question_and_sample_of_two_runs_are_a_pair() -> None:
    assert row(told("a", sample=1)).pair == row(told("a", 0.0, sample=1)).pair
    assert row(told("a", sample=1)).pair != row(told("a")).pair


def test_a_search_looks_through_all_that_was_said_and_found() -> None:
    hit = SeenHit(title="Lighthouses of Brittany", url="https://a", snippet="A granite tower")
    seen = Observation(tool="search", hits=(hit,), stderr="Traceback here", page=None)
    turns = (
        Turn(text="Let me THINK", action=CodeAction(code="x"), observation=seen),
        Turn(action=CallAction(call=ToolCall(name="python", arguments={"code": "image_1.crop()"}))),
        Turn(action=CallAction(call=ToolCall(name="search", arguments={"query": "ärmel"}))),
        Turn(observation=Observation(tool="page", page=Page(url="u", text="It has\nwater"))),
    )
    trace = told(turns=turns, notes=("a frame was dropped",))
    rows = [row(trace), row(told("other"))]
    wanted = ("think", "Brittany granite", "TRACEBACK", "image_1.crop", "Ärmel", "water", "dropped", "is t?")
    for query in wanted:
        assert found(rows, query) == [0], query
    assert found(rows, "  ") == found(rows, "what") == [0, 1] and found(rows, "think nowhere") == []


def test_control_characters_are_symbols_and_long_texts_are_cut() -> None:
    made = row(told(task=Task(id="t", question=f"{EVIL}\n{'long ' * 100}", family=EVIL), answer=EVIL))
    assert "\x1b" not in f"{made.question}{made.answer}{made.words}{made.facets}" and "␛[31m" in made.question
    assert len(made.question) == 240 and made.question.endswith("…") and len(made.answer) <= 80
    assert len(row(told(turns=(Turn(text="x" * 90_000),))).words) == 50_000


def test_columns_are_as_long_as_there_are_rows_and_facets_point_at_values() -> None:
    rows = [row(told("a", tools=()), benchmark="b"), row(told("c", 0.0)), row(told("c", 0.0, sample=10))]
    rows += [row(told("c", 0.0, sample=2))]
    made = columns(rows, ["a", "c", "d", "e"], words=False)
    assert made["key"] == ["a", "c", "d", "e"] and made["verdict"] == ["right", "wrong", "wrong", "wrong"]
    assert made["words"] is None and columns(rows, made["key"], words=True)["words"][0] == rows[0].words
    facets = {facet["name"]: facet for facet in made["facets"]}
    assert facets.keys() == {"benchmark", "sample"}, "what is the same for all is no filter"
    assert facets["sample"]["values"] == ["0", "2", "10"] and facets["sample"]["of"] == [[0], [0], [2], [1]]
    assert facets["benchmark"]["of"] == [[0], [], [], []]


def test_runs_stay_in_the_order_in_which_they_were_named() -> None:
    rows = [row_of(told("a"), run="z"), row_of(told("a"), run="a")]
    (facet,) = columns(rows, ["1", "2"], words=False)["facets"]
    assert facet["name"] == "run" and facet["values"] == ["z", "a"]


def test_the_row_of_a_curation_says_what_became_of_it() -> None:
    item = Item(task=Task(id="t", question="q", family="f"), source="src", row=4, route="rl", split="train")
    kept = row_of_item(item)
    assert (kept.verdict, kept.answer, kept.facets["route"], kept.facets["stage"]) == (
        "kept",
        "rl",
        ("rl",),
        (),
    )
    out = row_of_item(item.rejected("verify", "no_trace", "none was right"))
    assert (out.verdict, out.answer) == ("rejected", "verify: no_trace")
    assert out.facets["reason"] == ("no_trace",) and found([kept, out], "none was right") == [1]
