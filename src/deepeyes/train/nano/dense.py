"""Vision warm-up: what stands in every cell of an image, which the renderer knows for free.

A cell is the square of the view that becomes one visual token. The tower learns to put into that token's
vector, in the directions of the very word embeddings the language model will have to say: the character, the
colour of the sign, the kind of shape; and through small linear maps: which character of the string this is,
the ink, the number of dots, the place within the cell, the cell's own row and column. One image gives some
fifty labels where a question gives one, which is what makes a vision model from nothing possible on two
cores. What always holds: an image and its labels are a function of the random state alone.
"""

import math
import random
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from typing import cast

import torch
from PIL import ImageEnhance
from torch import nn
from torch.nn.functional import cross_entropy, embedding_bag
from transformers import PreTrainedTokenizerFast, Qwen2_5_VLForConditionalGeneration

from deepeyes.models.nano.pixels import grid_of, patchify, to_view
from deepeyes.models.nano.size import CELL, NanoSize
from deepeyes.models.nano.tower import quicken
from deepeyes.world.families import draw_content, draw_shape_question, draw_tiny_signs, family_named
from deepeyes.world.families.ordinary import draw_shapes
from deepeyes.world.grounds import camera, draw_ground
from deepeyes.world.outlines import OUTLINES
from deepeyes.world.palette import COLOURS, EVERY_COLOUR
from deepeyes.world.placards import add_placard
from deepeyes.world.scene import ASPECTS, Box, Scene, Thing, add_sign, empty_scene, soften
from deepeyes.world.words import LONGEST, READ, SHORTEST, draw_line

from .batch import IGNORE

LABELS: dict[str, tuple[str, ...]] = {
    "char": tuple(READ + " "),
    "char2": tuple(READ + " "),
    "char3": tuple(READ + " "),
    "order": tuple("123456789ABCDEFGHIJKLMNO"),
    "colour": EVERY_COLOUR,
    "colour_word": tuple(f" {name}" for name in EVERY_COLOUR),
    "shape": tuple(f" {name}" for name in OUTLINES),
    "ink": EVERY_COLOUR,
    "dots": tuple("12345"),
    "sub_x": tuple("0123456789"),
    "sub_y": tuple("0123456789"),
    "column": tuple("0123456789"),
    "row": tuple("0123456789"),
}
"""Label kind -> the words of its classes; class 0 of every kind is "nothing here", class k the k-th word."""

VARIANTS = 64
"""Different backgrounds of each size and kind. With five aspect ratios, three long sides (448, 672 and 896
pixels) and 448 once more without shapes that makes 1,280 images, most of what `background_variant` keeps in
memory (1,600); each of them comes turned over as well.
"""

SHEETS = ("chart", "table", "geometry")
"""Families whose images are sheets with numbers."""

WORDS_SHARE, SHEET_SHARE, FILLED_SHARE, TINY_SHARE, DRAWN_SHARE = 0.64, 0.08, 0.1, 0.05, 0.05
"""Shares of the images that are full of ordinary words, that are sheets, that are full of the drawn world's
signs, that have tiny signs among clutter, and that show its shapes; the rest show ordinary shapes. Reading
takes longest to learn, so most images are full of characters.
"""
PAGE = 0.4
"""Share of the images of words on which most words stand on no plate."""
SHRUNK = (1.0, 1.8)
"""How much larger than its view an image of words is drawn."""
SIDE, WIDE_SIDE = 448, 672
"""Long sides, in pixels, of scenes and of those with tiny signs, which are shown smaller than drawn."""
TINY_SIGNS = (2, 8)
"""Fewest and most tiny signs in a scene."""

PART = (0.5, 1.0)
"""How much of an image another look at it shows, as a share of either side."""
LIT = 0.4
"""Share of the looks in which the light, and of those in which the contrast, is another one."""

READABLE = 0.26
"""Height in cells up to which a character cannot be read: nothing to learn there but noise."""
SLOTS = ("char", "char2", "char3")
"""The characters whose middles lie in a cell, in order; with more of them the cell has no label."""
DOTS_READABLE = 0.9
"""The same of a sign with dots."""
NOTHING_WEIGHT = 0.2
"""Weight in the loss of the class "nothing here", which most cells have in most kinds: at full weight a tower
that sees nothing anywhere would already do well.
"""
WORD_STD = 0.3
"""Standard deviation of fresh word vectors, which are the classes of the aligned kinds: with the 0.02 that
Transformers draws them with, all their logits would begin almost equal.
"""

ALIGNED = frozenset({"char", "colour", "colour_word", "shape"})
"""Kinds read straight off the token's vector; the others go through a linear map of their own."""


Seen = tuple[torch.Tensor, tuple[int, int, int], torch.Tensor]
"""Patches (patches, values), grid in patches, and labels (cells, kinds), -100 where a kind is not asked."""


@dataclass(frozen=True)
class Drawing:
    """An image for the warm-up before it is seen, whole or in part."""

    scene: Scene
    sheet: bool = False

    def seen(self, size: NanoSize) -> Seen:
        """The view of it, and what stands in the cells."""
        view = to_view(self.scene.image, size)
        label = label_sheet if self.sheet else label_cells
        return *patchify(view), label(self.scene, grid_of(view))

    def part(self, rng: random.Random) -> "Drawing":
        """Another look at it: a part, anywhere and of any shape, in another light. It costs a tenth of a new
        drawing, and puts every character elsewhere in its cells and at another size.
        """
        width, height = self.scene.image.size
        wide, high = (max(CELL, round(side * rng.uniform(*PART))) for side in (width, height))
        left, top = rng.randint(0, max(0, width - wide)), rng.randint(0, max(0, height - high))
        cut = cropped(self.scene, (left, top, left + wide, top + high))
        if rng.random() < LIT:
            cut.image = ImageEnhance.Brightness(cut.image).enhance(rng.uniform(0.6, 1.3))
        if rng.random() < LIT:
            cut.image = ImageEnhance.Contrast(cut.image).enhance(rng.uniform(0.6, 1.3))
        return Drawing(cut, self.sheet)


def draw_dense(rng: random.Random, size: NanoSize, split: str, em: tuple[float, float]) -> Drawing:
    """An image for the warm-up, whose ordinary words are `em` pixels of the view high."""
    choice = rng.random()
    if choice < WORDS_SHARE:
        return Drawing(draw_words(rng, size, split, em))
    choice -= WORDS_SHARE
    aspect = rng.choice(ASPECTS)
    if choice < SHEET_SHARE:
        return Drawing(family_named(rng.choice(SHEETS)).draw(rng, split).scene, sheet=True)
    choice -= SHEET_SHARE
    filled = choice < FILLED_SHARE
    tiny = not filled and choice < FILLED_SHARE + TINY_SHARE
    if choice > FILLED_SHARE + TINY_SHARE + DRAWN_SHARE:
        return Drawing(draw_shapes(rng, split, (SIDE, SIDE)))
    side = WIDE_SIDE if tiny else SIDE
    scene = empty_scene(
        rng, split, long_side=(side, side), aspect=aspect, variants=VARIANTS, shapes=filled or tiny
    )
    if filled:
        fill_with_signs(rng, split, scene)
    elif tiny:
        draw_tiny_signs(rng, split, scene, rng.randint(*TINY_SIGNS))
    else:
        draw_shape_question(rng, scene)
    return Drawing(soften(rng, scene))


def draw_words(rng: random.Random, size: NanoSize, split: str, ems: tuple[float, float]) -> Scene:
    """An image of any shape and of up to as many cells as a view has, full of words, seen by a camera."""
    cells = rng.randint(size.max_tokens // 3, size.max_tokens) if rng.random() < 0.4 else size.max_tokens
    aspect = rng.choice((*ASPECTS, 2.0, 3.0))
    scale = rng.uniform(*SHRUNK)
    width, height = (
        max(round(side * (cells * CELL**2) ** 0.5 * scale), CELL) for side in (aspect**0.5, aspect**-0.5)
    )
    scene = Scene(draw_ground(rng, split, (width, height)))
    fill_with_words(rng, split, scene, (ems[0] * scale, ems[1] * scale))
    scene.image = camera(rng, scene.image)
    return scene


def fill_with_words(rng: random.Random, split: str, scene: Scene, ems: tuple[float, float]) -> None:
    """Lines of words over the whole image, each of an em within `ems`, in pixels."""
    page = rng.random() < PAGE
    low, high = (math.log(side) for side in ems)
    em = math.exp(low + (high - low) * rng.random() ** 1.3)
    y = rng.uniform(0, em)
    while y + 0.8 * em < scene.image.height:
        x, bottom = rng.uniform(0, em), y + 0.5 * em
        for _ in range(8):
            room = int((scene.image.width - x) / (0.55 * em))
            if room < SHORTEST:
                break
            lines = tuple(
                draw_line(rng, split, min(room, LONGEST))
                for _ in range(1 if page else rng.choice((1, 1, 1, 2, 3)))
            )
            colour = "" if page and rng.random() < 0.9 else None
            thing = add_placard(
                rng, scene, split, lines, em=em, colour=colour, at=(x, y), bent=rng.choice((0.3, 1.0))
            )
            if thing:
                x, bottom = thing.box[2] + em * rng.uniform(0.2, 0.8), max(bottom, thing.box[3])
        y = bottom + em * rng.uniform(0.05, 0.5)
        if not page:
            em = math.exp(low + (high - low) * rng.random() ** 1.3)


def fill_with_signs(rng: random.Random, split: str, scene: Scene) -> None:
    """Rows of signs over the whole image: twice as many characters to learn from as signs strewn about.

    Signs are 1.5 to 2.2 units high (a unit is about a cell) and stand two pixels to 0.4 units apart.
    """
    y = rng.uniform(2, 0.4 * scene.unit)
    while y + 1.5 * scene.unit < scene.image.height:
        height = min(scene.unit * rng.uniform(1.5, 2.2), scene.image.height - y - 2)
        x = rng.uniform(2, 0.6 * scene.unit)
        for _ in range(6):  # what does not fit is drawn again: the next string may be shorter
            text, dots = draw_content(rng, split)
            colour = rng.choice(COLOURS)
            sign = add_sign(rng, scene, height=height, gap=0, text=text, dots=dots, colour=colour, at=(x, y))
            x = sign.box[2] + rng.uniform(2, 0.4 * scene.unit) if sign else x
        y += height + rng.uniform(2, 0.4 * scene.unit)


def cropped(scene: Scene, crop: tuple[int, int, int, int]) -> Scene:
    """The part of `scene` in `crop`, and what of its things has its middle there."""

    def moved(box: Box) -> Box:
        return box[0] - crop[0], box[1] - crop[1], box[2] - crop[0], box[3] - crop[1]

    def inside(box: Box) -> bool:
        return crop[0] <= (box[0] + box[2]) / 2 < crop[2] and crop[1] <= (box[1] + box[3]) / 2 < crop[3]

    things: list[Thing] = []
    for thing in scene.things:
        glyphs = tuple((char, moved(box)) for char, box in thing.glyphs if inside(box))
        if inside(thing.box) or glyphs:
            things.append(replace(thing, box=moved(thing.box), glyphs=glyphs))
    return Scene(scene.image.crop(crop), things)


def label_cells(scene: Scene, grid: tuple[int, int]) -> torch.Tensor:
    """Labels (cells, kinds) of a scene seen in `grid` (columns, rows) of cells, cells in reading order."""
    kinds = {kind: column for column, kind in enumerate(LABELS)}
    columns, rows = grid
    labels = torch.zeros(rows, columns, len(LABELS), dtype=torch.long)
    labels[..., kinds["column"]] = torch.arange(columns).clamp(max=9)[None, :] + 1
    labels[..., kinds["row"]] = torch.arange(rows).clamp(max=9)[:, None] + 1

    def cell(x: float, y: float) -> tuple[float, float]:
        return x / scene.image.width * columns, y / scene.image.height * rows

    own: list[tuple[Thing, tuple[int, int]]] = []
    for thing in scene.things:
        x, y = cell(*thing.centre)
        i, j = min(max(int(y), 0), rows - 1), min(max(int(x), 0), columns - 1)
        left, top, right, bottom = *cell(*thing.box[:2]), *cell(*thing.box[2:])
        covered = [(i, j)]
        covered += [
            (a, b)
            for a in range(rows)
            for b in range(columns)
            if left <= b + 0.5 <= right and top <= a + 0.5 <= bottom and (a, b) != (i, j)
        ]
        if thing.kind in OUTLINES:
            labels[i, j, kinds["shape"]] = OUTLINES.index(thing.kind) + 1
        read = [(char, *cell(*box[:2]), *cell(*box[2:])) for char, box in thing.glyphs]
        own += [(thing, at) for at in _label_text(labels, read)]
        for at in covered:
            _label_colours(labels, thing, at, scene.image.height)
        if thing.dots:
            most = len(LABELS["dots"])
            seen = thing.dots <= most and bottom - top > DOTS_READABLE
            labels[i, j, kinds["dots"]] = thing.dots if seen else IGNORE
        labels[i, j, kinds["sub_x"]] = int(x % 1 * 10) + 1
        labels[i, j, kinds["sub_y"]] = int(y % 1 * 10) + 1
    for thing, at in own:  # a cell with characters is of their colour, whatever else covers it
        _label_colours(labels, thing, at, scene.image.height)
    return labels.reshape(rows * columns, len(LABELS))


def _label_colours(labels: torch.Tensor, thing: Thing, at: tuple[int, int], height: int) -> None:
    """Label the cell `at` with the colours of `thing` in an image `height` pixels high."""
    kinds = {kind: column for column, kind in enumerate(LABELS)}
    if thing.ink:
        tallest = max((box[3] - box[1] for _, box in thing.glyphs), default=float(height))
        seen = tallest / height * labels.shape[0] > READABLE
        labels[(*at, kinds["ink"])] = EVERY_COLOUR.index(thing.ink) + 1 if seen else IGNORE
    if thing.colour:
        for kind in ("colour", "colour_word"):
            labels[(*at, kinds[kind])] = EVERY_COLOUR.index(thing.colour) + 1


def _label_text(
    labels: torch.Tensor, glyphs: list[tuple[str, float, float, float, float]]
) -> list[tuple[int, int]]:
    """Label (rows, columns, kinds) with characters and the boxes they fill, in cells and in reading order;
    the cells that hold the middle of one.

    A cell with characters of two lines or two texts, with too many, or with some that are too small is not
    asked about.
    """
    kinds = {kind: column for column, kind in enumerate(LABELS)}
    rows, columns = labels.shape[:2]
    held: dict[tuple[int, int], list[int]] = {}
    for number, (_, left, top, right, bottom) in enumerate(glyphs):
        at = min(max(int((top + bottom) / 2), 0), rows - 1), min(max(int((left + right) / 2), 0), columns - 1)
        held.setdefault(at, []).append(number)
    for at, numbers in held.items():
        together = numbers[-1] - numbers[0] == len(numbers) - 1 < len(SLOTS)
        large = all(glyphs[n][4] - glyphs[n][2] > READABLE for n in numbers)
        large = large and int(labels[(*at, kinds["order"])]) == 0
        order = numbers[0] + 1 if numbers[0] < len(LABELS["order"]) else IGNORE
        labels[(*at, kinds["order"])] = order if together and large else IGNORE
        for place, slot in enumerate(SLOTS):
            char = glyphs[numbers[place]][0] if place < len(numbers) else ""
            known = together and large and (not char or char.upper() in LABELS[slot] or char == "\n")
            if not known:
                labels[(*at, kinds[slot])] = IGNORE
            elif char:
                labels[(*at, kinds[slot])] = LABELS[slot].index(char.upper().replace("\n", " ")) + 1
    return list(held)


def label_sheet(scene: Scene, grid: tuple[int, int]) -> torch.Tensor:
    """Labels as of `label_cells` for a chart, a table or a figure.

    A number has the colour by which it is asked for: in tables the row's, and as its ink the column's. Which
    colour the cells around it have is not asked.
    """
    labels = label_cells(scene, grid)
    kinds = [place for place, kind in enumerate(LABELS) if kind in ("colour", "colour_word", "ink")]
    empty = labels[:, kinds[0]] == 0
    for place in kinds:
        labels[empty, place] = IGNORE
    return labels


class DenseWarmup(nn.Module):
    """The vision tower of `model` with the heads of the warm-up; forward gives the loss and the accuracy by
    kind.
    """

    def __init__(self, model: Qwen2_5_VLForConditionalGeneration, tokenizer: PreTrainedTokenizerFast) -> None:
        super().__init__()
        self.model = quicken(model)
        hidden = model.config.get_text_config().hidden_size
        self._tokenizer = tokenizer
        self.nothing = nn.ParameterDict({kind: nn.Parameter(torch.zeros(1, hidden)) for kind in LABELS})
        self.maps = nn.ModuleDict({kind: nn.Linear(hidden, hidden) for kind in LABELS if kind not in ALIGNED})
        self.scale = nn.Parameter(torch.tensor(1.0))

    @cached_property
    def words(self) -> dict[str, list[list[int]]]:
        """The tokens of the labels by kind: of most one, of what the tokenizer has no token for several."""
        return {
            kind: [self._tokenizer(word, add_special_tokens=False).input_ids for word in words]
            for kind, words in LABELS.items()
        }

    def forward(
        self, pixel_values: torch.Tensor, image_grid_thw: torch.Tensor, labels: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Images and labels (cells of all images, kinds) -> loss () and accuracy by kind."""
        features = self.model.model.visual(pixel_values, grid_thw=image_grid_thw).pooler_output
        return self.score(features, labels)

    def score(
        self, features: torch.Tensor, labels: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """Vectors (cells, hidden) and labels (cells, kinds) -> loss (), and accuracy on the labelled cells by
        kind.
        """
        embedding = word_vectors(self.model)
        loss = features.new_zeros(())
        metrics: dict[str, torch.Tensor] = {}
        for column, (kind, words) in enumerate(self.words.items()):
            vectors = self.maps[kind](features) if kind in self.maps else features
            tokens = torch.tensor([token for word in words for token in word], device=embedding.device)
            starts = torch.tensor([0, *accumulate(len(word) for word in words[:-1])], device=embedding.device)
            classes = torch.cat([self.nothing[kind], embedding_bag(tokens, embedding, starts, mode="mean")])
            logits = self.scale * vectors @ classes.T
            target = labels[:, column]
            if not bool((target >= 0).any()):
                continue
            weight = torch.ones(len(words) + 1, device=logits.device)
            weight[0] = NOTHING_WEIGHT
            loss = loss + cross_entropy(logits, target, weight)
            there = target > 0
            if bool(there.any()):
                metrics[kind] = (logits.argmax(-1)[there] == target[there]).float().mean()
        return loss, metrics


def word_vectors(model: Qwen2_5_VLForConditionalGeneration) -> torch.Tensor:
    """The model's word embeddings (vocabulary, hidden), which are its output layer too."""
    return cast("nn.Embedding", model.get_input_embeddings()).weight
