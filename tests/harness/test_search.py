"""`--search PROVIDER?mode=replay`: hits and their pages come from the recording, nothing from the web."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deepeyes.core.actions import ToolCall
from deepeyes.core.errors import StorageError
from deepeyes.core.results import Page
from deepeyes.harness.search import FirstReader, open_engines
from deepeyes.search.base import Document
from deepeyes.search.record.cached_ask import Recording
from deepeyes.search.record.cassette import Cassette
from deepeyes.search.record.recording import RecordedReader
from deepeyes.tools.base import Episode, ToolResult
from deepeyes.tools.registry import toolset

PAGE = Document("https://example.org/moon", "The Moon", "The Moon has water.", "2024", "https://example.org")


class Web:
    """What the web said on the day of the recording."""

    closed = False

    async def read(self, url: str) -> Document | None:
        return PAGE if url == PAGE.url else None

    async def aclose(self) -> None:
        self.closed = True


@pytest.fixture
async def recorded(tmp_path: Path) -> Path:
    reader = RecordedReader(Recording(Cassette(tmp_path), "record"), "web", Web)
    assert await reader.read(PAGE.url) == PAGE and await reader.read("https://example.org/gone") is None
    await reader.aclose()
    return tmp_path


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("replay opened the web")

    monkeypatch.setattr("deepeyes.search.pages.reader.WebReader.__init__", refuse)
    monkeypatch.delenv("SERPER_API_KEY", raising=False)


async def test_several_readers_are_closed_together():
    readers = [Web(), Web()]
    await FirstReader(readers).aclose()
    assert all(reader.closed for reader in readers)


async def open_page(folder: Path, url: str, more: str = "") -> ToolResult:
    async with open_engines([f"serper?mode=replay&cache={folder}{more}"]) as engines:
        tools = toolset(["standard"], engines.services())
        return await tools.run(ToolCall(name="open_page", arguments={"url": url}), Episode())


def test_processes_that_want_the_world_at_once_wait_for_the_one_that_builds_it(tmp_path: Path):
    code = (
        "import asyncio\n"
        "from deepeyes.harness.search import open_engines\n"
        "async def main():\n"
        "    async with open_engines(['world']) as engines:\n"
        "        print(engines.text is not None and engines.images is not None)\n"
        "asyncio.run(main())\n"
    )
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    running = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert [process.communicate(timeout=300)[0].strip() for process in running] == ["True", "True"]


async def test_a_world_that_is_built_is_only_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    async with open_engines(["world"]):
        pass
    assert not list(tmp_path.rglob(".turn")), "who lets go removes the lock"
    monkeypatch.setattr("deepeyes.harness.search.locked", lambda *_, **__: pytest.fail("nothing to wait for"))
    async with open_engines(["world"]) as engines:
        assert engines.text is not None


async def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(StorageError, match="choose a folder you may write to"):
        async with open_engines(["world"]):
            pass


@pytest.mark.usefixtures("offline")
async def test_a_recorded_page_is_opened_in_replay(recorded: Path):
    result = await open_page(recorded, PAGE.url)
    assert result.status == "ok", result.stderr
    assert result.page == Page(url=PAGE.url, title=PAGE.title, text=PAGE.text, date=PAGE.date)


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize(
    ("url", "more", "words"),
    [
        ("https://example.org/other", "", "not in the recording"),
        ("https://example.org/gone", "", "There is no page at"),
        (PAGE.url, "&block=example.org", "not available here"),
    ],
)
async def test_what_replay_does_not_open_is_told(recorded: Path, url: str, more: str, words: str):
    result = await open_page(recorded, url, more)
    assert result.status == "error" and words in result.stderr
