"""Everything readable is read, and what is not is said."""

import json
from pathlib import Path

import pytest
from view.view_helpers import told

from deepeyes.core.errors import InputError
from deepeyes.core.trace import Trace, TraceWriter
from deepeyes.view.reading import TraceFile, pretty


def line(id: str) -> bytes:
    return told(id).model_dump_json().encode() + b"\n"


def read(file: TraceFile) -> list[str]:
    """Ids of the traces that are read on; "anew" where the file is another one."""
    return ["anew" if one is None else one[1].id for one in file.read_on()]


def opened(path: Path, *lines: bytes) -> TraceFile:
    path.write_bytes(b"".join(lines))
    return TraceFile(path)


def test_damaged_lines_are_said_and_the_others_read(tmp_path: Path) -> None:
    bad = [b"{\n", b'"text"\n', b'{"id": "x"}\n', b"\xff\xfe\n", b"[" * 5_000 + b"\n", b"\n", b"  \n"]
    file = opened(tmp_path / "t.jsonl", line("a"), *bad, line("b"))
    assert read(file) == ["anew", "a#0", "b#0"]
    (said,) = file.problems
    assert said.startswith(f"5 lines of {tmp_path / 't.jsonl'} cannot be read: first line 2 (")


def test_one_damaged_line_is_named_with_what_is_wrong(tmp_path: Path) -> None:
    file = opened(tmp_path / "t.jsonl", line("a"), line("b").replace(b'"answered"', b'"unheard_of"'))
    assert read(file) == ["anew", "a#0"]
    assert "1 line of" in file.problems[0] and "line 2 (stop_reason: " in file.problems[0]


def test_a_half_written_last_line_is_said_until_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    half = line("b")
    file = opened(path, line("a"), half[:80])
    assert read(file) == ["anew", "a#0"]
    assert file.problems == [f"The last line of {path} is half-written: its writer was killed or is at work."]
    path.write_bytes(line("a") + half + line("c"))
    assert read(file) == ["b#0", "c#0"] and not file.problems


def test_a_last_line_without_its_end_is_read_where_it_is_whole(tmp_path: Path) -> None:
    file = opened(tmp_path / "t.jsonl", line("a"), line("b")[:-1])
    assert read(file) == ["anew", "a#0", "b#0"] and not file.problems


def test_only_what_was_added_is_read_again(tmp_path: Path) -> None:
    writer = TraceWriter(tmp_path)
    writer.write(told("a"))
    file = TraceFile(writer.path)
    assert read(file) == ["anew", "a#0"] and read(file) == []
    writer.write(told("b"))
    assert read(file) == ["b#0"]


@pytest.mark.parametrize("shorter", [True, False])
def test_a_file_that_was_replaced_is_read_anew(tmp_path: Path, shorter: bool) -> None:
    path = tmp_path / "t.jsonl"
    file = opened(path, line("a"), b"{\n", line("b"))
    read(file)
    if shorter:
        path.write_bytes(line("c"))
    else:
        (tmp_path / "new").write_bytes(line("c") * 3)
        (tmp_path / "new").rename(path)
    assert read(file)[:2] == ["anew", "c#0"] and not file.problems


def test_a_newer_version_is_shown_as_far_as_it_can_be_read_and_said(tmp_path: Path) -> None:
    newer = line("a").replace(b'"version":2', b'"version":3')
    file = opened(tmp_path / "t.jsonl", newer, newer.replace(b'"answered"', b'"bored"'))
    assert read(file) == ["anew", "a#0"]
    assert "version 3, this is 2; stop_reason" in file.problems[0]
    assert "1 episodes" in file.problems[1] and "newer deepeyes" in file.problems[1]


def test_an_older_version_is_read(tmp_path: Path) -> None:
    old = json.loads(line("a")) | {"version": 1, "temperature": 0.5, "seed": 3}
    del old["sampling"]
    file = opened(tmp_path / "t.jsonl", json.dumps(old).encode() + b"\n")
    traces = [one[1] for one in file.read_on() if one]
    assert traces[0].sampling.temperature == 0.5 and not file.problems


def test_a_line_is_found_again_at_its_place(tmp_path: Path) -> None:
    file = opened(tmp_path / "t.jsonl", line("ä"), b"{\n", line("b"))
    places = [one[0] for one in file.read_on() if one]
    assert [file.trace(place).id for place in places] == ["ä#0", "b#0"]
    assert Trace.model_validate_json(pretty(file.line(places[0]))).id == "ä#0"
    assert '"id": "ä#0"' in pretty(file.line(places[0]))
    file.path.write_bytes(b"{}\n" * 900)
    with pytest.raises(InputError, match="has changed: load the page again"):
        file.trace(places[1])
    file.path.unlink()
    with pytest.raises(InputError, match=r"reading .* failed"):
        file.trace(places[0])
