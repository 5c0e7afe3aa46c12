"""The intervals hold the truth as often as they say; the benchmark measures more of the same."""

from benchmarks.coverage import OURS, PAIRED, measure, summary

DRAWS = 100
"""Of a cell; its coverage is known to 2.2 points (one standard deviation)."""


def test_intervals_of_grouped_results_hold_the_truth() -> None:
    cells = list(measure(DRAWS, 18, ["75 tasks x 4"]))
    told = summary(cells)
    assert 93 <= told[OURS]["mean"] <= 97 and told[OURS]["lowest"] > 87
    assert 93 <= told[PAIRED]["mean"] <= 97.5 and told[PAIRED]["lowest"] > 89
    alike = [cell.coverage for cell in cells if cell.method == "wilson, ungrouped" and cell.icc == 1]
    assert max(alike) < 85, "which is why groups are heeded"


def test_few_and_unequal_groups_cost_little_coverage() -> None:
    told = summary(list(measure(DRAWS, 7, ["8 unequal"])))
    assert told[OURS]["lowest"] > 86 and told[PAIRED]["lowest"] > 92
    assert told["bootstrap of groups"]["lowest"] < 70, "which is why it is none"
