"""`deepeyes view`: a page, or a server where a page would be too large, and clear words about both."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from view.test_library import written
from view.view_helpers import told

from deepeyes.cli.main import main
from deepeyes.view import page


def ran(*words: object) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    return int(end.value.code or 0)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return written(tmp_path / "run", told("a"), told("b", 0.0))


def test_it_writes_a_page_and_prints_its_path(run: Path, tmp_path: Path, capsys: Any) -> None:
    assert ran("view", run, "--out", tmp_path / "p.html", "--title", "Mine") == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "p.html")
    assert "<title>Mine · DeepEyes</title>" in (tmp_path / "p.html").read_text()
    assert ran("view", run) == 0 and (run / "index.html").exists()


def test_what_is_not_there_is_said(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "nothing", tmp_path / "empty"):
        assert ran("view", path) == 2
        told = capsys.readouterr().err
        assert told.startswith("deepeyes: there are no traces") and "give a folder" in told


def test_a_tokenizer_that_is_none_is_said(run: Path, tmp_path: Path, capsys: Any) -> None:
    assert ran("view", run, "--tokenizer", tmp_path) == 2
    assert "tokenizer.json" in capsys.readouterr().err


def test_what_is_too_large_for_a_page_is_served_unless_a_file_is_named(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path
) -> None:
    from deepeyes.serve import view as server

    served: list[Any] = []

    async def serve(*what: Any, **more: Any) -> None:
        served.append(more["port"])

    monkeypatch.setattr(server, "serve", serve)
    monkeypatch.setattr(page, "MOST_ENTRIES", 1)
    assert ran("view", run) == 0 and served == [8095]
    assert "--out FILE writes what fits" in capsys.readouterr().err and not (run / "index.html").exists()
    assert ran("view", run, "--out", tmp_path / "p.html") == 0 and len(served) == 1
    monkeypatch.undo()
    monkeypatch.setattr(server, "serve", serve)
    assert ran("view", run, "--serve", "--port", "0") == 0 and served == [8095, 0]


def test_without_the_servers_packages_both_ways_out_are_said(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "starlette"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "starlette", None)
    assert ran("view", run, "--serve") == 3
    told = capsys.readouterr().err
    assert "pip install 'deepeyes[serve]'" in told and "--out FILE" in told


def test_others_than_loopback_need_a_token(run: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.delenv("DEEPEYES_VIEW_TOKEN", raising=False)
    assert ran("view", run, "--serve", "--host", "0.0.0.0") == 3
    assert "DEEPEYES_VIEW_TOKEN" in capsys.readouterr().err


def test_it_serves_until_ctrl_c_and_leaves_the_folder_as_it_was(run: Path) -> None:
    pytest.importorskip("uvicorn")
    before = sorted(path.name for path in run.rglob("*"))
    command = [sys.executable, "-m", "deepeyes", "view", str(run), "--serve", "--port", "0"]
    environment = {name: value for name, value in os.environ.items() if name != "DEEPEYES_VIEW_TOKEN"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as server:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        assert httpx.get(f"{address}index").json()["key"] == ["a#0", "b#0"]
        written(run, told("c"))
        assert httpx.get(f"{address}index").json()["key"] == ["a#0", "b#0", "c#0"], "it takes in what is new"
        server.send_signal(signal.SIGINT)
        told_at_the_end = server.communicate(timeout=60)[1]
    assert "Traceback" not in told_at_the_end
    assert sorted(path.name for path in run.rglob("*")) == before
