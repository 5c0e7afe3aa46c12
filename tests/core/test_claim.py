"""A run's folder is one process's at a time, for as long as that lives, and one run's for ever."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deepeyes.core import locks
from deepeyes.core.claim import claim, hold, hold_to_read, refuse_other
from deepeyes.core.config import Config
from deepeyes.core.errors import ConfigError, StorageError
from deepeyes.core.locks import LOCK, locked

HOLDS = """
import sys, time
from pathlib import Path
from deepeyes.core import claim
with getattr(claim, sys.argv[2])(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@contextmanager
def another(folder: Path, how: str = "hold") -> Iterator[subprocess.Popen[str]]:
    """Another process that holds `folder`, killed in the end."""
    command = [sys.executable, "-c", HOLDS, str(folder), how]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_second_process_is_refused_at_once_and_told_what_to_do(tmp_path: Path) -> None:
    with another(tmp_path / "run") as first:
        with pytest.raises(StorageError) as caught, hold(tmp_path / "run"):
            pytest.fail("two at once")
        told = str(caught.value)
        assert f"another process is at work in {tmp_path / 'run'} (its number is {first.pid})" in told
        assert told.endswith("wait for it to end, end it, or choose another folder")
        with pytest.raises(StorageError, match="another process"), hold_to_read(tmp_path / "run"):
            pytest.fail("read while it is written")


def test_a_killed_process_leaves_no_lock_and_the_last_one_no_file(tmp_path: Path) -> None:
    with another(tmp_path):
        pass
    assert (tmp_path / LOCK).exists(), "a file alone is no lock"
    with hold(tmp_path):
        assert (tmp_path / LOCK).read_text() == str(os.getpid())
    assert not list(tmp_path.iterdir())


def test_readers_go_together_and_keep_runs_out(tmp_path: Path) -> None:
    with another(tmp_path, "hold_to_read"):
        with hold_to_read(tmp_path):
            pass
        with pytest.raises(StorageError, match="another process"), hold(tmp_path):
            pytest.fail("written while it is read")
    with hold_to_read(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_one_process_does_not_hold_a_folder_twice(tmp_path: Path) -> None:
    with hold(tmp_path):
        with pytest.raises(StorageError, match="another process"), hold(tmp_path):
            pytest.fail("two at once")
        with pytest.raises(StorageError, match="another process"), hold(tmp_path):
            pytest.fail("the one that was refused has freed it")


def _outlive(ready: int, end: int) -> None:
    os.write(ready, b"x")
    os.read(end, 1)


def test_a_forked_worker_does_not_keep_the_lock(tmp_path: Path) -> None:
    ready, end = os.pipe(), os.pipe()
    with hold(tmp_path):
        worker = multiprocessing.get_context("fork").Process(target=_outlive, args=(ready[1], end[0]))
        worker.start()
        os.read(ready[0], 1)
    try:
        with hold(tmp_path):
            pass
    finally:
        os.write(end[1], b"x")
        worker.join(60)


def test_a_forked_worker_that_ends_leaves_the_lock_to_its_parent(tmp_path: Path) -> None:
    with hold(tmp_path):
        if (child := os.fork()) == 0:
            try:
                raise SystemExit
            finally:
                locks._let_go(tmp_path / LOCK, max(locks._held(), default=99), shared=False)
                os._exit(0)
        os.waitpid(child, 0)
        assert (tmp_path / LOCK).exists()
        command = [sys.executable, "-c", HOLDS, str(tmp_path), "hold"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode and "another process is at work" in done.stderr


def test_who_waits_gets_the_lock_after_the_file_of_it_is_gone(tmp_path: Path) -> None:
    order: list[str] = []

    def wait() -> None:
        with locked(tmp_path / "turn", tmp_path, wait=True):
            order.append("second")
            with pytest.raises(StorageError), locked(tmp_path / "turn", tmp_path):
                order.append("two at once")

    with locked(tmp_path / "turn", tmp_path):
        thread = threading.Thread(target=wait)
        thread.start()
        thread.join(0.3)
        order.append("first")
    thread.join(60)
    assert order == ["first", "second"] and not list(tmp_path.iterdir())


def test_a_file_system_without_locks_is_worked_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", none)
    with hold(tmp_path), hold_to_read(tmp_path / "none"):
        pass
    assert not list(tmp_path.iterdir())


def test_what_can_only_be_read_needs_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with hold_to_read(tmp_path):
        pass
    with pytest.raises(StorageError, match="choose a folder you may write to"), hold(tmp_path):
        pytest.fail("written without a lock")


def test_what_a_killed_run_left_is_cleared_by_the_next(tmp_path: Path) -> None:
    (tmp_path / f".plan.toml.{'0' * 16}.part").write_text("half")
    with hold(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == [LOCK]


class Inner(Config):
    steps: int = 3
    share: float = float("nan")


class Plan(Config):
    n: int = 1
    seed: int = 0
    title: str = ""
    inner: Inner = Inner()


def test_a_claim_is_taken_up_by_the_same_settings_alone(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    claim(path, Plan(), free=("n",), remedy="go away")
    claim(path, Plan(n=9), free=("n",), remedy="go away")
    assert Plan.load(path).n == 9
    before = path.read_bytes()
    for other, told in (
        (Plan(seed=1), "differs in seed: go away"),
        (Plan(seed=1, inner=Inner(steps=4), n=3), r"differs in seed, inner\.steps: go away"),
    ):
        with pytest.raises(ConfigError, match=rf"holds another run: plan\.toml in it {told}"):
            claim(path, other, free=("n",), remedy="go away")
        assert path.read_bytes() == before
    with pytest.raises(ConfigError, match="differs in n: go away"):
        claim(path, Plan(), remedy="go away")
    refuse_other(path, Plan(inner=Inner(steps=7)), free=("n", "inner"), remedy="")


def test_a_plan_without_newer_keys_is_still_its_run(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text("seed = 4\n")
    claim(tmp_path / "plan.toml", Plan(seed=4), remedy="go away")


@pytest.mark.parametrize("text", ["seed = ", "color = 1\n", "\udcff"])
def test_a_plan_that_cannot_be_read_is_told_with_the_remedy(tmp_path: Path, text: str) -> None:
    (tmp_path / "plan.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigError, match=r"plan\.toml is not of this program .*: go away$"):
        claim(tmp_path / "plan.toml", Plan(), remedy="go away")


def test_other_values_are_claimed_as_json(tmp_path: Path) -> None:
    path = tmp_path / "made.json"
    made = {"seed": 1, "size": {"hidden": 64}, "families": ("a", "b")}
    claim(path, made, remedy="go away")
    assert path.read_text() == json.dumps(made, indent=1)
    claim(path, made, remedy="go away")
    with pytest.raises(ConfigError, match=r"differs in size\.hidden, more: go away"):
        refuse_other(path, {**made, "size": {"hidden": 65}, "more": 1}, remedy="go away")
    path.write_text("[]")
    with pytest.raises(ConfigError, match="differs in seed, size, families: go away"):
        refuse_other(path, made, remedy="go away")


def test_ctrl_c_and_errors_let_go(tmp_path: Path) -> None:
    for error in (KeyboardInterrupt, ValueError):
        with pytest.raises(error), hold(tmp_path):
            raise error
        assert not list(tmp_path.iterdir())
