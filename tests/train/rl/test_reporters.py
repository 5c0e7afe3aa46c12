"""Reporters: each line of the curve once and in order, whoever joins late; a missing library is told at
once; one that fails is left; no key reaches a file.
"""

import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from deepeyes.core.errors import ConfigError
from deepeyes.train.rl.recipe import RlRecipe
from deepeyes.train.rl.reporters import REPORTED, TENSORBOARD, flat, forget_reports, reporting

KEY = "9f3b2c1d0e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8b"


def recipe(*names: str) -> RlRecipe:
    return RlRecipe.model_validate(
        {"model": {"path": "nano"}, "tasks": {"world": {"tiny": 1}}, "report": {"to": names}}
    )


def lines(count: int, start: int = 0) -> list[dict[str, Any]]:
    return [
        {
            "step": step,
            "reward": step / 10,
            "entropy": None,
            "uses": {"crop": 2},
            "dropped": {"infrastructure (search): https://host/?q=x failed": 1},
            "failures/search": 1,
            "alarms": ["no signal since step 0: ask other tasks"],
        }
        for step in range(start, count)
    ]


class FakeServer:
    """What both libraries would have, in memory."""

    def __init__(self) -> None:
        self.opened: list[dict[str, Any]] = []
        self.logged: list[tuple[int, dict[str, float]]] = []
        self.finished = 0
        self.broken = False
        self.Settings = lambda **settings: settings
        self.key = ""

    def init(self, **how: Any) -> "FakeServer":
        self.opened.append(how)
        sys.stdout.write("* welcome")
        return self

    def log(self, numbers: dict[str, float], step: int) -> None:
        if self.broken:
            raise RuntimeError("the disk of the server is full")
        self.logged.append((step, numbers))

    def login(self, *, prompt: bool) -> bool:
        assert not prompt, "nobody is there to be asked"
        return bool(self.key)

    def finish(self) -> None:
        self.finished += 1


@pytest.fixture(params=["trackio", "wandb"])
def fake(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, FakeServer]]:
    server = FakeServer()
    monkeypatch.setitem(sys.modules, request.param, server)  # pyright: ignore[reportArgumentType]
    monkeypatch.delenv("WANDB_MODE", raising=False)
    yield request.param, server


def read_events(out: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(out / TENSORBOARD)).Reload()
    return {
        name: [(event.step, event.value) for event in events.Scalars(name)]
        for name in events.Tags()["scalars"]
    }


def test_numbers_are_flat_and_nothing_else_is_told() -> None:
    assert flat(lines(1)[0]) == {"reward": 0.0, "uses/crop": 2.0, "failures/search": 1.0, "alarms": 1.0}


def test_tensorboard_has_each_step_once_after_a_kill_and_steps_that_are_done_again(tmp_path: Path) -> None:
    with suppress(KeyboardInterrupt), reporting(recipe("tensorboard"), tmp_path) as reports:
        assert reports.tell(lines(1)) == []
        assert len(read_events(tmp_path)["reward"]) == 1, "on the disk at once: kill -9 closes nothing"
        assert reports.tell(lines(3)) == []
        raise KeyboardInterrupt
    with reporting(recipe("tensorboard"), tmp_path) as reports:  # goes on from a checkpoint after step 1
        for done in (2, 3, 4, 5):
            assert reports.tell(lines(done)) == []
    assert [step for step, _ in read_events(tmp_path)["reward"]] == [0, 1, 2, 3, 4]
    assert read_events(tmp_path)["uses/crop"][0] == (0, 2.0)
    assert "entropy" not in read_events(tmp_path)


def test_a_reporter_has_each_step_once_under_one_name(tmp_path: Path, fake: tuple[str, FakeServer]) -> None:
    name, server = fake
    for end in (3, 2, 5):  # the second is killed before it comes further than the first
        with reporting(recipe(name), tmp_path) as reports:
            assert reports.tell(lines(end)) == []
    assert [step for step, _ in server.logged] == [0, 1, 2, 3, 4] and server.finished == 3
    names = {how.get("id") or how["name"] for how in server.opened}
    assert len(names) == 1 and all(how["resume"] == "allow" for how in server.opened)
    forget_reports(tmp_path)
    with reporting(recipe(name), tmp_path) as reports:
        reports.tell(lines(1))
    assert (server.opened[-1].get("id") or server.opened[-1]["name"]) not in names


def test_one_that_joins_late_is_told_the_whole_curve(tmp_path: Path, fake: tuple[str, FakeServer]) -> None:
    name, server = fake
    with reporting(recipe("tensorboard"), tmp_path) as reports:
        reports.tell(lines(2))
    with reporting(recipe("tensorboard", name), tmp_path) as reports:
        reports.tell(lines(3))
    assert [step for step, _ in server.logged] == [0, 1, 2]
    assert [step for step, _ in read_events(tmp_path)["reward"]] == [0, 1, 2]


def test_one_that_fails_is_left_told_of_and_caught_up_later(
    tmp_path: Path, fake: tuple[str, FakeServer], capsys: pytest.CaptureFixture[str]
) -> None:
    name, server = fake
    with reporting(recipe("tensorboard", name), tmp_path) as reports:
        reports.tell(lines(1))
        server.broken = True
        (problem,) = reports.tell(lines(2))
        assert name in problem and "disk of the server is full" in problem
        assert reports.tell(lines(3)) == []
    server.broken = False
    with reporting(recipe("tensorboard", name), tmp_path) as reports:
        reports.tell(lines(4))
    assert [step for step, _ in server.logged] == [0, 1, 2, 3]
    assert len(read_events(tmp_path)["reward"]) == 4
    if name == "trackio":
        assert "welcome" not in capsys.readouterr().out


def test_wandb_is_offline_without_a_key_and_no_key_is_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = FakeServer()
    monkeypatch.setitem(sys.modules, "wandb", server)  # pyright: ignore[reportArgumentType]
    monkeypatch.delenv("WANDB_MODE", raising=False)
    with reporting(recipe("wandb"), tmp_path):
        pass
    assert server.opened[0]["mode"] == "offline"
    server.key = KEY
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    with reporting(recipe("wandb"), tmp_path) as reports:
        reports.tell(lines(2))
    monkeypatch.setenv("WANDB_MODE", "disabled")
    with reporting(recipe("wandb"), tmp_path):
        pass
    assert [how["mode"] for how in server.opened] == ["offline", "online", "disabled"]
    assert KEY not in repr(server.opened)
    assert all(KEY.encode() not in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


@pytest.mark.parametrize("name", ["tensorboard", "trackio", "wandb"])
def test_a_missing_library_is_told_before_anything_is_loaded(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deepeyes.train.rl.recipe.find_spec", lambda wanted: None)
    with pytest.raises(ConfigError, match=rf"report\.to names {name}.*pip install.*or leave it out"):
        recipe(name).checked()


def test_an_unknown_reporter_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"report\.to"):
        RlRecipe.load(overrides=["model.path=nano", "tasks.world.tiny=1", 'report.to=["mlflow"]'])


def test_one_that_cannot_be_opened_is_an_error_before_training(tmp_path: Path) -> None:
    (tmp_path / TENSORBOARD).write_text("a file where a folder should be")
    with pytest.raises(ConfigError, match=r"opening tensorboard failed.*report\.to"):
        with reporting(recipe("tensorboard"), tmp_path):
            pass


def test_without_reporters_nothing_is_written(tmp_path: Path) -> None:
    with reporting(recipe(), tmp_path):
        pass
    assert not (tmp_path / REPORTED).exists()
