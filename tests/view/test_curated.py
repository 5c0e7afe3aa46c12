"""A curation's folder: its rows, why they were left out, and its episodes with their images."""

import json
from pathlib import Path

import pytest
from PIL import Image
from view.view_helpers import EVIL, Tags, told

from deepeyes.core.images import ImageStore
from deepeyes.core.messages import ImagePart, Message
from deepeyes.core.task import Task
from deepeyes.core.trace import TraceWriter, Turn
from deepeyes.data.item import Item, PassRate, TraceRef, Trial
from deepeyes.data.run.folder import RunFolder
from deepeyes.view.library import Library


@pytest.fixture
def curation(tmp_path: Path) -> Path:
    """Three rows: one with a trace to learn from, one left out, one that a stage still works on."""
    run = RunFolder(tmp_path / "cur")
    store = ImageStore(run.images)
    ref = store.put(Image.new("RGB", (84, 84), "blue"))
    tasks = [Task(id=name, question=f"What is {name}? {EVIL}", images=(ref,), answer="red") for name in "abc"]
    items = [Item(task=task, source="src", row=row) for row, task in enumerate(tasks)]
    read = run.stage(1, "read")
    read.write(0, items)
    read.finish(0, 1)
    verify = run.stage(2, "verify")
    trial = TraceRef(store="synthesize-t", part=0, id="a#0")
    trials = (Trial(teacher="t", ref=trial, failed_checks=(), masked_turns=(0,)),)
    rate = PassRate(model="m", right=1, asked=4, missed=f"answered {EVIL}")
    kept = items[0].model_copy(
        update={"trials": trials, "trace": trial, "with_tools": rate, "route": "cold_start"}
    )
    verify.write(0, [kept, items[1].rejected("verify", "no_trace", f"none was right {EVIL}")])
    part = ImagePart(name="image_1", ref=ref, view_width=84, view_height=84)
    writer = TraceWriter(run.episodes("synthesize-t", 0), store)
    turn = Turn(text="<answer>red</answer>", sent=(Message.make("user", part, "q"),))
    writer.write(told(task=tasks[0], turns=(turn, turn)))
    writer = TraceWriter(run.episodes("difficulty", 3), store)
    writer.write(told(task=tasks[0], score=0.0, turns=(turn,)))
    return run.path


def html(library: Library, key: str) -> str:
    return json.loads(library.entry(key))["html"]


def test_rows_are_shown_in_their_last_state(curation: Path) -> None:
    library = Library.open([curation])
    index = json.loads(library.index())
    assert index["key"][:3] == ["src/row 0", "src/row 1", "src/row 2"]
    assert index["verdict"] == ["kept", "rejected", "kept", "wrong", "right"]
    facets = {facet["name"]: facet["values"] for facet in index["facets"]}
    assert facets["reason"] == ["no_trace"] and facets["stage"] == ["verify"]
    assert facets["run"] == ["difficulty", "synthesize-t"]
    assert facets["entry"] == ["episodes", "rows of the sources"]


def test_a_row_says_what_stages_found_and_leads_to_its_episodes(curation: Path) -> None:
    library = Library.open([curation])
    kept = html(library, "src/row 0")
    for words in ("1 of 4 right, by m", "sound", "is the trace to learn from", "cold start"):
        assert words in kept, words
    links = [attributes["href"] for tag, attributes in Tags(kept).found if tag == "a"]
    assert sorted(set(links)) == ["#difficulty/a%230", "#synthesize-t/a%230"]
    assert {"difficulty/a#0", "synthesize-t/a#0"} <= set(library.keys)
    out = html(library, "src/row 1")
    assert "left out by verify" in out and "no trace" in out and "none was right" in out
    assert json.loads(library.raw("src/row 1"))["rejection"]["reason"] == "no_trace"


def test_its_episodes_have_their_images_and_what_checks_said(curation: Path) -> None:
    shown = html(Library.open([curation]), "synthesize-t/a#0")
    assert "data-image=" in shown and "not in the images folder" not in shown
    assert "found nothing against it" in shown and shown.count("not taught to imitate") == 1


def test_a_store_or_a_part_alone_has_its_images_too(curation: Path) -> None:
    for folder in (
        curation / "episodes",
        curation / "episodes" / "synthesize-t",
        curation / "episodes" / "synthesize-t" / "part-00000",
    ):
        library = Library.open([folder])
        key = next(key for key in library.keys if "#" in key and not key.startswith("difficulty"))
        assert "data-image=" in html(library, key)


def test_the_funnel_is_in_the_head_also_of_a_run_at_work(curation: Path) -> None:
    head = json.loads(Library.open([curation]).index())["head"]
    assert "cur: 3 rows in, 3 left after read" in head
    RunFolder(curation).stage(2, "verify").finish(0, 1)
    head = json.loads(Library.open([curation]).index())["head"]
    assert "no trace 1" in head and "1 left after verify" in head


def test_a_curation_that_goes_on_is_taken_in(curation: Path) -> None:
    library = Library.open([curation])
    library.fresh_index()
    stage = RunFolder(curation).stage(3, "mix")
    item = RunFolder(curation).stage(1, "read").read(0)[2]
    stage.write(0, [item.rejected("mix", "over_share")])
    assert json.loads(library.fresh_index())["verdict"][2] == "rejected"


def test_hostile_rows_stay_text(curation: Path) -> None:
    library = Library.open([curation])
    for key in library.keys:
        tags = Tags(html(library, key)).found
        assert not any(tag == "script" for tag, _ in tags)
        assert not any(name.startswith("on") for _, attributes in tags for name in attributes)
        assert "\x1b" not in html(library, key)


def test_damaged_parts_and_counts_are_said(curation: Path) -> None:
    part = RunFolder(curation).stage(2, "verify").part(0)
    part.write_bytes(part.read_bytes() + b'{"task": 1}\n')
    (part.parent / "done.json").write_text("{")
    library = Library.open([curation])
    head = json.loads(library.index())["head"]
    assert f"Line 3 of {part}" in head and "done.json" in head and len(library.keys) == 5


def test_two_curations_keep_their_episodes_apart(curation: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(curation, tmp_path / "two")
    library = Library.open([curation, tmp_path / "two"])
    assert len(set(library.keys)) == 10 and "cur/synthesize-t/a#0" in library.keys
    for name in ("cur", "two"):
        links = [a["href"] for tag, a in Tags(html(library, f"{name}/src/row 0")).found if tag == "a"]
        assert links and all((link or "").startswith(f"#{name}/") for link in links)


def test_an_export_shows_its_prompts_and_which_turns_are_not_imitated(tmp_path: Path) -> None:
    folder = tmp_path / "train"
    writer = TraceWriter(folder)
    writer.write(told("a", turns=(Turn(text="x"), Turn(text="y"))))
    trace = TraceRef(store="s", part=0, id="a#0")
    item = Item(task=Task(id="a", question="q"), source="s", row=0, trace=trace, masked_turns=(1,))
    (folder / "items.jsonl").write_text(item.model_dump_json() + "\n{damaged\n")
    prompt = Task(id="p", question="To be learned by trying?", split="train")
    (folder / "prompts.jsonl").write_text(prompt.model_dump_json() + "\n")
    library = Library.open([tmp_path])
    assert library.keys == ["train/row 0", "a#0"]
    assert "To be learned by trying?" in html(library, "train/row 0")
    first, second = html(library, "a#0").split("Turn 2")
    assert "not taught" not in first and "not taught" in second
    assert "Line 2 of" in json.loads(library.index())["head"]
