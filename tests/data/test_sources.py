"""One declarative mapping over every kind of source, and the runners over every part."""

import json
from pathlib import Path
from typing import Any

import pytest
from data.crew import Crew, curated, drawing, recipe_values, write_rows

from deepeyes.cli.main import main
from deepeyes.core.answers import AnswerForm, AnswerKind
from deepeyes.core.errors import ConfigError
from deepeyes.core.images import ImageStore
from deepeyes.data.curate import Execution
from deepeyes.data.item import Item
from deepeyes.data.recipe import CurationRecipe
from deepeyes.data.run.folder import RunFolder, StageFolder
from deepeyes.data.run.runners import Processes, RayCluster, StageWork, runner_named
from deepeyes.data.sources.readers import raw_rows, source_digest, to_item
from deepeyes.data.sources.source import Source
from deepeyes.data.stages.prepare.verifiable import VerifiabilityFilter
from deepeyes.grading.rules import grade


def read(tmp_path: Path, **fields: Any) -> list[Item]:
    source = Source.model_validate(fields)
    images = ImageStore(tmp_path / "images")
    return [to_item("s", source, n, raw, images)[0] for n, raw in enumerate(raw_rows(source))]


def test_a_mapping_reaches_into_rows(tmp_path: Path) -> None:
    drawing(1).save(tmp_path / "one.png")
    drawing(2).save(tmp_path / "two.png")
    row = {
        "key": 9,
        "ask": {"text": "Which one?"},
        "gold": [{"t": "A"}, {"t": "B"}],
        "also": ["b", "c or d"],
        "left": "one.png",
        "right": ["two.png"],
        "choices": {"B": "late", "A": "early"},
        "level": 3,
    }
    (tmp_path / "rows.jsonl").write_text(json.dumps(row))
    columns = {
        "id": "key",
        "question": "ask.text",
        "answer": "gold.0.t",
        "answers": "also",
        "images": ["left", "right"],
        "options": "choices",
        "meta": "level",
    }
    path = str(tmp_path / "rows.jsonl")
    (item,) = read(tmp_path, kind="jsonl", path=path, separator=" or ", columns=columns)
    assert item.id == "s/9" and item.task.question == "Which one?" and item.options == ("early", "late")
    assert (item.task.answer, item.task.answers) == ("A", ("b", "c", "d"))
    assert len(item.task.images) == 2 and item.task.meta == {"level": 3}


def test_a_source_declares_what_its_answers_have_in_common(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(json.dumps({"question": "How long?", "answer": "1,5"}) + "\n")
    values = {"kind": "jsonl", "path": str(tmp_path / "rows.jsonl"), "needs_image": False}
    form = {"unit": "cm", "decimal_comma": True}
    (item,) = read(tmp_path, **values, answer_form=form)
    assert item.task.answer_form == AnswerForm(unit="cm", decimal_comma=True)
    assert grade(item.task, "15 mm").is_right and grade(item.task, "2,5").is_wrong
    named = {**values, "columns": {"answer_form": "form"}}
    kinds = (values, {**values, "answer_form": form}, named)
    assert len({source_digest(Source.model_validate(one)) for one in kinds}) == 3
    begun = Source(kind="world", route="question")
    assert source_digest(begun) == "1be565de3ce85226"  # as before there were forms


def test_published_prompts_take_the_form_that_their_source_or_they_themselves_declare(tmp_path: Path) -> None:
    row = {
        "prompt": [{"role": "user", "content": "How long?"}],
        "reward_model": {"ground_truth": ["1,5", "2"]},
    }
    own = {**row, "extra_info": {"answer_form": '{"kind": "list"}'}}
    source = Source(kind="rl", path="x", needs_image=False, answer_form=AnswerForm(decimal_comma=True))
    store = ImageStore(tmp_path / "images")
    plain, listed = (
        to_item("rl", source, 0, (tmp_path, json.dumps(one).encode()), store)[0].task for one in (row, own)
    )
    assert plain.answer_form == AnswerForm(decimal_comma=True)
    assert (plain.answer, plain.answers) == ("1,5", ("2",))
    assert listed.answer_form == AnswerForm(kind=AnswerKind.list, decimal_comma=True)
    assert (listed.answer, listed.answers) == ("1,5, 2", ())


def test_the_form_of_answers_is_declared_for_a_source_and_by_a_row(tmp_path: Path) -> None:
    rows = [
        {"question": "How long?", "answer": "12"},
        {"question": "How long?", "answer": "12", "answer_form": {"unit": "cm", "closed": None}},
        {"question": "Who?", "answer": ["Ann", "Bo"], "answer_form": {"kind": "list"}},
        {"question": "Who?", "answer": ["Ann", "Anna"], "answer_form": {}},
        {"question": "How long?", "answer": "1.5", "answer_form": '{"unit": "cm"}'},
        {"question": "How long?", "answer": "12", "answer_form": "{}"},
        {"question": "Who?", "answer": "Ann", "answer_form": "text"},
        {"question": "Who?", "answer": "Ann", "answer_form": {"kind": "prose"}},
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    read_from = {"kind": "jsonl", "path": str(tmp_path / "rows.jsonl"), "needs_image": False}
    items = read(tmp_path, **read_from, answer_form={"kind": "number", "unit": "m"})
    assert items[0].task.answer_form == AnswerForm(kind=AnswerKind.number, unit="m")
    assert items[1].task.answer_form == AnswerForm(kind=AnswerKind.number, unit="cm")
    assert (items[2].task.answer, items[2].task.answers) == ("Ann, Bo", ())
    assert (items[3].task.answer, items[3].task.answers) == ("Ann", ("Anna",))
    assert items[4].task.answer_form == items[1].task.answer_form
    assert items[5].task.answer_form == items[0].task.answer_form
    refused = [one.rejection for one in items[6:] if one.rejection]
    assert [one.reason for one in refused] == ["wrong_type", "wrong_type"]
    assert refused[0].detail == "the form of the answer is str"
    assert refused[1].detail.startswith("the form of the answer: kind: input should be 'letter'")
    elsewhere = {"answer_form": "elsewhere"}
    (other, *_) = read(tmp_path, **read_from, columns=elsewhere, answer_form={"closed": True})
    assert other.task.answer_form == AnswerForm(closed=True)


def test_choices_in_one_text_are_read(tmp_path: Path) -> None:
    rows = [{"question": "Which?", "answer": "B", "options": text} for text in ("['x', 'y']", "A. x B. y")]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    items = read(tmp_path, kind="jsonl", path=str(tmp_path / "rows.jsonl"), needs_image=False)
    assert [item.options for item in items] == [("x", "y"), ("x", "y")]


def test_parquet_and_hugging_face_data_sets(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    images = [drawing(n) for n in range(5)]
    columns = {"question": [f"What is {n}?" for n in range(5)], "answer": list(range(5)), "image": images}
    features = datasets.Features(
        {"question": datasets.Value("string"), "answer": datasets.Value("int64"), "image": datasets.Image()}
    )
    table = datasets.Dataset.from_dict(columns, features=features)
    table.save_to_disk(str(tmp_path / "disk"))
    datasets.DatasetDict({"train": table}).save_to_disk(str(tmp_path / "dict"))
    table.to_parquet(str(tmp_path / "rows.parquet"))
    sources = [
        {"kind": "hf", "path": str(tmp_path / "disk")},
        {"kind": "hf", "path": str(tmp_path / "dict")},
        {"kind": "parquet", "path": str(tmp_path / "*.parquet"), "limit": 5},
    ]
    for source in sources:
        items = read(tmp_path, **source)
        assert [item.task.answer for item in items] == ["0", "1", "2", "3", "4"], source
        assert [item.task.images[0] for item in items] == [ImageStore().put(one) for one in images]


def test_classes_of_hugging_face_data_sets_are_read_by_name(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    kinds = datasets.ClassLabel(names=["cat", "dog"])
    features = datasets.Features(
        {
            "question": datasets.Value("string"),
            "answer": kinds,
            "also": [{"kind": kinds, "sure": datasets.Value("bool")}],
            "level": datasets.Value("int64"),
        }
    )
    also = [[{"kind": 0, "sure": True}, {"kind": 1, "sure": False}], [], None]
    columns = {"question": ["Which?"] * 3, "answer": [1, 0, -1], "also": also, "level": [1, 0, 1]}
    datasets.Dataset.from_dict(columns, features=features).save_to_disk(str(tmp_path / "disk"))
    named = {"answers": "also.1.kind", "meta": ["level", "also"]}
    fields = {"kind": "hf", "path": str(tmp_path / "disk"), "needs_image": False, "columns": named}
    one, two, unlabelled = read(tmp_path, **fields)
    assert (one.task.answer, one.task.answers, two.task.answer) == ("dog", ("dog",), "cat")
    assert one.task.meta["level"] == 1 and one.task.meta["also"][0] == {"kind": "cat", "sure": True}
    assert unlabelled.rejection is not None and unlabelled.rejection.reason == "no_answer"


def test_folders_of_images(tmp_path: Path) -> None:
    (tmp_path / "zoo/cat").mkdir(parents=True)
    drawing(1).save(tmp_path / "zoo/cat/a.png")
    drawing(2).save(tmp_path / "zoo/b.webp", lossless=True)
    told = {"file_name": "b.webp", "question": "What is it?", "answer": "a dog"}
    gone = {"file_name": "c.png", "question": "What is it?", "answer": "a bird"}
    (tmp_path / "zoo/metadata.jsonl").write_text(f"{json.dumps(told)}\n{json.dumps(gone)}\n")
    ask = {"question": "Which animal is in {file}?"}
    items = read(tmp_path, kind="folder", path=str(tmp_path / "zoo"), **ask, columns={"answer": "answer"})
    assert [item.rejection.reason if item.rejection else "" for item in items] == [
        "",
        "image_missing",
        "no_answer",
    ]
    also = {**told, "question": "Is it big?", "answer": "yes"}
    (tmp_path / "zoo/metadata.jsonl").write_text(f"{json.dumps(told)}\n{json.dumps(also)}\n")
    twice = read(tmp_path, kind="folder", path=str(tmp_path / "zoo"))
    assert [(item.id, item.task.answer) for item in twice if item.kept] == [
        ("s/b.webp", "a dog"),
        ("s/b.webp#2", "yes"),
    ]
    by_folder = read(tmp_path, kind="folder", path=str(tmp_path / "zoo"), **ask, columns={"answer": "folder"})
    assert by_folder[2].task.answer == "cat" and "cat/a.png" in by_folder[2].task.question


def test_the_world_as_a_source_with_its_own_teacher(tmp_path: Path) -> None:
    teacher = {
        "model": "world",
        "dialect": "deepeyes_v2/brief",
        "vision": {"factor": 28, "min_pixels": 3136, "max_pixels": 48 * 784},
    }
    values = {
        "sources": {"world": {"kind": "world", "families": ["tiny", "direct"], "limit": 4, "license": "MIT"}},
        "synthesize": {"teachers": {"world": teacher}},
        "split": {"validation": 0.0},
    }
    from deepeyes.harness.setup import open_agent

    pytest.importorskip("imagehash")
    counts = curated(values, tmp_path / "run", open_agent)
    assert counts[-1].kept == 4, [count.rejected for count in counts]
    items = RunFolder(tmp_path / "run").final()
    assert {item.license for item in items} == {"MIT"}
    traces = list(RunFolder(tmp_path / "run").traces(item.trace for item in items if item.trace))
    assert [bool(trace.tool_turns) for trace in traces] == [True, False, True, False]
    assert all(
        turn < len(trace.turns) - 1
        for item, trace in zip(items, traces, strict=True)
        for turn in item.masked_turns
    )


def parts(tmp_path: Path) -> tuple[StageFolder, StageFolder]:
    source, target = StageFolder(tmp_path / "01-a"), StageFolder(tmp_path / "02-verifiable")
    for part in range(4):
        rows = [{"question": "What?", "answer": a} for a in ("3", "about 3")]
        (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        source.write(part, read(tmp_path, kind="jsonl", path=str(tmp_path / "rows.jsonl"), needs_image=False))
    return source, target


@pytest.mark.parametrize("name", ["processes", pytest.param("ray", marks=pytest.mark.slow)])
def test_runners_do_every_part(tmp_path: Path, name: str) -> None:
    pytest.importorskip("datasets" if name == "processes" else "ray")
    source, target = parts(tmp_path)
    seen: list[int] = []
    runner = Processes(2) if name == "processes" else RayCluster(count=1)
    runner.run(StageWork(VerifiabilityFilter(), source, target), range(4), target, seen.append)
    assert all([item.kept for item in target.read(part)] == [True, False] for part in range(4))
    assert seen[-1] == 4


def test_the_runner_and_the_pace_change_nothing(tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    recipe = CurationRecipe.model_validate(recipe_values(write_rows(tmp_path / "source", 20)))
    one = curated(recipe, tmp_path / "one", Crew())
    several = curated(recipe, tmp_path / "several", Crew(), execution=Execution(Processes(2)))
    assert one == several
    assert RunFolder(tmp_path / "one").final() == RunFolder(tmp_path / "several").final()


def test_unknown_runner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepeyes.data.run.runners.find_spec", lambda name: None)
    for name, count in (("ray", 1), ("local", 2)):
        with pytest.raises(ConfigError, match="not installed"):
            runner_named(name, count)
    with pytest.raises(ConfigError, match="use local or ray"):
        runner_named("slurm", 1)


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(["data", *arguments])
    return int(end.value.code or 0)


@pytest.fixture
def data_is_a_verb(monkeypatch: pytest.MonkeyPatch) -> None:
    from deepeyes.cli import main as module

    monkeypatch.setitem(module.GROUPS, "data", "Curate data.")


@pytest.mark.usefixtures("data_is_a_verb")
def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("datasets")
    file = write_rows(tmp_path / "source", 4)
    script = tmp_path / "s.txt"
    script.write_text("<think>I know.</think>\n<answer>7</answer>")
    recipe = tmp_path / "r.toml"
    recipe.write_text(
        f'[sources.rows]\nkind = "jsonl"\npath = "{file}"\nlane = "cold_start"\n'
        f'[synthesize.teachers.s]\nmodel = "scripted:{script}"\ntools = false\n'
    )
    out = str(tmp_path / "run")
    command = ["curate", str(recipe), "--out", out, "--set", "split.validation=0.0", "--json"]
    assert call(*command) == 0
    stages = json.loads(capsys.readouterr().out)["stages"]
    assert stages[0]["into"] == 4 and stages[-1]["kept"] == 1
    assert {stage["name"]: stage["rejected"] for stage in stages}["verify"] == {"wrong_answer": 3}
    assert call("funnel", out) == 0 and "wrong_answer 3" in " ".join(capsys.readouterr().out.split())
    assert call("export", out, "--format", "trl") == 0
    assert "train.parquet: 1" in capsys.readouterr().out
    assert call("inspect", f"{out}/export/trl/sft/train.parquet") == 0
    assert "messages" in capsys.readouterr().out
    assert call("inspect", str(file)) == 0 and "4 rows" in capsys.readouterr().out
    assert call("curate", str(recipe), "--out", out, "--set", "batch=3") == 3
    assert call("curate", str(tmp_path / "no.toml"), "--out", out) == 2
    capsys.readouterr()
    assert call("curate", str(recipe), "--out", str(tmp_path / "x"), "--set", "difficulty.model=nanoo") == 4
    assert call("funnel", out, "--plot", str(tmp_path / "funnel.xyz")) == 2
    assert ".png" in capsys.readouterr().err
    empty = ["--set", "sources.rows.columns.question=quesion"]
    assert call("curate", str(recipe), "--out", str(tmp_path / "empty"), *empty) == 2
    shown = capsys.readouterr()
    assert "no_question 4" in " ".join(shown.out.split()) and "nothing was kept" in shown.err
    assert call("export", out, "--format", "csv") == 2 and call("funnel", str(tmp_path)) == 2
    assert call("curate", str(recipe), "--out", out, "--set", "verify.tolerat=1") == 3
    assert "did you mean tolerate" in capsys.readouterr().err
