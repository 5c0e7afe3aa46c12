"""Two runs side by side: pairs of the same question, what tools solved and spoiled, and what that cost."""

import json

import pytest
from analysis.graded import graded

from deepeyes.analysis.gain import tool_gain
from deepeyes.analysis.stats import mcnemar, wilson
from deepeyes.core.limits import StopReason
from deepeyes.core.trace import Trace


def runs(*scores: tuple[float | None, float | None]) -> tuple[list[Trace], list[Trace]]:
    """With and without tools; the aided ones call a tool twice, write 60 tokens and take 5 seconds."""
    aided = [graded(f"t{n}", one, calls=2, tokens=60, seconds=5.0) for n, (one, _) in enumerate(scores)]
    return aided, [graded(f"t{n}", other) for n, (_, other) in enumerate(scores)]


def test_gain_and_harm_are_told_apart() -> None:
    scores = [(1.0, 0.0)] * 6 + [(0.0, 1.0)] * 2 + [(1.0, 1.0)] * 3 + [(0.0, 0.0)]
    found = tool_gain(*runs(*scores)).all
    assert (found.n, found.both, found.only_with, found.only_without, found.neither) == (12, 3, 6, 2, 1)
    assert (found.gain.value, found.harm.value) == (0.5, 2 / 12)
    assert (found.gain.low, found.gain.high) == wilson(6, 12)
    assert found.difference.value == pytest.approx(4 / 12)
    assert found.difference.low < 4 / 12 < found.difference.high
    assert found.p == mcnemar(6, 2)


def test_costs_are_of_an_episode_and_of_a_question_gained() -> None:
    found = tool_gain(*runs(*[(1.0, 0.0)] * 3, (0.0, 1.0), (1.0, 1.0)))
    calls, written = found.costs["calls"], found.costs["tokens_written"]
    assert (calls.with_tools, calls.without_tools, calls.per_question_gained) == (2, 0, 10 / 2)
    assert (written.with_tools, written.without_tools) == (60, 10)
    assert written.per_question_gained == 50 * 5 / 2
    assert (found.costs["seconds"].more.value, found.costs["tokens_read"].more.value) == (4, 0)
    nothing = tool_gain(*runs((1.0, 1.0), (0.0, 1.0)))
    assert nothing.costs["calls"].per_question_gained is None, "nothing was gained"


def test_only_the_same_question_is_a_pair() -> None:
    aided, unaided = runs((1.0, 0.0), (1.0, 0.0), (1.0, 0.0))
    unaided[1] = graded("t1", 0.0, question="Another question under the same name?")
    unaided[2] = graded("other", 0.0)
    aided.append(graded("t0", 1.0, sample=1))
    found = tool_gain(aided, unaided)
    assert (found.all.n, found.unmatched_with, found.unmatched_without) == (1, 3, 2)


def test_failures_of_ours_are_no_harm() -> None:
    aided, unaided = runs((1.0, 0.0), (0.0, 1.0), (1.0, 0.0))
    aided[1] = graded("t1", 0.0, stop=StopReason.infrastructure_error)
    unaided[2] = graded("t2", 0.0, stop=StopReason.interrupted)
    found = tool_gain(aided, unaided)
    assert (found.all.n, found.all.only_with, found.all.only_without, found.infrastructure) == (1, 1, 0, 2)


def test_what_nobody_can_tell_is_no_gain_and_is_told() -> None:
    found = tool_gain(*runs((None, 0.0), (1.0, None), (1.0, 1.0)))
    assert (found.all.only_with, found.all.both, found.all.neither, found.undecided) == (1, 1, 1, 2)


def test_those_that_called_are_told_by_themselves() -> None:
    aided, unaided = runs((1.0, 0.0), (0.0, 1.0))
    aided[1] = graded("t1", 0.0)
    found = tool_gain(aided, unaided)
    assert (found.all.only_without, found.calling.n, found.calling.only_without) == (1, 1, 0)


def test_samples_of_a_task_are_one_witness() -> None:
    aided = [graded(f"t{n}", 1.0, sample=s) for n in range(4) for s in range(8)]
    unaided = [graded(f"t{n}", 0.0, sample=s) for n in range(4) for s in range(8)]
    found = tool_gain(aided, unaided).all
    assert (found.n, found.difference.groups) == (32, 4)
    assert found.p > 0.1 and found.difference.low < 0.5, "four tasks prove little"


def test_nothing_to_compare() -> None:
    found = tool_gain([], [graded("a")])
    assert (found.all.n, found.all.difference.value, found.all.p, found.unmatched_without) == (0, None, 1, 1)
    told = json.loads(json.dumps(tool_gain(*runs((1.0, 0.0), (0.0, 0.0))).told()))
    assert told["only_with"] == 1 and told["costs"]["calls"]["more"]["value"] == 2
