"""The dataset card: what is in it, what was left out and why, how tools are used, under which licenses, and
what it looks like. A README.md as data set hubs show it, with its images in `card/` beside it. What always
holds: but for the funnel, which is the run's, it tells of what the export holds and of nothing else.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from PIL import Image

from deepeyes.analysis.toolmix import USES, uses_of
from deepeyes.core.text import cut_middle
from deepeyes.core.trace import Trace
from deepeyes.data.export.base import SPLITS, CompleteRun
from deepeyes.data.item import Item
from deepeyes.data.run.folder import StageCount
from deepeyes.data.run.funnel import by_number, counts_of, plot_funnel

CARD_FILE = "README.md"
_SAMPLES = 6
_THUMBNAIL = 320
"""Longest side of a sample's image."""
_CONFIGS = {"trl": ("sft", "rl"), "verl": ("",)}


def write_card(done: CompleteRun, folder: Path, layout: str, files: dict[str, int]) -> Path:
    """Write the card of an export of `layout` into `folder`, with its images."""
    counts = counts_of(done.run)
    done = replace(done, items=tuple(item for item in done.items if _holds(layout, item)))
    samples = _picked(done.items)
    shown = {item.id for item in samples}
    traces: dict[str, Trace] = {}
    lengths: dict[str, list[dict[str, int]]] = {"trace": [], "prompt": []}
    mix: dict[str, Counter[str]] = {}
    for split in SPLITS:
        for item, trace in done.traced(split):
            lengths["trace"].append(_measured(trace))
            mix.setdefault(item.task.family, Counter()).update(uses_of([trace]))
            if item.id in shown:
                traces[item.id] = trace
    lengths["prompt"] += [_asked(item) for item in done.items if item.trace is None]
    text = "\n\n".join(
        [
            _front(done, layout, files),
            f"# {done.recipe.title}",
            "Curated by difficulty and tool benefit. Every trace is an episode that really ran.",
            "## Counts\n\n" + _counts(done, files),
            "## Funnel\n\n" + _funnel(counts, folder),
            "## Tools\n\n" + _tools(mix),
            "## Lengths\n\n" + "\n\n".join(_lengths(unit, rows) for unit, rows in lengths.items() if rows),
            "## Sources and licenses\n\n" + _licenses(done),
            "## Samples\n\n"
            + "\n\n".join(_sample(done, item, traces.get(item.id), folder) for item in samples),
            "## How it was made\n\n```toml\n" + done.recipe.dump() + "```",
        ]
    )
    path = folder / CARD_FILE
    path.write_text(text + "\n", "utf-8")
    return path


def _holds(layout: str, item: Item) -> bool:
    """Whether an export of `layout` holds the item, as a trace or as a prompt."""
    if item.trace is None:
        return item.route == "rl" and layout != "sharegpt"
    return layout != "verl" and not (layout == "sharegpt" and item.masked_turns)


def _picked(items: Sequence[Item]) -> list[Item]:
    """A few with images, of different routes and families, of the first split rather than of the other."""
    kinds: dict[tuple[str, str], Item] = {}
    for item in sorted(items, key=lambda item: item.split != SPLITS[0]):
        if item.task.images:
            kinds.setdefault((item.route, item.task.family), item)
    return list(kinds.values())[:_SAMPLES]


def _front(done: CompleteRun, layout: str, files: dict[str, int]) -> str:
    """The block that hubs read: license, size, and which file is which split."""
    licenses = sorted({item.license for item in done.items if item.license})
    lines = ["---", f"license: {'other' if len(licenses) != 1 else json.dumps(licenses[0].lower())}"]
    lines += ["task_categories:", "- visual-question-answering", "tags:", "- tool-use", "- agents"]
    configs = [config for config in _CONFIGS.get(layout, ()) if any(f.startswith(config) for f in files)]
    if configs:
        lines.append("configs:")
        for config in configs:
            lines += [f"- config_name: {config or 'default'}", "  data_files:"]
            for split in SPLITS:
                name = f"{config}/{split}.parquet" if config else f"{split}.parquet"
                if name in files:
                    lines += [f"  - split: {split}", f"    path: {name}"]
    return "\n".join([*lines, "---"])


def _counts(done: CompleteRun, files: dict[str, int]) -> str:
    rows: list[Sequence[object]] = []
    for route in ("cold_start", "trace", "text", "rl"):
        per_split = [sum(i.route == route and i.split == split for i in done.items) for split in SPLITS]
        if any(per_split):
            rows.append([route, *per_split])
    return "\n\n".join([_table(["route", *SPLITS], rows), _table(["file", "rows"], list(files.items()))])


def _funnel(counts: Sequence[StageCount], folder: Path) -> str:
    rows = [
        [
            count.name,
            f"{count.into:,}",
            f"{count.kept + count.passed:,}",
            ", ".join(f"{reason} {number:,}" for reason, number in by_number(count.rejected)),
        ]
        for count in counts
    ]
    table = _table(["stage", "in", "out", "left out because"], rows)
    plot_funnel(counts, folder / "card" / "funnel.png")
    return f"![funnel](card/funnel.png)\n\n{table}"


def _tools(mix: dict[str, Counter[str]]) -> str:
    used = [use for use in USES if any(counter[use] for counter in mix.values())]
    if not used:
        return "No trace calls a tool."
    rows: list[Sequence[object]] = []
    for family, counter in sorted(mix.items()):
        total = counter.total()
        shares = [f"{counter[use] / total:.0%}" if total else "" for use in used]
        rows.append([family, total, *shares])
    return "Calls by family, and their shares.\n\n" + _table(["family", "calls", *used], rows)


def _measured(trace: Trace) -> dict[str, int]:
    return {
        "turns": len(trace.turns),
        "tool calls": len(trace.tool_turns),
        "images": len(trace.image_parts()),
        "characters written": sum(len(turn.text) for turn in trace.turns),
        "tokens written": sum(turn.usage.completion_tokens for turn in trace.turns),
    }


def _asked(item: Item) -> dict[str, int]:
    return {"images": len(item.task.images), "characters asked": len(item.task.question)}


def _lengths(unit: str, measured: Sequence[dict[str, int]]) -> str:
    """The spread of each measure over all of a `unit`."""
    rows: list[Sequence[object]] = []
    for name in measured[0]:
        ordered = sorted(values[name] for values in measured)
        rows.append([name, *(ordered[int(share * (len(ordered) - 1))] for share in (0.5, 0.9, 1.0))])
    return _table([f"per {unit}", "median", "90%", "most"], rows)


def _licenses(done: CompleteRun) -> str:
    rows: list[Sequence[object]] = []
    for name, source in done.recipe.sources.items():
        kept = sum(item.source == name for item in done.items)
        rows.append([name, source.kind, source.license or "not stated", kept])
    return _table(["source", "kind", "license", "items kept"], rows)


def _sample(done: CompleteRun, item: Item, trace: Trace | None, folder: Path) -> str:
    """The item with its images, and with what is said in its trace if it has one."""
    (folder / "card").mkdir(exist_ok=True)
    images: list[str] = []
    shown = item.task.images if trace is None else [part.ref for part in trace.image_parts()]
    for number, ref in enumerate(shown[:4]):
        name = f"card/{sha256(item.id.encode()).hexdigest()[:12]}-{number}.jpg"
        thumbnail = done.images.get(ref)
        thumbnail.thumbnail((_THUMBNAIL, _THUMBNAIL), Image.Resampling.BICUBIC)
        thumbnail.save(folder / name, quality=85)
        images.append(f"![image_{number + 1}]({name})")
    turns = trace.turns if trace else ()
    said = "\n\n".join(f"~~~~\n{cut_middle(turn.text, 900).replace('~~~~', '~ ~ ~')}\n~~~~" for turn in turns)
    question = _cell(cut_middle(item.task.question, 600))
    head = f"### {_cell(item.id)}\n\n{' '.join(images)}\n\n**Question.** {question}"
    return f"{head}\n\n**Answer.** {_cell(item.task.answer)}\n\n{said}".rstrip()


def _table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = ["| " + " | ".join(headings) + " |", "|" + "---|" * len(headings)]
    lines += ["| " + " | ".join(_cell(str(value)) for value in row) + " |" for row in rows]
    return "\n".join(lines)


def _cell(text: str) -> str:
    """Text that cannot become markup of the page."""
    for sign in ("\\", "|", "<", "*", "_", "`", "[", "!", "#"):
        text = text.replace(sign, "\\" + sign if sign != "<" else "&lt;")
    return " ".join(text.split())
