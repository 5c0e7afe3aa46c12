"""Builds a pack: downloads what is pinned, makes shelf after shelf, and puts `pack.json` on top.

What always holds: a killed build leaves the pack that was there before, or none; what was downloaded and
the shelves that were finished are used again by the next run. A shelf is made anew when its packages, the
code that makes it, or the drawing libraries have changed.
"""

from __future__ import annotations

import ast
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from importlib import resources
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import PIL.features

from deepeyes.core.claim import hold
from deepeyes.core.errors import InputError, StorageError, boundary
from deepeyes.core.files import write_atomic
from deepeyes.world.pack.entity import Entity
from deepeyes.world.pack.pack import (
    MANIFEST,
    Manifest,
    Pack,
    ShelfNote,
    data_folder,
    open_pack,
)
from deepeyes.world.pack.shelf import FORMAT, Shelf

from . import pins
from .draw import NEEDS
from .fetch import fetch
from .kinds.brands import make_brands
from .kinds.cities import make_cities
from .kinds.countries import make_countries
from .kinds.elements import make_elements
from .kinds.lessons import make_lessons
from .kinds.made import Made, Maker, Packages
from .kinds.nations import make_nations
from .kinds.pictograms import make_pictograms
from .kinds.places import make_monuments, make_planets
from .kinds.regions import make_maps, make_regions
from .kinds.sky import make_constellations, make_nebulae
from .kinds.stickers import make_stickers
from .kinds.things import make_animals, make_objects
from .pins import Pin
from .shelf import write_shelf

Progress = Callable[[str, int], None]
"""Told what is being done and how many things are done of it."""


@dataclass(frozen=True)
class Recipe:
    """How one kind is made, and from what."""

    kind: str
    make: Maker
    pins: tuple[Pin, ...]
    parts: tuple[str, ...]
    """Files of `kinds/` that decide what comes out."""


_THINGS = (pins.WORDNET, pins.GCOMPRIS, pins.OPENCLIPART)
_THINGS_PARTS = ("things.py", "wordnet.py", "credits.py", "places.py", "things.toml")
RECIPES: dict[str, tuple[Recipe, ...]] = {
    "permissive": (
        Recipe(
            "country",
            make_countries,
            (pins.FACTBOOK, pins.FLAG_ICONS, pins.GEONAMES, pins.WORLD_ATLAS),
            ("countries.py", "factbook.py", "outlines.py"),
        ),
        Recipe("animal", make_animals, _THINGS, _THINGS_PARTS),
        Recipe("object", make_objects, _THINGS, _THINGS_PARTS),
        Recipe("city", make_cities, (pins.GEONAMES,), ("cities.py",)),
        Recipe("monument", make_monuments, (pins.GCOMPRIS,), ("places.py", "credits.py", "monuments.toml")),
        Recipe("planet", make_planets, (pins.GCOMPRIS,), ("places.py", "credits.py", "planets.toml")),
        Recipe("element", make_elements, (pins.MENDELEEV,), ("elements.py",)),
        Recipe("brand", make_brands, (pins.SIMPLE_ICONS,), ("brands.py",)),
    ),
    # Licences that cannot be joined lie side by side here, each in its own shelf.
    "copyleft": (
        Recipe("map", make_maps, (pins.KGEOGRAPHY,), ("regions.py",)),
        Recipe("region", make_regions, (pins.KGEOGRAPHY,), ("regions.py",)),
        Recipe("nation", make_nations, (pins.WORLD_COUNTRIES,), ("nations.py", "outlines.py")),
        Recipe("lesson", make_lessons, (pins.GCOMPRIS,), ("lessons.py", "credits.py", "places.py")),
        Recipe("sticker", make_stickers, (pins.TUXPAINT,), ("stickers.py",)),
        Recipe("nebula", make_nebulae, (pins.STELLARIUM,), ("sky.py",)),
        Recipe("constellation", make_constellations, (pins.STELLARIUM,), ("sky.py",)),
        Recipe("pictogram", make_pictograms, (pins.OPENMOJI,), ("pictograms.py",)),
    ),
}
_SHARED = (
    ("deepeyes.world.pack", "entity.py"),
    ("packmaker", "check.py"),
    ("packmaker", "shelf.py"),
    ("packmaker", "draw.py"),
    ("packmaker", "unpack.py"),
    ("packmaker", "kinds/made.py"),
)
"""Package and file of all code that decides the bytes of every shelf."""


def build_pack(name: str, out: Path, *, work: Path | None = None, progress: Progress | None = None) -> Pack:
    """Make the pack `name` in the folder `out`; `work` keeps downloads and finished shelves between runs.

    Raises:
        PackageUnavailable: a package cannot be downloaded.
        InputError: a package is not the pinned one, or a drawing library is missing.
        StorageError: a folder cannot be written, or another process is building there.
    """
    tell = progress or (lambda _what, _done: None)
    work = work or data_folder() / "work"
    tools = _tools()
    shelves: list[tuple[Recipe, Path]] = []
    ready: set[str] = set()
    with hold(work / "shelves"):
        for recipe in RECIPES[name]:
            path = work / "shelves" / f"{name}-{recipe.kind}-{_key(recipe, tools)[:16]}.sqlite"
            if not path.is_file():
                for pin in recipe.pins:
                    if pin.file not in ready:
                        tell(f"getting {pin.name} ({pin.megabytes:g} MB)", 0)
                        fetch(pin, work / "packages")
                        ready.add(pin.file)
                made = recipe.make(Packages(work / "packages"))
                write_shelf(path, _counted(made, recipe.kind, tell), {"kind": recipe.kind})
            shelves.append((recipe, path))
    tell("putting the pack together", 0)
    with hold(out), boundary(StorageError, f"writing to {out}", "choose a folder you may write to"):
        notes = tuple(_place(recipe, path, out) for recipe, path in shelves)
        sources = sorted({pin.title for recipe in RECIPES[name] for pin in recipe.pins})
        manifest = Manifest(format=FORMAT, name=name, shelves=notes, sources=tuple(sources), tools=tools)
        write_atomic(out / MANIFEST, (manifest.model_dump_json(indent=1) + "\n").encode(), sync=True)
        for old in out.glob("*.sqlite"):
            if old.name not in {note.file for note in notes}:
                old.unlink()
    return open_pack(name, out)


def _counted(made: Iterator[Made], kind: str, tell: Progress) -> Iterator[Made]:
    for done, one in enumerate(made, 1):
        tell(f"making {kind}", done)
        yield one


def _place(recipe: Recipe, path: Path, out: Path) -> ShelfNote:
    """Put a finished shelf into the pack's folder under a name that tells its content."""
    data = path.read_bytes()
    digest = sha256(data).hexdigest()
    file = f"{recipe.kind}-{digest[:8]}.sqlite"
    if not (out / file).is_file() or sha256((out / file).read_bytes()).hexdigest() != digest:
        write_atomic(out / file, data, sync=True)
    shelf = Shelf(path)
    entities: list[Entity] = list(shelf.entities())
    shelf.close()
    licences = {entity.licence for entity in entities}
    licences |= {picture.licence for entity in entities for picture in entity.pictures}
    return ShelfNote(
        kind=recipe.kind,
        file=file,
        sha256=digest,
        bytes=len(data),
        entities=len(entities),
        documents=sum(len(entity.documents) for entity in entities),
        pictures=sum(len(entity.pictures) for entity in entities),
        licences=tuple(sorted(licences)),
    )


def _key(recipe: Recipe, tools: dict[str, str]) -> str:
    """What a shelf depends on: its packages, the makers' text, and the tools."""
    own = (("packmaker", f"kinds/{part}") for part in recipe.parts)
    parts = [resources.files(package) / file for package, file in (*_SHARED, *own)]
    said = [recipe.kind, *(pin.sha256 for pin in recipe.pins), repr(sorted(tools.items()))]
    for part in parts:
        text = part.read_text(encoding="utf-8")
        said.append(_code(text) if part.name.endswith(".py") else text)
    return sha256("\0".join(said).encode()).hexdigest()


def _code(text: str) -> str:
    """What decides in a Python file: without comments, docstrings and line breaks."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            node.body = [one for one in node.body if not _is_docstring(one)]
    return ast.dump(tree)


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _tools() -> dict[str, str]:
    """Versions of what decides the bytes of a pack."""
    try:
        resvg = version("resvg_py")
    except PackageNotFoundError as cause:
        raise InputError("resvg_py is not installed", NEEDS) from cause
    webp = str(PIL.features.version("webp"))
    return {"pillow": version("pillow"), "webp": webp, "resvg_py": resvg, "sqlite": sqlite3.sqlite_version}
