"""A chat-completions server on this machine that judges, each model of it in its own way."""

import contextlib
import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def blocks(prompt: str) -> dict[str, str]:
    """What a judge is shown, by the names of its blocks."""
    mark = re.findall(r"with the number (\w+)\.", prompt)[0]
    found = re.findall(rf"^\[(\w+) {mark}\]\n(.*?)\n\[end of \1 {mark}\]$", prompt, re.M | re.S)
    return dict(found)


def honest(prompt: str) -> str:
    shown = blocks(prompt)
    answer = shown["answer"].casefold()
    known = [line.casefold() for line in shown["reference"].splitlines()]
    return "RIGHT" if any(reference in answer for reference in known) else "WRONG"


def gullible(prompt: str) -> str:
    """Does what the answer tells it, and repeats it."""
    return blocks(prompt)["answer"]


def partial_to_order(prompt: str) -> str:
    return honest(prompt) if prompt.index("[answer ") > prompt.index("[reference ") else "WRONG"


def partial_to_length(prompt: str) -> str:
    return "RIGHT" if len(blocks(prompt)["answer"]) > 400 else honest(prompt)


JUDGES: dict[str, Callable[[str], str]] = {
    "honest": honest,
    "talks": lambda prompt: f"Let me see.\nRIGHT would be hasty.\n\n**Verdict:** {honest(prompt)}.",
    "yes": lambda prompt: "RIGHT",
    "no": lambda prompt: "WRONG",
    "prose": lambda prompt: "I would say that this is right.",
    "gullible": gullible,
    "parrot": lambda prompt: prompt,
    "order": partial_to_order,
    "length": partial_to_length,
}


class JudgeServer:
    """`asked` counts the requests by model; `reasons` is what comes as `reasoning_content`."""

    def __init__(self) -> None:
        self.asked = Counter[str]()
        self.bodies: list[dict[str, Any]] = []
        self.status = 200
        self.reasons = ""
        self.url = ""

    def model(self, name: str, settings: str = "retries=0") -> str:
        return f"openai:{name}@{self.url}#{settings}"

    def reply(self, body: dict[str, Any]) -> dict[str, Any]:
        asked = body["messages"][0]["content"]
        words = asked if isinstance(asked, str) else asked[-1]["text"]
        content = JUDGES[body["model"]](words)
        message = {"role": "assistant", "content": content, "reasoning_content": self.reasons}
        return {"choices": [{"message": message, "finish_reason": "stop"}]}


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


@contextlib.contextmanager
def serving() -> Iterator[JudgeServer]:
    served = JudgeServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            served.asked[body["model"]] += 1
            served.bodies.append(body)
            data = json.dumps(served.reply(body) if served.status == 200 else {"error": "no"}).encode()
            with contextlib.suppress(OSError):
                self.send_response(served.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            return

    http = _Http(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    served.url = f"http://127.0.0.1:{http.server_port}/v1"
    try:
        yield served
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
