"""The vision tower's fast path: the numbers of the stock tower, whatever the images' sizes and order."""

import numpy as np
import torch
from nano_fixtures import SIZE, world_tokenizer
from PIL import Image

from deepeyes.models.nano.build import build_model
from deepeyes.models.nano.pixels import patchify, to_view
from deepeyes.models.nano.tower import one_frame, quicken

SHAPES = ((400, 300), (400, 300), (300, 400), (90, 600), (400, 300), (60, 60))


def images() -> tuple[torch.Tensor, torch.Tensor]:
    """Images of several sizes, some of them of the same in a row and some not."""
    rng = np.random.default_rng(0)
    drawn = [Image.fromarray(rng.integers(0, 255, (*shape[::-1], 3), dtype=np.uint8)) for shape in SHAPES]
    patched = [patchify(to_view(image, SIZE)) for image in drawn]
    return torch.cat([patches for patches, _ in patched]), torch.tensor([grid for _, grid in patched])


def test_it_sees_what_the_stock_tower_sees_and_learns_as_it_does() -> None:
    model = build_model(world_tokenizer(), SIZE, 0)
    for block in model.model.visual.blocks:  # fresh weights look everywhere alike, wherever a patch is
        torch.nn.init.normal_(block.attn.qkv.weight, std=0.5)
    pixels, grids = images()
    seen: list[torch.Tensor] = []
    gradients: list[dict[str, torch.Tensor]] = []
    for turn in range(2):
        model.zero_grad()
        vectors = (
            quicken(model).model.visual(pixels, grid_thw=grids).pooler_output
            if turn
            else (model.model.visual(pixels, grid_thw=grids).pooler_output)
        )
        vectors.square().mean().backward()
        seen.append(vectors.detach())
        gradients.append({n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None})
    assert torch.allclose(*seen, atol=1e-5) and seen[0].std() > 1e-3
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        assert torch.allclose(gradient, gradients[1][name], atol=1e-5 + 1e-3 * float(gradient.abs().max())), (
            name
        )


def test_the_second_frame_of_a_still_image_need_not_travel() -> None:
    visual = quicken(build_model(world_tokenizer(), SIZE, 0)).model.visual
    pixels, grids = images()
    halved = one_frame(pixels)
    assert one_frame(pixels[:0]).shape == (0, pixels.shape[1] // 2), "text alone has no patches"
    assert halved.shape == (len(pixels), pixels.shape[1] // 2)
    whole = visual(pixels, grid_thw=grids).pooler_output
    assert torch.allclose(visual(halved, grid_thw=grids).pooler_output, whole, atol=1e-6)


def test_a_tower_with_windows_is_left_as_it_is() -> None:
    model = build_model(world_tokenizer(), SIZE, 0)
    model.model.visual.fullatt_block_indexes = [1]
    assert "forward" not in vars(quicken(model).model.visual)
