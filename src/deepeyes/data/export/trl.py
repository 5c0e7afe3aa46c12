"""For TRL: parquet that `datasets` reads, with `messages` and `images` as its vision trainers want them.

`sft/SPLIT.parquet`: `messages` (role, content blocks; an image is a block of type image without data),
`images` (all images in order of appearance), `masked_turns` (which assistant turns are not to be imitated),
`id`, `source`. `rl/SPLIT.parquet`: `prompt` in the same form, `images`, `answer`, `answers`, `answer_form`
(JSON, see `AnswerForm`). Observations are user turns: TRL does not look for images in others.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deepeyes.core.errors import InputError, boundary
from deepeyes.core.extras import needs
from deepeyes.data.export.base import (
    SPLITS,
    CompleteRun,
    PlainMessage,
    Sample,
    form_text,
    png,
    write_parquet,
)


def export_trl(done: CompleteRun, folder: Path) -> dict[str, int]:
    """Write both kinds and both splits; rows by file."""
    with boundary(InputError, "writing for TRL", needs("data"), expected=ImportError):
        from datasets import Features, Image, List, Value  # pyright: ignore[reportMissingImports]
    text: Any = Value("string")
    messages: Any = List({"role": text, "content": List({"type": text, "text": text})})
    common: dict[str, Any] = {"images": List(Image()), "id": text, "source": text}
    imitation = Features({"messages": messages, "masked_turns": List(Value("int32")), **common})
    golds: dict[str, Any] = {"answer": text, "answers": List(text), "answer_form": text}
    prompting = Features({"prompt": messages, **golds, **common})
    counts: dict[str, int] = {}
    for split in SPLITS:
        for kind, features, rows in (
            ("sft", imitation, map(_imitation, done.imitations(split))),
            ("rl", prompting, map(_prompt, done.prompts(split))),
        ):
            (folder / kind).mkdir(exist_ok=True)
            name = f"{kind}/{split}.parquet"
            if rows_written := write_parquet(folder / name, features, rows):
                counts[name] = rows_written
    return counts


def _imitation(sample: Sample) -> dict[str, Any]:
    return {"messages": _blocks(sample), "masked_turns": list(sample.item.masked_turns), **_common(sample)}


def _prompt(sample: Sample) -> dict[str, Any]:
    task = sample.item.task
    return {
        "prompt": _blocks(sample),
        "answer": task.answer,
        "answers": list(task.answers),
        "answer_form": form_text(task),
        **_common(sample),
    }


def _common(sample: Sample) -> dict[str, Any]:
    images = [{"bytes": png(image), "path": None} for image in sample.images]
    return {"images": images, "id": sample.item.id, "source": sample.item.source}


def _blocks(sample: Sample) -> list[dict[str, Any]]:
    return [{"role": message.role, "content": _content(message)} for message in sample.messages]


def _content(message: PlainMessage) -> list[dict[str, str | None]]:
    return [
        {"type": "text", "text": piece} if isinstance(piece, str) else {"type": "image", "text": None}
        for piece in message.pieces
    ]
