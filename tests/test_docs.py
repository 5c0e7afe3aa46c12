"""The documentation is true: its Python runs, its command lines parse, and it names every verb and option."""

import asyncio
import inspect
import os
import re
import subprocess
import sys
import tomllib
from ast import PyCF_ALLOW_TOP_LEVEL_AWAIT
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import pytest
from doc_pages import PAGES, ROOT, Block, Command, Sample, blocks, commands, furnish, quoted, samples
from PIL import Image

import deepeyes
from deepeyes.cli.main import GROUPS, VERBS, load
from deepeyes.search.base import Document
from deepeyes.search.text.build import build

PYTHON = [page for page in PAGES if any(block.is_python for block in blocks(page))]
SHELL = [page for page in PAGES if any(block.is_shell and not block.excuse for block in blocks(page))]
SAMPLES = list(samples())
LINES = [(command, page) for page in PAGES for command in commands(page)]
FILES = [
    file.as_posix()
    for folder in ("src", "tests", "benchmarks", "recipes", "packmaker")
    for file in (ROOT / folder).rglob("*.*")
    if file.is_file()
]
NOT_RUN = 1
"""Blocks of Python that cannot run in a test, in all pages together."""


@pytest.mark.parametrize("page", PYTHON, ids=lambda page: page.name)
def test_the_python_of_a_page_runs(page: Path) -> None:
    keys = [name for name in os.environ if name.endswith(("_KEY", "_URL", "_TOKEN"))]
    env = {name: value for name, value in os.environ.items() if name not in keys}
    ran = subprocess.run(
        [sys.executable, Path(__file__).with_name("doc_pages.py"), page],
        env={**env, "CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("page", SHELL, ids=lambda page: page.name)
def test_the_commands_of_a_page_run_and_print_what_it_says(page: Path, tmp_path: Path) -> None:
    """Each block of `sh`, in one folder; a block of `text` that follows one is what it prints."""
    furnish(tmp_path)
    shim = tmp_path / "bin" / "deepeyes"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m deepeyes "$@"\n')
    shim.chmod(0o755)
    path = f"{shim.parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    here = blocks(page)
    for block, after in zip(here, [*here[1:], None], strict=True):
        if not block.is_shell or block.excuse:
            continue
        ran = subprocess.run(
            ["sh", "-e", "-c", block.text],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            timeout=300,
            stdin=subprocess.DEVNULL,
        )
        assert ran.returncode == 0, f"{page.name}:{block.line}: {ran.stdout}{ran.stderr}"
        if after is not None and after.about == "text":
            assert ran.stdout == after.text, f"{page.name}:{after.line}"


def test_the_python_of_docstrings_is_found() -> None:
    assert {sample.module for sample in SAMPLES} >= {"deepeyes.harness.blocking", "deepeyes.sandbox"}


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.module)
def test_the_python_of_a_docstring_runs(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the names of its module; `image`, `images` and `folder`, an index of one text, are there."""
    furnish(tmp_path)
    monkeypatch.chdir(tmp_path)
    build([Document("a://fr", "France", "Religions: Roman Catholic.")], tmp_path / "index", dense=False)
    image = Image.open("image.png")
    module = import_module(sample.module)
    names = {**vars(module), "deepeyes": deepeyes, "Literal": Literal, "image": image}
    names |= {"images": [image], "folder": tmp_path / "index"}
    done = eval(compile(sample.text, sample.module, "exec", PyCF_ALLOW_TOP_LEVEL_AWAIT, True), names)
    if inspect.iscoroutine(done):
        asyncio.run(done)


def test_what_the_readme_shows_is_run_or_says_why_not() -> None:
    shown = blocks(ROOT / "README.md")
    assert sum(block.is_shell and not block.excuse for block in shown) >= 1
    assert not [b.about for b in shown if not (b.is_python or b.is_shell or b.about == "text")]


def test_the_card_of_the_weights_has_the_numbers_of_the_readme() -> None:
    card = ROOT / "src" / "deepeyes" / "models" / "nano" / "weights" / "README.md"
    rows = [
        set(re.findall(r"^\| `\w+` \| [\d.]+ % .*$", page.read_text("utf-8"), re.MULTILINE))
        for page in (card, ROOT / "README.md")
    ]
    assert len(rows[0]) == 8 and rows[0] == rows[1]


def test_the_site_of_pages_and_api_builds_without_a_warning(tmp_path: Path) -> None:
    if not find_spec("mkdocs"):
        pytest.skip("mkdocs is not installed: make docs installs it")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", tmp_path]
    env = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(build, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
    assert built.returncode == 0, built.stdout + built.stderr
    site = {file.relative_to(tmp_path).with_suffix("").as_posix() for file in tmp_path.rglob("*.html")}
    assert {page.stem for page in PAGES} - {"README"} <= site
    door = (tmp_path / "api" / "deepeyes.html").read_text("utf-8")
    rooms = [f'id="deepeyes.{room}.{name}"' for name, room in deepeyes._ROOMS.items()]
    assert not [room for room in rooms if room not in door]
    assert 'id="deepeyes.core.task.Task.answer_form"' in (tmp_path / "api" / "core.html").read_text("utf-8")


def test_every_page_is_in_the_nav_of_the_site() -> None:
    listed = re.findall(r"^ +- ([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.MULTILINE)
    pages = [file.relative_to(ROOT / "docs").as_posix() for file in (ROOT / "docs").rglob("*.md")]
    assert sorted(listed) == sorted(pages)


def test_few_blocks_are_not_run_and_each_says_why() -> None:
    python = [(page.name, block) for page in PAGES for block in blocks(page) if block.is_python]
    skipped = [(name, block.line) for name, block in python if block.excuse]
    assert len(skipped) == NOT_RUN, skipped
    odd = [(name, block.about) for name, block in python if block.about != "python" and not block.excuse]
    assert not odd, "say ```python, or ```python no-run: WHY"


def test_each_kind_of_addition_is_shown() -> None:
    shown = "".join(block.text for page in PYTHON for block in blocks(page) if runs(block))
    for registry in ("BENCHMARKS[", "FAMILIES[", "TEXT[", "KINDS["):
        assert registry in shown, f"no example adds to {registry[:-1]}"


def runs(block: Block) -> bool:
    return block.is_python and not block.excuse


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_and_modules_that_a_page_names_are_there(page: Path) -> None:
    text = page.read_text("utf-8")
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", re.sub(r"`[^`]*`", "", text))
    assert not [link for link in links if not (page.parent / link).exists()]
    places = re.findall(r"\]\(([^)#:]*)#([^)]+)\)", text)
    assert not [place for link, place in places if place not in anchors(page.parent / link if link else page)]
    modules = re.findall(r"python -m (benchmarks\.\w+)", text)
    files = [word for word in quoted(page) if re.fullmatch(r"[a-z_\d]+(/[a-z_\d]+)*\.py", word)]
    files += [f"{module.replace('.', '/')}.py" for module in modules]
    files += re.findall(r"(?:tests|benchmarks|recipes)/[\w/]+\.(?:py|toml|yaml)", text)
    assert not [file for file in files if not any(there.endswith(f"/{file}") for there in FILES)]


def anchors(page: Path) -> set[str]:
    """What GitHub makes of the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def test_the_reading_tour_has_every_room_in_its_layer() -> None:
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    layers = [re.findall(r"\w+", layer) for layer in reversed(contract["contracts"][0]["layers"])]
    tour = (ROOT / "docs" / "index.md").read_text("utf-8")
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \|", tour, re.MULTILINE)
    told = {room: int(number) for number, rooms in rows for room in re.findall(r"`([\w/]+)`", rooms)}
    assert all((ROOT / "src" / "deepeyes" / room).is_dir() for room in told)
    rooms = {(room.partition("/")[0], number) for room, number in told.items()}
    assert rooms == {(room, number) for number, layer in enumerate(layers, 1) for room in layer}


def test_there_are_command_lines_to_check() -> None:
    assert len(LINES) > 50 and sum(command.whole for command, _ in LINES) > 20


@pytest.mark.parametrize("command", [c for c, _ in LINES], ids=lambda c: f"{c.where}: {' '.join(c.words)}")
def test_a_command_line_parses(command: Command) -> None:
    check(command)


@pytest.mark.parametrize(
    ("words", "whole"),
    [
        (["eval", "world", "--famly", "tiny"], False),
        (["eval", "wrld"], False),
        (["evil"], False),
        (["ask", "--seed"], False),
        (["ask", "image.png"], True),
        (["eval", "world", "--n", "many"], True),
        (["view"], True),
    ],
)
def test_a_command_line_that_is_wrong_is_found(words: list[str], whole: bool) -> None:
    with pytest.raises(AssertionError):
        check(Command(tuple(words), "here", whole))


def check(command: Command) -> None:
    """The verb exists, and so does every option; a whole line has all its arguments, of the right types."""
    name, *words = command.words
    if not name.isalpha() or name.isupper():
        return  # `deepeyes VERB`, `deepeyes --version`
    assert name in (*VERBS, *GROUPS), f"{command.where}: there is no verb {name}"
    verb = load(name)
    if name in GROUPS and words:
        name, *words = words
        assert name in verb.commands, f"{command.where}: there is no verb {' '.join(command.words[:2])}"
        verb = verb.commands[name]
    context = verb.context_class(verb, info_name=name)
    try:
        if command.whole:
            verb.parse_args(context, words)
        else:
            verb.make_parser(context).parse_args(words)
    except Exception as error:  # whatever class of error Typer's own copy of Click has
        raise AssertionError(f"{command.where}: deepeyes {' '.join(command.words)}: {error}") from error


def every_verb() -> Iterator[tuple[str, Any]]:
    """(verb as it is typed, command) of the whole command line."""
    for name in (*VERBS, *GROUPS):
        verb = load(name)
        if name in GROUPS:
            yield from ((f"{name} {sub}", command) for sub, command in verb.commands.items())
        else:
            yield name, verb


def sections() -> dict[str, str]:
    """Verb -> what docs/cli.md says under its heading, that included."""
    text = (ROOT / "docs" / "cli.md").read_text("utf-8")
    names = sorted((name for name, _ in every_verb()), key=len, reverse=True)
    found = dict[str, str]()
    for part in re.split(r"^#+ (?:`deepeyes )?", text, flags=re.MULTILINE):
        heading = part.partition("`\n")[0]
        if f"\n### `deepeyes {heading}`\n" in text:
            name = next((name for name in names if heading.split()[: len(name.split())] == name.split()), "")
            found[name or heading] = part
    return found


def test_every_verb_is_documented_and_no_other() -> None:
    assert sorted(sections()) == sorted(name for name, _ in every_verb())


@pytest.mark.parametrize(("name", "verb"), [pytest.param(*one, id=one[0]) for one in every_verb()])
def test_every_option_is_documented_and_no_other(name: str, verb: Any) -> None:
    heading, _, text = sections()[name].partition("`\n")
    said = dict(re.findall(r"`(--?[a-z][\w-]*)(?: ([^`]+))?`", text))
    options = [one for one in verb.params if one.param_type_name == "option" and one.name != "help"]
    assert said.keys() == {flag for option in options for flag in (*option.opts, *option.secondary_opts)}
    for option in options:
        if isinstance(option.default, str | int | float | Path) and not isinstance(option.default, bool):
            told = said[option.opts[0]]
            assert option.default == "" or type(option.default)(told) == option.default, option.opts[0]
    arguments = [argument for argument in verb.params if argument.param_type_name == "argument"]
    metavars = [argument.metavar or argument.name.upper() for argument in arguments]
    required = [word if one.required else f"[{word}]" for word, one in zip(metavars, arguments, strict=True)]
    more = [
        "..." * (one.nargs == -1 and not word.endswith("..."))
        for word, one in zip(required, arguments, strict=True)
    ]
    assert heading.removeprefix(name).split() == [
        word + dots for word, dots in zip(required, more, strict=True)
    ]
