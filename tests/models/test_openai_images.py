"""Images on the wire: few bytes, no harm, once."""

import base64
import io
import random
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from tools.fake_sandbox import FakeSandbox

from deepeyes.agent.agent import Agent
from deepeyes.core.images import ImageStore, VisionSpec, image_ref
from deepeyes.core.limits import Limits
from deepeyes.core.messages import ImagePart
from deepeyes.models import openai_images
from deepeyes.models.openai import OpenAIModel
from deepeyes.models.openai_images import BOUND, TILE_BOUND, data_url, encode, psnr, sent_as
from deepeyes.tools.base import ToolSet
from deepeyes.tools.python import PythonTool
from deepeyes.world.backgrounds import _photo_window


@pytest.fixture(autouse=True)
def fresh() -> None:
    openai_images._sent.clear()


def photo(size: tuple[int, int] = (1024, 768), seed: int = 3) -> Image.Image:
    return _photo_window(random.Random(seed), "test", size)


def part_of(image: Image.Image, vision: VisionSpec = VisionSpec()) -> ImagePart:
    return ImagePart.of("image_1", image, image_ref(image), vision)


def received(part: ImagePart) -> tuple[str, Image.Image]:
    """Kind and pixels as a server finds them."""
    head, _, data = data_url(part).partition(",")
    opened = Image.open(io.BytesIO(base64.b64decode(data)))
    return head, opened.convert("RGB")


@pytest.mark.parametrize("seed", range(6))
def test_a_photograph_is_a_tenth_and_looks_the_same(seed: int) -> None:
    image = photo(seed=seed)
    part = part_of(image)
    head, sent = received(part)
    assert (head, sent.size) == ("data:image/jpeg;base64", image.size)
    over_all, worst = psnr(image, sent)
    assert len(data_url(part)) <= 240_000 and over_all >= BOUND and worst >= TILE_BOUND
    assert sent_as(part).startswith("image_1 was sent as JPEG of quality ") and "1024x768 in " in sent_as(
        part
    )
    raw = base64.b64decode(data_url(part).partition(",")[2])
    assert raw[raw.index(b"\xff\xc0") + 11] == 0x11, "colours at full resolution"


def page() -> Image.Image:
    image, rng = Image.new("RGB", (1024, 768), "white"), random.Random(1)
    for line in range(44):
        words = " ".join("".join(rng.choices("abcdefghij", k=rng.randint(2, 8))) for _ in range(20))
        ImageDraw.Draw(image).text((9, 8 + 17 * line), words, "black", ImageFont.load_default(14))
    return image


def screenshot() -> Image.Image:
    image = page()
    image.paste(photo((400, 300)), (600, 400))
    return image


def bars() -> Image.Image:
    image = Image.new("RGB", (1024, 768), "white")
    for n, colour in enumerate(("red", "green", "blue", "orange")):
        ImageDraw.Draw(image).rectangle((100 + 200 * n, 700 - 140 * n, 240 + 200 * n, 700), colour)
        ImageDraw.Draw(image).text((120 + 200 * n, 720), f"bar {n}", "black", ImageFont.load_default(20))
    return image


def a_sign_alone() -> Image.Image:
    image = photo((160, 120))
    ImageDraw.Draw(image).text((20, 40), "K42", "red", ImageFont.load_default(40))
    return image


def a_crop() -> Image.Image:
    return photo((220, 160))


@pytest.mark.parametrize("draw", [page, screenshot, bars, a_sign_alone, a_crop])
def test_what_is_drawn_or_small_is_sent_exactly(draw: Any) -> None:
    image = draw()
    part = part_of(image)
    head, sent = received(part)
    assert head == "data:image/png;base64" and sent_as(part) == ""
    assert sent.tobytes() == image.tobytes()


def test_a_grey_photograph_is_no_drawing() -> None:
    assert encode(photo().convert("L").convert("RGB")).quality > 0


def test_what_jpeg_would_spoil_is_sent_exactly_or_at_a_higher_quality() -> None:
    """Bright letters on noise too fine for JPEG: the mean hides what happens in their tiles."""
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (384, 512, 3), dtype=np.uint8))
    over = photo((1024, 768), seed=1)
    over.paste(noise.resize((64, 48), Image.Resampling.NEAREST), (400, 300))
    grain = np.random.default_rng(0).normal(0, 6, (768, 1024, 3))
    scan = Image.fromarray(np.clip(np.asarray(page(), np.int16) + grain, 0, 255).astype(np.uint8))
    for image in (noise, over, scan):
        encoded = encode(image)
        with Image.open(io.BytesIO(encoded.data)) as sent:
            over_all, worst = psnr(image, sent.convert("RGB"))
        assert over_all >= BOUND and worst >= TILE_BOUND


def test_the_worst_tile_is_found_at_the_edge() -> None:
    image, other = Image.new("RGB", (70, 50)), Image.new("RGB", (70, 50))
    other.paste("white", (66, 34, 70, 50))
    over_all, worst = psnr(image, other)
    assert worst < 3 < over_all
    assert psnr(image, image) == (float("inf"), float("inf"))


# ---- at which size


@pytest.mark.parametrize(
    ("size", "sent"),
    [
        ((1024, 768), (1024, 768)),  # the view is 1036x756
        ((300, 200), (300, 200)),
        ((40, 30), (40, 30)),  # the view is larger
        ((2000, 1500), (1148, 840)),  # the view is smaller
        ((1010, 1000), (980, 980)),  # only just
        ((20, 300), (28, 308)),  # a side below a patch, which some processors refuse
        ((28 * 300, 28), None),  # too long a strip: the view
    ],
)
def test_an_image_is_sent_at_its_own_size_unless_its_view_is_smaller(
    size: tuple[int, int], sent: tuple[int, int] | None
) -> None:
    part = part_of(Image.new("RGB", size, "red"))
    view = (part.view_width, part.view_height)
    assert received(part)[1].size == (sent or view)
    if sent not in (size, None):
        assert sent == view


@pytest.mark.parametrize("size", [(1024, 768), (333, 777), (40, 30), (29, 500), (1010, 1000), (1500, 640)])
@pytest.mark.parametrize("vision", [VisionSpec(), VisionSpec(factor=32), VisionSpec(max_pixels=28 * 28 * 48)])
def test_a_server_makes_of_it_the_size_that_was_told(size: tuple[int, int], vision: VisionSpec) -> None:
    """One with any upper limit that is not below ours."""
    part = part_of(Image.new("RGB", size), vision)
    for most in (vision.max_pixels, 12_845_056):
        its = VisionSpec(factor=vision.factor, min_pixels=vision.min_pixels, max_pixels=most)
        assert its.view_size(*received(part)[1].size) == (part.view_width, part.view_height)


def test_the_pixels_of_a_part_stay_with_it() -> None:
    part = part_of(photo())
    bare = part.without_pixels()
    assert (bare.pixels, bare.own) == (None, None) and "own" not in bare.model_dump()
    with pytest.raises(ValueError, match="with_pixels"):
        data_url(bare)
    store = ImageStore()
    store.put(photo())
    again = bare.with_pixels(store)
    assert received(again)[1].size == (part.view_width, part.view_height), "from disk: the view"


# ---- once


async def test_an_image_is_encoded_once_for_all_turns_and_episodes(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[int, int]] = []
    real = openai_images.encode

    def counted(image: Image.Image) -> Any:
        made.append(image.size)
        return real(image)

    monkeypatch.setattr(openai_images, "encode", counted)
    look = "<think>l</think><code>\n```python\ndisplay(image_1.crop((0, 0, 60, 40)))\n```\n</code>"
    texts = [look, "<think>c</think><answer>red</answer>"] * 2

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"choices": [{"message": {"content": texts.pop(0)}}]})

    model = OpenAIModel("m", "http://h/v1", transport=httpx.MockTransport(answer))
    agent = Agent(model, ToolSet([PythonTool(FakeSandbox())]), None, Limits())
    image = photo()
    traces = [await agent.ask(image, "What colour?") for _ in range(2)]
    assert made == [(1024, 768), (60, 40)]
    for trace in traces:
        assert len(trace.notes) == 1 and "image_1 was sent as JPEG of quality" in trace.notes[0]
        assert '"own"' not in trace.model_dump_json()


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_images, "_sent", type(openai_images._sent)(20_000))
    for n in range(40):
        data_url(part_of(Image.effect_noise((20, 20), n + 1).convert("RGB")))
    assert 10_000 < openai_images._sent._held <= 20_000


def test_one_image_is_kept_at_each_size_that_models_see_it_at() -> None:
    image = photo((300, 200))
    sizes = [received(part_of(image, VisionSpec(max_pixels=most)))[1].size for most in (10**6, 28 * 28 * 12)]
    assert sizes[0] == (300, 200) != sizes[1]
