"""The intervals hold the truth as often as they say; the benchmark measures more of the same."""

from benchmarks.coverage import OURS, PAIRED, Cell, measure, summary

DRAWS = 250
"""Of a cell; its coverage is known to 1.4 points (one standard deviation)."""


def of(cells: list[Cell], method: str) -> list[Cell]:
    return [cell for cell in cells if cell.method == method]


def test_intervals_of_grouped_results_hold_the_truth() -> None:
    cells = list(measure(DRAWS, 18, ["75 tasks x 4", "194, few shared"]))
    told = summary(cells)
    assert 93 <= told[OURS]["mean"] <= 97 and told[OURS]["lowest"] > 88.5
    assert 93 <= told[PAIRED]["mean"] <= 97.5 and told[PAIRED]["lowest"] > 91
    together = [cell for cell in of(cells, "wilson, ungrouped") if cell.icc == 1 and "75" in cell.design]
    assert max(cell.coverage for cell in together) < 85, "which is why groups are heeded"


def test_few_and_very_unequal_groups_cost_little_coverage() -> None:
    cells = list(measure(DRAWS, 7, ["8 unequal", "50, one of 60"]))
    assert summary(cells)[OURS]["lowest"] > 87
    assert summary(cells)["bootstrap of groups"]["lowest"] < 75, "which is why it is none"
    assert min(cell.coverage for cell in of(cells, PAIRED)) > 93
