"""Our agent loop inside verl 0.9.1: its servers draw the tokens, our agent plays, verl learns.

    actor_rollout_ref.rollout.agent.agent_loop_config_path=recipes/rl/verl/agent_loops.yaml

names `DeepEyesLoop`, of which verl makes one for every episode, in processes of its own that have none of
ours. It needs nothing of verl's base class and so runs, and is tested, without verl; what verl gives it is
described by `ServerManager`. What always holds: the agent, its tools, reward and grading are those of a
recipe of `deepeyes train rl`; every request is a prefix of the episode's tokens; an episode that does not fit
verl's response length ends as `context_full`; one that was lost because of us, or that nobody can judge,
raises, so that verl counts it as failed and does not learn from it.
"""

from __future__ import annotations

import asyncio
import copy
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Protocol
from uuid import uuid4

from deepeyes.core.answers import AnswerForm
from deepeyes.core.errors import ContextOverflow, InfrastructureError, InputError, ModelError
from deepeyes.core.images import ImageStore, load_image
from deepeyes.core.sampling import Sampling
from deepeyes.core.task import Task
from deepeyes.grading.grader import open_grader
from deepeyes.harness.setup import open_agent
from deepeyes.train.exchange.verl import for_verl, loop_output
from deepeyes.train.rl.engines.token_model import Asked, Sampled, TokenModel
from deepeyes.train.rl.recipe import RlRecipe
from deepeyes.train.rl.rollouts import Player
from deepeyes.train.tokens import record_of

EngineName = Literal["vllm", "sglang"]
_SHORTEST = 8
"""Tokens of a reply below which it is not asked for."""


class TokenOutput(Protocol):
    """verl's: what a server drew."""

    @property
    def token_ids(self) -> Sequence[int]: ...
    @property
    def log_probs(self) -> Sequence[float] | None: ...
    @property
    def stop_reason(self) -> str | None: ...
    @property
    def extra_fields(self) -> Mapping[str, Any]: ...


class ServerManager(Protocol):
    """verl's `LLMServerClient`: one request id stays on one server."""

    async def generate(
        self,
        request_id: str,
        *,
        prompt_ids: list[int],
        sampling_params: dict[str, Any],
        image_data: list[Any] | None = None,
        video_data: list[Any] | None = None,
    ) -> TokenOutput: ...


class VerlSampler:
    """One episode's sampler (see `Sampler`)."""

    def __init__(
        self, servers: ServerManager, engine: EngineName, given: Mapping[str, Any], most: int
    ) -> None:
        self._servers, self._engine, self._most = servers, engine, most
        self._given = {name: value for name, value in given.items() if name not in ("max_tokens", "stop")}
        self._id = uuid4().hex
        self._prompt: int | None = None
        self.extra: dict[str, Any] = {}
        """What verl's servers said beside the tokens, such as the version of their weights."""

    async def sample(self, asked: Asked) -> Sampled:
        self._prompt = len(asked.ids) if self._prompt is None else self._prompt
        room = self._most - (len(asked.ids) - self._prompt)
        if room < _SHORTEST:
            raise ContextOverflow(
                f"{self._most - room} tokens after the prompt leave no room in verl's response length",
                "raise data.max_response_length",
            )
        vllm = self._engine == "vllm"
        params = {
            **self._given,
            ("max_tokens" if vllm else "max_new_tokens"): min(asked.max_tokens, room),
            "stop": list(asked.sampling.stop),
            ("include_stop_str_in_output" if vllm else "no_stop_trim"): True,
        }
        said = await self._servers.generate(
            request_id=self._id,
            prompt_ids=list(asked.ids),
            sampling_params=params,
            image_data=[image.pixels for image in asked.images] or None,
            video_data=None,
        )
        if said.log_probs is None:
            raise ModelError(
                "verl gives no log-probabilities", "set actor_rollout_ref.rollout.calculate_log_probs=True"
            )
        self.extra |= dict(said.extra_fields)
        ids = tuple(int(one) for one in said.token_ids)[:room]
        cut = said.stop_reason in ("length", "max_tokens") or len(ids) == params.get("max_tokens")
        return Sampled(ids, tuple(map(float, said.log_probs))[: len(ids)], "length" if cut else "stop")

    async def aclose(self) -> None:
        return None


@dataclass
class _House:
    """What all episodes of a process share, open until it ends."""

    player: Player
    model: TokenModel


class DeepEyesLoop:
    """verl makes one for every episode and awaits `run`.

    Of the configuration: `recipe` (a file of `deepeyes train rl`; an absolute path, for it is read on every
    node) and `engine` (what verl serves with). Of verl: `server_manager`, `processor` and `trainer_config`.
    """

    _houses: ClassVar[dict[str, asyncio.Task[_House]]] = {}
    _stack: ClassVar[AsyncExitStack] = AsyncExitStack()

    def __init__(
        self, *, server_manager: ServerManager, processor: Any, trainer_config: Any, recipe: str,
        engine: EngineName = "vllm", **_: Any,
    ) -> None:  # fmt: skip
        self._servers, self._processor, self._recipe = server_manager, processor, recipe
        self._engine: EngineName = engine
        rollout = trainer_config.config.actor_rollout_ref.rollout
        self._most = int(rollout.response_length)

    async def run(self, sampling_params: dict[str, Any], **row: Any) -> Any:
        """One episode of a row of `deepeyes data export --format verl`, as verl's `AgentLoopOutput`.

        Raises `InfrastructureError` for an episode that does not count, `InputError` for a row that is no
        question.
        """
        house = await self._house()
        images = ImageStore()
        task = task_of(row, images)
        model = copy.copy(house.model)
        model.sampler = sampler = VerlSampler(self._servers, self._engine, sampling_params, self._most)
        drawn = Sampling(
            temperature=float(sampling_params.get("temperature", 1.0)),
            top_p=float(sampling_params.get("top_p", 1.0)),
            top_k=max(0, int(sampling_params.get("top_k", 0) or 0)),
        )
        player = replace(house.player, agent=replace(house.player.agent, model=model, sampling=drawn))
        dropped = Counter[str]()
        (group,) = await player.play([task], 0, images, dropped, 1)
        if not group.traces:
            raise InfrastructureError(
                f"the episode {task.id} does not count ({next(iter(dropped))})", "see the worker's log"
            )
        (trace,), (rewarded,) = group.traces, group.rewarded
        record = record_of(trace, image_token=model.image_token)
        return for_verl(
            loop_output(
                record,
                model.image_token,
                lambda image: image.view(images),
                most=self._most,
                reward=rewarded.total,
                turns=2 * len(trace.turns),
                metrics={
                    "generate_sequences": trace.model_seconds,
                    "tool_calls": trace.tool_seconds,
                },
                extra={
                    **sampler.extra,
                    "turn_scores": [],
                    "tool_rewards": [],
                    "answer": trace.answer or "",
                    "stop_reason": trace.stop_reason.value,
                    "calls": len(trace.tool_turns),
                    **{f"reward_{name}": value for name, value in rewarded.parts.items()},
                },
            )
        )

    async def _house(self) -> _House:
        """The agent of this process, opened by its first episode."""
        key = f"{self._recipe} {id(asyncio.get_running_loop())}"
        if key not in self._houses:
            self._houses[key] = asyncio.ensure_future(self._opened())
        return await asyncio.shield(self._houses[key])

    async def _opened(self) -> _House:
        recipe = RlRecipe.load(self._recipe)
        plan = recipe.rollouts
        model = TokenModel(f"verl:{recipe.model.path}", self._processor, _Nobody())
        agent = await self._stack.enter_async_context(
            open_agent(model, search=plan.search, dialect=plan.dialect, limits=plan.limits)
        )
        grade = await self._stack.enter_async_context(open_grader(recipe.grading))
        return _House(Player(agent, grade, plan, recipe.reward), model)

    @classmethod
    async def aclose(cls) -> None:
        """Close what this process has open; verl lets its processes end instead."""
        cls._houses.clear()
        await cls._stack.aclose()


class _Nobody:
    """Stands for a sampler where none is asked."""

    async def sample(self, asked: Asked) -> Sampled:
        raise ModelError("no server was given", "run an episode with DeepEyesLoop")

    async def aclose(self) -> None:
        return None


def task_of(row: Mapping[str, Any], images: ImageStore) -> Task:
    """The question of a row as verl's data set hands it over, its images put into `images`.

    Raises `InputError` for a row without a question, or an image that cannot be used.
    """
    about = dict(row.get("extra_info") or {})
    shown = [
        part["image"]
        for message in row.get("raw_prompt") or ()
        if not isinstance(message["content"], str)
        for part in message["content"]
        if part.get("type") == "image"
    ]
    question = str(about.get("question") or "")
    if not question:
        raise InputError(
            "a row has no extra_info.question", "export it with deepeyes data export --format verl"
        )
    form = json.loads(about.get("answer_form") or "{}")
    truth = dict(row.get("reward_model") or {}).get("ground_truth")
    return Task(
        id=f"{about.get('id') or about.get('index', 'row')}@{uuid4().hex[:8]}",
        question=question,
        images=tuple(images.put(load_image(one).image) for one in shown),
        answer=str(about.get("answer") or truth or ""),
        answers=tuple(map(str, about.get("answers") or ())),
        answer_form=AnswerForm.model_validate(form),
        source=str(row.get("data_source") or ""),
    )
