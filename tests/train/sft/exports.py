"""Small exports to learn from, and recipes that learn from them, for the tests of supervised training."""

from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset, Features, List, Value
from datasets import Image as ImageColumn
from nano_fixtures import SIZE
from PIL import Image
from safetensors.torch import load_file

from deepeyes.data.export.base import png
from deepeyes.models.nano.pixels import to_view
from deepeyes.train.nano.batch import NO_LOSS, ChatMessage, Tensors, encode
from deepeyes.train.sft.encode import ConversationEncoder
from deepeyes.train.sft.recipe import SftRecipe

RECIPES = Path("recipes/sft")
TEXT = {"type": "text"}
IMAGE = {"type": "image", "text": None}


def said(role: str, *parts: str | None) -> dict[str, Any]:
    return {"role": role, "content": [IMAGE if part is None else {**TEXT, "text": part} for part in parts]}


def conversation(number: int) -> list[dict[str, Any]]:
    return [
        said("system", "Tools: python"),
        said("user", None, f"what does sign {number} say?"),
        said("assistant", f"<think> I look at {number} </think>\n<code> crop </code>"),
        said("user", "Here it is: ", None, None),
        said("assistant", f"<think> red {number} </think>\n<answer> {number * 7} </answer>"),
    ]


def images_of(number: int) -> list[Image.Image]:
    """Of a conversation: one larger than its view, and two that come together, later."""
    sizes = ((400 + 9 * number, 300), (90, 120), (60, 60))
    noise = np.random.default_rng(number)
    drawn = [Image.fromarray(noise.integers(0, 256, (3, 4, 3), dtype=np.uint8)) for _ in sizes]
    return [image.resize(size, Image.Resampling.BILINEAR) for image, size in zip(drawn, sizes, strict=True)]


def write(path: Path, rows: list[dict[str, Any]], masked: str = "masked_turns") -> Path:
    """A parquet file like an export's; `masked` is the column of the turns that are not to be imitated."""
    messages: Any = List(
        {"role": Value("string"), "content": List({"type": Value("string"), "text": Value("string")})}
    )
    features = Features(
        {
            "messages": messages,
            masked: List(Value("int32")),
            "images": List(ImageColumn()),
            "id": Value("string"),
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    Dataset.from_list(rows, features=features).to_parquet(str(path))
    return path


def row(number: int, **changes: Any) -> dict[str, Any]:
    """One row of an export, three images in it."""
    images = [{"bytes": png(image), "path": None} for image in images_of(number)]
    whole = {"messages": conversation(number), "masked_turns": [], "images": images, "id": f"row-{number}"}
    return {**whole, **changes}


def settings(start: Path, export: Path, *more: str) -> list[str]:
    return [
        f'model.path="{start}"',
        f'data.train=["{export}"]',
        "learn.batch=4",
        "learn.precision=fp32",
        "learn.lr=5e-3",
        "pace.per_device=2",
        "pace.report_to=none",
        "pace.workers=0",
        "pace.prepare=1",
        "pace.log_every=1",
        "evaluation.command=[]",
        *more,
    ]


def recipe(start: Path, export: Path, *more: str, base: str = "nano") -> SftRecipe:
    return SftRecipe.load(RECIPES / f"{base}.toml", settings(start, export, *more))


def weights(folder: Path) -> dict[str, Any]:
    return load_file(folder / "model.safetensors")


def by_hand(encoder: ConversationEncoder, number: int, masked: tuple[int, ...] = ()) -> Tensors:
    """What the nano's own batch maker says of the same conversation."""
    views = iter([to_view(image, SIZE) for image in images_of(number)])
    messages, reply = list[ChatMessage](), -1
    for message in conversation(number):
        role = message["role"]
        reply += role == "assistant"
        role = NO_LOSS if role == "assistant" and reply in masked else role
        parts = [next(views) if part["type"] == "image" else part["text"] for part in message["content"]]
        messages.append(ChatMessage(role, tuple(parts)))
    return encode(encoder.processor.tokenizer, messages)
