"""What command-line tests share: running it in this process, a picture, scripts, and a model server."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from deepeyes.cli.main import main
from deepeyes.models.registry import resolve_model

CODE = "print(image_1.size)\nimage_1.crop((4, 4, 60, 40))"
LOOK = f"<think>I zoom in.</think>\n<code>\n```python\n{CODE}\n```\n</code>"
ANSWER = "<think>Clear.</think>\n<answer>red</answer>"


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def is_one_line(self) -> bool:
        """Whether the error on stderr is one line that names the program, without a traceback; notes of what
        was at work may stand before it.
        """
        lines = [line for line in self.err.strip().splitlines() if not line.startswith("note: ")]
        return len(lines) == 1 and lines[0].startswith("deepeyes: ") and ": " in lines[0][10:]


@pytest.fixture
def cli(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Ran]:
    """Run the command line with these arguments, in `tmp_path`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("deepeyes.cli.running.PATIENCE", 60.0)  # whatever else this machine is at

    def run(*args: object) -> Ran:
        capsys.readouterr()
        code = 0
        try:
            main([str(arg) for arg in args])
        except SystemExit as end:
            code = int(end.code or 0)
        return Ran(code, *capsys.readouterr())

    return run


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    Image.effect_noise((320, 240), 60).convert("RGB").save(path)
    return path


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A model that looks once and answers "red"."""
    path = tmp_path / "script.txt"
    path.write_text(f"{LOOK}\n---\n{ANSWER}\n")
    return path


@pytest.fixture
def answers(tmp_path: Path) -> str:
    """A model that answers "red" at once."""
    path = tmp_path / "answers.txt"
    path.write_text(ANSWER)
    return f"scripted:{path}"


@dataclass
class Server:
    """A chat-completions server that does what `reply` says for its n-th request (counted from 0)."""

    url: str = ""
    asked: int = 0
    reply: Callable[[int], tuple[int, str, str]] = lambda n: (200, "application/json", chat(ANSWER))
    """Status, content type, body."""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    """What was asked."""
    arrived: dict[int, threading.Event] = field(
        default_factory=lambda: {n: threading.Event() for n in range(9)}
    )
    ending: threading.Event = field(default_factory=threading.Event)

    @property
    def model(self) -> str:
        return f"openai:m@{self.url}"


def chat(text: str) -> str:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return json.dumps({"id": "1", "object": "chat.completion", "choices": [choice]})


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server on this machine; models made in this process lose patience with it quickly."""
    patient = partial(resolve_model, retries=1, retry_seconds=0.01)
    monkeypatch.setattr(
        "deepeyes.harness.setup.resolve_model",
        lambda spec: patient(spec) if spec.startswith("openai:") else resolve_model(spec),
    )
    served = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            served.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            number, served.asked = served.asked, served.asked + 1
            if number in served.arrived:
                served.arrived[number].set()
            status, kind, body = served.reply(number)
            with contextlib.suppress(OSError):
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            return

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    served.url = f"http://127.0.0.1:{http.server_port}/v1"
    yield served
    served.ending.set()
    http.shutdown()
    http.server_close()
