"""Was the fact there? In words of hits, pages and output, and in the images; and what cannot be told."""

import pytest
from analysis.graded import graded
from eval.plans import look
from PIL import Image

from deepeyes.analysis.faithfulness import (
    META,
    crop_hit,
    fact_in_result,
    facts_of,
    holds_fact,
    seen_facts,
    survivals,
    tools_of,
)
from deepeyes.core.images import ImageStore
from deepeyes.core.results import Observation, Page, SeenHit
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace, Turn

BOX = (120, 80, 160, 110)


def asks(answer: str, *others: str, **truth: object) -> Task:
    return Task(id="t", question="Who?", answer=answer, answers=others, truth=truth)


@pytest.mark.parametrize(
    ("text", "answer", "held"),
    [
        ("It was built in 1889.", "1889", True),
        ("It was built in 18890.", "1889", False),
        ("1,234,567 people live there", "1234567", True),
        ("it is 3.5 metres", "3.5", True),
        ("it is 13.5 metres", "3.5", False),
        ("Hauptstadt: SÃO  PAULO!", "São Paulo", True),
        ("Sao and Paulo", "Sao Paulo", False),
        ("Paulo, Sao", "Sao Paulo", False),
        ("ｆｕｌｌ width", "full width", True),
        ("", "x1", False),
    ],
)
def test_the_words_of_a_fact_stand_one_after_the_other(text: str, answer: str, held: bool) -> None:
    assert holds_fact(text, asks(answer)) is held


def test_a_letter_is_no_fact_and_a_proof_is() -> None:
    assert facts_of(asks("B", "(B)")) == []
    assert facts_of(asks("7")) == ["7"]
    task = asks("B", proof=["The tower is 300 m high.", "300 metres"])
    assert holds_fact("They say THE TOWER is 300 m high", task) and not holds_fact("B is right", task)
    assert facts_of(asks("B", proof="One sentence.")) == ["One sentence."]


def called(*seen: Observation, answer: str = "Lima", **task: object) -> Trace:
    trace = graded("t", **task)
    turns = tuple(Turn(observation=one) for one in seen)
    return trace.model_copy(update={"turns": turns, "task": trace.task.model_copy(update={"answer": answer})})


def test_facts_are_in_hits_pages_and_output() -> None:
    hit = SeenHit(title="A", url="https://a", snippet="He lives in Lima.")
    search = Observation(tool="search", hits=(hit,))
    page = Observation(tool="open_page", page=Page(url="https://a", text="of Lima, Peru"))
    code = Observation(tool="python", stdout="LIMA\n")
    empty = Observation(tool="search", hits=())
    store = ImageStore()
    for seen in (search, page, code):
        assert fact_in_result(called(seen), store) is True
    assert fact_in_result(called(empty), store) is False
    assert fact_in_result(called(search, code), store, "python") is True
    assert fact_in_result(called(search, empty), store, "open_page") is False
    assert fact_in_result(called(search, answer="B"), store) is None, "a letter proves nothing"
    assert tools_of(called(search, code, empty)) == ["search", "python"]
    refused = Observation(status="malformed", stderr="Lima")
    assert fact_in_result(called(refused), store) is False and tools_of(called(refused)) == []


def test_an_image_may_show_the_fact() -> None:
    images, full = ImageStore(), Image.effect_noise((400, 300), 90).convert("RGB")
    hit = look(0, images, full, [full.crop((100, 60, 180, 130))], BOX)
    miss = look(1, images, full, [full.crop((200, 150, 300, 250))], BOX)
    unknown = look(2, images, full, [full.crop((100, 60, 180, 130))], None)
    turned = look(3, images, full, [full.crop((100, 60, 180, 130)).rotate(30)], BOX)
    found = [fact_in_result(trace, images) for trace in (hit, miss, unknown, turned)]
    assert found == [True, False, None, None]
    assert (crop_hit(hit, images), crop_hit(miss, images), crop_hit(turned, images)) == (True, False, None)


def test_right_answers_without_the_fact_were_known_or_guessed() -> None:
    there = Observation(tool="search", hits=(SeenHit(title="Lima", url="https://a"),))
    lost = Observation(tool="search", hits=())
    traces = [
        called(there),
        called(lost),
        called(lost),
        called(there).graded(graded("t", 0.0).verdict),  # type: ignore[arg-type]
        called(there, answer="B"),
    ]
    found = seen_facts(traces, ImageStore())["search"]
    assert (found.episodes, found.untold) == (5, 1)
    assert (found.fact.value, found.fact.n) == (0.5, 4)
    assert (found.right_without.value, found.right_without.n) == (pytest.approx(2 / 3), 3)


def test_episodes_that_are_no_variation_are_no_survival() -> None:
    assert survivals([graded("a"), called(Observation(tool="search"), answer="x1")]) == []
    about = {"of": "a#0", "tool": "search", "change": "replaced", "other": "b#0", "other_answers": ["Rome"]}
    trace = graded("a", None, meta={META: about}).model_copy(update={"answer": "Rome"})
    (found,) = survivals([trace, trace.model_copy(update={"answer": "Somewhere else"})])
    assert found.follows is not None and found.follows.value == 0.5
    assert (found.survived.accuracy.value, found.survived.undecided) == (0, 1), "Rome is decided: not Lima"
