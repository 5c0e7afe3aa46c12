"""`deepeyes eval list`: every published benchmark with where it is, and all that is known of one."""

import json

import pytest

from deepeyes.cli.main import main
from deepeyes.eval.benchmarks.listing import abouts


def lines(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    with pytest.raises(SystemExit) as ended:
        main(["eval", "list", *words])
    assert ended.value.code == 0
    return capsys.readouterr().out.splitlines()


def test_all_are_listed_with_where_to_get_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    shown = "\n".join(lines(capsys))
    assert all(about.name in shown and (about.hub.id or about.hub.page) in shown for about in abouts())
    assert "CC BY-SA 4.0, for tests only" in shown


def test_as_json_each_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    objects = [json.loads(line) for line in lines(capsys, "--json")]
    assert [one["name"] for one in objects] == [about.name for about in abouts()]
    vstar = next(one for one in objects if one["name"] == "vstar")
    assert vstar["questions"] == "191" and vstar["rule"] == "vstar" and vstar["search"] == "off"
    assert "text or question" in vstar["columns"] and "hf download" in vstar["to have it"]


def test_one_is_told_with_its_columns_and_its_trap(capsys: pytest.CaptureFixture[str]) -> None:
    shown = " ".join(" ".join(lines(capsys, "realx")).split())
    assert "194 of the paper's 300" in shown and "perception, search, reason" in shown


def test_a_name_that_is_none_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["eval", "list", "world"])
    assert ended.value.code == 2
    assert "'world' is no published benchmark" in capsys.readouterr().err
