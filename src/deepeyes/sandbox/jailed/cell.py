"""Runs one cell the way a notebook would, in a namespace that lasts over the session.

The value of the last expression is the cell's result unless the cell ends in `;`; `await` works at the top
level; `%matplotlib` lines are ignored. The code is compiled exactly as it was written: never re-indented,
never repaired. Tracebacks name only the model's own lines.
"""

from __future__ import annotations

import ast
import asyncio
import builtins
import inspect
import io
import linecache
import re
import sys
import tokenize
import traceback
from collections.abc import Callable
from types import CodeType, ModuleType
from typing import Any

from . import hints
from .display import Display
from .preload import AfterImport

RESULT_CAP = 1 << 16
TRACEBACK_CAP = 8000
_FILE_PREFIX = "<cell "
_FRAMES_SHOWN = 12
_MAGIC = re.compile(r"^\s*%matplotlib\b[^\n]*$", re.MULTILINE)


class Notebook:
    """The namespace of a session and the running cell's images."""

    def __init__(self, display: Display) -> None:
        self.display = display
        self.image_names: set[str] = set()
        main = ModuleType("__main__")
        main.__dict__["__builtins__"] = builtins
        sys.modules["__main__"] = main
        self.names: dict[str, Any] = main.__dict__
        self._count = 0
        self._install()

    def put_images(self, images: dict[str, Any]) -> None:
        self.names.update(images)
        self.image_names.update(images)

    def run(self, source: str) -> str | None:
        """Run `source`; returns the repr of its value. Whatever the code raises leaves this method."""
        self._count += 1
        file_name = f"{_FILE_PREFIX}{self._count}>"
        source = _without_magics(source)
        linecache.cache[file_name] = (len(source), None, source.splitlines(True), file_name)
        tree = ast.parse(source, file_name)
        last: ast.Expression | None = None
        if tree.body and isinstance(tree.body[-1], ast.Expr) and not _ends_in_semicolon(source):
            last = ast.Expression(tree.body.pop().value)  # type: ignore[attr-defined]
        codes = [_compiled(part, file_name, mode) for part, mode in ((tree, "exec"), (last, "eval")) if part]
        return self._shown(_evaluate(codes, self.names), wanted=last is not None)

    def describe(self, error: BaseException) -> str:
        """The traceback of `error` with only the cells' frames, and a hint where one helps."""
        try:
            report = traceback.TracebackException(type(error), error, error.__traceback__, compact=True)
            _keep_own_frames(report, set())
            text = "".join(report.format())
            extra = hints.hints_for(error, self.image_names)
        except BaseException:  # noqa: BLE001  - the exception's own code may do anything
            text, extra = f"{type(error).__name__}\n", []
        if len(text) > TRACEBACK_CAP:
            half = TRACEBACK_CAP // 2
            text = f"{text[:half]}\n... [cut]\n{text[-half:]}"
        return text + "".join(f"Note: {line}\n" for line in extra)

    def _shown(self, value: Any, *, wanted: bool) -> str | None:
        if not wanted or value is None:
            return None
        self.names["_"] = value
        if self.display.show(value):
            return None
        text = repr(value)
        if len(text) > RESULT_CAP:
            text = f"{text[:RESULT_CAP]}... [{len(text) - RESULT_CAP} more characters were dropped]"
        return text

    def _install(self) -> None:
        """Put `display` and the library patches in place; `sys` as a notebook has it."""
        sys.argv[:] = [""]
        sys.path.insert(0, "")

        def display(*things: Any) -> None:
            for thing in things:
                if not self.display.show(thing):
                    sys.stdout.write(f"{thing!r}\n")

        builtins.display = display  # type: ignore[attr-defined]
        after_import = AfterImport()
        sys.meta_path.insert(0, after_import)
        after_import.add("matplotlib.pyplot", self._patch_pyplot)
        after_import.add("PIL.Image", self._patch_pillow)
        after_import.stand_in(("IPython", "IPython.display"), hints.notebook_module)
        after_import.add("IPython.display", lambda module: setattr(module, "display", display))
        after_import.add("cv2", lambda module: hints.patch_opencv(module, self.display.show))
        hints.refuse_politely()

    def _patch_pyplot(self, pyplot: ModuleType) -> None:
        def show(*_: Any, **__: Any) -> None:
            self.display.show_open_figures()

        pyplot.show = show  # type: ignore[attr-defined]
        figure_class: Any = sys.modules["matplotlib.figure"].Figure
        figure_class.show = self._show_method()

    def _patch_pillow(self, module: ModuleType) -> None:
        image_class: Any = module.Image
        image_class.show = self._show_method()

    def _show_method(self) -> Callable[..., None]:
        def show(thing: Any, *_: Any, **__: Any) -> None:
            self.display.show(thing)

        return show


def _compiled(part: ast.AST, file_name: str, mode: str) -> CodeType:
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    return compile(part, file_name, mode, flags=flags, dont_inherit=True)  # type: ignore[call-overload,no-any-return]


def _evaluate(codes: list[CodeType], names: dict[str, Any]) -> Any:
    """Run the codes in order; returns the value of the last. One event loop serves all that await."""
    value: Any = None
    if not any(code.co_flags & inspect.CO_COROUTINE for code in codes):
        for code in codes:
            value = eval(code, names)
        return value
    with asyncio.Runner() as runner:
        for code in codes:
            value = eval(code, names)
            if code.co_flags & inspect.CO_COROUTINE:
                value = runner.run(value)
    return value


def _keep_own_frames(report: traceback.TracebackException, seen: set[int]) -> None:
    if id(report) in seen:
        return
    seen.add(id(report))
    own = [frame for frame in report.stack if frame.filename.startswith(_FILE_PREFIX)]
    report.stack = traceback.StackSummary.from_list(own)  # type: ignore[arg-type]
    related = [report.__cause__, report.__context__, *(getattr(report, "exceptions", None) or ())]
    for other in related:
        if other is not None:
            _keep_own_frames(other, seen)


def _ends_in_semicolon(source: str) -> bool:
    """Whether the last token that is not a comment or line end is `;`."""
    last = ""
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type in (tokenize.OP, tokenize.NAME, tokenize.NUMBER, tokenize.STRING):
                last = token.string
    except (tokenize.TokenError, IndentationError):
        return False
    return last == ";"


def _without_magics(source: str) -> str:
    """Blank out `%matplotlib ...` lines: habit of notebooks, without meaning here. Line numbers stay."""
    if "%matplotlib" not in source:
        return source
    return _MAGIC.sub("", source)
