"""Qwen2.5-VL's forward pass on torch alone, for checkpoints as small as nano.

Importing Transformers costs three times what answering a question does, in time and memory, so asking does
without it. What always holds: the weights are read from an ordinary Transformers folder, and every number
equals what the stock classes compute, bit for bit (tests/models/nano compare them); a checkpoint of which
that is not known is refused, and `hf:` runs it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from deepeyes.core.errors import ModelError, boundary

from .cache import SlotCache

Weights = Mapping[str, Tensor]

_VISION_EPS = 1e-6
"""Of the norms in the vision tower, whatever the configuration says of the others."""


@dataclass(frozen=True)
class Shape:
    """What the weights do not tell of the network by their own shapes."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    eps: float
    rope_base: float
    rope_sections: tuple[int, ...]
    """Into which of a head's frequencies frame, row and column go; in all, half a head."""
    image_token: int
    vision_hidden: int
    vision_depth: int
    vision_heads: int
    vision_rope_base: float
    patch: int
    merge: int
    frames: int
    window: int
    """Side of the windows in whose order the tower reads patches, in cells."""

    @property
    def head(self) -> int:
        """Width of a head."""
        return self.hidden // self.heads

    @classmethod
    def read(cls, config: Mapping[str, Any]) -> Shape:
        """Of a `config.json`. Raises `KeyError` or `ValueError` for one that is not of this kind."""
        text, vision = config["text_config"], config["vision_config"]
        rope, axes = text["rope_parameters"], vision.get("rope_parameters", {"rope_theta": 1e4})
        depth = vision["depth"]
        plain = (
            config["model_type"] == "qwen2_5_vl",
            rope["rope_type"] == "default",
            text["hidden_act"] == vision["hidden_act"] == "silu",
            not text.get("use_sliding_window"),
            sorted(vision["fullatt_block_indexes"]) == list(range(depth)),
            config.get("tie_word_embeddings", text.get("tie_word_embeddings")),
        )
        if not all(plain):
            raise ValueError("its architecture is another one")
        return cls(
            hidden=text["hidden_size"],
            layers=text["num_hidden_layers"],
            heads=text["num_attention_heads"],
            kv_heads=text["num_key_value_heads"],
            eps=text["rms_norm_eps"],
            rope_base=rope["rope_theta"],
            rope_sections=tuple(rope["mrope_section"]),
            image_token=config["image_token_id"],
            vision_hidden=vision["hidden_size"],
            vision_depth=depth,
            vision_heads=vision["num_heads"],
            vision_rope_base=axes["rope_theta"],
            patch=vision["patch_size"],
            merge=vision["spatial_merge_size"],
            frames=vision["temporal_patch_size"],
            window=vision["window_size"] // vision["spatial_merge_size"] // vision["patch_size"],
        )


class Network:
    """The weights, in float32, and what is computed with them; nothing else is held."""

    def __init__(self, shape: Shape, weights: Weights) -> None:
        self.shape = shape
        self._weights = {name: weight.float() for name, weight in weights.items()}
        for layer in range(shape.layers):  # what reads the same vectors is one product
            self._join(f"model.layers.{layer}.self_attn", "qkv_proj", [f"{part}_proj" for part in "qkv"])
            self._join(f"model.layers.{layer}.mlp", "gate_up_proj", ["gate_proj", "up_proj"])
        for block in range(shape.vision_depth):
            self._join(f"visual.blocks.{block}.mlp", "gate_up_proj", ["gate_proj", "up_proj"])
        self._frequencies = _frequencies(shape.rope_base, shape.head)
        self._vision_frequencies = _frequencies(
            shape.vision_rope_base, shape.vision_hidden // shape.vision_heads // 2
        )

    @classmethod
    def load(cls, folder: Path) -> Network:
        """The checkpoint in `folder`. Raises `ModelError` for one of another kind."""
        from safetensors.torch import load_file

        what = f"reading {folder} as a nano checkpoint"
        expected = (OSError, ValueError, KeyError, TypeError)
        with boundary(ModelError, what, f"load it with --model hf:{folder}", expected=expected):
            config = json.loads((folder / "config.json").read_text("utf-8"))
            return cls(Shape.read(config), load_file(folder / "model.safetensors"))

    @property
    def vocabulary(self) -> int:
        """How many tokens have logits, those without a meaning included."""
        return len(self._weights["model.embed_tokens.weight"])

    def cache(self, rows: int, length: int) -> SlotCache:
        """An empty cache for so many conversations of so many tokens."""
        shape = self.shape
        sharing = shape.heads // shape.kv_heads
        return SlotCache(shape.layers, rows, shape.kv_heads, length, shape.head, sharing)

    def embed(self, ids: Tensor) -> Tensor:
        """Tokens (b, q) as vectors (b, q, hidden)."""
        return F.embedding(ids, self._weights["model.embed_tokens.weight"])

    def logits(self, hidden: Tensor) -> Tensor:
        """Vectors (n, hidden) as scores (n, vocabulary)."""
        return F.linear(hidden, self._weights["model.embed_tokens.weight"])

    def think(self, embedded: Tensor, places: Tensor, cache: SlotCache) -> Tensor:
        """The decoder: vectors (b, q, hidden) at three-part positions (3, b, q), for which `cache` has begun;
        each attends to itself and to all before it in its row. The vectors after the last layer.
        """
        turn = self._rotation(places)
        hidden = embedded
        for layer in range(self.shape.layers):
            name = f"model.layers.{layer}"
            normed = self._norm(hidden, f"{name}.input_layernorm", self.shape.eps)
            hidden = hidden + self._attend(normed, layer, turn, cache)
            normed = self._norm(hidden, f"{name}.post_attention_layernorm", self.shape.eps)
            hidden = hidden + self._feed(normed, f"{name}.mlp")
        return self._norm(hidden, "model.norm", self.shape.eps)

    def see(self, patches: Tensor, grids: list[tuple[int, int, int]]) -> Tensor:
        """The vision tower: patches (n, values) of images with `grids` (frames, rows, columns) of patches, as
        one vector (hidden) a cell, image by image and row by row.
        """
        shape, square = self.shape, self.shape.merge**2
        kernel = self._weights["visual.patch_embed.proj.weight"]
        blocks = patches.view(-1, 3, shape.frames, shape.patch, shape.patch)
        hidden = F.conv3d(blocks, kernel, stride=kernel.shape[2:]).view(-1, shape.vision_hidden)
        order = torch.cat(_window_order(grids, shape))
        cos, sin = (part.unsqueeze(-2) for part in self._vision_rotation(grids))
        hidden, cos, sin = (
            part.reshape(len(order), square, -1)[order].reshape(len(part), *part.shape[1:])
            for part in (hidden, cos, sin)
        )
        lengths = [frames * rows * columns for frames, rows, columns in grids]
        for block in range(shape.vision_depth):
            name = f"visual.blocks.{block}"
            normed = self._norm(hidden, f"{name}.norm1", _VISION_EPS)
            hidden = hidden + self._attend_within(normed, f"{name}.attn", (cos, sin), lengths)
            hidden = hidden + self._feed(self._norm(hidden, f"{name}.norm2", _VISION_EPS), f"{name}.mlp")
        merged = self._norm(hidden, "visual.merger.ln_q", _VISION_EPS).view(-1, shape.vision_hidden * square)
        merged = F.gelu(self._linear(merged, "visual.merger.mlp.0"))
        return self._linear(merged, "visual.merger.mlp.2")[torch.argsort(order)]

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return F.linear(x, self._weights[f"{name}.weight"], self._weights.get(f"{name}.bias"))

    def _join(self, where: str, name: str, parts: Sequence[str]) -> None:
        """Linear maps of the same vectors as one."""
        for kind in ("weight", "bias"):
            found = [self._weights.pop(f"{where}.{part}.{kind}", None) for part in parts]
            joined = [one for one in found if one is not None]
            if joined:
                self._weights[f"{where}.{name}.{kind}"] = torch.cat(joined)

    def _norm(self, x: Tensor, name: str, eps: float) -> Tensor:
        return F.rms_norm(x, x.shape[-1:], self._weights[f"{name}.weight"], eps)

    def _feed(self, x: Tensor, name: str) -> Tensor:
        gate, up = self._linear(x, f"{name}.gate_up_proj").chunk(2, -1)
        return self._linear(F.silu(gate) * up, f"{name}.down_proj")

    def _attend(self, x: Tensor, layer: int, turn: tuple[Tensor, Tensor], cache: SlotCache) -> Tensor:
        """Of the decoder: several heads of queries share one of keys and values, so they are taken as queries
        of that head, and nothing is copied.
        """
        shape, name = self.shape, f"model.layers.{layer}.self_attn"
        batch, length, _ = x.shape
        parts = self._linear(x, f"{name}.qkv_proj").view(batch, length, -1, shape.head).transpose(1, 2)
        turned, values = parts.split([shape.heads + shape.kv_heads, shape.kv_heads], 1)
        queries, keys = _rotated(turned, turn).split([shape.heads, shape.kv_heads], 1)
        cache.write(layer, keys, values)
        shared = queries.reshape(batch, shape.kv_heads, -1, shape.head)
        found = [
            F.scaled_dot_product_attention(
                shared[span.batch],
                *cache.read(layer, span),
                attn_mask=span.mask,
                scale=shape.head**-0.5,
            )
            for span in cache.spans
        ]
        heads = torch.cat(found).reshape(batch, shape.heads, length, shape.head).transpose(1, 2)
        return self._linear(heads.reshape(batch, length, -1), f"{name}.o_proj")

    def _attend_within(self, x: Tensor, name: str, turn: tuple[Tensor, Tensor], lengths: list[int]) -> Tensor:
        """Of the tower: every patch to all of its own image, of which each has so many."""
        heads = self.shape.vision_heads
        parts = self._linear(x, f"{name}.qkv").reshape(len(x), 3, heads, -1).permute(1, 0, 2, 3).unbind(0)
        turned = (_rotated(parts[0], turn), _rotated(parts[1], turn), parts[2])
        images = zip(*(part.transpose(0, 1)[None].split(lengths, 2) for part in turned), strict=True)
        scale = (self.shape.vision_hidden // heads) ** -0.5
        found = [F.scaled_dot_product_attention(*image, scale=scale).transpose(1, 2) for image in images]
        return self._linear(torch.cat(found, 1).reshape(len(x), -1), f"{name}.proj")

    def _rotation(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """Cosines and sines (b, 1, q, head) of positions (3, b, q)."""
        angles = places[..., None].float() * self._frequencies
        both: list[Tensor] = []
        for part in (angles.cos(), angles.sin()):
            sections = part.split(list(self.shape.rope_sections), -1)
            chosen = torch.cat([section[axis % 3] for axis, section in enumerate(sections)], -1)
            both.append(torch.cat((chosen, chosen), -1).unsqueeze(1))
        return both[0], both[1]

    def _vision_rotation(self, grids: list[tuple[int, int, int]]) -> tuple[Tensor, Tensor]:
        """Cosines and sines (patches, head) of the patches' rows and columns, cell by cell."""
        merge, found = self.shape.merge, list[Tensor]()
        for frames, rows, columns in grids:
            at = torch.stack(torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij"))
            cells = at.view(2, rows // merge, merge, columns // merge, merge).transpose(2, 3)
            found.append(cells.reshape(2, -1).T.repeat(frames, 1))
        angles = torch.cat(found)[..., None].float() * self._vision_frequencies
        half = torch.cat((angles.cos()[:, 0], angles.cos()[:, 1]), -1)
        other = torch.cat((angles.sin()[:, 0], angles.sin()[:, 1]), -1)
        return torch.cat((half, half), -1), torch.cat((other, other), -1)


def _frequencies(base: float, width: int) -> Tensor:
    return 1.0 / (base ** (torch.arange(0, width, 2, dtype=torch.float) / width))


def _rotated(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    cos, sin = turn
    first, second = x.chunk(2, -1)
    return x * cos + torch.cat((-second, first), -1) * sin


def _window_order(grids: list[tuple[int, int, int]], shape: Shape) -> list[Tensor]:
    """Image by image, the cells in the order in which the tower reads them: window by window, row by row."""
    orders, before = list[Tensor](), 0
    for frames, rows, columns in grids:
        height, width = rows // shape.merge, columns // shape.merge
        cell = torch.arange(frames * height * width)
        frame, row, column = cell // (height * width), cell // width % height, cell % width
        across = -(-width // shape.window)
        window = (frame * height + row // shape.window) * across + column // shape.window
        orders.append(cast("Tensor", torch.argsort(window, stable=True)) + before)
        before += len(cell)
    return orders
