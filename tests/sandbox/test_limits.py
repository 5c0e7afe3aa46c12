"""Limits and their defaults: what is at one passes whole, one more does not."""

import os
import re
from pathlib import Path

import pytest
from PIL import Image

from deepeyes.core.errors import ConfigError, InputError
from deepeyes.sandbox import Sandbox, SandboxLimits, Session, frames
from deepeyes.sandbox.check import parse_tier
from deepeyes.sandbox.images import check_names
from deepeyes.sandbox.jailed import hints
from deepeyes.sandbox.jailed.cell import RESULT_CAP, TRACEBACK_CAP
from deepeyes.sandbox.jailed.display import Display
from deepeyes.sandbox.jailed.output import CAP, RawFile, Stream
from deepeyes.sandbox.tiers import Probe, refusal

DOCS = Path(__file__).parents[2] / "docs" / "sandbox.md"


def test_the_defaults_are_those_that_the_docs_promise() -> None:
    table = DOCS.read_text().partition("| field | default | by |")[2].partition("\n\n")[0]
    promised: dict[str, float] = {}
    for row in table.splitlines()[2:]:
        names, numbers = row.split("|")[1:3]
        values = [float(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", numbers)]
        promised.update(zip(re.findall(r"`(\w+)`", names), values, strict=True))
    assert promised == SandboxLimits().model_dump()


def reply(**fields: object) -> frames.Reply:
    header = {"kind": "ok", "id": 1, "blobs": [], **fields}
    return frames.parse_header(str(header).replace("'", '"').encode())


@pytest.mark.parametrize(
    ("most", "over"),
    [
        ({"blobs": [0] * frames.MAX_BLOBS}, {"blobs": [0] * (frames.MAX_BLOBS + 1)}),
        ({"blobs": [frames.MAX_BLOB_BYTES]}, {"blobs": [frames.MAX_BLOB_BYTES + 1]}),
        ({"blobs": [frames.MAX_BLOB_BYTES - 1, 1]}, {"blobs": [frames.MAX_BLOB_BYTES, 1]}),
        ({"images": [[frames.MAX_SIDE, 1]]}, {"images": [[frames.MAX_SIDE + 1, 1]]}),
        ({"images": [[1, 1]] * frames.MAX_BLOBS}, {"images": [[1, 1]] * (frames.MAX_BLOBS + 1)}),
        ({"stdout": "x" * (1 << 20)}, {"stdout": "x" * ((1 << 20) + 1)}),
        ({"stderr": "x" * (1 << 20)}, {"stderr": "x" * ((1 << 20) + 1)}),
        ({"result": "x" * (1 << 20)}, {"result": "x" * ((1 << 20) + 1)}),
        ({"id": (1 << 32) - 1}, {"id": 1 << 32}),
        ({"dropped": (1 << 31) - 1}, {"dropped": 1 << 31}),
    ],
)
def test_a_header_at_its_limit_passes_and_one_more_is_refused(
    most: dict[str, object], over: dict[str, object]
) -> None:
    assert reply(**most).kind == "ok"
    with pytest.raises(frames.ProtocolError):
        reply(**over)


def test_the_largest_header() -> None:
    assert frames.header_length(frames.LENGTH.pack(frames.MAX_HEADER)) == 4 << 20
    with pytest.raises(frames.ProtocolError, match="4194305 bytes"):
        frames.header_length(frames.LENGTH.pack(frames.MAX_HEADER + 1))


def test_the_caps_are_those_that_the_docs_promise() -> None:
    assert CAP == RESULT_CAP == 64 << 10 and TRACEBACK_CAP == 8000
    assert "cut at 64 KiB per stream" in DOCS.read_text() and "tracebacks at 8,000" in DOCS.read_text()


def test_a_stream_at_its_cap_is_whole() -> None:
    stream = Stream(1)
    stream.write("x" * CAP)
    assert stream.text() == "x" * CAP
    stream.write("y")
    assert stream.text() == "x" * CAP + "\n... [1 more bytes were dropped]"
    stream.reset()
    stream.write("x" * (CAP + 3))
    assert stream.text() == "x" * CAP + "\n... [3 more bytes were dropped]"


def test_a_raw_file_at_its_cap_is_whole(tmp_path: Path) -> None:
    target = os.open(os.devnull, os.O_WRONLY)
    try:
        file = RawFile(str(tmp_path), target)
        os.write(target, b"x" * CAP)
        assert file.text() == "x" * CAP
        os.write(target, b"yz")
        assert file.text() == "x" * CAP + "\n... [2 more bytes were dropped]"
        file.reset()
        assert file.text() == ""
    finally:
        os.close(target)


async def test_a_result_at_its_cap_is_whole(session: Session) -> None:
    assert (await session.run(f"'x' * {RESULT_CAP - 2}", 60)).result == f"'{'x' * (RESULT_CAP - 2)}'"
    long = (await session.run(f"'x' * {RESULT_CAP - 1}", 60)).result
    assert long == f"'{'x' * (RESULT_CAP - 1)}... [1 more characters were dropped]"


async def test_a_traceback_at_its_cap_is_whole(session: Session) -> None:
    async def raised(length: int) -> str:
        return (await session.run(f"words = 'x' * {length}\nraise ValueError(words)", 60)).stderr

    around = len(await raised(1)) - 1
    assert len(await raised(TRACEBACK_CAP - around)) == TRACEBACK_CAP
    assert "\n... [cut]\n" not in await raised(TRACEBACK_CAP - around)
    assert "\n... [cut]\n" in await raised(TRACEBACK_CAP - around + 1)


def shown(limits: SandboxLimits, *sizes: tuple[int, int]) -> Display:
    display = Display(limits.model_dump())
    for size in sizes:
        assert display.show(Image.new("RGB", size))
    return display


def test_as_many_images_as_allowed_are_shown_and_the_rest_is_counted() -> None:
    limits = SandboxLimits(images=3)
    assert (len(shown(limits, *[(2, 2)] * 3).images), shown(limits, *[(2, 2)] * 3).dropped) == (3, 0)
    assert (len(shown(limits, *[(2, 2)] * 4).images), shown(limits, *[(2, 2)] * 4).dropped) == (3, 1)


@pytest.mark.parametrize(
    ("size", "leaves"),
    [
        ((100, 50), (100, 50)),
        ((101, 50), (100, 49)),
        ((100, 51), (99, 50)),
        ((400, 12), (400, 12)),
        ((401, 12), (400, 11)),
        ((12, 400), (12, 400)),
        ((12, 401), (11, 400)),
        ((100_000, 1), (400, 1)),
        ((1, 100_000), (1, 400)),
    ],
)
def test_an_image_at_its_limits_leaves_as_it_is(size: tuple[int, int], leaves: tuple[int, int]) -> None:
    ((width, height, raw),) = shown(SandboxLimits(image_pixels=5000, image_side=400), size).images
    assert (width, height) == leaves and len(raw) == 3 * width * height


@pytest.mark.parametrize("size", [(100, 1), (1, 100), (7, 7), (1000, 3)])
def test_no_image_is_so_narrow_that_it_passes_its_limit(size: tuple[int, int]) -> None:
    ((width, height, _),) = shown(SandboxLimits(image_pixels=3, image_side=400), size).images
    assert width * height <= 3


async def test_a_file_as_large_as_allowed_is_written_and_no_byte_more(sandbox: Sandbox) -> None:
    limits = SandboxLimits(file_mib=1, nice=0)
    async with await sandbox.open(limits=limits) as session:
        fits = await session.run("open('f', 'wb').write(bytes(1 << 20))", 60)
        assert (fits.status, fits.result) == ("ok", str(1 << 20))
        more = await session.run("f = open('f', 'ab', 0)\nf.write(b'x')", 60)
        assert more.status == "error" and "File too large" in more.stderr


@pytest.mark.parametrize(
    ("field", "least", "most"),
    [
        ("memory_mib", 64, None),
        ("session_memory_mib", 64, None),
        ("cpu_seconds", 1, None),
        ("processes", 4, None),
        ("disk_mib", 1, None),
        ("files", 16, None),
        ("file_mib", 1, None),
        ("open_files", 32, None),
        ("images", 0, 60),
        ("image_pixels", 1, None),
        ("image_side", 1, 16384),
        ("stretch", 1, None),
        ("nice", 0, 19),
    ],
)
def test_the_bounds_of_limits(field: str, least: int, most: int | None) -> None:
    SandboxLimits.model_validate({field: least})
    for over in (least - 1, *([most + 1] if most else [])):
        with pytest.raises(ValueError, match=field):
            SandboxLimits.model_validate({field: over})
    if most:
        SandboxLimits.model_validate({field: most})


def test_no_grace_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="grace"):
        SandboxLimits(grace=0)


@pytest.mark.parametrize(
    ("step", "cure"),
    [
        ("user namespace", "--security-opt apparmor=unconfined"),
        ("private root", "--cap-add SYS_ADMIN"),
        ("proc", "--security-opt systempaths=unconfined"),
        ("landlock", "use a kernel of 5.13 or newer with Landlock enabled"),
        ("interpreter", "use a Python that every user may read, such as /usr/bin/python3"),
        ("machine", "run on x86-64 or aarch64 Linux"),
        ("unheard of", "see docs/sandbox.md, or use a virtual machine of your own"),
    ],
)
def test_every_refusal_ends_with_its_cure(step: str, cure: str) -> None:
    assert str(refusal([Probe(f"full / {step}", False, "no")])).endswith(cure)


def test_other_errors_end_with_their_remedies() -> None:
    with pytest.raises(ConfigError, match=r"use one of full, uid, landlock$"):
        parse_tier("strong")
    with pytest.raises(InputError, match=r"use a variable name such as image_1$"):
        check_names({"not a name": None})


def test_what_a_cell_died_of_is_told() -> None:
    assert "most likely for using too much memory. Variables are as they were" in hints.death(-9)
    assert "for a system call that is not allowed. Variables are as they were" in hints.death(-31)
    assert "it ended itself (exit code 7)" in hints.death(7)
