"""Texts for children about monuments, animals and music of the world, with their photographs (copyleft)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..check import slug
from ..pins import GCOMPRIS
from ..unpack import read_rcc
from .credits import read_photos
from .made import Draft, Made, Packages
from .places import add_photo

_ACTIVITIES = ("explore_monuments", "explore_world_animals", "explore_farm_animals", "explore_world_music")


def make_lessons(packages: Packages) -> Iterator[Made]:
    """Every board entry that has a title and a text, by activity; each title once."""
    wanted = {f"rcc/{activity}.rcc": activity for activity in _ACTIVITIES}
    archives = packages.files(GCOMPRIS, lambda name: name.partition("/gcompris-qt/")[2] in wanted)
    photos = read_photos(packages, _ACTIVITIES)
    told: set[str] = set()
    for data in archives.values():
        for path, board in read_rcc(data).items():
            if not path.endswith(".qml") or "/board/" not in path:
                continue
            for block in re.findall(r"\{([^{}]*)\}", board.decode()):
                title = _value(block, "title")
                text = _value(block, "text")
                if title and len(text) >= 20 and slug(title) not in told:
                    told.add(slug(title))
                    draft = Draft(f"lesson/{slug(title)}", title, GCOMPRIS.title, GCOMPRIS.licence)
                    draft.write("about", title, text)
                    draft.know(
                        "activity", path.partition("activities/")[2].partition("/")[0].replace("_", " ")
                    )
                    photo = photos.get(_value(block, "image2", plain=True).partition("/activities/")[2])
                    if photo:
                        add_photo(draft, photo, 1)
                    yield draft.made()


def _value(block: str, name: str, *, plain: bool = False) -> str:
    """The text of a QML property, translated (`qsTr`) or plain; empty if there is none."""
    form = r"\"((?:[^\"\\]|\\.)*)\"" if plain else r"qsTr\(\"((?:[^\"\\]|\\.)*)\"\)"
    match = re.search(rf"\"{name}\"\s*:\s*{form}", block)
    return match[1].replace('\\"', '"').replace("\\n", "\n").strip() if match else ""
