"""What published benchmarks there are, in words: for the command line and the documentation."""

from __future__ import annotations

from deepeyes.eval.benchmarks.about import About
from deepeyes.eval.benchmarks.rows import RowsPlan
from deepeyes.eval.registry import BENCHMARKS, benchmark_named


def abouts() -> list[About]:
    """Of every published benchmark, in the order of the registry."""
    plans = [benchmark_named(name) for name in BENCHMARKS]
    return [plan.about for plan in plans if issubclass(plan, RowsPlan)]


def table_row(about: About) -> tuple[str, ...]:
    """The name, the questions, where they are published, their licence, who decides, and whether search is on
    (see `COLUMNS`).
    """
    parts = filter(None, (about.hub.config, about.hub.split))
    return (
        about.name,
        f"{about.n:,}" if about.n else "not said",
        f"{about.hub.id or about.hub.page} ({', '.join(parts)})",
        about.licence,
        about.scorer or "our rules",
        "on" if about.searches else "off",
    )


COLUMNS = ("name", "questions", "published at (split)", "licence", "rule", "search")


def markdown() -> str:
    """All of them as the table in the documentation."""
    rows = [COLUMNS, ("---",) * len(COLUMNS), *map(table_row, abouts())]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def details(about: About) -> dict[str, str]:
    """All that is known of one."""
    return {
        "name": about.name,
        "title": about.title,
        "paper": about.paper,
        **dict(zip(COLUMNS[1:], table_row(about)[1:], strict=True)),
        "score as published": about.official,
        "samples as published": str(about.samples),
        "columns": ", ".join(_told(about.required)),
        "further columns": ", ".join(_told(about.optional)),
        "to know": about.note,
        "to have it": about.hub.fetch(),
        "run it with": f"deepeyes eval run {about.name} --set source=DIR",
    }


def _told(columns: tuple[str, ...]) -> list[str]:
    return [names.replace("|", " or ") for names in columns]
