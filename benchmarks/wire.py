"""What images cost on the way to a server: `python -m benchmarks.wire --json`.

For photographs that ship with the world, a chart, a scatter plot, a page of text, a noisy scan of it, a sign
on a photograph and a screenshot with a photograph in it, all 1024x768: bytes of the request body as it was
(PNG at the size of the view) and as it is, how far the pixels that are sent are from the image, and the size
at which they are sent. Then the seconds that making the requests of a conversation of six turns takes, the
photograph in the first and a crop of it in each of the others, the old way and the new one in turns. Target:
every photograph's request within 250 kB.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import random
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from deepeyes.core.images import VisionSpec, image_ref
from deepeyes.core.messages import ImagePart, Message
from deepeyes.dialects.registry import dialect_named
from deepeyes.models import openai_images
from deepeyes.models.openai_images import encode, psnr
from deepeyes.models.openai_wire import wire_message
from deepeyes.world.backgrounds import _photo, photo_names

SIZE = (1024, 768)
TURNS = 6
TARGET = 250_000
Wire = Callable[[ImagePart], str]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print one object")
    options = parser.parse_args()
    kinds = {name: measure(image) for name, image in images().items()}
    photographs = {name: row for name, row in kinds.items() if name.startswith("photo")}
    before, now = conversation(next(iter(images().values())), options.repeats)
    report = {
        "largest_photograph_request": max(row["request_bytes"] for row in photographs.values()),
        "median_photograph_request": statistics.median(row["request_bytes"] for row in photographs.values()),
        "photographs_within_target": sum(row["request_bytes"] <= TARGET for row in photographs.values()),
        "photographs": len(photographs),
        "seconds_per_turn_before": before,
        "seconds_per_turn_now": now,
        "kinds": kinds,
    }
    print(json.dumps(report) if options.json else json.dumps(report, indent=2))


def measure(image: Image.Image) -> dict[str, Any]:
    openai_images._sent.clear()
    part = ImagePart.of("image_1", image, image_ref(image), VisionSpec())
    encoded = encode(image)
    with Image.open(io.BytesIO(encoded.data)) as opened:
        sent = opened.convert("RGB")
    over_all, worst = psnr(image, sent)
    return {
        "request_bytes_before": len(request([part], old_url)),
        "request_bytes": len(request([part], openai_images.data_url)),
        "sent_as": f"JPEG {encoded.quality}" if encoded.quality else "PNG",
        "sent_at": list(sent.size),
        "psnr": round(min(over_all, 99.0), 1),
        "worst_tile_psnr": round(min(worst, 99.0), 1),
    }


def request(parts: Sequence[ImagePart], wire: Wire) -> bytes:
    """The body of a request with these images, with the words of an episode's start."""
    speech = dialect_named("deepeyes_v2")
    system = Message.make("system", speech.system(()) or "")
    messages = [wire_message(system)]
    for part in parts:
        content = [{"type": "text", "text": f"{part.name}: What is there?"}]
        messages.append(
            {"role": "user", "content": [*content, {"type": "image_url", "image_url": {"url": wire(part)}}]}
        )
    return json.dumps({"model": "m", "messages": messages, "max_tokens": 2048}).encode()


def old_url(part: ImagePart) -> str:
    """How images were sent: the view as PNG."""
    png = io.BytesIO()
    assert part.pixels is not None
    part.pixels.save(png, "PNG", compress_level=1)
    return f"data:image/png;base64,{base64.b64encode(png.getvalue()).decode()}"


def conversation(photo: Image.Image, repeats: int) -> tuple[list[float], list[float]]:
    """Median seconds to make the request of each turn, the old way and the new one."""
    crops = [photo.crop((60 * n, 40 * n, 60 * n + 500, 40 * n + 400)) for n in range(1, TURNS)]
    parts = [
        ImagePart.of(f"image_{n}", image, image_ref(image), VisionSpec())
        for n, image in enumerate([photo, *crops], 1)
    ]
    before: list[list[float]] = [[] for _ in range(TURNS)]
    now: list[list[float]] = [[] for _ in range(TURNS)]
    for _ in range(repeats):
        openai_images._sent.clear()
        for turn in range(TURNS):
            for wire, seconds in ((old_url, before), (openai_images.data_url, now)):
                start = time.perf_counter()
                request(parts[: turn + 1], wire)
                seconds[turn].append(time.perf_counter() - start)
    return [[round(statistics.median(one), 4) for one in way] for way in (before, now)]  # type: ignore[return-value]


def images() -> dict[str, Image.Image]:
    """One of each kind; a dozen of photographs."""
    drawn: dict[str, Image.Image] = {}
    for split in ("test", "validation", "train"):
        for name in photo_names(split)[:4]:
            drawn[f"photo {split}/{name.removesuffix('.webp')}"] = filled(_photo(split, name, False))
    photo = next(iter(drawn.values()))
    page = text_page()
    sign = photo.copy()
    ImageDraw.Draw(sign).rectangle((300, 300, 460, 360), fill="blue")
    ImageDraw.Draw(sign).text((310, 310), "EXIT K42", fill="red", font=ImageFont.load_default(30))
    screen = page.copy()
    screen.paste(photo.resize((480, 360)), (500, 300))
    noise = np.random.default_rng(0).normal(0, 6, (SIZE[1], SIZE[0], 3))
    scan = Image.fromarray(np.clip(np.asarray(page, np.int16) + noise, 0, 255).astype(np.uint8))
    grey = photo.convert("L").convert("RGB")
    return drawn | {
        "photo in greys": grey,
        "photo with a sign": sign,
        "chart": plotted(lambda axes: axes.bar(list("abcdef"), [3, 5, 2, 7, 4, 6], color=list("rgbcmy"))),
        "scatter plot": plotted(
            lambda axes: axes.scatter(*np.random.default_rng(0).normal(size=(2, 5000)), c=range(5000), s=4)
        ),
        "page of text": page,
        "noisy scan of it": scan,
        "screenshot with a photo": screen,
    }


def filled(photo: Image.Image) -> Image.Image:
    """The middle of a photograph at `SIZE`."""
    scale = min(photo.width / SIZE[0], photo.height / SIZE[1])
    width, height = SIZE[0] * scale, SIZE[1] * scale
    left, top = (photo.width - width) / 2, (photo.height - height) / 2
    return photo.resize(SIZE, Image.Resampling.BICUBIC, box=(left, top, left + width, top + height))


def plotted(draw: Callable[[Any], object]) -> Image.Image:
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(SIZE[0] / 100, SIZE[1] / 100))
    draw(axes)
    file = io.BytesIO()
    figure.savefig(file, dpi=100)
    pyplot.close(figure)
    return Image.open(file).convert("RGB")


def text_page() -> Image.Image:
    page, rng = Image.new("RGB", SIZE, "white"), random.Random(1)
    font, pen = ImageFont.load_default(14), ImageDraw.Draw(page)
    for line in range(45):
        words = ("".join(rng.choices("abcdefghijklmnop", k=rng.randint(2, 8))) for _ in range(22))
        pen.text((10, 8 + 17 * line), " ".join(words), fill="black", font=font)
    return page


if __name__ == "__main__":
    main()
