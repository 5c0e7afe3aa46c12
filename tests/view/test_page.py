"""The page is self-contained, shows what happened, and nothing in a trace becomes markup."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from deepeyes.agent.agent import Agent
from deepeyes.cli.main import main
from deepeyes.core.errors import InputError, ServerError
from deepeyes.core.images import ImageStore
from deepeyes.core.limits import StopReason
from deepeyes.core.results import Observation, Page, SeenHit
from deepeyes.core.sampling import Sampling
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace, TraceWriter, Turn, read_traces
from deepeyes.core.verdict import Verdict
from deepeyes.dialects.deepeyes_v2_parse import parse
from deepeyes.grading.rules import grade
from deepeyes.models.base import Completion
from deepeyes.models.scripted import ScriptedModel
from deepeyes.tools.base import Episode, ToolResult, ToolSet
from deepeyes.view.episode import card
from deepeyes.view.images import Album
from deepeyes.view.page import render_page, write_page
from deepeyes.view.visible import visible, visible_line

EVIL = "</pre></script><script>alert(1)</script><img src=x onerror='alert(2)'> \"q\" {{ 7*7 }} \x1b[31m\x00"


class HostilePython:
    """Answers every piece of code with hostile text and a crop."""

    name = "python"
    description = "Runs Python."
    parameters = {"type": "object", "properties": {"code": {"type": "string"}}, "required": ["code"]}

    async def run(self, arguments: object, episode: Episode) -> ToolResult:
        crop = episode.images["image_1"].crop((20, 30, 120, 90))
        return ToolResult("error", stdout=EVIL, stderr=EVIL, images=(crop,), seconds=0.1)


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """A run of three episodes: hostile and wrong, right at once, and failed because of us."""
    writer = TraceWriter(tmp_path / "run")
    picture = writer.images.put(Image.effect_noise((900, 600), 70).convert("RGB"))
    task = Task(
        id=f"one {EVIL}",
        question=EVIL,
        images=(picture,),
        answer="red",
        truth={"box": [30, 40, 60, 60]},
    )
    code = f"<think>{EVIL}</think>\n<code>\n```python\nprint({EVIL!r})\n```\n</code>"
    evil = ScriptedModel([code, EVIL, f"<think>x</think><answer>{EVIL}</answer>"], name=EVIL)
    trace = await Agent(evil, ToolSet([HostilePython()])).episode(task, images=writer.images)
    writer.write(trace.graded(Verdict(score=0.0, reason=f"is {EVIL}, expected red", given=EVIL)))
    plain = task.model_copy(update={"id": "two", "question": "What colour?"})
    model = ScriptedModel(["<think>I see.</think><answer>Red.</answer>"])
    trace = await Agent(model, ToolSet()).episode(plain, images=writer.images)
    writer.write(trace.graded(grade(plain, trace.answer)))
    writer.write(trace.model_copy(update={"id": "three", "stop_reason": StopReason.infrastructure_error}))
    return tmp_path / "run"


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_hostile_text_stays_text(folder: Path) -> None:
    html = write_page(folder).read_text()
    tags = Tags(html).found
    assert sum(tag == "script" for tag, _ in tags) == 2, "the data and our own script"
    assert not any(name.startswith("on") for _, attributes in tags for name in attributes)
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
    return render_page([trace], ImageStore())


CALL = '<tool_call>{"name": "search", "arguments": {"query": "lighthouses"}}</tool_call>'


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
    assert sum(tag == "script" for tag, _ in tags) == 2 and "<img src=x" not in html and "\x1b" not in html
    assert html.count("&lt;script&gt;alert(1)") == 11 and html.count("{{ 7*7 }}") == 11


def test_nothing_is_loaded_from_anywhere(folder: Path) -> None:
    html = write_page(folder).read_text()
    for _, attributes in Tags(html).found:
        for name in ("src", "href"):
            value = attributes.get(name) or ""
            assert value == "" or value.startswith(("data:image/webp;base64,", "#"))
    assert "url(" not in html and "@import" not in html
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)
    assert policy and "default-src 'none'" in policy[1]


def test_pictures_stand_at_the_size_the_model_saw(folder: Path) -> None:
    html = write_page(folder).read_text()
    images = [attributes for tag, attributes in Tags(html).found if tag == "img"]
    sizes = {(image["alt"], image["width"], image["height"]) for image in images}
    assert sizes == {("image_1", "896", "588"), ("image_2", "112", "56")}
    assert 'class="look" x="20" y="30" width="100" height="60"' in html, "where the code looked"
    assert 'class="truth" x="30.0" y="40.0"' in html


def test_counts_verdicts_and_filters(folder: Path) -> None:
    html = write_page(folder, title="My run").read_text()
    articles = [attributes["class"] for tag, attributes in Tags(html).found if tag == "article"]
    assert articles == ["episode wrong tools", "episode right direct", "episode failed direct"]
    for words in ("My run", "1 of 2", "Used tools", "infrastructure_error", "wall clock", "deepeyes_v2"):
        assert words in html


def test_what_is_unsure_is_counted_and_filtered_by_itself(folder: Path) -> None:
    writer = TraceWriter(folder)
    right = next(trace for trace in read_traces(folder) if trace.is_right)
    unsure = Verdict(score=None, reason="in other words", by="judge")
    writer.write(right.model_copy(update={"id": "four", "verdict": unsure}))
    html = write_page(folder).read_text()
    articles = [attributes["class"] for tag, attributes in Tags(html).found if tag == "article"]
    assert articles[-1] == "episode unsure direct"
    named = {"four": "a", "two": "b"}
    for trace in [trace for trace in read_traces(folder) if trace.id.partition("#")[0] in named]:
        task = trace.task.model_copy(update={"family": named[trace.id.partition("#")[0]]})
        writer.write(trace.model_copy(update={"task": task}))
    families = write_page(folder).read_text()
    assert "<b>a</b> 0 of 1 right" in families and "<b>b</b> 1 of 1 right" in families
    buttons = [attributes.get("data-filter") for tag, attributes in Tags(html).found if tag == "button"]
    assert "unsure" in buttons and 'body[data-filter="unsure"] .episode:not(.unsure)' in html
    assert "1 of 3" in html and "33%" in html and "not counted as right; with them 67%" in html
    assert '<span class="label">judge</span> in other words' in html and ">unsure</span>" in html


@pytest.mark.parametrize(
    ("sampling", "line"),
    [
        (Sampling(), "temperature 0, seed 0"),
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
    assert f"<dt>sampling</dt><dd>{line}</dd>" in render_page([trace], images)


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
    html = write_page(tmp_path).read_text()
    images = [attributes["alt"] for tag, attributes in Tags(html).found if tag == "img"]
    assert images == ["image_1"] and "What colour?" in html and 'class="truth"' in html
    assert "You answer questions about pictures" in html, "the system prompt"


def test_missing_pictures_cost_their_place_only(folder: Path) -> None:
    for file in (folder / "images").iterdir():
        file.unlink()
    assert "pixels are not in the store" in write_page(folder).read_text()


def test_full_sizes_stop_at_their_budget(folder: Path) -> None:
    album = Album(ImageStore(folder / "images"), budget=0)
    cards = [card(trace, album) for trace in read_traces(folder)]
    assert not album.full and album.left_out == 4
    assert all(shown.url and not shown.full for one in cards for shown in one.shown)


def test_empty_run_and_no_run(tmp_path: Path) -> None:
    assert "no episodes" in render_page(list[Trace](), ImageStore())
    with pytest.raises(InputError, match="no traces"):
        write_page(tmp_path / "nowhere")


def test_view_command_prints_the_path(
    folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["view", str(folder), "--out", str(tmp_path / "p.html")])
    assert not end.value.code
    assert capsys.readouterr().out.strip() == str(tmp_path / "p.html")
    with pytest.raises(SystemExit) as end:
        main(["view", str(tmp_path / "nothing")])
    assert end.value.code == 2


def test_visible_text() -> None:
    assert visible("a\tb\r\nc\x1b\x7f\x9b\u202e") == "a\tb\nc␛␡\ufffd\ufffd"
    assert visible_line("a\n b   c", 80) == "a b c"
    assert visible_line("abcdef", 4) == "abc…"
