"""`deepeyes chat` in pipes and on a terminal: questions that follow one another."""

import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from deepeyes.core.trace import read_traces

from .conftest import ANSWER, Ran, Server, chat


def code(text: str) -> str:
    return f"<think>I look.</think>\n<code>\n```python\n{text}\n```\n</code>"


@pytest.fixture
def chatted(cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Ran]:
    """Chat with these lines on standard input."""

    def run(lines: str, *words: object) -> Ran:
        (tmp_path / "lines").write_bytes(lines.encode("utf-8", "surrogateescape"))
        with (tmp_path / "lines").open() as stdin:
            monkeypatch.setattr(sys, "stdin", stdin)
            return cli("chat", *words)

    return run


def script(tmp_path: Path, *replies: str) -> str:
    (tmp_path / "talk.txt").write_text("\n---\n".join(replies))
    return f"scripted:{tmp_path / 'talk.txt'}"


def test_piped_it_answers_line_by_line_and_goes_on_where_it_was(
    chatted, picture: Path, tmp_path: Path
) -> None:
    Image.new("RGB", (31, 20), "blue").save(tmp_path / "b.png")
    model = script(
        tmp_path,
        code("seen = image_1.size"),
        "<think>a</think><answer>first</answer>",
        code("print(seen, image_2.size)"),
        "<think>b</think><answer>second</answer>",
    )
    lines = "What is it?\n\n/image b.png\nAnd this?"
    ran = chatted(lines, picture, "--model", model, "--trace", "t")
    assert (ran.code, ran.out, ran.err) == (0, "first\nsecond\n", "")
    one, two = read_traces(tmp_path / "t")
    seen = two.turns[0].observation
    assert seen is not None and seen.stdout == "(320, 240) (31, 20)\n"
    assert [part.name for part in two.image_parts()] == ["image_1", "image_2"]
    assert (one.task.question, two.task.question) == ("What is it?", "And this?")


def test_quit_ends_it_and_words_that_look_like_it_do_not(chatted, tmp_path: Path) -> None:
    model = script(tmp_path, *["<think>a</think><answer>yes</answer>"] * 3)
    ran = chatted(
        "Is /quit a word?\n/etc/passwd is what?\n/quit\nMore?\n", "--model", model, "--tools", "off"
    )
    assert (ran.code, ran.out, ran.err) == (0, "yes\nyes\n", "")


def test_what_cannot_be_done_is_told_and_the_next_question_is_asked(
    chatted, picture: Path, tmp_path: Path
) -> None:
    model = script(tmp_path, ANSWER)
    lines = "/image nowhere.png\n/image\n/colour\n\udcff\nWhat?\n"
    ran = chatted(lines, picture, "--model", model, "--tools", "off")
    assert (ran.code, ran.out) == (2, "red\n")
    told = ran.err.splitlines()
    assert len(told) == 4 and all(line.startswith("deepeyes: ") for line in told)
    for line, says in zip(told, ("nowhere.png", "write /image FILE", "/quit", "UTF-8"), strict=True):
        assert says in line


def test_json_is_an_object_a_question(chatted, tmp_path: Path) -> None:
    model = script(tmp_path, ANSWER, "no tags at all", ANSWER)
    limits = ("--limit", "malformed=0")
    ran = chatted("a\nb\nc\n", "--model", model, "--tools", "off", "--json", *limits)
    said = [json.loads(line) for line in ran.out.splitlines()]
    assert [one["answer"] for one in said] == ["red", None, "red"]
    assert ran.code == 8 and said[1]["stop_reason"] == "malformed"


def test_a_server_that_is_down_for_one_question_costs_that_question_alone(
    chatted, server: Server, tmp_path: Path
) -> None:
    server.reply = lambda n: (
        (500, "application/json", "{}") if n in (1, 2) else (200, "application/json", chat(ANSWER))
    )
    tags = ("--dialect", "deepeyes_v2", "--tools", "off", "--limit", "retries=0")
    ran = chatted("a\nb\nc\n", "--model", server.model, *tags, "--trace", "t")
    assert ran.code == 5 and ran.out == "red\n\nred\n" and len(ran.err.splitlines()) == 1
    last = [message["content"] for message in server.bodies[-1]["messages"] if message["role"] == "user"]
    assert len(last) == 2, "the question that failed is asked again with the next, in one message"
    assert [trace.stop_reason.value for trace in read_traces(tmp_path / "t")] == [
        "answered",
        "infrastructure_error",
        "answered",
    ]


@pytest.mark.parametrize("words", [("-",), ("p.png", "-")])
def test_standard_input_cannot_be_an_image_too(chatted, words: tuple[str, ...]) -> None:
    ran = chatted("What?\n", *words, "--model", "nano")
    assert ran.code == 2 and ran.is_one_line and "name the image's file" in ran.err


def test_on_a_terminal_it_prompts_and_ctrl_d_and_ctrl_c_end_it(picture: Path, tmp_path: Path) -> None:
    model = script(tmp_path, ANSWER)
    for end, expected in ((b"\x04", 0), (b"\x03", 130)):
        main, terminal = pty.openpty()
        words = [sys.executable, "-m", "deepeyes", "chat", str(picture), "--model", model, "--tools", "off"]
        with subprocess.Popen(
            words, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True,
            preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),
        ) as process:  # fmt: skip
            os.close(terminal)
            shown = read_until(main, b"> ")
            os.write(main, b"What colour?\n")
            shown += read_until(main, b"> ")
            os.write(main, end)
            assert process.wait(20) == expected, shown
        os.close(main)
        assert b"/quit" in shown and b"red" in shown


def read_until(source: int, end: bytes) -> bytes:
    shown, last = b"", time.monotonic() + 30
    while not shown.endswith(end) and time.monotonic() < last:
        shown += os.read(source, 65_536)
    return shown
