"""RealX-Bench: the paper's table as data, and our row in it."""

from eval.benchmarks.test_scores import LOST, episode, numbers

from deepeyes.eval.benchmarks.realx import TAGS, our_row, published_rows


def test_the_papers_numbers_are_shares_of_its_questions() -> None:
    """Every number is k of n, rounded, but for six of the paper itself."""
    rows = published_rows()
    assert len(rows) == 28 and all(row.published and row.sizes == (300, 164, 178, 211, 72) for row in rows)
    odd = [
        (row.model, row.tools, percent)
        for row in rows
        for percent, size in zip(row.percent, row.sizes, strict=True)
        if percent is None or round(100 * round(percent * size / 100) / size, 1) != percent
    ]
    assert len(odd) == 6 and {(model, tools) for model, tools, _ in odd} == {
        ("Gemini 2.5 Pro", "I"),
        ("Qwen2.5-VL-7B", "T"),
        ("Qwen2.5-VL-7B", "I"),
        ("Qwen2.5-VL-72B", "none"),
    }


def test_the_row_that_the_paper_is_about() -> None:
    (ours,) = [row for row in published_rows() if row.model == "DeepEyesV2-7B"]
    assert ours.percent == (28.3, 19.5, 22.5, 28.9, 18.1) and ours.tools == "code+T+I"


def test_our_row_says_of_how_many_questions_each_number_is() -> None:
    every = ("perception", "reasoning", "search", "integration")
    traces = [
        episode("1", True, tags=every),
        episode("2", False, tags=every),
        episode("3", True, tags=("search",)),
        episode("4", False),
        episode("5", False, tags=every, stop=LOST),
    ]
    row = our_row(traces, "nano", "code")
    assert every == TAGS and not row.published
    assert row.percent == (50.0, 50.0, 50.0, 66.7, 50.0) and row.sizes == (4, 2, 2, 3, 2)
    told = numbers("realx", traces)
    assert (told["accuracy_search"], told["accuracy_search_n"]) == (0.6667, 3)
    assert our_row([], "nano", "code").percent == (None,) * 5
