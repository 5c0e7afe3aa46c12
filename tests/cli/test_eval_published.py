"""`deepeyes eval run` on a published benchmark: its numbers stand with the rest, its notes on stderr."""

import json
from pathlib import Path

import pytest
from eval.benchmarks.layouts import LAYOUTS
from eval.benchmarks.published import write_jsonl

from deepeyes.cli.main import main


def test_the_official_score_and_the_chance_level_are_printed_with_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_jsonl(tmp_path / "rows.jsonl", LAYOUTS["hrbench_4k"].rows)
    replies = tmp_path / "replies.txt"
    replies.write_text("<think>I look.</think>\n<answer>B</answer>")
    settings = (f"source={path}", f"model=scripted:{replies}", "tools=false")
    with pytest.raises(SystemExit) as ended:
        main(["eval", "run", "hrbench_4k", "--json", *(word for one in settings for word in ("--set", one))])
    said = capsys.readouterr()
    assert ended.value.code == 0, said.err
    numbers = json.loads(said.out)
    assert numbers["n"] == 2 and numbers["accuracy"] == numbers["mean_over_cycles"] == 0.5
    assert numbers["chance"] == 0.25 and len(numbers["mean_over_cycles_ci95"]) == 2
    assert "HR-Bench 4K has 800 questions as published, here 2" in said.err


def test_data_that_are_nowhere_are_an_error_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["eval", "run", "vstar", "--set", f"source={tmp_path / 'gone.parquet'}"])
    assert ended.value.code == 2
    assert "there is no file or folder" in capsys.readouterr().err
