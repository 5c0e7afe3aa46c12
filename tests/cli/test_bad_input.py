"""Bad input, one by one: one line with the remedy, a distinct exit code, no traceback, and the trace."""

import io
import json
import os
import resource
import signal
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from deepeyes.core.limits import StopReason
from deepeyes.core.trace import read_traces

from .conftest import ANSWER, LOOK, chat

QUICK = ("--tools", "off", "--limit", "retries=0")


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def bomb() -> bytes:
    """A PNG of 60000x60000 pixels, by its header, in a hundred bytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


NOISE = Image.effect_noise((200, 150), 80).convert("RGB")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        pytest.param(None, "there is no picture", id="missing"),
        pytest.param(encoded(NOISE, "PNG")[:2000], "reading", id="truncated"),
        pytest.param(encoded(NOISE, "JPEG")[:1500], "reading", id="truncated-jpeg"),
        pytest.param(b"", "0 bytes", id="zero-byte"),
        pytest.param(b"#!/bin/sh\necho hello\n", "reading", id="non-image"),
        pytest.param(bomb(), "pixels", id="decompression-bomb"),
    ],
)
def test_unusable_pictures(cli, tmp_path: Path, answers: str, data: bytes | None, says: str) -> None:
    path = tmp_path / "p.png"
    if data is not None:
        path.write_bytes(data)
    ran = cli("ask", path, "What is it?", "--model", answers, "--tools", "off")
    assert ran.code == 2 and ran.is_one_line and says in ran.err and ran.out == ""


def exif_rotated() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


@pytest.mark.parametrize(
    ("data", "size"),
    [
        pytest.param(encoded(Image.new("RGB", (1, 1)), "PNG"), (1, 1), id="1x1"),
        pytest.param(encoded(Image.new("RGB", (20_000, 20)), "PNG"), (20_000, 20), id="20000x20"),
        pytest.param(encoded(NOISE.convert("CMYK"), "JPEG"), (200, 150), id="cmyk"),
        pytest.param(encoded(Image.new("I;16", (60, 40), 40_000), "PNG"), (60, 40), id="16-bit"),
        pytest.param(encoded(NOISE.convert("P"), "PNG", transparency=0), (200, 150), id="palette"),
        pytest.param(encoded(NOISE, "JPEG", exif=exif_rotated()), (150, 200), id="exif-rotated"),
    ],
)
def test_odd_pictures_work(cli, tmp_path: Path, answers: str, data: bytes, size: tuple[int, int]) -> None:
    path = tmp_path / "p.png"
    path.write_bytes(data)
    ran = cli("ask", path, "What is it?", "--model", answers, "--tools", "off", "--trace", tmp_path / "t")
    assert (ran.code, ran.out, ran.err) == (0, "red\n", "")
    (trace,) = read_traces(tmp_path / "t")
    assert (trace.task.images[0].width, trace.task.images[0].height) == size


def test_animated_gif_uses_the_first_frame_and_says_so(cli, tmp_path: Path, answers: str) -> None:
    frames = [Image.new("RGB", (30, 20), colour) for colour in ("red", "green", "blue")]
    frames[0].save(tmp_path / "p.gif", save_all=True, append_images=frames[1:])
    ran = cli(
        "ask", tmp_path / "p.gif", "Colour?", "--model", answers, "--tools", "off", "--trace", tmp_path / "t"
    )
    assert (ran.code, ran.out) == (0, "red\n")
    assert "3 frames: only the first is used" in ran.err
    (trace,) = read_traces(tmp_path / "t")
    assert any("only the first" in note for note in trace.notes)


def test_a_name_too_long_for_a_file(cli, answers: str) -> None:
    ran = cli("ask", "p" * 300 + ".png", "What is it?", "--model", answers, "--tools", "off")
    assert ran.code == 2 and ran.is_one_line and "check the path" in ran.err


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """A folder that this process may not look into, root or not."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield folder
    os.seteuid(user)
    folder.chmod(0o700)


def test_a_folder_that_may_not_be_searched(cli, closed: Path) -> None:
    ran = cli("ask", closed / "p.png", "What is it?", "--model", "nano", "--tools", "off")
    assert ran.code == 2 and ran.is_one_line and "check the path, and that you may read it" in ran.err


def test_a_name_that_is_not_utf_8(cli, picture: Path, answers: str, tmp_path: Path) -> None:
    frames = [Image.new("RGB", (30, 20), colour) for colour in ("red", "blue")]
    odd = tmp_path / os.fsdecode(b"\xff.gif")
    frames[0].save(odd, save_all=True, append_images=frames[1:])
    ran = cli("ask", odd, "Colour?", "--model", answers, "--tools", "off", "--trace", tmp_path / "t")
    assert (ran.code, ran.out) == (0, "red\n") and "?.gif has 2 frames" in ran.err
    assert len(list(read_traces(tmp_path / "t"))) == 1


@pytest.mark.parametrize("question", ["", "  \n ", "why? " * 10_000, os.fsdecode(b"caf\xe9?")])
def test_empty_endless_and_undecodable_questions(cli, picture: Path, answers: str, question: str) -> None:
    ran = cli("ask", picture, question, "--model", answers, "--tools", "off")
    assert ran.code == 2 and ran.is_one_line and "question" in ran.err


@pytest.mark.parametrize(
    "model",
    [
        "gpt-17",
        "scripted:nowhere.txt",
        "openai:nameless",
        "nano:",
        "nano:nowhere",
        "hf:",
        "hf:./nowhere",
        "hf:/no/where",
    ],
)
def test_unknown_model(cli, picture: Path, model: str) -> None:
    ran = cli("ask", picture, "Colour?", "--model", model, "--tools", "off")
    assert ran.code == 4 and ran.is_one_line


def test_server_down(cli, picture: Path, server, tmp_path: Path) -> None:
    down = "openai:m@http://127.0.0.1:9/v1"
    ran = cli("ask", picture, "Colour?", "--model", down, *QUICK, "--trace", tmp_path / "t")
    assert ran.code == 5 and ran.is_one_line and "cannot be reached" in ran.err
    (trace,) = read_traces(tmp_path / "t")
    assert trace.stop_reason == StopReason.infrastructure_error
    assert [part.name for part in trace.image_parts()] == ["image_1"]


def test_server_slow(cli, picture: Path, server, tmp_path: Path) -> None:
    server.reply = lambda n: (server.ending.wait(60), (200, "application/json", chat("late")))[1]
    slow = ("--limit", "episode_seconds=0.5", "--trace", tmp_path / "t")
    ran = cli("ask", picture, "Colour?", "--model", server.model, *QUICK, *slow)
    assert ran.code == 8 and ran.is_one_line and "episode_seconds" in ran.err
    (trace,) = read_traces(tmp_path / "t")
    assert trace.stop_reason == StopReason.timeout


def test_server_answers_html(cli, picture: Path, server, tmp_path: Path) -> None:
    server.reply = lambda n: (200, "text/html", "<html><body><h1>Welcome to nginx!</h1></body></html>")
    ran = cli("ask", picture, "Colour?", "--model", server.model, *QUICK, "--trace", tmp_path / "t")
    assert ran.code == 5 and ran.is_one_line and "<h1>" not in ran.err
    (trace,) = read_traces(tmp_path / "t")
    assert trace.stop_reason == StopReason.infrastructure_error


def test_wrong_key(cli, picture: Path, server, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("DEEPEYES_API_KEY", "sk-not-a-real-one")
    server.reply = lambda n: (401, "application/json", '{"error": {"message": "bad key sk-not-a-real-one"}}')
    ran = cli("ask", picture, "Colour?", "--model", server.model, *QUICK, "--trace", tmp_path / "t")
    assert ran.code == 4 and ran.is_one_line and "sk-not" not in ran.err
    assert server.asked == 1
    (trace,) = read_traces(tmp_path / "t")
    assert trace.stop_reason == StopReason.error
    assert "sk-not" not in (tmp_path / "t" / "traces.jsonl").read_text()


def test_what_a_server_asks_to_wait_and_costs_is_told_on_stderr(
    cli, picture: Path, server, waits: list[float]
) -> None:
    busy = (429, "application/json", '{"error": {"message": "please try again in 5.1s \\u001b[31m"}}')
    usage = {"prompt_tokens": 1000, "completion_tokens": 500}
    body = json.dumps({**json.loads(chat(ANSWER)), "usage": usage})
    server.reply = lambda n: (200, "application/json", body) if n else busy
    ran = cli(
        "ask", picture, "Colour?", "--model", f"{server.model}#price_in=1,price_out=2", "--tools", "off"
    )
    assert (ran.code, ran.out.strip()) == (0, "red")
    assert waits == [5.1]
    waited, cost = ran.err.splitlines()
    assert waited.startswith("note: the model server at http://127.0.0.1:") and "asks to wait 5 s" in waited
    assert "\x1b" not in ran.err and "has cost 0.002 (1 reply, 1,000 tokens read, 500 written)" in cost


def test_folder_that_cannot_be_written(cli, picture: Path, answers: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    ran = cli(
        "ask", picture, "Colour?", "--model", answers, "--tools", "off", "--trace", tmp_path / "file" / "t"
    )
    assert ran.code == 7 and ran.is_one_line


def small_files_only() -> None:
    """A full disk for one process: writes beyond 20,000 bytes fail."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))


def test_full_disk(picture: Path, answers: str, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "deepeyes",
        "ask",
        picture,
        "Colour?",
        "--model",
        answers,
        "--tools",
        "off",
    ]
    full = subprocess.run(
        [*command, "--trace", tmp_path / "t"],
        preexec_fn=small_files_only,
        capture_output=True,
        text=True,
        check=False,
    )
    assert full.returncode == 7
    assert full.stderr.startswith("deepeyes: ") and "disk is full" in full.stderr
    assert len(full.stderr.strip().splitlines()) == 1
    assert not list((tmp_path / "t" / "images").glob("*.png")), "no half picture is left"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk_behind_stdout(picture: Path, answers: str) -> None:
    command = [
        sys.executable,
        "-m",
        "deepeyes",
        "ask",
        picture,
        "Colour?",
        "--model",
        answers,
        "--tools",
        "off",
    ]
    with Path("/dev/full").open("w") as out:
        full = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, text=True, check=False)
    assert full.returncode == 7 and full.stderr.count("\n") == 1


def test_ctrl_c_in_mid_episode_keeps_the_trace(picture: Path, server, tmp_path: Path) -> None:
    """The server answers the first request with code and never the second; Ctrl-C comes in between."""

    def reply(number: int) -> tuple[int, str, str]:
        if number:
            server.ending.wait(120)
        return 200, "application/json", chat(LOOK)

    server.reply = reply
    model = f"{server.model}#dialect_name=deepeyes_v2"
    command = [sys.executable, "-m", "deepeyes", "ask", str(picture), "Colour?", "--model", model]
    with subprocess.Popen(
        [*command, "--trace", str(tmp_path / "t")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert server.arrived[1].wait(120)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert out == "" and "Traceback" not in err and str(tmp_path / "t") in err
    (trace,) = read_traces(tmp_path / "t")
    assert trace.stop_reason == StopReason.interrupted
    assert trace.turns[0].observation is not None and trace.turns[0].observation.status == "ok"
