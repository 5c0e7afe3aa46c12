"""Where `hf:` models are: each reason why one cannot be had is told apart, at once, and in one line."""

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

pytest.importorskip("huggingface_hub")
from huggingface_hub import constants
from huggingface_hub.utils import close_session

from deepeyes.core.errors import ModelError
from deepeyes.models import hub
from deepeyes.models.hub import located
from deepeyes.models.registry import check_model, resolve_model

KNOWN = {
    "/some/gguf/resolve/main/config.json": (404, "EntryNotFound"),
    "/some/gguf/resolve/main/adapter_config.json": (404, "EntryNotFound"),
    "/some/adapter/resolve/main/config.json": (404, "EntryNotFound"),
    "/some/adapter/resolve/main/adapter_config.json": (200, ""),
    "/some/gated/resolve/main/config.json": (403, "GatedRepo"),
    "/some/model/resolve/main/config.json": (200, ""),
    "/some/broken/resolve/main/config.json": (500, ""),
}
HASH = "5" * 40


class Hub(BaseHTTPRequestHandler):
    asked: list[str] = []

    def do_HEAD(self) -> None:
        Hub.asked.append(self.path)
        status, code = KNOWN.get(self.path, (404, "RepoNotFound"))
        self.send_response(status)
        for name, value in (("X-Error-Code", code), ("X-Repo-Commit", HASH), ("ETag", '"1"')):
            self.send_header(name, value)
        self.send_header("Content-Length", "2")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache, an empty working directory, and a network that may be asked."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    close_session()
    yield tmp_path / "cache"
    close_session()


def point_to(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = constants.HUGGINGFACE_CO_URL_TEMPLATE.removeprefix(constants.ENDPOINT)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + path)
    monkeypatch.setattr(constants, "ENDPOINT", url)


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A Hub on this machine; what it was asked for."""
    served = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    point_to(f"http://127.0.0.1:{served.server_port}", monkeypatch)
    Hub.asked = []
    yield Hub.asked
    served.shutdown()
    served.server_close()


@pytest.fixture
def unplugged(monkeypatch: pytest.MonkeyPatch) -> None:
    point_to("http://127.0.0.1:9", monkeypatch)


def cached(cache: Path, name: str) -> Path:
    repository = cache / f"models--{name.replace('/', '--')}"
    snapshot = repository / "snapshots" / HASH
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(HASH)
    return snapshot


def message(place: str) -> str:
    with pytest.raises(ModelError) as caught:
        located(place)
    assert "\n" not in str(caught.value) and caught.value.remedy
    return str(caught.value)


@pytest.mark.parametrize("name", ["some/model", "some/adapter"])
def test_a_model_that_the_hub_gives_goes_by_its_id(online: list[str], name: str):
    assert located(name) == name and len(online) <= 2


def test_a_model_that_there_is_not(online: list[str]):
    told = message("some/modle")
    assert "has no model 'some/modle', or shows it to others only" in told
    assert "OWNER/NAME" in told and "HF_TOKEN" in told and len(online) == 1


def test_a_model_that_not_everybody_gets(online: list[str]):
    told = message("some/gated")
    assert "only for those whom its owners let in" in told
    assert f"accept its terms at {constants.ENDPOINT}/some/gated" in told and "HF_TOKEN" in told


def test_a_repository_that_transformers_cannot_load(online: list[str]):
    assert "some/gguf holds no config.json" in message("some/gguf")


def test_a_hub_that_errs_counts_as_out_of_reach(online: list[str]):
    told = message("some/broken")
    assert "cannot be reached" in told and "500" in told and len(online) == 1


@pytest.mark.usefixtures("unplugged")
def test_without_a_network_it_says_at_once_what_to_do(capfd: pytest.CaptureFixture[str], cache: Path):
    start = time.perf_counter()
    told = message("some/model")
    assert time.perf_counter() - start < 3
    assert f"{constants.ENDPOINT} cannot be reached" in told and f"not in the cache {cache}" in told
    assert "hf download some/model --local-dir FOLDER" in told and "HF_HOME" in told
    assert capfd.readouterr().err == ""


@pytest.mark.usefixtures("unplugged")
def test_a_word_may_have_been_meant_as_a_folder():
    assert message("nope").startswith("there is no folder nope here, http")


@pytest.mark.usefixtures("unplugged")
def test_without_a_network_the_cache_is_enough(cache: Path, caplog: pytest.LogCaptureFixture):
    snapshot = cached(cache, "some/model")
    with caplog.at_level(logging.INFO):
        assert located("some/model") == str(snapshot)
    assert "some/model is taken from the cache" in caplog.text


@pytest.mark.parametrize("there", [True, False])
def test_offline_by_the_users_wish_asks_nobody(
    online: list[str], monkeypatch: pytest.MonkeyPatch, cache: Path, there: bool
):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    close_session()
    if there:
        snapshot = cached(cache, "some/model")
        assert located("some/model") == str(snapshot)
    else:
        told = message("some/model")
        assert told.startswith("HF_HUB_OFFLINE is set, and some/model is not in the cache")
        assert "unset HF_HUB_OFFLINE" in told
    assert online == []


def test_a_refusal_is_not_passed_over_because_of_the_cache(online: list[str], cache: Path):
    cached(cache, "some/gated")
    assert "accept its terms" in message("some/gated")


def test_a_hub_that_never_answers_is_not_waited_for(monkeypatch: pytest.MonkeyPatch):
    ending = threading.Event()
    monkeypatch.setattr("huggingface_hub.get_hf_file_metadata", lambda *_, **__: ending.wait(60))
    monkeypatch.setattr(hub, "PATIENCE", 0.1)
    start = time.perf_counter()
    assert "cannot be reached (no answer in 0.1 s)" in message("some/model")
    assert time.perf_counter() - start < 3
    ending.set()


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("./nowhere", "there is no folder ./nowhere: check its path"),
        ("/no/where", "there is no folder /no/where: check its path"),
        ("~/nowhere-at-all", "there is no folder ~/nowhere-at-all: check its path"),
        ("runs/sft/nano", "there is no folder runs/sft/nano: check its path"),
        ("runs/", "there is no folder runs/: check its path"),
        (".", ". is no model, it holds no config.json: give the one that has it"),
        ("weights.safetensors", "weights.safetensors is a file: give the folder"),
    ],
)
def test_what_can_only_be_a_folder_asks_no_hub(online: list[str], place: str, why: str, tmp_path: Path):
    (tmp_path / "weights.safetensors").touch()
    assert message(place).startswith(why) and online == []
    with pytest.raises(ModelError):
        check_model(f"hf:{place}")


@pytest.mark.parametrize("place", ["so me/model", "-some/model", "some/mo--del", "some/model:7b"])
def test_what_can_be_neither_is_told(online: list[str], place: str):
    assert "written OWNER/NAME" in message(place) and online == []


@pytest.mark.parametrize("file", ["config.json", "adapter_config.json"])
def test_a_folder_with_a_model_goes_first(online: list[str], tmp_path: Path, file: str):
    folder = tmp_path / "some" / "model"
    folder.mkdir(parents=True)
    (folder / file).write_text("{}")
    assert located("some/model") == "some/model" and online == []


@pytest.mark.parametrize("missing", ["huggingface_hub", "torch", "transformers"])
def test_a_missing_library_is_told_with_what_to_install(
    missing: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    (tmp_path / "config.json").write_text("{}")
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ModelError, match=r"install what it needs: .*\[nano\]"):
        resolve_model("hf:some/model" if missing == "huggingface_hub" else f"hf:{tmp_path}")


def test_the_command_line_says_it_in_one_line_and_soon(tmp_path: Path):
    start = time.perf_counter()
    env = {**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path)}
    env.pop("HF_HUB_OFFLINE", None)
    words = [sys.executable, "-m", "deepeyes", "eval", "world", "-n", "2", "--model", "hf:some/model"]
    ran = subprocess.run(words, env=env, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 4 and ran.stderr.count("\n") == 1 and "hf download" in ran.stderr, ran.stderr
    assert time.perf_counter() - start < 20  # mostly imports, on a busy machine
