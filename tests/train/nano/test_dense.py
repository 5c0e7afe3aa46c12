"""The vision warm-up: labels where things are, a loss that falls."""

import random

import pytest
import torch
from nano_fixtures import SIZE, world_tokenizer
from PIL import Image
from transformers import PreTrainedTokenizerFast

from deepeyes.models.nano.build import build_model
from deepeyes.models.nano.pixels import grid_of, to_view
from deepeyes.models.nano.size import CELL
from deepeyes.train.nano.batch import IGNORE
from deepeyes.train.nano.dense import (
    LABELS,
    SLOTS,
    DenseWarmup,
    Drawing,
    draw_dense,
    draw_words,
    label_cells,
    label_sheet,
)
from deepeyes.world.families import draw_big_sign, family_named
from deepeyes.world.placards import add_placard
from deepeyes.world.plan import Read
from deepeyes.world.scene import Scene, empty_scene


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
        assert cell[kinds.index("char")] == LABELS["char"].index(char) + 1
        assert cell[kinds.index("char2")] == cell[kinds.index("char3")] == 0, "one character a cell"
        assert cell[kinds.index("order")] == order + 1
        assert cell[kinds.index("colour")] == LABELS["colour"].index(sign.colour) + 1
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
            held = [LABELS[slot][kind[slot][y, x] - 1] for slot in SLOTS if kind[slot][y, x] > 0]
            assert held[-1] == char == thing.text[-1]
            assert LABELS["colour"][kind["colour_word"][y, x] - 1] == thing.colour
            assert not thing.ink or LABELS["ink"][kind["ink"][y, x] - 1] == thing.ink
        assert (kind["colour"] == IGNORE).any() and (kind["char"] >= 0).all()


def words_on_white(*lines: str, em: float) -> tuple[Scene, dict[str, torch.Tensor]]:
    """A scene of 10 by 6 cells with one text, and its labels (rows, columns) by kind."""
    scene = Scene(Image.new("RGB", (10 * CELL, 6 * CELL), "white"))
    at = (CELL / 2, CELL)
    assert add_placard(random.Random(0), scene, "train", lines, em=em, colour="", at=at, bent=0.0)
    labels = label_cells(scene, (10, 6)).view(6, 10, len(LABELS))
    return scene, dict(zip(LABELS, labels.unbind(-1), strict=True))


def read_in_order(kind: dict[str, torch.Tensor]) -> str:
    """What the cells hold, row by row."""
    slots = torch.stack([kind[slot] for slot in SLOTS], dim=-1).flatten().tolist()
    return "".join(LABELS["char"][slot - 1] for slot in slots if slot > 0)


def test_cells_hold_up_to_three_characters_in_order_and_the_blank_between_words() -> None:
    _, kind = words_on_white("Café 12", em=24)
    assert read_in_order(kind) == "CAFÉ 12"
    held = (torch.stack([kind[slot] for slot in SLOTS]) > 0).sum(0)
    assert 1 < held.max() <= len(SLOTS)
    first = [int(kind["order"][y, x]) for y, x in (held > 0).nonzero().tolist()]
    before = [0, *held[held > 0].cumsum(0).tolist()[:-1]]
    assert first == [count + 1 for count in before], "the number of the cell's first character"


def test_what_is_too_small_or_too_crowded_is_not_asked_about() -> None:
    _, small = words_on_white("EMERGENCY", em=8)
    assert read_in_order(small) == "" and (small["char"] == IGNORE).any()
    _, narrow = words_on_white("ILILILILILIL", em=14)
    assert (narrow["char"] == IGNORE).any() and len(read_in_order(narrow)) < 8, "four and more in a cell"
    _, crowded = words_on_white("ABC", "DEF", em=12)
    assert not set(read_in_order(crowded)) & set("ABCDEF")
    assert (crowded["char"] == IGNORE).any() and (crowded["order"] == IGNORE).any()


def test_the_dense_loss_falls_on_one_batch(tokenizer: PreTrainedTokenizerFast) -> None:
    torch.set_num_threads(1)
    module = DenseWarmup(build_model(tokenizer, SIZE, 0), tokenizer)
    rows = [draw_dense(random.Random(seed), SIZE, "train", (13, 60)).seen(SIZE) for seed in range(4)]
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


def test_another_look_shows_the_same_words_elsewhere_in_their_cells() -> None:
    whole = Drawing(draw_words(random.Random(4), SIZE, "train", (16, 40)))
    rng = random.Random(1)
    looks = [whole.part(rng) for _ in range(6)]
    assert len({look.scene.image.tobytes() for look in looks}) == 6
    written = {thing.text for thing in whole.scene.things}
    for look in looks:
        patches, grid, labels = look.seen(SIZE)
        assert len(labels) == grid[1] * grid[2] // 4 and len(patches) == grid[1] * grid[2]
        assert {thing.text for thing in look.scene.things} <= written
        width, height = look.scene.image.size
        for _, box in (glyph for thing in look.scene.things for glyph in thing.glyphs):
            assert 0 <= (box[0] + box[2]) / 2 <= width and 0 <= (box[1] + box[3]) / 2 <= height
    assert any((look.seen(SIZE)[2][:, 0] > 0).any() for look in looks), "with something to read"
