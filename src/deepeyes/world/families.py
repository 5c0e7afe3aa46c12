"""Task families: each draws a picture and asks one question about it, with the exact answer and where it
stands.

`tiny`: one to four small signs in a large, busy picture; unreadable at the size a small model sees, readable
in a crop. `direct`: large, obvious signs and shapes; no tool is needed.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from . import phrases
from .palette import COLOURS
from .scene import SHAPES, Scene, Thing, add_shape, add_sign, empty_scene, finish
from .strings import SPLITS, draw_string


@dataclass(frozen=True)
class Example:
    """A question about a scene. `target` is the thing asked about (None where it is several)."""

    id: str
    family: str
    split: str
    kind: str
    question: str
    answer: str
    scene: Scene
    target: Thing | None


def make_example(family: str, split: str, seed: int, index: int) -> Example:
    """Example number `index` of `family` in `split` under `seed`; the same four values give the same example.

    Raises:
        ValueError: `family` or `split` is unknown.
    """
    if family not in FAMILIES:
        raise ValueError(f"unknown family {family!r}: use one of {', '.join(FAMILIES)}")
    if split not in SPLITS:
        raise ValueError(f"unknown split {split!r}: use one of {', '.join(SPLITS)}")
    rng = random.Random(f"{family}/{split}/{seed}/{index}")
    scene, kind, question, answer, target = FAMILIES[family](rng, split)
    return Example(f"{family}-{split}-{seed}-{index}", family, split, kind, question, answer, scene, target)


def make_examples(family: str, split: str, seed: int, count: int) -> Iterator[Example]:
    """The first `count` examples, drawn one at a time as they are asked for."""
    return (make_example(family, split, seed, index) for index in range(count))


Drawn = tuple[Scene, str, str, str, Thing | None]


def _tiny(rng: random.Random, split: str) -> Drawn:
    while True:
        scene = empty_scene(rng, split)
        draw_tiny_signs(rng, split, scene, rng.randint(1, 4))
        if scene.things:
            break
    target = rng.choice(scene.things)
    named = phrases.name_of(rng, target.colour if len(scene.things) > 1 or rng.random() < 0.6 else None)
    return (finish(rng, scene), *ask_about_sign(rng, target, named), target)


def draw_tiny_signs(rng: random.Random, split: str, scene: Scene, count: int) -> None:
    """Up to `count` signs, each about a third of a unit high, of different colours."""
    for _ in range(count):
        text, dots = draw_content(rng, split)
        add_sign(
            rng,
            scene,
            height=scene.unit * rng.uniform(0.32, 0.40),
            gap=scene.unit * 0.6,
            text=text,
            dots=dots,
        )


def draw_content(rng: random.Random, split: str) -> tuple[str, int]:
    """What a sign carries: a string of `split` and no dots, or no string and one to five dots."""
    return ("", rng.randint(1, 5)) if rng.random() < 0.2 else (draw_string(rng, split), 0)


def ask_about_sign(rng: random.Random, sign: Thing, named: str) -> tuple[str, str, str]:
    """Kind, question and answer for one sign."""
    if sign.dots:
        return "count", phrases.ask(rng, phrases.DOTS, it=named), str(sign.dots)
    if rng.random() < 0.25:
        return "colour", phrases.ask(rng, phrases.INK, it=named), sign.ink
    return "says", phrases.ask(rng, phrases.SAYS, it=named), sign.text


def _direct(rng: random.Random, split: str) -> Drawn:
    return _direct_sign(rng, split) if rng.random() < 0.6 else _direct_shapes(rng, split)


def _direct_sign(rng: random.Random, split: str) -> Drawn:
    while True:
        scene = empty_scene(rng, split)
        sign = draw_big_sign(rng, split, scene)
        if sign:
            break
    named = phrases.name_of(rng, sign.colour if rng.random() < 0.7 else None)
    return (finish(rng, scene), *ask_about_sign(rng, sign, named), sign)


def draw_big_sign(
    rng: random.Random, split: str, scene: Scene, heights: tuple[float, float] = (1.6, 2.3)
) -> Thing | None:
    """One sign, its height drawn from `heights` in units, lowered where the picture is too narrow for its
    string.
    """
    text, dots = draw_content(rng, split)
    widest = scene.image.width * 0.92 / (0.62 * len(text) + 0.6 if text else 0.48 * dots + 0.6)
    height = min(scene.unit * rng.uniform(*heights), widest)
    return add_sign(rng, scene, height=height, gap=scene.unit * 0.1, text=text, dots=dots)


def _direct_shapes(rng: random.Random, split: str) -> Drawn:
    scene = empty_scene(rng, split, shapes=False)
    return (scene, *draw_shape_question(rng, scene))


def draw_shape_question(rng: random.Random, scene: Scene) -> tuple[str, str, str, Thing | None]:
    """Draw large shapes; kind, question, answer and target of a question about one kind of them."""
    asked, *others = rng.sample(SHAPES, 3)
    counting = rng.random() < 0.5
    number = rng.randint(1, 5) if counting else 1
    for kind in (*[asked] * number, *others[: rng.randint(0, 2 if number < 4 else 1)]):
        side = scene.unit * rng.uniform(1.0, 1.5)
        add_shape(rng, scene, kind, side=side, gap=scene.unit * 0.15, colour=rng.choice(COLOURS))
    targets = [thing for thing in scene.things if thing.kind == asked]
    finish(rng, scene)
    if counting:
        return "count", phrases.ask(rng, phrases.SHAPE_COUNT, shape=asked), str(len(targets)), None
    return "colour", phrases.ask(rng, phrases.SHAPE_COLOUR, shape=asked), targets[0].colour, targets[0]


FAMILIES: dict[str, Callable[[random.Random, str], Drawn]] = {"tiny": _tiny, "direct": _direct}
