"""One's own questions: files of rows as people have them, and what this program wrote before."""

import base64
import csv
import io
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from deepeyes.agent.agent import Agent
from deepeyes.core.errors import ConfigError, InputError
from deepeyes.core.images import ImageStore
from deepeyes.core.task import Task
from deepeyes.core.trace import TraceWriter, read_traces
from deepeyes.eval.own import QuestionsPlan
from deepeyes.eval.run import run_plan
from deepeyes.models.scripted import ScriptedModel

RED, BLUE = Image.new("RGB", (40, 30), "red"), Image.new("RGB", (30, 40), "blue")


@pytest.fixture(autouse=True)
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    RED.save("red.png")
    BLUE.save("blue.png")


def png(image: Image.Image) -> bytes:
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


def lines(*rows: Any, name: str = "mine.jsonl") -> str:
    Path(name).write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return name


def drawn(source: str, **settings: Any) -> list[Task]:
    plan = QuestionsPlan.model_validate({"source": source, **settings}).checked()
    tasks = list(plan.tasks(ImageStore()))
    assert len(tasks) == plan.n
    return tasks


def sizes(task: Task) -> list[tuple[int, int]]:
    return [(ref.width, ref.height) for ref in task.images]


ROWS = [
    {"id": "a", "image": "red.png", "question": "What colour?", "answer": "red"},
    {"id": "b", "image": "blue.png", "question": "Wie viel, genau?", "answer": "1.50"},
]


def write_jsonl(path: Path) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))


def write_jsonl_with_mark(path: Path) -> None:
    path.write_text("".join(json.dumps(row) + "\r\n" for row in ROWS), "utf-8-sig")


def write_json(path: Path) -> None:
    path.write_text(json.dumps(ROWS))


def write_table(path: Path) -> None:
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, list(ROWS[0]), delimiter="\t" if path.suffix == ".tsv" else ",")
        table.writeheader()
        table.writerows(ROWS)


def write_parquet(path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    bytes_of = {"red.png": png(RED), "blue.png": png(BLUE)}
    rows = [{**row, "image": {"bytes": bytes_of[row["image"]], "path": None}} for row in ROWS]
    parquet.write_table(arrow.Table.from_pylist(rows), path)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("q.jsonl", write_jsonl),
        ("q.jsonl", write_jsonl_with_mark),
        ("q.json", write_json),
        ("q.csv", write_table),
        ("q.tsv", write_table),
        ("q.parquet", write_parquet),
    ],
)
def test_every_kind_of_file_asks_the_same(name: str, write: Callable[[Path], None]) -> None:
    write(Path(name))
    first, second = drawn(name)
    assert [(t.id, t.question, t.answer, t.family) for t in (first, second)] == [
        ("a", "What colour?", "red", "q"),
        ("b", "Wie viel, genau?", "1.50", "q"),
    ]
    assert sizes(first) == [(40, 30)] and sizes(second) == [(30, 40)]


def test_numbers_keep_their_digits_and_lists_are_several_answers() -> None:
    row = {"image": "red.png", "Question": "How much?", "answer": 1.50, "answers": ["3/2", "one and a half"]}
    Path("mine.jsonl").write_text(json.dumps(row).replace("1.5,", "1.50,") + "\n")
    (task,) = drawn("mine.jsonl")
    assert (task.id, task.answer, task.answers) == ("1", "1.50", ("3/2", "one and a half"))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("red.png", [(40, 30)]),
        (["red.png", "blue.png"], [(40, 30), (30, 40)]),
        ('["red.png", "blue.png"]', [(40, 30), (30, 40)]),
        ({"bytes": None, "path": "blue.png"}, [(30, 40)]),
        (base64.b64encode(png(Image.effect_noise((50, 20), 50))).decode(), [(50, 20)]),
        (f"data:image/png;base64,{base64.b64encode(png(RED)).decode()}", [(40, 30)]),
        (None, []),
    ],
)
def test_an_image_is_a_path_or_the_image_itself_or_several(
    value: object, shown: list[tuple[int, int]]
) -> None:
    (task,) = drawn(lines({"image": value, "question": "What?", "answer": "x"}))
    assert sizes(task) == shown


def test_columns_are_named_where_nobody_could_guess_them() -> None:
    row = {"pic": "red.png", "say": {"en": "What?"}, "gt": {"texts": ["x", "y"]}, "who": "me", "cat": "c"}
    names = {"image": "pic", "question": "say.en", "answer": "gt.texts", "id": "who", "category": "cat"}
    (task,) = drawn(lines(row), columns=names)
    assert (task.id, task.question, task.answer, task.answers) == ("me", "What?", "x", ("y",))
    assert task.kind == "c" and not task.meta and sizes(task) == [(40, 30)]


def test_numbered_image_columns_are_all_shown_and_spoken_of_by_their_names() -> None:
    row = {"question": "<image 1> Is it as <image 2>?", "image_1": "red.png", "image_2": "blue.png"}
    (task,) = drawn(lines({**row, "answer": "no", "image_3": None}))
    assert sizes(task) == [(40, 30), (30, 40)]
    assert task.question == "image_1 Is it as image_2?"


@pytest.mark.parametrize(
    "row",
    [
        {"options": ["red", "blue"]},
        {"choices": {"B": "blue", "A": "red"}},
        {"A": "red", "B": "blue", "C": ""},
        {"choice_a": "red", "choice_b": "blue"},
        {"options": "['red', 'blue']"},
    ],
)
def test_options_are_asked_with_their_letters(row: dict[str, Any]) -> None:
    (task,) = drawn(lines({"image": "red.png", "question": "What?", "answer": "A", **row}))
    assert task.question == "What?\nA. red\nB. blue"
    assert task.answer_form.options == ("red", "blue") and not task.meta


def test_options_that_the_question_has_are_not_asked_twice() -> None:
    text = "What?\n(A) red\n(B) blue"
    (task,) = drawn(lines({"image": "red.png", "text": text, "label": "A", "options": ["red", "blue"]}))
    assert task.question == text and task.answer == "A"
    (task,) = drawn(lines({"image": "red.png", "question": "Which?", "answer": "A", "options": ["A", "B"]}))
    assert task.question == "Which?", "its image shows them"


def test_the_rest_of_a_row_is_kept_as_far_as_it_is_short() -> None:
    row = {"tags": ["search", "reason"], "group": "g", "year": 1999, "long": "x" * 2000, "place": [1, 2]}
    asked = {"image": "red.png", "question": "What?", "answer": "x"}
    (task,) = drawn(lines({**asked, **row, "box": [1, 2, "3", 4.5]}), columns={"box": "box"})
    assert (task.tags, task.group, task.meta) == (
        ("search", "reason"),
        "g",
        {"year": "1999", "place": ["1", "2"]},
    )
    assert task.truth == {"box": [1.0, 2.0, 3.0, 4.5]}


def test_a_folder_with_metadata_is_its_images_and_questions() -> None:
    Path("set/sub").mkdir(parents=True)
    RED.save("set/sub/one.png")
    lines({"file_name": "sub/one.png", "question": "What?", "answer": "red"}, name="set/metadata.jsonl")
    (task,) = drawn("set")
    assert sizes(task) == [(40, 30)] and task.answer == "red"


async def test_what_a_run_wrote_is_asked_again_each_task_once(tmp_path: Path) -> None:
    plan = QuestionsPlan(source=lines(*ROWS))
    agent = Agent(ScriptedModel(["<answer>red</answer>"]))
    for name in ("with-tools", "without-tools"):
        await run_plan(plan, agent, tmp_path / "runs" / name, concurrency=1)
    before = list(plan.tasks(ImageStore()))
    assert drawn("runs") == drawn("runs/with-tools") == before
    assert drawn("runs/with-tools/traces.jsonl") == before
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "runs/with-tools/traces.jsonl").rename(tmp_path / "elsewhere" / "some.jsonl")
    (tmp_path / "runs/with-tools/images").rename(tmp_path / "elsewhere" / "images")
    assert drawn("elsewhere/some.jsonl") == before


def test_tasks_as_exports_and_the_world_write_them_are_asked(tmp_path: Path) -> None:
    store = ImageStore(tmp_path / "prompts" / "images")
    truth = {"box": [1.5, 2, 3, 4]}
    task = Task(id="x", question="What?", images=(store.put(RED),), answer="7", truth=truth, meta={"n": 3})
    Path("prompts/prompts.jsonl").write_text(task.model_dump_json() + "\n")
    assert drawn("prompts/prompts.jsonl") == [task], "numbers are numbers"
    beside = task.model_copy(update={"meta": {"file": "red.png"}})
    Path("tasks.jsonl").write_text(beside.model_dump_json() + "\n")
    assert drawn("tasks.jsonl") == [beside]


GOOD = {"image": "red.png", "question": "What?", "answer": "x"}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({**GOOD, "image": "gone.png"}, "line 2 of mine.jsonl: there is no image gone.png: put it there"),
        ({**GOOD, "image": "https://x.org/a.png"}, "is not fetched: download it"),
        ({**GOOD, "question": "  "}, "line 2 of mine.jsonl: it has no question: give it one"),
        ({**GOOD, "answer": None}, "line 2 of mine.jsonl has no reference in 'answer'"),
        ({**GOOD, "image": ["red.png", "blue.png"], "question": "Is <image 3> red?"}, "--column image=NAME"),
        (["a", "list"], "line 2 of mine.jsonl is list, not an object"),
        (
            {**GOOD, "id": "1"},
            "line 2 of mine.jsonl has the id '1' of line 1 of mine.jsonl: give each its own",
        ),
        ({**GOOD, "answer": {"text": "x"}}, "name what is in it, such as answer.text"),
    ],
)
def test_a_row_that_cannot_be_asked_is_an_error_before_anything_is_asked(row: Any, said: str) -> None:
    source = lines({**GOOD, "id": "1"}, row)
    with pytest.raises(InputError) as caught:
        QuestionsPlan(source=source).checked()
    assert said in str(caught.value) and caught.value.remedy


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "mine.jsonl holds no question: write a row for each"),
        (b"\n  \n", "mine.jsonl holds no question"),
        (json.dumps(GOOD).encode("utf-16"), "mine.jsonl is written in UTF-16 or UTF-32: save it in UTF-8"),
        (json.dumps(GOOD).encode("utf-16-le"), "mine.jsonl is written in UTF-16 or UTF-32: save it in UTF-8"),
        (b'{"question": "Wie gro\xdf?", "answer": "1"}\n', "save the file in UTF-8"),
        (json.dumps(GOOD).encode() + b'\n{"image": "red.png", "quest', "line 2 of mine.jsonl failed"),
    ],
)
def test_a_file_that_cannot_be_read_says_what_to_do(content: bytes, said: str) -> None:
    Path("mine.jsonl").write_bytes(content)
    with pytest.raises(InputError) as caught:
        QuestionsPlan(source="mine.jsonl").checked()
    assert said in str(caught.value) and caught.value.remedy


@pytest.mark.parametrize("name", ["mine.csv", "mine.tsv", "mine.json"])
def test_so_do_tables_in_other_encodings(name: str) -> None:
    Path(name).write_bytes("question,answer\nWie groß?,1\n".encode("utf-16"))
    with pytest.raises(InputError, match=r"is written in UTF-16 or UTF-32: .*UTF-8|name a file of questions"):
        QuestionsPlan(source=name).checked()


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            {"img": "red.png", "ask": "What?", "answer": "x"},
            "for the question (it has: img, ask, answer): name",
        ),
        (
            {"foto": "red.png", "question": "What?", "answer": "x"},
            "name it with --column image=NAME, or image=-",
        ),
        (
            {"image": "red.png", "question": "What?"},
            "for the reference (it has: ): name it: --column answer=",
        ),
        ({**GOOD, "ground_truth": "y"}, "'answer' and 'ground_truth' could be the reference"),
    ],
)
def test_columns_that_are_missing_are_named_with_those_that_are_there(row: Any, said: str) -> None:
    with pytest.raises(InputError) as caught:
        QuestionsPlan(source=lines(row)).checked()
    assert said.replace("(it has: )", "(it has: none)") in str(caught.value)
    with pytest.raises(InputError, match=r"no column 'ask' .*--column question=NAME"):
        QuestionsPlan.model_validate({"source": lines(GOOD), "columns": {"question": "ask"}}).checked()


def test_what_is_left_out_is_counted_and_told(caplog: pytest.LogCaptureFixture) -> None:
    Path("broken.png").write_bytes(b"no image")
    rows = [{**GOOD, "image": name} for name in ("gone.png", "red.png", "broken.png", "blue.png")]
    source = lines(*rows, {**GOOD, "image": None})
    plan = QuestionsPlan(source=source, skip=True).checked()
    assert plan.n == 4, "an image is not decoded before its turn"
    with caplog.at_level(logging.WARNING, "deepeyes.eval"):
        tasks = list(plan.tasks(ImageStore()))
    assert [task.id for task in tasks] == ["2", "4", "5"], "rows keep their numbers"
    assert "2 rows of mine.jsonl were left out: 1 image missing, 1 image unreadable" in caplog.text
    assert "1 questions of mine.jsonl have no image" in caplog.text
    assert "left out: line 1 of mine.jsonl: there is no image gone.png" in caplog.text
    with pytest.raises(InputError, match=r"line 3 of mine.jsonl: .*broken.png"):
        list(QuestionsPlan(source=lines(rows[1], rows[3], rows[2])).tasks(ImageStore()))


def test_ids_that_come_again_may_be_put_aside() -> None:
    source = lines({**GOOD, "question_id": 7}, {**GOOD, "question_id": 7})
    with pytest.raises(InputError, match="number the rows with --column id=-"):
        QuestionsPlan(source=source).checked()
    assert [task.id for task in drawn(source, columns={"id": "-"})] == ["1", "2"]


async def test_a_file_may_grow_and_a_question_may_not_change_under_its_id(tmp_path: Path) -> None:
    agent, out = Agent(ScriptedModel(["<answer>x</answer>"])), tmp_path / "out"
    plan = QuestionsPlan(source=lines(GOOD))
    await run_plan(plan, agent, out)
    lines(GOOD, {**GOOD, "question": "And now?"})
    assert len(await run_plan(plan, agent, out)) == 2
    lines({**GOOD, "question": "Another?"}, GOOD)
    with pytest.raises(ConfigError, match=r"out holds another question '1': choose another"):
        await run_plan(plan, agent, out)
    assert len(list(read_traces(out))) == 2


def test_a_run_without_references_is_no_set_of_questions(tmp_path: Path) -> None:
    from eval.plans import episode

    TraceWriter(tmp_path / "asked").write(episode(1))
    with pytest.raises(InputError, match="task 't1' of asked has no reference: give it an answer"):
        QuestionsPlan(source="asked").checked()
    Path("empty").mkdir()
    with pytest.raises(InputError, match="name a file of questions"):
        QuestionsPlan(source="empty").checked()
    with pytest.raises(InputError, match="there is no file or folder nowhere"):
        QuestionsPlan(source="nowhere").checked()
