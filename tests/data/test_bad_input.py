"""Whatever comes in is counted by reason, written to the rejects, and the run goes on."""

import asyncio
import io
import json
import random
from pathlib import Path
from typing import Any

import pytest
from data.crew import Crew, curated, drawing, recipe_values, truth, write_rows
from pydantic import ValidationError

from deepeyes.core.errors import ConfigError, DeepEyesError, InfrastructureError, InputError
from deepeyes.core.images import ImageStore
from deepeyes.data.curate import Execution, curate
from deepeyes.data.recipe import CurationRecipe
from deepeyes.data.run.folder import RunFolder
from deepeyes.data.run.funnel import counts_of
from deepeyes.data.run.probe import RetryRounds
from deepeyes.data.sources.readers import raw_rows, source_digest, to_item
from deepeyes.data.sources.source import Source

pytest.importorskip("datasketch")
pytest.importorskip("imagehash")

QUICK = Execution(concurrency=8, retry=RetryRounds(wait=0.01))


def png(number: int) -> bytes:
    data = io.BytesIO()
    drawing(number).save(data, "PNG")
    return data.getvalue()


def row(number: int, **fields: Any) -> dict[str, Any]:
    good = {"id": number, "question": f"What is item {number}?", "answer": truth(number), "image": "good.png"}
    return {**good, **fields}


def nested(value: Any, key: str = "", depth: int = 600) -> Any:
    """A value deep inside lists, or inside objects with one key."""
    for _ in range(depth):
        value = {key: value} if key else [value]
    return value


LONE = "\ud800"
"""Half of a surrogate pair: JSON can spell it, UTF-8 cannot hold it."""
BAD: list[tuple[Any, str]] = [
    (row(1, image=None), "no_image"),
    (row(2, image="nowhere.png"), "image_missing"),
    (row(3, image="broken.png"), "image_unreadable"),
    (row(4, image="empty.png"), "image_unreadable"),
    (row(5, image="https://example.org/a.png"), "image_url"),
    (row(6, image=["good.png", "good.png"]), "image_twice"),
    (row(7, image=17), "wrong_type"),
    (row(8, image={"path": None, "bytes": None}), "image_missing"),
    (row(9, question=["What?"]), "wrong_type"),
    (row(10, question="  "), "no_question"),
    (row(11, answer=""), "no_answer"),
    (row(12, answer=[]), "no_answer"),
    (row(13, answer={"text": "7"}), "wrong_type"),
    (row(14, answer=None), "no_answer"),
    (row(15, id={"a": 1}), "wrong_type"),
    (row(100), "duplicate_id"),
    ("{torn", "not_json"),
    ("[1, 2]", "not_a_row"),
    (row(16, image="data:image/png;base64,é"), "image_unreadable"),
    (row(17, image="A" * 4100 + "é"), "image_unreadable"),
    (row(18, image=f"{LONE}.png"), "image_missing"),
    (row(19, answer=nested("x")), "wrong_type"),
    (row(20, image=nested("good.png", "image")), "wrong_type"),
    (row(21, note=nested("x")), "wrong_type"),
    ("[" * 100_000, "not_json"),
]


def write_bad(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "good.png").write_bytes(png(0))
    (folder / "broken.png").write_bytes(png(1)[:200])
    (folder / "empty.png").write_bytes(b"")
    odd = {"answer": ["7", LONE], "more": [LONE], "sort": LONE, "fine": LONE, "note": {LONE: [LONE]}}
    good = [row(100, **odd), row(101, image={"bytes": None, "path": "good.png"})]
    rows = [*good, *(bad for bad, _ in BAD)]
    lines = [one if isinstance(one, str) else json.dumps(one) for one in rows]
    file = folder / "rows.jsonl"
    file.write_text("\n".join(lines) + "\n")
    return file


def test_every_bad_row_is_counted_and_kept_with_its_reason(tmp_path: Path) -> None:
    values = recipe_values(write_bad(tmp_path / "source"))
    values["sources"]["rows"]["columns"] = {
        "answers": "more",
        "family": "sort",
        "kind": "fine",
        "meta": "note",
    }
    recipe = CurationRecipe.model_validate(values)
    read = curated(recipe, tmp_path / "run", Crew())[0]
    wanted: dict[str, int] = {}
    for _, reason in BAD:
        wanted[reason] = wanted.get(reason, 0) + 1
    assert read.rejected == dict(sorted(wanted.items()))
    assert (read.into, read.kept) == (len(BAD) + 2, 2)
    rejects = [json.loads(line) for line in (tmp_path / "run/rejects.jsonl").read_text().splitlines()]
    (odd, _) = RunFolder(tmp_path / "run").stages()[0].kept()
    assert (odd.task.answers, odd.task.family, odd.task.meta) == (("?", "?"), "?", {"note": {"?": ["?"]}})
    found = [(one["row"], one["reason"]) for one in rejects if one["stage"] == "read"]
    assert found == [(number, reason) for number, (_, reason) in enumerate(BAD, 2)]
    assert (rejects[0]["id"], rejects[0]["question"]) == ("rows/1", "What is item 1?"), (
        "its own, to find it by"
    )


@pytest.mark.parametrize(
    ("teacher", "reason"),
    [
        ("wrong", "wrong_answer"),
        ("nonsense", "nonsense"),
        ("loops", "loops"),
        ("refuses", "refused"),
        ("sleeps", "timeout"),
        ("fails", "failed_call"),
        ("idle", "unused_call"),
        ("leaks", "leaked_answer"),
    ],
)
def test_a_bad_teacher_is_counted_and_the_next_one_is_asked(
    tmp_path: Path, teacher: str, reason: str
) -> None:
    values = recipe_values(write_rows(tmp_path / "source", 3, first=1), teachers=(teacher,))
    values["sources"]["rows"]["route"] = "cold_start"
    values["synthesize"]["teachers"][teacher]["limits"] = {"turns": 4, "episode_seconds": 0.3, "retries": 0}
    alone = asyncio.run(
        curate(CurationRecipe.model_validate(values), tmp_path / "alone", Crew(), execution=QUICK)
    )
    by_name = {count.name: count for count in alone}
    assert by_name["verify"].rejected == {reason: 3}
    values["synthesize"]["teachers"]["teacher"] = {"model": "teacher"}
    both = asyncio.run(
        curate(CurationRecipe.model_validate(values), tmp_path / "both", Crew(), execution=QUICK)
    )
    assert {count.name: count for count in both}["verify"].kept == 3
    items = RunFolder(tmp_path / "both").final()
    assert [trial.teacher for trial in items[0].trials] == [teacher, "teacher"]
    assert items[0].trace == items[0].trials[1].ref


def test_what_verify_tolerates_is_not_tried_again(tmp_path: Path) -> None:
    values = recipe_values(write_rows(tmp_path / "source", 3, first=1), teachers=("fails", "teacher"))
    values["sources"]["rows"]["route"] = "cold_start"
    values["verify"] = {"tolerate": ["failed_call"]}
    curated(values, tmp_path / "run", Crew(), execution=QUICK)
    tried = [[trial.teacher for trial in item.trials] for item in RunFolder(tmp_path / "run").final()]
    assert tried == [["fails"]] * 3
    values["verify"] = {}
    curated(values, tmp_path / "run", Crew(), execution=QUICK)
    tried = [[trial.teacher for trial in item.trials] for item in RunFolder(tmp_path / "run").final()]
    assert tried == [["fails", "teacher"]] * 3, "what is no longer tolerated is taught again"


def test_our_failures_are_tried_again_and_never_count_as_wrong(tmp_path: Path) -> None:
    file = write_rows(tmp_path / "source", 10)
    recipe = CurationRecipe.model_validate(recipe_values(file))
    steady = curated(recipe, tmp_path / "steady", Crew(), execution=QUICK)
    patient = Execution(concurrency=8, retry=RetryRounds(wait=0.01, rounds=40))
    flaky = curated(recipe, tmp_path / "flaky", Crew(flaky=0.2), execution=patient)
    assert flaky == steady
    assert RunFolder(tmp_path / "flaky").final() == RunFolder(tmp_path / "steady").final()


def test_a_server_that_stays_down_stops_the_run_which_then_goes_on(tmp_path: Path) -> None:
    recipe = CurationRecipe.model_validate(recipe_values(write_rows(tmp_path / "source", 6)))
    with pytest.raises(InfrastructureError, match="6 of 6 questions"):
        curated(recipe, tmp_path / "run", Crew(flaky=1.0), execution=QUICK)
    counts = curated(recipe, tmp_path / "run", Crew(), execution=QUICK)
    assert counts == curated(recipe, tmp_path / "other", Crew(), execution=QUICK)


def test_few_failures_of_ours_leave_out_the_item_not_the_run(tmp_path: Path) -> None:
    recipe = CurationRecipe.model_validate(recipe_values(write_rows(tmp_path / "source", 4)))
    lenient = Execution(concurrency=8, retry=RetryRounds(wait=0.01, rounds=1, tolerated=1.0))
    counts = curated(recipe, tmp_path / "run", Crew(flaky=1.0), execution=lenient)
    assert {count.name: count.rejected for count in counts}["difficulty"] == {"infrastructure_error": 4}


def test_changed_sources_are_refused(tmp_path: Path) -> None:
    file = write_rows(tmp_path / "source", 4)
    values = recipe_values(file)
    curated(values, tmp_path / "run", Crew())
    (tmp_path / "run/stages/01-read/done.json").unlink()
    file.write_text(file.read_text() + "\n{}")
    with pytest.raises(ConfigError, match="changed"):
        curated(values, tmp_path / "run", Crew())
    (tmp_path / "run/sources.json").write_text("{")
    with pytest.raises(InputError, match=r"sources\.json"):
        curated(values, tmp_path / "run", Crew())


def test_a_damaged_run_says_what_to_delete(tmp_path: Path) -> None:
    recipe = CurationRecipe.model_validate(recipe_values(write_rows(tmp_path / "source", 3)))
    run = RunFolder(tmp_path / "run")
    counts = curated(recipe, run.path, Crew())
    last = run.stages()[-1]
    last.part(0).write_text("{")
    with pytest.raises(InputError, match="12-split and the stages after it"):
        run.final()
    last.drop()
    assert curated(recipe, run.path, Crew()) == counts
    for stage in run.stages():
        (stage.path / "done.json").unlink()
    with pytest.raises(InputError, match="complete yet"):
        counts_of(run)


def test_a_file_is_no_folder_for_a_run(tmp_path: Path) -> None:
    file = write_rows(tmp_path / "source", 2)
    with pytest.raises(InputError, match="is a file"):
        curated(recipe_values(file), file, Crew())


@pytest.mark.parametrize(
    ("section", "fields", "error"),
    [
        ("difficulty", {"dialect": "deepeyes_v22"}, "there is no dialect"),
        ("export", {"dialect": "deepeyes_v2/breef"}, "there is no prompt"),
        ("mix", {"shares": {"rows": float("inf")}}, "finite"),
        ("mix", {"shares": {"rows": float("nan")}}, "finite"),
        ("mix", {"shares": {"rwos": 0.5}}, "'rwos'"),
        ("mix", {"by": "route", "caps": {"trase": 5}}, "'trase'"),
        ("synthesize", {"teachers": {"a/b": {"model": "x"}}}, "no name for a teacher"),
        ("synthesize", {"teachers": {"written": {"model": "x"}}}, "no name for a teacher"),
    ],
)
def test_mistakes_are_found_before_anything_is_asked(
    tmp_path: Path, section: str, fields: dict[str, Any], error: str
) -> None:
    values = recipe_values(write_rows(tmp_path / "source", 2))
    values[section] = {**values.get(section, {}), **fields}
    with pytest.raises(ConfigError, match=error):
        CurationRecipe.model_validate(values).checked()


@pytest.mark.parametrize(
    ("section", "fields"),
    [
        ("difficulty", {"model": "x", "k": 4, "max_right": 4}),
        ("tool_benefit", {"model": "x", "k": 4, "solved_at": 5}),
        ("normalise", {"question_chars": -1}),
    ],
)
def test_settings_that_decide_nothing_are_refused(section: str, fields: dict[str, Any]) -> None:
    values = {"sources": {"a": {"kind": "world", "limit": 2}}, section: fields}
    with pytest.raises(ValidationError, match=section):
        CurationRecipe.model_validate(values)


@pytest.mark.parametrize(
    ("section", "fields", "error"),
    [
        ("difficulty", {"model": "nanoo"}, "there is no model"),
        ("difficulty", {"model": "openai:x@localhost"}, "names no server"),
        ("difficulty", {"model": "scripted:nowhere.json"}, "no file"),
        ("tool_benefit", {"search": ["wrold"]}, "there is no search"),
        ("synthesize", {"teachers": {"a": {"model": "hf:x#promt=brief"}}}, "not a setting"),
    ],
)
def test_names_that_nothing_has_are_found_at_once(section: str, fields: dict[str, Any], error: str) -> None:
    values = {"sources": {"a": {"kind": "world", "limit": 2}}, section: fields}
    with pytest.raises(DeepEyesError, match=error):
        CurationRecipe.model_validate(values).check_models()


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"kind": "jsonl", "path": "nowhere/*.jsonl"}, "there is no file"),
        ({"kind": "parquet", "path": ""}, "has no path"),
        ({"kind": "parquet", "path": str(Path(__file__).parent)}, "holds no .parquet"),
        ({"kind": "folder", "path": "nowhere"}, "there is no folder"),
        ({"kind": "world", "families": ["huge"], "limit": 3}, "there is no family"),
        ({"kind": "world", "split": "secret", "limit": 3}, "there is no split"),
        ({"kind": "world", "families": ["wild"], "split": "test", "limit": 3}, "for measuring alone"),
        ({"kind": "world"}, "no end"),
    ],
)
def test_a_source_that_is_not_there_stops_before_anything(fields: dict[str, Any], error: str) -> None:
    values = {"sources": {"a": fields}, "tool_benefit": {"otherwise": "rl"}}
    with pytest.raises(InputError, match=error):
        CurationRecipe.model_validate(values).checked()


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"route": "trace"}, "cannot enter as trace"),
        ({"route": "text"}, "without written reasoning"),
        ({"kind": "world", "path": "", "limit": 2, "route": "text"}, "without written reasoning"),
        ({"kind": "world", "limit": 2}, "path means nothing for kind world"),
        ({"families": ["chart"]}, "families means nothing for kind jsonl"),
        ({"config": "en"}, "config means nothing for kind jsonl"),
        ({"split": "validation"}, "split means nothing for kind jsonl"),
        ({"kind": "rl", "columns": {"question": "q"}}, "columns means nothing for kind rl"),
        ({"kind": "sharegpt", "question": "What?"}, "question means nothing for kind sharegpt"),
        ({"kind": "sharegpt", "needs_answer": False}, "needs_answer means nothing for kind sharegpt"),
    ],
)
def test_settings_that_mean_nothing_are_refused(tmp_path: Path, fields: dict[str, Any], error: str) -> None:
    values = recipe_values(write_rows(tmp_path / "source", 2))
    values["sources"]["rows"].update(fields)
    with pytest.raises(ConfigError, match=error):
        CurationRecipe.model_validate(values).checked()


@pytest.mark.parametrize("question", ["{", "What is {}?", "{a!r}", "{a:>9}"])
def test_a_question_that_cannot_be_filled_is_refused(question: str) -> None:
    with pytest.raises(ValidationError, match="question"):
        Source(kind="jsonl", path="x", question=question)


def test_questions_without_a_teacher_are_refused_at_once(tmp_path: Path) -> None:
    values = recipe_values(write_rows(tmp_path / "source", 2), teachers=())
    with pytest.raises(ConfigError, match="no teacher"):
        CurationRecipe.model_validate(values).checked()
    values = {**values, "tool_benefit": {"otherwise": "rl"}}
    CurationRecipe.model_validate(values).checked()
    values["sources"]["rows"]["route"] = "cold_start"
    with pytest.raises(ConfigError, match="no teacher"):
        CurationRecipe.model_validate(values).checked()


def sharegpt(tmp_path: Path, **fields: Any) -> dict[str, Any]:
    (tmp_path / "a.png").write_bytes(png(1))
    (tmp_path / "b.png").write_bytes(png(2))
    code = "<think>I look.</think>\n<code>\n```python\nimage_1.crop((0, 0, 9, 9))\n```\n</code>"
    messages = [
        {"role": "system", "content": "Use tools."},
        {"role": "user", "content": "<image>\nWhat does it say?"},
        {"role": "assistant", "content": code},
        {"role": "user", "content": "Code execution result:\nImages:\n<image>"},
        {"role": "assistant", "content": "<think>Clear.</think>\n<answer>7PK2</answer>"},
    ]
    return {"messages": messages, "images": ["a.png", "b.png"], **fields}


def read_published(tmp_path: Path, kind: Any, rows: list[Any]) -> list[Any]:
    file = tmp_path / "sft.json"
    file.write_text(json.dumps(rows))
    source = Source(kind=kind, path=str(file), license="MIT")
    images = ImageStore(tmp_path / "images")
    return [to_item("sft", source, n, raw, images) for n, raw in enumerate(raw_rows(source))]


def test_published_conversations_become_traces(tmp_path: Path) -> None:
    ((item, trace),) = read_published(tmp_path, "sharegpt", [sharegpt(tmp_path)])
    assert item.kept and item.route == "trace" and item.task.answer == "7PK2" and item.license == "MIT"
    assert item.task.question == "What does it say?" and len(item.task.images) == 1
    assert [turn.kind for turn in trace.turns] == ["code", "answer"]
    assert len(trace.turns[0].observation.images) == 1 and trace.tools == ("python",)
    roles = [message.role for message in trace.messages()]
    assert roles == ["system", "user", "assistant", "user", "assistant"]


def said(*texts: str) -> list[dict[str, str]]:
    roles = ["user", "assistant"] * len(texts)
    return [{"role": role, "content": text} for role, text in zip(roles, texts, strict=False)]


def test_broken_published_conversations_are_counted(tmp_path: Path) -> None:
    done = "<think>x</think>\n<answer>y</answer>"
    cases: list[tuple[Any, str]] = [
        (sharegpt(tmp_path, images=[]), "no_image"),
        (sharegpt(tmp_path, images=["a.png"]), "image_count"),
        (sharegpt(tmp_path, images=["a.png", "gone.png"]), "image_missing"),
        ({"messages": said("What is in image_1?", done)}, "no_image"),
        ({"messages": said("Why?", "Because.")}, "no_final_answer"),
        ({"messages": said("Why?")}, "bad_roles"),
        ({"messages": [{"role": "judge", "content": "x"}]}, "bad_roles"),
        ({"messages": [{"role": "user", "content": 7}]}, "wrong_type"),
        ({"messages": []}, "no_messages"),
        ({"messages": "hello"}, "no_messages"),
        ([1], "not_a_row"),
        ({"messages": [{"role": ["user"], "content": "x"}]}, "bad_roles"),
        ({"messages": [{"role": {}, "content": "x"}]}, "bad_roles"),
        (sharegpt(tmp_path, images=nested("a.png", "image")), "wrong_type"),
    ]
    read = read_published(tmp_path, "sharegpt", [bad for bad, _ in cases])
    assert [item.rejection.reason for item, _ in read] == [reason for _, reason in cases]


def test_what_utf8_cannot_hold_does_not_stop_published_rows(tmp_path: Path) -> None:
    odd = {"family": LONE, "id": LONE, "system": LONE}
    prompt = {
        "prompt": said(f"<image>{LONE}?"),
        "images": ["a.png"],
        "reward_model": {"ground_truth": [LONE]},
        "data_source": LONE,
        "env_name": [LONE],
    }
    conversation = sharegpt(tmp_path, **odd)
    conversation["messages"] = conversation["messages"][1:]
    ((item, trace),) = read_published(tmp_path, "sharegpt", [conversation])
    assert item.kept and item.task.family == "?"
    assert item.model_dump_json().encode() and trace.model_dump_json().encode()
    images = ImageStore(tmp_path / "images")
    raw = (tmp_path, json.dumps(prompt).encode())
    item, _ = to_item("rl", Source(kind="rl", path="x"), 0, raw, images)
    assert item.kept and item.model_dump_json().encode()


@pytest.mark.parametrize("column", ["{a.b}", "{n[0]}", "{gone}", "{a}"])
def test_a_question_over_columns_that_a_row_lacks_is_counted(tmp_path: Path, column: str) -> None:
    rows = [{"n": 3, "a": ["x"], "answer": "7"}, {"n": 3, "a": {"b": "x"}, "answer": "7"}]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    source = Source(
        kind="jsonl", path=str(tmp_path / "rows.json"), question=f"What is {column}?", needs_image=False
    )
    images = ImageStore(tmp_path / "images")
    read = [to_item("s", source, n, raw, images)[0] for n, raw in enumerate(raw_rows(source))]
    assert read[0].rejection is not None and read[0].rejection.reason == "no_question"
    assert (read[1].kept, read[1].task.question) == (True, "What is x?") or column != "{a.b}"


def reasons(tmp_path: Path, **fields: Any) -> list[str]:
    """Why each row of a source was left out, "" where it was not."""
    source, images = Source.model_validate(fields), ImageStore(tmp_path / "images")
    read = [to_item("s", source, n, raw, images)[0] for n, raw in enumerate(raw_rows(source))]
    return [item.rejection.reason if item.rejection else "" for item in read]


def test_odd_lines_of_a_folders_metadata_are_counted(tmp_path: Path) -> None:
    zoo = tmp_path / "zoo"
    zoo.mkdir()
    drawing(1).save(zoo / "a.png")
    told = {"file_name": "a.png", "question": "What\u2028is it?", "answer": "7"}
    lines = [
        "5",
        "{broken",
        json.dumps(told, ensure_ascii=False),
        json.dumps(told),
        '{"question": "Why?"}',
        "",
    ]
    (zoo / "metadata.jsonl").write_text("\n".join(lines), "utf-8")
    assert reasons(tmp_path, kind="folder", path=str(zoo)) == ["", "", "not_a_row", "not_json", "no_image"]


def test_blank_lines_are_no_rows(tmp_path: Path) -> None:
    good = json.dumps({"question": "What?", "answer": "7"})
    (tmp_path / "rows.jsonl").write_text(f"\n{good}\n  \n\n{{broken\n\t\n{good}")
    path = str(tmp_path / "rows.jsonl")
    assert reasons(tmp_path, kind="jsonl", path=path, needs_image=False) == ["", "not_json", ""]
    assert reasons(tmp_path, kind="jsonl", path=path, needs_image=False, limit=2) == ["", "not_json"]


@pytest.mark.parametrize("kind", ["parquet", "hf"])
def test_a_damaged_table_is_an_error_that_names_it(tmp_path: Path, kind: str) -> None:
    datasets = pytest.importorskip("datasets")
    rng = random.Random(1)
    rows = {"question": [f"What? {rng.random()}" for _ in range(5000)], "answer": ["7"] * 5000}
    table = datasets.Dataset.from_dict(rows)
    path = tmp_path / "rows.parquet"
    table.to_parquet(str(path))
    if kind == "hf":
        table.save_to_disk(str(tmp_path / "disk"))
        path = next((tmp_path / "disk").glob("*.arrow"))
    data = bytearray(path.read_bytes())
    data[8000:9000] = b"\xff" * 1000
    path.write_bytes(data)
    with pytest.raises(InputError, match="fetch it again"):
        reasons(tmp_path, kind=kind, path=str(path if kind == "parquet" else path.parent), needs_image=False)


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        ("a.json", "[" * 100_000, "mend the JSON"),
        ("a.json", '[{"question": "What?"}', "mend the JSON"),
        ("a.jsonl", '[\n {"question": "What?"}\n]', "name it .json"),
        ("a.jsonl", '[{"question": "What?"}]', "name it .json"),
    ],
)
def test_json_that_cannot_be_read_is_an_error(tmp_path: Path, name: str, text: str, error: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=error):
        reasons(tmp_path, kind="jsonl", path=str(tmp_path / name))


def test_a_file_whose_name_looks_like_a_pattern(tmp_path: Path) -> None:
    (tmp_path / "a[1].jsonl").write_text('[1, 2]\n{"question": "What?", "answer": "7"}')
    path = str(tmp_path / "a[1].jsonl")
    assert reasons(tmp_path, kind="jsonl", path=path, needs_image=False) == ["not_a_row", ""]


@pytest.mark.parametrize("kind", ["folder", "hf", "jsonl"])
def test_changed_files_are_noticed(tmp_path: Path, kind: str) -> None:
    datasets = pytest.importorskip("datasets")
    place = write_rows(tmp_path / "source", 2).parent
    if kind == "hf":
        datasets.Dataset.from_dict({"question": ["What?"]}).save_to_disk(str(place))
    source = Source.model_validate({"kind": kind, "path": str(place)})
    before = source_digest(source)
    assert source_digest(source) == before
    if kind == "folder":
        drawing(9).save(place / "images/0.png")
    elif kind == "hf":
        datasets.Dataset.from_dict({"question": ["Why??"]}).save_to_disk(str(place))
    else:
        (place / "rows.jsonl").write_text("{}")
    assert source_digest(source) != before


def test_long_and_blank_ids_that_look_alike_stay_apart(tmp_path: Path) -> None:
    rows = [row(n, id=id_, image=None) for n, id_ in enumerate(["x" * 250 + "0", "x" * 250 + "1", " ", "  "])]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    source = Source(kind="jsonl", path=str(tmp_path / "rows.json"), needs_image=False)
    ids = {to_item("s", source, n, raw, ImageStore())[0].id for n, raw in enumerate(raw_rows(source))}
    assert len(ids) == 4 and max(map(len, ids)) < 230


def test_published_text_without_images_is_long_thought(tmp_path: Path) -> None:
    named = [
        {"from": "human", "value": "2 + 2?"},
        {"from": "gpt", "value": "<think>2, 2.</think><answer>4</answer>"},
    ]
    ((item, trace),) = read_published(tmp_path, "sharegpt", [{"conversations": named}])
    assert item.route == "text" and trace.answer == "4" and not item.task.images


def test_published_prompts_and_broken_ones(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")

    def prompt(**fields: Any) -> dict[str, Any]:
        return {
            "prompt": [{"role": "system", "content": "s"}, {"role": "user", "content": "<image>What?"}],
            "images": [{"bytes": png(1), "path": None}],
            "reward_model": {"ground_truth": "7", "style": "rule"},
            "extra_info": {"id": "a1", "question": "What?", "answer": "7"},
            "data_source": "perception",
            "env_name": "deepeyes_v2",
            **fields,
        }

    cases: list[tuple[Any, str]] = [
        (prompt(), ""),
        (prompt(images=[]), "no_image"),
        (prompt(images=[{"bytes": b"junk", "path": None}]), "image_unreadable"),
        (prompt(images=[{"bytes": png(1), "path": None}, {"bytes": png(2), "path": None}]), "image_count"),
        (prompt(reward_model={"ground_truth": "", "style": "rule"}, extra_info=None), "no_answer"),
        (prompt(extra_info={"id": "a2", "question": "What?", "answer": "8"}), "answers_disagree"),
        (prompt(prompt=[], extra_info=None), "no_messages"),
    ]
    parquet.write_table(arrow.Table.from_pylist([one for one, _ in cases]), tmp_path / "rl.parquet")
    source = Source(kind="rl", path=str(tmp_path / "rl.parquet"), license="MIT")
    images = ImageStore(tmp_path / "images")
    read = [to_item("rl", source, n, raw, images)[0] for n, raw in enumerate(raw_rows(source))]
    assert [item.rejection.reason if item.rejection else "" for item in read] == [r for _, r in cases]
    assert {item.license for item in read} == {"MIT"}
    assert read[0].route == "rl" and read[0].id == "rl/a1" and read[0].task.family == "perception"
