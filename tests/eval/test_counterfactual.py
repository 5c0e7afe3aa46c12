"""Which results are put where, in episodes with several tools and calls."""

from typing import Any

import pytest
from analysis.graded import graded
from eval.readers import Library
from PIL import Image

from deepeyes.analysis.faithfulness import EVERY_TOOL, META
from deepeyes.core.actions import AnswerAction, CallAction, Malformed, ToolCall
from deepeyes.core.errors import InfrastructureError
from deepeyes.core.images import ImageStore, VisionSpec
from deepeyes.core.messages import ImagePart, Message
from deepeyes.core.results import Observation, SeenHit, ToolResult
from deepeyes.core.trace import Trace, Turn
from deepeyes.dialects.native import Native
from deepeyes.eval.counterfactual import Counterfactual, counterfactuals, other_for
from deepeyes.eval.replay import SPENT, ReplayedConversation, ReplayedTools, as_result
from deepeyes.models.scripted import ScriptedModel
from deepeyes.tools.base import Episode, ToolSet


def episode(name: str, answer: str, *outputs: Observation, **task: Any) -> Trace:
    """A right episode with these results, and its answer."""
    turns = [
        Turn(text=f"call {seen.tool}", action=CallAction(call=ToolCall(name=seen.tool)), observation=seen)
        for seen in outputs
    ]
    trace = graded(name, **task)
    return trace.model_copy(
        update={
            "turns": (*turns, Turn(text=answer, action=AnswerAction(text=answer))),
            "task": trace.task.model_copy(update={"answer": answer}),
            "answer": answer,
            "tools": ("python", "search", "open_page"),
        }
    )


def said(tool: str, text: str, status: str = "ok") -> Observation:
    return Observation(tool=tool, stdout=text, status=status)


A = episode("a", "Lima", said("python", "p1"), said("search", "s1"), said("search", "s2 Lima"))
B = episode("b", "Rome", said("search", "r1"), said("python", "q1"), said("search", "r2"), said("search", ""))


def texts(job: Counterfactual) -> list[str]:
    return [result.stdout for result in job.results(ImageStore())]


def test_every_tool_has_its_control_and_its_changes() -> None:
    jobs = list(counterfactuals([A, B], 1))
    cells = [(job.tool, job.change) for job in jobs]
    assert cells == [
        (tool, change) for tool in ("python", "search", EVERY_TOOL) for change in ("kept", "replaced")
    ]
    assert [texts(job) for job in jobs] == [
        ["p1"], ["q1"], ["p1", "s1", "s2 Lima"], ["p1", "r1", "r2"], ["p1", "s1", "s2 Lima"],
        ["q1", "r1", "r2"],
    ]  # fmt: skip
    assert [len(job.turns) for job in jobs] == [1, 1, 3, 3, 3, 3], "up to the tool's last call"
    assert [sorted(job.live) for job in jobs[1::2]] == [["open_page", "search"], ["open_page", "python"], []]
    assert [sorted(job.called_later) for job in jobs[1::2]] == [["search"], [], []]


def test_a_variation_knows_what_it_is_one_of() -> None:
    job = list(counterfactuals([A, B], 1))[1]
    task = job.task
    assert (task.id, task.group, task.answer) == ("a#0/python/replaced", "a", "Lima")
    assert task.meta[META] == {
        "of": "a#0", "tool": "python", "change": "replaced", "other": "b#0", "other_answers": ["Rome"],
    }  # fmt: skip
    names = [job.task.id for job in counterfactuals([A, B], 9)]
    assert len(set(names)) == len(names)


def test_results_that_say_nothing_are_left_as_they_are() -> None:
    failed = episode("c", "Oslo", said("search", "", "timeout"), said("search", "s Oslo"))
    job = Counterfactual(failed, "replaced", "search", B)
    assert texts(job) == ["", "r2"]
    short = episode("d", "Bonn", said("search", "only"))
    assert texts(Counterfactual(A, "replaced", "search", short)) == ["p1", "only", "only"]


@pytest.mark.parametrize(
    "other",
    [
        episode("a", "Rome", said("search", "r")),
        episode("b", "Lima", said("search", "r")),
        episode("b", "Lima, Peru", said("search", "r")),
        episode("b", "Rome", said("search", "not Lima")),
        episode("b", "Rome", said("python", "r")),
        episode("b", "Rome", said("search", "")),
        episode("b", "Rome", said("search", "r"), group="same"),
        episode("b", "", said("search", "r")),
    ],
)
def test_what_could_tell_the_answer_is_not_put_in(other: Trace) -> None:
    trace = episode("a", "Lima", said("search", "s Lima"), group="same")
    assert other_for(trace, ["search"], [other]) is None
    assert other_for(trace, ["search"], [other, B]) is B


def test_the_best_hit_is_not_put_in_again() -> None:
    def found(name: str, answer: str, *urls: str) -> Trace:
        hits = tuple(SeenHit(title="T", url=url) for url in urls)
        return episode(name, answer, Observation(tool="search", hits=hits))

    trace = found("a", "Lima", "https://one", "https://two")
    assert other_for(trace, ["search"], [found("b", "Rome", "https://x", "https://one")]) is None
    fine = found("b", "Rome", "https://two")
    assert other_for(trace, ["search"], [fine]) is fine


def test_a_question_of_the_same_kind_comes_first() -> None:
    trace = episode("a", "Lima", said("search", "s"), family="f", kind="k")
    others = [
        episode("b", "Rome", said("search", "r"), family="g", kind="k"),
        episode("c", "Oslo", said("search", "r"), family="f", kind="other"),
        episode("d", "Bonn", said("search", "r"), family="f", kind="k"),
    ]
    assert other_for(trace, ["search"], others) is others[2]
    assert other_for(trace, ["search"], others[:2]) is others[1]


def test_only_right_answers_after_a_result_are_tried() -> None:
    wrong = A.graded(graded("x", 0.0).verdict)  # type: ignore[arg-type]
    silent = episode("s", "Lima", said("search", ""))
    assert list(counterfactuals([wrong, silent, graded("n")], 9)) == []


def shown(images: ImageStore, name: str, colour: str) -> ImagePart:
    image = Image.new("RGB", (30, 20), colour)
    return ImagePart.of(name, image, images.put(image), VisionSpec()).without_pixels()


def test_blanked_images_keep_their_size_and_thumbnails_of_hits_stay() -> None:
    images = ImageStore()
    own, thumb = shown(images, "image_2", "red"), shown(images, "image_3", "green")
    hit = SeenHit(title="T", url="https://a", score=0.5, image="image_3")
    seen = Observation(tool="python", stdout="text", images=(own, thumb), hits=(hit,), query="q")
    back = as_result(seen, images)
    assert back.hits is not None and back.hits[0].image is not None and back.hits[0].score == 0.5
    assert (len(back.images), back.stdout, back.query) == (1, "text", "q")
    trace = episode("a", "Lima", seen)
    changes = [job.change for job in counterfactuals([trace], 9)]
    assert changes == ["kept", "blanked"]
    (blank,) = Counterfactual(trace, "blanked", "python").results(images)
    assert blank.images[0].size == (30, 20) and blank.images[0].getpixel((3, 3)) == (127, 127, 127)
    assert blank.hits is not None and blank.hits[0].image is not None
    assert blank.hits[0].image.getpixel((3, 3)) == (0, 128, 0)
    only = episode("a", "Lima", seen.model_copy(update={"images": (thumb,)}))
    assert [job.change for job in counterfactuals([only], 9)] == ["kept"]


async def test_after_the_record_open_tools_work_and_spent_ones_say_so() -> None:
    names = ("search", "own_tool")
    tools = ReplayedTools(names, [ToolResult(stdout="recorded")], ToolSet([Library()]), live={"search"})
    call = ToolCall(name="search", arguments={"query": "person 1"})
    assert (await tools.run(ToolCall(name="anything"), Episode())).stdout == "recorded"
    assert (await tools.run(call, Episode())).hits is not None
    assert (await tools.run(ToolCall(name="own_tool"), Episode())).stderr == SPENT
    assert "no tool of that name" in (await tools.run(ToolCall(name="nothing"), Episode())).stderr
    assert tools.names == names
    spent = ReplayedTools(names, [], ToolSet([Library()]), live=())
    assert (await spent.run(call, Episode())).stderr == SPENT


async def test_calls_that_could_not_be_read_come_again_as_such() -> None:
    turns = [Turn(text="", action=Malformed(reason="One call.", call_ids=("c1",)))]
    live = ScriptedModel(["done"]).conversation()
    talk = ReplayedConversation(live, turns)
    first = await talk.send([])
    action = Native().parse(first.text, first.tool_calls)
    assert action.kind == "malformed" and action.call_ids == ("c1",)
    assert (await talk.send([])).text == "done"
    assert [message.role for message in live.messages] == ["assistant"]


async def test_a_send_that_fails_leaves_the_conversation_whole() -> None:
    live = ScriptedModel(["done"]).conversation()
    send, failures = live.send, [InfrastructureError("down", "start it")]

    async def flaky(*args: Any, **options: Any) -> Any:
        if failures:
            raise failures.pop()
        return await send(*args, **options)

    live.send = flaky  # type: ignore[method-assign]
    talk = ReplayedConversation(live, [Turn(text="recorded", action=AnswerAction(text="recorded"))])
    opening, news = Message.make("user", "question"), Message.make("user", "result")
    await talk.send([opening])
    with pytest.raises(InfrastructureError):
        await talk.send([news])
    assert (await talk.send([news])).text == "done"
    assert [message.text for message in live.messages] == ["question", "recorded", "result"]
