"""Pictures: every odd file becomes upright RGB or a one-line error; sizes agree with Transformers."""

import ast
import io
import math
import struct
import zlib
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from deepeyes.core.errors import InputError, StorageError
from deepeyes.core.files import write_atomic
from deepeyes.core.images import MAX_ASPECT, ImageStore, VisionSpec, image_ref, load_image, to_rgb, view_size


def encoded(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def refused(source: str | bytes | Path) -> str:
    with pytest.raises(InputError) as caught:
        load_image(source)
    text = str(caught.value)
    assert "\n" not in text and ": " in text
    assert caught.value.remedy
    return text


# ---- bad pictures


def test_missing_file_and_folder(tmp_path: Path):
    assert "there is no picture" in refused(tmp_path / "none.png")
    assert "is a folder" in refused(tmp_path)


def test_zero_bytes(tmp_path: Path):
    empty = tmp_path / "empty.png"
    empty.touch()
    assert refused(empty).startswith("empty.png is empty (0 bytes)")


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_truncated(format: str):
    whole = encoded(Image.effect_noise((200, 200), 80).convert("RGB"), format)
    refused(whole[: len(whole) // 2])


def test_not_a_picture():
    message = refused(b"%PDF-1.7 hello")
    assert "unknown format" in message and "0x" not in message


def test_decompression_bomb_is_refused_before_decoding():
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100))
    refused(bomb + chunk(b"IEND", b""))
    header = struct.pack(">IIBBBBB", 16_000, 10_000, 8, 2, 0, 0, 0)
    big = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100))
    assert "16000x10000 pixels" in refused(big + chunk(b"IEND", b""))


@settings(max_examples=200)
@given(
    st.binary(max_size=300),
    st.sampled_from(["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"]),
    st.integers(0, 250),
)
def test_hostile_bytes_never_give_anything_but_a_picture_or_an_input_error(
    noise: bytes, format: str, at: int
):
    whole = bytearray(encoded(Image.new("RGB", (9, 7), "red"), format))
    whole[at : at + len(noise)] = noise
    try:
        assert load_image(bytes(whole)).image.mode == "RGB"
    except InputError as error:
        assert error.remedy


# ---- odd pictures


def test_cmyk():
    image = load_image(encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=100)).image
    red, green, blue = image.getpixel((4, 4))
    assert image.mode == "RGB" and red > 200 and green < 60 and blue < 60


def test_sixteen_bit_grey():
    image = load_image(encoded(Image.frombytes("I;16", (2, 1), struct.pack("<HH", 0, 65535)))).image
    assert [image.getpixel((x, 0)) for x in (0, 1)] == [(0, 0, 0), (255, 255, 255)]


def test_float_tiff_is_stretched():
    source = Image.new("F", (2, 1), -3.5)
    source.putpixel((1, 0), 9.25)
    image = load_image(encoded(source, "TIFF")).image
    assert [image.getpixel((x, 0)) for x in (0, 1)] == [(0, 0, 0), (255, 255, 255)]


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_shown_on_white(mode: str):
    clear = Image.new("RGBA", (4, 4), (0, 0, 0, 0)).convert(mode)
    options = {"transparency": clear.getpixel((0, 0))} if mode == "P" else {}
    assert load_image(encoded(clear, **options)).image.getpixel((1, 1)) == (255, 255, 255)


def test_exif_rotation_is_applied():
    exif = Image.Exif()
    exif[0x0112] = 6
    loaded = load_image(encoded(Image.new("RGB", (40, 20), "red"), "JPEG", exif=exif))
    assert loaded.image.size == (20, 40)


def test_broken_exif_never_costs_the_picture():
    loaded = load_image(
        encoded(Image.new("RGB", (40, 20)), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\xff" + b"\xff" * 40)
    )
    assert loaded.image.size == (40, 20)


def test_animation_gives_its_first_frame_and_says_so(tmp_path: Path):
    frames = [Image.new("RGB", (10, 10), colour) for colour in ("red", "blue", "green")]
    path = tmp_path / "moves.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    loaded = load_image(path)
    assert loaded.image.getpixel((5, 5)) == (255, 0, 0)
    assert loaded.notes == ["moves.gif has 3 frames: only the first is used"]


@pytest.mark.parametrize("size", [(1, 1), (20_000, 20), (20, 20_000), (3, 5000)])
def test_extreme_shapes_are_seen_at_a_legal_size(size: tuple[int, int]):
    image = load_image(encoded(Image.new("RGB", size, "navy"))).image
    assert image.size == size
    view = VisionSpec(max_pixels=64 * 28 * 28).view(image)
    assert view.width % 28 == 0 and view.height % 28 == 0
    assert view.width * view.height <= 64 * 28 * 28
    assert max(view.size) <= 200 * min(view.size)
    assert view.getpixel((0, 0)) == (0, 0, 128)


# ---- view size

SIDES = st.integers(1, 6000)
LIMITS = st.sampled_from([(56 * 56, 64 * 784), (56 * 56, 1280 * 784), (4 * 784, 16384 * 784)])


@settings(max_examples=500)
@given(SIDES, SIDES, LIMITS)
def test_view_size_is_legal_and_stable(width: int, height: int, limits: tuple[int, int]):
    low, high = limits
    size = view_size(width, height, min_pixels=low, max_pixels=high)
    assert low <= size[0] * size[1] <= high
    assert view_size(*size, min_pixels=low, max_pixels=high) == size


@cache
def smart_resize() -> Callable[..., tuple[int, int]]:
    """Transformers' own function, taken from its source, because importing it takes ten seconds."""
    found = find_spec("transformers")
    if found is None or found.origin is None:
        pytest.skip("transformers is not installed")
    path = Path(found.origin).parent / "models/qwen2_vl/image_processing_qwen2_vl.py"
    functions = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
    names: dict[str, Any] = {"math": math}
    (function,) = [node for node in functions if node.name == "smart_resize"]
    exec(compile(ast.Module([function], []), str(path), "exec"), names)
    return names["smart_resize"]


@settings(max_examples=500)
@example(29, 5615, (56 * 56, 1280 * 28 * 28))  # 200.5 cells long: their size is one that they would refuse
@given(SIDES, SIDES, LIMITS)
def test_view_size_agrees_with_transformers(width: int, height: int, limits: tuple[int, int]):
    resize = smart_resize()
    low, high = limits
    ours = view_size(width, height, min_pixels=low, max_pixels=high)
    try:
        theirs = resize(height, width, 28, low, high)[::-1]
    except ValueError:
        theirs = None  # aspect above 200
    if theirs is not None and theirs[0] * theirs[1] <= high and max(theirs) <= MAX_ASPECT * min(theirs):
        assert ours == theirs
    assert resize(ours[1], ours[0], 28, low, high)[::-1] == ours, "a processor leaves our view as it is"


def test_vision_spec_refuses_impossible_limits():
    with pytest.raises(ValueError, match="max_pixels"):
        VisionSpec(min_pixels=5000, max_pixels=4000)
    with pytest.raises(ValueError, match="max_pixel"):
        VisionSpec.model_validate({"max_pixel": 4000})


# ---- the store


def test_the_name_is_the_pixels():
    red = Image.new("RGB", (6, 4), "red")
    assert image_ref(red) == image_ref(load_image(encoded(red, "BMP")).image)
    assert image_ref(red) != image_ref(Image.new("RGB", (4, 6), "red"))
    assert image_ref(red) != image_ref(Image.new("RGB", (6, 4), "blue"))


@pytest.mark.parametrize("in_memory", [True, False])
def test_put_and_get(tmp_path: Path, in_memory: bool):
    store = ImageStore(None if in_memory else tmp_path / "images")
    noise = Image.effect_noise((30, 20), 90).convert("RGB")
    ref = store.put(noise)
    assert ref in store and store.put(noise) == ref
    assert (ref.width, ref.height) == (30, 20)
    assert store.get(ref).tobytes() == noise.tobytes()
    absent = image_ref(Image.new("RGB", (1, 1)))
    assert absent not in store
    with pytest.raises(InputError, match="is not in the store"):
        store.get(absent)


def test_a_store_over_another_reads_both_and_writes_only_itself(tmp_path: Path):
    below = ImageStore(tmp_path / "data")
    old = below.put(Image.new("RGB", (3, 3), "red"))
    above = ImageStore(None, parent=below)
    new = above.put(Image.new("RGB", (3, 3), "blue"))
    assert old in above and new not in below
    target = ImageStore(tmp_path / "run")
    target.copy_from(above, [old, new])
    assert {path.name for path in (tmp_path / "run").iterdir()} == {f"{ref.sha256}.png" for ref in (old, new)}
    assert target.get(old) == below.get(old)


def test_writes_leave_nothing_behind_when_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(StorageError, match="the disk is full"):
        write_atomic(tmp_path / "a.png", b"x")
    assert list(tmp_path.iterdir()) == []


def test_to_rgb_keeps_rgb_as_it_is():
    image = Image.new("RGB", (2, 2))
    assert to_rgb(image) is image
