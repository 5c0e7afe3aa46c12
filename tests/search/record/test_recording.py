"""Record and replay: modes, keys, many askers, many processes, and processes that are killed."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from search.web_answers import EMPTY, FULL, KEY

from deepeyes.core.errors import ConfigError, StorageError
from deepeyes.search.base import NOT_READ, Document, Hit, SearchUnavailable
from deepeyes.search.providers.online import Terms, identity
from deepeyes.search.providers.registry import resolve_text
from deepeyes.search.record.cached_ask import Mode, Recording
from deepeyes.search.record.cassette import FILE, Cassette, Question
from deepeyes.search.record.recording import (
    NOT_RECORDED,
    RecordedImages,
    RecordedReader,
    RecordedText,
    image_key,
    normalise,
)

RED = Image.new("RGB", (40, 30), "red")


class Web:
    """A search that counts its questions; what it gives is set by the test."""

    name = "web"

    def __init__(self, *hits: Hit, error: Exception | None = None, seconds: float = 0.0) -> None:
        self.found = hits
        self.error = error
        self.seconds = seconds
        self.asked: list[Any] = []
        self.closed = 0

    async def search(self, query: Any, k: int = 5) -> tuple[Hit, ...]:
        self.asked.append(query)
        await asyncio.sleep(self.seconds)
        if self.error:
            raise self.error
        return self.found[:k]

    async def read(self, url: str) -> Document | None:
        self.asked.append(url)
        return Document(url, "T", "text", "2020", "s") if "page" in url else None

    async def aclose(self) -> None:
        self.closed += 1


HIT = Hit("Title ü", "https://example.org/", "Snippet", "2024-03-03", "web", 0.5, RED, ("x",))


def text(folder: Path, web: Web, mode: Mode = "replay-or-live", **more: Any) -> RecordedText:
    return RecordedText(Recording(Cassette(folder), mode, **more), "web", {"k": 10}, lambda: web)


def never() -> Any:
    raise AssertionError("replay opens nothing")


def same(one: Hit, other: Hit) -> bool:
    def parts(hit: Hit) -> tuple[Any, ...]:
        pixels = None if hit.image is None else (hit.image.size, hit.image.tobytes())
        return (hit.title, hit.url, hit.snippet, hit.date, hit.source, hit.score, hit.flags, pixels)

    return parts(one) == parts(other)


# ---- modes


async def test_what_is_recorded_is_replayed_exactly(tmp_path: Path):
    web = Web(HIT, Hit("Second", "https://b.org/"))
    given_ = await text(tmp_path, web, "record").search("Who built it?", 5)
    replayed = RecordedText(Recording(Cassette(tmp_path), "replay"), "web", {"k": 10}, never)
    again = await replayed.search("  who   BUILT it? ", 5)
    assert len(again) == 2 and all(map(same, given_, again)) and same(again[0], HIT)
    assert await replayed.search("who built it?", 1) == (again[0],) or same(
        (await replayed.search("who built it?", 1))[0], again[0]
    )
    assert len(web.asked) == 1 and replayed.misses == 0


async def test_a_miss_in_replay_is_told_and_counted(tmp_path: Path):
    replayed = RecordedText(Recording(Cassette(tmp_path), "replay"), "web", {"k": 10}, never)
    (miss,) = await replayed.search("unknown")
    assert miss.flags == (NOT_RECORDED,) and "not in the recording" in miss.snippet and miss.url == ""
    pictures = RecordedImages(Recording(Cassette(tmp_path), "replay"), "web", {"k": 10}, never)
    assert (await pictures.search(RED))[0].flags == (NOT_RECORDED,)
    reader = RecordedReader(Recording(Cassette(tmp_path), "replay"), "web", never)
    page = await reader.read("https://example.org/")
    assert page is not None and page.source == NOT_READ and "not in the recording" in page.text
    assert replayed.misses == pictures.misses == reader.misses == 1
    assert await replayed.search("  ") == (), "an empty query needs no recording"


async def test_live_writes_nothing(tmp_path: Path):
    web = Web(HIT)
    search = text(tmp_path, web, "live")
    await search.search("q")
    await search.search("q")
    assert len(web.asked) == 2 and Cassette(tmp_path).count() == 0


async def test_record_asks_once_a_run_and_replaces(tmp_path: Path):
    await text(tmp_path, Web(Hit("old", "https://o.org/")), "record").search("q")
    web = Web(Hit("new", "https://n.org/"))
    search = text(tmp_path, web, "record", opened=time.time() + 0.001)
    await asyncio.sleep(0.01)
    await search.search("q")
    await search.search("q")
    assert len(web.asked) == 1
    assert (await text(tmp_path, Web()).search("q"))[0].title == "new" and Cassette(tmp_path).count() == 1


async def test_replay_or_live_asks_what_is_missing(tmp_path: Path):
    web = Web(HIT)
    search = text(tmp_path, web)
    for _ in range(3):
        await search.search("q")
    assert len(web.asked) == 1 and search.asked == 1


async def test_finding_nothing_is_believed_for_a_while(tmp_path: Path):
    web = Web()
    await text(tmp_path, web).search("q")
    await text(tmp_path, web).search("q")
    assert len(web.asked) == 1
    await text(tmp_path, web, empty_seconds=0.0).search("q")
    assert len(web.asked) == 2
    replay = Recording(Cassette(tmp_path), "replay", empty_seconds=0.0)
    replayed = RecordedText(replay, "web", {"k": 10}, never)
    assert await replayed.search("q") == ()


async def test_failures_are_not_recorded(tmp_path: Path):
    web = Web(error=SearchUnavailable("down", "wait"))
    with pytest.raises(SearchUnavailable):
        await text(tmp_path, web).search("q")
    assert Cassette(tmp_path).count() == 0
    web.error, web.found = None, (HIT,)
    assert len(await text(tmp_path, web).search("q")) == 1, "and the claim was given up"


async def test_pages_are_recorded_too(tmp_path: Path):
    web = Web()
    reader = RecordedReader(Recording(Cassette(tmp_path)), "web", lambda: web)
    page, none = await reader.read("https://x.org/page"), await reader.read("https://x.org/none")
    assert page is not None and none is None
    replayed = RecordedReader(Recording(Cassette(tmp_path), "replay"), "web", never)
    assert await replayed.read("https://x.org/page") == page
    assert await replayed.read("https://x.org/none") is None and len(web.asked) == 2


@pytest.mark.parametrize("kind", [RecordedText, RecordedImages, RecordedReader])
async def test_what_was_opened_is_closed_and_nothing_is_opened_for_that(kind: Any, tmp_path: Path):
    params = () if kind is RecordedReader else ({"k": 10},)
    recorded = kind(Recording(Cassette(tmp_path), "record"), "web", *params, Web)
    web = recorded.open()
    assert recorded.open() is web, "it is opened once"
    await recorded.aclose()
    assert web.closed == 1
    await kind(Recording(Cassette(tmp_path), "replay"), "web", *params, never).aclose()


@pytest.mark.parametrize(("kind", "what"), [(RecordedText, "q"), (RecordedImages, RED)])
async def test_as_many_hits_are_kept_as_the_search_is_opened_for(kind: Any, what: Any, tmp_path: Path):
    web = Web(*(Hit(str(number), "https://example.org/") for number in range(20)))
    assert len(await kind(Recording(Cassette(tmp_path)), "web", {"k": 10}, lambda: web).search(what, 2)) == 2
    replayed = kind(Recording(Cassette(tmp_path), "replay"), "web", {"k": 10}, never)
    assert [len(await replayed.search(what, k)) for k in (1, 7, 15)] == [1, 7, 10]
    await kind(Recording(Cassette(tmp_path)), "web", {}, lambda: web).search(what, 2)
    replayed = kind(Recording(Cassette(tmp_path), "replay"), "web", {}, never)
    assert len(await replayed.search(what, 2)) == 2
    assert (await replayed.search(what, 3))[0].flags == (NOT_RECORDED,), (
        "without k it is part of the question"
    )


async def test_words_that_spell_the_name_of_a_picture_do_not_find_its_answer(tmp_path: Path):
    await RecordedImages(Recording(Cassette(tmp_path)), "web", {"k": 10}, lambda: Web(HIT)).search(RED)
    replayed = text(tmp_path, Web(), "replay")
    assert (await replayed.search(image_key(RED)))[0].flags == (NOT_RECORDED,)


async def test_misses_and_questions_are_counted(tmp_path: Path):
    live = text(tmp_path, Web(HIT))
    await live.search("q")
    await live.search("q")
    assert (live.asked, live.misses) == (1, 0)
    replayed = text(tmp_path, Web(), "replay")
    await replayed.search("q")
    await replayed.search("other")
    assert (replayed.asked, replayed.misses) == (0, 1)


# ---- what names an answer


async def test_pictures_are_known_by_their_pixels(tmp_path: Path):
    web = Web(HIT)
    search = RecordedImages(Recording(Cassette(tmp_path)), "web", {"k": 10}, lambda: web)
    await search.search(RED)
    RED.save(tmp_path / "red.png")
    await search.search(Image.open(tmp_path / "red.png"))
    await search.search(RED.convert("P"))
    assert len(web.asked) == 1
    await search.search(RED.crop((0, 0, 39, 30)))
    assert len(web.asked) == 2


def test_everything_that_changes_an_answer_changes_its_key():
    base = Question("text", "web", "q", {"k": 10}, "s")
    others = [
        Question("image", "web", "q", {"k": 10}, "s"),
        Question("text", "other", "q", {"k": 10}, "s"),
        Question("text", "web", "r", {"k": 10}, "s"),
        Question("text", "web", "q", {"k": 5}, "s"),
        Question("text", "web", "q", {"k": 10}, "t"),
    ]
    assert len({question.key for question in [base, *others]}) == 6
    assert base.key == Question("text", "web", "q", {"k": 10}, "s").key
    assert identity(Terms(domains=("b", "a"))) == identity(Terms(domains=("a", "b")))


@given(st.text(max_size=40))
def test_normalising_twice_changes_nothing(query: str):
    once = normalise(query)
    assert normalise(once) == once and once == normalise(f"  {query}\n")


def test_normalising_keeps_words_apart():
    assert normalise("Ｔｏｗｅｒ  HEIGHT") == "tower height" != normalise("towerheight")


async def test_snapshots_are_apart(tmp_path: Path):
    web = Web(HIT)
    await text(tmp_path, web, snapshot="may").search("q")
    await text(tmp_path, web, snapshot="june").search("q")
    assert len(web.asked) == 2


# ---- many askers


async def test_a_group_asks_once(tmp_path: Path):
    web = Web(HIT, seconds=0.05)
    search = text(tmp_path, web, "record")
    answers = await asyncio.gather(*(search.search("q", 1 + i % 3) for i in range(16)))
    assert len(web.asked) == 1 and all(same(answer[0], HIT) for answer in answers)


async def test_a_group_shares_a_failure(tmp_path: Path):
    web = Web(error=SearchUnavailable("down", "wait"), seconds=0.02)
    search = text(tmp_path, web)
    failed = await asyncio.gather(*(search.search("q") for _ in range(16)), return_exceptions=True)
    assert len(web.asked) == 1 and all(isinstance(error, SearchUnavailable) for error in failed)


async def test_who_gives_up_waiting_stops_nobody(tmp_path: Path):
    web = Web(HIT, seconds=0.1)
    search = text(tmp_path, web)
    first = asyncio.create_task(search.search("q"))
    second = asyncio.create_task(search.search("q"))
    await asyncio.sleep(0.03)
    first.cancel()
    assert len(await second) == 1 and len(web.asked) == 1
    third = asyncio.create_task(search.search("r"))
    await asyncio.sleep(0.03)
    third.cancel()
    await asyncio.sleep(0.3)
    assert Cassette(tmp_path).count() == 2, "what was paid for is kept"
    await search.aclose()


async def test_two_recordings_of_one_folder_ask_once(tmp_path: Path):
    web = Web(HIT, seconds=0.2)
    one, two = text(tmp_path, web), text(tmp_path, web)
    await asyncio.gather(one.search("q"), two.search("q"))
    assert len(web.asked) == 1


async def test_a_long_question_keeps_its_claim(tmp_path: Path):
    web = Web(HIT, seconds=1.5)
    one, two = (text(tmp_path, web, claim_seconds=0.6) for _ in range(2))
    first = asyncio.create_task(one.search("q"))
    await asyncio.sleep(0.05)
    await two.search("q")
    await first
    assert len(web.asked) == 1


async def test_a_dead_claim_runs_out(tmp_path: Path):
    cassette = Cassette(tmp_path)
    question = Question("text", "web", "q", {"k": 10})
    assert cassette.claim(question, 0.3) and not cassette.claim(question, 0.3)
    web = Web(HIT)
    started = time.monotonic()
    assert len(await text(tmp_path, web).search("q")) == 1
    assert time.monotonic() - started >= 0.2


def test_one_recording_in_several_event_loops(tmp_path: Path):
    web = Web(HIT)
    search = text(tmp_path, web)
    for query in ("a", "b", "a"):
        assert len(asyncio.run(search.search(query))) == 1
    assert len(web.asked) == 2


# ---- many processes, and killed ones

WRITER = """
import asyncio, sys
from PIL import Image
from deepeyes.search.base import Hit
from deepeyes.search.record.cached_ask import Recording
from deepeyes.search.record.cassette import Cassette
from deepeyes.search.record.recording import RecordedText
folder, log, first, last = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
class Web:
    name = "web"
    async def search(self, query, k=5):
        with open(log, "a") as file:
            file.write(query + "\\n")
        await asyncio.sleep(0.001)
        number = int(query.split()[1])
        picture = Image.new("RGB", (64, 64), (number % 256, number // 256, 7))
        return (Hit(query, f"https://e.org/{number}", "s" * 500, image=picture),)
async def main():
    recording = Recording(Cassette(folder), claim_seconds=1.0)
    search = RecordedText(recording, "web", {"k": 10}, Web)
    for number in range(first, last):
        (hit,) = await search.search(f"query {number}")
        assert hit.title == f"query {number}" and hit.image.getpixel((0, 0))[0] == number % 256
        print(number, flush=True)
asyncio.run(main())
"""


def start_writer(folder: Path, log: Path, first: int, last: int) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", WRITER, str(folder), str(log), str(first), str(last)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


@pytest.mark.slow
def test_many_processes_at_once(tmp_path: Path):
    folder, log = tmp_path / "cassette", tmp_path / "log"
    writers = [start_writer(folder, log, first, first + 30) for first in (0, 10, 20, 0)]
    for writer in writers:
        _, errors = writer.communicate(timeout=120)
        assert writer.returncode == 0, errors
    asked = log.read_text().splitlines()
    assert sorted(asked) == sorted({f"query {number}" for number in range(50)}), "each was asked once"
    assert Cassette(folder).count() == 50


@pytest.mark.slow
def test_killed_in_the_middle(tmp_path: Path):
    folder, log = tmp_path / "cassette", tmp_path / "log"
    for after in (1, 8):
        writer = start_writer(folder, log, 0, 200)
        assert writer.stdout is not None
        for _ in range(after):
            assert writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
        writer.communicate(timeout=60)
        db = sqlite3.connect(folder / FILE)
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        db.close()
    cassette = Cassette(folder)
    before = cassette.count()
    assert before >= 8
    replayed = RecordedText(Recording(cassette, "replay"), "web", {"k": 10}, never)
    for number in range(8):
        (hit,) = asyncio.run(replayed.search(f"query {number}"))
        assert hit.title == f"query {number}" and hit.image is not None
    last = start_writer(folder, log, 0, before + 10)
    _, errors = last.communicate(timeout=120)
    assert last.returncode == 0, errors
    asked = log.read_text().splitlines()
    assert len(asked) <= before + 10 + 2, "the next run goes on; at most one question a kill is asked twice"
    assert not list((folder / "images").glob("*.part*")) or cassette.count() == before + 10


# ---- folders that are no recordings


def test_a_file_that_is_no_recording(tmp_path: Path):
    (tmp_path / FILE).write_bytes(b"this is not a database at all, not even a little one" * 20)
    with pytest.raises(ConfigError, match="is not a recording: give another folder"):
        Cassette(tmp_path)
    assert (tmp_path / FILE).read_bytes().startswith(b"this is not"), "it is left alone"


def test_another_version(tmp_path: Path):
    Cassette(tmp_path).close()
    db = sqlite3.connect(tmp_path / FILE)
    db.execute("UPDATE meta SET value = '99'")
    db.commit()
    db.close()
    with pytest.raises(ConfigError, match=r"has version 99 .* this is version 1: record again"):
        Cassette(tmp_path)


def test_a_folder_that_cannot_be(tmp_path: Path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError) as caught:
        Cassette(tmp_path / "file" / "deeper")
    assert caught.value.remedy


async def test_a_lost_thumbnail_is_a_miss(tmp_path: Path):
    web = Web(HIT)
    await text(tmp_path, web).search("q")
    for path in (tmp_path / "images").iterdir():
        path.unlink()
    assert same((await text(tmp_path, web).search("q"))[0], HIT) and len(web.asked) == 2
    for path in (tmp_path / "images").iterdir():
        path.unlink()
    replayed = RecordedText(Recording(Cassette(tmp_path), "replay"), "web", {"k": 10}, never)
    assert (await replayed.search("q"))[0].flags == (NOT_RECORDED,)


# ---- through the registry


async def test_recorded_online_then_replayed_without_key_or_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    calls: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        return httpx.Response(
            200, json=EMPTY["serper"] if "nothing" in str(request.read()) else FULL["serper"]
        )

    def transport() -> httpx.MockTransport:
        return httpx.MockTransport(answer)

    monkeypatch.setenv("SERPER_API_KEY", KEY)
    spec = f"serper?rate=1000&cache={tmp_path}&snapshot=test"
    live = resolve_text(spec + "&mode=record", transport=transport)
    first = await live.search("tower", 5)
    assert await live.search("nothing") == ()
    await live.aclose()

    monkeypatch.delenv("SERPER_API_KEY")
    replayed = resolve_text(spec + "&mode=replay")
    again = await replayed.search("Tower", 5)
    assert [hit.url for hit in again] == [hit.url for hit in first] and len(calls) == 2
    assert await replayed.search("nothing") == ()
    assert (await replayed.search("never asked"))[0].flags == (NOT_RECORDED,)
    other = resolve_text(spec + "&mode=replay&freshness=week")
    assert (await other.search("tower"))[0].flags == (NOT_RECORDED,), "other terms are another question"
    assert len(calls) == 2
    for mode, words in (("record", "SERPER_API_KEY is not set"), ("live", "SERPER_API_KEY is not set")):
        with pytest.raises(ConfigError, match=words):
            resolve_text(f"{spec}&mode={mode}")
    lazy = resolve_text(spec)  # replay-or-live reads the key when it first has to ask
    assert len(await lazy.search("tower")) == 2
    with pytest.raises(SearchUnavailable, match="SERPER_API_KEY is not set: export SERPER_API_KEY="):
        await lazy.search("something new")
