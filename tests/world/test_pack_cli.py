"""`deepeyes world show`, as it is typed."""

import json
from pathlib import Path

import pytest
from PIL import Image

from deepeyes.cli.main import main


def run(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    code = 0
    try:
        main(["world", *args])
    except SystemExit as stop:
        code = int(stop.code or 0)
    said = capsys.readouterr()
    return code, said.out, said.err


def test_show_prints_facts_with_units_and_years(capsys) -> None:
    code, out, _ = run(capsys, "show", "france")
    assert code == 0 and "country/france" in out and "643,801" in out and "km2" in out and "2025" in out
    assert "world://country/france/economy" in out and "256 x 192" in out and "CIA World Factbook" in out


def test_show_as_json_and_pictures(capsys, tmp_path: Path) -> None:
    code, out, _ = run(capsys, "show", "Eiffel Tower", "--json", "--out", str(tmp_path / "pictures"))
    record = json.loads(out.splitlines()[0])
    assert (
        code == 0
        and record["id"] == "monument/eiffel-tower"
        and record["split"] in ("train", "validation", "test")
    )
    files = sorted((tmp_path / "pictures").iterdir())
    assert len(files) == len(record["pictures"]) == 2
    assert {Image.open(path).size for path in files} == {
        (p["width"], p["height"]) for p in record["pictures"]
    }


def test_show_full_text(capsys) -> None:
    _, out, _ = run(capsys, "show", "planet/mars", "--text")
    assert "Olympus Mons" in out


def test_unknown_names_get_near_ones(capsys) -> None:
    code, out, err = run(capsys, "show", "Frnace")
    assert code == 2 and out == "" and "did you mean" in err and "France" in err
    for strange in ("", "\x00\x01", "日本語の名前", "x" * 5000):
        code, _, err = run(capsys, "show", strange)
        assert code == 2 and len(err.strip().splitlines()) == 1


def test_missing_packs_are_told(capsys, tmp_path: Path, monkeypatch) -> None:
    code, _, err = run(capsys, "show", "France", "--pack", str(tmp_path))
    assert code == 2 and "python -m packmaker" in err
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    code, _, err = run(capsys, "show", "France", "--copyleft")
    assert code == 2 and "python -m packmaker --copyleft" in err
