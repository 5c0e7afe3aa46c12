"""Does image search find the thing when it gets a crop of it: `python -m benchmarks.search_image [--json]`.

A query is made as an agent would meet it: 75 to 100 % of a picture of the world, brightened, blurred, perhaps
stretched, turned by up to 10 degrees, pasted into a 960 x 720 photo at 12 to 30 % of its side, and cut out
again with a box that is wrong by up to 8 % of the object on each side. Every kind of thing gives the same
number of queries, against all pictures of all kinds. Right is the exact picture; where the first hit is a
different picture that looks the same (Monaco and Indonesia), it counts as wrong, and in `ties`.

`--tune` takes the other half of the pictures, other photos and other seeds: look at those when you change
something.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

import deepeyes.world
from deepeyes.core.images import to_rgb
from deepeyes.search.base import GalleryImage, Hit
from deepeyes.search.image.arrays import small_image
from deepeyes.search.image.fit import likeness
from deepeyes.search.image.index import ImageIndex
from deepeyes.search.image.layout import TEMPLATE
from deepeyes.world.pack import open_pack

SCENE = (960, 720)
SAME = 0.985
"""Likeness from which two pictures of the gallery cannot be told apart by a crop."""


def photos(split: str) -> list[Image.Image]:
    """Backgrounds, scaled to the scene."""
    folder = Path(deepeyes.world.__file__).parent / "assets" / "backgrounds" / split
    out: list[Image.Image] = []
    for path in sorted(folder.glob("*.webp")):
        with Image.open(path) as opened:
            out.append(opened.convert("RGB").resize(SCENE))
    return out


def met(picture: Image.Image, dice: random.Random) -> Image.Image:
    """The picture as it hangs in the scene: cut, exposed, blurred, stretched and turned."""
    width, height = picture.size
    share = dice.uniform(0.75, 1)
    left, top = dice.uniform(0, 1 - share) * width, dice.uniform(0, 1 - share) * height
    shown = picture.crop((int(left), int(top), int(left + share * width), int(top + share * height)))
    shown = ImageEnhance.Brightness(shown).enhance(dice.uniform(0.7, 1.3))
    shown = ImageEnhance.Contrast(shown).enhance(dice.uniform(0.8, 1.2))
    if dice.random() < 0.5:
        shown = shown.filter(ImageFilter.GaussianBlur(dice.uniform(0.5, 1.5)))
    if dice.random() < 0.5:
        size = [max(24, int(side * dice.uniform(0.4, 1))) for side in shown.size]
        shown = shown.resize((size[0], size[1]))
    return shown.rotate(dice.uniform(-10, 10), expand=True, fillcolor=(128, 128, 128))


def scene_and_crop(
    picture: Image.Image, photo: Image.Image, dice: random.Random
) -> tuple[Image.Image, Image.Image]:
    shown = met(picture, dice)
    share = dice.uniform(0.12, 0.3)
    scale = min(SCENE[0] * share / shown.width, SCENE[1] * share / shown.height)
    shown = shown.resize((max(8, int(shown.width * scale)), max(8, int(shown.height * scale))))
    x, y = dice.randint(0, SCENE[0] - shown.width), dice.randint(0, SCENE[1] - shown.height)
    scene = photo.copy()
    scene.paste(shown, (x, y))
    off = [dice.uniform(-0.08, 0.08) for _ in range(4)]
    left, top = max(0, int(x + off[0] * shown.width)), max(0, int(y + off[1] * shown.height))
    right = min(SCENE[0], int(x + shown.width * (1 + off[2])))
    bottom = min(SCENE[1], int(y + shown.height * (1 + off[3])))
    return scene, scene.crop((left, top, right, bottom))


def kind_of(picture: GalleryImage) -> str:
    return picture.url.removeprefix("world://").split("/", 1)[0]


def chosen(gallery: list[GalleryImage], number: int, tune: bool, dice: random.Random) -> list[GalleryImage]:
    """`number` pictures of one half of the gallery, as many of each kind as can be."""
    half = [p for p in gallery if (sha256(p.url.encode()).digest()[0] % 2 == 0) == tune]
    kinds: dict[str, list[GalleryImage]] = {}
    for picture in half:
        kinds.setdefault(kind_of(picture), []).append(picture)
    for pictures in kinds.values():
        dice.shuffle(pictures)
    out: list[GalleryImage] = []
    while len(out) < number and any(kinds.values()):
        out.extend(pictures.pop() for pictures in kinds.values() if pictures)
    return out[:number]


def place_of(picture: GalleryImage, hits: tuple[Hit, ...]) -> int:
    """0 for the first hit; 1000 where it is not among them."""
    wanted = (picture.page or picture.url, picture.title)
    return next((place for place, hit in enumerate(hits) if (hit.url, hit.title) == wanted), 1000)


def look_the_same(a: Image.Image, b: Image.Image) -> bool:
    small = [small_image(to_rgb(image), TEMPLATE) for image in (a, b)]
    return bool(likeness(small[0], small[1][None])[0] >= SAME)


def measure(
    pictures: Iterable[GalleryImage] | None = None,
    *,
    folder: Path | None = None,
    number: int = 240,
    scenes: int = 40,
    tune: bool = False,
    seed: int = 2026,
) -> dict[str, Any]:
    """Shares right and milliseconds; the index is built in `folder`, or in one that goes."""
    if pictures is None:
        with open_pack() as pack:
            return measure(
                list(pack.gallery()), folder=folder, number=number, scenes=scenes, tune=tune, seed=seed
            )
    if folder is None:
        with tempfile.TemporaryDirectory() as made:
            return measure(pictures, folder=Path(made), number=number, scenes=scenes, tune=tune, seed=seed)
    gallery = list(pictures)
    start, start_cpu = time.perf_counter(), time.process_time()
    index = ImageIndex.build(gallery, folder)
    build, build_cpu = time.perf_counter() - start, time.process_time() - start_cpu
    start = time.perf_counter()
    index = ImageIndex.open(folder)
    opened = time.perf_counter() - start
    dice = random.Random(seed + tune)
    backs = photos("train" if tune else "test")
    by_name = {(p.page or p.url, p.title): p for p in gallery}
    ranks: list[int] = []
    kinds: dict[str, list[int]] = {}
    walls: list[float] = []
    cpus: list[float] = []
    in_scene: list[int] = []
    ties = 0
    missed: list[str] = []
    for turn, picture in enumerate(chosen(gallery, number, tune, dice)):
        scene, crop = scene_and_crop(to_rgb(picture.image), dice.choice(backs), dice)
        wall, cpu = time.perf_counter(), time.thread_time()
        hits = index.search_now(crop, 5)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.thread_time() - cpu)
        rank = place_of(picture, hits)
        ranks.append(rank)
        kinds.setdefault(kind_of(picture), []).append(rank)
        if rank:
            first = by_name[hits[0].url, hits[0].title]
            ties += look_the_same(first.image, picture.image)
            missed.append(f"{picture.title} -> {first.title}")
        if turn < scenes:
            in_scene.append(place_of(picture, index.search_now(scene, 5)))

    def right(places: list[int], within: int) -> float | None:
        return round(float(np.mean([place < within for place in places])), 4) if places else None

    return {
        "pictures": len(gallery),
        "queries": len(ranks),
        "image_r1": right(ranks, 1),
        "image_r5": right(ranks, 5),
        "ties": ties,
        "scene_r1": right(in_scene, 1),
        "scene_r5": right(in_scene, 5),
        "image_ms_p50": round(statistics.median(walls) * 1000, 1),
        "image_cpu_ms_p50": round(statistics.median(cpus) * 1000, 1),
        "open_ms": round(opened * 1000, 1),
        "build_s": round(build, 1),
        "build_cpu_s": round(build_cpu, 1),
        **{f"r1_{kind}": right(places, 1) for kind, places in sorted(kinds.items())},
        "missed": "; ".join(missed),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--number", type=int, default=240, help="queries")
    parser.add_argument("--scenes", type=int, default=40, help="whole scenes asked as well")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--folder", type=Path, help="keep the index here")
    parser.add_argument("--tune", action="store_true")
    parser.add_argument("--json", action="store_true", help="print one flat object")
    options = parser.parse_args()
    report = measure(
        folder=options.folder,
        number=options.number,
        scenes=options.scenes,
        tune=options.tune,
        seed=options.seed,
    )
    print(json.dumps(report) if options.json else "\n".join(f"{k}: {v}" for k, v in report.items()))


if __name__ == "__main__":
    main()
