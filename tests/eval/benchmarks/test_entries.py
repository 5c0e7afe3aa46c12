"""Every published benchmark: rows of its real layout become tasks that its rule grades; a table that lacks a
column is refused with what it lacks and what it has.
"""

from pathlib import Path

import pytest
from eval.benchmarks.layouts import LAYOUTS
from eval.benchmarks.published import asked, plan_of, verdict, write_jsonl, write_parquet

from deepeyes.core.errors import InputError
from deepeyes.eval.benchmarks.listing import abouts
from deepeyes.grading.scorers.registry import SCORERS

ABOUTS = {about.name: about for about in abouts()}
NAMES = sorted(ABOUTS)


def test_every_benchmark_has_a_layout_here() -> None:
    assert LAYOUTS.keys() == ABOUTS.keys()


@pytest.mark.parametrize("name", NAMES)
def test_rows_become_tasks_that_its_rule_grades(name: str, tmp_path: Path) -> None:
    layout = LAYOUTS[name]
    tasks, store = asked(name, write_parquet(tmp_path / "rows.parquet", layout.rows), **layout.settings)
    assert len(tasks) == len(layout.right) == len(layout.wrong)
    assert len({task.id for task in tasks}) == len(tasks) and all(task.family == name for task in tasks)
    for task, right, wrong in zip(tasks, layout.right, layout.wrong, strict=True):
        assert all(ref in store for ref in task.images)
        assert bool(task.images) or not ABOUTS[name].needs_image
        assert verdict(name, task, right).is_right, (task.question, right)
        assert not verdict(name, task, wrong or "something else altogether").is_right
        assert wrong is None or verdict(name, task, wrong).is_wrong, (task.question, wrong)


@pytest.mark.parametrize("name", NAMES)
def test_json_lines_give_the_same_tasks_as_parquet(name: str, tmp_path: Path) -> None:
    layout = LAYOUTS[name]
    one, _ = asked(name, write_parquet(tmp_path / "rows.parquet", layout.rows), **layout.settings)
    other, _ = asked(name, write_jsonl(tmp_path / "rows.jsonl", layout.rows), **layout.settings)
    assert [task.model_copy(update={"source": ""}) for task in one] == [
        task.model_copy(update={"source": ""}) for task in other
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_table_without_a_column_is_refused_before_anything_is_read(name: str, tmp_path: Path) -> None:
    about, layout = ABOUTS[name], LAYOUTS[name]
    for names in about.required:
        gone = names.split("|")
        rows = [{key: value for key, value in row.items() if key not in gone} for row in layout.rows]
        path = write_jsonl(tmp_path / "rows.jsonl", rows)
        with pytest.raises(InputError) as caught:
            plan_of(name, path)
        assert f"lacks the column {' or '.join(gone)} of {about.title}" in caught.value.message
        assert all(column in caught.value.message for column in rows[0])
        assert caught.value.remedy


@pytest.mark.parametrize("name", NAMES)
def test_a_row_whose_answer_is_empty_is_told_with_its_place(name: str, tmp_path: Path) -> None:
    keys = [key for key in ANSWERS if key in LAYOUTS[name].rows[0]]
    assert keys, "no column of this layout is known to hold the answer"
    rows = [
        {**row, **{key: {} if key == "reward_model" else "" for key in keys}} for row in LAYOUTS[name].rows
    ]
    with pytest.raises(InputError, match=r"line 1 of rows\.jsonl: .*(empty|no value)"):
        plan_of(name, write_jsonl(tmp_path / "rows.jsonl", rows))


ANSWERS = (
    *("answer", "label", "solution", "ground_truth", "gt_answer", "answers", "question_answer"),
    *("reasoning_a", "descriptive_a1", "reward_model"),
)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_declared_holds_together(name: str) -> None:
    about = ABOUTS[name]
    assert not about.scorer or about.scorer in SCORERS
    columns = {column for names in (*about.required, *about.optional) for column in names.split("|")}
    assert about.image_columns() <= columns
    assert about.title and about.paper.startswith("arXiv:") and about.licence and about.official
    assert bool(about.hub.id) != bool(about.hub.page)


# ---- traps, one by one


def only(name: str, tmp_path: Path, number: int = 0, **changes: object):
    row = {**LAYOUTS[name].rows[number], **changes}
    (task,) = asked(name, write_jsonl(tmp_path / "rows.jsonl", [row]))[0]
    return task


def test_alternatives_of_realx_are_split_and_the_whole_is_kept(tmp_path: Path) -> None:
    task = only("realx", tmp_path, answer="Trick or Treat")
    assert (task.answer, task.answers) == ("Trick or Treat", ("Trick", "Treat"))
    assert verdict("realx", task, "Trick or Treat").is_right and verdict("realx", task, "Treat").is_right
    assert task.tags == ("perception", "reasoning", "search", "integration")
    assert only("realx", tmp_path, 1).tags == ("search",)
    with pytest.raises(InputError, match="column reason is '2', neither 1 nor 0"):
        only("realx", tmp_path, reason=2)


def test_the_orders_of_a_question_are_one_group_and_other_questions_are_not(tmp_path: Path) -> None:
    rows = LAYOUTS["hrbench_4k"].rows
    other = {**rows[0], "index": 2, "question": "Which colour is the car?"}
    tasks, _ = asked("hrbench_4k", write_jsonl(tmp_path / "rows.jsonl", [*rows, other]))
    assert tasks[0].group == tasks[1].group != tasks[2].group


def test_boxes_of_treebench_are_truth_and_unreadable_ones_are_none(tmp_path: Path) -> None:
    assert only("treebench", tmp_path).truth_box == (10, 5, 20, 15)
    assert only("treebench", tmp_path, 1).truth == {}
    several = only(
        "treebench", tmp_path, target_instances="[(1, 2, 3, 4), {'bbox': [5, 6, 7, 8]}, [9, 9, 9, 9]]"
    )
    assert several.truth == {"boxes": [[1, 2, 3, 4], [5, 6, 7, 8]]} and several.truth_box is None


def test_options_of_treebench_that_are_filled_up_are_none(tmp_path: Path) -> None:
    assert only("treebench", tmp_path).answer_form.options == ("a dog", "a cat")
    task = only("treebench", tmp_path, 1)
    assert task.answer_form.options == () and task.question.endswith("the letter of the right option.")


def test_annotations_beside_the_images_of_vstar_give_boxes(tmp_path: Path) -> None:
    folder = tmp_path / "direct_attributes"
    folder.mkdir()
    from eval.benchmarks.published import png

    (folder / "sa_1.jpg").write_bytes(png())
    (folder / "sa_1.json").write_text('{"target_object": ["glove"], "bbox": [[3, 4, 10, 5]]}')
    row = {**LAYOUTS["vstar"].rows[0], "image": "direct_attributes/sa_1.jpg"}
    write_jsonl(tmp_path / "test_questions.jsonl", [row])
    (task,) = asked("vstar", tmp_path)[0]
    assert task.truth_box == (3, 4, 13, 9) and task.answer == "B"


def test_parts_of_a_composite_image_keep_their_labels(tmp_path: Path) -> None:
    many, one = only("mathvision", tmp_path), only("mathvision", tmp_path, 1)
    assert "(part image1)" in many.question and "<image" not in many.question
    assert "The options A, B, C, D, E are in the image." in many.question
    assert "image_1" in one.question and "part" not in one.question
    drawn = only(
        "mathvision", tmp_path, question="Which graph?", options=["<image1>", "<image2>"], answer="B"
    )
    assert "B. (part image2)" in drawn.question and "has parts with these labels" in drawn.question
    bracketed = only("mathvision", tmp_path, options=["(A)", "(B)", "(C)", "(D)", "(E)"], answer="D")
    assert "The options A, B, C, D, E are in the image." in bracketed.question and bracketed.answer == "D"


def test_a_letter_that_is_an_option_of_another_letter_is_a_letter(tmp_path: Path) -> None:
    task = only("hrbench_4k", tmp_path)  # whose option D is "B"
    assert task.answer == "B" and verdict("hrbench_4k", task, "B").is_right
    assert only("hrbench_4k", tmp_path, answer="green").answer == "C", "the text of an option is its letter"


def test_an_answer_that_no_option_is_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the answer 'F' is none of 4 options"):
        only("hrbench_4k", tmp_path, answer="F")
    with pytest.raises(InputError, match="'155°' is not among the choices"):
        only("mathvista", tmp_path, 1, answer="155°")


def test_an_empty_reply_to_dynamath_is_wrong_and_its_published_rule_can_be_had(tmp_path: Path) -> None:
    task = only("dynamath", tmp_path, 2)
    assert verdict("dynamath", task, "").is_wrong
    path = write_jsonl(tmp_path / "rows.jsonl", LAYOUTS["dynamath"].rows[2:])
    published = plan_of("dynamath", path, grading={"scorer": "dynamath"})
    assert published.grading.rule()(task, "").is_right, "the fault that is restated"


def test_versions_of_mathverse_are_chosen_and_text_only_is_not_asked(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "rows.jsonl", LAYOUTS["mathverse"].rows)
    tasks, _ = asked("mathverse", path)
    assert [task.kind for task in tasks] == ["Vision Only", "Text Lite"]
    assert "107" not in tasks[0].question and tasks[0].answer_form.options == ("97", "102", "107", "122")
    (lite,) = asked("mathverse", path, version="Text Lite")[0]
    assert lite.group == "2"
    with pytest.raises(InputError, match=r"no row of .* is asked"):
        plan_of("mathverse", path, version="Vision Dense")


def test_languages_of_simplevqa_are_chosen(tmp_path: Path) -> None:
    rows = [
        {**LAYOUTS["simplevqa"].rows[0], "data_id": n, "language": word}
        for n, word in enumerate(("EN", "CN"))
    ]
    path = write_jsonl(tmp_path / "rows.jsonl", rows)
    assert [task.id for task in asked("simplevqa", path, language="cn")[0]] == ["simplevqa/1"]


def test_references_that_the_scoring_of_tir_bench_replaces(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    from eval.benchmarks.published import png

    for name in ("60.jpg", "160.jpg"):
        (tmp_path / "data" / name).write_bytes(png())
    ocr = {"task": "ocr", "prompt": "Read it.", "answer": "mob", "image_2": None}
    assert only("tir_bench", tmp_path, **ocr, image_1="data/60.jpg").answer == "mobi"
    assert only("tir_bench", tmp_path, **ocr, image_1="data/160.jpg").answer == "mob"


def test_a_folder_whose_paths_begin_with_its_name_elsewhere_is_read(tmp_path: Path) -> None:
    from eval.benchmarks.published import png

    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "1.jpg").write_bytes(png())
    row = {**LAYOUTS["visualprobe_hard"].rows[0], "images": "['VisualProbe_Hard/data/1.jpg']"}
    (tmp_path / "val.json").write_text(__import__("json").dumps([row]))
    (task,) = asked("visualprobe_hard", tmp_path)[0]
    assert len(task.images) == 1 and task.question == "What is on the red sign?"


def test_questions_of_charxiv_are_worded_for_their_subplot(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "rows.jsonl", LAYOUTS["charxiv_descriptive"].rows)
    tasks, _ = asked("charxiv_descriptive", path)
    assert tasks[0].question.startswith("This is about the subplot in row 1 and column 2. How is the x-axis")
    assert tasks[2].question.startswith("How are the subplots laid out?")
    assert {task.group for task in tasks} == {"images/12.jpg"}
    bad = {**LAYOUTS["charxiv_descriptive"].rows[0], "descriptive_q3": 20}
    with pytest.raises(InputError, match="descriptive_q3 is '20', no number from 1 to 19"):
        plan_of("charxiv_descriptive", write_jsonl(path, [bad]))


def test_the_answer_of_several_letters_is_a_set_and_a_letter_is_not_enough(tmp_path: Path) -> None:
    task = only("logicvista", tmp_path)
    assert verdict("logicvista", task, "c, a").is_right and verdict("logicvista", task, "A, B").is_wrong


def test_prompts_of_verl_in_parts_and_prompts_without_a_user(tmp_path: Path) -> None:
    parts = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "When?"}]}]
    task = only("fvqa", tmp_path, prompt=parts)
    assert task.question == "When?" and task.answers == ("in 1894",)
    with pytest.raises(InputError, match="no message of the user"):
        only("fvqa", tmp_path, prompt=[{"role": "system", "content": "Search."}])
