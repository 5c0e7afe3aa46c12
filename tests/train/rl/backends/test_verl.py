"""The agent loop for verl, with a stand-in of what verl gives it: whole episodes come out in verl's form."""

import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
import yaml
from train.rl.engines.fake_servers import FakeServer

from deepeyes.core.errors import InfrastructureError, InputError, ModelError
from deepeyes.core.images import ImageStore
from deepeyes.train.batch import Collator
from deepeyes.train.exchange.verl import LoopOutput
from deepeyes.train.rl.backends.verl import DeepEyesLoop, task_of
from deepeyes.train.rl.recipe import RlRecipe
from deepeyes.world.families import make_example
from deepeyes.world.tasks import to_task

CONFIG = Path("recipes/rl/verl/agent_loops.yaml")


@dataclass
class Servers:
    """verl's `LLMServerClient` as its agent loops call it, with the embedded model behind it."""

    server: FakeServer
    calls: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    logprobs: bool = True

    async def generate(
        self,
        request_id: str,
        *,
        prompt_ids: list[int],
        sampling_params: dict[str, Any],
        image_data: list[Any] | None = None,
        video_data: list[Any] | None = None,
    ) -> Any:
        self.calls.append(
            {"id": request_id, "ids": prompt_ids, "images": len(image_data or []), **sampling_params}
        )
        asked = {key: value for key, value in sampling_params.items() if key != "top_k"}
        ids, logprobs = draw(self.server, prompt_ids, image_data or [], asked, len(self.calls))
        return SimpleNamespace(
            token_ids=ids,
            log_probs=logprobs if self.logprobs else None,
            stop_reason="completed",
            num_preempted=0,
            extra_fields={"global_steps": 7, "min_global_steps": 7, "max_global_steps": 7},
        )


def draw(
    server: FakeServer, ids: list[int], images: list[Any], asked: dict[str, Any], seed: int
) -> tuple[list[int], list[float]]:
    from deepeyes.models.transformers_generate import forbidden

    bans = {str(token): -100.0 for token in forbidden(server.model)}
    return server._draw(ids, images, {**asked, "logit_bias": bans}, asked["max_tokens"], seed)


@pytest.fixture(scope="module")
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
async def closed() -> AsyncGenerator[None]:
    yield
    await DeepEyesLoop.aclose()


def recipe_file(tmp_path: Path, *more: str) -> str:
    plan = RlRecipe.load(
        overrides=["model.path=nano", "tasks.world.tiny=1", "rollouts.dialect=deepeyes_v2/brief", *more]
    )
    file = tmp_path / f"recipe-{plan.digest()}.toml"
    file.write_text(plan.dump())
    return str(file)


def loop(servers: Servers, recipe: str, most: int = 2000) -> DeepEyesLoop:
    """As verl makes it: with everything that it gives, and the settings of the YAML file."""
    rollout = SimpleNamespace(response_length=most, name="vllm")
    (settings,) = yaml.safe_load(CONFIG.read_text())
    assert settings["name"] == "deepeyes"
    module, _, name = settings["_target_"].rpartition(".")
    assert (module, name) == (DeepEyesLoop.__module__, DeepEyesLoop.__name__)
    given = {key: value for key, value in settings.items() if key not in ("name", "_target_", "recipe")}
    return DeepEyesLoop(
        trainer_config=SimpleNamespace(
            config=SimpleNamespace(actor_rollout_ref=SimpleNamespace(rollout=rollout))
        ),
        server_manager=servers,
        tokenizer=servers.server.processor.tokenizer,
        processor=servers.server.processor,
        hf_model_type="qwen2_5_vl",
        dataset_cls=None,
        data_config=None,
        tools=None,
        recipe=recipe,
        **given,
    )


def row(number: int = 0, **changes: Any) -> dict[str, Any]:
    """A row of our verl export as verl's data set hands it to an agent loop."""
    images = ImageStore()
    task = to_task(make_example("tiny", "train", 3, number), images)
    shown: list[Any] = [{"type": "image", "image": images.get(ref)} for ref in task.images]
    about = {
        "index": number,
        "id": task.id,
        "split": "train",
        "question": task.question,
        "answer": task.answer,
        "answers": list(task.answers),
        "answer_form": json.dumps({"kind": "text"}),
    }
    return {
        "raw_prompt": [{"role": "user", "content": [*shown, {"type": "text", "text": task.question}]}],
        "data_source": "world",
        "agent_name": "deepeyes",
        "reward_model": {"style": "rule", "ground_truth": task.answer},
        "extra_info": {**about, **changes},
    }


PARAMS = {"temperature": 1.0, "top_p": 1.0, "top_k": -1, "repetition_penalty": 1.0, "logprobs": True}


async def test_an_episode_comes_out_in_verls_form(server: FakeServer, closed: None, tmp_path: Path) -> None:
    servers = Servers(server)
    made = await loop(servers, recipe_file(tmp_path)).run(dict(PARAMS), **row())
    assert isinstance(made, LoopOutput)
    full = made.prompt_ids + made.response_ids
    token = int(server.processor.tokenizer.convert_tokens_to_ids(server.processor.image_token))
    images = made.multi_modal_data["images"]
    assert len(images) >= 2 and servers.calls[-1]["images"] == len(images), "a tool showed one"
    assert full.count(token) == sum(image.width * image.height // 28**2 for image in images)
    assert all(full[: len(call["ids"])] == call["ids"] for call in servers.calls)
    assert len({call["id"] for call in servers.calls}) == 1, "one request id, one server"
    assert all(call["include_stop_str_in_output"] and call["stop"] for call in servers.calls)
    assert len(made.response_ids) == len(made.response_mask) == len(made.response_logprobs or [])
    assert 0 < sum(made.response_mask) < len(made.response_mask)
    assert not any(
        bit for bit, one in zip(made.response_mask, made.response_ids, strict=True) if one == token
    )
    assert made.reward_score is not None and made.num_turns == 2 * len(servers.calls)
    extra = made.extra_fields
    assert extra["max_global_steps"] == 7 and extra["stop_reason"] == "answered" and extra["calls"] >= 1
    assert extra["reward_accuracy"] + extra["reward_format"] == made.reward_score

    # The images and the mask are those that the log-probabilities were taken with.
    collator = Collator(server.model, server.processor)
    pixels = server.processor.image_processor(images=images, return_tensors="pt")
    ids = torch.tensor([full])
    with torch.no_grad():
        logits = server.model(
            input_ids=ids, mm_token_type_ids=(ids == collator.image_token).int(), **pixels
        ).logits[0]
    scores = torch.log_softmax(logits.float(), -1)
    places = [len(made.prompt_ids) + place for place, bit in enumerate(made.response_mask) if bit]
    found = [float(scores[place - 1, full[place]]) for place in places]
    told = [value for value, bit in zip(made.response_logprobs or [], made.response_mask, strict=True) if bit]
    assert max(abs(one - other) for one, other in zip(found, told, strict=True)) < 2e-3, "but for the banned"


async def test_an_episode_that_does_not_fit_ends_and_fits(
    server: FakeServer, closed: None, tmp_path: Path
) -> None:
    made = await loop(Servers(server), recipe_file(tmp_path), most=60).run(dict(PARAMS), **row())
    assert len(made.response_ids) <= 60 and made.extra_fields["stop_reason"] in ("context_full", "answered")
    assert sum(made.response_mask) and made.reward_score is not None


async def test_episodes_that_do_not_count_raise(server: FakeServer, closed: None, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="calculate_log_probs=True"):
        await loop(Servers(server, logprobs=False), recipe_file(tmp_path)).run(dict(PARAMS), **row())
    dropping = recipe_file(tmp_path, "reward.overlong=drop", "rollouts.limits.turns=1")
    with pytest.raises(InfrastructureError, match=r"does not count \(cut off: max_turns\)"):
        await loop(Servers(server), dropping).run(dict(PARAMS), **row())


def test_a_row_becomes_a_task_and_another_is_refused() -> None:
    images = ImageStore()
    task = task_of(row(), images)
    assert len(task.images) == 1 and task.images[0] in images and task.answer_form.kind == "text"
    assert task.answer == row()["extra_info"]["answer"]
    assert task_of(row(), images).id != task.id, "samples of one row are told apart"
    with pytest.raises(InputError, match="export it with deepeyes data export"):
        task_of(row(question=""), images)
    text = {"raw_prompt": [{"role": "user", "content": "x"}], "extra_info": {"question": "x", "answer": "y"}}
    assert task_of(text, images).images == ()
