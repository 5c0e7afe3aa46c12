"""Contact sheets for people who check: each question with its image, and what it asks about, enlarged."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageDraw

from deepeyes.core.task import Task
from deepeyes.eval.openrealx.frozen import assets, read_images, read_questions
from deepeyes.world.fonts import load_font

from .paste import Box, outlined

COLUMNS, ROWS, WIDTH, HEIGHT = 3, 4, 640, 470


def write_sheets(out: Path, folder: Path | None = None) -> list[Path]:
    """PNG files of twelve questions each."""
    out.mkdir(parents=True, exist_ok=True)
    tasks = {task.id: task for task in read_questions(folder or assets())}
    tiles = (_tile(tasks[name], image) for name, image in read_images(folder or assets()))
    paths: list[Path] = []
    for number, some in enumerate(_batches(tiles, COLUMNS * ROWS), start=1):
        sheet = Image.new("RGB", (COLUMNS * WIDTH, ROWS * HEIGHT), "white")
        for place, tile in enumerate(some):
            sheet.paste(tile, (place % COLUMNS * WIDTH, place // COLUMNS * HEIGHT))
        path = out / f"sheet-{number:02d}.png"
        sheet.save(path)
        paths.append(path)
    return paths


def _batches(tiles: Iterator[Image.Image], size: int) -> Iterator[list[Image.Image]]:
    batch: list[Image.Image] = []
    for tile in tiles:
        batch.append(tile)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _tile(task: Task, image: Image.Image) -> Image.Image:
    boxes: dict[str, Box] = {name: tuple(box) for name, box in task.truth.get("boxes", {}).items()}
    tile = Image.new("RGB", (WIDTH, HEIGHT), "white")
    framed = outlined(image, list(boxes.values()))
    framed.thumbnail((WIDTH - 150, 290))
    tile.paste(framed, (2, 2))
    x, y, widest = framed.width + 8, 2, 0
    for left, top, right, bottom in _apart(list(boxes.values())):
        shown = image.crop((int(left) - 3, int(top) - 3, int(right) + 3, int(bottom) + 3))
        room = WIDTH - x - 4
        if room < 40:
            break
        if shown.width > room:
            shown.thumbnail((room, 280))
        if y + shown.height > 292:
            x, y, widest = x + widest + 6, 2, 0
            if x + shown.width > WIDTH or shown.height > 292:
                continue
        tile.paste(shown, (x, y))
        y, widest = y + shown.height + 4, max(widest, shown.width)
    draw = ImageDraw.Draw(tile)
    font = load_font("Roboto-Regular.ttf", 17)
    lines = textwrap.wrap(f"{task.id[-3:]} {task.kind}: {task.question}", 82)
    lines += textwrap.wrap(f"= {task.answer} ({task.answer_form.kind}, {', '.join(task.tags)})", 82)
    lines += textwrap.wrap(str(task.truth.get("steps", "")), 82)[:3]
    for number, line in enumerate(lines[:8]):
        draw.text((4, 298 + number * 20), line, font=font, fill="black")
    return tile


def _apart(boxes: list[Box]) -> list[Box]:
    """The boxes without those that lie inside one before them."""
    kept: list[Box] = []
    for box in boxes:
        if not any(b[0] <= box[0] and b[1] <= box[1] and b[2] >= box[2] and b[3] >= box[3] for b in kept):
            kept.append(box)
    return kept
