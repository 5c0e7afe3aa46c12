"""One generation with a Transformers model: tokens in, tokens and their log-probabilities out.

What always holds: sampling is from the plain distribution at the given temperature (a checkpoint's own
top-k, top-p and repetition penalty are switched off), tokens that stand for pictures cannot be drawn, and
an event set by another thread ends the generation at the next token.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from deepeyes.models.base import OnText

_SPECIAL_IDS = (
    *("image_token_id", "image_token_index", "video_token_id", "video_token_index"),
    *("vision_start_token_id", "vision_end_token_id", "boi_token_index", "eoi_token_index"),
)
"""Config fields that name tokens which stand for pictures; a model must not write them."""


def generate(
    model: Any,
    tokenizer: Any,
    ids: list[int],
    per_token: dict[str, list[int]],
    pixels: dict[str, Any],
    stop: Sequence[str],
    max_tokens: int,
    temperature: float,
    seed: int,
    hear: OnText | None,
    stopped: threading.Event,
) -> tuple[list[int], list[float]]:
    """(tokens of the reply, their log-probabilities under the distribution they were drawn from)."""
    import torch

    inputs = {key: torch.tensor([values], device=model.device) for key, values in per_token.items()}
    for key, value in pixels.items():
        inputs[key] = (
            value.to(model.device, model.dtype) if value.is_floating_point() else value.to(model.device)
        )
    prompt = torch.tensor([ids], device=model.device)
    options: dict[str, Any] = {"temperature": temperature} if temperature > 0 else {}
    torch.manual_seed(seed % 2**63)
    with torch.inference_mode():
        made = model.generate(
            input_ids=prompt,
            attention_mask=torch.ones_like(prompt),
            **inputs,
            **options,
            do_sample=temperature > 0,
            top_k=0 if temperature > 0 else None,
            top_p=1.0 if temperature > 0 else None,
            repetition_penalty=1.0,
            max_new_tokens=max_tokens,
            suppress_tokens=_forbidden(model) or None,
            stop_strings=list(stop) or None,
            tokenizer=tokenizer,
            stopping_criteria=[_Stopped(stopped)],
            streamer=_streamer(tokenizer, hear) if hear else None,
            return_dict_in_generate=True,
            output_scores=True,
        )
    tokens = made.sequences[0, len(ids) :].tolist()
    rows = torch.stack([scores[0] for scores in made.scores]).float().log_softmax(-1)
    return tokens, rows[range(len(tokens)), tokens].tolist()


class _Stopped:
    """A stopping criterion that another thread can set."""

    def __init__(self, event: threading.Event) -> None:
        self._event = event

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        import torch

        return torch.full(
            (input_ids.shape[0],), self._event.is_set(), dtype=torch.bool, device=input_ids.device
        )


def _streamer(tokenizer: Any, hear: Callable[[str], None]) -> Any:
    from transformers import TextStreamer

    class Heard(TextStreamer):
        def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
            hear(text)

    return Heard(tokenizer, skip_prompt=True, skip_special_tokens=True)


def _forbidden(model: Any) -> list[int]:
    named = (getattr(model.config, name, None) for name in _SPECIAL_IDS)
    return sorted({token for token in named if isinstance(token, int)})


def ends(model: Any) -> list[int]:
    ends = model.generation_config.eos_token_id
    return ends if isinstance(ends, list) else [] if ends is None else [ends]


def context(model: Any) -> int:
    config = model.config.get_text_config()
    return int(getattr(config, "max_position_embeddings", None) or 32_768)
