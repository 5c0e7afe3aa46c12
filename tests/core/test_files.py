"""Files and folders that a kill at any step leaves whole: the old, the new, or none for an instant."""

from __future__ import annotations

import fcntl
import multiprocessing
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from stopping import at_every_step, stopped, tree

from deepeyes.core.errors import StorageError
from deepeyes.core.files import (
    append_line,
    cut_torn_tail,
    remove_folder,
    replaced_file,
    replaced_folder,
    scratch_folder,
    sweep,
    write_atomic,
    write_lines,
)

OLD = {"a": b"old", "below": b"", "below/b": b"old"}
NEW = {"below": b"", "below/b": b"new", "c": b"new"}


def fill(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        if data:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)


def test_a_folder_that_is_replaced_is_whole_at_every_step(tmp_path: Path) -> None:
    seen: list[str] = []

    def begin(folder: Path) -> None:
        fill(folder / "it", OLD)

    def replace(folder: Path) -> None:
        with replaced_folder(folder / "it") as part:
            fill(part, NEW)

    def look(folder: Path) -> None:
        there = tree(folder / "it")
        assert there in (OLD, NEW, {})
        seen.append("old" if there == OLD else "new" if there else "none")
        if not there:
            with scratch_folder(folder / "it"):
                assert tree(folder / "it") == OLD, "the next one moves the old one back"

    at_every_step(replace, look, tmp_path, begin=begin)
    assert list(dict.fromkeys(seen)) == ["old", "none", "new"] and seen.count("none") == 1


def test_a_first_folder_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    def make(folder: Path) -> None:
        with replaced_folder(folder / "deep" / "it") as part:
            fill(part, NEW)

    assert at_every_step(make, lambda folder: tree(folder / "deep/it") in ({}, NEW), tmp_path) > 5


def test_a_folder_that_is_removed_is_whole_or_gone_at_every_step(tmp_path: Path) -> None:
    def look(folder: Path) -> None:
        assert tree(folder / "it") in (OLD, {}) and (folder / "it").exists() == bool(tree(folder / "it"))

    def remove(folder: Path) -> None:
        remove_folder(folder / "it")

    steps = at_every_step(remove, look, tmp_path, begin=lambda folder: fill(folder / "it", OLD))
    assert steps > len(OLD)
    remove_folder(tmp_path / "nowhere" / "it")
    assert not (tmp_path / "nowhere").exists()


def test_what_was_deleted_in_part_never_comes_back(tmp_path: Path) -> None:
    """Killed while it deletes the old folder; then the user removes the new one, and a third is made."""

    def replace(folder: Path) -> None:
        with replaced_folder(folder / "it") as part:
            fill(part, NEW)

    ended, step = True, 0
    while ended:
        folder = tmp_path / str(step)
        fill(folder / "it", OLD)
        ended = stopped(replace, folder, step)
        if tree(folder / "it") == NEW:
            for path in sorted((folder / "it").rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
            (folder / "it").rmdir()
            with scratch_folder(folder / "it"):
                assert tree(folder / "it") in ({}, OLD)
        step += 1


def test_a_folder_that_cannot_be_filled_leaves_the_old_one(tmp_path: Path) -> None:
    fill(tmp_path / "it", OLD)
    for error, seen in ((ValueError, ValueError), (OSError, StorageError), (KeyboardInterrupt,) * 2):
        with pytest.raises(seen), replaced_folder(tmp_path / "it") as part:
            fill(part, NEW)
            raise error
        assert tree(tmp_path) == {"it": b"", **{f"it/{name}": data for name, data in OLD.items()}}


def test_two_that_replace_one_folder_are_told_apart(tmp_path: Path) -> None:
    with replaced_folder(tmp_path / "it") as part:
        fill(part, NEW)
        told = r"another process is at work in .*it .*wait for it to end"
        with pytest.raises(StorageError, match=told), replaced_folder(tmp_path / "it"):
            pass
        with pytest.raises(StorageError, match=told):
            remove_folder(tmp_path / "it")
        sweep(tmp_path)
    assert tree(tmp_path / "it") == NEW


def test_files_are_the_old_or_the_new_at_every_step(tmp_path: Path) -> None:
    def write(folder: Path) -> None:
        write_atomic(folder / "a", b"new")
        write_lines(folder / "b", ["new", "lines"])
        with replaced_file(folder / "below" / "c") as part:
            part.write_bytes(b"new")

    def act(folder: Path) -> None:
        sweep(folder)
        if (folder / "below").exists():
            sweep(folder / "below")
        write(folder)

    def look(folder: Path) -> None:
        assert (folder / "a").read_bytes() in (b"old", b"new")
        assert not (folder / "b").exists() or (folder / "b").read_text() == "new\nlines\n"
        assert not (folder / "below/c").exists() or (folder / "below/c").read_bytes() == b"new"

    assert at_every_step(act, look, tmp_path, begin=lambda folder: fill(folder, {"a": b"old"})) >= 7


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    with replaced_file(tmp_path / "it") as one, replaced_file(tmp_path / "it") as other:
        one.write_bytes(b"one")
        other.write_bytes(b"other")
    assert tree(tmp_path) == {"it": b"one"}


def test_files_of_others_are_not_swept(tmp_path: Path) -> None:
    names = (".part", "x.part", ".x.part", ".x.old", f".x.{'0' * 15}.part", ".lock")
    kept = {name: name.encode() for name in names}
    fill(tmp_path, kept)
    fill(tmp_path, {f".x.{'0' * 16}.part": b"half", f".y.{'0' * 16}.old/z": b"whole"})
    sweep(tmp_path)
    assert tree(tmp_path) == {**kept, "y": b"", "y/z": b"whole"}


@pytest.mark.parametrize("torn", [b"", b"half", b"x" * 70_000])
def test_a_line_is_appended_after_whole_lines_alone(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"first\n" + b"y" * 70_000 + b"\n" + torn)
    append_line(path, b"next\n")
    assert path.read_bytes() == b"first\n" + b"y" * 70_000 + b"\nnext\n"
    path.write_bytes(torn)
    cut_torn_tail(path)
    assert path.read_bytes() == b""
    cut_torn_tail(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def _append(path: Path, number: int) -> None:
    for _ in range(200):
        cut_torn_tail(path)
        append_line(path, (str(number) * 9_000).encode() + b"\n", sync=False)


def test_processes_that_append_to_one_file_keep_each_others_lines(tmp_path: Path) -> None:
    """The size of a line is more than a pipe or a buffer holds; each cuts torn tails all the time."""
    path = tmp_path / "lines"
    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=_append, args=(path, number)) for number in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    lines = path.read_bytes().split(b"\n")
    assert sorted(lines) == sorted([b""] + [str(n).encode() * 9_000 for n in range(3) for _ in range(200)])


@pytest.mark.parametrize("act", [lambda path: append_line(path, b"next\n"), cut_torn_tail])
def test_a_line_that_another_process_is_writing_is_not_cut(
    tmp_path: Path, act: Callable[[Path], object]
) -> None:
    path = tmp_path / "lines"
    with path.open("ab", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(b"half")
        thread = threading.Thread(target=act, args=(path,))
        thread.start()
        thread.join(0.2)
        file.write(b" done\n")
    thread.join(60)
    assert path.read_bytes() in (b"half done\nnext\n", b"half done\n")


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    fill(tmp_path, {"it": b"old"})
    for error, seen in ((ValueError, ValueError), (OSError, StorageError), (KeyboardInterrupt,) * 2):
        with pytest.raises(seen), replaced_file(tmp_path / "it") as part:
            part.write_bytes(b"half")
            raise error
        assert tree(tmp_path) == {"it": b"old"}


def test_the_stops_of_these_tests_are_real(tmp_path: Path) -> None:
    """A `finally` cannot write after the end, and reading goes on."""

    def act(folder: Path) -> None:
        try:
            (folder / "a").write_bytes(b"1")
            (folder / "b").write_bytes(b"2")
        finally:
            (folder / "a").read_bytes()
            (folder / "c").write_bytes(b"3")

    assert stopped(act, tmp_path, 1) and tree(tmp_path) == {"a": b"1"}
    assert not stopped(act, tmp_path, 9) and tree(tmp_path) == {"a": b"1", "b": b"2", "c": b"3"}
