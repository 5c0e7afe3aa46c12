"""What an evaluation came to, on stdout, and what makes it doubtful, on stderr.

What always holds: no share is shown without of how many it is one, and its interval; numbers are shown
whatever they are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from deepeyes.analysis.gain import ToolGain, tool_gain
from deepeyes.analysis.misfit import replies_of
from deepeyes.analysis.stats import cluster_mean
from deepeyes.analysis.summary import Row, group_of, summarise
from deepeyes.cli.outcome import look_at
from deepeyes.cli.running import warn
from deepeyes.core.errors import ConfigError, InfrastructureError
from deepeyes.core.images import ImageStore
from deepeyes.core.trace import IMAGES_FOLDER, Trace
from deepeyes.eval.report import by_our_rules, failures, report
from deepeyes.eval.settings import Results, pairs
from deepeyes.view.visible import visible

_CAUSES = 3
"""Of failures, shown with how often each."""
_BESIDE = ("_n", "_ci95")
_ROWS = 40
"""Rows of kinds and tags that are shown for one run; more are for a report."""


def show(results: Sequence[Results], about: Mapping[str, Any], out: Path | None, *, as_json: bool) -> None:
    """A table, or one JSON object: of one run flat, of several `runs` and what tools added, `paired`. `about`
    is told with each run.
    """
    gains = _gains(results)
    if not as_json:
        _print(results, gains)
        return
    told = [_numbers(one, about, out, several=len(results) > 1) for one in results]
    paired = [{"model": model, **gain.told()} for model, gain in gains.items()]
    print(json.dumps(told[0] if len(told) == 1 else {"runs": told, "paired": paired}))


def doubt(results: Sequence[Results], out: Path | None, dialect: str, limit: str) -> None:
    """Tell what makes the numbers doubtful; `dialect` and `limit` are how these are given.

    Raises `InfrastructureError` if nothing at all is a result.
    """
    traces = [trace for one in results for trace in one.traces]
    for one in results:
        replies = replies_of(one.traces)
        if replies.misfit:
            run = f"{one.setting.label}: " if len(results) > 1 else ""
            folder = one.setting.folder if out else None
            warn(visible(f"{run}{replies.what()}: {replies.remedy(dialect, limit, look_at(folder))}"))
    causes = failures(traces)
    if not causes:
        return
    told = "; ".join(f"{number} times: {cause}" for cause, number in causes.most_common(_CAUSES))
    waiting = sum(trace.awaits_verdict for trace in traces)
    lack = f" ({waiting} lack only the verdict)" if waiting else ""
    what = f"{causes.total()} of {len(traces)} episodes{lack} failed because of us ({told})"
    again = "the same command asks them again"
    again = again if out else f"with --trace DIR {again}"
    if causes.total() == len(traces):
        raise InfrastructureError(what, again)
    warn(visible(f"{what} and do not count: {again}"))


def _gains(results: Sequence[Results]) -> dict[str, ToolGain]:
    """Model to what its tools added, where it was asked with and without."""
    gains: dict[str, ToolGain] = {}
    for aided, unaided in pairs(results):
        try:
            gains[aided.setting.plan.model] = tool_gain(aided.traces, unaided.traces)
        except ConfigError as error:  # what was asked is to be shown all the same
            warn(str(error))
    return gains


def _numbers(one: Results, about: Mapping[str, Any], out: Path | None, *, several: bool) -> dict[str, Any]:
    plan, traces = one.setting.plan, one.traces
    numbers = report(traces, ImageStore(one.setting.folder / IMAGES_FOLDER))
    if plan.grading.scorer:
        numbers |= {"scorer": plan.grading.scorer, **by_our_rules(traces)}
    told = {"model": plan.model, **about, "tools": "on" if plan.tools else "off"}
    label = {"run": one.setting.label} if several else {}
    return {
        **label,
        **numbers,
        **plan.numbers(traces),
        **told,
        "trace": str(one.setting.folder) if out else None,
    }


def _print(results: Sequence[Results], gains: Mapping[str, ToolGain]) -> None:
    console, table = Console(), Table(box=None, pad_edge=False)
    table.add_column("run")
    for name in ("n", "accuracy", "95 %", "unsure", "tool call rate", "failed"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in results:
        for row in _rows(one):
            table.add_row(*map(visible, row))
    console.print(table)
    for one in results:
        for line in _own_numbers(one):
            console.print(visible(f"{one.setting.label}: {line}"), markup=False)
    for model, gain in gains.items():
        console.print(visible(f"what the tools added to {model}:"), markup=False)
        for line in _said(gain):
            console.print(f"  {line}", markup=False)


def _rows(one: Results) -> list[tuple[str, ...]]:
    """The run, and below it its families, kinds and tags."""
    summary = summarise(one.traces)
    scored = [trace for trace in one.traces if trace.stop_reason.is_result]
    failed = str(len(one.traces) - len(scored))
    rows = [(one.setting.label, *_cells(summary.all), _calls(scored), failed)]
    for rows_of in (summary.families, summary.kinds, summary.tags):
        if 1 < len(rows_of) <= _ROWS:
            rows += [(f"  {name}", *_cells(row)) for name, row in rows_of.items()]
    return rows


def _cells(row: Row) -> tuple[str, str, str, str]:
    """Of how many it is, the share, its interval, and how many are undecided."""
    found = row.accuracy
    n = f"{found.n} in {found.groups} groups" if found.is_clustered else str(found.n)
    share = "" if found.value is None else f"{100 * found.value:.1f} %"
    return n, share, f"{100 * found.low:.1f}-{100 * found.high:.1f}", str(row.undecided)


def _calls(scored: Sequence[Trace]) -> str:
    """Share of episodes with a call, of as many as the accuracy is of."""
    called = [float(bool(trace.tool_turns)) for trace in scored]
    rate = cluster_mean(called, [group_of(trace.task) for trace in scored])
    return (
        "" if rate.value is None else f"{100 * rate.value:.0f} % ({100 * rate.low:.0f}-{100 * rate.high:.0f})"
    )


def _own_numbers(one: Results) -> list[str]:
    """What the benchmark itself tells; a number, its interval and of how many it is stand on one line."""
    numbers = one.setting.plan.numbers(one.traces)
    lines: list[str] = []
    for name, value in numbers.items():
        if name.endswith(_BESIDE) and name.removesuffix("_n").removesuffix("_ci95") in numbers:
            continue
        text = json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)
        interval = f" {numbers[f'{name}_ci95']}" if f"{name}_ci95" in numbers else ""
        many = f", n = {numbers[f'{name}_n']}" if f"{name}_n" in numbers else ""
        lines.append(f"{name.replace('_', ' ')} {text}{interval}{many}")
    return lines


def _said(gain: ToolGain) -> list[str]:
    """A pair of runs in a few lines."""
    every = gain.all
    if every.difference.value is None:
        return ["no question has a result with tools and without"]
    value, low, high = (
        100 * side for side in (every.difference.value, every.difference.low, every.difference.high)
    )
    lines = [
        f"{value:+.1f} points [{low:+.1f}, {high:+.1f}], n = {every.n}, p = {every.p:.2g}",
        f"solved only with them (gain) {every.only_with}: {every.gain.words()}",
        f"solved only without them (harm) {every.only_without}: {every.harm.words()}",
        f"solved both ways {every.both}, neither way {every.neither}",
    ]
    left_out = gain.infrastructure + gain.unmatched_with + gain.unmatched_without
    return lines + ([f"left out: {left_out}, without a result on both sides"] if left_out else [])
