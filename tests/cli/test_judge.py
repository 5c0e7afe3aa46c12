"""`deepeyes judge` as its users meet it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from judge_server import JudgeServer, serving
from PIL import Image

from .conftest import Ran

TOWNS = ("Paris", "Rome", "Lima", "Oslo", "Cairo", "Quito", "Delhi", "Seoul", "Tunis", "Accra")


@pytest.fixture
def judges() -> Iterator[JudgeServer]:
    with serving() as served:
        yield served


@pytest.fixture
def data(tmp_path: Path) -> Path:
    Image.new("RGB", (60, 60)).save(tmp_path / "map.png")
    rows = [
        {
            "question": f"Where is {n}?",
            "gold": town,
            "answer": f"in {said}",
            "correct": said == town,
            "gpt4": "Yes",
            "image": "map.png",
        }
        for n, town in enumerate(TOWNS)
        for said in (town, TOWNS[n - 1])
    ]
    path = tmp_path / "people.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_the_tables_tell_of_rules_judges_and_both(
    cli: Callable[..., Ran], data: Path, judges: JudgeServer
) -> None:
    ran = cli(
        "judge",
        "agreement",
        "--data",
        data,
        "--judge",
        judges.model("yes"),
        "--judge",
        judges.model("honest"),
    )
    assert ran.code == 0
    lines = [" ".join(line.split()) for line in ran.out.splitlines()]
    assert f"judge 1: openai:yes@{judges.url}" in lines
    assert "judge 1 20 100.0 % 50.0 % 29.9-70.1 0.00 50.0 % 0.0 %" in lines
    assert "judge 2 20 100.0 % 100.0 % 83.9-100.0 1.00 0.0 % 0.0 %" in lines
    assert any(line.startswith("rules + judge 2 20") for line in lines)
    assert "gpt4 in the file 20 100.0 % 50.0 % 29.9-70.1 0.00 50.0 % 0.0 %" in lines
    assert "judge 2 planted, wrong 20 0.0 %" in lines
    told = "says right to 100 % of planted wrong answers: its scores mean nothing"
    assert lines[-1] == f"openai:yes@{judges.url} {told}"


def test_json_is_one_object_with_the_same_numbers(
    cli: Callable[..., Ran], data: Path, judges: JudgeServer
) -> None:
    ran = cli("judge", "agreement", "--data", data, "--judge", judges.model("no"), "--n", 12, "--json")
    told = json.loads(ran.out)
    name = f"openai:no@{judges.url}"
    assert (told["answers"], told["left_out"], told["prompt"], told["votes"]) == (20, 0, 1, 1)
    assert list(told["agreement"]) == ["rules", name, f"rules + {name}", "gpt4 in the file"]
    assert told["agreement"][name]["n"] == 12
    assert told["bias"][name]["planted_wrong"] == {"n": 12, "right": 0.0}
    assert told["findings"]


def test_the_same_command_goes_on_with_a_cache(
    cli: Callable[..., Ran], data: Path, judges: JudgeServer, tmp_path: Path
) -> None:
    command = (
        "judge",
        "agreement",
        "--data",
        data,
        "--judge",
        judges.model("honest"),
        "--cache",
        "votes.sqlite",
    )
    judges.status = 503
    failed = cli(*command)
    assert failed.code == 5 and failed.is_one_line and failed.out == ""
    judges.status = 200
    first = cli(*command)
    asked = judges.asked["honest"]
    assert cli(*command).out == first.out and judges.asked["honest"] == asked
    assert (tmp_path / "votes.sqlite").exists()


def test_another_seed_draws_other_answers(cli: Callable[..., Ran], data: Path, judges: JudgeServer) -> None:
    asked: list[set[str]] = []
    for seed in (0, 0, 1):
        judges.bodies.clear()
        cli("judge", "agreement", "--data", data, "--judge", judges.model("no"), "--n", 3, "--seed", seed)
        asked.append({body["messages"][0]["content"] for body in judges.bodies})
    assert asked[0] == asked[1] != asked[2]


def test_images_are_shown_when_asked(cli: Callable[..., Ran], data: Path, judges: JudgeServer) -> None:
    command = ("judge", "agreement", "--data", data, "--judge", judges.model("no"), "--n", 1)
    assert cli(*command).code == cli(*command, "--image").code == 0
    shown = [isinstance(body["messages"][0]["content"], list) for body in judges.bodies]
    assert shown == [False] * 3 + [True] * 3


def test_rules_are_measured_without_a_judge(cli: Callable[..., Ran], data: Path) -> None:
    ran = cli("judge", "agreement", "--data", data, "--json")
    assert list(json.loads(ran.out)["agreement"]) == ["rules", "gpt4 in the file"]


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--judge", "gpt"), 4, "there is no model 'gpt'"),
        (("--judge", "nano", "--judge", "nano"), 3, "named twice"),
        (("--votes", 3), 2, "at temperature 0 all votes of a judge are the same: give --temperature 0.7"),
        (("--column", "gold"), 2, "names no column"),
        (("--column", "gold=nothing"), 2, "line 1 of"),
        (("--data", "missing.jsonl"), 2, "missing.jsonl"),
    ],
)
def test_what_cannot_be_measured_is_one_line_before_anything_is_asked(
    cli: Callable[..., Ran], data: Path, options: tuple[object, ...], code: int, words: str
) -> None:
    ran = cli("judge", "agreement", "--data", data, *options)
    assert (ran.code, ran.out) == (code, "") and ran.is_one_line and words in ran.err


def test_a_cache_that_is_damaged_says_what_to_do(
    cli: Callable[..., Ran], data: Path, judges: JudgeServer, tmp_path: Path
) -> None:
    (tmp_path / "votes.sqlite").write_bytes(b"no database at all, but longer than that" * 99)
    ran = cli("judge", "agreement", "--data", data, "--judge", judges.model("no"), "--cache", "votes.sqlite")
    assert ran.code == 7 and ran.is_one_line and "name another file, or delete it if it is a cache" in ran.err
