"""Judges measured against people, on judges whose faults are planted."""

from collections.abc import Iterator

import pytest
from judge_server import JudgeServer, serving

from deepeyes.core.task import Task
from deepeyes.core.verdict import Outcome
from deepeyes.eval.judging import ALL, RULES, Measured, measure, planted_wrong
from deepeyes.eval.people import PeoplesVerdict
from deepeyes.grading.grader import Grading, open_judges

TOWNS = ("Paris", "Rome", "Lima", "Oslo", "Cairo", "Quito", "Delhi", "Seoul", "Tunis", "Accra")
ROWS = [
    PeoplesVerdict(
        Task(id=f"{number}", question=f"Where is number {number}?", answer=town),
        f"It should be in {town}." if is_right else f"It should be in {TOWNS[number - 1]}.",
        is_right,
        Outcome.right if number % 3 else Outcome.unsure,
    )
    for number, town in enumerate(TOWNS)
    for is_right in (True, False)
]


@pytest.fixture
def server() -> Iterator[JudgeServer]:
    with serving() as served:
        yield served


async def measured(server: JudgeServer, *judges: str) -> tuple[Measured, list[str]]:
    """And what stands in its sentences after the judge's name."""
    async with open_judges(Grading(judges=tuple(map(server.model, judges)))) as opened:
        found = await measure(ROWS, opened)
    names = [f"openai:{judge}@{server.url}" for judge in judges]
    assert list(found.said) == names
    sentences = found.findings()
    assert all(sentence.startswith(tuple(names)) for sentence in sentences)
    return found, [sentence.partition(f"{server.url} ")[2] for sentence in sentences]


@pytest.mark.parametrize("judge", ["honest", "talks"])
async def test_an_honest_judge_agrees_and_nothing_is_said_against_it(server: JudgeServer, judge: str) -> None:
    found, said = await measured(server, judge)
    name = next(iter(found.said))
    agreement, bias = found.agreements()[name], found.biases()[name]
    assert (agreement.n, agreement.agreement, agreement.kappa) == (20, 1.0, 1.0)
    assert (bias.plain.n, bias.plain.right) == (20, 10)
    assert (bias.answer_first.changed, bias.padded.changed, bias.silent) == (0, 0, 0)
    assert (bias.planted.n, bias.planted.right) == (20, 0)
    assert said == []


NOTHING = "its scores mean nothing"


@pytest.mark.parametrize(
    ("judge", "sentences"),
    [
        ("yes", [f"says right to 100 % of planted wrong answers: {NOTHING}"]),
        ("no", [f"says wrong to 100 % of the answers that people call right: {NOTHING}"]),
        ("prose", [f"gives no verdict in 100 % of its votes: {NOTHING}"]),
        ("order", ["changes 50 % of its verdicts when the answer comes before the reference"]),
        ("length", ["changes 50 % of its verdicts when idle words stand around the answer"]),
    ],
)
async def test_a_judges_fault_is_named(server: JudgeServer, judge: str, sentences: list[str]) -> None:
    _, said = await measured(server, judge)
    assert said == sentences


async def test_rules_judges_and_both_are_measured_on_the_same_answers(
    server: JudgeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deepeyes.core.verdict import Verdict

    def grade(task: Task, answer: str | None) -> Verdict:
        """Knows the first half of the towns, and one of them wrong."""
        knows = TOWNS.index(task.answer) < 5
        return Verdict(
            score=float(task.answer in (answer or "") or task.answer == "Paris") if knows else None
        )

    monkeypatch.setattr("deepeyes.eval.judging.grade", grade)
    found, _ = await measured(server, "honest", "no")
    honest, no = found.said
    agreements = found.agreements()
    assert list(agreements) == [RULES, honest, no, ALL, *(f"{RULES} + {who}" for who in (honest, no, ALL))]
    counts = {who: (one.n, one.decided, one.false_credit, one.missed) for who, one in agreements.items()}
    assert counts[RULES] == (20, 10, 1, 0)
    assert counts[honest] == (20, 20, 0, 0)
    assert counts[no] == (20, 20, 0, 10)
    assert counts[ALL] == (20, 10, 0, 0)
    assert counts[f"{RULES} + {honest}"] == (20, 20, 1, 0)
    assert counts[f"{RULES} + {no}"] == (20, 20, 1, 5)
    assert counts[f"{RULES} + {ALL}"] == (20, 15, 1, 0)


async def test_the_judge_that_the_file_tells_of_is_measured_too(server: JudgeServer) -> None:
    found, _ = await measured(server, "honest")
    other = found.other()
    assert other is not None
    assert (other.n, other.decided, other.false_credit) == (20, 12, 6)


async def test_judges_of_one_name_are_told_apart(server: JudgeServer) -> None:
    specs = (server.model("yes"), server.model("yes", "retries=0,seconds=9"))
    async with open_judges(Grading(judges=specs)) as judges:
        found = await measure(ROWS[:2], judges)
    assert list(found.said) == [f"openai:yes@{server.url}", f"openai:yes@{server.url} (2)"]


def row(question: str, gold: str) -> PeoplesVerdict:
    return PeoplesVerdict(Task(id="1", question=question, answer=gold), "", True)


def test_a_planted_answer_is_another_questions_and_cannot_be_right() -> None:
    rows = [
        row("a", "Paris"),
        row("b", "paris, France"),
        row("a", "Rome"),
        row("c", "Paris."),
        row("d", "Oslo"),
    ]
    assert planted_wrong(rows, 0) == "Oslo"
    assert planted_wrong(rows[:4], 0) is None
    assert planted_wrong([row("a", "Paris, France"), row("b", "Paris")], 0) is None
