"""`deepeyes ask` about several images, none, one from a pipe, and one on the web."""

import io
import json
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image

from deepeyes.core import images
from deepeyes.core.trace import Trace, read_traces
from deepeyes.search.pages.fetching import FetchLimits

Ask = Callable[..., Trace]


def png(colour: str = "red", size: tuple[int, int] = (30, 20)) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", size, colour).save(data, "PNG")
    return data.getvalue()


@pytest.fixture
def asked(cli, answers: str, tmp_path: Path) -> Ask:
    """Ask, expect an answer, and give back the trace."""

    def ask(*words: object) -> Trace:
        folder = tmp_path / "kept"
        ran = cli("ask", *words, "--model", answers, "--tools", "off", "--trace", folder)
        assert (ran.code, ran.out) == (0, "red\n"), ran.err
        return list(read_traces(folder))[-1]

    return ask


def widths(trace: Trace) -> list[tuple[str, int]]:
    return [(part.name, part.ref.width) for part in trace.image_parts()]


def test_several_images_come_before_the_question_and_by_option(asked: Ask, tmp_path: Path) -> None:
    for width in (30, 31, 32):
        (tmp_path / f"{width}.png").write_bytes(png(size=(width, 20)))
    both = asked("30.png", "31.png", "Which is older?")
    assert widths(both) == [("image_1", 30), ("image_2", 31)] and both.task.question == "Which is older?"
    assert widths(asked("31.png", "Which?", "--image", "30.png", "--image", "32.png")) == [
        ("image_1", 31),
        ("image_2", 30),
        ("image_3", 32),
    ]
    assert widths(asked("--image", "32.png", "Which?")) == [("image_1", 32)]


def test_a_question_may_have_no_image(asked: Ask) -> None:
    assert widths(asked("What is 17 * 23?")) == []


def test_other_images_are_another_question(asked: Ask, tmp_path: Path) -> None:
    for name, colour in (("a.png", "red"), ("b.png", "blue")):
        (tmp_path / name).write_bytes(png(colour))
    ids = {asked(*words, "Which?").id for words in (["a.png"], ["a.png", "b.png"], ["b.png", "a.png"], [])}
    assert len(ids) == 4 and len(list(read_traces(tmp_path / "kept"))) == 4
    assert asked("a.png", "b.png", "Which?").id in ids


def test_an_image_may_come_from_a_pipe(asked: Ask, cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def piped(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    piped(png())
    assert widths(asked("-", "Which?")) == [("image_1", 30)]
    piped(b"")
    ran = cli("ask", "-", "Which?", "--model", "nano")
    assert ran.code == 2 and ran.is_one_line and "0 bytes" in ran.err
    ran = cli("ask", "-", "-", "Which?", "--model", "nano")
    assert ran.code == 2 and ran.is_one_line and "give - once" in ran.err


def test_the_pixels_are_hashed_once(asked: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hashed: list[tuple[int, int]] = []
    real = images.image_ref
    monkeypatch.setattr(images, "image_ref", lambda image: hashed.append(image.size) or real(image))
    (tmp_path / "a.png").write_bytes(png())
    asked("a.png", "Which?")
    assert hashed == [(30, 20)]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["p.png"], "write it last, in quotation marks"),
        (["missing.jpeg"], "write it last, in quotation marks"),
        (["What colour?", "p.png"], "write it last, in quotation marks"),
        (["https://example.org/p.png"], "write it last, in quotation marks"),
        (["p.png", "what", "is", "this"], "put the question in quotation marks"),
    ],
)
def test_words_in_another_order_are_told_the_order(cli, picture: Path, words: list[str], says: str) -> None:
    picture.rename("p.png")
    ran = cli("ask", *words, "--model", "nano")
    assert ran.code == 2 and ran.is_one_line and says in ran.err


# ---- on the web


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bytes, str], str]]:
    """Serve these bytes as this media type: the address. This machine counts as public, its port as usual."""
    pages: dict[str, tuple[bytes, str]] = {}
    heard: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(dict(self.headers))
            data, kind = pages[self.path]
            self.send_response(200 if kind else 503)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None: ...

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    here = partial(FetchLimits, ports=(http.server_port,), networks=("127.0.0.1/32",))
    monkeypatch.setattr("deepeyes.search.pages.fetching.FetchLimits", here)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-mine")

    def serve(data: bytes, kind: str) -> str:
        path = f"/{len(pages)}/sign.png"
        pages[path] = (data, kind)
        return f"http://127.0.0.1:{http.server_port}{path}"

    yield serve
    assert not [one for headers in heard for one in headers.values() if "sk-" in one]
    assert not [headers for headers in heard if {"Authorization", "Cookie", "Referer"} & set(headers)]
    http.shutdown()
    http.server_close()


def test_an_image_on_the_web_is_fetched_where_that_is_allowed(asked: Ask, cli, web) -> None:
    for kind in ("image/png", "application/octet-stream"):
        address = web(png(), kind)
        trace = asked("--allow-url", address, "Which?")
        assert widths(trace) == [("image_1", 30)] and trace.task.id.startswith("sign-")
    ran = cli("ask", address, "Which?", "--model", "nano")
    assert ran.code == 2 and ran.is_one_line and "add --allow-url" in ran.err


def test_what_is_no_image_is_refused_before_a_model_is_loaded(
    cli, web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deepeyes.harness.images._BYTES", 1000)
    for data, kind, code, says in (
        (b"<html>", "text/html", 2, "it is not an image but text/html"),
        (b"<html>", "image/png", 2, "unknown format"),
        (bytes(2000), "image/png", 2, "it is larger than"),
        (b"", "", 5, "the site is busy or broken (status 503)"),
    ):
        ran = cli("ask", "--allow-url", web(data, kind), "Which?", "--model", "nobody")
        assert ran.code == code and ran.is_one_line and says in ran.err, ran.err


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1/p.png",
        "http://localhost:8080/p.png",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/p.png",
        "http://2130706433/p.png",
        "https://user:secret@example.org/p.png",
        "http://example.org:22/p.png",
    ],
)
def test_an_address_inside_is_never_fetched(cli, address: str) -> None:
    ran = cli("ask", "--allow-url", address, "Which?", "--model", "nobody")
    assert ran.code == 2 and ran.is_one_line and "was not fetched" in ran.err and "save the image" in ran.err


def test_json_says_all_images(cli, answers: str, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    ran = cli("ask", "a.png", "a.png", "Same?", "--model", answers, "--tools", "off", "--json")
    assert [one["name"] for one in json.loads(ran.out)["images"]] == ["image_1", "image_2"]
