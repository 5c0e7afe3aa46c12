"""Sessions of cells as a model writes them, to be run here and elsewhere: what comes out must be the same.

Each session is a list of cells that build on each other. Values are drawn from a fixed seed, so every run has
the same cells. Nothing in them depends on an address, a clock, or the order of a hash.
"""

# A cell reads better on one line.
# ruff: noqa: E501

from __future__ import annotations

import random
from collections.abc import Callable

Session = list[str]

STATE = (
    "print(sorted((k, repr(v)) for k, v in globals().items() if not k.startswith('_') and k not in ('In', 'Out')"
    " and type(v) in (int, float, str, list, tuple, dict, set, bool, bytes, complex, range)))"
)
"""Run last in each session: every plain value it holds."""


def sessions(seed: int = 0) -> list[Session]:
    """Every maker's session once with drawn values, and those with much to draw three times."""
    dice = random.Random(seed)
    made = [maker(dice) for maker in (*_DRAWN, *_DRAWN, *_DRAWN)]
    return made + [list(session) for session in _FIXED]


def _arithmetic(dice: random.Random) -> Session:
    a, b, op = dice.randint(-99, 99), dice.randint(-3, 3), dice.choice(["+", "-", "*", "/", "//", "%", "**"])
    return [
        f"a = {a}\nb = {b}",
        f"a {op} b",
        "_",
        f"c = [a, b]; c[{dice.randint(0, 3)}]",
        "a, b = b, a\na - b",
    ]


def _text(dice: random.Random) -> Session:
    word = "".join(dice.choice("abcäß漢🙂 '\"\\\n") for _ in range(dice.randint(1, 8)))
    cut = dice.randint(-4, 4)
    return [
        f"s = {word!r}\ns",
        f"s[{cut}:], len(s), s.upper()",
        f"print(s, end={dice.choice(['', '!', chr(10)])!r})",
        "f'{s!r:>12}|{len(s):03d}'",
        "s.encode()",
        f"s[{dice.randint(5, 12)}]",
    ]


def _containers(dice: random.Random) -> Session:
    values = [dice.randint(0, 9) for _ in range(6)]
    return [
        f"v = {values}\nd = {{k: v.count(k) for k in sorted(set(v))}}",
        "d",
        f"d[{dice.randint(0, 9)}]",
        f"v.sort(reverse={dice.random() < 0.5}); v",
        f"v.remove({dice.randint(0, 9)})",
        "for i, x in enumerate(v[:2]):\n    print(i, x)",
        "[*v, *d.values()][:4]",
    ]


def _functions(dice: random.Random) -> Session:
    n = dice.randint(1, 6)
    return [
        f"k = {n}\ndef f(x, *rest, scale=2, **more):\n    return x * k * scale + len(rest)",
        "f(1), f(1, 2, 3), f(1, scale=0, other=1)",
        f"k = {n + 1}\nf({dice.randint(0, 5)})",
        dice.choice(["f()", "f(1, x=2)", "f('a')", "f(None)"]),
        "def fact(n): return 1 if n < 2 else n * fact(n - 1)\nfact(k)",
        "def counter():\n    n = 0\n    def up():\n        nonlocal n\n        n += 1\n        return n\n    return up\nup = counter(); up(); up()",
    ]


def _classes(dice: random.Random) -> Session:
    return [
        "class Box:\n    n = 0\n    def __init__(self, w): self.w = w; Box.n += 1\n    def __repr__(self): return f'Box({self.w})'\n"
        "    @property\n    def area(self): return self.w ** 2",
        f"b = Box({dice.randint(1, 9)})\nb",
        "b.area, Box.n, isinstance(b, Box), type(b).__module__",
        "class Small(Box):\n    def __init__(self): super().__init__(1)\nSmall()",
        dice.choice(["b.missing", "b.area = 3", "Box()", "b()"]),
        "from dataclasses import dataclass, replace\n@dataclass(order=True)\nclass P:\n    x: int\n    y: int = 2\nreplace(P(1), y=5), P(1) < P(2)",
    ]


def _errors(dice: random.Random) -> Session:
    inner = dice.choice(
        ["1 / 0", "[][1]", "{}['k']", "int('x')", "None.a", "'a' + 1", "undefined", "assert 0, 'no'"]
    )
    return [
        "done = []",
        f"def g():\n    try:\n        {inner}\n    finally:\n        done.append(1)\ng()",
        "done",
        f"try:\n    {inner}\nexcept Exception as e:\n    print(type(e).__name__, e)",
        f"try:\n    {inner}\nexcept Exception as e:\n    raise RuntimeError('outer') from e",
        "class Mine(ValueError): pass\nraise Mine",
        f"before = {dice.randint(0, 9)}\nraise KeyError(before)\nafter = 1",
        "before",
    ]


def _numbers(dice: random.Random) -> Session:
    seed, size = dice.randint(0, 99), dice.randint(2, 4)
    return [
        f"import numpy as np\nrng = np.random.default_rng({seed})\nm = rng.integers(0, 9, ({size}, {size}))\nm",
        "m.sum(), m.mean() > 3, m.dtype, m.shape",
        "m @ m.T",
        f"m[{dice.randint(0, 6)}]",
        "m + np.ones(99)",
        "np.float64(m.max()), float(np.sqrt(2))",
    ]


def _pictures(dice: random.Random) -> Session:
    w, h = dice.randint(2, 40), dice.randint(2, 40)
    return [
        f"from PIL import Image\nim = Image.new('RGB', ({w}, {h}), 'red')\nim.size, im.mode, im.getpixel((0, 0))",
        f"part = im.crop((1, 1, {w // 2 + 1}, {h})); part.size",
        "part.resize((7, 5)).rotate(90, expand=True).size",
        f"im.getpixel(({w + 5}, 0))",
        "Image.open('nothing.png')",
        "import numpy as np\nnp.asarray(im).mean(axis=(0, 1)).tolist()",
    ]


_DRAWN: tuple[Callable[[random.Random], Session], ...] = (
    _arithmetic,
    _text,
    _containers,
    _functions,
    _classes,
    _errors,
    _numbers,
    _pictures,
)

_FIXED: tuple[Session, ...] = (
    ["1;", "1; ", "1 # ;", "';'", "x = 1;", "(1,\n 2)", "1\n\n\n", "# c\n5 # d", "1; 2", "1; 2;", "", "None", "..."],
    ["if True:\n    1", "for i in range(2): i", "with open('t', 'w') as f:\n    f.write('abc')", "open('t').read()"],
    ["def f(:", "x = (", "  y = 1", "if 1:\nz = 2", "a = 1\n\tb = 2", "'abc", "return 1", "f(**{'a': 1}, *x)", "1 = x"],
    ["yield 1", "break", "await x", "type(lambda: (yield))", "x = 08", "print 'a'", "nonlocal q", "del (1)", "é = 2; é"],
    ["import sys\nprint('out'); print('err', file=sys.stderr)", "sys.stdout.write('four')", "print(1, 2, sep='-', flush=True)"],
    ["print('a', end='')\nprint('b')", "import os\nos.path.basename('/a/b')", "print(*[1, 2], sep='\\n')", "print()"],
    ["import asyncio\nasync def f(n):\n    await asyncio.sleep(0)\n    return n", "await f(3)", "x = await f(4)\nx"],
    ["import asyncio\nasync def g():\n    for i in range(3): yield i", "[i async for i in g()]", "async for i in g(): print(i)"],
    ["import asyncio\nasync def h(): raise KeyError('k')", "await h()", "await asyncio.gather(h(), return_exceptions=True)"],
    ["def gen():\n    x = yield 1\n    yield x", "g = gen(); next(g)", "g.send(5)", "next(g)", "list(gen())"],
    ["global n\nn = 1", "def f():\n    global n\n    n += 1\nf(); n", "del n", "n", "[n := i for i in range(3)]", "n"],
    ["match [1, 2, 3]:\n    case [a, *b]:\n        print(a, b)", "(y := 5) + 1", "first, *rest = 'abc'\nrest", "{**{'a': 1}}"],
    ["def f():\n    return g()\ndef g():\n    return 1 / 0", "f()", "f.__name__, f.__module__, f.__qualname__"],
    ["import inspect\ndef f(a):\n    return a + 1\nprint(inspect.getsource(f))", "inspect.signature(f)", "f.__doc__"],
    ["open('helper_module.py', 'w').write('value = 7\\n')", "import helper_module\nhelper_module.value"],
    ["import pickle, copy\nclass A:\n    n = 3", "pickle.loads(pickle.dumps(A())).n", "copy.deepcopy(A()).n", "__name__"],
    ["raise SystemExit", "x = 1", "x", "raise Exception", "raise Exception('a', 1)", "raise ValueError('two\\nlines')"],
    ["raise ExceptionGroup('g', [ValueError('a'), KeyError('b')])", "try:\n    1/0\nexcept* ZeroDivisionError as e:\n    print(e)"],
    ["import re, json, math, collections", "re.findall(r'\\d+', 'a1b22')", "json.dumps({'a': [1, None]})", "math.isclose(0.1 + 0.2, 0.3)"],
    ["collections.Counter('aab')", "import collections\ncollections.Counter('aab').most_common(1)", "collections.namedtuple('N', 'a b')(1, 2)"],
    ["from fractions import Fraction as F\nF(1, 3) + F(1, 6)", "from decimal import Decimal\nDecimal('1.10') * 3", "1e300 * 1e10", "-0.0", "10 ** 30"],
    ["b'\\x00\\xff'", "'tab\\t' '\\u00e9'", "r'\\n'", "'''a\nb'''", "f'{1 + 1 = }'", "'%s-%03d' % ('a', 5)", "'{:>5}|{!r}'.format(1, 'b')"],
    ["import random\nrandom.seed(4)", "random.randint(0, 10**6)", "random.random()", "random.sample(range(100), 3)"],
    ["def deep(n): return n and 1 + deep(n - 1)\ndeep(500)", "deep(10**5)", "def f(x: int) -> 'str': ...\nf.__annotations__"],
    ["_", "3", "_ + 1", "x = _\nx", "None", "_", "'s'", "_ * 2", "1 / 0", "_"],
    ["import sys\nlen(sys.argv)", "import argparse\nargparse.ArgumentParser().parse_args([])", "'' in sys.path or '.' in sys.path"],
    ["import warnings\nwarnings.simplefilter('error')\nwarnings.warn('careful')", "warnings.simplefilter('ignore')\nwarnings.warn('x')"],
    ["class Bad:\n    def __repr__(self): raise ValueError('no repr')\nBad()", "x = Bad()\n1", "class Odd:\n    def __repr__(self): return 'odd'\nOdd()"],
    ["import contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()) as t:\n    print('hidden')\nt.getvalue()", "print('seen')"],
    ["import threading\nr = []\nt = threading.Thread(target=lambda: r.append(1)); t.start(); t.join()\nr", "len(r)"],
    ["import subprocess\nsubprocess.run(['echo', 'hi'], capture_output=True, text=True).stdout", "import tempfile, os\nos.path.exists(tempfile.mkdtemp())"],
    ["x = [1, 2, 3]\ndef show():\n    return [y for y in x if y in x]\nshow()", "class K:\n    a = 2\n    b = [i for i in range(a)]\nK.b", "eval('x[0]'), exec('z = 9')", "z"],
)  # fmt: skip
