"""Official scores that are more than an accuracy, as figures of graded episodes.

What always holds: only episodes that are results count; every figure comes as three flat keys, its value,
the number `_n` of what it is the mean of, and its 95 % interval `_ci95`, in which samples of a task and tasks
of a group are not taken for independent. Whether an answer is right is read from the verdicts, except where a
benchmark publishes a measure of words.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from deepeyes.analysis.stats import cluster_mean
from deepeyes.core.answers import AnswerKind
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace

_DIGITS = 4
_ARTICLE = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def results(traces: Sequence[Trace]) -> list[Trace]:
    """Those that are scored."""
    return [trace for trace in traces if trace.stop_reason.is_result]


def belongs_to(trace: Trace) -> str:
    """The group of its task; a task without one is its own."""
    return trace.task.group or trace.task.id


def mean(name: str, values: Sequence[float], groups: Sequence[str], *, times: float = 1) -> dict[str, Any]:
    """The mean of scores from 0 to 1, each of a group, told `times` as large."""
    told = cluster_mean(values, groups)
    sides = [round(times * side, _DIGITS) for side in (told.low, told.high)]
    value = None if told.value is None else round(times * told.value, _DIGITS)
    return {name: value, f"{name}_n": told.n, f"{name}_ci95": sides}


def accuracy(name: str, traces: Sequence[Trace], *, times: float = 1) -> dict[str, Any]:
    """The share of results that are right."""
    scored = results(traces)
    return mean(name, [float(trace.is_right) for trace in scored], list(map(belongs_to, scored)), times=times)


def accuracies(traces: Sequence[Trace], tags: Sequence[str]) -> dict[str, Any]:
    """The accuracy of the tasks with each tag, as `accuracy_TAG`."""
    told = [
        accuracy(f"accuracy_{tag}", [trace for trace in traces if tag in trace.task.tags]) for tag in tags
    ]
    return {key: value for one in told for key, value in one.items()}


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


def together(traces: Sequence[Trace]) -> Mapping[tuple[str, int], list[Trace]]:
    """The results that belong together, by group and number of the sample."""
    found: dict[tuple[str, int], list[Trace]] = {}
    for trace in results(traces):
        found.setdefault((belongs_to(trace), trace.sample), []).append(trace)
    return found


def all_right(name: str, traces: Sequence[Trace], size: int) -> dict[str, Any]:
    """The share of groups whose every task is right, of those groups with all their `size` tasks."""
    whole = {key: its for key, its in together(traces).items() if len(its) >= size}
    right = [float(all(trace.is_right for trace in its)) for its in whole.values()]
    return mean(name, right, [group for group, _ in whole])


def matches(traces: Sequence[Trace]) -> dict[str, Any]:
    """Exact match of normalised words (`exact_match`), and references contained in the answer
    (`contains_match`), as search benchmarks have it.
    """
    scored = results(traces)
    said = [(words(trace.answer or ""), _golds(trace.task)) for trace in scored]
    exact = [float(bool(given) and given in golds) for given, golds in said]
    within = [
        float(any(f" {' '.join(gold)} " in f" {' '.join(given)} " for gold in golds if gold))
        for given, golds in said
    ]
    groups = list(map(belongs_to, scored))
    return mean("exact_match", exact, groups) | mean("contains_match", within, groups)


def token_f1(traces: Sequence[Trace]) -> dict[str, Any]:
    """The mean over episodes of the best F1 of words with a reference."""
    scored = results(traces)
    values = [max(_f1(words(trace.answer or ""), gold) for gold in _golds(trace.task)) for trace in scored]
    return mean("token_f1", values, list(map(belongs_to, scored)))


def words(text: str) -> list[str]:
    """Words without case, punctuation and English articles."""
    return _ARTICLE.sub(" ", text.lower().translate(_PUNCTUATION)).split()


def _golds(task: Task) -> list[list[str]]:
    return [words(gold) for gold in (task.answer, *task.answers)]


def _f1(given: list[str], gold: list[str]) -> float:
    shared = (Counter(given) & Counter(gold)).total()
    return 2 * shared / (len(given) + len(gold)) if given and gold else 0.0
