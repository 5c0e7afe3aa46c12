"""Several settings of one benchmark: their folders, their order, and what goes on where."""

from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from eval.plans import SumsPlan

from deepeyes.agent.agent import Agent
from deepeyes.core.errors import ConfigError, ModelError
from deepeyes.core.trace import Trace, read_traces
from deepeyes.eval.runs import find_runs
from deepeyes.eval.settings import Results, Setting, pairs, run_settings, settings_of
from deepeyes.models.scripted import ScriptedModel

BOTH = (True, False)


class Seen:
    """A watch that remembers."""

    def __init__(self) -> None:
        self.labels: list[str] = []
        self.kept_so_far: list[int] = []
        self.asked = 0

    def begin(self, setting: Setting) -> None:
        self.labels.append(setting.label)

    def kept(self, results: Any) -> None:
        self.kept_so_far.append(len(results))

    def done(self, trace: Trace) -> None:
        self.asked += 1


@pytest.mark.parametrize(
    ("models", "tools", "folders"),
    [
        (["nano"], (True,), ["."]),
        (["nano"], BOTH, ["with-tools", "without-tools"]),
        (["nano", "nano", "hf:Qwen/Qwen3-VL-4B"], (False,), ["nano", "Qwen3-VL-4B"]),
        (
            ["openai:a/m@http://h:8000/v1#prompt=brief", "openai:b/m@corp"],
            BOTH,
            ["m/with-tools", "m/without-tools", "m-420501ba/with-tools", "m-420501ba/without-tools"],
        ),
        (["nano:out/step 7/", "scripted:../x.txt"], (True,), ["step-7", "x.txt"]),
        (["nano:a/with-tools", "nano:.."], (True,), ["with-tools-585f251e", "nano"]),
    ],
)
def test_each_setting_has_its_folder(models: list[str], tools: Any, folders: list[str]) -> None:
    settings = settings_of(SumsPlan(), models, tools, Path("out"))
    assert [str(one.folder.relative_to("out")) for one in settings] == folders
    assert [(one.plan.model, one.plan.tools) for one in settings] == [
        (model, on) for model in dict.fromkeys(models) for on in tools
    ]


def test_a_folder_holds_one_run_or_several_and_never_both(tmp_path: Path) -> None:
    one, many = tmp_path / "one", tmp_path / "many"
    one.mkdir()
    (one / "plan.toml").write_text("n = 1")
    (many / "with-tools").mkdir(parents=True)
    (many / "with-tools" / "plan.toml").write_text("n = 1")
    with pytest.raises(ConfigError, match="holds a single run, and these are 2: choose another --out"):
        settings_of(SumsPlan(), ["nano"], BOTH, one)
    with pytest.raises(ConfigError, match="holds several runs, and this is a single one: choose another"):
        settings_of(SumsPlan(), ["nano"], (True,), many)
    assert len(settings_of(SumsPlan(), ["nano"], (True,), one)) == 1
    assert len(settings_of(SumsPlan(), ["nano", "nano-base"], BOTH, many)) == 4


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of models in the order in which they were opened and closed; each answers 1."""
    seen: list[str] = []

    class Model(ScriptedModel):
        async def aclose(self) -> None:
            seen.append(f"{self.name} closed")

    def resolve(name: str) -> ScriptedModel:
        seen.append(name)
        return Model(["<answer>1</answer>"], name=name)

    monkeypatch.setattr("deepeyes.eval.settings.resolve_model", resolve)
    monkeypatch.setattr("deepeyes.eval.settings.check_models", lambda names: None)

    @asynccontextmanager
    async def agent(model: Any, **rest: Any):
        assert not isinstance(model, str)
        yield Agent(model)

    monkeypatch.setattr("deepeyes.eval.plan.open_agent", agent)
    return seen


async def test_a_model_is_opened_once_for_its_settings_and_all_goes_on(
    tmp_path: Path, opened: list[str]
) -> None:
    settings = settings_of(SumsPlan(n=2), ["a", "b"], BOTH, tmp_path)
    watch = Seen()
    results = await run_settings(settings, concurrency=2, tell=print, watch=watch)
    assert opened == ["a", "a closed", "b", "b closed"]
    assert watch.labels == ["a/with-tools", "a/without-tools", "b/with-tools", "b/without-tools"]
    assert watch.asked == 8 and watch.kept_so_far == [0] * 4
    assert [run.label for run in find_runs([tmp_path])] == watch.labels
    assert [(run.model, run.tools) for run in find_runs([tmp_path])] == [(m, on) for m in "ab" for on in BOTH]
    (tmp_path / "b" / "with-tools" / "traces.jsonl").unlink()
    again = Seen()
    more = await run_settings(settings, concurrency=2, tell=print, watch=again)
    assert again.asked == 2 and again.kept_so_far == [2, 2, 0, 2]
    assert [[t.id for t in one.traces] for one in more] == [[t.id for t in one.traces] for one in results]
    assert len(list(read_traces(tmp_path / "b" / "with-tools"))) == 2


async def test_every_model_is_looked_at_before_the_first_is_asked(tmp_path: Path) -> None:
    (tmp_path / "m.txt").write_text("<answer>1</answer>")
    models = [f"scripted:{tmp_path / 'm.txt'}", f"scripted:{tmp_path / 'gone.txt'}"]
    settings = settings_of(SumsPlan(n=2), models, (False,), tmp_path / "out")
    with pytest.raises(ModelError, match=r"gone\.txt"):
        await run_settings(settings, concurrency=2, tell=print, watch=Seen())
    assert not (tmp_path / "out").exists()


def test_pairs_are_of_one_model() -> None:
    settings = settings_of(SumsPlan(), ["nano", "nano-base"], BOTH, Path("out"))
    results = [Results(setting, []) for setting in settings]
    assert pairs(results) == [(results[0], results[1]), (results[2], results[3])]
    assert not pairs(results[::2])
