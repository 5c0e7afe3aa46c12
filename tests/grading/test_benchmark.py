"""The benchmark of grading reads any rows of its files, counts right, and says what it cannot read."""

import json
from pathlib import Path
from typing import Any

import pytest

import benchmarks.grading as benchmark
from benchmarks.verdict_rows import SETS, missing_files
from deepeyes.core.answers import AnswerKind
from deepeyes.core.errors import InputError
from deepeyes.core.task import Task
from deepeyes.core.verdict import Verdict

QUESTION = "who?"


def write(folder: Path, name: str, *rows: dict[str, Any]) -> None:
    (folder / name).write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")


def reply(id: str, model: str, response: str, extraction: str, correct: bool, **more: Any) -> dict[str, Any]:
    return {
        "id": id,
        "model": model,
        "response": response,
        "extraction": extraction,
        "correct": correct,
        **more,
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Every file with a few rows."""
    item = {"choices": None, "unit": None, "precision": None}
    write(
        tmp_path,
        "mathvista_items.jsonl",
        {"id": "1", "qt": "multi_choice", "at": "text", **item, "choices": ["yes", "no"], "answer": "no"},
        {"id": "2", "qt": "free_form", "at": "float", **item, "precision": 1, "unit": "m", "answer": "1.5"},
        {"id": "3", "qt": "free_form", "at": "list", **item, "answer": "[1, 2]"},
    )
    write(
        tmp_path,
        "mathvista_preds.jsonl",
        reply("1", "m", "(B) no", "B", True, prediction="no"),
        reply("2", "m", "1.52 m", "1.52", True, prediction="1.5"),
        reply("3", "n", "", "", False, prediction=None),
    )
    write(
        tmp_path,
        "mathvision_items.jsonl",
        {"id": "1", "options": ["x", "y"], "answer": "B", "level": 1, "subject": "s"},
        {"id": "2", "options": [], "answer": "$\\frac{1}{2}$", "level": 1, "subject": "s"},
    )
    write(
        tmp_path,
        "mathvision_preds.jsonl",
        reply("1", "m", "It is B.", "b", True),
        reply("2", "m", "0.5", "0.5", True),
    )
    write(
        tmp_path,
        "mmmu_pro_gpt4o.jsonl",
        reply("1", "m", "Answer: B", "B", True, options=["x", "y"], answer="B"),
        reply("2", "m", "no", "A", True, options=["x", "y"], answer="A"),
    )
    write(tmp_path, "blink_val.jsonl", reply("1", "m", "(A)", "(A)", False, answer="(B)"))
    write(
        tmp_path,
        "logicvista_preds.jsonl",
        {
            "id": "1",
            "model": "m",
            "answer": "A, C",
            "response": "C and A",
            "extraction": ["c", "a"],
            "correct": True,
        },
        {"id": "2", "model": "m", "answer": "", "response": "?", "extraction": ["zzzzz"], "correct": False},
    )
    write(
        tmp_path,
        "evouna_human.jsonl",
        {
            "id": "1",
            "question": QUESTION,
            "gold": "AC/DC / ABBA",
            "improper": False,
            "answers": {"fid": ["ABBA", True], "gpt4": ["I don't know", False]},
        },
        {"id": "2", "question": QUESTION, "gold": "x", "improper": True, "answers": {"fid": ["x", True]}},
        {
            "id": "3",
            "question": QUESTION,
            "gold": "Rome",
            "improper": False,
            "answers": {"fid": ["Roma", True]},
        },
    )
    write(
        tmp_path,
        "nq301_human.jsonl",
        {
            "id": "1",
            "question": QUESTION,
            "gold": ["a", "b"],
            "response": "b",
            "correct": False,
            "gpt4": "No",
        },
        {
            "id": "1",
            "question": QUESTION,
            "gold": ["a", "b"],
            "response": "c",
            "correct": False,
            "gpt4": "No",
        },
    )
    return tmp_path


def rows(folder: Path, name: str) -> dict[str, Any]:
    return {row.id: row for row in SETS[name](folder)}


def test_choices_have_the_text_of_one_as_reference(folder: Path):
    row = rows(folder, "mathvista")["m/1"]
    assert (row.task.answer, row.group) == ("no", "letters")
    assert (row.task.answer_form.kind, row.task.answer_form.options) == (AnswerKind.letter, ("yes", "no"))


def test_numbers_have_their_precision_and_unit(folder: Path):
    row = rows(folder, "mathvista")["m/2"]
    form = row.task.answer_form
    assert (form.kind, form.precision, form.unit, row.group) == (AnswerKind.number, 1, "m", "numbers")
    assert rows(folder, "mathvista")["n/3"].task.answer_form.kind is AnswerKind.list


def test_free_answers_have_no_declared_kind(folder: Path):
    letters, free = rows(folder, "mathv").values()
    assert (letters.task.answer_form.kind, letters.group) == (AnswerKind.letter, "letters")
    assert (free.task.answer_form.kind, free.group) == (None, "free")


def test_several_letters_may_be_right_where_the_benchmark_says_so(folder: Path):
    assert rows(folder, "logicvista")["m/1"].task.answer_form.several
    assert rows(folder, "logicvista")["m/1"].extraction == "c, a"
    assert not rows(folder, "blink")["m/1"].task.answer_form.several


def test_joined_references_count_in_parts_and_whole(folder: Path):
    found = rows(folder, "evouna")
    assert (found["fid/1"].task.answer, found["fid/1"].task.answers) == ("AC/DC / ABBA", ("AC", "DC", "ABBA"))
    assert found["fid/3"].task.answers == ()


def test_improper_questions_are_left_out(folder: Path):
    assert set(rows(folder, "evouna")) == {"fid/1", "gpt4/1", "fid/3"}


def test_two_answers_to_one_question_are_two_rows(folder: Path):
    assert [row.task.answers for row in SETS["nq301"](folder)] == [("b",), ("b",)]
    assert len(rows(folder, "nq301")) == 2


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("[1]", "line 2 .*blink_val.jsonl .*the row"),
        ('{"id": "1"', "line 2 .*blink_val.jsonl"),
        ('{"id": "1", "model": "m"}', "line 2 .*blink_val.jsonl .*response"),
    ],
)
def test_a_row_that_cannot_be_read_is_an_error_with_its_line(folder: Path, line: str, says: str):
    path = folder / "blink_val.jsonl"
    path.write_text(f"{path.read_text()}{line}\n")
    with pytest.raises(InputError, match=says):
        list(SETS["blink"](folder))


def test_an_answer_to_no_question_is_an_error(folder: Path):
    write(folder, "mathvista_preds.jsonl", reply("77", "m", "x", "x", True))
    with pytest.raises(InputError, match="'77'"):
        list(SETS["mathvista"](folder))


def measured(capsys: pytest.CaptureFixture[str], folder: Path, *more: str) -> dict[str, Any]:
    assert benchmark.main(["--data", str(folder), "--json", *more]) == 0
    return json.loads(capsys.readouterr().out)


def test_missing_files_are_named_and_skipped(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / "mathvista_items.jsonl").unlink()
    assert missing_files(folder, "mathvista") == ("mathvista_items.jsonl",)
    report = measured(capsys, folder)
    assert report["missing"] == ["mathvista_items.jsonl"]
    assert set(report["sets"]) >= {"mmmu_pro", "blink", "mathv", "logicvista", "evouna", "nq301"}
    assert not {"mathvista"} & {*report["sets"], *report["scorers"]}


def test_a_bad_row_ends_the_benchmark_with_its_place(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / "blink_val.jsonl").write_text("{}\n")
    assert benchmark.main(["--data", str(folder)]) == InputError.exit_code
    assert "line 1 of" in capsys.readouterr().err


def test_no_folder_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert benchmark.main(["--data", str(tmp_path / "none")]) == InputError.exit_code
    assert "is not a folder" in capsys.readouterr().err


def planted(task: Task, answer: str | None) -> Verdict:
    """Right, wrong or unsure as the answer itself says."""
    assert answer is not None
    score = {"R": 1.0, "W": 0.0, "U": None}[answer[:1]]
    return Verdict(score=score, reason="refused" if answer == "W refused" else "")


def test_shares_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(benchmark, "grade", planted)
    said = (
        [("R", True)] * 4 + [("R", False)] + [("W", True)] * 2 + [("W", False)] + [("U", True), ("U", False)]
    )
    models = ["m"] * 5 + ["n"] * 5
    write(
        tmp_path,
        "blink_val.jsonl",
        *(
            reply(str(number), model, *(answer, answer), correct, answer="(A)")
            for number, (model, (answer, correct)) in enumerate(zip(models, said, strict=True))
        ),
    )
    figures = measured(capsys, tmp_path, "--set", "blink", "--by-model")["sets"]["blink"]
    shares = {
        name: figures[name] for name in ("n", "decided", "agreement", "false_credit", "missed", "found")
    }
    assert shares == {
        "n": 10,
        "decided": 0.8,
        "agreement": 5 / 8,
        "false_credit": 0.1,
        "missed": 0.2,
        "found": 4 / 7,
    }
    assert figures["decided_interval"] == pytest.approx([0.490, 0.943], abs=0.001)
    assert figures["agreement_rows"] == 5
    assert (figures["by_model"]["m"]["n"], figures["by_model"]["m"]["agreement"]) == (5, 0.8)


def test_wrong_said_leaves_out_empty_answers_and_refusals(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(benchmark, "grade", lambda task, answer: planted(task, answer.strip() or "W"))
    answers = {
        "a": ["W", True],
        "b": ["W refused", False],
        "c": [" ", False],
        "d": ["U", True],
        "e": ["R", True],
    }
    row = {"id": "1", "question": QUESTION, "gold": "x", "improper": False, "answers": answers}
    write(tmp_path, "evouna_human.jsonl", row)
    assert measured(capsys, tmp_path, "--set", "evouna")["sets"]["evouna"]["wrong_said"] == 1


def test_scorers_are_compared_with_what_was_committed(folder: Path, capsys: pytest.CaptureFixture[str]):
    write(folder, "blink_val.jsonl", reply("9", "m", "(A)", "(A)", True, answer="(B)"))
    scorers = measured(capsys, folder)["scorers"]
    assert (scorers["blink"]["n"], scorers["blink"]["equal"], scorers["blink"]["different"]) == (
        1,
        0,
        ["m/9"],
    )
    assert (scorers["mmmu_pro"]["equal"], scorers["mmmu_pro"]["replies"]["left"]) == (2, 1)
    assert scorers["mathvista"]["equal"] == 3
    assert scorers["mathvista"]["known_faults"]


def test_speed_is_measured_on_letters_and_numbers_and_maths_apart(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    report = measured(capsys, folder)
    assert report["speed"]["n"] == 6
    assert report["speed"]["bare"] > 0 and report["speed"]["replies"] > 0
    assert "speed" not in measured(capsys, folder, "--no-speed")


def test_people_see_tables_and_rows(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(benchmark, "grade", lambda task, answer: Verdict(score=1.0, reason="always"))
    assert benchmark.main(["--data", str(folder), "--show", "1"]) == 0
    printed = capsys.readouterr().out
    assert "blink m/1: grade right, verdict wrong" in printed
    assert "mmmu_pro m/1" not in printed
    assert "not (A) but (B)" in printed


def test_halves_are_of_questions_and_make_the_whole(folder: Path, capsys: pytest.CaptureFixture[str]):
    halves = [measured(capsys, folder, "--half", half)["sets"] for half in ("0", "1")]
    for name, whole in measured(capsys, folder)["sets"].items():
        assert sum(half.get(name, {"n": 0})["n"] for half in halves) == whole["n"]
