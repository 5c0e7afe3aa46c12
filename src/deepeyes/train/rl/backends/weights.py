"""The weights of a model that trains, as an engine that copies them wants them: whole, adapters merged in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from peft.tuners.tuners_utils import BaseTunerLayer


class Merged:
    """Stands for the model of a trainer; asked for its weights, it gathers them from all processes."""

    def __init__(self, trainer: Any) -> None:
        self._trainer = trainer

    @property
    def model(self) -> Any:
        return self._trainer.accelerator.unwrap_model(self._trainer.model)

    @property
    def config(self) -> Any:
        return self.model.config

    def state_dict(self) -> dict[str, torch.Tensor]:
        """By the names of the model without adapters. Every process has to ask."""
        sharded = self._trainer.is_deepspeed_enabled or self._trainer.is_fsdp_enabled
        model = self.model
        if sharded:
            weights = self._trainer.accelerator.get_state_dict(self._trainer.model_wrapped)
        else:
            weights = model.state_dict()
        return merged(model, weights) if isinstance(model, PeftModel) else weights

    def save_pretrained(self, folder: Path) -> None:
        """Leave them as a checkpoint, in the precision that the run computes in. Every process has to ask."""
        weights = self.state_dict()
        if not self._trainer.is_world_process_zero():
            return
        if self._trainer.args.bf16:
            same = {value.data_ptr(): value.to(torch.bfloat16) for value in weights.values()}
            weights = {name: same[value.data_ptr()] for name, value in weights.items()}
        model = self.model
        base: Any = model.get_base_model() if isinstance(model, PeftModel) else model
        base.save_pretrained(folder, state_dict=weights)


def merged(model: PeftModel, weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """`weights` of a model with low-rank adapters, each of these added to the weight that it adapts; the
    model is left as it is.
    """
    layers: dict[str, Any] = {
        name: module for name, module in model.named_modules() if isinstance(module, BaseTunerLayer)
    }
    plain: dict[str, torch.Tensor] = {}
    for name, weight in weights.items():
        if ".lora_" in name:
            continue
        owner, _, rest = name.partition(".base_layer.")
        if rest == "weight":
            for adapter in layers[owner].active_adapters:
                weight = weight + layers[owner].get_delta_weight(adapter).to(weight.dtype)
        own = f"{owner}.{rest}" if rest else name
        plain[own.removeprefix("base_model.model.")] = weight
    return plain
