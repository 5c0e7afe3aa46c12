"""Official scores that are more than an accuracy, as figures of graded episodes.

What always holds: only episodes that are results count; every figure comes as three flat keys, its value, the
number `_n` of what it is a mean of, and its 95 % interval `_ci95`; means resample whole groups. Whether an
answer is right is read from the verdicts, except where a benchmark publishes a measure of words.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from deepeyes.analysis.stats import wilson
from deepeyes.core.answers import AnswerKind
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace

_DIGITS = 4
_DRAWS = 2000
_ARTICLE = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def results(traces: Sequence[Trace]) -> list[Trace]:
    """Those that are scored."""
    return [trace for trace in traces if trace.stop_reason.is_result]


def share(name: str, right: Sequence[bool]) -> dict[str, Any]:
    """The share of independent successes, with its Wilson interval."""
    many = len(right)
    value = round(sum(right) / many, _DIGITS) if many else None
    return _figure(name, value, many, wilson(sum(right), many))


def mean(name: str, values: Sequence[float], groups: Sequence[str] = ()) -> dict[str, Any]:
    """The mean of values from 0 to 1, with a percentile bootstrap interval over whole groups (each value is
    its own where no groups are given); `_n` counts the groups.
    """
    import numpy as np

    if not values:
        return _figure(name, None, 0, (0.0, 1.0))
    places = {group: place for place, group in enumerate(dict.fromkeys(groups))}
    where = np.array([places[group] for group in groups] if groups else range(len(values)))
    totals = np.bincount(where, weights=np.asarray(values, dtype=float))
    sizes = np.bincount(where)
    drawn = np.random.default_rng(0).integers(0, len(sizes), (_DRAWS, len(sizes)))
    means = totals[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return _figure(name, round(float(np.mean(values)), _DIGITS), len(sizes), (float(low), float(high)))


def chance(traces: Sequence[Trace]) -> dict[str, Any]:
    """What guessing one of the options at random gets right, questions without options counting as none
    (`chance`), and how many episodes have options (`chance_n`).
    """
    levels = [chance_of(trace.task) for trace in results(traces)]
    value = round(sum(levels) / len(levels), _DIGITS) if levels else None
    return {"chance": value, "chance_n": sum(level > 0 for level in levels)}


def chance_of(task: Task) -> float:
    """The probability that one of the options, or a set of them where several are asked for, is the right one
    by chance; 0 without options.
    """
    form = task.answer_form
    if form.kind is AnswerKind.yes_no:
        return 0.5
    many = len(form.options) if form.kind is AnswerKind.letter else 0
    return 0.0 if not many else 1 / (2**many - 1) if form.several else 1 / many


def by_kind(traces: Sequence[Trace], kind: Callable[[Trace], str]) -> dict[str, Any]:
    """The accuracy of each kind, `accuracy_KIND`."""
    kinds: dict[str, list[bool]] = {}
    for trace in results(traces):
        kinds.setdefault(kind(trace), []).append(trace.is_right)
    return {key: one for name, right in kinds.items() for key, one in share(f"accuracy_{name}", right).items()}


def all_right(name: str, traces: Sequence[Trace], size: int) -> dict[str, Any]:
    """The share of groups whose every task is right, of those groups with all their `size` tasks."""
    groups = grouped(traces)
    whole = [its for its in groups.values() if len({trace.task.id for trace in its}) >= size]
    return share(name, [all(trace.is_right for trace in its) for its in whole])


def grouped(traces: Sequence[Trace]) -> Mapping[str, list[Trace]]:
    """The results by the group of their task; a task without one is its own."""
    groups: dict[str, list[Trace]] = {}
    for trace in results(traces):
        groups.setdefault(trace.task.group or trace.task.id, []).append(trace)
    return groups


def matches(traces: Sequence[Trace]) -> dict[str, Any]:
    """Exact match of normalised words (`exact_match`), and references contained in the answer
    (`contains_match`), as search benchmarks have it.
    """
    golds = [(words(trace.answer or ""), _golds(trace.task)) for trace in results(traces)]
    exact = [bool(given) and given in its for given, its in golds]
    within = [any(f" {' '.join(gold)} " in f" {' '.join(given)} " for gold in its if gold) for given, its in golds]
    return share("exact_match", exact) | share("contains_match", within)


def token_f1(traces: Sequence[Trace]) -> dict[str, Any]:
    """The mean over episodes of the best F1 of words with a reference."""
    scored = results(traces)
    values = [max(_f1(words(trace.answer or ""), gold) for gold in _golds(trace.task)) for trace in scored]
    return mean("token_f1", values, [trace.task.group or trace.task.id for trace in scored])


def words(text: str) -> list[str]:
    """Words without case, punctuation and English articles."""
    return _ARTICLE.sub(" ", text.lower().translate(_PUNCTUATION)).split()


def _golds(task: Task) -> list[list[str]]:
    return [words(gold) for gold in (task.answer, *task.answers)]


def _f1(given: list[str], gold: list[str]) -> float:
    shared = (Counter(given) & Counter(gold)).total()
    return 2 * shared / (len(given) + len(gold)) if given and gold else 0.0


def _figure(name: str, value: float | None, many: int, interval: tuple[float, float]) -> dict[str, Any]:
    return {name: value, f"{name}_n": many, f"{name}_ci95": [round(side, _DIGITS) for side in interval]}
