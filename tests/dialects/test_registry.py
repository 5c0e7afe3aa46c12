"""Dialects by name: one line a dialect, looked up when it is asked for."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from deepeyes.core.errors import ConfigError
from deepeyes.dialects.deepeyes_v2 import DeepEyesV2
from deepeyes.dialects.deepeyes_v2_brief import DeepEyesV2Brief
from deepeyes.dialects.deepeyes_v2_lenient import DeepEyesV2Lenient
from deepeyes.dialects.native import Native
from deepeyes.dialects.registry import DIALECTS, dialect_named, get_dialect


def test_names_and_prompts(tmp_path: Path):
    prompt = tmp_path / "prompt.txt"
    prompt.write_text("You are ...")
    for name, made in (
        ("deepeyes_v2", DeepEyesV2()),
        ("deepeyes_v2/full", DeepEyesV2()),
        ("deepeyes_v2/brief", DeepEyesV2Brief()),
        (f"deepeyes_v2/{prompt}", DeepEyesV2(prompt)),
        ("native", Native()),
        ("native/brief", Native()),
        ("deepeyes_v2/lenient", DeepEyesV2Lenient()),
        ("auto", Native()),
        ("auto/hermes", Native("hermes")),
    ):
        assert dialect_named(name) == made and type(dialect_named(name)) is type(made)
    assert all(dialect_named(name).name == name for name in DIALECTS)


def test_a_new_dialect_is_a_file_and_a_line(monkeypatch: pytest.MonkeyPatch):
    class Mine(Native):
        @property
        def name(self) -> str:
            return "mine"

    module = ModuleType("somebodys_dialect")
    module.Mine = Mine  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "somebodys_dialect", module)
    monkeypatch.setitem(DIALECTS, "mine", "somebodys_dialect:Mine")
    assert dialect_named("mine").name == "mine"
    with pytest.raises(ConfigError, match=r"there is no dialect 'yours': use deepeyes_v2, native or mine"):
        get_dialect("yours")


def test_what_nobody_asks_for_is_not_opened():
    import subprocess

    code = (
        "import sys\n"
        "from deepeyes.dialects.registry import dialect_named\n"
        "rooms = ('dialects.native', 'dialects.deepeyes_v2', 'dialects.deepeyes_v2_brief')\n"
        "print([name for name in sys.modules if name.endswith(rooms)])\n"
        "dialect_named('native')\n"
        "print([name for name in sys.modules if name.endswith(rooms)])\n"
    )
    said = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert said == "[]\n['deepeyes.dialects.native']\n"
