"""Teachers that know the solution, when the machine fails them or a row is too long."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from data.crew import ShowingSandbox, Talker, curated, drawing, recipe_values, write_rows

from deepeyes.agent.agent import Agent
from deepeyes.agent.many import episode_seed
from deepeyes.core.errors import InfrastructureError, StorageError
from deepeyes.core.images import VisionSpec
from deepeyes.core.limits import Limits
from deepeyes.core.sampling import Sampling
from deepeyes.core.trace import read_traces
from deepeyes.data.curate import Execution, curate
from deepeyes.data.recipe import CurationRecipe
from deepeyes.data.run.episodes import EpisodeStore
from deepeyes.data.run.folder import RunFolder
from deepeyes.data.run.probe import RetryRounds
from deepeyes.data.run.runners import runner_named
from deepeyes.data.stages.teach.teachers import replies_for
from deepeyes.dialects.deepeyes_v2_lenient import DeepEyesV2Lenient
from deepeyes.tools.base import Episode, ToolResult, ToolSet
from deepeyes.tools.python import PythonTool
from deepeyes.world.families import make_example

pytest.importorskip("datasketch")
pytest.importorskip("imagehash")

QUICK = Execution(concurrency=4, retry=RetryRounds(wait=0.01))


class Workshop:
    """An `OpenAgent` whose sandbox fails so many times."""

    def __init__(self, failures: int = 0) -> None:
        self.sandbox = ShowingSandbox()
        self.sandbox.failures = failures
        self.opened = 0

    @asynccontextmanager
    async def __call__(
        self, model: str, *, tools: bool = True, limits: Limits, sampling: Sampling, **_: Any
    ) -> AsyncGenerator[Agent]:
        self.opened += 1
        python = [PythonTool(self.sandbox)] if tools else []
        yield Agent(Talker(model), ToolSet(python), None, limits, sampling)


def world_recipe() -> CurationRecipe:
    limits = {"turns": 4, "retries": 0}
    vision = {"factor": 28, "min_pixels": 3136, "max_pixels": 37632}
    teacher = {"model": "world", "dialect": "deepeyes_v2/brief", "limits": limits, "vision": vision}
    return CurationRecipe.model_validate(
        {
            "sources": {"world": {"kind": "world", "families": ["tiny"], "limit": 3, "route": "cold_start"}},
            "synthesize": {"teachers": {"world": teacher}},
        }
    )


def tried(run: Path) -> list[list[str]]:
    (stage,) = [stage for stage in RunFolder(run).stages() if stage.name == "synthesize"]
    return [[trial.teacher for trial in item.trials] for item in stage.kept()]


def test_a_sandbox_that_fails_for_a_while_costs_no_trace(tmp_path: Path) -> None:
    curated(world_recipe(), tmp_path / "run", Workshop(failures=4), execution=QUICK)
    assert tried(tmp_path / "run") == [["world"]] * 3


def test_a_teachers_sandbox_is_seeded_by_its_own_seed(tmp_path: Path) -> None:
    recipe = world_recipe()
    workshop = Workshop()
    curated(recipe, tmp_path / "run", workshop, execution=QUICK)
    own = recipe.synthesize.teachers["world"].sampling.seed
    items = RunFolder(tmp_path / "run").final()
    seeds = [session.seed for session in workshop.sandbox.sessions]
    assert own == 2 and sorted(seeds) == sorted(episode_seed(own, item.id, 0) for item in items)
    vision = recipe.synthesize.teachers["world"].vision
    traces = RunFolder(tmp_path / "run").traces(item.trace for item in items if item.trace)
    assert [(trace.vision, trace.model) for trace in traces] == [(vision, "world")] * 3


def test_a_sandbox_that_stays_away_stops_the_run_which_then_goes_on(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match="3 of 3 questions"):
        curated(world_recipe(), tmp_path / "run", Workshop(failures=10**6), execution=QUICK)
    curated(world_recipe(), tmp_path / "run", Workshop(), execution=QUICK)
    assert tried(tmp_path / "run") == [["world"]] * 3


class Told:
    """A tool that answers everything alike."""

    description = "Looks something up."

    def __init__(self, name: str, argument: str, tells: str) -> None:
        self.name = name
        self.parameters = {"type": "object", "properties": {argument: {"type": "string"}}}
        self.tells = tells

    async def run(self, arguments: Mapping[str, Any], episode: Episode) -> ToolResult:
        return ToolResult(stdout=self.tells)


class Library:
    """An `OpenAgent` whose searches find something else than what was looked for."""

    @asynccontextmanager
    async def __call__(
        self, model: str, *, tools: bool = True, limits: Limits, sampling: Sampling, **_: Any
    ) -> AsyncGenerator[Agent]:
        told = [Told("image_search", "image", "1. Another thing\n"), Told("search", "query", "1. A page.\n")]
        yield Agent(Talker(model), ToolSet(told), None, limits, sampling)


def test_the_worlds_teacher_may_not_say_what_no_search_told(tmp_path: Path) -> None:
    source = {"kind": "world", "families": ["search"], "limit": 2, "route": "cold_start"}
    teacher = {"model": "world", "dialect": "deepeyes_v2/brief"}
    values = {"sources": {"world": source}, "synthesize": {"teachers": {"world": teacher}}}
    counts = curated(values, tmp_path / "run", Library(), execution=QUICK)
    assert {count.name: count.rejected for count in counts}["verify"] == {"unsupported": 2}
    assert tried(tmp_path / "run") == [["world"]] * 2, "what it knows it says alike, so once"


def test_nor_may_a_published_conversation_that_is_the_worlds_teachers(tmp_path: Path) -> None:
    example = make_example("search", "train", 0, 0)
    replies = [reply.text for reply in replies_for(example, VisionSpec())]
    drawing(1).save(tmp_path / "a.png")
    messages = [{"role": "user", "content": "<image>What is it?"}]
    for reply in replies:
        messages += [{"role": "assistant", "content": reply}, {"role": "user", "content": "1. Nothing."}]
    row = {"id": "search-train-0-0", "messages": messages[:-1], "images": ["a.png"]}
    (tmp_path / "sft.json").write_text(json.dumps([row]))
    values = {"sources": {"sft": {"kind": "sharegpt", "path": str(tmp_path / "sft.json")}}}
    counts = curated(values, tmp_path / "run")
    assert {count.name: count.rejected for count in counts}["verify"] == {"unsupported": 1}


def written(tmp_path: Path, question: str) -> CurationRecipe:
    rows = [{"question": question, "answer": 4, "reasoning": "2 and 2."}]
    (tmp_path / "long.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = {"kind": "jsonl", "path": str(tmp_path / "long.jsonl"), "columns": {"reasoning": "reasoning"}}
    return CurationRecipe.model_validate({"sources": {"long": source}})


def test_a_written_question_that_no_episode_takes_is_counted(tmp_path: Path) -> None:
    counts = curated(written(tmp_path, "2 + 2? " * 5000), tmp_path / "run", Workshop())
    assert {count.name: count.rejected for count in counts}["normalise"] == {"question_too_long": 1}


def test_a_full_disk_comes_out_as_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise StorageError("the disk is full", "free some space")

    monkeypatch.setattr(EpisodeStore, "write", full)
    with pytest.raises(StorageError):
        curated(written(tmp_path, "2 + 2?"), tmp_path / "run", Workshop())


def test_several_processes_leave_the_asking_to_this_one(tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    values = recipe_values(write_rows(tmp_path / "source", 20))
    workshop = Workshop()
    execution = Execution(runner_named("local", 2), retry=QUICK.retry)
    asyncio.run(
        curate(CurationRecipe.model_validate(values), tmp_path / "run", workshop, execution=execution)
    )
    assert workshop.opened == 3, "two probes and a teacher, each once, seen from here"


@pytest.mark.parametrize(
    ("named", "spoken"), [("", "deepeyes_v2"), ("deepeyes_v2/lenient", "deepeyes_v2/lenient")]
)
def test_what_learners_learn_does_not_depend_on_what_a_server_takes(
    named: str, spoken: str, tmp_path: Path
) -> None:
    class Finding(Workshop):
        """Finds out a dialect for every model."""

        @asynccontextmanager
        async def __call__(self, model: str, **options: Any) -> AsyncGenerator[Agent]:
            async with super().__call__(model, **options) as agent:
                yield replace(agent, dialect=DeepEyesV2Lenient())

    values = recipe_values(write_rows(tmp_path / "source", 4))
    values["synthesize"]["teachers"]["teacher"]["dialect"] = named
    out = tmp_path / "run"
    curated(values, out, Finding())
    asked = {
        folder.name: {trace.dialect for part in folder.iterdir() for trace in read_traces(part)}
        for folder in (out / "episodes").iterdir()
    }
    assert asked["synthesize-teacher"] == {spoken}
    assert asked["difficulty"] == {"deepeyes_v2/lenient"}
