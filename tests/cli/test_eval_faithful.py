"""`deepeyes eval faithful` on recorded runs, with models of other kinds, and what is refused."""

import asyncio
import json
import re
from pathlib import Path

import pytest
from eval.readers import Reader, record

from deepeyes.core.limits import StopReason
from deepeyes.core.trace import TraceWriter, read_traces


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """Four right episodes, one of them about a red plate."""
    folder = tmp_path / "run"
    asyncio.run(record(Reader("deepeyes_v2"), folder, 4))
    return folder


def test_a_model_that_always_says_red(cli, recorded: Path, answers: str) -> None:
    ran = cli("eval", "faithful", "run", "--model", answers, "--json")
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)
    assert (told["episodes"], told["counterfactuals"], told["out"]) == (4, 12, "run-faithful")
    found = {one["change"]: one for one in told["survived"]}
    assert {change: one["survived"]["value"] for change, one in found.items()} == {
        "kept": 0.25, "replaced": 0.25, "blanked": 0.25,
    }  # fmt: skip
    assert found["kept"]["survived"]["n"] == 4 and len(found["kept"]["survived"]["ci95"]) == 2
    assert told["seen"]["python"]["untold"] == 4, "crops of a plain image fit in many places"
    shown = cli("eval", "faithful", "run", "--model", answers)
    assert shown.code == 0 and re.search(r"python +blanked +4 +25% to 100% \[5%, 100%\] +3", shown.out)
    assert len(list(read_traces(recorded.with_name("run-faithful")))) == 12, "nothing was asked again"


def test_a_model_behind_a_server_is_sent_the_whole_conversation(cli, recorded: Path, server) -> None:
    ran = cli("eval", "faithful", "run", "--model", server.model, "-n", 1, "--out", "o", "--json")
    assert ran.code == 0, ran.err
    asked = [body["messages"] for body in server.bodies if len(body["messages"]) > 2]
    assert [[message["role"] for message in its] for its in asked] == [
        ["system", "user", "assistant", "user"]
    ] * 3
    assert all("image_1.crop" in json.dumps(its[2]) for its in asked)
    images = {json.dumps([part for part in its[3]["content"] if part["type"] != "text"]) for its in asked}
    assert len(images) == 3, "the crop, another one, and grey"


def test_failures_are_told(cli, recorded: Path, server, tmp_path: Path) -> None:
    writer = TraceWriter(tmp_path / "fast")
    for trace in read_traces(recorded):
        limits = trace.limits.model_copy(update={"retry_seconds": 0.01, "retries": 0})
        writer.write(trace.model_copy(update={"limits": limits}))
    (tmp_path / "run" / "images").rename(tmp_path / "fast" / "images")
    server.reply = lambda n: (500, "text/plain", "down")
    ran = cli("eval", "faithful", "fast", "--model", server.model, "-n", 1, "--json")
    assert ran.code == 5 and "all 3 episodes failed because of us" in ran.err
    traces = list(read_traces(tmp_path / "fast-faithful"))
    assert {trace.stop_reason for trace in traces} == {StopReason.infrastructure_error}


def test_what_is_refused(cli, recorded: Path, answers: str, tmp_path: Path) -> None:
    ran = cli("eval", "faithful", "run")
    assert ran.code == 2 and ran.is_one_line and "name it with --model" in ran.err
    ran = cli("eval", "faithful", "nowhere", "--model", answers)
    assert ran.code == 2 and ran.is_one_line
    recorded.rename(tmp_path / "with-tools")
    (tmp_path / "both").mkdir()
    (tmp_path / "with-tools").rename(tmp_path / "both" / "with-tools")
    asyncio.run(record(Reader("deepeyes_v2"), tmp_path / "both" / "without-tools", 1))
    ran = cli("eval", "faithful", "both", "--model", answers)
    assert ran.code == 2 and ran.is_one_line and "holds 2 runs (with-tools, without-tools)" in ran.err
    plan = tmp_path / "both" / "with-tools" / "plan.toml"
    plan.write_text('model = "x"\n[grading]\nscorer = "nobody"\n')
    ran = cli("eval", "faithful", "both/with-tools", "--model", answers)
    assert ran.code == 2 and ran.is_one_line and "plan.toml" in ran.err
