"""A flag in a photo: cut it out, search the cut-out, search what it is, answer; all of it real."""

import json
from pathlib import Path

import pytest
from PIL import Image

from deepeyes.agent.agent import Agent
from deepeyes.cli.main import main
from deepeyes.core.images import ImageStore, load_image
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace, read_traces
from deepeyes.models.scripted import ScriptedModel
from deepeyes.sandbox import Sandbox
from deepeyes.search.image.index import ImageIndex
from deepeyes.search.pages.passages import Passages
from deepeyes.search.text.build import build
from deepeyes.search.text.index import TextIndex
from deepeyes.tools.base import ToolSet
from deepeyes.tools.image_search import ImageSearchTool
from deepeyes.tools.open_page import OpenPageTool
from deepeyes.tools.python import PythonTool
from deepeyes.tools.search import SearchTool
from deepeyes.world.pack import open_pack

SCENES = Path(__file__).parents[2] / "src/deepeyes/world/assets/backgrounds/test"
COUNTRIES = ("japan", "brazil", "kenya", "nepal", "canada", "jamaica", "france", "kuwait", "peru", "sweden")
ASKED = "kenya"
BOX = (400, 220, 640, 380)


def call(name: str, **arguments: str) -> str:
    body = json.dumps({"name": name, "arguments": arguments})
    return f"<think>next</think>\n<tool_call>\n{body}\n</tool_call>"


CODE = "flag = image_1.crop((396, 216, 644, 384))\nprint(flag.size)"
REPLIES = [
    f"<think>The flag is small.</think>\n<code>\n```python\n{CODE}\n```\n</code>",
    call("image_search", image="flag"),
    call("search", query="which faiths are followed in Kenya?"),
    call("open_page", url="world://country/kenya/people-and-society", query="Religions"),
    "<think>It says so.</think>\n<answer>Christian</answer>",
]


@pytest.fixture
def photo() -> Image.Image:
    scene = load_image(next(iter(sorted(SCENES.glob("*.webp"))))).image.resize((960, 720))
    with open_pack() as pack:
        flag = next(p for p in pack.gallery() if p.url.startswith(f"world://country/{ASKED}/flag"))
        scene.paste(flag.image.convert("RGB").resize((BOX[2] - BOX[0], BOX[3] - BOX[1])), BOX[:2])
    return scene


async def test_flag_to_crop_to_image_search_to_text_search_to_answer(photo: Image.Image, tmp_path: Path):
    with open_pack() as pack:
        entities = [entity for name in COUNTRIES if (entity := pack.entity(f"country/{name}"))]
        documents = [document for entity in entities for document in entity.documents]
        pages = {record.url for entity in entities for record in entity.pictures}
        gallery = [pack.picture(url) for url in sorted(pages)]
        pictures = ImageIndex.build([picture for picture in gallery if picture], tmp_path / "images")
    build(documents, tmp_path / "text", dense=False)
    store = ImageStore()
    task = Task(id="flag", question="Which religion do most people follow?", images=(store.put(photo),))
    with TextIndex.open(tmp_path / "text") as text:
        async with Sandbox.start() as sandbox:
            python = PythonTool(sandbox)
            tools = [
                python,
                SearchTool(text),
                ImageSearchTool(pictures, python),
                OpenPageTool(Passages(text)),
            ]
            trace = await Agent(ScriptedModel(REPLIES), ToolSet(tools)).episode(task, images=store)
    check(trace)


@pytest.mark.slow
def test_the_same_from_the_command_line(
    photo: Image.Image,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    photo.save("photo.png")
    Path("script.txt").write_text("\n---\n".join(REPLIES))
    ask = ["ask", "photo.png", "Which religion do most people follow?", "--model", "scripted:script.txt"]
    for trace in ("first", "again"):
        with pytest.raises(SystemExit) as end:
            main([*ask, "--search", "world", "--trace", trace, "--json"])
        said = capsys.readouterr()
        assert not end.value.code, said.err
        assert json.loads(said.out)["answer"] == "Christian"
        assert ("making the index of the world" in said.err) == (trace == "first")
        check(next(iter(read_traces(tmp_path / trace))))


def check(trace: Trace) -> None:
    assert trace.answer == "Christian"
    code, image, search, page = [turn.observation for turn in trace.tool_turns]
    assert code and image and search and page
    assert [seen.status for seen in (code, image, search, page)] == ["ok"] * 4, [image.stderr, search.stderr]
    assert image.hits and image.hits[0].image == "image_2" and "Kenya" in image.hits[0].title, image.hits
    assert len(image.images) == 5 and image.images[0].name == "image_2"
    assert image.hits[0].score >= image.hits[1].score > 0 and image.hits[0].url
    assert search.hits and "Kenya" in search.hits[0].title and search.hits[0].score > 0
    assert page.page and page.page.title == "Kenya: People and Society" and "Religions:" in page.page.text
