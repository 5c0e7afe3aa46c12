"""The page of a run is one file that loads nothing from anywhere and holds all that is small."""

import hashlib
import json
import re
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import pytest
from view.test_library import written
from view.view_helpers import EVIL, Tags, told

from deepeyes.core.errors import InputError, StorageError
from deepeyes.view import page
from deepeyes.view.library import Library
from deepeyes.view.page import fits, render_page, write_page
from deepeyes.view.render import shell


def blobs(html: str) -> dict[str, str]:
    """What the page's script reads, by name."""
    return dict(re.findall(r'<script type="application/json" id="([^"]+)">(.*?)</script>', html, re.DOTALL))


def policy(html: str) -> dict[str, str]:
    (found,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', html)
    pairs = (part.partition(" ") for part in found.replace("&#39;", "'").split("; "))
    return {name: what for name, _, what in pairs}


def test_nothing_is_loaded_from_anywhere(folder: Path) -> None:
    html = write_page(folder).read_text()
    for _, attributes in Tags(html).found:
        assert not {"src", "srcset", "data", "style"} & attributes.keys()
        assert (attributes.get("href") or "#").startswith("#")
    assert "url(" not in html and "@import" not in html and 'http-equiv="refresh"' not in html.lower()
    told = policy(html)
    assert told["default-src"] == told["connect-src"] == told["base-uri"] == "'none'"
    assert told["img-src"] == "data:" and told["require-trusted-types-for"] == "'script'"


def test_only_our_script_runs_and_only_our_style_applies(folder: Path) -> None:
    html = write_page(folder).read_text()
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    styles = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    for name, (text,) in (("script-src", scripts), ("style-src", styles)):
        digest = b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert policy(html)[name] == f"'sha256-{digest}'"


def test_hostile_text_stays_text(folder: Path) -> None:
    html = write_page(folder, title=f"Title {EVIL}").read_text()
    tags = [tag for tag, _ in Tags(html).found]
    assert tags.count("script") == len(blobs(html)) + 1 and "img" not in tags
    assert "<img src=x" not in html and "\x1b" not in html and "\x00" not in html
    index = json.loads(blobs(html)["index"])
    assert index["key"][0].startswith("one </pre></script>") and "␛[31m" in index["question"][0]


def test_scripts_make_no_html_out_of_text() -> None:
    html = shell("t")
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
        assert way not in html


def test_the_page_holds_each_entry_its_json_and_its_images(folder: Path) -> None:
    found = blobs(write_page(folder).read_text())
    index = json.loads(found["index"])
    assert len(index["key"]) == 3 and index["words"]
    for place in range(3):
        assert "<article" in json.loads(found[f"e{place}"])["html"]
    raw = json.loads(json.loads(found["t0"]))
    assert raw["answer"] == EVIL
    images = {
        name: b64decode(text) for name, text in found.items() if name.startswith("i") and name != "index"
    }
    assert len(images) == 4, "two views and their full sizes, each once"
    assert all(data[8:12] == b"WEBP" for data in images.values())


def test_images_stop_at_their_budget_the_views_last(folder: Path) -> None:
    library = Library.open([folder])
    sizes = {
        name: len(text)
        for name, text in blobs(render_page(library)).items()
        if re.match(r"i[0-9a-f]{9}", name)
    }
    views = sum(size for name, size in sizes.items() if "/" in name)
    html = render_page(library, budget=views)
    assert {name for name in blobs(html) if name in sizes} == {name for name in sizes if "/" in name}
    head = json.loads(blobs(html)["index"])["head"]
    assert "Left out to keep this page small: 2 images at full size." in head and "--serve" in head
    assert (
        ": 2 images and 2 images at full size."
        in json.loads(blobs(render_page(library, budget=0))["index"])["head"]
    )
    assert "Left out" not in json.loads(blobs(render_page(library))["index"])["head"]


def test_damaged_images_cost_their_place_only(folder: Path) -> None:
    for file in (folder / "images").iterdir():
        file.write_bytes(b"no image")
    assert not [name for name in blobs(write_page(folder).read_text()) if re.match(r"i[0-9a-f]{9}", name)]


def test_an_empty_run_and_no_run(tmp_path: Path) -> None:
    (tmp_path / "traces.jsonl").touch()
    assert json.loads(blobs(write_page(tmp_path).read_text())["index"])["key"] == []
    with pytest.raises(InputError, match="no traces"):
        write_page(tmp_path / "nowhere")
    with pytest.raises(StorageError):
        write_page(tmp_path, tmp_path / "traces.jsonl" / "page.html")


def test_where_the_page_goes(tmp_path: Path) -> None:
    one, two = written(tmp_path / "x", told("a")), written(tmp_path / "y", told("a"))
    assert write_page(one) == one / "index.html" == write_page(one / "traces.jsonl")
    assert write_page(Library.open([one, two])) == one / "compare.html"
    assert write_page(one, tmp_path / "p.html") == tmp_path / "p.html"


def test_what_is_large_does_not_fit(tmp_path: Path, monkeypatch: Any) -> None:
    library = Library.open([written(tmp_path / "x", told("a"), told("b"))])
    assert fits(library)
    monkeypatch.setattr(page, "MOST_ENTRIES", 1)
    assert not fits(library)


def test_many_pixels_do_not_fit(folder: Path, monkeypatch: Any) -> None:
    library = Library.open([folder])
    monkeypatch.setattr(page, "MOST_PIXELS", 896 * 588 + 112 * 56)
    assert fits(library), "what is shown twice counts once"
    monkeypatch.setattr(page, "MOST_PIXELS", 896 * 588 + 112 * 56 - 1)
    assert not fits(library)
