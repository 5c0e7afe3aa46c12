"""Lessons on ordinary images: signs to read whole and in crops, shapes, charts, and what one cannot tell.

What always holds: an answer follows from what is drawn; where nothing drawn answers a question, or what does
is too small, the answer is that one cannot tell; the labels say what stands in every cell.
"""

import random

import torch
from PIL import Image

from deepeyes.models.nano.pixels import grid_of, to_view
from deepeyes.models.nano.size import NanoSize
from deepeyes.world import phrases
from deepeyes.world.asking import CANNOT_TELL, PARTS, READ_ALL, ask_freely, retyped
from deepeyes.world.families.absent import NOTHING, SMALL
from deepeyes.world.families.figure import CALLED
from deepeyes.world.families.grid import AROUND, heads_of, heads_said, names_of, names_said
from deepeyes.world.families.ordinary import (
    Question,
    about_nothing,
    about_shapes,
    about_signs,
    called,
    draw_shapes,
    draw_signs,
    draw_size,
)
from deepeyes.world.families.plot import Crop, axis_said, column_of, labels_said, strip_of
from deepeyes.world.families.word import legible, window_for
from deepeyes.world.figures import draw_figure
from deepeyes.world.grounds import camera, draw_ground
from deepeyes.world.plan import Tally, seen
from deepeyes.world.plots import draw_plot
from deepeyes.world.scene import Scene
from deepeyes.world.tables import draw_table
from deepeyes.world.teacher import SEEN, answer, place
from deepeyes.world.words import spoken

from .batch import ChatMessage, Exchange
from .dense import cropped, label_cells
from .scene_lessons import QUESTIONS, Asked, cells_of, header_line

SIGNS, CROPS, SHAPES, PLOTS, TABLES = 0.4, 0.2, 0.18, 0.1, 0.07
"""Shares of the lessons on signs, on crops of signs, on shapes, on charts and on tables; the rest are on
grounds with nothing on them.
"""
ABSENT = 0.22
"""Share of the lessons that also ask for what is not there."""
SIDES = (400, 700)
"""Long sides, in pixels: images are drawn larger than they are seen, and cost less than at full size."""
SHARE, FAR = (0.2, 0.92), (0.06, 0.2)
"""Shares of the width that a sign's longest line takes, for signs that can be read and for those far off."""
FAR_SHARE = 0.25
COUNTED = 0.35
"""Share of the charts whose parts are counted."""


def draw_ordinary(rng: random.Random, size: NanoSize, split: str) -> tuple[list[Exchange], torch.Tensor]:
    """An ordinary image or two crops of one, up to three questions about it, and the labels of the cells
    (cells, kinds).
    """
    choice = rng.random()
    if choice < SIGNS:
        far = rng.random() < FAR_SHARE
        scene = draw_signs(rng, split, SIDES, FAR if far else SHARE)
        return _told(rng, size, scene, _on_signs(rng, size, scene))
    if choice < SIGNS + CROPS:
        return _crop(rng, size, split)
    if choice < SIGNS + CROPS + SHAPES:
        scene = draw_shapes(rng, split, SIDES)
        return _told(
            rng, size, scene, [_asked(size, scene, question) for question in about_shapes(rng, scene)]
        )
    if choice < SIGNS + CROPS + SHAPES + PLOTS:
        return _plot(rng, size, split)
    if choice < SIGNS + CROPS + SHAPES + PLOTS + TABLES:
        return _table(rng, size, split)
    scene = Scene(camera(rng, draw_ground(rng, split, draw_size(rng, SIDES))))
    return _told(rng, size, scene, [])


def _on_signs(rng: random.Random, size: NanoSize, scene: Scene) -> list[Asked]:
    shown = scene.image.size
    grid = cells_of(size)(*shown)
    asked = [_asked(size, scene, question) for question in about_signs(rng, scene)]
    for sign in scene.things:
        named = called(rng, scene, sign)
        if named:
            question = retyped(rng, phrases.ask(rng, phrases.WHERE, it=named))
            asked.append(Asked("where", question, place(sign, shown, grid)))
    return asked


def _asked(size: NanoSize, scene: Scene, question: Question) -> Asked:
    """The question with what is thought before its answer, as the model says both."""
    kind, asked, text, target, targets = question
    shown, cells = scene.image.size, cells_of(size)
    if kind == "count":
        return Asked("count", asked, text, seen(Tally(targets), shown, cells))
    if target is not None and target.glyphs and text != target.colour:
        if not legible(target, shown, cells(*shown)):
            return Asked("small", asked, CANNOT_TELL, SMALL)
        if kind == "says":
            return Asked("word", asked, spoken(text))
    return Asked(kind, asked, text)


def _told(
    rng: random.Random, size: NanoSize, scene: Scene, questions: list[Asked]
) -> tuple[list[Exchange], torch.Tensor]:
    """Up to three of `questions`, now and then with one that the scene does not answer."""
    rng.shuffle(questions)
    questions.sort(
        key=lambda asked: asked.kind not in ("word", "count")
    )  # what takes longest to learn comes first
    asks_for_nothing = rng.random() < ABSENT or not questions
    questions = questions[: QUESTIONS - asks_for_nothing]
    if asks_for_nothing:
        nothing = about_nothing(rng, scene)
        asked = Asked("absent", nothing.question, CANNOT_TELL, NOTHING)
        questions.insert(rng.randint(0, len(questions)), asked)
    view = to_view(scene.image, size)
    return _exchanges(questions, view, header_line(rng, scene, view.size)), label_cells(scene, grid_of(view))


def _exchanges(questions: list[Asked], view: Image.Image, header: str) -> list[Exchange]:
    said: list[Exchange] = []
    for asked in questions:
        shown = () if said else (view, header)
        told = ChatMessage("assistant", (answer(asked.thought, asked.text),))
        said.append(Exchange(asked.kind, ChatMessage("user", (*shown, asked.question)), told))
    return said


def _crop(rng: random.Random, size: NanoSize, split: str) -> tuple[list[Exchange], torch.Tensor]:
    """What a look at a sign gives, and what it says."""
    while True:
        scene = draw_signs(rng, split, (900, 1300), (0.08, 0.35))
        signs = [thing for thing in scene.things if thing.text]
        if signs:
            break
    sign = rng.choice(signs)
    shown = scene.image.size
    grid = cells_of(size)(*shown)
    wide, high = (
        part / count * side
        for part, count, side in zip(window_for(sign, shown, grid), grid, shown, strict=True)
    )
    x, y = (
        middle + rng.gauss(0, 0.06) * side for middle, side in zip(sign.centre, (wide, high), strict=True)
    )
    crop = (round(x - wide / 2), round(y - high / 2), round(x + wide / 2), round(y + high / 2))
    cut = cropped(scene, crop)
    view = to_view(cut.image, size)
    if not legible(sign, cut.image.size, grid_of(view)):
        asked = Asked("small", ask_freely(rng, READ_ALL), CANNOT_TELL, SMALL)
    else:
        asked = Asked("crop word", ask_freely(rng, READ_ALL), spoken(sign.text))
    header = f"image_1 {cut.image.width}x{cut.image.height} as {view.width}x{view.height}\n"
    return _exchanges([asked], view, header), label_cells(cut, grid_of(view))


def _plot(rng: random.Random, size: NanoSize, split: str) -> tuple[list[Exchange], torch.Tensor]:
    """The two crops in which a chart's labels and its axis are read; or another chart, whose parts are
    counted.
    """
    if rng.random() < COUNTED:
        figure = draw_figure(rng, split)
        asked = Asked("parts", ask_freely(rng, PARTS, parts=f"{CALLED[figure.kind]}s"), str(figure.series))
        able = [asked] if figure.kind != "grouped bars" else []
        return _told(rng, size, figure.scene, able)
    plot, cells = draw_plot(rng, split), cells_of(size)
    looks = [
        ("labels", strip_of(plot), labels_said(plot, cells)),
        ("axis", column_of(plot), axis_said(plot, cells)),
    ]
    return _looks(size, plot.scene, looks)


def _table(rng: random.Random, size: NanoSize, split: str) -> tuple[list[Exchange], torch.Tensor]:
    """The crops in which a table's names and its headings are read, and one of its numbers."""
    table, cells = draw_table(rng, split), cells_of(size)
    cell = table.cells[rng.randint(1, table.rows), rng.randint(1, table.columns)]
    (x, y), (width, height) = cell.centre, table.scene.image.size
    wide, high = AROUND[0] * width, AROUND[1] * height
    looks = [
        ("names", names_of(table.scene), names_said(table, cells)),
        ("headings", heads_of(table.scene), heads_said(table, cells)),
        ("middle", (int(x - wide), int(y - high), int(x + wide), int(y + high)), cell.text),
    ]
    return _looks(size, table.scene, rng.sample(looks, 2))


def _looks(
    size: NanoSize, scene: Scene, looks: list[tuple[str, Crop, str]]
) -> tuple[list[Exchange], torch.Tensor]:
    """Crops of `scene`, each with the question of its kind and what is said of it."""
    said: list[Exchange] = []
    labels: list[torch.Tensor] = []
    for kind, box, text in looks:
        cut = cropped(scene, box)
        view = to_view(cut.image, size)
        header = f"image_{len(said) + 1} {cut.image.width}x{cut.image.height} as {view.width}x{view.height}\n"
        asked = ChatMessage("user", (view, f"{header}{kind.capitalize()}?"))
        said.append(Exchange(kind, asked, ChatMessage("assistant", (answer(SEEN, text),))))
        labels.append(label_cells(cut, grid_of(view)))
    return said, torch.cat(labels)
