"""`retry` and `chain`, what reinforcement learning asks about: searches that really miss and really find, and
questions that take the tools that their kind says.
"""

from collections import Counter
from dataclasses import replace

import pytest

from deepeyes.core.images import ImageStore, VisionSpec
from deepeyes.core.limits import StopReason
from deepeyes.core.trace import Trace
from deepeyes.data.stages.teach.teachers import is_supported, replies_for
from deepeyes.grading.reward import Reward, reward_of
from deepeyes.grading.rules import grade
from deepeyes.harness.setup import open_agent
from deepeyes.models.scripted import ScriptedModel
from deepeyes.world.asking import CANNOT_TELL
from deepeyes.world.families import Example, make_examples
from deepeyes.world.families.chain import KINDS, ONE, THREE, TWO
from deepeyes.world.families.retry import FIRST, WINDOW, WORDS
from deepeyes.world.pack.entity import split_of
from deepeyes.world.plan import NOT_IT, OTHERWISE, Ask, Find, Look
from deepeyes.world.strings import SPLITS
from deepeyes.world.tasks import to_task

NANO = VisionSpec(factor=28, min_pixels=3136, max_pixels=37632)


async def played(examples: list[Example]) -> list[Trace]:
    """The teacher's episodes, with the embedded world's search."""
    silent = ScriptedModel([], name="teacher", prompt="brief", vision=NANO)
    found: list[Trace] = []
    async with open_agent(silent, search=["world"]) as agent:
        for example in examples:
            images = ImageStore()
            task = to_task(example, images)
            texts = [reply.text for reply in replies_for(example, NANO)]
            model = ScriptedModel(texts, name="teacher", prompt="brief", vision=NANO)
            found.append(await replace(agent, model=model).episode(task, images=images))
    return found


def tools_of(trace: Trace) -> set[str]:
    return {turn.observation.tool for turn in trace.tool_turns if turn.observation}


async def test_first_searches_miss_and_another_window_or_other_words_find() -> None:
    examples = list(make_examples("retry", "rl", 0, 60))
    traces = await played(examples)
    assert all(grade(trace.task, trace.answer).score == 1 for trace in traces)
    supported = [is_supported(example, trace) for example, trace in zip(examples, traces, strict=True)]
    assert sum(supported) >= 54, "nearly all searches that are said to miss do, and the others find"
    ways = Counter(
        (example.kind, any(said in turn.text for turn in trace.turns for said in (NOT_IT, OTHERWISE)))
        for example, trace, fine in zip(examples, traces, supported, strict=True)
        if fine
    )
    assert set(ways) == {(WINDOW, True), (WINDOW, False), (WORDS, True), (WORDS, False), (FIRST, False)}
    assert all(ways[kind, True] >= 3 and ways[kind, False] >= 3 for kind in (WINDOW, WORDS))
    assert not any(reply.masked for example in examples for reply in replies_for(example, NANO))


async def test_a_chain_takes_as_many_tools_as_its_kind_says() -> None:
    examples = list(make_examples("chain", "train", 3, 24))
    assert {example.kind for example in examples} == set(KINDS)
    numbers = {ONE: 1, TWO: 2, THREE: 3}
    for example, trace in zip(examples, await played(examples), strict=True):
        assert grade(trace.task, trace.answer).score == 1
        # A first try that goes wrong on purpose may use the tool of a later step, and is mended by all.
        assert len(tools_of(trace)) == numbers[example.kind]
        assert trace.task.meta["tools"] == ["python", "image_search", "search"], "which says nothing"


def test_only_the_question_tells_how_far_to_go() -> None:
    examples = list(make_examples("chain", "train", 0, 90))
    for small in (True, False):
        its = [
            one
            for one in examples
            if (one.scene.image.width > 1000 or one.scene.image.height > 1000) == small
        ]
        assert {one.kind for one in its} == set(KINDS)
    signs = [one for one in examples if any(isinstance(step, Look) for step in one.steps)]
    assert signs and all(not one.answer.isdigit() and one.kind == ONE for one in signs)


@pytest.mark.parametrize("family", ["retry", "chain"])
def test_things_belong_to_the_split_and_group_the_task(family: str) -> None:
    for split in SPLITS:
        for example in make_examples(family, split, 0, 10):
            task = to_task(example, ImageStore())
            assert {split_of(name) for name in example.entities} <= {split}
            assert task.group == "".join(example.entities)


def test_a_query_names_the_thing_and_no_answer() -> None:
    for example in make_examples("retry", "validation", 0, 40):
        shown = next(step.shows for step in example.steps if isinstance(step, Find))
        asked = [step.query for step in example.steps if isinstance(step, Ask)]
        assert all(
            shown in query and example.answer.casefold() not in query.casefold().split() for query in asked
        )
        assert shown not in example.question


async def test_a_search_that_is_said_to_miss_and_finds_supports_nothing() -> None:
    example = next(one for one in make_examples("retry", "rl", 0, 60) if one.kind == FIRST)
    (trace,) = await played([example])
    assert is_supported(example, trace)
    find, ask = example.steps
    misled = replace(example, steps=(find, replace(ask, misses=OTHERWISE), ask))
    assert not is_supported(misled, trace)
    assert not is_supported(replace(example, steps=(replace(find, misses=NOT_IT), find, ask)), trace)


def test_what_is_about_several_things_or_none_stands_alone() -> None:
    for family in ("table", "tiny"):
        for example in make_examples(family, "rl", 0, 6):
            several = len(example.entities) != 1
            assert to_task(example, ImageStore()).group == ("" if several else example.entities[0])


@pytest.mark.parametrize(
    ("answer", "absent", "elsewhere"),
    [
        (CANNOT_TELL, 1.0, 0.0),
        ("I don't know.", 1.0, 0.0),
        ("It cannot be determined from the image.", 1.0, 0.0),
        ("7PK2", 0.0, None),
    ],
)
def test_to_abstain_earns_its_reward_where_nothing_can_be_told_and_nowhere_else(
    answer: str, absent: float | None, elsewhere: float | None
) -> None:
    for family, expected in (("absent", absent), ("tiny", elsewhere), ("chain", elsewhere)):
        for example in make_examples(family, "rl", 0, 8):
            task = to_task(example, ImageStore())
            verdict = grade(task, answer)
            if expected is None:
                continue
            assert verdict.score == expected, (family, task.answer)
            trace = Trace(
                id="t", task=task, answer=answer, verdict=verdict, stop_reason=StopReason.answered, turns=()
            )
            assert reward_of(trace, Reward(format=0)).total == 0.8 * expected
