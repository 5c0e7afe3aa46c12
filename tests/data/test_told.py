"""What a search told, read from traces that keep hits and from those written when tools worded them."""

from collections.abc import Callable
from typing import Any

import pytest

from deepeyes.core.limits import StopReason
from deepeyes.core.results import Observation, Page, SeenHit
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace, Turn
from deepeyes.core.verdict import Verdict
from deepeyes.data.stages.teach.quality import failed_checks
from deepeyes.data.stages.teach.teachers import is_supported
from deepeyes.dialects.deepeyes_v2_parse import parse
from deepeyes.dialects.registry import dialect_named
from deepeyes.world.families import Example, make_example
from deepeyes.world.plan import Ask, Find

Hits = list[tuple[str, str, str]]
"""(title, url, snippet) of each."""


def kept(tool: str, hits: Hits) -> Observation:
    by_image = "image_1" if tool == "image_search" else ""
    found = tuple(SeenHit(title=title, url=url, snippet=snippet) for title, url, snippet in hits)
    return Observation(tool=tool, hits=found, query="" if by_image else "q", searched_image=by_image)


def worded(tool: str, hits: Hits) -> Observation:
    """As traces of the brief dialect held it."""
    brief: Any = dialect_named("deepeyes_v2/brief")
    return Observation(tool=tool, stdout=brief._result(kept(tool, hits)))


@pytest.fixture(scope="module")
def example() -> Example:
    """A question whose fact has a comma or is a word: picture -> image search -> page -> fact."""
    return make_example("search", "train", 0, 3)


def told(seen: dict[str, Observation]) -> Trace:
    turns = tuple(Turn(observation=one) for one in seen.values())
    return Trace(id="t", task=Task(id="t", question="q"), turns=turns, stop_reason=StopReason.answered)


@pytest.mark.parametrize("form", [kept, worded])
def test_a_teacher_is_supported_by_the_best_title_and_by_titles_and_snippets(
    example: Example, form: Callable[[str, Hits], Observation]
):
    find, ask = example.steps
    assert isinstance(find, Find) and isinstance(ask, Ask)
    name, fact = find.shows, ask.shows
    other = ("Something else", "https://x", "no")
    image = form("image_search", [(f"{name}: flag", "u", "")])
    page = form("search", [("Facts", "u", f"It is {fact.replace(',', '')} as of now.")])
    assert is_supported(example, told({"a": image, "b": page}))
    assert not is_supported(example, told({"b": page})) and not is_supported(example, told({"a": image}))
    second = form("image_search", [other, (f"{name}: flag", "u", "")])
    assert not is_supported(example, told({"a": second, "b": page})), "only the most alike image counts"
    for nothing in (form("search", []), form("search", [other])):
        assert not is_supported(example, told({"a": image, "b": nothing}))
    assert is_supported(example, told({"a": image, "b": form("search", [(fact, "u", "")])}))
    hidden = form("search", [("Facts", f"https://x/{fact}", "no")])
    assert not is_supported(example, told({"a": image, "b": hidden})), "the brief dialect tells no links"


CALL = '<think>x</think><tool_call>{"name": "search", "arguments": {"query": "y"}}</tool_call>'
PRINTED = "<think>x</think>\n<code>\n```python\nprint('7PK2')\n```\n</code>"


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        (Observation(tool="search", hits=(SeenHit(title="Sign", url="u", snippet="It says 7PK2."),)), ()),
        (Observation(tool="search", hits=(SeenHit(title="7PK2", url="u"),)), ()),
        (Observation(tool="open_page", page=Page(url="u", text="The sign says 7PK2.")), ()),
        (Observation(tool="search", stdout="1. Sign\nIt says 7PK2.\n"), ()),
        (Observation(tool="search", hits=(), query="y"), ("leaked_answer",)),
        (Observation(tool="search"), ("unused_call", "leaked_answer")),
    ],
)
def test_what_was_found_was_seen(seen: Observation, found: tuple[str, ...]):
    """An answer that a search told is no leak, and a search that found nothing said so."""
    turns = [
        Turn(text=CALL, action=parse(CALL), observation=seen),
        Turn(text=PRINTED, action=parse(PRINTED), observation=Observation(tool="python", stdout="7PK2\n")),
        Turn(text="<answer>7PK2</answer>", action=parse("<answer>7PK2</answer>")),
    ]
    task = Task(id="t", question="What is on the sign?", answer="7PK2")
    ended = {"stop_reason": StopReason.answered, "answer": "7PK2", "verdict": Verdict(score=1)}
    assert failed_checks(Trace(id="t#0", task=task, turns=tuple(turns), **ended)) == found
