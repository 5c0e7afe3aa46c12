"""vLLM and SGLang servers as samplers: token ids in and out, log-probabilities of them, new weights.

    VLLM_SERVER_DEV_MODE=1 vllm serve CHECKPOINT --logprobs-mode processed_logprobs --mm-processor-cache-gb 0
    python -m sglang.launch_server --model-path CHECKPOINT

vLLM: `/inference/v1/generate` takes ids and features of images, which `/v1/chat/completions/render` makes;
weights are read again from a folder by `/collective_rpc` between `/pause` and `/resume`. SGLang: `/generate`
takes ids and images; weights come by `/update_weights_from_disk` between `/pause_generation` and
`/continue_generation`. What always holds: a conversation stays on one server; a server that counts the tokens
of an image or of a prompt otherwise than the processor that trains is an error that names both numbers; new
weights are on all servers before the next episode begins, or the run stops.
"""

from __future__ import annotations

import asyncio
import base64
import io
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal
from weakref import WeakKeyDictionary

import httpx
from accelerate import PartialState

from deepeyes.core.errors import ConfigError, ContextOverflow, InfrastructureError, ModelError
from deepeyes.core.sampling import Sampling
from deepeyes.train.rl.engines.token_model import Asked, Sampled, Shown, TokenModel

Json = dict[str, Any]
_PROCESSOR = "serve it with the processor files (and max_pixels) of the checkpoint that trains"
_SECONDS = 600.0
"""A reply, or new weights, may take so long."""


class ServedEngine:
    """See `Engine`. `folder`: where the weights of each version are left for the servers, which read them
    there: it has to be on a disk that they share with the trainer.
    """

    def __init__(
        self,
        kind: Literal["vllm", "sglang"],
        servers: Sequence[str],
        name: str,
        processor: Any,
        folder: Path,
        transport: httpx.BaseTransport | None = None,
        async_transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        made = Vllm if kind == "vllm" else Sglang
        self.sampler = made(tuple(one.rstrip("/") for one in servers), name, async_transport)
        self.model = TokenModel(f"{kind}:{name}", processor, self.sampler)
        self.folder, self._transport = folder, transport

    def learn(self, learner: Any, version: int) -> None:
        """Leaves the weights in the folder (every process takes part) and has the servers read them."""
        learner.save_pretrained(self.folder)
        state = PartialState()
        if state.is_main_process:
            with httpx.Client(timeout=_SECONDS, transport=self._transport) as client:
                for server in self.sampler.servers:
                    self.sampler.reload(client, server, str(self.folder.absolute()), version)
        state.wait_for_everyone()
        self.model.policy = version


class _Server:
    """What both kinds share: HTTP, and what its errors mean."""

    def __init__(
        self, servers: tuple[str, ...], name: str, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self.servers, self.name = servers, name
        self._transport = transport
        self._client: httpx.AsyncClient | None = None

    def server_of(self, conversation: str) -> str:
        """Always the same one: it has the conversation's beginning in its cache."""
        return self.servers[zlib.crc32(conversation.encode()) % len(self.servers)]

    async def aclose(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def ask(self, server: str, path: str, body: Json) -> Json:
        """POST. Raises `InfrastructureError` for what may pass, `ModelError` for what will not."""
        if self._client is None:
            limits = httpx.Limits(max_connections=None)
            self._client = httpx.AsyncClient(timeout=_SECONDS, transport=self._transport, limits=limits)
        try:
            response = await self._client.post(f"{server}{path}", json=body)
        except httpx.HTTPError as error:
            raise _unreachable(server, error) from error
        return _read(response, server, path)

    def tell(self, client: httpx.Client, server: str, path: str, body: Json, **query: str) -> Json:
        """POST while no episode runs."""
        try:
            response = client.post(f"{server}{path}", json=body, params=query)
        except httpx.HTTPError as error:
            raise _unreachable(server, error) from error
        return _read(response, server, path)


class Vllm(_Server):
    """vLLM 0.18 or later, whose tokens-in-tokens-out endpoint takes images."""

    def __init__(
        self, servers: tuple[str, ...], name: str, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        super().__init__(servers, name, transport)
        self._made = WeakKeyDictionary[Shown, tuple[str, str]]()

    async def sample(self, asked: Asked) -> Sampled:
        server = self.server_of(asked.conversation)
        body: Json = {
            "token_ids": list(asked.ids),
            "sampling_params": {
                **_sampling(asked.sampling),
                "seed": asked.sampling.seed,
                "max_tokens": asked.max_tokens,
                "logprobs": 0,
                "stop": list(asked.sampling.stop),
                "include_stop_str_in_output": True,
                "logit_bias": {str(token): -100.0 for token in asked.banned},
            },
        }
        if asked.images:
            body["features"] = await self._features(server, asked.images)
        said = await self.ask(server, "/inference/v1/generate", body)
        choice = _field(said, "choices", list, server)[0]
        ids = tuple(_field(choice, "token_ids", list, server))
        content = _field(_field(choice, "logprobs", dict, server), "content", list, server)
        return Sampled(ids, tuple(one["logprob"] for one in content), str(choice.get("finish_reason")))

    async def _features(self, server: str, images: Sequence[Shown]) -> Json:
        """Of all images at their places in our own ids."""
        made = await asyncio.gather(*(self._feature(server, image) for image in images))
        return {
            "mm_hashes": {"image": [one for one, _ in made]},
            "mm_placeholders": {
                "image": [{"offset": image.offset, "length": image.length} for image in images]
            },
            "kwargs_data": {"image": [data for _, data in made]},
        }

    async def _feature(self, server: str, image: Shown) -> tuple[str, str]:
        """Hash and data of one image, as the server makes them of a message that holds nothing else; once."""
        if image in self._made:
            return self._made[image]
        url = await asyncio.to_thread(_data_url, image)
        content = [{"type": "image_url", "image_url": {"url": url}}]
        said = await self.ask(
            server, "/v1/chat/completions/render", {"messages": [{"role": "user", "content": content}]}
        )
        features = _field(said, "features", dict, server)
        (place,) = _field(features, "mm_placeholders", dict, server)["image"]
        _same(place["length"], image.length, "an image", server)
        (data,) = (features.get("kwargs_data") or {}).get("image") or [None]
        if data is None:
            raise ModelError(
                f"{server} keeps images in a cache and does not tell what it made of them",
                "serve with --mm-processor-cache-gb 0",
            )
        (name,) = features["mm_hashes"]["image"]
        self._made[image] = str(name), str(data)
        return self._made[image]

    def reload(self, client: httpx.Client, server: str, folder: str, version: int) -> None:
        """Needs VLLM_SERVER_DEV_MODE=1."""
        self.tell(client, server, "/pause", {}, mode="wait", clear_cache="true")
        try:
            body = {"method": "reload_weights", "kwargs": {"weights_path": folder}}
            self.tell(client, server, "/collective_rpc", body)
            self.tell(client, server, "/reset_prefix_cache", {})
        finally:
            self.tell(client, server, "/resume", {})


class Sglang(_Server):
    """SGLang's native endpoint. It reads ids with images through its own tokenizer, so that what it counts is
    compared with what was sent; truncated sampling is refused, because its log-probabilities are of the whole
    distribution.
    """

    async def sample(self, asked: Asked) -> Sampled:
        server, sampling = self.server_of(asked.conversation), asked.sampling
        if sampling.top_k or sampling.top_p < 1 or sampling.min_p:
            raise ModelError(
                "SGLang tells log-probabilities of the whole distribution, not of the truncated one",
                "leave top_k, top_p and min_p of rollouts.sampling alone",
            )
        body: Json = {
            "input_ids": list(asked.ids),
            "sampling_params": {
                **_sampling(sampling),
                "max_new_tokens": asked.max_tokens,
                "stop": list(sampling.stop),
                "no_stop_trim": True,
                "logit_bias": {str(token): -100.0 for token in asked.banned},
            },
            "return_logprob": True,
        }
        if asked.images:
            body["image_data"] = await asyncio.gather(
                *(asyncio.to_thread(_data_url, image) for image in asked.images)
            )
        said = await self.ask(server, "/generate", body)
        about = _field(said, "meta_info", dict, server)
        _same(about.get("prompt_tokens"), len(asked.ids), "a prompt", server)
        drawn = _field(about, "output_token_logprobs", list, server)
        finish = about.get("finish_reason") or {}
        return Sampled(
            tuple(int(token) for _, token, *_ in drawn),
            tuple(float(logprob) for logprob, *_ in drawn),
            str(finish.get("type", "stop")),
        )

    def reload(self, client: httpx.Client, server: str, folder: str, version: int) -> None:
        self.tell(client, server, "/pause_generation", {"mode": "abort"})
        try:
            body = {"model_path": folder, "flush_cache": True, "weight_version": str(version)}
            said = self.tell(client, server, "/update_weights_from_disk", body)
            if not said.get("success"):
                raise InfrastructureError(
                    f"{server} did not take the new weights: {said.get('message', 'it says no reason')}",
                    f"see that it can read {folder}",
                )
        finally:
            self.tell(client, server, "/continue_generation", {})


def _sampling(sampling: Sampling) -> Json:
    """What both servers call alike; what is not asked for is left out."""
    told = sampling.model_dump(exclude_defaults=True, exclude={"seed", "stop", "temperature"})
    return {"temperature": sampling.temperature, **told}


def _data_url(image: Shown) -> str:
    buffer = io.BytesIO()
    image.pixels.save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _same(theirs: Any, ours: int, what: str, server: str) -> None:
    if theirs != ours:
        raise ModelError(f"{server} makes {theirs} tokens of {what} that is {ours} tokens here", _PROCESSOR)


def _field(values: Any, name: str, kind: type, server: str) -> Any:
    """A field of an answer. Raises `ModelError` for an answer without it."""
    found = values.get(name) if isinstance(values, dict) else None  # pyright: ignore[reportUnknownMemberType]
    if not isinstance(found, kind) or not found:
        raise ModelError(
            f"{server} answered without {name}", "serve with a version and options that docs/rl.md names"
        )
    return found


def _unreachable(server: str, error: Exception) -> InfrastructureError:
    why = str(error) or type(error).__name__
    return InfrastructureError(f"{server} does not answer ({why})", "start it, or correct rollouts.servers")


def _read(response: httpx.Response, server: str, path: str) -> Json:
    """The JSON of an answer, or the error that it stands for."""
    if response.status_code == 200:
        with suppress(ValueError):
            said = response.json() if response.content else {}
            return said if isinstance(said, dict) else {"results": said}
        return {"message": response.text}
    words = " ".join(response.text.split())[:300]
    if response.status_code in (408, 409, 425, 429) or response.status_code >= 500:
        raise InfrastructureError(f"{server}{path} failed ({response.status_code}: {words})", "see its log")
    if response.status_code == 404:
        raise ConfigError(f"{server} has no {path}", "serve with a version and options that docs/rl.md names")
    if "context length" in words or "maximum length" in words or "max_model_len" in words:
        raise ContextOverflow(f"{server}{path}: {words}", "lower limits.turns, or serve a longer context")
    raise ModelError(f"{server}{path} refused ({response.status_code}: {words})", "correct the recipe")
