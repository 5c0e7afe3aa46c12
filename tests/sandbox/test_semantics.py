"""A session behaves like a notebook."""

import pytest
from PIL import Image

from deepeyes.sandbox import CellResult, Sandbox, Session


async def run(session: Session, code: str) -> CellResult:
    return await session.run(code, timeout=60.0)


async def test_the_last_expression_is_the_result(session: Session) -> None:
    result = await run(session, "x = 20\nx + 1")
    assert (result.status, result.result, result.stdout, result.images) == ("ok", "21", "", [])


@pytest.mark.parametrize(
    ("code", "result"),
    [
        ("1;", None),
        ("1; # a comment", None),
        ("1  # not this;", "1"),
        ("';'", "';'"),
        ("x = 1", None),
        ("None", None),
        ("", None),
        ("# only a comment", None),
        ("def f():\n    return 2\nf()", "2"),
        ("'é' * 2", "'éé'"),
        ("[i for i in range(3)]", "[0, 1, 2]"),
        ("%matplotlib inline\n3", "3"),
        ("if True:\n    4", None),
    ],
)
async def test_what_is_shown(session: Session, code: str, result: str | None) -> None:
    got = await run(session, code)
    assert (got.status, got.result) == ("ok", result)


async def test_state_lasts_over_cells(session: Session) -> None:
    await run(
        session,
        "import math\nclass A:\n    n = 1\ndef g():\n    yield from range(3)\nit = g()\nf = lambda: A.n",
    )
    assert (await run(session, "next(it), f(), math.floor(1.5)")).result == "(0, 1, 1)"
    assert (await run(session, "next(it)")).result == "1"
    assert (await run(session, "_ + 1")).result == "2"
    assert (await run(session, "__name__")).result == "'__main__'"


async def test_globals_are_visible_in_nested_scopes(session: Session) -> None:
    await run(session, "k = 3\ndef outer():\n    return [k * i for i in range(2)]")
    assert (await run(session, "outer(), eval('k')")).result == "([0, 3], 3)"


async def test_both_streams(session: Session) -> None:
    result = await run(
        session, "import sys, os\nprint('out')\nprint('err', file=sys.stderr)\nos.write(1, b'raw')\n0;"
    )
    assert result.stdout == "out\nraw"
    assert result.stderr == "err\n"
    result = await run(
        session,
        "sys.stdout.buffer.write(b'bytes\\n'); import subprocess; subprocess.run(['echo', 'child'])\nNone",
    )
    assert result.stdout == "bytes\nchild\n"


async def test_a_traceback_names_only_the_cells_own_lines(session: Session) -> None:
    await run(session, "def f(a):\n    import json\n    return json.loads(a)")
    result = await run(session, "y = 1\nf('{')")
    assert result.status == "error"
    assert result.stderr.startswith("Traceback (most recent call last):\n")
    assert 'File "<cell 2>", line 2, in <module>' in result.stderr
    assert "    f('{')" in result.stderr
    assert 'File "<cell 1>", line 3, in f' in result.stderr
    assert "json/decoder.py" not in result.stderr and "jailed" not in result.stderr
    assert "JSONDecodeError" in result.stderr.splitlines()[-1]
    assert (await run(session, "y")).result == "1"


async def test_syntax_errors_point_at_the_line(session: Session) -> None:
    result = await run(session, "a = 1\nb = (")
    assert result.status == "error"
    assert 'File "<cell 1>", line 2' in result.stderr and "SyntaxError" in result.stderr


async def test_chained_exceptions_are_told(session: Session) -> None:
    result = await run(session, "try:\n    {}['a']\nexcept KeyError as e:\n    raise ValueError('b') from e")
    assert (
        "KeyError: 'a'" in result.stderr
        and "direct cause" in result.stderr
        and "ValueError: b" in result.stderr
    )


async def test_code_is_never_repaired(session: Session) -> None:
    assert "IndentationError" in (await run(session, "  x = 1")).stderr
    assert (await run(session, "s = '''a\n  b'''\ns")).result == r"'a\n  b'"


async def test_top_level_await(session: Session) -> None:
    result = await run(
        session,
        "import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    return 7\nv = await f()\nawait f()",
    )
    assert (result.status, result.result) == ("ok", "7")
    assert (await run(session, "v")).result == "7"


async def test_seeded_randomness_repeats_and_is_one_stream(sandbox: Sandbox) -> None:
    seen = []
    for _ in range(2):
        async with await sandbox.open(seed=5) as session:
            first = await run(session, "import random, numpy as np\nrandom.random(), float(np.random.rand())")
            second = await run(session, "random.random(), float(np.random.rand())")
            seen.append((first.result, second.result))
    assert seen[0] == seen[1]
    assert seen[0][0] != seen[0][1]


async def test_a_seed_set_by_the_code_holds_over_cells(session: Session) -> None:
    await run(session, "import random\nrandom.seed(1)")
    assert (await run(session, "random.random() == random.Random(1).random()")).result == "True"


async def test_exit_ends_the_cell_and_not_the_session(session: Session) -> None:
    await run(session, "z = 1")
    result = await run(session, "import sys\nsys.exit(3)")
    assert result.status == "error" and "SystemExit: 3" in result.stderr
    assert (await run(session, "z")).result == "1"


async def test_input_is_refused_with_a_lesson(session: Session) -> None:
    result = await run(session, "name = input('your name? ')")
    assert result.status == "error" and "nobody is there to type" in result.stderr


@pytest.mark.parametrize(
    "code",
    [
        "import urllib.request\nurllib.request.urlopen('http://example.com')",
        "import socket\nsocket.create_connection(('1.1.1.1', 53), 2)",
        "import socket\nsocket.gethostbyname('example.com')",
    ],
)
async def test_the_network_is_refused_with_a_lesson(session: Session, code: str) -> None:
    result = await run(session, code)
    assert result.status == "error" and "no network" in result.stderr


async def test_what_is_missing_is_told(session: Session) -> None:
    result = await run(session, "import surely_not_installed")
    assert "nothing can be installed" in result.stderr and "numpy" in result.stderr


async def test_long_output_is_cut_and_counted(session: Session) -> None:
    result = await run(session, "for _ in range(3000):\n    print('A' * 100)\n'B' * 10**6")
    assert len(result.stdout) < 70_000 and "bytes were dropped" in result.stdout
    assert result.result is not None and len(result.result) < 70_000 and "dropped" in result.result


async def test_lone_surrogates_do_not_break_the_protocol(session: Session) -> None:
    result = await run(session, "print('\\ud800')\n'\\ud800'")
    assert (result.status, result.stdout) == ("ok", "?\n")
    assert (await session.run("x = '\ud800'", 60.0)).status == "error"
    assert (await run(session, "1")).result == "1"


async def test_two_hundred_cells(session: Session) -> None:
    await run(session, "n = 0")
    for _ in range(60):
        assert (await run(session, "n += 1")).status == "ok"
    assert (await run(session, "n")).result == "60"


async def test_images_come_in_as_named_variables(sandbox: Sandbox) -> None:
    picture = Image.new("RGBA", (30, 20), (255, 0, 0, 255))
    async with await sandbox.open({"image_1": picture}) as session:
        assert (await run(session, "image_1.size, image_1.mode, image_1.getpixel((0, 0))")).result == (
            "((30, 20), 'RGB', (255, 0, 0))"
        )
        await session.put_images({"image_2": Image.new("L", (3, 4), 7)})
        assert (await run(session, "image_2.size, image_2.getpixel((0, 0))")).result == "((3, 4), (7, 7, 7))"


async def test_images_put_before_the_first_cell(sandbox: Sandbox) -> None:
    async with await sandbox.open() as session:
        await session.put_images({"image_1": Image.new("RGB", (5, 6))})
        assert not session.started
        assert (await run(session, "image_1.size")).result == "(5, 6)"


async def test_a_missing_file_points_to_the_images(sandbox: Sandbox) -> None:
    async with await sandbox.open({"image_1": Image.new("RGB", (5, 6))}) as session:
        assert "image_1" in (await run(session, "open('photo.png')")).stderr


async def test_pictures_come_out_in_order(sandbox: Sandbox) -> None:
    async with await sandbox.open({"image_1": Image.new("RGB", (40, 30), "blue")}) as session:
        result = await run(
            session,
            "display(image_1.crop((0, 0, 10, 5)), 3)\nimage_1.rotate(90, expand=True).show()\nimage_1",
        )
    assert [image.size for image in result.images] == [(10, 5), (30, 40), (40, 30)]
    assert result.images[2].getpixel((0, 0)) == (0, 0, 255)
    assert (result.result, result.stdout) == (None, "3\n")


@pytest.mark.parametrize(
    ("make", "pixel"),
    [
        ("Image.new('RGBA', (4, 4), (255, 0, 0, 0))", (255, 255, 255)),
        ("Image.new('L', (4, 4), 9)", (9, 9, 9)),
        ("Image.new('1', (4, 4), 1)", (255, 255, 255)),
        ("Image.new('P', (4, 4), 0)", (0, 0, 0)),
        ("Image.new('CMYK', (4, 4), (0, 255, 255, 0))", (255, 0, 0)),
        ("Image.fromarray(numpy.array([[0, 1000], [2000, 4000]], dtype='int32'))", (0, 0, 0)),
        ("Image.fromarray(numpy.array([[numpy.nan, 1.0, 3.0]], dtype='float32'))", (0, 0, 0)),
        ("Image.new('I;16', (4, 4), 40000)", (0, 0, 0)),
    ],
)
async def test_every_mode_comes_out_as_rgb(session: Session, make: str, pixel: tuple[int, int, int]) -> None:
    result = await run(session, f"import numpy\nfrom PIL import Image\n{make}")
    assert result.status == "ok", result.stderr
    assert result.images[0].mode == "RGB" and result.images[0].getpixel((0, 0)) == pixel


async def test_too_many_and_too_large_pictures(session: Session) -> None:
    result = await run(
        session, "from PIL import Image\nfor _ in range(15):\n    display(Image.new('RGB', (2, 2)))"
    )
    assert (len(result.images), result.dropped) == (10, 5)
    result = await run(session, "Image.new('RGB', (9000, 3000))")
    width, height = result.images[0].size
    assert width <= 4096 and width * height <= 4_000_000 and width / height == pytest.approx(3, rel=0.01)


async def test_figures(session: Session) -> None:
    pytest.importorskip("matplotlib")
    result = await run(
        session,
        "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()\nplt.figure()\nplt.plot([2, 1]);",
    )
    assert result.status == "ok", result.stderr
    assert len(result.images) == 2 and result.stderr == ""
    assert (await run(session, "plt.get_fignums()")).result == "[]"
    result = await run(
        session,
        "from matplotlib.figure import Figure\nf = Figure(figsize=(1, 1))\nf.add_subplot().plot([1])\nf",
    )
    assert len(result.images) == 1 and result.result is None
    result = await run(session, "fig, ax = plt.subplots()\nax.plot([1])\nfig")
    assert len(result.images) == 1
    result = await run(session, "plt.figure(figsize=(300, 300), dpi=300)\nplt.show()")
    assert result.images[0].width * result.images[0].height <= 4_000_000


async def test_files_in_and_out(session: Session) -> None:
    await session.put_file("data/table.csv", b"a,b\n1,2\n")
    assert (await run(session, "open('data/table.csv').read()")).result == r"'a,b\n1,2\n'"
    await run(session, "open('out.bin', 'wb').write(bytes(range(4)))")
    assert await session.get_file("out.bin") == bytes(range(4))


async def test_a_template_shares_its_images(sandbox: Sandbox) -> None:
    async with sandbox.template({"image_1": Image.new("RGB", (8, 8), "lime")}) as template:
        async with await template.open(seed=1) as one, await template.open(seed=2) as two:
            await run(one, "image_1 = None")
            assert (await run(two, "image_1.getpixel((0, 0))")).result == "(0, 255, 0)"


async def test_modules_written_by_a_cell_can_be_imported(session: Session) -> None:
    await run(session, "open('tool.py', 'w').write('def twice(x): return 2 * x')")
    assert (await run(session, "import tool\ntool.twice(4)")).result == "8"


async def test_notebook_habits_go_on_working(session: Session) -> None:
    code = "from IPython.display import display, Markdown, clear_output\nfrom PIL import Image\n"
    result = await run(
        session, f"{code}clear_output()\ndisplay(Image.new('RGB', (3, 2)), Markdown('**hi**'))"
    )
    assert ([image.size for image in result.images], result.stdout) == ([(3, 2)], "**hi**\n"), result.stderr
    assert (await run(session, "import IPython\nIPython.get_ipython()")).result is None
    save = (
        "Image.new('RGB', (5, 4)).save('a.png')\nfrom IPython.display import Image as I\nI(filename='a.png')"
    )
    assert [image.size for image in (await run(session, save)).images] == [(5, 4)]
    await run(session, "import matplotlib.pyplot as plt")


@pytest.mark.parametrize("code", ["!pip install torch", "x = 1\n%time x", "%%bash\nls"])
async def test_notebook_commands_are_refused_with_a_lesson(session: Session, code: str) -> None:
    result = await run(session, code)
    assert result.status == "error" and "Note: Lines that begin with % or !" in result.stderr
