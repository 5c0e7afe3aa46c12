"""The stages one by one: pure functions from items to items."""

import json
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from data.crew import Crew, curated, drawing
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet
from rich.console import Console

from deepeyes.analysis.toolmix import use_of
from deepeyes.core.actions import AnswerAction, CallAction, ToolCall
from deepeyes.core.answers import AnswerForm
from deepeyes.core.errors import ConfigError
from deepeyes.core.images import ImageRef, ImageStore
from deepeyes.core.limits import StopReason
from deepeyes.core.task import Task
from deepeyes.core.trace import Observation, Trace, Turn
from deepeyes.core.verdict import Verdict
from deepeyes.data.item import Item, PassRate
from deepeyes.data.run.folder import RunFolder, StageCount
from deepeyes.data.run.funnel import funnel_table
from deepeyes.data.sources.source import Source
from deepeyes.data.stages.prepare.normalise import Normalisation
from deepeyes.data.stages.prepare.verifiable import VerifiabilityFilter
from deepeyes.data.stages.probe.difficulty import DifficultyFilter
from deepeyes.data.stages.probe.tool_benefit import ToolBenefitSplit
from deepeyes.data.stages.select.decontaminate import BenchmarkIndex, Decontamination, index_of
from deepeyes.data.stages.select.deduplicate import Deduplication
from deepeyes.data.stages.select.fingerprint import Fingerprinting
from deepeyes.data.stages.select.mix import Mixture
from deepeyes.data.stages.select.similarity import SimilarImages, SimilarTexts, fingerprint
from deepeyes.data.stages.select.split import ValidationSplit
from deepeyes.data.stages.stage import Stage, apply
from deepeyes.data.stages.teach.quality import failed_checks
from deepeyes.dialects.deepeyes_v2_parse import parse

REF = ImageRef(sha256="a" * 64, width=9, height=9)


def item(number: int = 0, question: str = "What is it?", answer: str = "7", **fields: Any) -> Item:
    task_fields = {key: fields.pop(key) for key in ("images", "answers", "family") if key in fields}
    form = fields.pop("form", AnswerForm())
    task = Task(id=f"s/{number}", question=question, answer=answer, answer_form=form, **task_fields)
    return Item(**{"task": task, "source": "s", "row": number, **fields})


def reason(stage: Stage, one: Item) -> str:
    (judged,) = apply(stage, [one])
    return judged.rejection.reason if judged.rejection else ""


CHOICES = "Which colour is the car?\nA. red\nB. dark blue\nC. green\nAnswer with the option's letter."


@pytest.mark.parametrize(
    ("question", "answer", "options", "opened"),
    [
        (CHOICES, "B", (), ("Which colour is the car?", "dark blue")),
        (CHOICES, "(B) dark blue", (), ("Which colour is the car?", "dark blue")),
        (CHOICES, "Dark Blue.", (), ("Which colour is the car?", "dark blue")),
        ("<image>\nHow many?", "c", ("one", "two", "3"), ("How many?", "3")),
        ("How many? Please select the correct option.", "B", ("1", "2"), ("How many?", "2")),
        ("Plain <image1> question?", "yes", (), ("Plain image_1 question?", "yes")),
    ],
)
def test_questions_are_opened(question: str, answer: str, options: Any, opened: tuple[str, str]) -> None:
    asked = item(question=question, answer=answer, options=options, images=(REF,))
    (done,) = apply(Normalisation(), [asked])
    assert done.kept and (done.task.question, done.task.answer) == opened and not done.options


@pytest.mark.parametrize(
    ("question", "answer", "options", "why"),
    [
        ("Which of the following is right?", "A", ("x", "y"), "needs_options"),
        ("Who is it?", "B", ("Ann", "None of the above"), "needs_options"),
        ("Which image?", "B", ("A", "B", "C"), "needs_options"),
        ("Who?", "D", ("Ann", "Bob"), "answer_not_an_option"),
        ("Who?", "Eve", ("Ann", "Bob"), "answer_not_an_option"),
        ("Who?", "A. Bob", ("Ann", "Bob"), "answer_not_an_option"),
        ("<image>", "x", (), "no_question"),
        ("x" * 5000, "x", (), "question_too_long"),
    ],
)
def test_questions_that_cannot_be_opened(question: str, answer: str, options: Any, why: str) -> None:
    one = item(question=question, answer=answer, options=options, images=(REF,))
    assert reason(Normalisation(), one) == why


MARKUP = (
    r"$\displaystyle\left(\frac{\mathrm{1}}{\mathrm{2}}\right)\cdot\sqrt{\mathrm{3}}\,\pi\ \mathrm{cm}^{2}$"
)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("42", ""),
        ("dark blue", ""),
        ("not visible", "unanswerable"),
        ("N/A", "unanswerable"),
        ("It is red. It is big.", "answer_is_prose"),
        ("a\nb", "answer_is_prose"),
        ("red or blue", "answer_ambiguous"),
        ("about 16", "answer_rough"),
        ("x" * 90, "answer_too_long"),
        ("one two three four five six seven eight nine ten eleven", "answer_too_long"),
        ("$12 \\mathrm{~m}$", ""),
        (r"$\text{January}$", ""),
        (MARKUP, ""),
        (r"$12 \mathrm{~cm} \times 3 \mathrm{~cm} \times 4 \mathrm{~cm} \times 5 \mathrm{~cm}$", ""),
        (r"$\text{red or blue}$", "answer_ambiguous"),
        (r"$\approx 5$", "answer_rough"),
        (r"$\frac{" * 400, "answer_too_long"),
        ("...", "not_gradable"),
    ],
)
def test_only_answers_that_a_rule_can_check_stay(answer: str, why: str) -> None:
    assert reason(VerifiabilityFilter(), item(answer=answer)) == why


@pytest.mark.parametrize("right", [r"$12 \mathrm{~m}$", "12 m"])
def test_an_answer_must_be_right_as_it_is_and_in_plain_words(
    right: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_notation(task: Task, answer: str) -> Verdict:
        return Verdict(score=float(answer == right))

    monkeypatch.setattr("deepeyes.data.stages.prepare.verifiable.grade", one_notation)
    assert reason(VerifiabilityFilter(), item(answer=r"$12 \mathrm{~m}$")) == "not_gradable"


def test_what_grades_nonsense_as_right_is_not_gradable() -> None:
    assert reason(VerifiabilityFilter(), item(answer="5", form=AnswerForm(tolerance=1000))) == "not_gradable"
    assert reason(VerifiabilityFilter(), item(answer="5", form=AnswerForm(tolerance=0.05))) == ""


@pytest.mark.parametrize(
    ("answer", "form", "why"),
    [
        ("42", {}, ""),
        (r"$\frac{28}{3} \pi$", {}, ""),
        ("yes", {}, ""),
        ("B", {"kind": "letter"}, ""),
        ("1, 2 and 3", {"kind": "list"}, ""),
        ("May 5, 1990", {}, ""),
        ("Paris", {}, "not_decidable"),
        ("cat, dog", {"kind": "list"}, "not_decidable"),
        ("Paris", {"closed": True}, ""),
    ],
)
def test_a_recipe_can_ask_for_answers_whose_opposite_a_rule_can_tell(
    answer: str, form: dict[str, Any], why: str
) -> None:
    one = item(answer=answer, form=AnswerForm(**form))
    assert reason(VerifiabilityFilter(), one) == ""
    assert reason(VerifiabilityFilter(decidable=True), one) == why


def rate(right: int, asked: int = 8) -> PassRate:
    return PassRate(model="m", right=right, asked=asked)


def test_difficulty_and_benefit_decide_by_counts() -> None:
    hard = DifficultyFilter(model="m")
    assert [reason(hard, item(without_tools=rate(n))) for n in (0, 2, 3)] == ["", "", "too_easy"]
    assert reason(hard, item(without_tools=rate(0, 7))) == "infrastructure_error"
    benefit = ToolBenefitSplit(model="m", solved_at=2)
    routes = [apply(benefit, [item(with_tools=rate(n))])[0].route for n in (0, 1, 2)]
    assert routes == ["cold_start", "cold_start", "rl"]
    assert apply(ToolBenefitSplit(), [item()])[0].route == "cold_start"


def trace(
    *turns: tuple[str, Observation | None], answer: str = "7", score: float = 1, **fields: Any
) -> Trace:
    made = tuple(Turn(text=text, action=parse(text), observation=seen) for text, seen in turns)
    task = Task(id="t", question="What is on the sign?", answer=answer)
    end = {"stop_reason": StopReason.answered, "answer": answer, "verdict": Verdict(score=score), **fields}
    return Trace(id="t#0", task=task, turns=made, **end)


def coded(code: str, stdout: str = "", thought: str = "I look.", **seen: Any) -> tuple[str, Observation]:
    text = f"<think>{thought}</think>\n<code>\n```python\n{code}\n```\n</code>"
    return text, Observation(tool="python", stdout=stdout, **seen)


def last(answer: str = "7", thought: str = "Clear.") -> tuple[str, None]:
    return f"<think>{thought}</think>\n<answer>{answer}</answer>", None


@pytest.mark.parametrize(
    ("turns", "answer", "found"),
    [
        ([coded("print(6 + 1)", "7\n"), last()], "7", ()),
        ([last()], "7", ()),
        ([coded("w = image_1.width"), coded("print(w)", "7\n"), last()], "7", ()),
        ([coded("w = image_1.width"), last()], "7", ("unused_call",)),
        ([coded("# nothing to do"), last()], "7", ("unused_call",)),
        ([coded("import math"), coded("print(math.pi)", "3\n"), last()], "7", ()),
        ([coded("print(1)", "1\n"), coded("print(1)", "1\n"), last()], "7", ("repeated_call",)),
        ([coded("1/0", status="error", stderr="x"), last()], "7", ("failed_call",)),
        ([coded("print('7PK2')", "7PK2\n"), last("7PK2")], "7PK2", ("leaked_answer",)),
        (
            [coded("a = '7PK2'\nprint(f'It is {a}')", "It is 7PK2\n"), last("7PK2")],
            "7PK2",
            ("leaked_answer",),
        ),
        ([coded("for c in ('7PK2', 'x'):\n    print(c)", "7PK2\nx\n"), last("7PK2")], "7PK2", ()),
        ([coded("print(1)", "7PK2\n"), coded("print('7PK2')", "7PK2\n"), last("7PK2")], "7PK2", ()),
        ([coded("print(2)", "2\n", "It is 7PK2, I check."), last("7PK2")], "7PK2", ("leaked_answer",)),
        ([last("7", "The reference answer is 7.")], "7", ("leaked_answer",)),
        ([("blah", Observation(status="malformed")), last()], "7", ("malformed_turn",)),
    ],
)
def test_faults(turns: Any, answer: str, found: tuple[str, ...]) -> None:
    assert failed_checks(trace(*turns, answer=answer)) == found


@pytest.mark.parametrize(
    "thought",
    [
        "The reference answer is 7.",
        "I was told the answer is 7.",
        "The provided correct answer must be 7.",
        "That agrees with the ground-truth label.",
        "The answer key says 7.",
        "The correct answer is given as 7.",
        "According to the hint it is 7.",
    ],
)
def test_thoughts_of_one_who_was_told_are_leaks(thought: str) -> None:
    assert failed_checks(trace(last("7", thought))) == ("leaked_answer",)


@pytest.mark.parametrize(
    "thought",
    [
        "5 + 2 = 7, so the correct answer is 7.",
        "The correct label of the tall bar is Sales.",
        "The given label below the axis says 2007.",
        "The bottle with the gold label is 7 years old.",
        "None of the given answer choices is smaller.",
        "Given the answer of the search, I add 2.",
        "The known length is 7.",
    ],
)
def test_thoughts_of_one_who_worked_it_out_are_no_leaks(thought: str) -> None:
    assert failed_checks(trace(last("7", thought))) == ()


def called(code: str, stdout: str = "", number: int = 1, tool: str = "python") -> Turn:
    """A turn that calls a tool through a server's own syntax."""
    arguments = {"code": code} if tool == "python" else {"query": code}
    call = ToolCall(name=tool, arguments=arguments, id=f"call-{number}")
    seen = Observation(tool=tool, stdout=stdout)
    return Turn(text="", action=CallAction(thought="I look.", call=call), observation=seen)


@pytest.mark.parametrize(
    ("turns", "found"),
    [
        ([called("print(6 + 1)", "7PK2\n")], ()),
        ([called("print('7PK2')", "7PK2\n")], ("leaked_answer",)),
        ([called("w = image_1.width"), called("print(w)", "9\n", 2)], ()),
        ([called("w = image_1.width")], ("unused_call",)),
        ([called("print(1)", "1\n"), called("print(1)", "1\n", 2)], ("repeated_call",)),
        ([called("boats", "x\n", 1, "search"), called("boats", "x\n", 2, "search")], ("repeated_call",)),
        ([called("boats", "", 1, "search")], ("unused_call",)),
    ],
)
def test_calls_through_a_servers_own_syntax_are_checked_like_code(
    turns: list[Turn], found: tuple[str, ...]
) -> None:
    end = Turn(text="7PK2", action=AnswerAction(text="7PK2"))
    made = trace(answer="7PK2").model_copy(update={"turns": (*turns, end), "dialect": "native"})
    assert failed_checks(made) == found


def test_further_checks_come_last_and_are_asked_of_answered_traces_alone() -> None:
    further = {"first": lambda _: True, "second": lambda _: False, "third": lambda _: True}
    assert failed_checks(trace(last(), score=0), further) == ("wrong_answer", "first", "third")
    assert failed_checks(trace(stop_reason=StopReason.timeout), further) == ("timeout",)


def test_every_answer_that_counts_as_right_can_leak() -> None:
    def found(*turns: Any, question: str = "Which city is it?") -> tuple[str, ...]:
        made = trace(*turns, answer="NYC")
        task = made.task.model_copy(update={"question": question, "answers": ("New York City",)})
        return failed_checks(made.model_copy(update={"task": task}))

    printed, end = coded("print('New York City')", "New York City\n"), last("NYC")
    assert found(printed, end) == ("leaked_answer",)
    assert found(coded("print(2)", "2\n", "It is New York City, I check."), end) == ("leaked_answer",)
    assert found(coded("print(image_1.text)", "New York City\n"), printed, end) == ()
    assert found(printed, end, question="Is it New York City or Rome?") == ()


def test_ends_without_an_answer_are_named() -> None:
    def ended(stop: StopReason, *turns: Any) -> tuple[str, ...]:
        return failed_checks(trace(*turns, stop_reason=stop))

    same = coded("print(1)", "1\n")
    assert ended(StopReason.max_turns, same, same) == ("loops",)
    assert ended(StopReason.max_turns, same) == ("no_answer",)
    assert ended(StopReason.malformed, ("I'm sorry, I can't help with that.", None)) == ("refused",)
    assert ended(StopReason.malformed, ("blah", None)) == ("nonsense",)
    assert ended(StopReason.infrastructure_error) == ("infrastructure_error",)
    assert failed_checks(trace(last(), score=0)) == ("wrong_answer",)


@given(st.text(), st.text())
def test_faults_is_total(code: str, answer: str) -> None:
    failed_checks(trace(coded(code), last(), answer=answer or "x"))


def test_kinds_of_tool_use() -> None:
    def use(code: str, **seen: Any) -> str | None:
        text, observation = coded(code, **seen)
        return use_of(Turn(text=text, action=parse(text), observation=observation))

    assert use("image_1.crop((0, 0, 9, 9))") == "crop" and use("show(a[1:5, 2:9])") == "crop"
    assert (
        use("d.rectangle((0, 0, 9, 9))") == "mark"
        and use("print(3 * 4)", stdout="12") == "numerical analysis"
    )
    call = '<think>x</think><tool_call>{"name": "search", "arguments": {"query": "y"}}</tool_call>'
    assert (
        use_of(Turn(text=call, action=parse(call), observation=Observation(tool="search"))) == "text search"
    )
    assert use_of(Turn(text=last()[0], action=parse(last()[0]))) is None


@given(
    st.lists(st.integers(0, 2**256 - 1), max_size=8), st.integers(0, 2**256 - 1), st.sets(st.integers(0, 255))
)
def test_lookalikes_finds_all_and_only_those_within_the_distance(
    others: list[int], base: int, flips: set[int]
) -> None:
    near = base
    for bit in sorted(flips)[:14]:
        near ^= 1 << bit
    index = SimilarImages(10)
    for owner, value in enumerate([*others, near]):
        index.add(f"{value:064x}", owner)
    wanted = [o for o, value in enumerate([*others, near]) if (value ^ base).bit_count() <= 10]
    assert sorted(index.find(f"{base:064x}")) == wanted


def test_the_same_image_resized_or_compressed_looks_the_same(tmp_path: Path) -> None:
    pytest.importorskip("imagehash")
    one = drawing(1, side=400)
    one.save(tmp_path / "a.jpg", quality=60)
    from PIL import Image

    value = int(fingerprint(one), 16)
    again = (one.resize((250, 250)), Image.open(tmp_path / "a.jpg").convert("RGB"))
    assert all((int(fingerprint(other), 16) ^ value).bit_count() <= 16 for other in again)
    assert (int(fingerprint(drawing(2, side=400)), 16) ^ value).bit_count() > 40


LONG = "How many wooden boats with white sails are moored at the northern quay in this photograph?"


def test_duplicates_need_image_question_and_answer_alike() -> None:
    pytest.importorskip("datasketch")
    looks = {"fingerprints": ("0" * 64,)}
    near = {"fingerprints": ("0" * 63 + "3",)}
    far = {"fingerprints": ("f" * 64,)}
    items = [
        item(0, LONG, "3", **looks),
        item(1, LONG.lower() + "!", "three", **near),
        item(2, LONG, "4", **looks),
        item(3, LONG, "3", **far),
        item(4, "Another question altogether?", "3", **looks),
        item(5, LONG, "3"),
        item(6, LONG.replace("boats", "boat"), "3"),
    ]
    kept = [one.kept for one in apply(Deduplication(), items)]
    assert kept == [True, False, True, True, True, True, False]


def test_contaminated_items_are_left_out(tmp_path: Path) -> None:
    pytest.importorskip("imagehash")
    pytest.importorskip("datasketch")

    drawing(1).save(tmp_path / "b.png")
    rows = [
        {"question": "What colour?", "image": "b.png"},
        {"question": LONG, "image": "gone.png"},
        {"question": "What is this?"},
    ]
    (tmp_path / "bench.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    against = {"bench": {"kind": "jsonl", "path": str(tmp_path / "bench.jsonl")}}
    run = RunFolder(tmp_path)
    stage, notes = Decontamination.model_validate({"against": against}).prepare(run)
    assert notes == {
        "bench: rows": 3,
        "bench: rows that could not be compared": 0,
        "bench: images that could not be read": 1,
    }
    index = index_of("bench", Source.model_validate(against["bench"]), run.benchmarks)
    assert (
        index.rows == 3
        and index.unreadable == {}
        and index.unreadable_images == 1
        and len(index.fingerprints) == 1
    )
    store = ImageStore(tmp_path / "images")
    items = [
        item(0, "Something else?", images=(store.put(drawing(1, side=120)),)),
        item(1, LONG.replace("?", " ?"), images=(store.put(drawing(2)),)),
        item(2, "What colour?", images=(store.put(drawing(3)),)),
    ]
    seen = apply(Fingerprinting().prepare(run)[0], items)
    judged = [one.rejection.reason if one.rejection else "" for one in apply(stage, seen)]
    assert judged == ["benchmark_image", "benchmark_question", ""]
    (run.benchmarks / "bench.json").write_text('{"half')
    assert stage.prepare(run) == (stage, notes), "a damaged index is made again"
    assert BenchmarkIndex.model_validate_json((run.benchmarks / "bench.json").read_text()) == index


def test_mix_brings_groups_to_their_shares() -> None:
    items = [item(n, route="cold_start", source="ab"[n % 2]) for n in range(60)]
    items += [item(n, route="text", source="c") for n in range(60, 70)]
    items += [item(n, route="rl", source="a") for n in range(70, 90)]
    mixed = apply(Mixture(shares={"a": 0.5, "b": 0.25, "c": 0.25}, caps={"b": 20}), items)
    kept = [one for one in mixed if one.kept and one.route != "rl"]
    counts = {group: sum(one.source == group for one in kept) for group in "abc"}
    assert counts == {"a": 20, "b": 10, "c": 10}
    assert sum(one.kept for one in mixed if one.route == "rl") == 20, "prompts have no share"
    backwards = {one.id: one.kept for one in apply(Mixture(caps={"b": 7}), items[::-1])}
    assert backwards == {one.id: one.kept for one in apply(Mixture(caps={"b": 7}), items)}


@given(st.lists(st.integers(0, 12), min_size=1, max_size=40), st.floats(0, 0.9))
def test_split_never_parts_what_shares_an_image(images: list[int], share: float) -> None:
    refs = [ImageRef(sha256=f"{n:064x}", width=9, height=9) for n in range(14)]
    items = [item(n, images=(refs[p], refs[p + 1])) for n, p in enumerate(images)]
    done = apply(ValidationSplit(validation=share), items)
    for one in done:
        for other in done:
            if set(one.task.images) & set(other.task.images):
                assert one.split == other.split


def test_split_keeps_images_that_look_alike_together() -> None:
    def looking(number: int, look: int) -> Item:
        refs = (ImageRef(sha256=f"{number:064x}", width=9, height=9),)
        return item(number, images=refs).model_copy(update={"fingerprints": (f"{look:064x}",)})

    items = [looking(number, (number // 2 << 200) + (7 if number % 2 else 0)) for number in range(60)]
    done = apply(ValidationSplit(validation=0.4), items)
    assert all(one.split == other.split for one, other in zip(done[::2], done[1::2], strict=True))
    apart = apply(ValidationSplit(validation=0.4, distance=2), items)
    assert any(one.split != other.split for one, other in zip(apart[::2], apart[1::2], strict=True))


def test_stages_leave_other_lanes_and_rejected_items_alone() -> None:
    given_up = item(1, answer="").rejected("read", "no_answer")
    other = item(2, answer="about 3", route="trace")
    assert apply(VerifiabilityFilter(), [given_up, other]) == [given_up, other]


def test_texts_alike() -> None:
    pytest.importorskip("datasketch")
    index = SimilarTexts(0.8)
    index.add(LONG, "a")
    assert index.find(LONG.upper()) == ["a"] and index.find("What is the capital of this country?") == []


def benchmark(tmp_path: Path, kind: str, rows: list[dict[str, Any]]) -> Any:
    """What is remembered of a benchmark of these rows; `one.png` is an image, `gone.png` is not there."""
    drawing(1).save(tmp_path / "one.png")
    path = tmp_path / f"bench.{'parquet' if kind == 'rl' else 'jsonl'}"
    if kind == "rl":
        parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    against = {"bench": {"kind": kind, "path": str(path)}}
    return index_of("bench", Source.model_validate(against["bench"]), tmp_path / "index")


@pytest.mark.parametrize(
    ("kind", "row", "prints", "questions", "lost"),
    [
        ("jsonl", {"question": LONG, "images": ["one.png", "gone.png"]}, 1, (LONG,), 1),
        ("jsonl", {"question": LONG, "images": ["gone.png", None]}, 0, (LONG,), 2),
        ("jsonl", {"question": LONG, "image": "https://example.org/a.png"}, 0, (LONG,), 1),
        ("jsonl", {"question": LONG, "images": ["one.png", "one.png"]}, 1, (LONG,), 0),
        ("jsonl", {"question": "", "image": "one.png"}, 1, (), 0),
        (
            "rl",
            {"prompt": [{"role": "user", "content": f"<image> {LONG}"}], "images": ["gone.png"]},
            0,
            (LONG,),
            1,
        ),
        (
            "sharegpt",
            {
                "messages": [
                    {"role": "user", "content": f"<image> {LONG}"},
                    {"role": "assistant", "content": "<answer>3</answer>"},
                ],
                "images": ["gone.png"],
            },
            0,
            (LONG,),
            1,
        ),
    ],
)
def test_of_a_benchmark_row_all_that_can_be_read_counts(
    kind: str, row: dict[str, Any], prints: int, questions: tuple[str, ...], lost: int, tmp_path: Path
) -> None:
    pytest.importorskip("imagehash")
    index = benchmark(tmp_path, kind, [row])
    assert (len(index.fingerprints), index.questions, index.unreadable_images) == (prints, questions, lost)
    assert index.unreadable == {}


SUFFIX = "Answer with the option's letter from the given choices directly."


@pytest.mark.parametrize(
    "row",
    [
        {"question": f"{LONG}\nA. 2\nB. 3\n{SUFFIX}"},
        {"question": f"<image>\n{LONG}\n{SUFFIX}", "options": ["2", "3"]},
        {"question": f"{LONG}\nA. 2\nB. 3\n{SUFFIX}", "answer": "B"},
    ],
)
def test_a_question_of_choices_is_found_in_a_benchmark(row: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("imagehash")
    pytest.importorskip("datasketch")
    index = benchmark(tmp_path, "jsonl", [row])
    assert index.questions == (LONG,)
    against = {"bench": {"kind": "jsonl", "path": str(tmp_path / "bench.jsonl")}}
    stage = Decontamination.model_validate({"against": against, "folder": str(tmp_path / "index")})
    (opened,) = apply(Normalisation(), [item(question=f"{LONG}\nA. 2\nB. 3\n{SUFFIX}", answer="B")])
    as_it_was = item(question=f"{LONG}\n(A) two\n(B) three\n{SUFFIX}", route="trace")
    assert [reason(stage, one) for one in (opened, as_it_was)] == ["benchmark_question"] * 2


def test_benchmark_rows_that_cannot_be_compared_are_counted(tmp_path: Path) -> None:
    pytest.importorskip("imagehash")
    index = benchmark(tmp_path, "jsonl", [{"question": LONG}, {"question": "", "image": "gone.png"}])
    assert (index.rows, sum(index.unreadable.values()), index.unreadable_images) == (2, 1, 1)


def test_the_funnel_tells_what_of_a_benchmark_could_not_be_compared() -> None:
    notes = {"bench: rows": 9, "bench: images that could not be read": 2}
    count = StageCount(
        name="decontaminate",
        into=3,
        passed=0,
        kept=3,
        rejected={},
        routes={},
        sources={},
        parts=1,
        notes=notes,
    )
    console = Console(width=120)
    with console.capture() as seen:
        console.print(funnel_table([count]))
    assert "bench: images that could not be read: 2" in seen.get()


def test_shares_and_caps_of_families_that_are_not_there_are_refused(tmp_path: Path) -> None:
    rows = [{"question": f"How many {kind}?", "answer": 3, "image": "one.png", "kind": kind} for kind in "ab"]
    drawing(1).save(tmp_path / "one.png")
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = {"kind": "jsonl", "path": str(tmp_path / "rows.jsonl"), "columns": {"family": "kind"}}

    def run(**mix: Any) -> list[StageCount]:
        values = {"sources": {"s": {**source, "route": "rl"}}, "mix": {"by": "family", **mix}}
        return curated(values, tmp_path / "run", Crew())

    for mix in ({"shares": {"a": 0.5, "c": 0.5}}, {"caps": {"c": 1}}):
        with pytest.raises(ConfigError, match="family 'c', which is not there: use a, b"):
            run(**mix)
    assert run(caps={"a": 1})[-1].kept == 2
