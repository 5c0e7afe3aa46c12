"""`deepeyes eval report`."""

import json
from pathlib import Path

from view.test_report import runs


def test_the_page_is_written_and_the_numbers_are_printed(cli, tmp_path: Path) -> None:
    done = cli("eval", "report", runs(tmp_path), "--title", "Mine")
    path = Path(done.out.strip())
    assert done.code == 0 and path == tmp_path / "report.html" and "<h1>Mine</h1>" in path.read_text()
    told = cli("eval", "report", tmp_path, "--json")
    assert len(json.loads(told.out)["runs"]) == 2 and len(json.loads(told.out)["paired"]) == 1


def test_a_folder_without_runs_is_an_error(cli, tmp_path: Path) -> None:
    done = cli("eval", "report", tmp_path)
    assert done.code == 2 and done.is_one_line and "no traces" in done.err


def test_runs_that_cannot_be_read_at_all_are_an_error(cli, tmp_path: Path) -> None:
    (tmp_path / "traces.jsonl").write_text("nonsense\n{}\n")
    done = cli("eval", "report", tmp_path)
    assert done.code == 2 and done.is_one_line and "damaged" in done.err
