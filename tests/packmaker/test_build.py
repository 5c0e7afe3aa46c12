"""Building packs: the same bytes twice, nothing broken when killed, nothing let in that is not pinned."""

import os
import signal
import sqlite3
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from PIL import Image
from stopping import at_every_step

from deepeyes.core.claim import hold
from deepeyes.core.errors import InputError, StorageError
from deepeyes.world.pack import open_pack
from deepeyes.world.pack.entity import Entity, Fact
from deepeyes.world.pack.shelf import Shelf
from packmaker import build
from packmaker.build import Recipe, build_pack
from packmaker.check import check, slug
from packmaker.fetch import PackageUnavailable, fetch
from packmaker.kinds.made import Draft, Made, Packages
from packmaker.pins import Pin
from packmaker.shelf import write_shelf
from packmaker.unpack import read_rcc

calls: list[str] = []


def make_toys(_packages: Packages, count: int = 40, kind: str = "toy", fail_at: int = -1) -> Iterator[Made]:
    calls.append(kind)
    for number in range(count):
        if number == fail_at:
            raise KeyboardInterrupt
        draft = Draft(f"{kind}/toy-{number}", f"Toy {number}", "the test", "CC0-1.0", [f"Spielzeug {number}"])
        draft.write("about", draft.name, f"This is toy number {number}. " * 60)
        draft.know("number", number, "pieces", 2020, "about")
        draft.show("photo", draft.name, Image.new("RGB", (300 + number, 200), (number * 5, 90, 40)), side=128)
        yield draft.made()


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    calls.clear()
    two = (Recipe("toy", make_toys, (), ()), Recipe("doll", lambda p: make_toys(p, 3, "doll"), (), ()))
    monkeypatch.setitem(build.RECIPES, "permissive", two)


def test_building_twice_gives_the_same_bytes(toys: None, tmp_path: Path) -> None:
    packs = [build_pack("permissive", tmp_path / name, work=tmp_path / f"work-{name}") for name in "ab"]
    files = [{path.name: path.read_bytes() for path in pack.folder.iterdir()} for pack in packs]
    assert files[0] == files[1] and packs[0].digest == packs[1].digest and len(files[0]) == 3
    assert [pack.count("image") for pack in packs] == [43, 43]


def test_finished_shelves_are_used_again(toys: None, tmp_path: Path) -> None:
    build_pack("permissive", tmp_path / "a", work=tmp_path / "work")
    assert calls == ["toy", "doll"]
    build_pack("permissive", tmp_path / "b", work=tmp_path / "work")
    assert calls == ["toy", "doll"]


def test_what_a_killed_build_left_is_cleared(toys: None, tmp_path: Path) -> None:
    left = tmp_path / "work" / "shelves" / f".permissive-toy-0.sqlite.{'0' * 16}.part"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    build_pack("permissive", tmp_path / "out", work=tmp_path / "work")
    assert not left.exists()


def test_a_build_that_stops_in_the_middle_leaves_the_old_pack(
    toys: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, work = tmp_path / "out", tmp_path / "work"
    before = build_pack("permissive", out, work=work).digest
    broken = (
        Recipe("toy", lambda p: make_toys(p, 9), (), ("made.py",)),
        Recipe("doll", _stop, (), ("made.py",)),
    )
    monkeypatch.setitem(build.RECIPES, "permissive", broken)
    with pytest.raises(KeyboardInterrupt):
        build_pack("permissive", out, work=work)
    assert open_pack(folder=out).digest == before
    assert not [path for path in work.rglob("*") if path.name.startswith(".")]
    calls.clear()
    mended = (broken[0], Recipe("doll", lambda p: make_toys(p, 2, "doll"), (), ("made.py",)))
    monkeypatch.setitem(build.RECIPES, "permissive", mended)
    after = build_pack("permissive", out, work=work)
    assert calls == ["doll"] and after.count("text") == 11 and after.digest != before
    assert len(list(out.glob("*.sqlite"))) == 2  # those of the old pack are gone


def _stop(packages: Packages) -> Iterator[Made]:
    return make_toys(packages, 9, "doll", fail_at=5)


def test_a_pack_is_whole_at_every_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its other shelf changes; a reader has the old pack or the new one, and what is kept between runs is
    used again.
    """

    def use(count: int) -> None:
        monkeypatch.setitem(
            build.RECIPES,
            "permissive",
            (
                Recipe("toy", lambda p: make_toys(p, 3), (), ("made.py",)),
                Recipe("doll", lambda p: make_toys(p, count, "doll"), (), ("made.py",) * count),
            ),
        )

    def begin(folder: Path) -> None:
        use(1)
        build_pack("permissive", folder / "out", work=folder / "work").close()
        use(2)

    def act(folder: Path) -> None:
        build_pack("permissive", folder / "out", work=folder / "work").close()

    def look(folder: Path) -> None:
        with open_pack(folder=folder / "out") as pack:
            dolls = [entity.id for entity in pack.entities("doll")]
            assert dolls in (["doll/toy-0"], ["doll/toy-0", "doll/toy-1"])
            assert len([pack.picture_bytes(entity, 0) for entity in pack.entities()]) == 3 + len(dolls)

    assert at_every_step(act, look, tmp_path, begin=begin) > 10


def test_two_that_build_one_pack_are_told_apart(toys: None, tmp_path: Path) -> None:
    for busy in (tmp_path / "work" / "shelves", tmp_path / "out"):
        with hold(busy), pytest.raises(StorageError, match="another process is at work"):
            build_pack("permissive", tmp_path / "out", work=tmp_path / "work")
    with hold(tmp_path / "other"):
        build_pack("permissive", tmp_path / "out", work=tmp_path / "work")


def test_killed_while_writing_a_shelf(tmp_path: Path) -> None:
    code = f"""
import sys, time
sys.path[:0] = {[str(Path(__file__).parents[place]) for place in (0, 1, 2)]!r}
from pathlib import Path
import test_build as toys
from packmaker.shelf import write_shelf
def slowly():
    for place, one in enumerate(toys.make_toys(None, 400)):
        if place == 100:
            print("half", flush=True)
            time.sleep(60)
        yield one
write_shelf(Path({str(tmp_path / "toy.sqlite")!r}), slowly(), {{}})
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout and process.stdout.readline() == b"half\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert not (tmp_path / "toy.sqlite").exists()
    write_shelf(tmp_path / "toy.sqlite", make_toys(Packages(tmp_path), 4), {})
    assert len(list(Shelf(tmp_path / "toy.sqlite").entities())) == 4


def test_a_shelf_gives_back_what_was_written(tmp_path: Path) -> None:
    made = list(make_toys(Packages(tmp_path), 200))
    write_shelf(tmp_path / "toy.sqlite", made, {"kind": "toy"})
    shelf = Shelf(tmp_path / "toy.sqlite")
    assert list(shelf.entities()) == [entity for entity, _ in made]
    assert shelf.by_id("toy/toy-150") == made[150][0]
    assert shelf.by_name("SPIELZEUG 7") == [made[7][0]] and shelf.by_name("none") == []
    assert all(shelf.picture(entity.id, 0) == files[0] for entity, files in made)
    assert shelf.about("kind") == "toy" and shelf.about("nothing") == ""
    with pytest.raises(InputError, match="no picture number 1"):
        shelf.picture("toy/toy-1", 1)
    shelf.close()
    assert shelf.by_id("toy/toy-3") == made[3][0]  # opens again


def test_damaged_shelves_are_told(tmp_path: Path) -> None:
    path = tmp_path / "toy.sqlite"
    for content in (b"", b"no database at all" * 100):
        path.write_bytes(content)
        with pytest.raises(InputError, match="build the pack again"):
            list(Shelf(path).entities())
    path.unlink()
    with pytest.raises(InputError, match="build the pack again"):
        Shelf(path).by_id("toy/toy-1")
    write_shelf(path, make_toys(Packages(tmp_path), 4), {})
    db = sqlite3.connect(path)
    db.execute("UPDATE about SET value = '99' WHERE name = 'format'")
    db.commit()
    db.close()
    with pytest.raises(InputError, match="another version"):
        Shelf(path).names()


def test_broken_records_are_not_written(tmp_path: Path) -> None:
    entity, files = next(make_toys(Packages(tmp_path), 1))
    fact = entity.facts[0]
    broken: list[Entity] = [
        replace(entity, kind="doll"),
        replace(entity, licence=""),
        replace(entity, facts=(replace(fact, unit=""),)),
        replace(entity, facts=(replace(fact, year=0),)),
        replace(entity, facts=(replace(fact, page="world://toy/toy-0/none"),)),
        replace(entity, facts=(Fact("said", "", ""),)),
        replace(entity, facts=(Fact("said", ("a", " "), ""),)),
        replace(entity, facts=(Fact("size", float("nan"), "m"),)),
        replace(entity, facts=(fact, fact)),
        replace(entity, documents=(replace(entity.documents[0], text=" "),), facts=()),
        replace(entity, documents=entity.documents * 2),
        replace(entity, pictures=(replace(entity.pictures[0], licence=""),)),
    ]
    check(entity)
    for one in broken:
        with pytest.raises(ValueError):
            write_shelf(tmp_path / "toy.sqlite", [(one, files)], {})
    with pytest.raises(ValueError, match="comes twice"):
        write_shelf(tmp_path / "toy.sqlite", [(entity, files)] * 2, {})
    assert list(tmp_path.iterdir()) == []


def test_slugs() -> None:
    assert slug("Côte d'Ivoire") == "cote-divoire" and slug("日本") == ""


def test_unwritable_folders_are_told(toys: None, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        build_pack("permissive", tmp_path / "file" / "out", work=tmp_path / "work")
    with pytest.raises(StorageError):
        build_pack("permissive", tmp_path / "out", work=tmp_path / "file" / "work")


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for npm that writes what the file `content` holds, or fails where there is none."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "npm"
    script.write_text(
        f"#!/bin/sh\necho call >> {tmp_path}/calls\n"
        f"[ -f {tmp_path}/content ] || {{ echo 'npm error 404' >&2; exit 1; }}\n"
        f"cp {tmp_path}/content toy-1.0.tgz\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return tmp_path


def test_only_pinned_bytes_come_in_and_only_once(npm: Path) -> None:
    (npm / "content").write_bytes(b"good")
    pin = Pin("npm", "toy", "1.0", "toy-1.0.tgz", sha256(b"good").hexdigest(), 0.1, "MIT")
    folder = npm / "packages"
    assert fetch(pin, folder).read_bytes() == b"good"
    assert fetch(pin, folder).read_bytes() == b"good"
    assert (npm / "calls").read_text().count("call") == 1
    (folder / "toy-1.0.tgz").write_bytes(b"cut o")
    assert fetch(pin, folder).read_bytes() == b"good"  # a damaged file is fetched again
    (npm / "content").write_bytes(b"evil")
    (folder / "toy-1.0.tgz").unlink()
    with pytest.raises(InputError, match="not the pinned file"):
        fetch(pin, folder)
    assert list(folder.iterdir()) == []


def test_a_failing_client_is_told_with_a_way_round(npm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pin = Pin("npm", "toy", "1.0", "toy-1.0.tgz", "0" * 64, 0.1, "MIT")
    with pytest.raises(PackageUnavailable, match=r"npm error 404.*put toy-1"):
        fetch(pin, npm / "packages")
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(PackageUnavailable, match="put toy-1"):
        fetch(pin, npm / "packages")


def test_qt_resource_files() -> None:
    content = b"hello"
    names, tree, nodes = b"", b"", [("", 2, (2, 1)), ("a", 0, 0), ("b", 2, (1, 3)), ("c", 0, 0)]
    for name, flags, where in nodes:
        at = len(names)
        names += struct.pack(">HI", len(name), 0) + name.encode("utf-16-be")
        body = struct.pack(">II", *where) if flags else struct.pack(">HHI", 0, 0, 0)
        tree += struct.pack(">IH", at, flags) + body + bytes(8)
    data = struct.pack(">I", len(content)) + content
    head = struct.pack(">4s4II", b"qres", 3, 24, 24 + len(tree), 24 + len(tree) + len(data), 0)
    assert read_rcc(head + tree + data + names) == {"a": b"hello", "b/c": b"hello"}
    for broken in (b"", b"nope" * 10, (head + tree)[:40]):
        with pytest.raises(InputError):
            read_rcc(broken)


def test_building_reports_progress(toys: None, tmp_path: Path) -> None:
    told: list[tuple[str, int]] = []
    start = time.monotonic()
    build_pack("permissive", tmp_path / "a", work=tmp_path / "w", progress=lambda *step: told.append(step))
    assert ("making toy", 40) in told and told[-1][0] == "putting the pack together"
    assert time.monotonic() - start < 30
