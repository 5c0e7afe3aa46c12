"""Qwen2.5-VL's vision tower for still images, computed in less time: same weights, same numbers.

The stock code embeds every patch by a convolution over two video frames, reorders patches into windows and
turns back, and runs the images one by one. Here an image is its own pair of frames, so that the two frames'
weights add up; every layer sees the whole image; and images of the same size are run together. What always
holds: the result is that of the stock tower (a test compares them), and the weights stay where they are.
"""

import functools
from collections.abc import Sequence
from itertools import groupby
from typing import Any, cast

import torch
from torch.nn.functional import gelu, linear, rms_norm, scaled_dot_product_attention, silu
from transformers import Qwen2_5_VLForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutputWithPooling

from .size import PATCH

COLOURS, FRAMES = 3, 2
EPSILON = 1e-6


def quicken(model: Qwen2_5_VLForConditionalGeneration) -> Qwen2_5_VLForConditionalGeneration:
    """Let `model` see by `see`; the model, as before if its tower has windows."""
    visual: Any = model.model.visual
    if set(visual.fullatt_block_indexes) == set(range(len(visual.blocks))):

        def forward(
            hidden_states: torch.Tensor, grid_thw: torch.Tensor, **_: Any
        ) -> BaseModelOutputWithPooling:
            return BaseModelOutputWithPooling(pooler_output=cast("Any", see(visual, hidden_states, grid_thw)))

        visual.forward = forward
    return model


def one_frame(pixels: torch.Tensor) -> torch.Tensor:
    """Patches (patches, 2 x values) of still images without their second frame: (patches, values)."""
    return pixels.view(len(pixels), COLOURS, FRAMES, PATCH**2)[:, :, 0].reshape(
        len(pixels), COLOURS * PATCH**2
    )


def see(visual: Any, pixels: torch.Tensor, grids: torch.Tensor) -> torch.Tensor:
    """Patches of still images, with both frames or one (patches, values), and their grids (images, 3) in
    patches -> the vectors (cells, hidden) that the language model reads.
    """
    kernel = visual.patch_embed.proj.weight
    if pixels.shape[1] == kernel[0].numel():
        pixels = one_frame(pixels)
    states = linear(pixels.to(kernel.dtype), kernel.sum(2).flatten(1))
    shapes = [(rows, columns) for _, rows, columns in grids.tolist()]
    cos, sin = _turns(visual, shapes, states.device)
    runs = [(rows * columns, len(list(same))) for (rows, columns), same in groupby(shapes)]
    for block in visual.blocks:
        states = states + _attended(block.attn, _normed(block.norm1, states), cos, sin, runs)
        mlp, seen = block.mlp, _normed(block.norm2, states)
        states = states + mlp.down_proj(silu(mlp.gate_proj(seen)) * mlp.up_proj(seen))
    merger = visual.merger
    merged = _normed(merger.ln_q, states).view(-1, merger.hidden_size)
    return merger.mlp[2](gelu(merger.mlp[0](merged)))


def _normed(norm: Any, states: torch.Tensor) -> torch.Tensor:
    return rms_norm(states, (states.shape[-1],), norm.weight, EPSILON)


def _attended(
    attention: Any,
    states: torch.Tensor,
    cos: torch.Tensor,
    sin: torch.Tensor,
    runs: Sequence[tuple[int, int]],
) -> torch.Tensor:
    """Attention of every patch to all of its image; `runs` has how many patches an image has, and how many
    images in a row are of that size.
    """
    heads = attention.num_heads
    order = _halves_first(heads, attention.head_dim)
    query, key, value = linear(states, attention.qkv.weight[order], attention.qkv.bias[order]).chunk(
        3, dim=-1
    )
    sizes = [size * images for size, images in runs]
    parts = zip(
        *(part.split(sizes) for part in (_turned(query, cos, sin), _turned(key, cos, sin), value)),
        strict=True,
    )
    seen: list[torch.Tensor] = []
    for (query, key, value), (size, images) in zip(parts, runs, strict=True):
        query, key = (
            whole.view(images, size, 2, heads, -1).permute(0, 3, 1, 2, 4).flatten(3) for whole in (query, key)
        )
        value = value.view(images, size, heads, -1).transpose(1, 2)
        mixed = scaled_dot_product_attention(query, key, value)
        seen.append(mixed.transpose(1, 2).reshape(size * images, -1))
    return attention.proj(torch.cat(seen))


@functools.cache
def _halves_first(heads: int, width: int) -> torch.Tensor:
    """The rows of queries, keys and values so that the first halves of all heads of the former two stand
    before the second ones: what is turned together lies together.
    """
    rows = torch.arange(3 * heads * width).view(3, heads, 2, width // 2)
    return torch.cat([rows[:2].transpose(1, 2).flatten(), rows[2].flatten()])


def _turned(states: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    first, second = states.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)


def _turns(
    visual: Any, shapes: Sequence[tuple[int, int]], device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines and sines (patches, heads x half a head) of the places of all patches, which come in blocks of
    what is merged.
    """
    merge = visual.spatial_merge_size
    known: dict[tuple[int, int], torch.Tensor] = {}
    for rows, columns in shapes:
        if (rows, columns) not in known:
            at = torch.stack(torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij"), dim=-1)
            at = at.view(rows // merge, merge, columns // merge, merge, 2).transpose(1, 2).reshape(-1, 2)
            known[rows, columns] = at
    places = torch.cat([known[shape] for shape in shapes]).to(device)
    angles = (places[..., None] * visual.rotary_pos_emb.inv_freq).flatten(1)
    angles = angles.repeat(1, visual.blocks[0].attn.num_heads)
    return angles.cos(), angles.sin()
