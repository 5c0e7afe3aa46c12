"""What there is in some folders, by keys that stay; nothing else can be reached."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from view.view_helpers import told

from deepeyes.core.errors import InputError
from deepeyes.core.images import ImageStore
from deepeyes.core.messages import ImagePart, Message
from deepeyes.core.task import Task
from deepeyes.core.trace import TraceWriter, Turn
from deepeyes.view.library import Library


def written(folder: Path, *traces: Any) -> Path:
    writer = TraceWriter(folder)
    for trace in traces:
        writer.write(trace)
    return folder


def test_the_last_episode_of_an_id_counts_at_the_place_of_the_first(tmp_path: Path) -> None:
    run = written(tmp_path / "run", told("a", 0.0), told("b"), told("a"))
    library = Library.open([run])
    assert library.keys == ["a#0", "b#0"] and json.loads(library.index())["verdict"] == ["right", "right"]


def test_keys_name_the_run_where_runs_share_ids(tmp_path: Path) -> None:
    one, two = written(tmp_path / "x", told("a"), told("b")), written(tmp_path / "y", told("a"))
    assert Library.open([one]).keys == ["a#0", "b#0"]
    library = Library.open([one, two])
    assert library.keys == ["x/a#0", "b#0", "y/a#0"]
    assert (
        "What is a?" in library.entry("y/a#0")
        and '<span class="run">y</span>' in json.loads(library.entry("y/a#0"))["html"]
    )
    assert Library.open([tmp_path]).keys == library.keys, "a folder of runs is its runs"


def test_a_run_that_goes_on_is_taken_in(tmp_path: Path) -> None:
    run = written(tmp_path / "run", told("a"))
    library = Library.open([run])
    first = library.fresh_index()
    assert library.fresh_index() is first
    written(run, told("b"), told("a", 0.0))
    assert json.loads(library.fresh_index())["key"] == ["a#0", "b#0"]
    assert "wrong" in library.entry("a#0")
    with (run / "traces.jsonl").open("ab") as file:
        file.write(b'{"half')
    assert "half-written" in library.fresh_index()


def test_a_run_that_was_made_anew_is_shown_without_what_it_was(tmp_path: Path) -> None:
    run = written(tmp_path / "run", told("a"), told("b"))
    library = Library.open([run])
    (run / "traces.jsonl").unlink()
    written(run, told("c"))
    assert json.loads(library.fresh_index())["key"] == ["c#0"]


def test_everything_readable_is_shown_and_the_rest_is_said(tmp_path: Path) -> None:
    run = written(tmp_path / "run", told("a"))
    (run / "plan.toml").write_text("benchmark = [")
    with (run / "traces.jsonl").open("ab") as file:
        file.write(b"{damaged}\n" + told("b").model_dump_json().encode())
    (tmp_path / "empty").mkdir()
    library = Library.open([run, tmp_path / "empty"])
    assert library.keys == ["a#0", "b#0"]
    index = json.loads(library.index())["head"]
    for words in ("plan.toml", "line 2", "There are no traces in"):
        assert words in index, words


def test_a_benchmark_is_taken_from_the_plan(tmp_path: Path) -> None:
    runs = [written(tmp_path / name, told("a")) for name in ("x", "y")]
    for run, name in zip(runs, ("world", "vstar"), strict=True):
        (run / "plan.toml").write_text(f'benchmark = "{name}"')
    facets = {facet["name"]: facet["values"] for facet in json.loads(Library.open(runs).index())["facets"]}
    assert facets["benchmark"] == ["vstar", "world"]


def test_an_empty_run_is_a_page_and_nothing_at_all_an_error(tmp_path: Path) -> None:
    run = written(tmp_path / "run")
    (run / "traces.jsonl").touch()
    assert Library.open([run]).keys == []
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no traces in .*empty: give a folder"):
        Library.open([tmp_path / "empty"])
    with pytest.raises(InputError, match=r"no traces at .*nowhere"):
        Library.open([run, tmp_path / "nowhere"])


def test_a_file_of_traces_may_have_any_name(tmp_path: Path) -> None:
    run = written(tmp_path / "run", told("a"))
    (run / "traces.jsonl").rename(run / "some.jsonl")
    library = Library.open([run / "some.jsonl"])
    assert library.keys == ["a#0"] and library.title == "run"


def test_the_raw_line_is_as_it_was_written(tmp_path: Path) -> None:
    trace = told("a", answer="ü <b> \u2028")
    library = Library.open([written(tmp_path / "run", trace)])
    assert json.loads(library.raw("a#0")) == json.loads(trace.model_dump_json())
    assert "ü <b>" in library.raw("a#0")


def test_what_is_no_key_is_an_error(tmp_path: Path) -> None:
    library = Library.open([written(tmp_path / "run", told("a"))])
    for key in ("", "a", "../run", "0"):
        for ask in (library.entry, library.raw):
            with pytest.raises(InputError, match="no such entry"):
                ask(key)


def test_images_are_given_by_hash_and_nothing_else(tmp_path: Path) -> None:
    writer = TraceWriter(tmp_path / "run")
    ref = writer.images.put(Image.new("RGB", (90, 60), "red"))
    part = ImagePart(name="image_1", ref=ref, view_width=56, view_height=28)
    writer.write(told("a", turns=(Turn(sent=(Message.make("user", part),)),)))
    (tmp_path / "run" / "images" / "secret.png").write_bytes(b"secret")
    library = Library.open([tmp_path / "run"])
    assert f'data-image="0/{ref.sha256}/56x28"' in json.loads(library.entry("a#0"))["html"]
    data, kind = library.image(0, ref.sha256, None)
    assert kind == "image/png" and data == (tmp_path / "run" / "images" / f"{ref.sha256}.png").read_bytes()
    data, kind = library.image(0, ref.sha256, (56, 28))
    assert kind == "image/webp" and data[8:12] == b"WEBP"
    bad = [(1, ref.sha256, None), (-1, ref.sha256, None), (0, "secret", None), (0, "../run/plan", None)]
    bad += [(0, ref.sha256.upper(), None), (0, "0" * 64, None), (0, ref.sha256 + "\n", None)]
    for store, name, view in [*bad, (0, ref.sha256, (0, 5)), (0, ref.sha256, (5, 5_000))]:
        with pytest.raises(InputError):
            library.image(store, name, view)
    (tmp_path / "run" / "images" / f"{ref.sha256}.png").write_bytes(b"no image")
    with pytest.raises(InputError):
        library.image(0, ref.sha256, (56, 28))


def test_asking_from_many_threads_while_a_run_goes_on(tmp_path: Path) -> None:
    run = written(tmp_path / "run", *(told(str(number)) for number in range(50)))
    library = Library.open([run])
    problems: list[Exception] = []

    def look() -> None:
        try:
            for _ in range(20):
                keys = json.loads(library.fresh_index())["key"]
                library.entry(keys[-1])
                library.find("what")
        except Exception as problem:
            problems.append(problem)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(50, 80):
        written(run, told(str(number)))
    for thread in threads:
        thread.join()
    assert not problems and len(json.loads(library.fresh_index())["key"]) == 80


def test_the_head_has_a_line_a_run_with_counts_and_intervals(tmp_path: Path) -> None:
    one = written(tmp_path / "x", told("a"), told("b", 0.0), told("c", None))
    assert "1 of 3" in (head := json.loads(Library.open([one]).index())["head"]) and "33%" in head
    assert "not counted as right; with them 67%" in head and "95% interval 6% to 79%" in head
    families = [told(task=Task(id=name, question="q", family=name[0])) for name in ("f1", "f2", "g1")]
    families += [told(task=Task(id="f3", question="q", family="f"), verdict=None)]
    head = json.loads(Library.open([written(tmp_path / "z", *families)]).index())["head"]
    assert "<b>f</b> 2 of 2" in head and "<b>g</b> 1 of 1" in head, "what was not scored is no try"
    two = written(tmp_path / "y", *(told(str(number)) for number in range(500)), told("z", 0.0))
    head = json.loads(Library.open([one, two]).index())["head"]
    assert head.count('<th scope="row">') == 2 and "500 of 501" in head
    assert "99.8%" in head, "100% is said of all only"


def test_a_store_in_memory_has_no_files() -> None:
    from deepeyes.view.images import image_file, named

    store = ImageStore()
    ref = store.put(Image.new("RGB", (9, 9)))
    name = named(0, ref.sha256)
    assert name is not None
    with pytest.raises(InputError, match="not in the store"):
        image_file(store, name)
