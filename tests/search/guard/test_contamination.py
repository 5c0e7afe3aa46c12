"""How much of a finished run saw a benchmark: read from its traces, whatever searched."""

from collections.abc import Callable

import pytest
from PIL import Image

from deepeyes.core.images import ImageStore
from deepeyes.core.limits import StopReason
from deepeyes.core.messages import ImagePart
from deepeyes.core.results import Observation, SeenHit
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace, Turn
from deepeyes.dialects.words import result_words
from deepeyes.search.base import Hit
from deepeyes.search.guard.contamination import Benchmark, BenchmarkQuestion, contamination

QUESTION = "In the photo, how many storeys does the building to the left of the red lighthouse have in total?"
LEAK = Hit("Answers of a benchmark", "https://example.org/leak", f"17: {QUESTION} Seven.")
PLAIN = Hit("Lighthouses", "https://example.org/plain", "A lighthouse is a tower with a light on it.")


def trace(name: str, *seen: Observation) -> Trace:
    turns = tuple(Turn(observation=each) for each in seen)
    task = Task(id=name, question="?")
    return Trace(id=name, task=task, turns=turns, stop_reason=StopReason.answered)


def search(*hits: Hit, query: str = "lighthouse") -> Observation:
    seen = tuple(SeenHit(title=hit.title, url=hit.url, snippet=hit.snippet) for hit in hits)
    return Observation(tool="search", hits=seen, query=query)


def search_of_old(*hits: Hit, query: str = "lighthouse") -> Observation:
    """As traces held it when tools worded what they found."""
    return Observation(tool="search", stdout=result_words(search(*hits, query=query)))


@pytest.fixture
def benchmark() -> Benchmark:
    return Benchmark(
        [BenchmarkQuestion("q1", QUESTION, ("seven",))], [("p1", Image.effect_noise((64, 64), 90))]
    )


@pytest.mark.parametrize("search", [search, search_of_old])
def test_how_much_of_a_run_was_contaminated(benchmark: Benchmark, search: Callable[..., Observation]):
    run = [
        trace("leaked", search(PLAIN), search(PLAIN, LEAK), search(LEAK)),
        trace("clean", search(PLAIN)),
        trace("asked it", search(PLAIN, query=QUESTION), search(query=QUESTION)),
        trace("computed it", Observation(tool="python", stdout=f"\n{QUESTION}")),
        trace("failed", Observation(tool="search", status="error", stdout=f"\n{QUESTION}")),
    ]
    report = contamination(run, benchmark)
    assert (report.episodes, report.searched, report.share) == (5, 3, 0.2)
    assert list(report.seen) == ["leaked"] and report.items == ("q1",)
    assert [match.how for match in report.seen["leaked"]] == ["question"], "one finding, told once"


def test_pictures_count_if_their_store_is_given(benchmark: Benchmark):
    store = ImageStore()
    picture = Image.effect_noise((64, 64), 90).convert("RGB")
    leaking = Benchmark(images=[("p1", picture)])
    part = ImagePart(name="image_2", ref=store.put(picture.resize((48, 48))), view_width=48, view_height=48)
    run = [trace("a", Observation(tool="image_search", stdout="1 picture:\n", images=(part,)))]
    assert contamination(run, leaking, store).items == ("p1",)
    assert contamination(run, leaking).seen == {}
    assert contamination(run, benchmark, store).seen == {}, "other noise is another picture"


def test_nothing_to_read(benchmark: Benchmark):
    report = contamination([], benchmark)
    assert (report.episodes, report.share, report.items) == (0, 0.0, ())
