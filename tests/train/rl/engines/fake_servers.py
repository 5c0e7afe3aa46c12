"""vLLM's and SGLang's servers as their documentation describes them, with the embedded model behind them."""

import base64
import io
import json
import threading
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import torch
from PIL import Image
from safetensors.torch import load_file
from transformers import AutoModelForImageTextToText, AutoProcessor

from deepeyes.core.sampling import Sampling
from deepeyes.models.nano.model import NAMES, WEIGHTS
from deepeyes.models.transformers import do_without_torchvision
from deepeyes.models.transformers_generate import forbidden, generate

FOLDER = WEIGHTS / NAMES["nano"]
Json = dict[str, Any]


class FakeServer:
    """Answers requests of both kinds; `faults` change an answer, by path."""

    def __init__(self, *, context: int = 4096) -> None:
        do_without_torchvision()
        self.processor = AutoProcessor.from_pretrained(FOLDER)
        self.model: Any = AutoModelForImageTextToText.from_pretrained(FOLDER, dtype=torch.float32).eval()
        self.context, self.paused = context, False
        self.asked: list[tuple[str, Json, dict[str, str]]] = []
        self.faults: dict[str, Any] = {}
        self.lock = threading.Lock()

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    @property
    def paths(self) -> list[str]:
        return [path for path, _, _ in self.asked]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path, body = request.url.path, json.loads(request.content or b"{}")
        self.asked.append((path, body, dict(request.url.params)))
        fault = self.faults.get(path)
        if isinstance(fault, httpx.Response | Exception):
            if isinstance(fault, Exception):
                raise fault
            return fault
        routes = {
            "/v1/chat/completions/render": self._render,
            "/inference/v1/generate": self._vllm,
            "/generate": self._sglang,
            "/collective_rpc": self._reload,
            "/update_weights_from_disk": self._update,
            "/pause": self._pause,
            "/pause_generation": self._pause,
            "/resume": self._resume,
            "/continue_generation": self._resume,
            "/reset_prefix_cache": lambda _: {},
        }
        if path not in routes:
            return httpx.Response(404, json={"detail": "Not Found"})
        with self.lock:
            said = routes[path](body)
        if isinstance(said, httpx.Response):
            return said
        return httpx.Response(200, json=fault(said) if fault else said)

    def _pause(self, body: Json) -> Json:
        self.paused = True
        return {"status": "paused"}

    def _resume(self, body: Json) -> Json:
        self.paused = False
        return {"status": "resumed"}

    def _render(self, body: Json) -> Json:
        (message,) = body["messages"]
        (part,) = message["content"]
        data = part["image_url"]["url"].partition("base64,")[2]
        length = self._cells(_image(data))
        return {
            "token_ids": [1, *[2] * length, 3],
            "features": {
                "mm_hashes": {"image": [sha256(data.encode()).hexdigest()]},
                "mm_placeholders": {"image": [{"offset": 1, "length": length}]},
                "kwargs_data": {"image": [data]},
            },
            "sampling_params": {},
        }

    def _vllm(self, body: Json) -> Json | httpx.Response:
        asked, features = body["sampling_params"], body.get("features") or {}
        assert asked["logprobs"] == 0 and not self.paused
        ids = body["token_ids"]
        if len(ids) >= self.context:
            words = f"the prompt is longer than the maximum model context length of {self.context}"
            return httpx.Response(400, json={"error": {"message": words}})
        for place in (features.get("mm_placeholders") or {}).get("image", []):
            run = ids[place["offset"] : place["offset"] + place["length"]]
            assert set(run) == {self._image_token()}, "features stand where the image tokens are"
        images = [_image(data) for data in (features.get("kwargs_data") or {}).get("image", [])]
        tokens, logprobs = self._draw(ids, images, asked, asked["max_tokens"], asked["seed"])
        content = [
            {"token": f"token_id:{one}", "logprob": value}
            for one, value in zip(tokens, logprobs, strict=True)
        ]
        choice = {"index": 0, "token_ids": tokens, "logprobs": {"content": content}, "finish_reason": "stop"}
        return {"request_id": "r", "choices": [choice]}

    def _sglang(self, body: Json) -> Json:
        asked = body["sampling_params"]
        assert body["return_logprob"] and not self.paused
        images = [_image(url.partition("base64,")[2]) for url in body.get("image_data", [])]
        ids = body["input_ids"]
        tokens, logprobs = self._draw(ids, images, asked, asked["max_new_tokens"], len(ids))
        return {
            "text": self.processor.decode(tokens),
            "meta_info": {
                "prompt_tokens": len(ids),
                "completion_tokens": len(tokens),
                "finish_reason": {"type": "stop"},
                "output_token_logprobs": [
                    [value, one, None] for one, value in zip(tokens, logprobs, strict=True)
                ],
            },
        }

    def _reload(self, body: Json) -> Json:
        assert self.paused and body["method"] == "reload_weights"
        self._load(Path(body["kwargs"]["weights_path"]))
        return {"results": [None]}

    def _update(self, body: Json) -> Json:
        assert self.paused
        folder = Path(body["model_path"])
        if not folder.exists():
            return {"success": False, "message": "no such folder", "num_paused_requests": 0}
        self._load(folder)
        return {"success": True, "message": "Succeeded to update model weights.", "num_paused_requests": 0}

    def _load(self, folder: Path) -> None:
        self.loaded = load_file(folder / "model.safetensors")
        fresh: Any = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32)
        self.model.load_state_dict(fresh.state_dict())

    def _draw(
        self, ids: list[int], images: list[Image.Image], asked: Json, most: int, seed: int
    ) -> tuple[list[int], list[float]]:
        assert {int(one) for one in asked["logit_bias"]} >= set(forbidden(self.model))
        fields = {name: asked[name] for name in ("top_k", "top_p", "min_p") if name in asked}
        sampling = Sampling(temperature=asked["temperature"], stop=tuple(asked["stop"]), seed=seed, **fields)
        pixels = dict(self.processor.image_processor(images=images, return_tensors="pt")) if images else {}
        types = [int(one == self._image_token()) for one in ids]
        return generate(
            self.model, self.processor.tokenizer, ids, {"mm_token_type_ids": types}, pixels, sampling,
            min(most, 400), None, threading.Event(),
        )  # fmt: skip

    def _cells(self, image: Image.Image) -> int:
        made = self.processor.image_processor(images=[image], return_tensors="pt")
        return int(made["image_grid_thw"].prod()) // self.processor.image_processor.merge_size**2

    def _image_token(self) -> int:
        return int(self.processor.tokenizer.convert_tokens_to_ids(self.processor.image_token))


def _image(data: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")
