"""TRL's own environment path as a peer of our rollouts: the same model, tools, tasks, messages and limits.

TRL's `GRPOTrainer` generates with Transformers and calls one method of an environment. That method hands the
reply to our agent loop, which parses it, runs the tool and says what the model is told: so both sides differ
in who generates and in who waits for whom, and in nothing else. Only the trainer's rollout is run, up to
where its `_generate` returns.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from deepeyes.agent.agent import Agent, Grade
from deepeyes.agent.keeping import Keeping
from deepeyes.core.images import ImageStore
from deepeyes.core.messages import ImagePart, Message
from deepeyes.core.sampling import Sampling
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace
from deepeyes.models.base import ChatModel, Completion

TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ 'user' if message.role == 'tool' else message.role }}\n"
    "{% if message.content is string %}{{ message.content }}{% else %}{% for part in message.content %}"
    "{% if part.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part.text }}"
    "{% endif %}{% endfor %}{% endif %}{% for call in message.tool_calls or [] %}"
    "<tool_call>{{ call.function | tojson }}</tool_call>{% endfor %}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""What nano was trained on; TRL asks besides that calls and results can be rendered."""
_ANSWER = re.compile(r"<answer>.*</answer>", re.S)


class Enough(Exception):
    """The rollout is over; what comes after it belongs to the training step."""


class Relay:
    """A chat model whose replies somebody else brings."""

    def __init__(self, like: ChatModel) -> None:
        self.name, self.vision = "trl", like.vision
        self.dialect_name, self.prompt = like.dialect_name, like.prompt
        self.talks: list[Talk] = []

    def conversation(self, sampling: Sampling = Sampling()) -> Talk:
        self.talks.append(Talk())
        return self.talks[-1]

    async def aclose(self) -> None:
        return None


class Talk:
    """Two queues: what the model is told, and what it says."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[Sequence[Message]] = asyncio.Queue()
        self.said: asyncio.Queue[str] = asyncio.Queue()

    async def send(self, new_messages: Sequence[Message], **_: Any) -> Completion:
        await self.told.put(new_messages)
        return Completion(await self.said.get())

    async def close(self) -> None:
        await self.told.put(())


class Stage:
    """The agent's side, in a loop of its own."""

    def __init__(self, agent: Agent, grade: Grade, images: ImageStore, tasks: Sequence[Task]) -> None:
        self.agent, self.grade, self.images = agent, grade, images
        self.tasks = {task.id: task for task in tasks}
        self.loop = asyncio.get_running_loop()

    def wait(self, work: Any) -> Any:
        """The result of a coroutine, for TRL's thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()


class Environment:
    """What TRL makes one of for each rollout."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def reset(self, **row: Any) -> list[dict[str, Any]]:
        """The question, with its images."""
        return self._stage.wait(self._begin(self._stage.tasks[row["task"]]))

    def act(self, reply: str) -> list[dict[str, Any]]:
        """Do what a reply says.

        Args:
            reply: All that the model said.

        Returns:
            What the model is told.
        """
        return self._stage.wait(self._go_on(reply))

    async def _begin(self, task: Task) -> list[dict[str, Any]]:
        relay = Relay(self._stage.agent.model)
        agent = Agent(relay, self._stage.agent.tools, self._stage.agent.dialect, self._stage.agent.limits)
        keeping = Keeping(self._stage.grade, self._stage.images)

        async def play() -> Trace:
            async with keeping.written(None, None):
                await agent.episode(task, images=self._stage.images, keep=keeping.ended)
            return keeping.trace

        self._episode = asyncio.create_task(play())
        while not relay.talks:
            await asyncio.sleep(0)
        self._talk = relay.talks[0]
        return _blocks((await self._talk.told.get())[-1:])

    async def _go_on(self, reply: str) -> list[dict[str, Any]]:
        await self._talk.said.put(reply)
        return _blocks(await self._talk.told.get())

    async def _end(self, reply: str) -> Trace:
        await self._talk.said.put(reply)
        try:
            return await asyncio.wait_for(asyncio.shield(self._episode), 5)
        except TimeoutError:  # the reply was no answer, and TRL went no further
            self._episode.cancel()
            raise


def _blocks(messages: Sequence[Message]) -> list[dict[str, Any]]:
    parts = [part for message in messages for part in message.parts]
    return [
        {"type": "image", "image": part.pixels}
        if isinstance(part, ImagePart)
        else {"type": "text", "text": part.text}
        for part in parts
    ] or [{"type": "text", "text": ""}]


class Peer:
    """A trainer that has been set up, and its rollouts."""

    def __init__(
        self, folder: Path, stage: Stage, samples: int, scratch: Path, banned: Sequence[int]
    ) -> None:
        os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"
        import torch
        from datasets import Dataset
        from trl import GRPOConfig, GRPOTrainer

        from deepeyes.train.loading import load_model, load_processor
        from deepeyes.train.sft.recipe import ModelConfig

        settings, limits = ModelConfig(path=str(folder)), stage.agent.limits
        model, processor = load_model(settings, torch.float32), load_processor(settings)
        model.config.use_cache = True
        processor.chat_template = processor.tokenizer.chat_template = TEMPLATE
        _parse_with(processor.tokenizer)
        system = stage.agent.speech.system(stage.agent.tools.specs())
        opening = [{"role": "system", "content": system}] if system else []
        self._rows = [
            {"prompt": [*opening, {"role": "user", "content": ""}], "task": task}
            for task in stage.tasks
            for _ in range(samples)
        ]
        self._trainer = GRPOTrainer(
            model=model,
            reward_funcs=lambda completions, **_: [0.0] * len(completions),
            args=GRPOConfig(
                output_dir=str(scratch),
                per_device_train_batch_size=len(self._rows),
                num_generations=samples,
                temperature=1.0,
                top_p=1.0,
                top_k=0,
                max_completion_length=1_400,
                max_tool_calling_iterations=limits.turns - 1,
                generation_kwargs={"max_new_tokens": limits.tokens_per_turn, "suppress_tokens": [*banned]},
                gradient_checkpointing=False,
                use_cpu=True,
                bf16=False,
                report_to=[],
                disable_tqdm=True,
            ),
            train_dataset=Dataset.from_list(self._rows),
            processing_class=processor,
            environment_factory=lambda: Environment(stage),
        )
        self._stage = stage

    def play(self) -> dict[str, Any]:
        """One rollout of all rows: seconds, calls, replies' tokens, right answers."""
        trainer, found = self._trainer, {}
        generate = type(trainer)._generate

        def watched(prompts: Any) -> Any:
            found["made"] = generate(trainer, prompts)
            found["end"] = time.perf_counter()
            raise Enough

        trainer._generate = watched
        start = time.perf_counter()
        try:
            trainer._generate_and_score_completions(self._rows)
        except Enough:
            pass
        _, _, masks, completions, *_ = found["made"]
        lasts = [str(turns[-1].get("content", "")) for turns in completions]
        traces = self._stage.wait(self._finished(lasts))
        return {
            "seconds": found["end"] - start,
            "calls": sum(turn["role"] == "tool" for turns in completions for turn in turns),
            "tokens": sum(map(sum, masks)),
            "right": sum(trace.is_right for trace in traces),
        }

    async def _finished(self, lasts: Sequence[str]) -> list[Trace]:
        ends = [env._end(last) for env, last in zip(self._trainer.environments, lasts, strict=True)]
        done = await asyncio.gather(*ends, return_exceptions=True)
        return [one for one in done if isinstance(one, Trace)]


def _parse_with(tokenizer: Any) -> None:
    """Every whole reply that is no answer is a call of `act`."""

    def parse(ids: Sequence[int], *_: Any, **__: Any) -> dict[str, Any]:
        whole = bool(len(ids)) and ids[-1] == tokenizer.eos_token_id
        text = tokenizer.decode(ids[:-1] if whole else ids)
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if whole and not _ANSWER.search(text):
            call = {"name": "act", "arguments": {"reply": text}}
            message["tool_calls"] = [{"type": "function", "function": call}]
        return message

    tokenizer.response_template = {"defaults": {"role": "assistant"}}
    tokenizer.parse_response = parse
