"""The makers on small stand-ins of their packages, those of the copyleft pack too."""

import io
import json
from collections.abc import Callable
from typing import cast

import numpy as np
import pytest
from PIL import Image, ImageDraw

from packmaker.check import check
from packmaker.draw import draw_outline, draw_tile, ground_for, on_ground, webp
from packmaker.kinds.brands import make_brands
from packmaker.kinds.cities import make_cities
from packmaker.kinds.made import Made, Maker, Packages, distinct_ids
from packmaker.kinds.nations import make_nations
from packmaker.kinds.pictograms import make_pictograms
from packmaker.kinds.regions import make_maps, make_regions
from packmaker.kinds.sky import make_constellations, make_nebulae
from packmaker.kinds.stickers import make_stickers
from packmaker.kinds.wordnet import Nouns
from packmaker.pins import Pin


class FakePackages:
    """Files as if they came out of packages; every package has them all."""

    def __init__(self, **files: bytes | str) -> None:
        self._files = {
            name.replace("__", "/"): data.encode() if isinstance(data, str) else data
            for name, data in files.items()
        }

    def add(self, name: str, data: bytes | str) -> "FakePackages":
        self._files[name] = data.encode() if isinstance(data, str) else data
        return self

    def files(self, _pin: Pin, wanted: Callable[[str], bool]) -> dict[str, bytes]:
        return {name: data for name, data in sorted(self._files.items()) if wanted(name)}

    def file(self, pin: Pin, ending: str) -> bytes:
        (data,) = self.files(pin, lambda name: name.endswith(ending)).values()
        return data


def made(maker: Maker, packages: FakePackages) -> list[Made]:
    found = list(maker(cast(Packages, packages)))
    for entity, files in found:
        check(entity)
        assert len(files) == len(entity.pictures)
    return found


def png(colour: tuple[int, ...], size: tuple[int, int] = (40, 30)) -> bytes:
    file = io.BytesIO()
    image = Image.new("RGBA" if len(colour) == 4 else "RGB", size, colour)
    ImageDraw.Draw(image).rectangle((5, 5, 15, 15), fill=(1, 2, 3, 255)[: len(colour)])
    image.save(file, "PNG")
    return file.getvalue()


MAP = """<map><mapFile>x.png</mapFile><name>Xland</name><divisionsName>Provinces</divisionsName>
<division><name>Sea</name><ignore>yes</ignore><color><red>0</red><green>0</green><blue>9</blue></color></division>
<division><name>East</name><capital>Easton</capital><flag>east.png</flag>
<color><red>130</red><green>131</green><blue>132</blue></color></division>
<division><name>West</name><color><red>1</red><green>2</green><blue>3</blue></color></division></map>"""


def test_maps_keep_every_colour_and_regions_know_theirs() -> None:
    base = "usr/share/kgeography/"
    packages = FakePackages().add(f"{base}x.kgm", MAP).add(f"{base}x.png", png((130, 131, 132)))
    packages.add(f"{base}flags/x/east.png", png((200, 0, 0)))
    ((entity, (data,)),) = made(make_maps, packages)
    image = Image.open(io.BytesIO(data)).convert("RGB")
    assert entity.id == "map/x" and image.size == (40, 30) and image.getpixel((30, 20)) == (130, 131, 132)
    assert image.getpixel((10, 10)) == (1, 2, 3)
    east, west = made(make_regions, packages)
    assert [fact.value for fact in east[0].facts] == ["map/x", "Xland", "Easton", "#828384"]
    assert len(east[1]) == 1 and west[1] == [] and west[0].fact("capital") is None
    assert "Its capital is Easton" in east[0].documents[0].text


def test_stickers_have_captions_and_no_mirrored_twins() -> None:
    base = "usr/share/tuxpaint/stamps/"
    packages = FakePackages()
    for name in ("animals/cat", "animals/cat_mirror", "symbols/alphabets/a", "animals/dumb"):
        packages.add(f"{base}{name}.png", png((250, 250, 250, 255)))
        if "dumb" not in name:
            packages.add(f"{base}{name}.txt", "A cat.\nde.utf8=Eine Katze.\n")
    ((entity, _),) = made(make_stickers, packages)
    assert (entity.id, entity.name) == ("sticker/animals-cat", "A cat")
    assert entity.facts[0].value == ("animals",)


def test_nebulae_are_read_from_a_file_that_is_nearly_json() -> None:
    base = "usr/share/stellarium/"
    tiles = (
        '{"subTiles": [{"imageUrl": "n7000.png", "imageCredits": {"short": "Ann"},'
        ' "worldCoords": [[[359.0,-.5], [1.0,+.5], [0.0,.5], [0.0,-.5]]],},'
        ' {"imageUrl": "nothing.png", "worldCoords": [[[1,1]]]}]}'
    )
    packages = FakePackages().add(f"{base}nebulae/default/textures.json", tiles)
    packages.add(
        f"{base}nebulae/default/names.dat", '# NGC 1 _("No")\nNGC  7000   _("North America Nebula") # WK\n'
    )
    packages.add(f"{base}nebulae/default/n7000.png", png((90, 0, 0)))
    packages.add(f"{base}skycultures/western/canis-major.png", png((90, 90, 90)))
    ((entity, _),) = made(make_nebulae, packages)
    assert entity.name == "North America Nebula" and "NGC7000" in entity.aliases
    assert entity.pictures[0].credit == "Ann"
    north = entity.fact("declination")
    assert north and north.value == 0 and north.unit == "degrees"
    assert made(make_constellations, packages)[0][0].name == "Canis Major"


SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><path d="M2 2h20v10H2z"/></svg>'


def test_pictograms_leave_out_flags_brands_skin_tones_and_empty_pictures() -> None:
    common = {"skintone": "", "group": "food-drink", "subgroups": "food-fruit", "tags": "red, sweet"}
    common |= {"openmoji_tags": "", "openmoji_author": "Ann", "openmoji_date": "2018-04-18"}
    records = [
        {**common, "annotation": "cherry", "hexcode": "1"},
        {**common, "annotation": "dark hand", "hexcode": "2", "skintone": "5"},
        {**common, "annotation": "flag", "hexcode": "3", "group": "flags"},
        {**common, "annotation": "void", "hexcode": "4"},
        {**common, "annotation": "lost", "hexcode": "5"},
    ]
    packages = FakePackages().add("package/data/openmoji.json", json.dumps(records))
    for number in (1, 2, 3):
        packages.add(f"package/color/svg/{number}.svg", SVG)
    packages.add("package/color/svg/4.svg", '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"/>')
    pytest.importorskip("resvg_py")
    ((entity, _),) = made(make_pictograms, packages)
    assert entity.id == "pictogram/cherry" and entity.fact("keywords").value == ("red", "sweet")
    assert entity.pictures[0].credit == "OpenMoji, Ann"


def test_brands_are_drawn_in_their_colour_on_a_ground_that_shows_it() -> None:
    pytest.importorskip("resvg_py")
    source = "https://www.acme.example/press"
    records = [
        {"title": "Acme", "slug": "acme", "hex": "FF0000", "source": source, "aliases": {"aka": ["Akme"]}},
        {"title": "Pale", "slug": "pale", "hex": "FFFFFF", "source": source},
        {
            "title": "Bound",
            "slug": "bound",
            "hex": "00FF00",
            "source": source,
            "license": {"type": "CC-BY-NC-4.0"},
        },
        {
            "title": "Shared",
            "slug": "shared",
            "hex": "0000FF",
            "source": source,
            "license": {"type": "CC-BY-4.0"},
        },
    ]
    packages = FakePackages().add("package/data/simple-icons.json", json.dumps(records))
    for record in records:
        packages.add(f"package/icons/{record['slug']}.svg", SVG)
    acme, pale, shared = made(make_brands, packages)
    assert acme[0].aliases == ("Akme", "acme") and acme[0].fact("logo colour name").value == "red"
    assert "acme.example" in acme[0].documents[0].text and shared[0].pictures[0].licence == "CC-BY-4.0"
    for (_, files), ink in ((acme, (255, 0, 0)), (pale, (255, 255, 255))):
        pixels = np.asarray(Image.open(io.BytesIO(files[0])).convert("RGB")).astype(int)
        middle, corner = pixels[pixels.shape[0] // 2, pixels.shape[1] // 2], pixels[0, 0]
        assert abs(middle - ink).max() < 25 and abs(middle - corner).max() > 100


def test_cities_know_their_country_and_which_is_its_capital() -> None:
    country = {"name": "Xland", "capital": "Easton"}
    place = {"latitude": -1.5, "longitude": 2.25, "countrycode": "XL", "timezone": "Africa/Xland"}
    cities = {
        "1": {**place, "geonameid": 1, "name": "Westhaven", "population": 900000, "alternatenames": ["WES"]},
        "2": {
            **place,
            "geonameid": 2,
            "name": "Eastón",
            "population": 50000,
            "alternatenames": ["Easton", "ister"],
        },
        "3": {**place, "geonameid": 3, "name": "Westhaven", "population": 40000, "alternatenames": [""]},
    }
    packages = FakePackages().add("data/countries.json", json.dumps({"XL": country}))
    found = made(make_cities, packages.add("data/cities15000.json", json.dumps(cities)))
    assert [entity.id for entity, _ in found] == ["city/westhaven-xl-1", "city/easton", "city/westhaven-xl-3"]
    assert found[1][0].fact("capital of").value == "Xland" and found[0][0].fact("capital of") is None
    assert found[1][0].aliases == ("Easton",) and "1.5000 degrees south" in found[1][0].documents[0].text


def test_nations_tell_lists_and_leave_out_what_is_not_there() -> None:
    record = {
        "name": {"common": "Xland", "official": "Republic of X", "native": {"x": {"common": "Iks"}}},
        "cca2": "XL",
        "cca3": "XLA",
        "capital": ["Easton"],
        "region": "Asia",
        "subregion": "",
        "languages": {},
        "currencies": {"XXX": {"name": "ex"}},
        "borders": [],
        "landlocked": False,
        "unMember": True,
        "area": 5,
        "latlng": [1.0, 2.0],
    }
    ring = [[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]]
    shape = {"features": [{"geometry": {"type": "Polygon", "coordinates": [ring]}}]}
    packages = FakePackages().add("package/countries.json", json.dumps([record]))
    ((entity, files),) = made(make_nations, packages.add("package/data/xla.geo.json", json.dumps(shape)))
    assert {fact.name for fact in entity.facts}.isdisjoint({"borders", "languages", "subregion", "demonym"})
    assert len(files) == 1 and entity.fact("area").value == 5 and "Iks" in entity.aliases


WORDS = (
    "  1 a comment\n"
    "00000100 05 n 02 dog 0 hound 0 002 @ 00000200 n 0000 %p 00000300 n 0000 "
    '| a faithful animal; "the dog barked"\n'
    "00000200 05 n 01 animal 0 000 | what moves\n00000300 05 n 01 tail 0 000 | the end of it\n"
)
INDEX = "  1 a comment\ndog n 1 2 @ %p 1 1 00000100\nanimal n 1 0 1 1 00000200\n"


def test_nouns_have_meanings_kinds_and_parts() -> None:
    packages = FakePackages(wordnet__data="").add("wordnet/data.noun", WORDS).add("wordnet/index.noun", INDEX)
    nouns = Nouns(cast(Packages, packages))
    (dog,) = nouns.senses("Dogs")
    assert (dog.meaning, dog.words, dog.field) == ("a faithful animal", ("dog", "hound"), 5)
    assert nouns.sense(dog.kind_of[0]).words == ("animal",) and nouns.sense(dog.parts[0]).words == ("tail",)
    assert nouns.senses("unicorn") == []


def test_ids_are_distinct_and_keep_their_names() -> None:
    names = [("Paris", "FR-1"), ("Paris", "US-2"), ("Köln", "DE-3"), ("日本", "JP-4")]
    assert distinct_ids("city", names) == ["city/paris-fr-1", "city/paris-us-2", "city/koln", "city/jp-4"]


def test_drawing_keeps_to_sizes_and_shows_cut_outs() -> None:
    data, size = webp(Image.new("RGB", (3000, 10), (255, 0, 0)), side=100)
    assert size == (100, 1) and Image.open(io.BytesIO(data)).size == size
    white = Image.new("RGBA", (50, 50), (0, 0, 0, 0))
    ImageDraw.Draw(white).rectangle((10, 10, 30, 40), fill=(255, 255, 255, 255))
    assert ground_for(white) != (255, 255, 255) and on_ground(white, 0).size == (21, 31)
    assert on_ground(Image.new("RGBA", (5, 5), (0, 0, 0, 0))).size == (5, 5)
    outline = draw_outline([[(0, 0), (10, 0), (10, 10), (0, 0)]], 64)
    assert outline.size == (64, 64) and len(set(outline.get_flattened_data())) > 2
    assert draw_tile(118, "Og", "Oganesson", "294", (10, 20, 30), 128).size == (128, 128)
