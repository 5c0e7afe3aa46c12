"""What `test_docs` reads in the pages: their blocks of Python, which it runs, and their command lines.

    python tests/doc_pages.py docs/eval.md

runs the Python of one page, block after block in one namespace, in a folder that holds two images and the
examples that ship. A block may await. One whose first line is `# NAME.py` is written to that file and
imported; the blocks after it may import it too. A block that cannot run says so behind its language:
```python no-run: needs a cluster. Commands in a block of `sh` are run too, by `test_docs`; those in other
blocks, of which many need a server, are parsed.
"""

from __future__ import annotations

import ast
import asyncio
import os
import re
import shlex
import socket
import sys
import tempfile
import textwrap
from ast import PyCF_ALLOW_TOP_LEVEL_AWAIT
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from inspect import CO_COROUTINE
from pathlib import Path
from typing import Any

from PIL import Image

from deepeyes.cli.example import EXAMPLES, image_of

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_FENCE = re.compile(r"^```(?P<about>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:\A|(?<=\n\n))(?: {4}.*\n?|\n(?= {4}))+")
_FILE = re.compile(r"# (?P<name>\w+)\.py\n")
_ENDS = {";", "&&", "||", "|", "&", "do", "done", "then"}
"""What ends a command, or stands before one."""


@dataclass(frozen=True)
class Block:
    """A fenced block: the words behind its fence, its text, and the line of the page on which that begins."""

    about: str
    text: str
    line: int

    @property
    def is_python(self) -> bool:
        return self.about.split()[:1] == ["python"]

    @property
    def is_shell(self) -> bool:
        return self.about.split()[:1] == ["sh"]

    @property
    def excuse(self) -> str:
        """Why it is not run; empty if it is."""
        return self.about.partition("no-run:")[2].strip()


@dataclass(frozen=True)
class Sample:
    """Indented Python in a docstring."""

    module: str
    text: str


@dataclass(frozen=True)
class Command:
    """A command line of `deepeyes`, without that word. One that is quoted in a sentence may be short of
    arguments.
    """

    words: tuple[str, ...]
    where: str
    whole: bool


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page."""
    text = page.read_text("utf-8")
    return [
        Block(found["about"].strip(), found["text"], text.count("\n", 0, found.start("text")) + 1)
        for found in _FENCE.finditer(text)
    ]


def samples() -> Iterator[Sample]:
    """The Python in the package's docstrings: indented blocks that compile and call or define something."""
    for file in sorted((ROOT / "src" / "deepeyes").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for found in _INDENTED.findall(ast.get_docstring(node) or ""):
                text = textwrap.dedent(found)
                try:
                    tree = compile(text, str(file), "exec", PyCF_ALLOW_TOP_LEVEL_AWAIT | ast.PyCF_ONLY_AST)
                except SyntaxError:
                    continue  # a layout of folders, a recipe, a table
                if any(isinstance(part, ast.Call | ast.FunctionDef) for part in ast.walk(tree)):
                    words = file.relative_to(ROOT / "src").with_suffix("").parts
                    yield Sample(".".join(words).removesuffix(".__init__"), text)


def commands(page: Path) -> Iterator[Command]:
    """The `deepeyes` command lines of a page: in fenced blocks, indented ones, and quoted in sentences."""
    prose = _FENCE.sub("", page.read_text("utf-8"))
    shell = [block.text for block in blocks(page) if not block.is_python]
    shell += re.findall(r"^    \S.*$", prose, re.MULTILINE)
    for text in shell:
        for line in text.replace("\\\n", " ").splitlines():
            yield from _commands_in(line, page.name, whole=True)
    for line in quoted(page):
        yield from _commands_in(line, page.name, whole=False)


def quoted(page: Path) -> list[str]:
    """What stands between backticks in the sentences of a page."""
    prose = _FENCE.sub("", page.read_text("utf-8"))
    return [found.replace("\n", " ") for found in re.findall(r"`([^`]+)`", prose)]


def _commands_in(line: str, where: str, *, whole: bool) -> Iterator[Command]:
    if "deepeyes " not in line:
        return
    here: list[str] = []
    for word in [*_words(line if whole else re.sub(r"[\[\]]", "", line)), ";"]:
        if word not in _ENDS:
            here.append(word)
            continue
        while here and re.fullmatch(r"\w+=.*", here[0]):  # the environment of the command
            here.pop(0)
        if here and Path(here[0]).name == "deepeyes":
            yield Command(tuple(here[1:]), where, whole)
        here = []


def _words(line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        return list(lexer)
    except ValueError:  # a sentence, not a command
        return []


def run(page: Path) -> None:
    """Run the Python of a page in the working directory. A failure names the page and the line."""
    names: dict[str, Any] = {"__name__": "__main__"}
    with asyncio.Runner() as runner:
        for block in blocks(page):
            if not block.is_python or block.excuse:
                continue
            if file := _FILE.match(block.text):
                Path(f"{file['name']}.py").write_text(block.text, "utf-8")
                import_module(file["name"])
                continue
            text = "\n" * (block.line - 1) + block.text  # so that tracebacks name the line of the page
            code = compile(text, str(page), "exec", PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
            done = eval(code, names)
            if code.co_flags & CO_COROUTINE:
                runner.run(done)


def furnish(folder: Path) -> None:
    """Put into a folder what the pages ask about."""
    for name, colour in (("picture", "red"), ("image", "blue")):
        image = Image.effect_noise((640, 480), 40).convert("RGB")
        image.paste(colour, (280, 200, 360, 260))
        image.save(folder / f"{name}.png")
    for name in EXAMPLES:
        (folder / f"{name}.webp").write_bytes(image_of(name))


def _stay_here() -> None:
    """No connection leaves this machine."""
    connect = socket.socket.connect

    def refuse(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and not str(address[0]).startswith(("127.", "::1", "localhost")):
            raise OSError(f"a page of the documentation wants to connect to {address}")
        connect(self, address)

    socket.socket.connect = refuse  # type: ignore[method-assign]


def main(page: Path) -> None:
    """Run a page in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="deepeyes-docs-") as folder:
        os.chdir(folder)
        sys.path[0] = folder
        furnish(Path(folder))
        _stay_here()
        run(page)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
