"""Nothing waits in silence: what takes long is told on stderr, at once or soon, and then now and then."""

import sys
import time
from pathlib import Path

import pytest

from deepeyes.cli import progress, running
from deepeyes.cli.progress import Steps
from deepeyes.cli.running import waiting


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "PATIENCE", 0.02)
    monkeypatch.setattr(running, "EVERY", 0.05)


@pytest.mark.usefixtures("quick")
def test_a_wait_is_told_and_told_again(capsys: pytest.CaptureFixture[str]) -> None:
    with waiting("loading a model", lambda: "half of it"):
        time.sleep(0.3)
    out, err = capsys.readouterr()
    first, *later = err.splitlines()
    assert out == "" and first == "note: loading a model ..."
    assert len(later) >= 2 and all(line.startswith("note: still loading a model (") for line in later)
    assert all(line.endswith(": half of it") for line in later)


@pytest.mark.usefixtures("quick")
def test_what_is_quick_is_not_told_but_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with waiting("nothing"):
        pass
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with waiting("something"):
        time.sleep(0.01)
    assert capsys.readouterr().err == "note: something ...\n"


@pytest.mark.usefixtures("quick")
def test_a_wait_that_fails_ends_too(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="no"), waiting("loading"):
        raise ValueError("no")
    time.sleep(0.1)
    assert capsys.readouterr().err == ""


def test_every_slow_part_of_opening_an_agent_is_told(
    cli, picture: Path, script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "PATIENCE", 0.0)
    ran = cli("ask", picture, "What?", "--model", f"scripted:{script}", "--search", "off")
    assert ran.out == "red\n"
    told = ran.err.splitlines()
    assert any("loading scripted:" in line for line in told) and any("the sandbox" in line for line in told)


def test_redirected_work_tells_its_begin_its_end_and_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 10_000, 4))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    with Steps() as steps:
        for done in range(21):
            steps.step("read", done, 20)
        for done in range(3):
            steps.step("teach", done, None)
        steps.step("grow", 1, 1)
        steps.step("grow", 2, 2)
    told = capsys.readouterr().err.splitlines()
    assert told[0].startswith("note: read: 0 of 20") and any("read: 20 of 20" in line for line in told)
    assert 4 <= sum("read" in line for line in told) <= 6, told
    assert next(line for line in told if "teach" in line).startswith("note: teach: 0 (")
    assert sum("grow" in line for line in told) == 1, "a stage that finds more work does not end twice"


def test_drawing_is_told_where_nobody_looks_at_a_terminal(cli, tmp_path: Path) -> None:
    ran = cli("world", "sample", "--family", "tiny", "--n", "2", "--out", tmp_path / "w")
    assert ran.code == 0 and ran.out.strip() == str(tmp_path / "w" / "tasks.jsonl")
    assert ran.err.startswith("note: drawing: 0 of 2") and "drawing: 2 of 2" in ran.err
