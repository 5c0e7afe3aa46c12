"""A question under construction, the kit that forms draw with, and the list of all forms.

A form is a function (kit, n) -> Draft that can be asked for n = 0, 1, ...; each n has a wording of its own,
written by hand. What always holds: the flags of a form are declared where it is written, and a draft that
claims to search has facts, one that claims to perceive has boxes.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

from PIL import Image

from deepeyes.core.answers import AnswerForm, AnswerKind
from deepeyes.world.pack import Entity, PictureRecord

from .paste import Box, Panel, Scene, scene_of, stick
from .photos import Photograph
from .pool import Known, Pool, names

DOMAINS = {
    "daily": "daily life",
    "media": "media",
    "sports": "sports",
    "travel": "travel",
    "knowledge": "knowledge",
}
FLAGS = {"P": "perception", "S": "search", "R": "reasoning"}
WORDS = AnswerForm(kind=AnswerKind.text, closed=True)
TIME = AnswerForm(kind=AnswerKind.date, closed=True)
DATE = TIME.model_copy()
YES_NO = AnswerForm(kind=AnswerKind.yes_no)

PEOPLE = names(
    "Ines Tomas Aiko Milan Leila Jonas Priya Oskar Noor Bruno Edda Kofi Mara Yusuf Lena Diego Salma Petra "
    "Emeka Runa"
)
_NO_BACKGROUND = (
    "australia",
    "middleeast",
    "ireland",
    "eiffelTower",
    "palaisdesPapes",
    "rocamadour",
    "hawaMahal",
)
_NO_BACKGROUND += ("castleClinton", "lincolnMemorial", "christTheRedeemer", "hedgehog", "jaguar", "narwhal")
"""Photographs that are asked about themselves, or on which nothing should be pasted."""


@dataclass
class Draft:
    """A finished question; `boxes` are what must be seen, `steps` how the answer follows, in words."""

    question: str
    answer: str
    form: AnswerForm
    image: Image.Image
    photos: tuple[Photograph, ...]
    boxes: dict[str, Box]
    facts: tuple[Known, ...]
    steps: str
    entities: tuple[str, ...]
    group: str
    answers: tuple[str, ...] = ()
    domain: str = ""
    tags: tuple[str, ...] = ()
    kind: str = ""
    pictures: tuple[PictureRecord, ...] = ()
    """Those of the world that were drawn into the image."""


@dataclass(frozen=True)
class Form:
    domain: str
    flags: str
    draw: Callable[[Kit, int], Draft]


FORMS: list[Form] = []


def form(domain: str, flags: str) -> Callable[[Callable[[Kit, int], Draft]], Callable[[Kit, int], Draft]]:
    """Register a form; `flags` are letters of `FLAGS`."""

    def registered(draw: Callable[[Kit, int], Draft]) -> Callable[[Kit, int], Draft]:
        FORMS.append(Form(domain, flags, draw))
        return draw

    return registered


@dataclass
class Kit:
    """What forms draw with: randomness, things with facts, photographs."""

    rng: random.Random
    pool: Pool
    photos: list[Photograph]
    used: Counter[str] = field(default_factory=Counter[str])

    def photo(self) -> Photograph:
        """The background that was used least."""
        fitting = [
            photo
            for photo in self.photos
            if not any(photo.name.endswith(f"/{name}.webp") for name in _NO_BACKGROUND)
        ]
        self.rng.shuffle(fitting)
        chosen = min(fitting, key=lambda photo: self.used[photo.name])
        self.used[chosen.name] += 1
        return chosen

    def shown(self, ending: str) -> Photograph:
        """The photograph whose file is called so."""
        return next(photo for photo in self.photos if photo.name.endswith(f"/{ending}"))

    def scene(self, side: int = 1280, blur: float = 1.8) -> Scene:
        return scene_of(self.rng, self.photo(), side, blur)

    def stick(
        self,
        scene: Scene,
        panel: Panel,
        width: float,
        name: str = "",
        at: tuple[float, float] | None = None,
        turn: float = 3.0,
    ) -> Box:
        return stick(self.rng, scene, panel, width, at, name, turn)

    def flag(self, country: Entity) -> Image.Image:
        return self.pool.picture(country, "flag.webp")

    def must(self, thing: Entity, *facts: str) -> tuple[Known, ...]:
        return tuple(self.pool.must(thing, fact) for fact in facts)

    def whole(self, low: int, high: int, count: int, gap: int = 1) -> list[int]:
        """Different whole numbers in no order."""
        return self.rng.sample(range(low, high + 1, gap), count)

    def done(
        self,
        scene: Scene | Image.Image,
        question: str,
        answer: str | int | Decimal,
        *,
        form: AnswerForm | None = None,
        see: Sequence[str] = (),
        facts: Sequence[Known] = (),
        steps: str = "",
        entities: Sequence[Entity] = (),
        group: str = "",
        answers: Sequence[str] = (),
        photos: Sequence[Photograph] = (),
    ) -> Draft:
        """The draft. `see` names boxes of the scene; the first one is the box of the task."""
        if isinstance(scene, Scene):
            image, boxes = scene.image, {name: scene.boxes[name] for name in see}
            photos = (*photos, *((scene.photo,) if scene.photo else ()))
        else:
            image, boxes = scene, {}
        about = tuple(dict.fromkeys([*(thing.id for thing in entities), *(fact.entity for fact in facts)]))
        number = AnswerForm(kind=AnswerKind.number, closed=True)
        return Draft(
            question=question,
            answer=plain(answer) if not isinstance(answer, str) else answer,
            form=form or (WORDS if isinstance(answer, str) else number),
            image=image,
            photos=tuple(photos),
            boxes=boxes,
            facts=tuple(facts),
            steps=steps,
            entities=about,
            group=group or (about[0] if about else ""),
            answers=(*answers, *((_in_twelve(str(answer)),) if form is TIME else ())),
        )


def plain(value: int | Decimal) -> str:
    """A number without exponent or idle zeros."""
    if isinstance(value, int):
        return str(value)
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def rounded(value: Decimal, places: int) -> Decimal:
    """The value to so many decimals. Raises `ValueError` where the two ways to round a tie differ."""
    step = Decimal(1).scaleb(-places)
    up, even = value.quantize(step, ROUND_HALF_UP), value.quantize(step, ROUND_HALF_EVEN)
    if up != even:
        raise ValueError(f"{value} is a tie at {places} decimals")
    return up


def to_places(places: int, unit: str = "") -> AnswerForm:
    """A number of which so many decimals count."""
    return AnswerForm(kind=AnswerKind.number, closed=True, precision=places, unit=unit)


def measured(unit: str) -> AnswerForm:
    """An exact number in a unit that may be left out."""
    return AnswerForm(kind=AnswerKind.number, closed=True, unit=unit)


def _in_twelve(time: str) -> str:
    """As many people write it: 2:05 PM for 14:05."""
    hour, _, minute = time.partition(":")
    return f"{int(hour) % 12 or 12}:{minute} {'PM' if int(hour) >= 12 else 'AM'}"


def hours(minutes: int) -> str:
    """Minutes after midnight as a time of day: 14:05."""
    return f"{minutes // 60 % 24:02d}:{minutes % 60:02d}"
