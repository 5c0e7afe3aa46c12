"""Published rules give the verdicts that their authors committed."""

import os
from pathlib import Path

import pytest

from benchmarks.verdict_rows import SETS, VerdictRow, missing_files
from deepeyes.core.answers import AnswerKind
from deepeyes.grading.scorers.registry import scorer_named

BESIDE = Path(__file__).parents[4] / "shared/data/verdicts"
FOLDER = Path(os.environ.get("DEEPEYES_VERDICTS") or BESIDE)


def rows(name: str) -> list[VerdictRow]:
    missing = missing_files(FOLDER, name)
    if missing:
        pytest.skip(f"{', '.join(missing)} not in {FOLDER}")
    return list(SETS[name](FOLDER))


def differ(name: str, of: list[VerdictRow]) -> list[VerdictRow]:
    scorer = scorer_named(name)
    return [row for row in of if scorer.score_taken(row.task, row.extraction).is_right != row.correct]


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("mmmu_pro", "mmmu_pro"),
        ("blink", "blink"),
        ("logicvista", "logicvista"),
        ("mathvista_2023", "mathvista"),
    ],
)
def test_a_rule_gives_every_committed_verdict_on_what_was_taken_out(name: str, of: str):
    assert differ(name, rows(of)) == []


def test_mathvista_differs_only_in_decimals_for_integers_which_its_rule_cuts_off_since():
    for row in differ("mathvista", rows("mathvista")):
        assert row.task.answer_form.kind is AnswerKind.number
        assert row.task.answer_form.precision is None
        assert "." in row.extraction


def test_mathv_gives_the_committed_verdicts_but_one_in_a_thousand():
    """Gemini-Pro/3013 is one: 4/3 was called wrong where \\frac{4}{3} is asked."""
    of = rows("mathv")
    assert len(differ("mathv", of)) <= 0.001 * len(of)


@pytest.mark.parametrize(
    ("name", "decided_share", "equal_share"),
    [("mmmu_pro", 0.95, 1), ("mathv", 1, 0.999), ("logicvista", 0.3, 1), ("blink", 0.8, 0.98)],
)
def test_a_rule_takes_answers_out_of_whole_replies_as_it_did(
    name: str, decided_share: float, equal_share: float
):
    """BLINK's rule knows how many options a question has; the file does not say it."""
    scorer = scorer_named(name)
    of = rows(name)
    verdicts = [(row, scorer.score(row.task, row.response)) for row in of]
    decided = [(row, verdict) for row, verdict in verdicts if not verdict.is_unsure]
    equal = sum(row.correct == verdict.is_right for row, verdict in decided)
    assert len(decided) >= decided_share * len(of)
    assert equal >= equal_share * len(decided)
