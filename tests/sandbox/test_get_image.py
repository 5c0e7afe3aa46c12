"""A variable's picture is given truthfully, within limits, and without touching the session."""

import asyncio
import time

import pytest
from PIL import Image

from deepeyes.sandbox import BlockingSandbox, Sandbox, SandboxLimits, Session
from deepeyes.sandbox.session import SessionLost

SECONDS = 60.0
LIAR = """
from PIL import Image
class Liar(Image.Image):
    @property
    def size(self): return (10**6, 10**6)
    @property
    def mode(self): return "RGB"
    @property
    def __class__(self): return int
    def tobytes(self, *a, **k): global told; told = True; return b"forged"
    def save(self, *a, **k): global told; told = True
    def convert(self, *a, **k): global told; told = True; return self
    def resize(self, *a, **k): global told; told = True; return self
    def load(self, *a, **k): global told; told = True
    def __getattribute__(self, name): global told; told = True; return super().__getattribute__(name)
told = False
liar = Liar()
liar.__dict__.update(Image.new("L", (3, 2), 7).__dict__)
told = False
"""


async def cell(session: Session, code: str) -> str | None:
    result = await session.run(code, SECONDS)
    assert result.status == "ok", result.stderr
    return result.result


async def test_the_picture_of_a_variable(session: Session) -> None:
    await cell(session, "from PIL import Image\npart = Image.new('RGB', (4, 3), 'lime')\nother = [1]")
    picture = await session.get_image("part")
    assert picture is not None
    assert (picture.mode, picture.size, picture.getpixel((0, 0))) == ("RGB", (4, 3), (0, 255, 0))
    assert type(picture) is Image.Image


@pytest.mark.parametrize(
    "name",
    [
        "other",
        "missing",
        "Image",
        "__import__",
        "__builtins__",
        "part.size",
        "part[0]",
        "1",
        "",
        "class",
        "é\0",
    ],
)
async def test_anything_else_is_none(session: Session, name: str) -> None:
    await cell(session, "from PIL import Image\npart = Image.new('RGB', (4, 3))\nother = [1]")
    assert await session.get_image(name) is None


@pytest.mark.parametrize("mode", ["RGBA", "L", "1", "P", "I", "F", "CMYK", "LA"])
async def test_every_mode_is_given_as_rgb(session: Session, mode: str) -> None:
    await cell(session, f"from PIL import Image\np = Image.new({mode!r}, (5, 4))")
    picture = await session.get_image("p")
    assert picture is not None and (picture.mode, picture.size) == ("RGB", (5, 4))


async def test_it_is_no_cell_and_changes_nothing(session: Session) -> None:
    await cell(
        session, "import random\nrandom.seed(3)\nfrom PIL import Image\np = Image.new('RGB', (4, 3))\n_ = 5"
    )
    before = await cell(session, "state = random.getstate(); list(globals())")
    for _ in range(3):
        assert await session.get_image("p")
    assert await cell(session, "random.getstate() == state") == "True"
    assert await cell(session, "list(globals())") == before
    assert "<cell 5>" in (await session.run("1 / 0", SECONDS)).stderr


async def test_a_lying_subclass_is_seen_as_it_is(session: Session) -> None:
    await cell(session, LIAR)
    picture = await session.get_image("liar")
    assert picture is not None
    assert (picture.size, picture.getpixel((0, 0))) == ((3, 2), (7, 7, 7))
    assert await cell(session, "told") == "False"


@pytest.mark.parametrize(
    "load",
    [
        "while True: pass",
        "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)",
        "import os; os._exit(0)",
        "import os; os.fork(); raise SystemExit",
        "import ctypes; ctypes.string_at(0)",
        "x = bytearray(3 << 30)",
        "raise KeyboardInterrupt",
    ],
)
async def test_code_that_runs_while_it_is_loaded_is_bounded(session: Session, load: str) -> None:
    body = f"def load(self):\n        global loaded; loaded = True\n        {load}"
    await cell(
        session, f"from PIL import Image\nloaded = False\nclass Lazy(Image.Image):\n    {body}\nlazy = Lazy()"
    )
    began = time.monotonic()
    assert await session.get_image("lazy") is None
    assert time.monotonic() - began < 30
    assert await cell(session, "loaded") == "False"


async def test_a_file_not_read_yet_is_read(session: Session) -> None:
    await cell(
        session, "from PIL import Image\nImage.new('P', (6, 5), 3).save('a.png')\np = Image.open('a.png')"
    )
    picture = await session.get_image("p")
    assert picture is not None and picture.size == (6, 5)
    assert await cell(session, "p.size, p._im is None") == "((6, 5), True)"


async def test_a_picture_above_the_limits_is_scaled_down(sandbox: Sandbox) -> None:
    limits = SandboxLimits(image_pixels=10_000, image_side=400, nice=0)
    async with await sandbox.open(limits=limits) as session:
        await cell(
            session, "from PIL import Image\np = Image.new('RGB', (4000, 100))\nq = Image.new('L', (0, 5))"
        )
        picture = await session.get_image("p")
        assert picture is not None and picture.width <= 400 and picture.width * picture.height <= 10_000
        assert await session.get_image("q") is None


async def test_a_forged_answer_loses_the_session_only(sandbox: Sandbox) -> None:
    async with await sandbox.open() as session:
        forge = (
            "import os, struct, json\n        "
            "h = {'kind': 'ok', 'id': 3, 'images': [[16000, 16000]], 'blobs': [3]}\n        "
            "h = json.dumps(h).encode()\n        "
            "os.write(3, struct.pack('!I', len(h)) + h + b'abc')\n        os._exit(0)"
        )
        await cell(
            session,
            f"from PIL import Image\nclass F(Image.Image):\n    def load(self):\n        {forge}\nf = F()",
        )
        with pytest.raises(SessionLost, match="protocol"):
            await session.get_image("f")
        assert session.lost
    async with await sandbox.open() as other:
        assert await cell(other, "1") == "1"


async def test_while_threads_run_it_still_works(session: Session) -> None:
    await cell(
        session,
        "import threading\nfrom PIL import Image\np = Image.new('RGB', (4, 3))\n"
        "go = threading.Event()\nthreading.Thread(target=go.wait, daemon=True).start()",
    )
    assert await session.get_image("p") is not None
    assert await cell(session, "go.set()") is None


async def test_before_and_after_the_session_lives(sandbox: Sandbox) -> None:
    session = await sandbox.open({"image_1": Image.new("L", (3, 3))})
    picture = await session.get_image("image_1")
    assert picture is not None and picture.mode == "RGB" and not session.started
    assert await session.get_image("image_2") is None and not session.started
    await session.close()
    with pytest.raises(SessionLost):
        await session.get_image("image_1")


async def test_several_ask_at_once(session: Session) -> None:
    await cell(session, "from PIL import Image\np = Image.new('RGB', (9, 3))")
    found = await asyncio.gather(*(session.get_image("p") for _ in range(5)))
    assert [picture.size for picture in found if picture] == [(9, 3)] * 5


def test_the_blocking_face() -> None:
    with BlockingSandbox() as sandbox, sandbox.open({"image_1": Image.new("RGB", (3, 2))}) as session:
        session.run("crop = image_1.crop((0, 0, 2, 1))")
        picture = session.get_image("crop")
        assert picture is not None and picture.size == (2, 1)
        assert session.get_image("none") is None
