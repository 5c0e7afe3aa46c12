"""Every limit at exactly its bound and just beyond it; draws and orders that must never change."""

import asyncio
import io
import json
import subprocess
import sys
from base64 import b64encode
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from agent.graders import WRONG, Saying
from data.crew import HOSTILE, SIZE, Crew, curated, drawing, recipe_values, write_rows
from PIL import Image

from deepeyes.core.errors import InfrastructureError
from deepeyes.core.images import ImageStore, VisionSpec, image_ref
from deepeyes.core.limits import StopReason
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace
from deepeyes.core.verdict import Verdict
from deepeyes.data.curate import Execution, rejects
from deepeyes.data.item import Item, PassRate, TraceRef, Trial, Unusable
from deepeyes.data.recipe import CurationRecipe
from deepeyes.data.run import probe
from deepeyes.data.run.episodes import EpisodeStore
from deepeyes.data.run.folder import RunFolder
from deepeyes.data.run.image_cache import CachedImages, CachingModel, LruCache, preloaded
from deepeyes.data.run.probe import RetryRounds, grouped, retry_in_rounds
from deepeyes.data.sources.fields import item_id, plain
from deepeyes.data.sources.images import read_image
from deepeyes.data.sources.inspect import short, type_of
from deepeyes.data.sources.readers import source_digest
from deepeyes.data.sources.source import Source
from deepeyes.data.stages.prepare.normalise import Normalisation
from deepeyes.data.stages.prepare.verifiable import VerifiabilityFilter
from deepeyes.data.stages.probe.difficulty import DifficultyFilter
from deepeyes.data.stages.probe.tool_benefit import ToolBenefitSplit
from deepeyes.data.stages.select.decontaminate import Decontamination
from deepeyes.data.stages.select.deduplicate import Deduplication
from deepeyes.data.stages.select.fingerprint import Fingerprinting
from deepeyes.data.stages.select.mix import Mixture
from deepeyes.data.stages.select.similarity import SimilarImages, SimilarTexts, grams, jaccard
from deepeyes.data.stages.select.split import ValidationSplit
from deepeyes.data.stages.stage import Stage, apply
from deepeyes.data.stages.teach.synthesize import Synthesis
from deepeyes.data.stages.teach.verify import Verification
from deepeyes.models.scripted import ScriptedModel

pytest.importorskip("datasketch")
pytest.importorskip("imagehash")


def item(number: int = 0, question: str = "What is it?", answer: str = "7", **fields: Any) -> Item:
    task = Task(id=f"s/{number}", question=question, answer=answer, family=fields.pop("family", ""))
    return Item(**{"task": task, "source": "s", "row": number, **fields})


def reasons(stage: Stage, items: Sequence[Item]) -> list[str]:
    return [one.rejection.reason if one.rejection else "" for one in apply(stage, items)]


def off(bits: int, of: int = 0) -> str:
    """A hash that differs from `of` in so many bits, spread over it."""
    return f"{of ^ sum(1 << (place * 11) for place in range(bits)):064x}"


def test_long_questions_and_answers_are_refused_beyond_their_bounds() -> None:
    asking = Normalisation(question_chars=30)
    assert reasons(asking, [item(question="x" * 30), item(question="x" * 31)]) == ["", "question_too_long"]
    short_enough, too_long = item(answer="x" * 12), item(answer="x" * 13)
    assert reasons(VerifiabilityFilter(max_chars=12), [short_enough, too_long]) == ["", "answer_too_long"]
    few, many = item(answer="one two three"), item(answer="one two three four")
    assert reasons(VerifiabilityFilter(max_words=3), [few, many]) == ["", "answer_too_long"]
    rough = item(answer="about 5")
    assert reasons(VerifiabilityFilter(allow_rough=True), [rough]) == [""]
    assert reasons(VerifiabilityFilter(), [rough]) == ["answer_rough"]


def test_pass_rates_decide_at_their_bounds() -> None:
    def rated(right: int, asked: int = 4) -> Item:
        rate = PassRate(model="m", right=right, asked=asked)
        return item(without_tools=rate, with_tools=rate)

    hard = DifficultyFilter(model="m", k=4, max_right=1)
    assert reasons(hard, [rated(1), rated(2), rated(0, 3)]) == ["", "too_easy", "infrastructure_error"]
    assert reasons(DifficultyFilter(), [rated(4), item()]) == ["", ""], "without a model it lets all pass"
    one, none = (PassRate(model="m", right=right, asked=4) for right in (4, 0))
    unlike = item(without_tools=one, with_tools=none)
    assert reasons(hard, [unlike]) == ["too_easy"]
    assert apply(ToolBenefitSplit(model="m", k=4), [unlike])[0].route == "cold_start"
    (none,) = apply(hard, [item()])
    assert none.rejection and none.rejection.detail == "only 0 of 4 tries could be made"
    benefit = ToolBenefitSplit(model="m", k=4, solved_at=3)
    assert [one.route for one in apply(benefit, [rated(2), rated(3)])] == ["cold_start", "rl"]
    assert reasons(benefit, [rated(4, 3)]) == ["infrastructure_error"]
    assert [one.route for one in apply(ToolBenefitSplit(otherwise="rl"), [item()])] == ["rl"]


def test_a_stage_touches_the_items_of_its_routes_alone() -> None:
    assert DifficultyFilter.routes == ToolBenefitSplit.routes == ("question",)
    assert Verification.routes == ("cold_start", "trace", "text")
    assert Synthesis.routes == ("cold_start", "text")
    for stage in (Fingerprinting, Deduplication, Decontamination, Mixture, ValidationSplit):
        assert stage.routes == ("question", "rl", "cold_start", "trace", "text")
    assert Normalisation.routes == ("question", "rl", "cold_start", "text")
    assert VerifiabilityFilter.routes == ("question", "rl", "cold_start")


def test_details_of_rejections_are_cut_at_500_characters(tmp_path: Path) -> None:
    left = [item().rejected("s", "r", "x" * length).rejection for length in (499, 500, 501)]
    assert [len(one.detail) for one in left if one] == [499, 500, 500]
    stage = RunFolder(tmp_path).stage(1, "read")
    stage.write(0, [item(question="x" * n).rejected("read", "r") for n in (500, 501)])
    stage.finish(0, 1)
    assert [len(json.loads(line)["question"]) for line in rejects(RunFolder(tmp_path))] == [500, 500]


@pytest.mark.parametrize("distance", [0, 1, 16])
def test_images_are_alike_up_to_the_distance(distance: int) -> None:
    index = SimilarImages(distance)
    for bits in (distance + 1, distance, 0):
        index.add(off(bits), bits)
    wanted = [bits for bits in (distance, 0) if bits <= distance]
    assert index.find(off(0)) == list(dict.fromkeys(wanted)), "in the order they were added"


def test_duplicates_are_alike_up_to_the_bounds_and_the_first_stays() -> None:
    base = {"fingerprints": (off(0), off(0))}
    at, beyond = {"fingerprints": (off(0), off(16))}, {"fingerprints": (off(0), off(17))}
    judged = apply(Deduplication(), [item(0, **base), item(1, **at), item(2, **beyond), item(3, **base)])
    assert [one.kept for one in judged] == [True, False, True, False]
    assert judged[3].rejection and judged[3].rejection.detail == "of s/0"
    one, other = "aaaaabcdefgh", "aaaaabcdefgx"
    alike = jaccard(grams(one), grams(other))
    pair = [item(0, one, fingerprints=(off(0),)), item(1, other, fingerprints=(off(0),))]
    assert reasons(Deduplication(similarity=alike), pair) == ["", "duplicate"]
    assert reasons(Deduplication(similarity=alike + 0.001), pair) == ["", ""]
    assert reasons(Deduplication(), [item(0, one), item(1, one)]) == ["", "duplicate"], "without images too"


def test_benchmarks_are_alike_up_to_the_bounds(tmp_path: Path) -> None:
    seven, eight = "which boat is the oldest of all", "which boat is the oldest of them all"
    (tmp_path / "b.jsonl").write_text("".join(json.dumps({"question": q}) + "\n" for q in (seven, eight)))
    against = {"b": Source(kind="jsonl", path=str(tmp_path / "b.jsonl"))}
    stage, _ = Decontamination(against=against).prepare(RunFolder(tmp_path))
    items = [item(0, seven), item(1, eight)]
    assert reasons(stage, items) == ["", "benchmark_question"], "short questions are everybody's"
    drawing(1).save(tmp_path / "one.png")
    (tmp_path / "b.jsonl").write_text(json.dumps({"question": "?", "image": "one.png"}))
    stage, _ = Decontamination(against=against).prepare(RunFolder(tmp_path))
    (seen,) = json.loads((tmp_path / "benchmarks/b.json").read_text())["fingerprints"]
    value = int(seen, 16)
    items = [item(bits, fingerprints=(off(bits, value),)) for bits in (20, 21)]
    assert reasons(stage, items) == ["benchmark_image", ""]


def test_texts_are_alike_at_exactly_the_similarity() -> None:
    one, other = "aaaaabcdefgh", "aaaaabcdefgx"
    alike = jaccard(grams(one), grams(other))
    for similarity, found in ((alike, ["a"]), (alike + 0.001, [])):
        index = SimilarTexts(similarity)
        index.add(one, "a")
        assert index.find(other) == found
    assert jaccard(frozenset(), frozenset()) == 1.0 and grams("AB") == {"ab"}
    assert grams("abcdef") == {"abcde", "bcdef"}


CAPPED = [0, 8, 14]
CAPPED_1 = [2, 4, 18]
HELD = [0, 2, 5, 6, 11, 12]
HELD_1 = [2, 6, 10, 13, 15, 16, 18, 19]
"""What the first version of curation drew."""


def test_draws_depend_on_ids_and_seeds_as_they_always_did() -> None:
    items = [item(number, source="ab"[number % 2], route="text") for number in range(20)]
    capped = apply(Mixture(caps={"a": 3}), items)
    assert [one.row for one in capped if one.kept and one.source == "a"] == CAPPED
    other = apply(Mixture(caps={"a": 3}, seed=1), items)
    assert [one.row for one in other if one.kept and one.source == "a"] == CAPPED_1
    held = [one.row for one in apply(ValidationSplit(validation=0.3), items) if one.split == "validation"]
    assert held == HELD
    held = [
        one.row for one in apply(ValidationSplit(validation=0.3, seed=1), items) if one.split == "validation"
    ]
    assert held == HELD_1
    assert {one.split for one in apply(ValidationSplit(validation=0.0), items)} == {"train"}


def test_shares_and_caps_are_kept_to_exactly() -> None:
    items = [item(n, source="a", family="f" if n < 4 else "g", route="text") for n in range(10)]
    items += [item(n, source="b", family="h", route="text") for n in range(10, 40)]
    mixed = apply(Mixture(shares={"a": 0.25, "b": 0.5, "gone": 0.25}), items)
    assert sum(one.kept for one in mixed if one.source == "a") == 10
    assert sum(one.kept for one in mixed if one.source == "b") == 20
    scarce = apply(Mixture(by="family", shares={"f": 0.9, "h": 0.1}), items)
    kept = {family: sum(i.kept for i in scarce if i.task.family == family) for family in "fgh"}
    assert kept == {"f": 4, "g": 6, "h": 1}, "groups without a share stay, and one of each at least"
    routes = [item(n, route="rl" if n % 2 else "text") for n in range(8)]
    assert reasons(Mixture(by="route", caps={"rl": 0}), routes) == ["", "over_cap"] * 4
    assert apply(Mixture(by="route", caps={"rl": 4}), routes) == routes


def test_verify_keeps_the_first_sound_trial_and_names_the_gravest_reason() -> None:
    def trial(teacher: str, *failed: str) -> Trial:
        ref = TraceRef(store=teacher, part=0, id="s/0#0")
        return Trial(teacher=teacher, ref=ref, failed_checks=failed, masked_turns=(1,) if not failed else ())

    tried = (trial("a", "loops"), trial("b"), trial("c"))
    (kept,) = apply(Verification(), [item(route="cold_start", trials=tried)])
    assert kept.trace == tried[1].ref and kept.masked_turns == (1,)
    bad = (trial("a", "timeout", "loops"), trial("c", "infrastructure_error"), trial("b", "wrong_answer"))
    (left,) = apply(Verification(), [item(route="cold_start", trials=bad)])
    assert left.rejection and left.rejection.reason == "wrong_answer"
    assert left.rejection.detail == "3 tries, the best by b: wrong_answer"
    ours = item(route="cold_start", trials=(trial("a", "infrastructure_error"),))
    assert reasons(Verification(), [ours, item(route="cold_start")]) == ["infrastructure_error", "no_trace"]
    mended = item(route="trace", trials=(trial("a", "failed_call"),))
    assert reasons(Verification(tolerate=("failed_call",)), [mended]) == [""]


def test_ids_and_nested_values_are_cut_at_their_bounds() -> None:
    assert item_id("s", "x" * 200, 0) == "s/" + "x" * 200
    long = item_id("s", "x" * 201, 0)
    assert long.startswith("s/" + "x" * 200 + "-") and len(long) == 2 + 200 + 1 + 16
    assert [item_id("s", value, 7) for value in (None, "  ", 0, "a ")] == ["s/row-7", "s/row-7", "s/0", "s/a"]

    def nested(depth: int) -> Any:
        value: Any = "x"
        for _ in range(depth):
            value = [value]
        return value

    assert plain(nested(30)) == nested(30)
    with pytest.raises(Unusable, match="deeper than 30"):
        plain(nested(31))


def test_text_is_an_encoded_image_from_200_characters_on(tmp_path: Path) -> None:
    data = io.BytesIO()
    Image.new("L", (1, 1)).save(data, "BMP")
    text = b64encode(data.getvalue() + b"\0" * 300).decode()
    assert read_image(text, tmp_path).size == (1, 1)
    with pytest.raises(Unusable) as missing:
        read_image("A" * 199, tmp_path)
    with pytest.raises(Unusable) as broken:
        read_image("A" * 200, tmp_path)
    assert (missing.value.reason, broken.value.reason) == ("image_missing", "image_unreadable")
    url = "data:image/png;base64," + b64encode(data.getvalue()).decode()
    assert read_image(url, tmp_path).size == (1, 1)
    with pytest.raises(Unusable) as fetched:
        read_image("HTTPS://example.org/a.png".lower(), tmp_path)
    assert fetched.value.reason == "image_url"


def test_both_ends_of_a_file_are_looked_at_for_changes(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    source = Source(kind="jsonl", path=str(path))
    whole = bytearray(b"x" * 300_000)
    digests: set[str] = set()
    for place in (None, 0, 65_535, 300_000 - 65_536, 299_999):
        data = bytearray(whole)
        if place is not None:
            data[place] = 0
        path.write_bytes(data)
        digests.add(source_digest(source))
    assert len(digests) == 5
    assert source_digest(source) != source_digest(source.model_copy(update={"limit": 3}))


def test_parts_are_asked_together_up_to_so_many_episodes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert probe.EPISODES_AT_ONCE == 8192
    monkeypatch.setattr(probe, "EPISODES_AT_ONCE", 10)
    assert list(grouped(range(5), lambda _: 5)) == [[0, 1], [2, 3], [4]]
    assert list(grouped(range(3), lambda _: 4)) == [[0, 1, 2]] and list(grouped([], lambda _: 1)) == []


@pytest.mark.parametrize(("failing", "stops"), [(1, False), (2, True)])
def test_so_many_questions_may_stay_unanswered_because_of_us(
    failing: int, stops: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 20 questions one is tolerated at 5%; waits double, and only what is missing is asked again."""
    tasks = [Task(id=f"s/{number}", question="What?") for number in range(20)]
    store = EpisodeStore(RunFolder(tmp_path), "s", {task.id: 0 for task in tasks})
    waits: list[float] = []
    rounds: list[int] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    async def ask(missing: Sequence[Task]) -> None:
        rounds.append(len(missing))
        for task in missing[failing:]:
            right = Verdict(score=1.0)
            store.write(Trace(id=f"{task.id}#0", task=task, stop_reason=StopReason.answered, verdict=right))

    monkeypatch.setattr("deepeyes.data.run.probe.asyncio.sleep", wait)
    going = retry_in_rounds(ask, tasks, store, [0], RetryRounds(rounds=3, wait=2.0, tolerated=0.05))
    if stops:
        with pytest.raises(InfrastructureError, match="2 of 20 questions"):
            asyncio.run(going)
    else:
        asyncio.run(going)
    assert waits == [2.0, 4.0] and rounds == [20, failing, failing]


def test_half_a_score_is_right_and_only_results_count(tmp_path: Path) -> None:
    ends = [(0.5, "answered"), (0.49, "answered"), (None, "answered"), (1.0, "infrastructure_error")]
    ends.append((0.0, "malformed"))
    ids = [f"s/{number}#0" for number in range(6)]
    store = EpisodeStore(RunFolder(tmp_path), "s", {f"s/{n}": 0 for n in range(6)})
    for number, (score, stop) in enumerate(ends):
        task = Task(id=f"s/{number}", question="What?", answer="7")
        verdict = Verdict(score=score)
        store.write(Trace(id=ids[number], task=task, stop_reason=StopReason(stop), verdict=verdict))
    for one in (store, EpisodeStore(RunFolder(tmp_path), "s", {f"s/{n}": 0 for n in range(6)})):
        assert one.done_ids() == {ids[0], ids[1], ids[2], ids[4]}
        assert [(o.right, o.unsure, o.malformed) for o in one.results(ids)] == [
            (True, False, False),
            (False, False, False),
            (False, True, False),
            (False, False, True),
        ]
        assert [bool(o.missed) for o in one.results(ids)] == [False, True, True, True]


def test_answers_that_await_their_verdict_are_not_done_until_they_have_it(tmp_path: Path) -> None:
    def opened() -> EpisodeStore:
        return EpisodeStore(RunFolder(tmp_path), "s", {"s/0": 0})

    task = Task(id="s/0", question="What?", answer="7")
    trace = Trace(id="s/0#0", task=task, stop_reason=StopReason.answered, answer="7")
    store = opened()
    store.write(trace.ungraded(StopReason.interrupted))
    for one in (store, opened()):
        assert set(one.awaiting_verdict()) == {"s/0#0"} and one.results(["s/0#0"]) == []
    store.write(trace.graded(Verdict(score=1.0)))
    for one in (store, opened()):
        assert not one.awaiting_verdict() and one.done_ids() == {"s/0#0"}


def test_the_cache_forgets_the_least_recently_used() -> None:
    cache: LruCache[int] = LruCache(2)
    made: list[int] = []

    def get(key: int) -> int:
        return cache.get(key, lambda: made.append(key) or key, lambda _: 1.0)

    assert [get(1), get(2), get(1), get(3), get(1), get(2)] == [1, 2, 1, 3, 1, 2]
    assert made == [1, 2, 3, 2]
    assert cache.held(3) is None and cache.held(1) == 1
    assert LruCache[int](0).get(1, lambda: 5, lambda _: 9.0) == 5


def test_images_are_made_ready_before_their_questions_are_drawn(tmp_path: Path) -> None:
    store = CachedImages(tmp_path)
    tasks = [Task(id=str(n), question="?", images=(ImageStore(tmp_path).put(drawing(n)),)) for n in range(20)]
    model = CachingModel(ScriptedModel(["x"], vision=VisionSpec(max_pixels=28 * 28 * 4, min_pixels=784)))
    ready = preloaded(tasks, store, model.vision)
    assert next(ready).id == "0"
    assert [task.id for task in ready] == [str(n) for n in range(1, 20)]
    assert all(store.held(task.images[0]) is not None for task in tasks)
    assert all(model.vision.has_view(store.get(task.images[0])) for task in tasks)


def test_values_are_shown_on_a_line_of_bounded_length() -> None:
    assert short("x" * 160) == "x" * 160 and short("x" * 161) == "x" * 159 + "…"
    assert short([1, 2, 3]) == "[1, 2, 3]" and short([1, 2, 3, 4]) == "[1, 2, 3, ... 4 in all]"
    assert short(b"abc") == "<3 bytes>" and short({"a": HOSTILE}) and "\n" not in short(f"a\n{HOSTILE}")
    assert (
        type_of([1, "a"]) == "list of number or text"
        and type_of([]) == "empty list"
        and type_of(True) == "truth"
    )


def test_a_failed_check_of_a_trace_needs_no_world(tmp_path: Path) -> None:
    """What speaks against a trace is told without loading the embedded world."""
    code = (
        "import sys\n"
        "from deepeyes.core.task import Task\n"
        "from deepeyes.core.trace import Trace\n"
        "from deepeyes.data.stages.teach.quality import failed_checks\n"
        "trace = Trace(id='t#0', task=Task(id='t', question='What?'), stop_reason='answered')\n"
        "print(failed_checks(trace), [name for name in sys.modules if name.startswith('deepeyes.world')])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "('wrong_answer',) []\n"


def test_items_of_different_parts_are_compared(tmp_path: Path) -> None:
    file = str(write_rows(tmp_path / "source", 9))
    both = {name: {"kind": "jsonl", "path": file, "route": "rl"} for name in ("a", "b")}
    counts = curated({"sources": both, "batch": 4, "split": {"validation": 0.5}}, tmp_path / "run")
    assert {count.name: count.rejected for count in counts}["deduplicate"] == {"duplicate": 9}
    assert counts[-1].sources == {"a": 9} and counts[-1].parts == 3
    modes = {stage.name: stage.mode for stage in CurationRecipe.load(tmp_path / "run/recipe.toml").stages}
    assert modes == dict.fromkeys(modes, "part") | {
        "synthesize": "teacher",
        "deduplicate": "whole",
        "mix": "whole",
        "split": "whole",
    }
    assert DifficultyFilter(model="m").mode == ToolBenefitSplit(model="m").mode == "model"


def test_a_run_is_graded_and_paced_as_it_is_told(tmp_path: Path) -> None:
    values = recipe_values(write_rows(tmp_path / "source", 6, first=1))
    crew = Crew(latency=0.002)
    wrong = curated(
        values,
        tmp_path / "run",
        crew,
        execution=Execution(concurrency=3),
        open_grader=partial(nullcontext, Saying(others=WRONG)),
    )
    by_name = {count.name: count for count in wrong}
    assert by_name["verify"].rejected == {"wrong_answer": 6}
    assert crew.models["pupil"].most == crew.models["teacher"].most == 3


def test_the_parts_of_a_run_are_as_long_as_its_batch(tmp_path: Path) -> None:
    values = recipe_values(write_rows(tmp_path / "source", 9), batch=4, mix={"caps": {"rows": 5}})
    values["sources"]["rows"]["route"] = "rl"
    crew = Crew()
    counts = curated(values, tmp_path / "run", crew)
    run = RunFolder(tmp_path / "run")
    assert [len(run.stage(1, "read").read(part)) for part in range(counts[0].parts)] == [4, 4, 1]
    assert [len(run.stages()[-1].read(part)) for part in range(counts[-1].parts)] == [4, 1]
    assert sum(model.sent for model in crew.models.values()) == 0
    assert counts[-2].rejected == {"over_cap": 4}
    seen = [ref for one in run.final() for ref in one.task.images]
    assert {(ref.width, ref.height) for ref in seen} == {SIZE}
    assert image_ref(ImageStore(run.images).get(seen[0])) == seen[0]
