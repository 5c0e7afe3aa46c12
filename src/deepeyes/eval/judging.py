"""Judges measured: their agreement with people, and what else than the answer moves them.

Every judge is asked for the same answers four times: as they are, with the answer before the reference, with
words around the answer that say nothing, and with the reference of another question in the answer's place.
What always holds: the rules and all judges are measured on the same answers; a judge whose scores mean
nothing is named in words.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from deepeyes.agent.many import at_most
from deepeyes.analysis.agreement import Agreement
from deepeyes.analysis.stats import share, wilson
from deepeyes.core.images import ImageStore, load_image
from deepeyes.core.task import Task
from deepeyes.core.verdict import Outcome
from deepeyes.eval.people import PeoplesVerdict
from deepeyes.grading.judge.judge import Judge, Vote, majority
from deepeyes.grading.judge.prompt import Exhibit
from deepeyes.grading.rules import grade

RULES = "rules"
ALL = "all judges"

_NOTHING = "its scores mean nothing"
_TOO_HIGH = "its scores are too high"
_BEFORE = (
    "Thank you for asking. I read the question twice and took the time it needs, since a hasty reply helps "
    "nobody. I also thought about how to put it, so that it can be followed from beginning to end. With all "
    "of that in mind, here is my answer, stated as plainly as I can: "
)
_AFTER = (
    " That is all there is to say about it from my side. I have tried to keep to what was asked, to write in "
    "full sentences, and to leave nothing in the dark about how I went about it. If anything remains to be "
    "said more clearly, I will gladly put it into other words and go through it again step by step."
)


@dataclass(frozen=True)
class Said:
    """What one judge said of one answer, as it is and changed; None where a change could not be made."""

    plain: tuple[Vote, ...]
    answer_first: Outcome
    padded: Outcome
    planted: Outcome | None

    @property
    def outcome(self) -> Outcome:
        return majority(self.plain)


@dataclass(frozen=True)
class Probe:
    """What a judge says of `n` answers that were changed."""

    n: int
    right: int
    changed: int | None = None
    """How many of its verdicts are not those on the answers as they are; None where they need not be."""

    def told(self) -> dict[str, Any]:
        """As JSON, with shares to four digits."""
        counts = {"right": self.right, "changed": self.changed}
        rates = {name: share(count, self.n) for name, count in counts.items() if count is not None}
        return {
            "n": self.n,
            **{name: None if rate is None else round(rate, 4) for name, rate in rates.items()},
        }


@dataclass(frozen=True)
class Bias:
    """What else than the answer moves a judge."""

    plain: Probe
    answer_first: Probe
    padded: Probe
    planted: Probe
    votes: int
    silent: int
    """How many of its votes on the answers as they are did not keep to the form."""

    @classmethod
    def of(cls, said: Sequence[Said]) -> Bias:
        plain = [one.outcome for one in said]
        votes = [vote for one in said for vote in one.plain]
        planted = [one.planted for one in said if one.planted is not None]
        return cls(
            plain=Probe(len(plain), plain.count(Outcome.right)),
            answer_first=_changed([one.answer_first for one in said], plain),
            padded=_changed([one.padded for one in said], plain),
            planted=Probe(len(planted), planted.count(Outcome.right)),
            votes=len(votes),
            silent=votes.count(None),
        )


@dataclass(frozen=True)
class Measured:
    """All that was said, in the order of the answers."""

    rows: Sequence[PeoplesVerdict]
    rules: list[Outcome]
    said: dict[str, list[Said]]
    """Judge to what it said."""

    def agreements(self) -> dict[str, Agreement]:
        """Who decides to how far that agrees with people: the rules, each judge, the rules with each judge
        behind them, several judges together, and the judge that the file told of.
        """
        found = {RULES: self._with_people(self.rules)}
        votes = {name: [one.plain for one in said] for name, said in self.said.items()}
        if len(votes) > 1:
            votes[ALL] = [sum(plain, ()) for plain in zip(*votes.values(), strict=True)]
        outcomes = {name: list(map(majority, plain)) for name, plain in votes.items()}
        found |= {name: self._with_people(theirs) for name, theirs in outcomes.items()}
        for name, theirs in outcomes.items():
            pairs = zip(self.rules, theirs, strict=True)
            both = [judge if rule is Outcome.unsure else rule for rule, judge in pairs]
            found[f"{RULES} + {name}"] = self._with_people(both)
        return found

    def other(self) -> Agreement | None:
        """How far the verdicts that the file has from another judge agree with people."""
        pairs = [(row.correct, row.other) for row in self.rows if row.other is not None]
        return Agreement.of(pairs) if pairs else None

    def biases(self) -> dict[str, Bias]:
        return {name: Bias.of(said) for name, said in self.said.items()}

    def findings(self) -> list[str]:
        """What the numbers mean, where that is bad, in sentences."""
        agreements = self.agreements()
        return [
            sentence
            for name, bias in self.biases().items()
            for sentence in _findings(name, agreements[name], bias)
        ]

    def _with_people(self, outcomes: Sequence[Outcome]) -> Agreement:
        return Agreement.of(zip((row.correct for row in self.rows), outcomes, strict=True))


async def measure(
    rows: Sequence[PeoplesVerdict],
    judges: Sequence[Judge],
    *,
    show_image: bool = False,
    concurrency: int = 8,
    on_done: Callable[[], None] | None = None,
) -> Measured:
    """Ask all `judges` about all `rows`, so many rows at once. Raises what `Judge.ask` raises, and
    `InputError` for an image that cannot be read.
    """
    images = ImageStore()
    done: dict[int, tuple[Outcome, list[Said]]] = {}

    async def work(place: int) -> None:
        row = rows[place]
        if show_image and row.image is not None:
            row = await asyncio.to_thread(_with_image, row, images)
        rule = (await asyncio.to_thread(grade, row.task, row.answer)).outcome
        planted = await asyncio.to_thread(planted_wrong, rows, place)
        said = await asyncio.gather(*(_said(judge, row, planted, images, show_image) for judge in judges))
        done[place] = rule, list(said)
        if on_done is not None:
            on_done()

    await at_most(concurrency, range(len(rows)), work)
    names = _names(judges)
    ordered = [done[place] for place in range(len(rows))]
    return Measured(
        rows,
        [rule for rule, _ in ordered],
        {name: [said[number] for _, said in ordered] for number, name in enumerate(names)},
    )


def planted_wrong(rows: Sequence[PeoplesVerdict], place: int) -> str | None:
    """The reference of another question, which is no right answer to that of `rows[place]`; None if there is
    none.
    """
    task = rows[place].task
    start = place + len(rows) // 2  # far away: rows of one question lie together
    for offset in range(len(rows)):
        other = rows[(start + offset) % len(rows)].task
        if other.question != task.question and not _may_be_right(task, other.answer):
            return other.answer
    return None


def _may_be_right(task: Task, answer: str) -> bool:
    words = answer.casefold()
    golds = [gold.casefold() for gold in (task.answer, *task.answers)]
    return any(gold in words or words in gold for gold in golds) or grade(task, answer).is_right


async def _said(
    judge: Judge, row: PeoplesVerdict, planted: str | None, images: ImageStore, show_image: bool
) -> Said:
    plain = Exhibit.of(row.task, row.answer, show_image=show_image)
    asked = [
        plain,
        replace(plain, answer_first=True),
        replace(plain, answer=f"{_BEFORE}{row.answer}{_AFTER}"),
        *([] if planted is None else [replace(plain, answer=planted)]),
    ]
    votes = await asyncio.gather(*(judge.ask(exhibit, images) for exhibit in asked))
    first, padded, *wrong = [majority(one) for one in votes[1:]]
    return Said(tuple(votes[0]), first, padded, wrong[0] if wrong else None)


def _with_image(row: PeoplesVerdict, images: ImageStore) -> PeoplesVerdict:
    assert row.image is not None
    ref = images.put(load_image(row.image).image)
    return replace(row, task=row.task.model_copy(update={"images": (ref,)}))


def _names(judges: Sequence[Judge]) -> list[str]:
    """The names of their models, which hold no credentials; with a number where a name comes again."""
    names: list[str] = []
    for judge in judges:
        before = sum(other.model.name == judge.model.name for other in judges[: len(names)])
        names.append(f"{judge.model.name} ({before + 1})" if before else judge.model.name)
    return names


def _changed(outcomes: Sequence[Outcome], plain: Sequence[Outcome]) -> Probe:
    changed = sum(now is not before for now, before in zip(outcomes, plain, strict=True))
    return Probe(len(outcomes), outcomes.count(Outcome.right), changed)


def _findings(name: str, agreement: Agreement, bias: Bias) -> list[str]:
    """Sentences about one judge. A share is held against it where even the low end of its interval is more
    than a fair judge would have.
    """
    planted = bias.planted
    if _low(bias.silent, bias.votes) > 0.5:
        return [f"{name} gives no verdict in {_percent(bias.silent, bias.votes)} of its votes: {_NOTHING}"]
    credulous = _low(planted.right, planted.n) > 0.5
    checks = [
        (agreement.unsure, agreement.n, 0.5, "is unsure of {} of the answers: it decides little"),
        (
            planted.right,
            planted.n,
            0.02,
            f"says right to {{}} of planted wrong answers: {_NOTHING if credulous else _TOO_HIGH}",
        ),
        (
            agreement.missed,
            agreement.both_right + agreement.missed,
            0.5,
            f"says wrong to {{}} of the answers that people call right: {_NOTHING}",
        ),
        _moved(bias.answer_first, "when the answer comes before the reference"),
        _moved(bias.padded, "when idle words stand around the answer"),
    ]
    return [
        f"{name} {words.format(_percent(part, whole))}"
        for part, whole, most, words in checks
        if _low(part, whole) > most
    ]


def _moved(probe: Probe, when: str) -> tuple[int, int, float, str]:
    """The check of a change that should not move a judge."""
    return probe.changed or 0, probe.n, 0.05, f"changes {{}} of its verdicts {when}"


def _low(part: int, whole: int) -> float:
    return wilson(part, whole)[0]


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.0%}".replace("%", " %")
