"""Real processes, killed again and again: what is asked again is what was lost, and nothing else."""

import json
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from deepeyes.core.trace import TRACES_FILE, read_traces

N = 60
SECONDS = 0.05
"""That the model takes for a reply."""


@pytest.fixture
def model() -> Iterator[str]:
    """A server that adds, and is wrong about every third sum."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
            number = int(re.findall(r"How much is (\d+) \+ 1", asked)[-1])
            time.sleep(SECONDS)
            text = f"<think>I add.</think>\n<answer>{number + 1 + (number % 3 == 0)}</answer>"
            choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            body = json.dumps({"id": "1", "object": "chat.completion", "choices": [choice]}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            try:
                self.wfile.write(body)
            except OSError:  # who asked was killed
                pass

        def log_message(self, format: str, *args: object) -> None:
            return

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield f"openai:m@http://127.0.0.1:{http.server_port}/v1"
    http.shutdown()
    http.server_close()


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    rows = ({"id": f"s{n}", "question": f"How much is {n} + 1?", "answer": n + 1} for n in range(N))
    path = tmp_path / "sums.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def started(questions: Path, out: Path, model: str, *more: str) -> subprocess.Popen[str]:
    words = ("eval", "run", str(questions), "--column", "image=-", "--dialect", "deepeyes_v2", "--json")
    options = ("--model", model, "--out", str(out), "--concurrency", "3", *more)
    command = [sys.executable, "-m", "deepeyes", *words, *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return json.loads(out)


def written(out: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in out.rglob(TRACES_FILE))


def after(process: subprocess.Popen[str], out: Path, episodes: int) -> None:
    """Wait until so many have been written."""
    deadline = time.monotonic() + 60
    while written(out) < episodes:
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.002)


def killed(questions: Path, out: Path, model: str, times: int, whole: int, *more: str) -> None:
    """Start it so often, and kill it at a random moment each time."""
    drawn = random.Random(out.name)
    for left in range(times, 0, -1):
        process = started(questions, out, model, *more)
        here = written(out)
        after(process, out, here + drawn.randint(1, max(1, (whole - here) // (left + 1))))
        time.sleep(drawn.random() * SECONDS)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert here < written(out) < whole, "it was killed in the middle, and had gone on"


def verdicts(out: Path) -> dict[str, Any]:
    return {trace.id: (trace.answer, trace.verdict) for trace in read_traces(out)}


def lines(out: Path) -> Counter[str]:
    return Counter(json.loads(line)["id"] for line in (out / TRACES_FILE).read_text().splitlines())


@pytest.mark.slow
def test_killed_five_times_it_comes_to_the_same_and_asks_nothing_twice(
    questions: Path, model: str, tmp_path: Path
) -> None:
    undisturbed = finished(started(questions, tmp_path / "whole", model, "--tools", "off"))
    out = tmp_path / "killed"
    killed(questions, out, model, 5, N, "--tools", "off")
    told = finished(started(questions, out, model, "--tools", "off"))
    same = undisturbed.keys() - {"seconds_per_episode", "trace"}
    assert {key: told[key] for key in same} == {key: undisturbed[key] for key in same}
    assert (told["n"], told["accuracy"]) == (N, round(2 / 3, 4))
    assert verdicts(out) == verdicts(tmp_path / "whole")
    assert set(lines(out).values()) == {1} and len(lines(out)) == N


@pytest.mark.slow
def test_killed_in_the_middle_of_a_pair_it_goes_on_with_the_setting_it_was_at(
    questions: Path, model: str, tmp_path: Path
) -> None:
    out = tmp_path / "pair"
    killed(questions, out, model, 3, 2 * N, "--tools", "paired")
    told = finished(started(questions, out, model, "--tools", "paired"))
    for name in ("with-tools", "without-tools"):
        assert set(lines(out / name).values()) == {1} and len(lines(out / name)) == N
    assert verdicts(out / "with-tools") == verdicts(out / "without-tools"), "its model never calls"
    assert [run["n"] for run in told["runs"]] == [N, N]
    (pair,) = told["paired"]
    assert (pair["n"], pair["both"], pair["neither"]) == (N, 40, 20)
    assert pair["only_with"] == pair["only_without"] == 0 and pair["p"] == 1


@pytest.mark.slow
def test_ctrl_c_keeps_all_and_says_how_to_go_on(questions: Path, model: str, tmp_path: Path) -> None:
    out = tmp_path / "stopped"
    process = started(questions, out, model, "--tools", "off")
    after(process, out, 4)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.strip().endswith(f"finished episodes are in {out}; the same command goes on")
    assert 4 <= sum(trace.stop_reason.is_result for trace in read_traces(out)) < N
    assert finished(started(questions, out, model, "--tools", "off"))["n"] == N
