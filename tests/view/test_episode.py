"""An episode shows what happened, and nothing in a trace becomes markup."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from view.view_helpers import EVIL, Tags, shown, told

from deepeyes.agent.agent import Agent
from deepeyes.core.actions import CallAction, ToolCall
from deepeyes.core.errors import ServerError
from deepeyes.core.images import ImageStore
from deepeyes.core.limits import StopReason
from deepeyes.core.messages import ImagePart, Message
from deepeyes.core.results import Observation, Page, SeenHit
from deepeyes.core.sampling import Sampling
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace, TraceWriter, Turn, read_traces
from deepeyes.core.verdict import Verdict
from deepeyes.data.item import TraceRef, Trial
from deepeyes.dialects.deepeyes_v2_parse import parse
from deepeyes.models.base import Completion
from deepeyes.models.scripted import ScriptedModel
from deepeyes.tools.base import ToolSet
from deepeyes.view.visible import visible, visible_line


def articles(folder: Path) -> list[str]:
    """The HTML of each episode of a run."""
    return [shown(trace, ImageStore(folder / "images")) for trace in read_traces(folder)]


def test_hostile_text_stays_text(folder: Path) -> None:
    html = articles(folder)[0]
    tags = Tags(html).found
    assert not any(tag == "script" for tag, _ in tags)
    assert not any(name.startswith("on") or name == "style" for _, attributes in tags for name in attributes)
    assert "<img src=x" not in html
    assert html.count("{{ 7*7 }}") >= 4, "no template syntax in a trace is evaluated"
    assert html.count("&lt;script&gt;alert(1)") >= 6, "question, thought, code, output, errors, answer"
    assert "\x1b" not in html and "\x00" not in html and "␛[31m" in html


def found(seen: Observation) -> str:
    """The page of a run whose only turn brought `seen` back."""
    turn = Turn(text=CALL, action=parse(CALL), observation=seen)
    trace = Trace(
        id="t", task=Task(id="t", question="q"), turns=(turn,), stop_reason=StopReason.max_turns, dialect="d"
    )
    return shown(trace)


CALL = '<tool_call>{"name": "search", "arguments": {"query": "lighthouses"}}</tool_call>'


def test_code_in_a_call_is_shown_as_code() -> None:
    call = CallAction(call=ToolCall(name="python", arguments={"code": "print(image_1.size)"}, id="c1"))
    turn = Turn(action=call, observation=Observation(tool="python", stdout="(9, 9)\n"))
    trace = Trace(id="t", task=Task(id="t", question="q"), turns=(turn,), stop_reason=StopReason.max_turns)
    page = shown(trace)
    assert 'aria-label="code"' in page and 'aria-label="tool call"' not in page and '{"code"' not in page


def test_hits_stand_under_their_call_with_link_snippet_and_score() -> None:
    hit = SeenHit(
        title="Lights", url="https://a/b", snippet="A tower.", date="2025", score=0.12345, image="image_2",
        flags=("contaminated",), source="a source",
    )  # fmt: skip
    html = found(Observation(tool="search", hits=(hit, SeenHit(title="", url="https://c")), query="q"))
    at = [
        html.index(words) for words in ("lighthouses", "<b>Lights</b>", "image_2", "https://a/b", "A tower.")
    ]
    assert at == sorted(at) and "0.123" in html and "2025" in html and "contaminated" in html
    assert "a source" in html and "<b>untitled</b>" in html and "nothing was found" not in html
    assert "nothing was found" in found(Observation(tool="search", hits=(), query="q"))


def test_a_page_that_was_read_stands_under_its_call() -> None:
    page = Page(url="https://a/b", title="The Moon", text="It has\nwater.", date="2024")
    html = found(Observation(tool="open_page", page=page))
    assert "<b>The Moon</b>" in html and "https://a/b" in html and "It has\nwater." in html and "2024" in html


def test_the_words_of_traces_written_before_hits_were_kept_are_shown_as_before() -> None:
    html = found(Observation(tool="search", stdout="1 result for &: <b>"))
    assert '<pre class="out" aria-label="output">1 result for &amp;: &lt;b&gt;</pre>' in html
    assert "nothing was found" not in html


def test_hostile_hits_and_pages_stay_text() -> None:
    evil = SeenHit(title=EVIL, url=EVIL, snippet=EVIL, date=EVIL, source=EVIL, image=EVIL, flags=(EVIL,))
    page = Page(url=EVIL, title=EVIL, text=EVIL, date=EVIL)
    html = found(Observation(tool="search", hits=(evil,), query=EVIL, page=page))
    tags = Tags(html).found
    assert not any(tag == "script" for tag, _ in tags) and "<img src=x" not in html and "\x1b" not in html
    assert html.count("&lt;script&gt;alert(1)") == 11 and html.count("{{ 7*7 }}") == 11


def test_images_stand_at_the_size_the_model_saw(folder: Path) -> None:
    html = articles(folder)[0]
    images = [attributes for tag, attributes in Tags(html).found if tag == "img"]
    sizes = [(image["alt"], image["width"], image["height"]) for image in images]
    assert sizes == [("image_1", "896", "588"), ("image_2", "112", "56")]
    full = [attributes["data-full"] for _, attributes in Tags(html).found if "data-full" in attributes]
    assert images[0]["data-image"] == f"{full[0]}/896x588", "of which the full size is larger"
    assert images[1]["data-image"] == f"{full[1]}/112x56"
    assert 'class="look" x="20" y="30" width="100" height="60"' in html, "where the code looked"
    assert 'class="truth" x="30.0" y="40.0"' in html


def test_a_truth_box_that_is_none_costs_its_outline_only() -> None:
    store = ImageStore()
    ref = store.put(Image.new("RGB", (90, 60)))
    part = ImagePart(name="image_1", ref=ref, view_width=56, view_height=28)
    turn = Turn(sent=(Message.make("user", part, "q"),), text="<answer>red</answer>")
    for box in (["a", 0, 1, 2], [0, 1, None, 3], "box", [1, 2]):
        task = Task(id="t", question="What?", images=(ref,), truth={"box": box})
        html = shown(told(task=task, turns=(turn,)), store)
        assert "<img" in html and "<rect" not in html


def test_what_is_unsure_is_said_with_who_could_not_tell() -> None:
    html = shown(told(verdict=Verdict(score=None, reason="in other words", by="judge")))
    assert '<span class="label">judge</span> in other words' in html and ">unsure</span>" in html
    assert 'class="episode unsure"' in html and "nobody can tell, by judge" in html


def test_verdict_references_tags_and_truth_are_told() -> None:
    task = Task(
        id="t", question="q", answer="5", answers=("five",), tags=("search",), truth={"box": [1, 2, 3, 4]}
    )
    verdict = Verdict(score=0.75, reason="equal", by="maths", kind="number", given="5.0", expected="5")
    html = shown(told(task=task, verdict=verdict, sample=2))
    for words in (
        "five",
        ">search<",
        "score 0.75, by maths",
        "5.0 with 5 as number",
        "sample 2",
        "[1, 2, 3, 4]",
    ):
        assert words in html, words


def test_what_curation_says_of_an_attempt_is_told() -> None:
    trial = Trial(teacher="t", ref=TraceRef(store="s", part=0, id="t#0"), failed_checks=("unused_call",))
    assert "unused call" in shown(told(), trial=trial)
    assert "found nothing against it" in shown(told(), trial=trial.model_copy(update={"failed_checks": ()}))


def test_a_turn_that_is_not_imitated_says_so() -> None:
    from deepeyes.view.episode import card
    from deepeyes.view.images import Album
    from deepeyes.view.render import article

    two = told(turns=(Turn(text="a"), Turn(text="b")))
    first, second = article(card(two, Album(ImageStore()), [1])).split("Turn 2")
    assert "not taught to imitate" not in first and "not taught to imitate" in second


def test_tokens_are_offered_where_the_trace_has_them() -> None:
    ids = (1, 2)
    for turn, words in (
        (Turn(token_ids=ids, logprobs=(-1, -2), loss_mask=(1, 0)), "Tokens: probabilities, loss mask"),
        (Turn(logprobs=(-1, -2)), "Tokens: probabilities"),
        (Turn(token_ids=ids), "Tokens: numbers"),
    ):
        assert f"<summary>{words}</summary>" in shown(told(turns=(turn,)))
    assert "<summary>Tokens" not in shown(told())


@pytest.mark.parametrize(
    ("sampling", "line"),
    [
        (Sampling(), "temperature 0, seed 0"),
        (Sampling(seed=273041988), "temperature 0, seed 273041988"),
        (Sampling(temperature=0.7, seed=12, stop=("<x>",)), "temperature 0.7, seed 12"),
        (
            Sampling(temperature=1, top_p=0.9, top_k=20, min_p=0.05, repetition_penalty=1.1, seed=3),
            "temperature 1, seed 3, top p 0.9, top k 20, min p 0.05, repetition penalty 1.1",
        ),
    ],
)
async def test_how_replies_were_drawn_is_told(sampling: Sampling, line: str) -> None:
    model, images = ScriptedModel(["<think>x</think><answer>1</answer>"]), ImageStore()
    trace = await Agent(model, sampling=sampling).episode(Task(id="one", question="How many?"), images=images)
    assert f"<dt>sampling</dt><dd>{line}</dd>" in shown(trace, images)


class Down(ScriptedModel):
    """A server that cannot be reached."""

    def conversation(self, *settings: Any) -> Any:
        talk = super().conversation(*settings)

        async def fail(*_: Any, **__: Any) -> Completion:
            raise ServerError("it is down", "start it")

        talk.send = fail  # type: ignore[method-assign]
        return talk


async def test_a_model_that_never_replied_leaves_question_and_picture(tmp_path: Path) -> None:
    writer = TraceWriter(tmp_path)
    picture = writer.images.put(Image.effect_noise((900, 600), 70).convert("RGB"))
    task = Task(id="one", question="What colour?", images=(picture,), truth={"box": [30, 40, 60, 60]})
    writer.write(await Agent(Down([]), ToolSet()).episode(task, images=writer.images))
    (html,) = articles(tmp_path)
    images = [attributes["alt"] for tag, attributes in Tags(html).found if tag == "img"]
    assert images == ["image_1"] and "What colour?" in html and 'class="truth"' in html
    assert "You answer questions about pictures" in html, "the system prompt"


def test_missing_images_cost_their_place_only(folder: Path) -> None:
    for file in (folder / "images").iterdir():
        file.unlink()
    html = articles(folder)[0]
    assert html.count("this image is not in the images folder") == 2 and "<img" not in html


def test_visible_text() -> None:
    assert visible("a\tb\r\nc\x1b\x7f\x9b\u202e") == "a\tb\nc␛␡\ufffd\ufffd"
    assert visible_line("a\n b   c", 80) == "a b c"
    assert visible_line("abcdef", 4) == "abc…"
