"""The same cells give the same text, values, errors and state as a plain interpreter.

The reference is forty lines over `compile` and `eval`, with the rules of an interactive session: the last
expression is shown and becomes `_`. `python -m benchmarks.sandbox_differential` compares with ipykernel.
"""

import ast
import asyncio
import contextlib
import inspect
import io
import linecache
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sandbox.notebook_cells import STATE, sessions

from deepeyes.sandbox import CellResult, Sandbox

ALL = sessions()
MEANT = {
    "raise SystemExit": "a notebook goes on after SystemExit, and the model is told so",
    "deep(10**5)": "the limit is the same; the message differs with the depth at which it is met",
}


@dataclass
class Seen:
    """What one cell gave."""

    stdout: str
    result: str | None
    error: str | None


class Reference:
    def __init__(self) -> None:
        self.main = ModuleType("__main__")
        self.count = 0

    def run(self, source: str) -> Seen:
        names: dict[str, Any] = self.main.__dict__
        self.count += 1
        name = f"<reference {self.count}>"
        linecache.cache[name] = (len(source), None, source.splitlines(True), name)
        value, error, shown = None, None, None
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
            try:
                tree = ast.parse(source, name)
                last = None
                if tree.body and isinstance(tree.body[-1], ast.Expr) and not self.is_quiet(source):
                    last = ast.Expression(tree.body.pop().value)
                for part, mode in ((tree, "exec"), (last, "eval")):
                    if part is None:
                        continue
                    code = compile(part, name, mode, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, True)
                    value = eval(code, names)
                    if code.co_flags & inspect.CO_COROUTINE:
                        value = asyncio.new_event_loop().run_until_complete(value)
                if last is not None and value is not None:
                    names["_"] = value
                    shown = repr(value)
            except BaseException as problem:
                error = traceback.format_exception_only(problem)[-1].rstrip("\n")
        return Seen(out.getvalue(), shown, error)

    @staticmethod
    def is_quiet(source: str) -> bool:
        return source.split("#")[0].rstrip().endswith(";")


def seen(result: CellResult, expected: str | None) -> Seen:
    """`expected` stands for the error if the text told to the model has it."""
    told = result.status != "ok" and expected is not None and expected in result.stderr
    error = None if result.status == "ok" else expected if told else result.stderr
    return Seen(result.stdout, result.result, error)


@pytest.mark.parametrize("number", range(len(ALL)))
async def test_a_session_is_like_the_interpreters(
    sandbox: Sandbox, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = Reference()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "__main__", reference.main)
    monkeypatch.setattr(sys, "argv", [""])
    monkeypatch.syspath_prepend("")
    async with await sandbox.open(seed=0) as session:
        for cell in [*ALL[number], STATE]:
            result, theirs = await session.run(cell, 60.0), await asyncio.to_thread(reference.run, cell)
            mine = seen(result, theirs.error)
            if cell in MEANT:
                assert (mine.error is None) == (theirs.error is None)
                continue
            assert mine == theirs, cell


def test_there_are_enough_cells() -> None:
    assert sum(map(len, ALL)) >= 200
