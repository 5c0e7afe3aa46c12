"""One generation with a Transformers model: tokens in, tokens and their log-probabilities out.

What always holds: tokens are drawn as the given `Sampling` says (a checkpoint's own top-k, top-p and
repetition penalty are switched off) and log-probabilities are under the distribution that was drawn from;
tokens that stand for images cannot be drawn; a stop string ends the generation where the reply itself holds
it, and an event set by another thread at the next token.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from deepeyes.core.sampling import Sampling
from deepeyes.models.base import OnText

_SPECIAL_IDS = (
    *("image_token_id", "image_token_index", "video_token_id", "video_token_index"),
    *("vision_start_token_id", "vision_end_token_id", "boi_token_index", "eoi_token_index"),
)
"""Config fields that name tokens which stand for images; a model must not write them."""


def generate(
    model: Any,
    tokenizer: Any,
    ids: list[int],
    per_token: dict[str, list[int]],
    pixels: dict[str, Any],
    sampling: Sampling,
    max_tokens: int,
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
    drawn = sampling.temperature > 0
    options: dict[str, Any] = {"temperature": sampling.temperature} if drawn else {}
    torch.manual_seed(sampling.seed % 2**63)
    with torch.inference_mode():
        made = model.generate(
            input_ids=prompt,
            attention_mask=torch.ones_like(prompt),
            **inputs,
            **options,
            do_sample=drawn,
            top_k=sampling.top_k if drawn else None,
            top_p=sampling.top_p if drawn else None,
            min_p=(sampling.min_p or None) if drawn else None,
            repetition_penalty=sampling.repetition_penalty,
            max_new_tokens=max_tokens,
            suppress_tokens=forbidden(model) or None,
            stopping_criteria=[_Stopped(stopped, tokenizer, sampling, len(ids))],
            streamer=_streamer(tokenizer, hear) if hear else None,
            return_dict_in_generate=True,
            output_scores=True,
        )
    tokens = made.sequences[0, len(ids) :].tolist()
    rows = torch.stack([scores[0] for scores in made.scores]).float().log_softmax(-1)
    return tokens, rows[range(len(tokens)), tokens].tolist()


class _Stopped:
    """The stopping criterion: another thread's event, or a stop string after the first `begin` tokens.

    Transformers' own `stop_strings` would also find one that begins in the prompt.
    """

    def __init__(self, event: threading.Event, tokenizer: Any, sampling: Sampling, begin: int) -> None:
        self._event = event
        self._tokenizer = tokenizer
        self._sampling = sampling
        self._begin = begin

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        import torch

        done = self._event.is_set() or self._sampling.stops(
            text_of(self._tokenizer, input_ids[0, self._begin :].tolist())
        )
        return torch.full((input_ids.shape[0],), done, dtype=torch.bool, device=input_ids.device)


def text_of(tokenizer: Any, tokens: list[int]) -> str:
    """A reply's tokens as text, without those that end it."""
    return str(tokenizer.decode(tokens, skip_special_tokens=True))


def _streamer(tokenizer: Any, hear: Callable[[str], None]) -> Any:
    from transformers import TextStreamer

    class Heard(TextStreamer):
        def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
            hear(text)

    return Heard(tokenizer, skip_prompt=True, skip_special_tokens=True)


def forbidden(model: Any) -> list[int]:
    """Ids of the tokens that stand for images, which cannot be drawn."""
    named = (getattr(model.config, name, None) for name in _SPECIAL_IDS)
    return sorted({token for token in named if isinstance(token, int)})


def ends(model: Any) -> list[int]:
    ends = model.generation_config.eos_token_id
    return ends if isinstance(ends, list) else [] if ends is None else [ends]


def context(model: Any) -> int:
    config = model.config.get_text_config()
    return int(getattr(config, "max_position_embeddings", None) or 32_768)
