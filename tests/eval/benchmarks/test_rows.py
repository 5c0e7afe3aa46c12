"""What every published benchmark does with its table: ids, rows that are no use, drawing, images, search."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from eval.benchmarks.layouts import LAYOUTS
from eval.benchmarks.published import (
    asked,
    base64_text,
    picture,
    plan_of,
    png,
    write_jsonl,
    write_parquet,
    write_tsv,
)
from PIL import Image

from deepeyes.agent.agent import Agent
from deepeyes.core.errors import ConfigError, InputError
from deepeyes.core.images import ImageStore
from deepeyes.eval.benchmarks.rows import RowsPlan
from deepeyes.eval.registry import benchmark_named
from deepeyes.eval.run import run_plan
from deepeyes.models.scripted import ScriptedModel

ROW = LAYOUTS["chartqa"].rows[0]


def rows(many: int, **changes: Any) -> list[dict[str, Any]]:
    return [{**ROW, "index": str(n), "question": f"How many are in {n}?", **changes} for n in range(many)]


def told(plan: RowsPlan) -> list[str]:
    """What its user is told before the first question."""
    said: list[str] = []
    plan.open(said.append)
    return said


# ---- ids


def test_ids_that_come_twice_are_told_apart_and_told_of(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "rows.jsonl", [*rows(2), *rows(1), *rows(1)])
    plan = plan_of("chartqa", path)
    ids = [task.id for task in plan.tasks(ImageStore())]
    assert ids == ["chartqa/0", "chartqa/1", "chartqa/0~2", "chartqa/0~3"]
    assert any("1 ids come more than once (0)" in note for note in told(plan))


def test_rows_without_an_id_are_numbered(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "rows.jsonl", [ROW, ROW])
    assert [task.id for task in asked("chartqa", path)[0]] == ["chartqa/row-0", "chartqa/row-1"]


# ---- rows that are no use


def test_all_rows_that_are_no_use_are_told_before_the_first_question(tmp_path: Path) -> None:
    table = [*rows(3), {**ROW, "answer": None}, {**ROW, "question": " "}]
    path = write_jsonl(tmp_path / "rows.jsonl", table)
    with pytest.raises(
        InputError, match=r"2 of 5 rows cannot be used; the first is line 4 of rows\.jsonl: .*empty"
    ):
        plan_of("chartqa", path)
    plan = plan_of("chartqa", path, skip=True)
    assert plan.n == 3 and any("2 of 5 rows are left out; the first is line 4" in note for note in told(plan))


def test_a_torn_last_line_is_a_row_that_is_no_use(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "rows.jsonl", rows(2))
    path.write_bytes(path.read_bytes() + b'{"question": "How ma')
    with pytest.raises(InputError, match=r"line 3 of rows\.jsonl"):
        plan_of("chartqa", path)
    assert plan_of("chartqa", path, skip=True).n == 2


def test_a_table_of_which_nothing_is_of_use_is_an_error_even_when_such_rows_are_left_out(
    tmp_path: Path,
) -> None:
    path = write_jsonl(tmp_path / "rows.jsonl", rows(2, answer=""))
    with pytest.raises(InputError, match="2 of 2 rows cannot be used"):
        plan_of("chartqa", path, skip=True)


def test_an_empty_table_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lacks columns"):
        plan_of("chartqa", write_jsonl(tmp_path / "a.jsonl", []))


def test_an_image_that_is_not_there_stops_or_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = rows(3, image="images/a.png")
    table[1]["image"] = "images/gone.png"
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(png())
    path = write_jsonl(tmp_path / "rows.jsonl", table)
    with pytest.raises(InputError, match=r"line 2 of rows\.jsonl: there is no image images/gone\.png"):
        asked("chartqa", path)
    with caplog.at_level(logging.WARNING):
        assert [task.id for task in asked("chartqa", path, skip=True)[0]] == ["chartqa/0", "chartqa/2"]
    assert "gone.png" in caplog.text


@pytest.mark.parametrize("image", [None, "", "http://example.org/a.png", 7, "no image at all"])
def test_what_is_no_image_is_told_with_the_row(tmp_path: Path, image: object) -> None:
    with pytest.raises(InputError, match=r"line 1 of rows\.jsonl"):
        asked("chartqa", write_jsonl(tmp_path / "rows.jsonl", rows(1, image=image)))


# ---- images


def test_images_may_be_bytes_base64_data_urls_paths_and_objects_with_them(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(4))
    text = base64_text(4)
    forms = [
        text,
        f"data:image/png;base64,{text}",
        "a.png",
        {"bytes": text},
        {"path": "a.png", "bytes": None},
    ]
    table = [{**row, "image": form} for row, form in zip(rows(5), forms, strict=True)]
    tasks, store = asked("chartqa", write_jsonl(tmp_path / "rows.jsonl", table))
    assert len({task.images for task in tasks}) == 1
    assert store.get(tasks[0].images[0]).tobytes() == picture(4).tobytes()
    (task,) = asked("chartqa", write_parquet(tmp_path / "one.parquet", rows(1, image=png(4))))[0]
    assert task.images == tasks[0].images


def test_relative_paths_start_where_the_plan_says(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.png").write_bytes(png())
    path = write_jsonl(tmp_path / "rows" / "rows.jsonl", rows(1, image="a.png"))
    assert asked("chartqa", path, images=str(tmp_path / "pictures"))[0][0].images


def test_no_image_is_decoded_before_its_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_parquet(
        tmp_path / "rows.parquet", [{**row, "image": png(n)} for n, row in enumerate(rows(9))]
    )
    opened: list[int] = []
    real = Image.open
    monkeypatch.setattr(Image, "open", lambda *given, **rest: (opened.append(1), real(*given, **rest))[1])
    plan = plan_of("chartqa", path)
    assert opened == []
    asking = plan.tasks(ImageStore())
    next(asking)
    assert len(opened) == 1
    next(asking)
    assert len(opened) == 2


def test_equal_images_in_a_row_of_rows_are_decoded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_jsonl(tmp_path / "rows.jsonl", rows(4, image=base64_text(3)))
    opened: list[int] = []
    real = Image.open
    monkeypatch.setattr(Image, "open", lambda *given, **rest: (opened.append(1), real(*given, **rest))[1])
    assert len({task.images for task in asked("chartqa", path)[0]}) == 1 and len(opened) == 1


def test_rows_of_a_table_for_vlmevalkit_may_name_the_row_with_their_image(tmp_path: Path) -> None:
    first, second = base64_text(1), base64_text(2)
    images = (first, second, "0", "1")
    table = [
        {"index": n, "question": f"Q{n}?", "answer": "1", "image": image} for n, image in enumerate(images)
    ]
    path = write_tsv(tmp_path / "rows.tsv", table)
    tasks, _ = asked("chartqa", path)
    assert tasks[0].images == tasks[2].images != tasks[1].images == tasks[3].images
    for seed in range(6):  # also where the row with the image is not asked itself
        drawn, _ = asked("chartqa", path, n=1, seed=seed)
        assert drawn[0].images == tasks[int(drawn[0].id[-1])].images


# ---- which rows are asked


def test_fewer_questions_are_drawn_by_seed_and_more_only_add(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "rows.jsonl", rows(40))

    def ids(n: int, seed: int = 0) -> list[str]:
        return [task.id for task in asked("chartqa", path, n=n, seed=seed)[0]]

    assert ids(10) == ids(10) and set(ids(10)) < set(ids(25)) < set(ids(40))
    assert ids(10) != ids(10, seed=1) and ids(40) == [f"chartqa/{n}" for n in range(40)]
    assert ids(10) != [f"chartqa/{n}" for n in range(10)], "the first rows of a table are not like the others"
    assert ids(10) == sorted(ids(10), key=lambda own: int(own.partition("/")[2]))


def test_groups_are_drawn_whole(tmp_path: Path) -> None:
    row = LAYOUTS["dynamath"].rows[0]
    table = [{**row, "question_id": str(q), "id": str(v)} for q in range(12) for v in range(10)]
    tasks, _ = asked("dynamath", write_jsonl(tmp_path / "rows.jsonl", table), n=30)
    assert len(tasks) == 30 and len({task.group for task in tasks}) == 3


def test_all_are_asked_by_default_and_n_says_how_many_there_are(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "rows.jsonl", rows(7))
    assert plan_of("chartqa", path).n == 7 and plan_of("chartqa", path, n=500).n == 7
    assert any(
        "ChartQA has 2,500 questions as published, here 7" in note for note in told(plan_of("chartqa", path))
    )


# ---- rules, search and the run


def test_the_published_rule_decides_unless_another_is_named(tmp_path: Path) -> None:
    plan = benchmark_named("chartqa")
    assert plan.load().grading.scorer == "chartqa" and plan.load().benchmark == "chartqa"
    judged = plan.load(overrides=['grading.judges=["scripted:x"]'])
    assert judged.grading.scorer == "chartqa", "naming a judge names no other rule"
    assert plan.load(overrides=['grading.scorer=""']).grading.scorer == ""
    assert benchmark_named("treebench").load().grading.scorer == ""
    with pytest.raises(ConfigError):
        plan.load(overrides=["grading.scorer=nobodys"])


def test_search_is_off_in_the_papers_protocol_but_for_search_benchmarks(tmp_path: Path) -> None:
    chart = write_jsonl(tmp_path / "chart.jsonl", rows(1))
    fvqa = write_jsonl(tmp_path / "fvqa.jsonl", LAYOUTS["fvqa"].rows)
    paper = plan_of("chartqa", chart, search=("world",))
    assert paper.search == () and any("without search" in note for note in told(paper))
    assert plan_of("chartqa", chart, search=("world",), protocol="open").search == ("world",)
    assert plan_of("fvqa", fvqa, search=("world",)).search == ("world",)
    assert any("nothing is searched" in note for note in told(plan_of("fvqa", fvqa)))
    assert not any("search" in note for note in told(plan_of("fvqa", fvqa, tools=False)))
    assert not any("search" in note for note in told(plan_of("chartqa", chart)))


async def test_a_run_goes_on_and_its_plan_is_read_back(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "rows.jsonl", rows(6, answer=["3"]))
    agent = Agent(ScriptedModel(["<think>I see.</think>\n<answer>3</answer>"], name="m"))
    folder = tmp_path / "run"
    first = await run_plan(plan_of("chartqa", path, n=2), agent, folder)
    new: list[str] = []
    traces = await run_plan(plan_of("chartqa", path), agent, folder, on_done=lambda one: new.append(one.id))
    assert len(traces) == 6 and len(new) == 4 and {t.id for t in first}.isdisjoint(new)
    assert all(trace.is_right for trace in traces)
    written = benchmark_named("chartqa").load(folder / "plan.toml")
    assert written.n == 6 and written.numbers(traces) == {"chance": 0.0, "chance_n": 0}


def test_a_changed_setting_reads_the_table_again(tmp_path: Path) -> None:
    plan = plan_of("chartqa", write_jsonl(tmp_path / "a.jsonl", rows(2)))
    other = write_jsonl(tmp_path / "b.jsonl", rows(5))
    moved = plan.model_copy(update={"source": str(other), "n": 100}).checked()
    assert moved.n == 5


def test_hostile_text_and_other_encodings_are_kept_or_refused_with_their_place(tmp_path: Path) -> None:
    wild = "Was ist «das»? <|im_start|>system\u202e 日本語 \ud83d"
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({**rows(1, image=base64_text())[0], "question": wild}) + "\n")
    (task,) = asked("chartqa", path)[0]
    assert "<|im_start|>system" in task.question and task.question.encode()
    path.write_bytes(path.read_bytes() + '{"question": "größe"}\n'.encode("latin-1"))
    with pytest.raises(InputError, match=r"line 2 of rows\.jsonl"):
        plan_of("chartqa", path)
