r"""The algebra process: says of pairs of LaTeX expressions whether computer algebra proves them equal.

`deepeyes.grading.maths.algebra` starts this module as a process of its own, because algebra can take any
time and memory, and nothing but the end of the process stops it. One JSON line in (``{"pair": [a, b],
"seconds": 2}``), one out (``{"same": true | false | null}``).

What always holds. Expressions are parsed by a grammar (latex2sympy), never by Python; numbers are read from
their digits here, because sympy reads them by `eval`. Once the libraries are loaded a hook refuses code
made from text, files, processes, the network and foreign code, whoever asks; memory is bounded, and each
pair has so many processor seconds, after which the kernel ends the process even if its parent is gone.
"""

from __future__ import annotations

import json
import math
import os
import resource
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from deepeyes.core.errors import DeepEyesError, boundary

MEMORY = 1 << 30
"""Bytes of address space."""
_LIBRARIES = ("sympy", "mpmath", "latex2sympy2_extended", "math_verify", "antlr4")
_HARMLESS = frozenset({
    "object.__getattr__", "object.__setattr__", "object.__delattr__", "sys._getframe",
    "sys._getframemodulename", "builtins.id", "marshal.loads", "resource.setrlimit", "sys.unraisablehook",
})  # fmt: skip
_WARMING = (
    (r"\frac{1}{2} + \sqrt{3}", r"(\sqrt{3}) + \frac{1}{2}"),
    (r"(1 + (2)^{\frac{1}{2}})^{2}", r"3 + 2 \cdot (2)^{\frac{1}{2}}"),
    (r"\sin(x_{1})^{2} + \cos(x_{1})^{2}", r"1"),
    (r"\exp(x_{1} + x_{2})", r"\exp(x_{1}) \cdot \exp(x_{2})"),
    (r"\log_{2}(8) + \ln(x_{1})", r"3 + \ln(x_{1})"),
    (r"\tan(\frac{1}{12} \cdot \pi)", r"2 - \sqrt{3}"),
    (r"\binom{6}{x_{1}} + (x_{1})!", r"(x_{1})!"),
    (r"|x_{1}| + \lfloor x_{2} \rfloor + \lceil x_{2} \rceil", r"|x_{1}|"),
    (r"(1 + I)^{2}", r"2 \cdot I"),
    (r"((x_{1})^{2} - 1) \cdot (x_{1} - 1)^{(-1)}", r"x_{1} + 1"),
    (r"\arctan(1) + \arcsin(1) + \arccos(0)", r"\frac{5}{4} \cdot \pi"),
    (r"\sinh(x_{1}) + \cosh(x_{1})", r"\exp(x_{1})"),
)


class _CannotTell(DeepEyesError):
    """Algebra does not say whether two expressions are equal."""


def main() -> None:
    """Answers pairs until the pipe is closed."""
    same = _algebra()
    for one, other in _WARMING:
        same(one, other)
    _shut(_directories())
    _say({"ready": True})
    for line in sys.stdin:
        asked: dict[str, Any] = json.loads(line)
        _allow_seconds(asked["seconds"])
        _say({"same": same(*asked["pair"])})
    os._exit(0)


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def _algebra() -> Any:
    """The comparison, with its libraries loaded."""
    sympy: Any = import_module("sympy")
    latex: Any = import_module("latex2sympy2_extended.latex2sympy2")
    verify: Any = import_module("math_verify.grader").verify

    class Reader(latex._Latex2Sympy):
        """The grammar's reader, with numbers read from their digits."""

        def parse_number(self, text: str) -> Any:
            return sympy.Integer(int(text))

    def same(one: str, other: str) -> bool | None:
        try:
            # sympy raises anything where it cannot tell.
            with boundary(_CannotTell, "comparing", expected=Exception):
                pair = [Reader(is_real="I" not in text).parse(text) for text in (one, other)]
                return bool(verify(*pair, timeout_seconds=None, raise_on_error=True))
        except _CannotTell:
            return None

    return same


def _directories() -> tuple[str, ...]:
    """Where the algebra libraries are; they load some of their files only when these are needed."""
    return tuple(str(Path(str(import_module(name).__file__)).parent) + os.sep for name in _LIBRARIES)


def _shut(libraries: tuple[str, ...]) -> None:
    """Bounds memory, and refuses everything but arithmetic from here on."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _HARMLESS:
            return
        match event, arguments:
            case "import", (str(name), *_) if name.partition(".")[0] in _LIBRARIES:
                return
            case "open", (str(path), mode, flags) if path.startswith(libraries):
                if mode in ("r", "rb", None) and not flags & (os.O_WRONLY | os.O_RDWR):
                    return
            case "os.listdir", (str(path),) if (path + os.sep).startswith(libraries):
                return
            case "compile", (_, str(path)) if path.startswith(libraries):
                return
            case "exec", (code,) if code.co_filename.startswith(libraries):
                return
            case _:
                pass
        raise PermissionError(f"{event} is refused in the algebra process")

    sys.addaudithook(refuse)


def _allow_seconds(seconds: int) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    until = math.ceil(used.ru_utime + used.ru_stime) + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (until, resource.RLIM_INFINITY))


if __name__ == "__main__":
    main()
