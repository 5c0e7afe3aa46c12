"""The vision warm-up: labels where things are, a loss that falls."""

import random

import pytest
import torch
from nano_fixtures import SIZE, world_tokenizer
from transformers import PreTrainedTokenizerFast

from deepeyes.models.nano.build import build_model
from deepeyes.models.nano.pixels import grid_of, to_view
from deepeyes.models.nano.size import CELL
from deepeyes.train.nano.batch import IGNORE
from deepeyes.train.nano.dense import LABELS, DenseWarmup, draw_dense, label_cells, label_sheet
from deepeyes.world.families import draw_big_sign, family_named
from deepeyes.world.palette import COLOURS
from deepeyes.world.plan import Read
from deepeyes.world.scene import empty_scene
from deepeyes.world.strings import ALPHABET


@pytest.fixture
def tokenizer() -> PreTrainedTokenizerFast:
    return world_tokenizer()


def test_cell_labels_say_which_character_stands_where() -> None:
    rng = random.Random(3)
    scene = empty_scene(rng, "train", long_side=(448, 448), aspect=4 / 3)
    sign = None
    while sign is None or not sign.text:
        scene.things.clear()
        sign = draw_big_sign(rng, "train", scene, (1.8, 2.2))
    columns, rows = grid_of(to_view(scene.image, SIZE))
    labels = label_cells(scene, (columns, rows)).reshape(rows, columns, len(LABELS))
    kinds = list(LABELS)
    for order, (char, box) in enumerate(sign.glyphs):
        column = int((box[0] + box[2]) / 2 / scene.image.width * columns)
        row = int((box[1] + box[3]) / 2 / scene.image.height * rows)
        cell = labels[row, column]
        assert cell[kinds.index("char")] == ALPHABET.index(char) + 1
        assert cell[kinds.index("order")] == order + 1
        assert cell[kinds.index("colour")] == COLOURS.index(sign.colour) + 1
    assert labels[2, 3, kinds.index("row")] == 3 and labels[2, 3, kinds.index("column")] == 4


@pytest.mark.parametrize("family", ("chart", "table"))
def test_a_large_number_is_labelled_with_its_digits_and_the_colours_it_is_asked_by(family: str) -> None:
    def large(seed: int):
        drawn = family_named(family).draw(random.Random(seed), "train")
        return drawn if any(isinstance(step, Read) and step.large for step in drawn.steps) else None

    for drawn in filter(None, map(large, range(12))):
        grid = grid_of(to_view(drawn.scene.image, SIZE))
        labels = label_sheet(drawn.scene, grid).view(grid[1], grid[0], len(LABELS))
        kind = dict(zip(LABELS, labels.unbind(-1), strict=True))
        for thing in drawn.scene.things:
            assert thing.colour in thing.name and thing.ink in thing.name
            char, box = thing.glyphs[-1]
            x = int((box[0] + box[2]) / 2 / drawn.scene.image.width * grid[0])
            y = int((box[1] + box[3]) / 2 / drawn.scene.image.height * grid[1])
            assert ALPHABET[kind["char"][y, x] - 1] == char == thing.text[-1]
            assert COLOURS[kind["colour_word"][y, x] - 1] == thing.colour
            assert not thing.ink or COLOURS[kind["ink"][y, x] - 1] == thing.ink
        assert (kind["colour"] == IGNORE).any() and (kind["char"] >= 0).all()


def test_the_dense_loss_falls_on_one_batch(tokenizer: PreTrainedTokenizerFast) -> None:
    torch.set_num_threads(1)
    module = DenseWarmup(build_model(tokenizer, SIZE, 0), tokenizer)
    rows = [draw_dense(random.Random(seed), SIZE, "train") for seed in range(4)]
    batch = {
        "pixel_values": torch.cat([row[0] for row in rows]),
        "image_grid_thw": torch.tensor([row[1] for row in rows]),
        "labels": torch.cat([row[2] for row in rows]),
    }
    optimizer = torch.optim.AdamW(module.parameters(), lr=3e-3)
    losses: list[float] = []
    metrics: dict[str, torch.Tensor] = {}
    for _ in range(15):
        loss, metrics = module(**batch)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]
    assert 0 <= float(metrics["colour"]) <= 1


def test_views_have_whole_cells() -> None:
    view = to_view(empty_scene(random.Random(0), "train").image, SIZE)
    assert view.width % CELL == 0 and view.width * view.height <= SIZE.max_tokens * CELL**2
