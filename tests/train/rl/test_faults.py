"""Faults in mid-run, with the real sandbox, a judge's server and a search provider that fail: the step goes
on without the episodes that they spoiled, counts them by cause, and stops where most are lost.
"""

import asyncio
import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from judge_server import JUDGES, JudgeServer, serving
from PIL import Image

from deepeyes.core.errors import ConfigError, InfrastructureError, InputError, ModelError
from deepeyes.core.images import ImageStore
from deepeyes.core.limits import Limits
from deepeyes.core.sampling import Sampling
from deepeyes.core.task import Task
from deepeyes.core.verdict import Verdict
from deepeyes.grading.grader import Grading, open_grader
from deepeyes.grading.reward import Reward
from deepeyes.harness.setup import open_agent
from deepeyes.models.base import Completion
from deepeyes.models.scripted import ScriptedModel
from deepeyes.train.rl.recipe import RolloutsConfig, TasksConfig
from deepeyes.train.rl.rollouts import Player
from deepeyes.train.rl.tasks import TaskStream
from deepeyes.train.rl.watch import numbers_of


def said(text: str) -> Completion:
    return Completion(text, token_ids=(1, 2), logprobs=(0.0, 0.0))


def code(source: str) -> Completion:
    return said(f"<think>t</think>\n<code>\n```python\n{source}\n```\n</code>")


def answer(text: str) -> Completion:
    return said(f"<think>t</think>\n<answer>{text}</answer>")


def call(query: str) -> Completion:
    arguments = {"name": "search", "arguments": {"query": query}}
    return said(f"<think>t</think>\n<tool_call>\n{json.dumps(arguments)}\n</tool_call>")


@asynccontextmanager
async def playing(
    scripts: dict[str, list[Completion]], grading: Grading = Grading(), **how: Any
) -> AsyncGenerator[Player]:
    """Tools are all open; a group is two tries at one question."""
    agent = open_agent(
        ScriptedModel(scripts),
        limits=Limits(retries=0, tool_seconds=30),
        sampling=Sampling(temperature=1.0),
        **how,
    )
    async with agent as opened, open_grader(grading) as grade:
        plan = RolloutsConfig(groups=4, samples=2, mixed_only=False, tools="all", concurrency=8, most=1.0)
        yield Player(opened, grade, plan, Reward())


def stream(*questions: str, gold: str = "7") -> TaskStream:
    tasks = [Task(id=f"{n}", question=question, answer=gold) for n, question in enumerate(questions)]
    return TaskStream(TasksConfig(files={"f": 1.0}), {"f": tasks})


async def step(player: Player, number: int, *questions: str, gold: str = "7") -> dict[str, Any]:
    played = await player.step(number, 0, stream(*questions, gold=gold), ImageStore())
    assert all(len(group.rewards) == len(group.traces) for group in played.groups)
    return numbers_of(played)


# ---- the sandbox


def below(pid: int) -> list[int]:
    """All processes that come of a process."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found, waiting = [], [pid]
    while waiting:
        its = parents.get(waiting.pop(), [])
        found += its
        waiting += its
    return found


async def test_a_sandbox_that_is_killed_in_mid_step_spoils_its_episodes_alone(tmp_path: Path) -> None:
    mark = tmp_path / "running"
    scripts = {
        "slow": [code("import time\ntime.sleep(4)\n3 + 4"), answer("7")],
        "quick": [answer("7")],
    }
    before = set(below(os.getpid()))
    async with playing(scripts) as player:

        async def kill() -> None:
            await asyncio.sleep(2.0)
            for pid in set(below(os.getpid())) - before:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            mark.touch()

        killer = asyncio.create_task(kill())
        numbers = await step(player, 0, "quick one", "quick two", "slow one", "quick three")
        await killer
        assert mark.exists()
        assert numbers["episodes"] == 6 and numbers["accuracy"] == 1.0, "those that used no sandbox count"
        assert numbers["failures/sandbox"] == 2 and numbers["lost"] == 0.25
        numbers = await step(player, 1, "quick one", "slow one", "slow two", "slow three")
        assert numbers["lost"] == 0.0 and numbers["calls"] == 0.75, "it has started again by itself"


# ---- the judge


@pytest.fixture
def judge() -> Iterator[JudgeServer]:
    with serving() as server:
        yield server


GOLD = "because the bridge was closed to lorries after the storm of 1953"
"""So free a text that no rule decides."""
FREE = {"why": [answer("the storm damaged it and heavy traffic was forbidden")], "plain": [answer(GOLD)]}


async def judged(
    server: JudgeServer, name: str = "no", *questions: str, seconds: float = 20.0
) -> dict[str, Any]:
    grading = Grading(judges=(server.model(name),), seconds=seconds)
    async with playing(FREE, grading, tools=False) as player:
        return await step(player, 0, *(questions or ("why a", "plain b", "plain c", "plain d")), gold=GOLD)


async def test_a_judge_that_works_is_asked_where_no_rule_decides(judge: JudgeServer) -> None:
    numbers = await judged(judge)
    assert judge.asked["no"] > 0 and numbers["lost"] == 0.0 and numbers["accuracy"] == 0.75


async def test_a_judge_that_answers_500_leaves_out_what_it_should_have_judged(judge: JudgeServer) -> None:
    judge.status = 500
    numbers = await judged(judge)
    assert numbers["failures/grading"] == 2 and numbers["accuracy"] == 1.0 and numbers["episodes"] == 6


async def test_a_judge_that_is_down_leaves_out_what_it_should_have_judged(judge: JudgeServer) -> None:
    judge.url = "http://127.0.0.1:9/v1"
    numbers = await judged(judge)
    assert numbers["failures/grading"] == 2 and numbers["accuracy"] == 1.0


async def test_a_judge_that_is_slow_leaves_out_what_it_should_have_judged(
    judge: JudgeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(JUDGES, "slow", lambda prompt: time.sleep(5) or "RIGHT")
    numbers = await judged(judge, "slow", seconds=0.5)
    assert numbers["failures/grading"] == 2 and numbers["accuracy"] == 1.0
    (why,) = numbers["dropped"]
    assert "gave no verdict in 0.5 s" in why


async def test_where_most_verdicts_are_lost_the_step_stops_and_says_what_to_do(judge: JudgeServer) -> None:
    judge.status = 500
    with pytest.raises(InfrastructureError, match=r"6 of 8 episodes .*grading.*same command goes on"):
        await judged(judge, "no", "why a", "why b", "why c", "plain d")


async def test_a_judge_whose_key_is_refused_stops_the_step(judge: JudgeServer) -> None:
    judge.status = 401
    with pytest.raises(ModelError, match=r"401|key"):
        await judged(judge)


@pytest.mark.parametrize("door", ["loop", "backends.trl"])
def test_a_judge_without_its_key_is_an_error_before_anything_is_loaded(
    door: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from deepeyes.train.rl.recipe import RlRecipe

    train = pytest.importorskip(f"deepeyes.train.rl.{door}").train

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MINE_KEY", raising=False)
    (tmp_path / "deepeyes.toml").write_text(
        '[providers.mine]\nbase_url = "https://example.com/v1"\nkey_env = "MINE_KEY"\n'
    )
    plan = RlRecipe.load(
        overrides=["model.path=nano", "tasks.world.tiny=1", 'grading.judges=["openai:big@mine"]']
    )
    with pytest.raises(ModelError, match="MINE_KEY is not set: export MINE_KEY=KEY"):
        train(plan, tmp_path / "run")
    assert not (tmp_path / "run").exists()


# ---- search


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A SearXNG of its own: 429 for queries with "busy", a hit for others. What it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)["q"][0]
            asked.append(query)
            hit = {
                "title": "Tower",
                "url": "https://example.org/t",
                "content": "It is 330 m tall.",
                "engine": "x",
            }
            body = json.dumps({"query": query, "results": [hit]}).encode()
            self.send_response(429 if "busy" in query else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Retry-After", "0")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            return

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    monkeypatch.setenv("SEARXNG_URL", f"http://127.0.0.1:{http.server_port}/")
    yield asked
    http.shutdown()
    http.server_close()
    thread.join()


SEARCHES = {"busy": [call("busy tower"), answer("7")], "tower": [call("tower"), answer("7")]}


async def test_a_search_that_answers_429_leaves_out_the_episodes_that_needed_it(provider: list[str]) -> None:
    async with playing(SEARCHES, search="searxng?rate=1000&retries=0", tools="search") as player:
        numbers = await step(player, 0, "busy a", "tower b", "tower c", "tower d")
    assert "busy tower" in provider and numbers["calls_of/search"] == 1.0
    assert numbers["failures/search"] == 2 and numbers["episodes"] == 6 and numbers["accuracy"] == 1.0
    (why,) = numbers["dropped"]
    assert "429" in why


async def test_where_every_search_fails_the_step_stops_and_names_the_search(provider: list[str]) -> None:
    async with playing(SEARCHES, search="searxng?rate=1000&retries=0", tools="search") as player:
        with pytest.raises(InfrastructureError, match=r"8 of 8 .*search.*429.*goes on"):
            await step(player, 0, "busy a", "busy b", "busy c", "busy d")


# ---- bad input


async def test_a_reward_that_is_no_number_is_dropped_and_counted() -> None:
    async def odd(task: Task, answer: str | None, images: ImageStore) -> Verdict:
        return Verdict.model_construct(score=float("nan") if task.id == "0" else 1.0)

    async with playing({"": [answer("7")]}, tools=False) as player:
        odd_one = Player(player.agent, odd, player.plan, player.reward)
        numbers = await step(odd_one, 0, "a", "b", "c", "d")
    assert numbers["dropped"] == {"the reward is not a finite number": 2}
    assert numbers["reward"] == 1.0 and numbers["lost"] == 0.0


async def test_a_task_without_gold_stops_with_a_clear_error() -> None:
    async with playing({"": [answer("7")]}, tools=False) as player:
        with pytest.raises(InputError, match="answer"):
            await step(player, 0, "a", gold="")


def test_a_file_of_questions_without_answers_is_refused_before_training(tmp_path: Path) -> None:
    from deepeyes.train.rl.tasks import open_stream

    Image.new("RGB", (60, 60), "red").save(tmp_path / "a.png")
    (tmp_path / "mine.jsonl").write_text('{"question": "What?", "image": "a.png"}\n')
    with pytest.raises(InputError, match="answer"):
        open_stream(TasksConfig(files={str(tmp_path / "mine.jsonl"): 1.0}), ImageStore())


async def test_a_model_that_never_ends_is_cut_off_and_counted_never_lost() -> None:
    endless = [code("1 + 1")] * 50
    async with playing({"for ever": endless, "": [answer("7")]}) as player:
        numbers = await step(player, 0, "go for ever", "b", "c", "d")
    assert numbers["stop_reasons"] == {"answered": 6, "max_turns": 2} and numbers["cut_off"] == 0.25
    assert numbers["lost"] == 0.0 and numbers["accuracy"] == 0.75


async def test_a_context_that_overflows_in_mid_episode_is_counted_and_can_be_learned_from(
    tmp_path: Path,
) -> None:
    from nano_fixtures import SIZE, world_tokenizer

    from deepeyes.models.nano.build import build_model, build_processor, save_processor
    from deepeyes.models.nano.model import load_nano
    from deepeyes.train.tokens import record_of

    tokenizer = world_tokenizer()
    model = build_model(tokenizer, SIZE, 0)
    model.save_pretrained(tmp_path)
    save_processor(build_processor(tokenizer, SIZE), tmp_path)
    nano = load_nano("tiny", folder=tmp_path)
    nano.engine.length = 260
    task = Task(id="q", question="What is it? " * 4, answer="7")
    async with open_agent(
        nano,
        tools=False,
        limits=Limits(malformed=20, turns=20, tokens_per_turn=60),
        sampling=Sampling(temperature=1.0),
    ) as agent:
        trace = await agent.episode(task, images=ImageStore())
    await nano.aclose()
    assert trace.stop_reason.value == "context_full" and len(trace.turns) > 1
    record = record_of(trace, image_token=nano.engine.image_token)
    assert sum(record.chosen) == trace.usage.completion_tokens
    graded = trace.graded(Verdict(score=0.0))
    from deepeyes.grading.reward import reward_of

    assert reward_of(graded, Reward()).total == 0.0
    assert reward_of(graded, Reward(overlong="drop")).dropped == "cut off: context_full"


def tiny(folder: Path, words: list[str], vocab: int) -> Path:
    from nano_fixtures import save_tiny

    return save_tiny(folder, words, vocab)


def test_a_tokenizer_that_is_not_the_models_is_refused(tmp_path: Path) -> None:
    from transformers import AutoModelForImageTextToText, AutoProcessor

    from deepeyes.train.batch import Collator

    small, large = (
        tiny(tmp_path / "small", ["a b c"], 280),
        tiny(tmp_path / "large", ["some words to read"] * 9, 300),
    )
    model = AutoModelForImageTextToText.from_pretrained(small)
    processor = AutoProcessor.from_pretrained(large)
    processor.tokenizer.add_tokens([f"<new {number}>" for number in range(3000)])
    with pytest.raises(ModelError, match=r"tokenizer has \d+ tokens and the model \d+"):
        Collator(model, processor)
    model.config.image_token_id = 7
    with pytest.raises(ModelError, match=r"an image is token \d+ to the tokenizer and 7 to the model"):
        Collator(model, AutoProcessor.from_pretrained(small))


def test_a_checkpoint_of_another_tokenizer_is_refused(tmp_path: Path) -> None:
    from deepeyes.train.rl.checkpoints import newest, save

    save(tmp_path, 5, {}, {"stream": {}, "vocabulary": "one"}, keep=2)
    assert newest(tmp_path, "one") is not None
    with pytest.raises(ConfigError, match=r"another tokenizer.*--fresh"):
        newest(tmp_path, "other")


def test_vocabularies_are_told_apart_by_their_numbers(tmp_path: Path) -> None:
    from transformers import AutoModelForImageTextToText, AutoProcessor

    from deepeyes.train.batch import Collator

    found: list[str] = []
    for name, words in (("one", ["ab ac ad"] * 9), ("other", ["zx zy zw"] * 9), ("again", ["ab ac ad"] * 9)):
        folder = tiny(tmp_path / name, words, 290)
        model = AutoModelForImageTextToText.from_pretrained(folder)
        found.append(Collator(model, AutoProcessor.from_pretrained(folder)).vocabulary)
    assert found[0] == found[2] != found[1]
