"""How fast groups of whole episodes are played for reinforcement learning, beside what else there is.

    python -m benchmarks.rollouts --json

Everything is measured in one run on the same cores, the sides in turn, with the embedded model on its own
engine:
- `trl_ratio`: our rollouts a minute over those of TRL's own environment path (`rollouts_trl.py` says what is
  the same), training excluded on both sides (target: at least 2.5);
- `logprob_max_diff`: how far the log-probabilities that those episodes recorded are from the trainer's
  (target: at most 1e-4); `episodes_per_min_per_core`: by processor seconds of this process, sandboxes apart;
- `slow_tool_ratio`: 32 episodes of three calls, each of which takes two seconds more; ours over lock-step as
  TRL does it: all replies, then one call after the other (target: at least 3). `slow_tool_ratio_parallel` is
  over a kinder lock-step whose calls of one round run at once. `idle_share`: of our time, when no reply was
  being decoded. The calls are those of a script, but the model decodes a reply of 60 tokens for each;
- `engine_ratio`: processor seconds of whole episodes (`tiny` and `integration`, groups of 8) with nano's
  engine as it was at `--before` (out of git's history, else left out) over those with today's, all
  else being the same files (target: 1.5).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
NANO = "src/deepeyes/models/nano"
BEFORE = "9d14e5f"
"""The commit before the engine looked at its cache where it lies."""
SAMPLES = 8
CALLS = 3


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=("trl", "slow", "engine"), help="one of the three")
    parser.add_argument("--family", default="tiny", help="of the episodes that TRL plays too")
    parser.add_argument("--groups", type=int, default=8, help="tasks, each played 8 times")
    parser.add_argument("--rounds", type=int, default=2, help="how often the sides take turns")
    parser.add_argument("--slow", type=float, default=2.0, help="seconds that a slow call takes more")
    parser.add_argument("--episodes", type=int, default=32, help="with slow tools")
    parser.add_argument("--before", default=BEFORE, help="commit whose engine is the other side")
    parser.add_argument("--json", action="store_true", help="print one flat object")
    parser.add_argument("--engine-family", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.engine_family:
        print(json.dumps(asyncio.run(engine_alone(options.engine_family, options.groups))))
        return
    report: dict[str, Any] = {"cores": len(os.sched_getaffinity(0)), "samples": SAMPLES}
    if options.only in (None, "trl"):
        report |= asyncio.run(against_trl(options.family, options.groups, options.rounds))
    if options.only in (None, "slow"):
        report |= asyncio.run(slow_tools(options.episodes, options.slow))
    if options.only in (None, "engine"):
        report |= against_before(options.before, options.groups, options.rounds)
    print(json.dumps(report) if options.json else "\n".join(f"{k}: {v}" for k, v in report.items()))


@asynccontextmanager
async def players(family: str, groups: int, concurrency: int) -> Any:
    """A player with the embedded model and its tools, its tasks, their images, and the grader."""
    from deepeyes.core.images import ImageStore
    from deepeyes.core.limits import Limits
    from deepeyes.core.sampling import Sampling
    from deepeyes.grading.grader import Grading, open_grader
    from deepeyes.grading.reward import Reward
    from deepeyes.harness.setup import open_agent
    from deepeyes.models.nano.model import load_nano
    from deepeyes.train.rl.recipe import RolloutsConfig
    from deepeyes.train.rl.rollouts import Player
    from deepeyes.world.tasks import world_tasks

    images = ImageStore()
    tasks = list(world_tasks([family], "validation", 5, groups, images))
    model = load_nano("nano", rows=concurrency)
    opening = open_agent(
        model,
        search=("world",) if family in ("search", "integration") else (),
        limits=Limits(turns=6, tokens_per_turn=256),
        sampling=Sampling(temperature=1.0),
    )
    async with opening as agent, open_grader(Grading()) as grade:
        plan = RolloutsConfig(samples=SAMPLES, concurrency=concurrency, tools="all")
        player = Player(agent, grade, plan, Reward())
        await player.play(tasks[:1], 0, ImageStore(parent=images), Counter(), 2)  # warm
        yield player, tasks, images
    await model.aclose()


async def against_trl(family: str, groups: int, rounds: int) -> dict[str, Any]:
    """Rollouts a minute, ours and TRL's, in turn."""
    from benchmarks.rollouts_trl import Peer, Stage
    from deepeyes.core.images import ImageStore
    from deepeyes.models.nano.model import NAMES, WEIGHTS

    seen, episodes = Counter[str](), groups * SAMPLES
    wall, busy = Counter[str](), Counter[str]()
    with tempfile.TemporaryDirectory(prefix="rollouts-") as scratch:
        async with players(family, groups, episodes) as (player, tasks, images):
            stage = Stage(player.agent, player.grade, images, tasks)
            banned = player.agent.model.engine.banned
            folder = WEIGHTS / NAMES["nano"]
            peer = await asyncio.to_thread(Peer, folder, stage, SAMPLES, Path(scratch), banned)
            for turn in range(rounds):
                store, start, before = ImageStore(parent=images), time.perf_counter(), time.process_time()
                played = await player.play(tasks, turn, store, seen)
                wall["ours"] += time.perf_counter() - start
                busy["ours"] += time.process_time() - before
                traces = [trace for group in played for trace in group.traces]
                seen.update(
                    right=sum(trace.is_right for trace in traces),
                    calls=sum(len(trace.tool_turns) for trace in traces),
                    tokens=sum(trace.usage.completion_tokens for trace in traces),
                )
                before = time.process_time()
                theirs = await asyncio.to_thread(peer.play)
                wall["trl"] += theirs.pop("seconds")
                busy["trl"] += time.process_time() - before
                seen.update({f"trl_{name}": value for name, value in theirs.items()})
    minute = 60 * episodes * rounds
    return {
        "episodes": episodes * rounds,
        "rollouts_per_min": round(minute / wall["ours"], 1),
        "trl_rollouts_per_min": round(minute / wall["trl"], 1),
        "trl_ratio": round(wall["trl"] / wall["ours"], 2),
        "trl_ratio_processor": round(busy["trl"] / busy["ours"], 2),
        "episodes_per_min_per_core": round(minute / busy["ours"], 1),
        "logprob_max_diff": mismatch_of(traces, store),
        **seen,
    }


def mismatch_of(traces: Sequence[Any], images: Any) -> float:
    """The largest difference to the trainer's log-probabilities."""
    import torch

    from deepeyes.train.batch import Collator
    from deepeyes.train.loading import load_model, load_processor
    from deepeyes.train.logprobs import logprobs_of, mismatch
    from deepeyes.train.sft.recipe import ModelConfig
    from deepeyes.train.tokens import record_of

    settings = ModelConfig(path="nano")
    collate = Collator(load_model(settings, torch.float32), load_processor(settings))
    records = [record_of(trace, image_token=collate.image_token) for trace in traces]
    largest = 0.0
    with torch.inference_mode():
        for first in range(0, len(records), 8):
            batch = collate(records[first : first + 8], images)
            scores = logprobs_of(collate.model, batch)
            largest = max(largest, mismatch(scores.logprobs, batch.logprobs, batch.chosen).largest)
    return largest


async def slow_tools(episodes: int, slow: float) -> dict[str, Any]:
    """Ours and two kinds of lock-step, by seconds."""
    found = {how: await slowly(how, episodes, slow) for how in ("ours", "lock_step", "parallel")}
    ours, idle = found["ours"]
    return {
        "slow_seconds": round(ours, 2),
        "slow_lock_step_seconds": round(found["lock_step"][0], 2),
        "slow_tool_ratio": round(found["lock_step"][0] / ours, 2),
        "slow_tool_ratio_parallel": round(found["parallel"][0] / ours, 2),
        "idle_share": round(idle / ours, 3),
        "lock_step_idle_share": round(found["lock_step"][1] / found["lock_step"][0], 3),
    }


async def slowly(how: str, episodes: int, slow: float) -> tuple[float, float]:
    """(seconds, those in which nothing was decoded) of so many episodes."""
    from deepeyes.core.images import ImageStore

    async with players("tiny", episodes, episodes) as (player, tasks, images):
        model = Talker(player.agent.model)
        rounds = Rounds(episodes, how)
        tools = player.agent.tools.each(lambda tool: Slow(tool, slow, rounds))
        agent = replace(player.agent, model=model, tools=tools)
        start = time.perf_counter()
        traces = await agent.run(tasks, images=ImageStore(parent=images), concurrency=episodes)
        seconds = time.perf_counter() - start
        assert all(len(trace.tool_turns) == CALLS for trace in traces), "an episode failed: deepeyes doctor"
        return seconds, seconds - model.busy


class Rounds:
    """Lock-step: nobody's call begins before all have replied, nobody goes on before all calls are done."""

    def __init__(self, count: int, how: str) -> None:
        self._how = how
        self._all, self._one = asyncio.Barrier(count), asyncio.Lock()

    async def run(self, call: Any) -> Any:
        if self._how == "ours":
            return await call()
        await self._all.wait()
        if self._how == "parallel":
            result = await call()
        else:
            async with self._one:
                result = await call()
        await self._all.wait()
        return result


class Slow:
    """A tool that takes so many seconds more."""

    def __init__(self, tool: Any, seconds: float, rounds: Rounds) -> None:
        self.name, self.description, self.parameters = tool.name, tool.description, tool.parameters
        self._tool, self._seconds, self._rounds = tool, seconds, rounds

    async def run(self, arguments: Mapping[str, Any], episode: Any) -> Any:
        async def call() -> Any:
            await asyncio.sleep(self._seconds)
            return await self._tool.run(arguments, episode)

        return await self._rounds.run(call)


class Talker:
    """The embedded model, whose replies are decoded and then replaced by those of a script."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.name, self.vision = model.name, model.vision
        self.dialect_name, self.prompt = model.dialect_name, model.prompt
        self.speaking, self.busy, self._since = 0, 0.0, 0.0

    def conversation(self, sampling: Any) -> Any:
        return Talk(self, self._model.conversation(sampling))

    def began(self) -> None:
        if not self.speaking:
            self._since = time.perf_counter()
        self.speaking += 1

    def ended(self) -> None:
        self.speaking -= 1
        if not self.speaking:
            self.busy += time.perf_counter() - self._since

    async def aclose(self) -> None:
        return None


class Talk:
    def __init__(self, talker: Talker, inner: Any) -> None:
        self._talker, self._inner, self._turn = talker, inner, 0
        self.close = inner.close

    async def send(self, new_messages: Sequence[Any], **rest: Any) -> Any:
        self._talker.began()
        try:
            said = await self._inner.send(new_messages, **{**rest, "max_tokens": 60})
        finally:
            self._talker.ended()
        self._turn += 1
        look = "<code>\n```python\nshow(image_1.crop((0, 0, 90, 90)))\n```\n</code>"
        text = look if self._turn <= CALLS else "<answer>A</answer>"
        return replace(said, text=f"<think>I look.</think>\n{text}", finish_reason="stop")


def against_before(commit: str, groups: int, rounds: int) -> dict[str, Any]:
    """Processor seconds of the same episodes with the engine of `commit` and with today's, in turn."""
    archive = ["git", "-C", str(ROOT), "archive", commit, NANO]
    old = subprocess.run(archive, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    if old.returncode:
        return {"engine_ratio": None, "engine_before": f"{commit} is not in git's history here"}
    report: dict[str, Any] = {"engine_before": commit}
    totals = Counter[str]()
    with tempfile.TemporaryDirectory(prefix="rollouts-") as folder:
        shutil.copytree(ROOT / "src", Path(folder, "src"))
        for file in Path(folder, NANO).glob("*.py"):
            file.unlink()
        subprocess.run(["tar", "-x", "-C", folder, "--exclude=*/weights"], input=old.stdout, check=True)
        for family in ("tiny", "integration"):
            spent = Counter[str]()
            for _ in range(rounds):
                for side, source in (("before", Path(folder, "src")), ("now", ROOT / "src")):
                    spent[side] += measured(source, family, groups)["seconds"]
            report[f"engine_ratio_{family}"] = round(spent["before"] / spent["now"], 2)
            totals.update(spent)
    return {**report, "engine_ratio": round(totals["before"] / totals["now"], 2)}


def measured(source: Path, family: str, groups: int) -> dict[str, Any]:
    """`engine_alone` in a process of its own, with the package in `source`."""
    command = [sys.executable, __file__, "--engine-family", family, "--groups", str(groups)]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(source)}
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


async def engine_alone(family: str, groups: int) -> dict[str, Any]:
    """Processor seconds of this process for groups of whole episodes; where the package lies."""
    import deepeyes
    from deepeyes.core.images import ImageStore

    async with players(family, groups, groups * SAMPLES) as (player, tasks, images):
        before = time.process_time()
        await player.play(tasks, 7, ImageStore(parent=images), Counter())
        seconds = time.process_time() - before
    return {"seconds": seconds, "package": deepeyes.__file__}


if __name__ == "__main__":
    main()
