"""`python -m packmaker`, as it is typed."""

from pathlib import Path

import pytest

from deepeyes.world.pack import open_pack
from packmaker import build
from packmaker.__main__ import main
from packmaker.build import Recipe

from .test_build import make_toys


def test_it_says_what_it_made(capsys, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(build.RECIPES, "permissive", (Recipe("toy", make_toys, (), ()),))
    main(["--out", str(tmp_path / "p"), "--work", str(tmp_path / "w")])
    assert "toy: 40 entities, 40 documents, 40 pictures" in capsys.readouterr().out
    with open_pack(folder=tmp_path / "p") as pack:
        assert [entity.id for entity in pack.find("Toy 3")] == ["toy/toy-3"]


def test_without_a_folder_the_pack_lies_where_it_is_looked_for(capsys, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setitem(build.RECIPES, "copyleft", (Recipe("toy", make_toys, (), ()),))
    main(["--copyleft"])
    with open_pack("copyleft") as pack:
        assert pack.folder == tmp_path / "deepeyes" / "world" / "copyleft" and pack.kinds == ("toy",)


def test_what_goes_wrong_is_one_line(capsys, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(build.RECIPES, "permissive", (Recipe("toy", make_toys, (), ()),))
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit):
        main(["--out", str(tmp_path / "file" / "out"), "--work", str(tmp_path / "w")])
    err = capsys.readouterr().err.strip()
    assert (
        err.startswith("packmaker: making the folder")
        and "choose a folder" in err
        and len(err.splitlines()) == 1
    )
