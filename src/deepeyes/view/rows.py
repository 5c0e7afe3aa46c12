"""What the list of a page knows of each entry: what it shows in a line, sorts by, filters by and searches.

What always holds: a row is made from its trace (or its row of a curation) alone; its texts are what people
see, control characters as symbols; a property that the entry does not have is an empty tuple, never a guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from deepeyes.core.trace import Trace
from deepeyes.data.item import Item, Trial
from deepeyes.train.rl.episodes import ADVANTAGE
from deepeyes.view.episode import call_text, verdict_of
from deepeyes.view.trained import pushed, signed
from deepeyes.view.visible import visible, visible_line

FACETS = {
    "entry": "entries",
    "run": "run",
    "benchmark": "benchmark",
    "model": "model",
    "family": "family",
    "kind": "kind of question",
    "tag": "tag",
    "split": "split",
    "tool": "tool",
    "trouble": "trouble",
    "stop": "stop reason",
    "sample": "sample",
    "step": "step of training",
    "learned": "learning pushes it",
    "check": "failed check",
    "stage": "left out by",
    "reason": "left out because",
    "route": "route",
    "source": "source",
}
"""Name of each property by which entries are filtered -> its name for people."""
VERDICTS = {
    "right": "right",
    "wrong": "wrong",
    "unsure": "unsure",
    "failed": "not scored",
    "unscored": "no reference",
    "kept": "kept",
    "rejected": "left out",
}
_QUESTION, _ANSWER, _SEARCHED = 240, 80, 50_000
"""Characters of a row's texts."""


@dataclass(frozen=True)
class Row:
    """One entry of the list."""

    id: str
    pair: str
    """The same for the same question and sample in another run."""
    question: str
    answer: str
    verdict: str
    """A key of `VERDICTS`."""
    seconds: float
    tokens: int
    turns: int
    facets: Mapping[str, tuple[str, ...]]
    words: str
    """All that a search looks through, in lower case."""
    views: frozenset[tuple[str, int, int]]
    """Its images (hash, width, height) at the sizes the model saw: so much a page with all of them holds."""
    rewards: Mapping[str, float] = field(default_factory=dict[str, float])
    """What it earned where it was played to be learned from."""


def row_of(
    trace: Trace, *, run: str, benchmark: str = "", trial: Trial | None = None, step: int | None = None
) -> Row:
    """The row of an episode; `trial` is what curation found out about it, `step` when it was learned from."""
    task = trace.task
    seen = [turn.observation for turn in trace.turns if turn.observation]
    trouble = dict.fromkeys(one.status for one in seen if one.status != "ok")
    tools = dict.fromkeys(one.tool for one in seen if one.tool)
    facets = {
        "entry": ("episodes",),
        "run": (run,),
        "benchmark": _given(benchmark),
        "model": _given(trace.model),
        "family": _given(task.family),
        "kind": _given(task.kind),
        "tag": tuple(task.tags),
        "split": _given(task.split),
        "tool": tuple(tools) or ("none",),
        "trouble": tuple(trouble) or ("none",),
        "stop": (trace.stop_reason.value.replace("_", " "),),
        "sample": (str(trace.sample),),
        "check": (trial.failed_checks or ("none",)) if trial else (),
        "step": () if step is None else (str(step),),
        "learned": (pushed(trace.rewards),) if trace.rewards else (),
    }
    return Row(
        trace.id,
        f"{task.id}#{trace.sample}",
        visible_line(task.question, _QUESTION),
        visible_line(trace.answer or "", _ANSWER),
        verdict_of(trace),
        round(trace.seconds, 2),
        trace.usage.completion_tokens,
        len(trace.turns),
        _visible(facets),
        _searched(_texts(trace)),
        frozenset((p.ref.sha256, p.view_width, p.view_height) for p in trace.image_parts()),
        trace.rewards,
    )


def row_of_item(item: Item) -> Row:
    """The row of what a curation did with one row of its sources."""
    task, out = item.task, item.rejection
    facets = {
        "entry": ("rows of the sources",),
        "family": _given(task.family),
        "kind": _given(task.kind),
        "tag": tuple(task.tags),
        "split": _given(item.split),
        "stage": (out.stage,) if out else (),
        "reason": (out.reason,) if out else (),
        "route": (item.route,),
        "source": (item.source,),
    }
    detail = f"{out.stage}: {out.reason} {out.detail}" if out else item.route.replace("_", " ")
    said = (item.id, task.question, task.answer, detail, item.reasoning)
    return Row(
        f"{item.source}/row {item.row}",
        "",
        visible_line(task.question, _QUESTION),
        visible_line(f"{out.stage}: {out.reason}" if out else item.route.replace("_", " "), _ANSWER),
        "kept" if out is None else "rejected",
        0.0,
        0,
        0,
        _visible(facets),
        _searched(said),
        frozenset((ref.sha256, ref.width, ref.height) for ref in task.images),
    )


def columns(rows: Sequence[Row], keys: Sequence[str], *, words: bool) -> dict[str, Any]:
    """All rows as lists of equal length, one a property, which is small and quick to read for a browser;
    facets as numbers of their values. `words` are there where no server searches for the page.
    """
    facets: list[dict[str, Any]] = []
    for name, title in FACETS.items():
        given = [row.facets.get(name, ()) for row in rows]
        values = sorted({value for its in given for value in its}, key=_natural)
        if name == "run":  # in the order in which they were named
            values = list(dict.fromkeys(value for its in given for value in its))
        place = {value: number for number, value in enumerate(values)}
        if len(set(given)) > 1:
            of = [[place[value] for value in its] for its in given]
            facets.append({"name": name, "title": title, "values": values, "of": of})
    return {
        "key": list(keys),
        "pair": [row.pair for row in rows],
        "question": [row.question for row in rows],
        "answer": [row.answer for row in rows],
        "verdict": [row.verdict for row in rows],
        "seconds": [row.seconds for row in rows],
        "tokens": [row.tokens for row in rows],
        "turns": [row.turns for row in rows],
        "earned": [_earned(row) for row in rows] if any(row.rewards for row in rows) else None,
        "facets": facets,
        "words": [row.words for row in rows] if words else None,
    }


def found(rows: Iterable[Row], query: str) -> list[int]:
    """The places of the rows that hold every word of `query`, in any letter case."""
    wanted = query.lower().split()
    return [place for place, row in enumerate(rows) if all(word in row.words for word in wanted)]


def _earned(row: Row) -> str:
    """Reward and advantage in a few characters."""
    if not row.rewards:
        return ""
    gain = signed(row.rewards.get(ADVANTAGE))
    return f"reward {row.rewards.get('total', 0.0):.2f}" + (f" ({gain})" if gain else "")


def _texts(trace: Trace) -> Iterable[str]:
    task, verdict = trace.task, trace.verdict
    yield from (trace.id, task.question, trace.answer or "", task.answer, *task.answers, *trace.notes)
    yield verdict.reason if verdict else ""
    for turn in trace.turns:
        yield turn.text
        yield (turn.code if turn.code and turn.code not in turn.text else None) or call_text(turn)
        if turn.observation:
            yield turn.observation.text
            yield turn.observation.stderr


def _searched(texts: Iterable[str]) -> str:
    joined = "\n".join(filter(None, texts))
    return visible(joined[:_SEARCHED]).lower()


def _given(value: str) -> tuple[str, ...]:
    return (value,) if value else ()


def _visible(facets: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(visible_line(value, 100) for value in values) for name, values in facets.items()}


def _natural(value: str) -> list[tuple[int, int | str]]:
    """Sorts numbers inside words by their size."""
    parts = re.split(r"([0-9]+)", value)
    return [(0, int(part)) if part.isdigit() and part.isascii() else (1, part.lower()) for part in parts]
