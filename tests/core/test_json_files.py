"""JSON files that cannot be read are one error that says which file, which line and what to do."""

from pathlib import Path

import pytest

from deepeyes.core.errors import ConfigError, InputError
from deepeyes.core.json_files import read_json_file, read_json_lines

DEEP = b"[" * 100_000


def test_values_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text('{"a": "é\u2028"}\n', "utf-8")
    assert read_json_file(path, "") == {"a": "é\u2028"}
    path.write_text('"one\u2028line"\n\n \n[2]', "utf-8")
    assert list(read_json_lines(path, "")) == [(1, "one\u2028line"), (4, [2])]


@pytest.mark.parametrize("data", [None, b"", b'{"a": ', b'"\xff"', DEEP], ids=lambda data: str(data)[:9])
def test_what_cannot_be_read_is_an_error_with_a_remedy(tmp_path: Path, data: bytes | None) -> None:
    path = tmp_path / "a.json"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(ConfigError, match=r"reading .*a.json failed .*: mend it"):
        read_json_file(path, "mend it", ConfigError)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (None, r"reading .*a failed .*: give a UTF-8 file"),
        (b"1\n\n[2\n", r"reading line 3 of .*a failed .*: mend it"),
        (b"1\n" + DEEP, r"reading line 2 of .*a failed .*: mend it"),
        (b'1\n"\xff"', r"reading .*a failed .*: give a UTF-8 file"),
    ],
)
def test_lines_that_cannot_be_read_are_told_by_number(tmp_path: Path, data: bytes | None, words: str) -> None:
    path = tmp_path / "a"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(InputError, match=words):
        list(read_json_lines(path, "mend it"))
