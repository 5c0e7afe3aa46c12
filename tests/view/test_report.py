"""The report page: every number with its interval, hostile text harmless, what is unreadable told."""

import json
import re
from pathlib import Path

from eval.plans import SumsPlan, episode
from PIL import Image

from deepeyes.core.images import ImageStore
from deepeyes.core.limits import StopReason
from deepeyes.core.trace import Trace, TraceWriter
from deepeyes.eval.comparison import compare
from deepeyes.eval.runs import PLAN_FILE, find_runs
from deepeyes.view.report import render_report

HOSTILE = '<script>alert(1)</script>\x1b[31m"><img src=x onerror=alert(2)>'


def written(folder: Path, traces: list[Trace], **plan: object) -> None:
    writer = TraceWriter(folder)
    for trace in traces:
        writer.write(trace)
    if plan:
        (folder / PLAN_FILE).write_text(SumsPlan(benchmark="sums", **plan).dump())  # pyright: ignore[reportArgumentType]


def runs(folder: Path, right: int = 8, without: int = 3) -> Path:
    """The same ten questions with tools and without."""
    for name, number, tools in (("with-tools", right, True), ("without-tools", without, False)):
        traces = [
            episode(place, float(place < number), family="ab"[place % 2], called=tools).model_copy(
                update={"answer": HOSTILE}
            )
            for place in range(10)
        ]
        written(folder / name, traces, tools=tools, model="m")
    return folder


def test_runs_are_set_side_by_side_with_what_the_tools_added(tmp_path: Path) -> None:
    found = compare(find_runs([runs(tmp_path)]))
    assert [one.run.label for one in found.runs] == ["with-tools", "without-tools"]
    (gain,) = found.gains
    assert (gain.gain.all.only_with, gain.gain.all.only_without, gain.gain.all.neither) == (5, 0, 2)
    assert found.differences == [], "what tools added is not told twice"
    told = json.loads(json.dumps(found.told()))
    assert told["runs"][0]["value"] == 0.8 and told["paired"][0]["only_with"] == 5
    assert told["runs"][1]["failures"] == {"no look": 7}


def test_other_runs_of_one_benchmark_are_compared_and_corrected(tmp_path: Path) -> None:
    for name, right in (("a", 9), ("b", 2), ("c", 5)):
        traces = [episode(place, float(place < right)) for place in range(10)]
        written(tmp_path / name, traces, model=name)
    found = compare(find_runs([tmp_path]))
    assert [(one.one.run.label, one.other.run.label) for one in found.differences] == [
        ("a", "b"),
        ("a", "c"),
        ("b", "c"),
    ]
    assert all(one.p >= one.outcomes.p for one in found.differences)
    assert found.differences[0].p > found.differences[0].outcomes.p


def test_the_page_runs_nothing_and_shows_hostile_text_as_text(tmp_path: Path) -> None:
    page = render_report(compare(find_runs([runs(tmp_path)])), title=HOSTILE)
    assert "<script" not in page and "onerror=alert(2)>" not in page and "\x1b" not in page
    assert "script-src" not in page and "default-src 'none'" in page.replace("&#39;", "'")
    assert "&lt;script&gt;alert(1)" in page
    assert not re.search(r'(?:src|href)="(?!data:|#)', page)


def test_no_share_stands_without_its_interval(tmp_path: Path) -> None:
    page = render_report(compare(find_runs([runs(tmp_path)])))
    assert "80.0 [49.0, 94.3]" in page and "n = 10" in page
    body = page.partition("<body>")[2]
    assert not re.search(r"\d%", body) and "+50.0 [" in body


def test_examples_show_the_question_its_image_and_what_is_right(tmp_path: Path) -> None:
    images = ImageStore(tmp_path / "r" / "images")
    ref = images.put(Image.new("RGB", (900, 600), "red"))
    trace = episode(1, 0.0)
    asked = {"images": (ref,), "question": "Which sign?", "answer": "EXIT", "answers": ("WAY OUT",)}
    task = trace.task.model_copy(update=asked)
    lost = episode(2, 0.0)
    gone = lost.task.model_copy(update={"images": (ref.model_copy(update={"sha256": "0" * 64}),)})
    traces = [
        trace.model_copy(update={"task": task, "answer": "STOP"}),
        lost.model_copy(update={"task": gone}),
        episode(3, stop=StopReason.infrastructure_error),
    ]
    written(tmp_path / "r", traces)
    page = render_report(compare(find_runs([tmp_path / "r"])))
    assert "Which sign?" in page and "EXIT or WAY OUT" in page and ">STOP<" in page
    assert page.count("data:image/jpeg;base64,") == 1
    assert "Something of ours failed" in page


def test_a_run_that_cannot_be_read_is_told_and_the_others_are_shown(tmp_path: Path) -> None:
    runs(tmp_path)
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "traces.jsonl").write_text('{"id": "x", "version": 99}\n')
    torn = tmp_path / "with-tools" / "traces.jsonl"
    torn.write_bytes(torn.read_bytes() + b'{"id": "half')
    found = compare(find_runs([tmp_path]))
    assert len(found.runs) == 2 and len(found.runs[0].traces) == 10
    assert any("bad is left out" in problem and "newer" in problem for problem in found.problems)
    assert "bad is left out" in render_report(found)


def test_answers_without_a_verdict_are_said_to_wait(tmp_path: Path) -> None:
    waiting = episode(1).model_copy(update={"answer": "5", "stop_reason": StopReason.infrastructure_error})
    written(tmp_path / "r", [waiting, episode(2, 1.0)])
    (problem,) = compare(find_runs([tmp_path / "r"])).problems
    assert "1 answers wait for a verdict" in problem


def test_a_run_with_nothing_in_it_still_has_a_page(tmp_path: Path) -> None:
    written(tmp_path / "r", [episode(1, stop=StopReason.interrupted)])
    assert "none" in render_report(compare(find_runs([tmp_path / "r"])))
