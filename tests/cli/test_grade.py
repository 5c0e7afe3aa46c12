"""`deepeyes grade`: files in, verdicts out, and every bad row by its line."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from deepeyes.analysis.stats import wilson

from .conftest import Ran

ROWS: list[dict[str, Any]] = [
    {"id": "a", "prediction": "7", "answer": 7},
    {"id": "b", "prediction": "8", "answer": "7"},
    {"id": "c", "prediction": None, "answer": ["7", "seven"]},
]
OUTCOMES = [("a", "right"), ("b", "wrong"), ("c", "wrong")]


def lines(rows: list[dict[str, Any]], end: str = "\n") -> str:
    return "".join(json.dumps(row) + end for row in rows)


def verdicts(text: str) -> list[tuple[str, str]]:
    return [(row["id"], row["outcome"]) for row in map(json.loads, text.splitlines())]


def stdin(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_verdicts_go_to_a_file_and_a_table_is_printed(cli: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(lines(ROWS))
    ran = cli("grade", "a.jsonl", "--out", "v/out.jsonl")
    assert (ran.code, ran.err) == (0, "")
    written = (tmp_path / "v" / "out.jsonl").read_text()
    assert verdicts(written) == OUTCOMES
    keys = ["id", "outcome", "score", "by", "kind", "given", "expected", "reason"]
    assert [list(json.loads(line)) for line in written.splitlines()] == [keys] * 3
    total = next(line for line in ran.out.splitlines() if line.startswith("all"))
    assert total.split() == ["all", "3", "1", "2", "0", "33.3", "%", "6.1-79.2"]


def test_json_is_one_object_with_counts_and_intervals(cli: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(lines(ROWS))
    told = json.loads(cli("grade", "a.jsonl", "--json").out)
    assert [told[name] for name in ("n", "right", "wrong", "unsure", "accuracy")] == [3, 1, 2, 0, 0.333333]
    assert told["ci95"] == [0.061492, 0.79234] and told["left_out"] == {}
    assert sum(row["n"] for row in told["by_kind"].values()) == 3


def test_standard_input_and_output(cli: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    stdin(monkeypatch, lines(ROWS).encode())
    ran = cli("grade", "-", "--out", "-")
    assert verdicts(ran.out) == OUTCOMES and "all" in ran.err


def _jsonl(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbf" + lines(ROWS, "\r\n\r\n").encode())


def _json(path: Path) -> None:
    path.write_text(json.dumps(ROWS))


def _csv(path: Path) -> None:
    path.write_text("\ufeffid,prediction,answer\r\na,7,7\r\nb,8,7\r\nc,,7\r\n", "utf-8", newline="")


def _tsv(path: Path) -> None:
    path.write_text("id\tprediction\tanswer\na\t7\t7\nb\t8\t7\nc\t\t7\n")


def _parquet(path: Path) -> None:
    parquet.write_table(pyarrow.Table.from_pylist([{**row, "answer": ["7"]} for row in ROWS]), path)


@pytest.mark.parametrize("write", [_jsonl, _json, _csv, _tsv, _parquet], ids=lambda write: write.__name__[1:])
def test_files_of_every_kind_are_read(
    write: Callable[[Path], None], cli: Callable[..., Ran], tmp_path: Path
) -> None:
    name = f"a.{write.__name__[1:]}"
    write(tmp_path / name)
    ran = cli("grade", name, "--out", "-")
    assert (ran.code, verdicts(ran.out)) == (0, OUTCOMES)


def test_numbers_keep_the_digits_that_the_file_has(cli: Callable[..., Ran], tmp_path: Path) -> None:
    big = "9" * 6000
    (tmp_path / "a.jsonl").write_text(
        f'{{"id": 1, "prediction": {big}, "answer": {big}}}\n'
        '{"id": 2, "prediction": 1.50, "answer": "1.50"}\n'
        '{"id": 3, "prediction": 12345678901234567891, "answer": "12345678901234567890"}\n'
    )
    got = dict(verdicts(cli("grade", "a.jsonl", "--out", "-").out))
    assert got["2"] == "right" and got["3"] == "wrong" and got["1"] != "wrong"


@pytest.mark.parametrize(
    "line",
    [
        '{"prediction": "7", "answer": "7"',
        "[1, 2]",
        '"text"',
        '{"prediction": "7", "answer": ""}',
        '{"answer": "7"}',
        '{"prediction": {"text": "7"}, "answer": "7"}',
        "[" * 100_000,
        '{"prediction": "7", "answer": "7", "tolerance": "much"}',
    ],
)
def test_a_bad_line_is_named_and_nothing_is_written(
    line: str, cli: Callable[..., Ran], tmp_path: Path
) -> None:
    (tmp_path / "a.jsonl").write_text(lines(ROWS) + "\n" + line + "\n")
    (tmp_path / "out.jsonl").write_text("old")
    ran = cli("grade", "a.jsonl", "--out", "out.jsonl")
    assert ran.code == 2 and ran.is_one_line and "line 5 of a.jsonl" in ran.err and ran.out == ""
    assert (tmp_path / "out.jsonl").read_text() == "old" and len(list(tmp_path.iterdir())) == 2
    told = json.loads(cli("grade", "a.jsonl", "--skip", "--json").out)
    assert told["n"] == 3 and sum(told["left_out"].values()) == 1


def test_text_that_is_no_utf8_is_named_and_broken_text_is_not_fatal(
    cli: Callable[..., Ran], tmp_path: Path
) -> None:
    good = b'{"id": "\\ud800", "prediction": "\\u0000 \xed\xa0\x80 \t\x01", "answer": "7"}\n'
    (tmp_path / "a.jsonl").write_bytes(good)
    assert verdicts(cli("grade", "a.jsonl", "--out", "-").out)[0][0] == "?"
    (tmp_path / "a.jsonl").write_bytes(good + b'{"prediction": "\xff", "answer": "7"}\n')
    ran = cli("grade", "a.jsonl")
    assert ran.code == 2 and "line 2 of a.jsonl" in ran.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("no.jsonl",), "no.jsonl"),
        (("a.jsonl", "--gold", "truth"), "'truth'"),
        (("a.jsonl", "--scorer", "nobody"), "chartqa"),
        (("a.jsonl", "--out", "a.jsonl"), "--out"),
        (("a.jsonl", "--judge", "nobody"), "nobody"),
        (("wide.csv",), "line 2 of wide.csv"),
        (("odd.json",), "odd.json"),
        (("no.parquet",), "no.parquet"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    arguments: tuple[str, ...], words: str, cli: Callable[..., Ran], tmp_path: Path
) -> None:
    (tmp_path / "a.jsonl").write_text(lines(ROWS))
    (tmp_path / "wide.csv").write_text("prediction,answer\n1,2,3\n")
    (tmp_path / "odd.json").write_text("{}")
    ran = cli("grade", *arguments)
    assert ran.code in (2, 3, 4) and ran.is_one_line and words in ran.err and ran.out == ""


def test_an_empty_file_has_no_verdicts(cli: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("\n")
    ran = cli("grade", "a.jsonl", "--out", "-", "--json")
    assert (ran.code, ran.out) == (0, "") and json.loads(ran.err)["n"] == 0


def test_memory_does_not_grow_with_the_file(
    cli: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import tracemalloc

    row = json.dumps({"prediction": "7", "answer": "7", "note": "x" * 2000}) + "\n"
    (tmp_path / "a.jsonl").write_text(row * 20_000)
    tracemalloc.start()
    ran = cli("grade", "a.jsonl", "--out", "out.jsonl", "--json")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert json.loads(ran.out)["right"] == 20_000 and peak < 20_000_000


def test_a_judge_decides_what_the_rules_leave_open_and_nothing_else(
    cli: Callable[..., Ran], tmp_path: Path
) -> None:
    (tmp_path / "judge.txt").write_text("Both are the same town.\nRIGHT")
    free = {
        "id": "d",
        "prediction": "It is in the capital of France.",
        "answer": "Paris",
        "question": "Where?",
    }
    (tmp_path / "a.jsonl").write_text(lines([*ROWS, free] * 300))
    plain = json.loads(cli("grade", "a.jsonl", "--json").out)
    assert (plain["right"], plain["unsure"], plain["accuracy"]) == (300, 300, 0.333333)
    assert plain["ci95"] == [round(end, 6) for end in wilson(300, 900)] and plain["judged"] == 0
    ran = cli("grade", "a.jsonl", "--out", "-", "--judge", "scripted:judge.txt", "--cache", "v.sqlite")
    assert verdicts(ran.out) == [*OUTCOMES, ("d", "right")] * 300 and (tmp_path / "v.sqlite").is_file()
    assert {row["by"] for row in map(json.loads, ran.out.splitlines()) if row["id"] == "d"} == {"judge"}
    assert "left to judges: 300" in ran.err and "left to judges" not in cli("grade", "a.jsonl").out


def test_every_column_can_be_named(cli: Callable[..., Ran], tmp_path: Path) -> None:
    row = {
        "no": "n",
        "said": "(b)",
        "truth": "blue/red",
        "sort": "letter",
        "among": ["x", "red"],
        "asked": "?",
    }
    (tmp_path / "a.jsonl").write_text(lines([row]))
    named = ("--answer", "said", "--gold", "truth", "--id", "no", "--kind", "sort", "--options", "among")
    ran = cli("grade", "a.jsonl", *named, "--question", "asked", "--separator", "/", "--out", "-")
    assert verdicts(ran.out) == [("n", "right")]


def test_a_published_rule_takes_the_place_of_ours(cli: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(lines([{"prediction": "104", "answer": "100"}]))
    assert json.loads(cli("grade", "a.jsonl", "--json").out)["right"] == 0
    assert json.loads(cli("grade", "a.jsonl", "--json", "--scorer", "chartqa").out)["right"] == 1
    told = json.loads(cli("grade", "a.jsonl", "--json", "--scorer", "chartqa").out)
    assert [told["our_rules"][name] for name in ("n", "right", "wrong")] == [1, 0, 1]
    assert "by our rules" in cli("grade", "a.jsonl", "--scorer", "chartqa").out
    assert "our_rules" not in json.loads(cli("grade", "a.jsonl", "--json").out)


def test_what_a_person_says_of_a_row_stands(cli: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "judge.txt").write_text("RIGHT")
    free = {"answer": "Paris", "question": "Where?", "prediction": "in the capital of France"}
    said = [
        ({"prediction": "7", "answer": "8"}, True),
        ({"prediction": "7", "answer": "7"}, "wrong"),
        (free, "no"),
        (free, None),
        ({"prediction": "7", "answer": "7"}, ""),
    ]
    rows = [{"id": str(number), **row, "looked": word} for number, (row, word) in enumerate(said)]
    (tmp_path / "a.jsonl").write_text(lines(rows))
    ran = cli("grade", "a.jsonl", "--person", "looked", "--judge", "scripted:judge.txt", "--out", "-")
    told = [(row["outcome"], row["by"]) for row in map(json.loads, ran.out.splitlines())]
    assert told == [
        ("right", "person"),
        ("wrong", "person"),
        ("wrong", "person"),
        ("right", "judge"),
        ("right", "rule"),
    ]


@pytest.mark.parametrize("row", [{"looked": "maybe"}, {"looked": 2}, {}])
def test_a_row_that_names_no_verdict_of_a_person_is_told(
    row: dict[str, Any], cli: Callable[..., Ran], tmp_path: Path
) -> None:
    (tmp_path / "a.jsonl").write_text(lines([{"prediction": "7", "answer": "7", **row}]))
    ran = cli("grade", "a.jsonl", "--person", "looked")
    assert ran.code == 2 and ran.is_one_line and "'looked'" in ran.err and "line 1" in ran.err
