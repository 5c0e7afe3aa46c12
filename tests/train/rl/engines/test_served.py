"""Served engines: episodes by token ids, the trainer's own log-probabilities, new weights, clear errors."""

from pathlib import Path
from typing import Any, Literal

import httpx
import pytest

pytest.importorskip("torch")
pytest.importorskip("accelerate")

import torch
from train.rl.engines.fake_servers import FOLDER, FakeServer

from deepeyes import Sampling, open_agent
from deepeyes.core.errors import (
    ConfigError,
    ContextOverflow,
    DeepEyesError,
    InfrastructureError,
    ModelError,
)
from deepeyes.core.images import ImageStore
from deepeyes.core.messages import ImagePart, Message
from deepeyes.core.trace import Trace
from deepeyes.train.batch import Collator
from deepeyes.train.logprobs import logprobs_of, mismatch
from deepeyes.train.rl.engines.served import ServedEngine
from deepeyes.train.tokens import record_of
from deepeyes.world.tasks import world_tasks

Kind = Literal["vllm", "sglang"]
KINDS: tuple[Kind, ...] = ("vllm", "sglang")
GENERATE = {"vllm": "/inference/v1/generate", "sglang": "/generate"}


def engine(kind: Kind, server: FakeServer, folder: Path, servers: int = 1) -> ServedEngine:
    places = [f"http://server-{number}:8000/" for number in range(servers)]
    return ServedEngine(
        kind, places, "nano", server.processor, folder, server.transport(), server.transport()
    )


async def play(served: ServedEngine, sampling: Sampling) -> tuple[list[Trace], ImageStore]:
    images = ImageStore()
    tasks = list(world_tasks(["tiny"], "train", 3, 2, images))
    async with open_agent(served.model, dialect="deepeyes_v2/brief", sampling=sampling) as agent:
        return await agent.run(tasks, images=images, samples=1, concurrency=2), images


@pytest.mark.parametrize("kind", KINDS)
async def test_episodes_over_http_have_the_trainers_own_log_probabilities(kind: Kind, tmp_path: Path) -> None:
    server = FakeServer()
    served = engine(kind, server, tmp_path, servers=2)
    truncated = {"top_p": 0.98} if kind == "vllm" else {}
    traces, images = await play(served, Sampling(temperature=1.0, seed=1, **truncated))
    collator = Collator(server.model, server.processor)
    records = [record_of(trace, image_token=collator.image_token) for trace in traces]
    assert max(len(record.images) for record in records) >= 2, "a tool showed one"
    assert all(record.banned == served.model.banned for record in records)
    batch = collator(records, images)
    with torch.no_grad():
        apart = mismatch(logprobs_of(server.model, batch).logprobs, batch.logprobs, batch.chosen)
    assert apart.tokens > 50 and apart.largest < 1e-4
    asked = [body for path, body, _ in server.asked if path == GENERATE[kind]]
    sent = [tuple(body["token_ids" if kind == "vllm" else "input_ids"]) for body in asked]
    whole = [tuple(record.ids(collator.image_token)) for record in records]
    assert all(any(full[: len(one)] == one for full in whole) for one in sent), "prefixes of the episodes"
    if kind == "vllm":
        shown = sum(len(record.images) for record in records)
        assert server.paths.count("/v1/chat/completions/render") == shown, "each image is rendered once"


@pytest.mark.parametrize("kind", KINDS)
async def test_new_weights_are_served_before_the_next_episode(kind: Kind, tmp_path: Path) -> None:
    from transformers import AutoModelForImageTextToText

    server = FakeServer()
    served = engine(kind, server, tmp_path / "served", servers=2)
    learner: Any = AutoModelForImageTextToText.from_pretrained(FOLDER, dtype=torch.float32)
    with torch.no_grad():
        for weight in learner.parameters():
            weight.mul_(1.01)
    served.learn(learner, 7)
    assert all(
        torch.equal(one, other)
        for one, other in zip(server.model.parameters(), learner.parameters(), strict=True)
    )
    assert served.model.policy == 7 and not server.paused
    ways = {
        "vllm": ["/pause", "/collective_rpc", "/reset_prefix_cache", "/resume"],
        "sglang": ["/pause_generation", "/update_weights_from_disk", "/continue_generation"],
    }
    assert server.paths == ways[kind] * 2, "on both servers"
    assert (tmp_path / "served" / "model.safetensors").exists()


@pytest.mark.parametrize("kind", KINDS)
async def test_servers_that_refuse_new_weights_stop_the_run_and_go_on_serving(
    kind: Kind, tmp_path: Path
) -> None:
    server = FakeServer()
    reload = {"vllm": "/collective_rpc", "sglang": "/update_weights_from_disk"}[kind]
    server.faults[reload] = httpx.Response(500, text="CUDA out of memory")
    with pytest.raises(InfrastructureError, match=rf"{reload} failed \(500: CUDA out of memory\)"):
        engine(kind, server, tmp_path).learn(server.model, 1)
    assert not server.paused
    if kind == "sglang":
        server.faults[reload] = lambda said: {**said, "success": False, "message": "wrong shape"}
        with pytest.raises(InfrastructureError, match="did not take the new weights: wrong shape"):
            engine(kind, server, tmp_path).learn(server.model, 1)


def without(name: str) -> Any:
    def change(said: Any) -> Any:
        if "choices" in said:
            return {**said, "choices": [{k: v for k, v in said["choices"][0].items() if k != name}]}
        if "meta_info" in said:
            return {**said, "meta_info": {k: v for k, v in said["meta_info"].items() if k != name}}
        return {k: v for k, v in said.items() if k != name}

    return change


def more_tokens(said: Any) -> Any:
    places = said["features"]["mm_placeholders"]["image"]
    features = {
        **said["features"], "mm_placeholders": {"image": [{**places[0], "length": places[0]["length"] + 9}]}
    }  # fmt: skip
    return {**said, "features": features}


def cached(said: Any) -> Any:
    return {**said, "features": {**said["features"], "kwargs_data": {"image": [None]}}}


RENDER = "/v1/chat/completions/render"
FAULTS: list[tuple[Kind, str, Any, type[DeepEyesError], str]] = [
    ("vllm", GENERATE["vllm"], without("token_ids"), ModelError, "answered without token_ids"),
    ("vllm", GENERATE["vllm"], without("logprobs"), ModelError, "answered without logprobs"),
    ("vllm", RENDER, more_tokens, ModelError, r"makes \d+ tokens of an image that is \d+ tokens here"),
    ("vllm", RENDER, cached, ModelError, "--mm-processor-cache-gb 0"),
    ("vllm", RENDER, without("features"), ModelError, "answered without features"),
    ("vllm", RENDER, httpx.Response(404), ConfigError, "has no /v1/chat/completions/render"),
    ("sglang", GENERATE["sglang"], without("output_token_logprobs"), ModelError, "without output_token"),
    (
        "sglang",
        GENERATE["sglang"],
        lambda said: {**said, "meta_info": {**said["meta_info"], "prompt_tokens": 3}},
        ModelError,
        r"makes 3 tokens of a prompt that is \d+ tokens here: serve it with the processor files",
    ),
    *(
        (kind, GENERATE[kind], fault, error, words)
        for kind in KINDS
        for fault, error, words in (
            (httpx.Response(503, text="overloaded"), InfrastructureError, "failed.*503: overloaded"),
            (httpx.Response(429, text="slow"), InfrastructureError, "failed.*429"),
            (httpx.ConnectError("refused"), InfrastructureError, "does not answer.*refused.*start it"),
            (httpx.ReadTimeout("timed out"), InfrastructureError, "does not answer"),
            (httpx.Response(400, text="unknown field"), ModelError, "refused.*400: unknown field"),
            (httpx.Response(200, text="<html>"), ModelError, "answered without"),
        )
    ),
]


@pytest.fixture(scope="module")
def shared() -> FakeServer:
    return FakeServer()


@pytest.mark.parametrize(("kind", "path", "fault", "error", "words"), FAULTS)
async def test_what_a_server_gets_wrong_is_told_and_the_conversation_stays(
    kind: Kind,
    path: str,
    fault: Any,
    error: type[DeepEyesError],
    words: str,
    shared: FakeServer,
    tmp_path: Path,
) -> None:
    served = engine(kind, shared, tmp_path)
    talk = served.model.conversation(Sampling(temperature=1.0, seed=2))
    question = [image_and_words(served)]
    shared.faults = {path: fault}
    with pytest.raises(error, match=words):
        await talk.send(question, max_tokens=5)
    assert talk.ids == () and talk.turn == 0
    shared.faults = {}
    reply = await talk.send(question, max_tokens=5)
    assert reply.token_ids and talk.ids == (*(reply.prompt_ids or ()), *reply.token_ids)


def image_and_words(served: ServedEngine) -> Message:
    from PIL import Image

    images = ImageStore()
    image = Image.effect_noise((200, 120), 60).convert("RGB")
    part = ImagePart.of("image_1", image, images.put(image), served.model.vision)
    return Message.make("user", part, "What does the sign say?")


async def test_a_context_that_is_full_ends_the_episode_and_not_the_run(tmp_path: Path) -> None:
    served = engine("vllm", FakeServer(context=10), tmp_path)
    with pytest.raises(ContextOverflow, match="maximum model context length of 10"):
        await served.model.conversation(Sampling(temperature=1.0)).send([image_and_words(served)])


async def test_truncated_sampling_is_refused_where_log_probabilities_would_be_others(
    shared: FakeServer, tmp_path: Path
) -> None:
    served = engine("sglang", shared, tmp_path)
    with pytest.raises(ModelError, match="leave top_k, top_p and min_p"):
        await served.model.conversation(Sampling(temperature=1.0, top_k=9)).send([image_and_words(served)])


async def test_an_image_token_that_the_model_wrote_is_refused(shared: FakeServer, tmp_path: Path) -> None:
    served = engine("sglang", shared, tmp_path)
    token = served.model.image_token

    def write(said: Any) -> Any:
        return {**said, "meta_info": {**said["meta_info"], "output_token_logprobs": [[-1.0, token, None]]}}

    shared.faults = {"/generate": write}
    with pytest.raises(ModelError, match="wrote banned tokens"):
        await served.model.conversation(Sampling(temperature=1.0)).send([image_and_words(served)])
    shared.faults = {}


async def test_a_conversation_stays_on_one_server(tmp_path: Path, shared: FakeServer) -> None:
    sampler = engine("vllm", shared, tmp_path, servers=3).sampler
    names = [f"vllm:nano/{number}" for number in range(60)]
    assert all(sampler.server_of(name) == sampler.server_of(name) for name in names)
    assert len({sampler.server_of(name) for name in names}) == 3
