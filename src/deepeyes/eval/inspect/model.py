"""Our models as models of Inspect's: `--model deepeyes/nano`, `--model deepeyes/scripted:FILE`.

What always holds: one `generate` is one whole episode with its tools, and the reply is the answer; with
`-M plain=true` it is one reply of the bare model. Tools of others are refused, since they would be ignored.
An episode that failed because of us raises.
"""

# pyright: reportMissingImports=false
# Inspect has an environment of its own (docs/inspect.md); checked in it, this line changes nothing.
from __future__ import annotations

from collections import Counter
from contextlib import AbstractAsyncContextManager
from typing import Any

from inspect_ai.model import ChatMessage, GenerateConfig, Model, ModelAPI, ModelOutput, modelapi
from inspect_ai.tool import ToolChoice, ToolInfo

from deepeyes.agent.agent import Agent
from deepeyes.agent.loop import run_episode
from deepeyes.agent.many import episode_seed
from deepeyes.agent.question import asked
from deepeyes.core.errors import ConfigError, InputError
from deepeyes.core.images import ImageStore
from deepeyes.core.limits import parse_limits
from deepeyes.core.sampling import Sampling
from deepeyes.eval.inspect.held import Held
from deepeyes.eval.inspect.logged import logged, tell
from deepeyes.eval.inspect.messages import answer_of, from_inspect, question_in, reply_of
from deepeyes.harness.setup import open_agent
from deepeyes.models.registry import check_model

_CONNECTIONS = 16
"""Episodes at once unless --max-connections says otherwise."""
_DEFAULTS = GenerateConfig()


@modelapi(name="deepeyes")
class DeepEyesModel(ModelAPI):
    """A model by its name as in `deepeyes ask --model`. `-M` takes `tools`, `search`, `dialect` and `limit`
    as the agent has them, and `plain`.
    """

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = _DEFAULTS,
        tools: bool | str | list[str] = True,
        search: str | list[str] = "",
        dialect: str = "",
        limit: str | list[str] = "",
        plain: bool = False,
        **others: Any,
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config)
        if others:
            raise ConfigError(
                f"a model of deepeyes has no {', '.join(others)}",
                "-M takes tools, search, dialect, limit and plain",
            )
        check_model(model_name)
        self.plain = plain
        self._limits = parse_limits([limit] if isinstance(limit, str) and limit else list(limit or ()))
        self._tools = False if plain else tools
        self._search = search or ()
        self._dialect = dialect
        self._held = Held(self._open)
        self._asked: Counter[str] = Counter()

    async def generate(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        if tools:
            raise InputError(
                f"deepeyes/{self.model_name} has tools of its own", "ask it without tools, as generate() does"
            )
        agent = await self._held.get()
        return await (self._reply if self.plain else self._episode)(agent, input, config)

    async def _episode(self, agent: Agent, input: list[ChatMessage], config: GenerateConfig) -> ModelOutput:
        words, given = question_in(input)
        images = ImageStore()
        task, _ = asked(given, words, images, self._limits)
        sample = self._asked[task.id]  # epochs ask the same again, and should hear something else
        self._asked[task.id] += 1
        sampling = _sampling(config)
        seed = episode_seed(sampling.seed, task.id, sample)
        asking = Agent(agent.model, logged(agent).tools, agent.dialect, self._limits, sampling)
        trace = await run_episode(asking, task, images=images, sample=sample, seed=seed, on_event=tell)
        return answer_of(trace)

    async def _reply(self, agent: Agent, input: list[ChatMessage], config: GenerateConfig) -> ModelOutput:
        conversation = agent.model.conversation(_sampling(config))
        try:
            completion = await conversation.send(
                from_inspect(input, agent.model.vision),
                max_tokens=config.max_tokens or self._limits.tokens_per_turn,
            )
        finally:
            await conversation.close()
        return reply_of(completion, agent.model.name)

    def _open(self) -> AbstractAsyncContextManager[Agent]:
        return open_agent(
            self.model_name,
            tools=self._tools,
            search=self._search,
            dialect=self._dialect,
            limits=self._limits,
        )

    def max_connections(self) -> int:
        return _CONNECTIONS


def runs_the_loop(model: Model) -> bool:
    """Whether the model is one of ours that answers after a whole episode."""
    return getattr(model.api, "plain", None) is False


def _sampling(config: GenerateConfig) -> Sampling:
    """Inspect's settings as ours; what it leaves open is as in `Sampling`."""
    given = {
        "temperature": config.temperature,
        "top_p": config.top_p,
        "top_k": config.top_k,
        "seed": config.seed,
        "stop": tuple(config.stop_seqs) if config.stop_seqs else None,
    }
    return Sampling.model_validate({key: value for key, value in given.items() if value is not None})
