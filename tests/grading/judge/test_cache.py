"""The judges' cache: shared by processes, killed with them, damaged, and never a place for secrets."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deepeyes.core.errors import StorageError
from deepeyes.core.verdict import Outcome
from deepeyes.grading.judge.cache import VoteCache

KEYS = 400
WRITER = f"""
import sys
from pathlib import Path
from deepeyes.core.verdict import Outcome
from deepeyes.grading.judge.cache import VoteCache
cache = VoteCache(Path(sys.argv[1]))
words = list(Outcome)
for number in range({KEYS}):
    cache.put(f"key {{number}}", words[number % 3], model="m", prompt=1)
    assert cache.get(f"key {{number}}") is words[number % 3]
    print(number, flush=True)
"""


def writer(path: Path, code: str = WRITER) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def put(cache: VoteCache, key: str, vote: Outcome) -> None:
    cache.put(key, vote, model="m", prompt=1)


def test_what_was_kept_is_there_when_the_file_is_opened_again(tmp_path: Path) -> None:
    first = VoteCache(tmp_path / "new folder" / "votes.sqlite")
    put(first, "a", Outcome.unsure)
    put(first, "b", Outcome.right)
    first.close()
    again = VoteCache(first.path)
    assert [again.get(key) for key in "abc"] == [Outcome.unsure, Outcome.right, None]
    again.close()


def test_the_first_vote_under_a_key_stays(tmp_path: Path) -> None:
    cache = VoteCache(tmp_path / "votes.sqlite")
    put(cache, "a", Outcome.right)
    put(cache, "a", Outcome.wrong)
    assert cache.get("a") is Outcome.right and len(cache) == 1
    cache.close()


def test_processes_share_a_file_from_its_first_moment(tmp_path: Path) -> None:
    path = tmp_path / "votes.sqlite"
    writers = [writer(path) for _ in range(4)]
    for one in writers:
        _, err = one.communicate(timeout=120)
        assert one.returncode == 0, err
    cache = VoteCache(path)
    assert len(cache) == KEYS
    cache.close()
    assert [file.name for file in tmp_path.iterdir()] == ["votes.sqlite"]


def test_many_may_make_the_same_file_at_once(tmp_path: Path) -> None:
    gate = threading.Barrier(16)

    def make(path: Path) -> None:
        gate.wait()
        cache = VoteCache(path)
        put(cache, "a", Outcome.right)
        cache.close()

    with ThreadPoolExecutor(16) as threads:
        for number in range(10):
            list(threads.map(make, [tmp_path / f"{number}.sqlite"] * 16))


def test_nothing_is_lost_with_a_process_that_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "votes.sqlite"
    one = writer(path)
    assert one.stdout is not None
    for line in one.stdout:
        if int(line) == 50:
            break
    os.kill(one.pid, signal.SIGKILL)
    said = [50, *(int(line) for line in one.stdout if line.endswith("\n"))]
    one.wait()
    one.stdout.close()
    assert one.stderr is not None
    one.stderr.close()
    cache = VoteCache(path)
    assert all(cache.get(f"key {number}") is not None for number in range(max(said) + 1))
    put(cache, "more", Outcome.right)
    cache.close()


def test_a_file_left_empty_by_a_killed_process_is_filled(tmp_path: Path) -> None:
    path = tmp_path / "votes.sqlite"
    with sqlite3.connect(path) as begun:
        begun.execute("PRAGMA journal_mode = WAL")
    begun.close()
    cache = VoteCache(path)
    put(cache, "a", Outcome.right)
    cache.close()


@pytest.mark.parametrize("size", [16, 5_000])
def test_a_file_that_is_no_database_may_be_anybodys(tmp_path: Path, size: int) -> None:
    path = tmp_path / "votes.sqlite"
    path.write_bytes(b"no database at all" * size)
    with pytest.raises(
        StorageError, match=r"votes\.sqlite.*name another file, or delete it if it is a cache"
    ):
        VoteCache(path)


def test_damage_inside_is_found_when_it_is_read(tmp_path: Path) -> None:
    cache = VoteCache(tmp_path / "votes.sqlite")
    for number in range(2000):
        put(cache, f"key {number}", Outcome.right)
    cache.close()
    data = bytearray(cache.path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    cache.path.write_bytes(data)
    again = VoteCache(cache.path)
    with pytest.raises(StorageError, match="delete it"):
        again.get("key 1000")
    again.close()


def test_a_word_that_is_no_verdict_is_damage(tmp_path: Path) -> None:
    cache = VoteCache(tmp_path / "votes.sqlite")
    put(cache, "a", Outcome.right)
    with sqlite3.connect(cache.path) as forged:
        forged.execute("PRAGMA ignore_check_constraints = 1")
        forged.execute("UPDATE vote SET word = 'perhaps'")
    forged.close()
    with pytest.raises(StorageError, match="delete it"):
        cache.get("a")
    cache.close()


def test_a_database_of_others_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "theirs.sqlite"
    with sqlite3.connect(path) as theirs:
        theirs.execute("CREATE TABLE vote (x)")
    theirs.close()
    before = path.read_bytes()
    with pytest.raises(StorageError, match="no cache of judges of this version: name another file"):
        VoteCache(path)
    assert path.read_bytes() == before


def test_a_place_that_cannot_be_written_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path, tmp_path / "file" / "votes.sqlite"):
        with pytest.raises(StorageError, match="name another file"):
            VoteCache(place)
