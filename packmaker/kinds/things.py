"""Animals, plants, food and objects: photographs and drawings by the noun that they show, with its meaning.

A drawing of the Open Clip Art Library goes to a noun only if its title ends with that noun, in a sense that
fits the folder it lies in: a drawing without a sure noun is left out.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from PIL import Image

from deepeyes.core.errors import InputError

from ..draw import draw_svg, on_ground, webp
from ..pins import OPENCLIPART, WORDNET
from .credits import read_photos
from .made import Draft, Made, Packages, distinct_ids
from .places import add_photo, read_table
from .wordnet import FIELDS, Nouns, Sense

_ANIMAL, _ARTIFACT, _FOOD, _OBJECT, _PLANT = 5, 6, 13, 17, 20
_FOLDERS: dict[str, tuple[int, ...]] = {
    "animals": (_ANIMAL,),
    "buildings": (_ARTIFACT,),
    "computer/hardware": (_ARTIFACT,),
    "containers": (_ARTIFACT,),
    "education": (_ARTIFACT,),
    "electronics": (_ARTIFACT,),
    "food": (_FOOD, _PLANT, _ARTIFACT),
    "office": (_ARTIFACT,),
    "people/clothing": (_ARTIFACT,),
    "plants": (_PLANT,),
    "recreation/music": (_ARTIFACT,),
    "recreation/party": (_ARTIFACT, _FOOD),
    "recreation/sports": (_ARTIFACT,),
    "recreation/toys": (_ARTIFACT,),
    "science": (_ARTIFACT, _OBJECT),
    "tools": (_ARTIFACT,),
    "transportation": (_ARTIFACT,),
}
_NOT = (
    "aiga",
    "roadsigns",
    "weapons",
    "fantasy",
    "_bw",
    "dead_frog",
    "duplicates",
    "hummers",
    "pantyhose",
    "silhouet",
)
_UNSURE = frozenset(
    [
        "art",
        "back",
        "bag",
        "berry",
        "blazer",
        "bloom",
        "blue",
        "board",
        "body",
        "box",
        "brown",
        "case",
        "cell",
        "chart",
        "circle",
        "clip",
        "clothing",
        "collection",
        "colour",
        "crash",
        "cross",
        "diagram",
        "drawing",
        "duck",
        "elevator",
        "figure",
        "front",
        "gallows",
        "glass",
        "hall",
        "head",
        "hole",
        "hopper",
        "icon",
        "illustration",
        "image",
        "key",
        "lady",
        "lens",
        "light",
        "line",
        "macintosh",
        "man",
        "mark",
        "mobile",
        "monitor",
        "object",
        "orang",
        "pattern",
        "people",
        "person",
        "picnic",
        "picture",
        "plan",
        "pocket",
        "point",
        "portrait",
        "post",
        "print",
        "rana",
        "rings",
        "roller",
        "router",
        "set",
        "shadow",
        "shape",
        "shuttle",
        "side",
        "sign",
        "simple",
        "slice",
        "stamp",
        "stand",
        "stick",
        "structure",
        "style",
        "symbol",
        "tack",
        "thing",
        "top",
        "toy",
        "trump",
        "video",
        "view",
        "wagon",
        "way",
        "wedge",
        "work",
    ]
)
"""Nouns that titles end with without showing them, or that name no single thing."""
_DRAWINGS = 3
"""At most so many drawings of one noun."""
_SIDE = 144
_TITLE = re.compile(r"<cc:Work.*?<dc:title>(.*?)</dc:title>", re.DOTALL)
_AUTHOR = re.compile(r"<dc:creator>.*?<dc:title>(.*?)</dc:title>", re.DOTALL)
_PUBLIC = re.compile(r"cc:license rdf:resource=\"[^\"]*/(PublicDomain|publicdomain/?)\"")


@dataclass(frozen=True)
class Drawing:
    """A drawing whose noun is sure."""

    path: str
    noun: str
    sense: Sense
    author: str
    svg: str


def make_animals(packages: Packages) -> Iterator[Made]:
    """Animals by name."""
    return _make_things(packages, "animal")


def make_objects(packages: Packages) -> Iterator[Made]:
    """Objects, plants and food by name."""
    return _make_things(packages, "object")


def _make_things(packages: Packages, kind: str) -> Iterator[Made]:
    nouns = Nouns(packages)
    rows = read_table("things.toml")[kind]
    names = {_sense_of(nouns, kind, noun, row).key: noun for noun, row in rows.items()}
    keys = {noun: key for key, noun in names.items()}
    drawings: dict[str, list[Drawing]] = {}
    for drawing in read_drawings(packages, nouns):
        if (drawing.sense.field == _ANIMAL) == (kind == "animal"):
            key = keys.get(drawing.noun, drawing.sense.key)
            drawings.setdefault(key, []).append(drawing)
    for key, found in drawings.items():
        names.setdefault(key, found[0].noun)
    photos = read_photos(packages, ("explore_farm_animals", "explore_world_animals", "categorization"))
    known = sorted(names.items(), key=lambda item: (item[1].lower(), item[0]))
    ids = distinct_ids(kind, [(noun, key.lstrip("0")) for key, noun in known])
    for entity_id, (key, noun) in zip(ids, known, strict=True):
        draft = _draft(nouns, entity_id, noun, nouns.sense(key))
        for number, path in enumerate(rows.get(noun, {}).get("photos", ()), 1):
            add_photo(draft, photos[f"{path}.webp"], number, side=256)
        _add_drawings(draft, drawings.get(key, []))
        if draft.pictures:
            yield draft.made()


def _sense_of(nouns: Nouns, kind: str, noun: str, row: dict[str, str]) -> Sense:
    """The sense of a noun that the table means."""
    fits = (_ANIMAL,) if kind == "animal" else (_ARTIFACT,)
    for sense in nouns.senses(row.get("as", noun)):
        above = {word for key in sense.kind_of for word in nouns.sense(key).words}
        if sense.field in fits and row.get("of", "") in ("", *above):
            return sense
    raise ValueError(f"things.toml: WordNet has no such sense of {noun!r}")


def _draft(nouns: Nouns, entity_id: str, noun: str, sense: Sense) -> Draft:
    name = next((word for word in sense.words if word.lower() == noun.lower()), noun)
    others = [word for word in sense.words if word.lower() != name.lower()]
    above = [nouns.sense(key).words[0] for key in sense.kind_of]
    parts = [nouns.sense(key).words[0] for key in sense.parts]
    draft = Draft(entity_id, name, WORDNET.title, WORDNET.licence, others)
    lines = [f"{name}: {sense.meaning}."]
    lines += [f"It is a kind of {' and '.join(above)}."] if above else []
    lines += [f"It is also called {', '.join(others)}."] if others else []
    lines += [f"It has these parts: {', '.join(parts)}."] if parts else []
    draft.write("about", name, " ".join(lines))
    draft.know("class", FIELDS.get(sense.field, "thing"))
    draft.know("kind of", tuple(above), page="about")
    draft.know("also called", tuple(others), page="about")
    draft.know("parts", tuple(parts), page="about")
    return draft


def _add_drawings(draft: Draft, drawings: list[Drawing]) -> None:
    """The first drawings that can be drawn, fill their frame, and do not look like one another."""
    seen: list[np.ndarray] = []
    for drawing in drawings:
        if len(seen) == _DRAWINGS:
            return
        try:
            image = on_ground(draw_svg(drawing.svg, 2 * _SIDE))
        except InputError:
            continue
        small = np.asarray(image.convert("L").resize((16, 16), Image.Resampling.BOX), dtype=np.float32)
        dull = (
            small.std() < 12
            or len(webp(image, side=_SIDE)[0]) < 500
            or min(image.size) < 0.2 * max(image.size)
        )
        if dull or any(float(np.abs(small - other).mean()) < 12 for other in seen):
            continue
        seen.append(small)
        name = "drawing" if len(seen) == 1 else f"drawing-{len(seen)}"
        terms = {"source": OPENCLIPART.title, "licence": OPENCLIPART.licence, "credit": drawing.author}
        draft.show(name, f"Drawing of {draft.name}", image, side=_SIDE, quality=74, **terms)


def read_drawings(packages: Packages, nouns: Nouns) -> Iterator[Drawing]:
    """Drawings of the public domain whose noun is sure, each content once, by path."""
    files = packages.files(OPENCLIPART, lambda name: name.endswith(".svg") and _folder(name) is not None)
    seen: set[str] = set()
    for name, data in files.items():
        text = data.decode("utf-8", "replace")
        digest = sha256(re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL).encode()).hexdigest()
        if digest in seen or not _PUBLIC.search(text) or len(data) > 400_000:
            continue
        seen.add(digest)
        title = _TITLE.search(text)
        author = _AUTHOR.search(text)
        keywords = {word.lower() for word in re.findall(r"<rdf:li>(.*?)</rdf:li>", text)}
        known = _noun(html.unescape(title[1]) if title else "", name, keywords, nouns)
        if known:
            who = html.unescape(author[1]).split("(")[0].strip() if author else ""
            yield Drawing(name, *known, f"{who}, Open Clip Art Library".removeprefix(", "), text)


def _folder(name: str) -> str | None:
    path = name.partition("/openclipart/svg/")[2]
    if any(part in path.lower() for part in _NOT):
        return None
    return next((folder for folder in _FOLDERS if path.startswith(f"{folder}/")), None)


def _noun(title: str, name: str, keywords: set[str], nouns: Nouns) -> tuple[str, Sense] | None:
    """The noun that a drawing's title, or else its file name, ends with, in a sense that fits its folder."""
    fields = _FOLDERS[_folder(name) or ""]
    stem = name.rpartition("/")[2].removesuffix(".svg")
    titles = [] if title.lower().startswith(("clipart by", "various", "r16")) else [title]
    if not titles or titles[0].lower() == stem.lower():
        titles = [re.sub(r"_(?:\w{1,12}_)?\d*$", "", stem)]
    for text in titles:
        words = re.sub(
            r"\(.*?\)|,.*| (?:with|on|of|in|from|and|under) .*|[^a-z ]", " ", text.lower().replace("_", " ")
        ).split()
        for count in (3, 2, 1):
            phrase = " ".join(words[-count:])
            if len(words) < count or len(phrase) < 3 or phrase in _UNSURE:
                continue
            for sense in nouns.senses(phrase)[:4]:
                known = phrase in keywords or phrase.rstrip("s") in keywords or count > 1 or len(words) <= 2
                if sense.field in fields and known and not _foreign(keywords, phrase):
                    singular = min(
                        (word for word in sense.words if _alike(word, phrase)), key=len, default=phrase
                    )
                    return singular, sense
    return None


def _alike(word: str, phrase: str) -> bool:
    return phrase.startswith(word.lower()[: max(3, len(word) - 1)])


def _foreign(keywords: set[str], phrase: str) -> bool:
    """Whether the title is likely not English: these authors wrote Italian titles and English keywords."""
    italian = any("architetto" in word for word in keywords)
    return italian and phrase not in keywords
