"""The page on which people check: every question on it, nothing from outside, nothing that runs."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from deepeyes.core.task import Task
from deepeyes.eval.openrealx.frozen import read_questions
from realxmaker import page


class Articles(HTMLParser):
    """The ids of articles, and what elements name other files."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.outside: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if tag == "article" and name == "id":
                self.ids.append(value or "")
            if name in ("src", "href") and not (value or "").startswith("data:image/webp;base64,"):
                self.outside.append(value or "")


def test_every_question_is_on_the_page_with_its_answer_and_proof(tmp_path: Path) -> None:
    text = page.write_page(tmp_path / "new" / "page.html").read_text("utf-8")
    found = Articles()
    found.feed(text)
    tasks = read_questions()
    assert found.ids == [task.id for task in tasks]
    assert found.outside == []
    assert text.count("<blockquote>") == sum(len(task.truth.get("facts", [])) for task in tasks)
    assert text.count("<rect ") == sum(len(task.truth.get("boxes", {})) for task in tasks)
    assert not re.search(r"https?://(?!commons|www\.flickr|creativecommons)[^\"<]*\.(?:js|css)", text)


def test_hostile_text_stays_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = '<marquee onload="x">&{{ 1 }}</article>'

    def changed() -> list[Task]:
        first, *rest = read_questions()
        truth = {
            **first.truth,
            "steps": hostile,
            "facts": [{"sentence": hostile, "fact": "", "value": "", "document": ""}],
        }
        return [first.model_copy(update={"question": hostile, "answer": hostile, "truth": truth}), *rest]

    monkeypatch.setattr(page, "read_questions", changed)
    text = page.write_page(tmp_path / "page.html").read_text("utf-8")
    found = Articles()
    found.feed(text)
    assert len(found.ids) == 300 and "marquee" not in found.tags
    assert text.count("&lt;marquee") == 4
