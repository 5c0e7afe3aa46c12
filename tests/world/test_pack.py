"""The pack that is shipped: what every record promises, and how it is opened, searched and read."""

import io
import json
import multiprocessing
import subprocess
import sys
import threading
from collections import Counter
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepeyes.core.errors import InputError
from deepeyes.world.pack import Pack, open_pack, split_of
from deepeyes.world.pack.entity import SPLITS, Entity, fold
from packmaker.check import check


@pytest.fixture(scope="module")
def pack():
    with open_pack() as opened:
        yield opened


@pytest.fixture(scope="module")
def entities(pack: Pack) -> list[Entity]:
    return list(pack.entities())


def test_every_record_keeps_its_promises(entities: list[Entity]) -> None:
    for entity in entities:
        check(entity)  # source, licence, units, years, pages, no empty document
    assert len({entity.id for entity in entities}) == len(entities)
    urls = [one.url for entity in entities for one in (*entity.documents, *entity.pictures)]
    assert len(set(urls)) == len(urls)


def test_there_is_enough_of_each_kind(pack: Pack, entities: list[Entity]) -> None:
    counts = Counter(entity.kind for entity in entities)
    least = {"country": 245, "city": 3000, "brand": 3300, "element": 118, "monument": 60, "planet": 9}
    least |= {"animal": 55, "object": 150}
    assert {kind: counts[kind] for kind in least if counts[kind] < least[kind]} == {}
    assert all(note.entities == counts[note.kind] for note in pack.manifest.shelves)
    assert sum(note.bytes for note in pack.manifest.shelves) <= 20_000_000


def test_nothing_of_the_permissive_pack_is_under_a_licence_that_binds_its_users(
    entities: list[Entity],
) -> None:
    records = {entity.licence for entity in entities}
    records |= {picture.licence for entity in entities for picture in entity.pictures}
    bad = [one for one in records if any(word in one.upper() for word in ("GPL", "NC", "ND", "ODBL", "GFDL"))]
    assert bad == []
    credited = [one for entity in entities for one in entity.pictures if one.licence.startswith("CC-BY")]
    assert all(one.credit for one in credited)


def test_every_picture_decodes_at_the_size_that_is_told_and_shows_something(pack: Pack, entities) -> None:
    for entity in entities:
        for place, record in enumerate(entity.pictures):
            data = pack.picture_bytes(entity, place)
            image = Image.open(io.BytesIO(data))
            assert (image.format, image.mode, image.size) == ("WEBP", "RGB", (record.width, record.height))
            assert len(data) == record.bytes and max(image.size) <= 320
            spread = np.asarray(image.convert("L"), dtype=np.int16)
            colours = np.asarray(image.resize((8, 8))).reshape(-1, 3).astype(np.int16)
            assert np.ptp(spread) > 20 or np.ptp(colours, axis=0).max() > 20, record.url


def test_numbers_of_countries_stand_in_the_page_that_they_name(entities: list[Entity]) -> None:
    checked = 0
    for entity in entities:
        texts = {document.url: document.text for document in entity.documents}
        for fact in entity.facts:
            skip = any(word in fact.name for word in ("itude", "time zone"))
            if entity.kind == "country" and fact.page and isinstance(fact.value, int | float) and not skip:
                assert _is_said(abs(fact.value), texts[fact.page]), (entity.id, fact)
                assert fact.year is None or str(fact.year) in texts[fact.page]
                checked += 1
    assert checked > 7000


def test_facts_of_the_other_kinds_stand_in_the_page_that_they_name(entities: list[Entity]) -> None:
    for entity in entities:
        texts = {document.url: document.text for document in entity.documents}
        for fact in entity.facts if entity.kind != "country" else ():
            values = fact.value if isinstance(fact.value, tuple) else (fact.value,)
            for value in values if fact.page else ():
                text = texts[fact.page]
                known = str(value) in text if isinstance(value, str) else _is_said(abs(value), text)
                derived = fact.name in ("kind", "capital of") or fact.name.endswith("itude")
                assert known or derived, (entity.id, fact)


def _is_said(value: float, text: str) -> bool:
    """Whether a number is written in the text, plainly or in millions, billions or trillions."""
    forms = {f"{value:,}", f"{value}"}
    for scale, word in ((1e6, "million"), (1e9, "billion"), (1e12, "trillion")):
        short = f"{value / scale:,.6f}".rstrip("0").rstrip(".")
        forms |= {f"{short} {word}", *(f"{value / scale:,.{places}f} {word}" for places in range(4))}
    for places in (1, 2, 3):  # the source may write 2.0, 0.10
        forms.add(f"{value:,.{places}f}")
    return any(form in text for form in forms)


# Read by hand from the sources when the pack was made.
KNOWN = [
    ("country/france", "capital", "Paris", "", None),
    ("country/france", "area", 643801, "km2", None),
    ("country/france", "population", 68512806, "people", 2025),
    ("country/france", "highest elevation", 4810, "m", None),
    ("country/chile", "highest point", "Nevado Ojos del Salado", "", None),
    ("country/chile", "border with Argentina", 6691, "km", None),
    ("country/georgia", "independence", "9 April 1991", "", 1991),
    ("element/iron", "atomic weight", 55.845, "u", None),
    ("element/gallium", "discovered", "1875", "", 1875),
    ("planet/earth", "moons", 1, "moons", None),
    ("monument/eiffel-tower", "height", 330, "m", None),
]


@pytest.mark.parametrize(("entity_id", "name", "value", "unit", "year"), KNOWN)
def test_known_facts(
    pack: Pack, entity_id: str, name: str, value: object, unit: str, year: int | None
) -> None:
    entity = pack.entity(entity_id)
    fact = entity and entity.fact(name)
    assert fact and (fact.value, fact.unit, fact.year) == (value, unit, year)


def test_most_borders_are_told_alike_by_both_neighbours(pack: Pack) -> None:
    borders = {
        (entity.name, neighbour)
        for entity in pack.entities("country")
        for fact in entity.facts
        if fact.name == "borders" and isinstance(fact.value, tuple)
        for neighbour in fact.value
    }
    one_sided = [pair for pair in borders if pair[::-1] not in borders]
    assert len(borders) > 600 and len(one_sided) < 0.05 * len(borders), one_sided


def test_names_are_found_whatever_their_case_and_accents(pack: Pack) -> None:
    assert [entity.id for entity in pack.find("FRÁNCE")] == ["country/france"]
    assert pack.find("Deutschland")[0].id == "country/germany"
    assert pack.find("world://brand/nvidia")[0].id == "brand/nvidia"
    assert {"country/georgia"} <= {entity.id for entity in pack.find("georgia")}
    assert pack.find("") == () and pack.find("\0") == () and pack.find("x" * 100_000) == ()
    assert "France" in pack.near("frnace")
    assert pack.near("") == () or all(pack.near(""))


def test_documents_and_pictures_are_found_by_url(pack: Pack) -> None:
    page = pack.document("world://country/france/economy")
    assert page and page.title == "France: Economy" and "public domain" in page.source and page.date == "2025"
    first = pack.document("world://country/france")
    assert first and first.url == "world://country/france/introduction"
    for wrong in ("", "world://", "world://country/atlantis/economy", "https://country/france/economy"):
        assert pack.document(wrong) is None and pack.picture(wrong) is None
    flag = pack.picture("world://country/france/flag.webp")
    assert (
        flag and flag.image.getpixel((10, 100))[2] > 100 and flag.page == first.url and "MIT" in flag.source
    )


def test_order_and_counts_are_stable(pack: Pack) -> None:
    urls = [document.url for document in pack.documents()]
    assert urls == [document.url for document in pack.documents()] and len(urls) == pack.count("text")
    assert sum(1 for _ in pack.gallery()) == pack.count("image")


def test_splits_are_disjoint_and_all_kinds_but_the_smallest_are_in_all(entities: list[Entity]) -> None:
    found = Counter((entity.kind, entity.split) for entity in entities)
    assert all(entity.split == split_of(entity.id) in SPLITS for entity in entities)
    large = {kind for kind, _ in found} - {"planet"}
    assert all(found[kind, split] > 0 for kind in large for split in SPLITS)
    assert (split_of("country/france"), split_of("country/chile")) == ("test", "train")


def test_opening_is_fast_and_reads_no_shelf() -> None:
    code = (
        "import time\nfrom deepeyes.world.pack import open_pack\nstart = time.process_time()\n"
        "pack = open_pack()\npack.find('France')\nprint(time.process_time() - start)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(ran.stdout) < 0.2


def test_digest_names_the_files(pack: Pack) -> None:
    for note in pack.manifest.shelves:
        assert sha256((pack.folder / note.file).read_bytes()).hexdigest() == note.sha256
    assert open_pack().digest == pack.digest and len(pack.digest) == 64
    assert {path.name for path in pack.folder.glob("*.sqlite")} == {
        note.file for note in pack.manifest.shelves
    }


def test_vectors_fit_the_content_or_are_none(tmp_path: Path, pack: Pack) -> None:
    for note in pack.manifest.shelves:
        (tmp_path / note.file).symlink_to(pack.folder / note.file)
    (tmp_path / "pack.json").write_bytes((pack.folder / "pack.json").read_bytes())
    copy = open_pack(folder=tmp_path)
    assert copy.vectors("text") is None
    rows = np.ones((copy.count("text"), 4), dtype=np.int8)
    copy.save_vectors("text", rows, "ones")
    found = copy.vectors("text")
    assert found is not None and found.dtype == np.int8 and found.shape == rows.shape
    with pytest.raises(ValueError, match="do not fit"):
        copy.save_vectors("image", rows, "ones")
    note = json.loads((tmp_path / "text.json").read_text())
    (tmp_path / "text.json").write_text(json.dumps(note | {"pack": "0" * 64}))
    assert copy.vectors("text") is None


def test_threads_and_forked_processes_read_the_same(pack: Pack) -> None:
    urls = [f"world://country/{name}/geography" for name in ("france", "chile", "japan", "kenya")]
    expected = [_text(url) for url in urls]
    found: dict[str, str] = {}
    threads = [
        threading.Thread(target=lambda url=url: found.update({url: _text(url, pack)})) for url in urls * 4
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[url] for url in urls] == expected
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(_text, urls) == expected


def _text(url: str, pack: Pack | None = None) -> str:
    document = (pack or open_pack()).document(url)
    return document.text if document else ""


def test_missing_and_foreign_packs_are_told_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="python -m packmaker"):
        open_pack(folder=tmp_path)
    with pytest.raises(InputError, match="use one of"):
        open_pack("atlantis")
    (tmp_path / "pack.json").write_text("{")
    with pytest.raises(InputError, match="python -m packmaker"):
        open_pack(folder=tmp_path)
    manifest = {"format": 99, "name": "permissive", "shelves": []}
    (tmp_path / "pack.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="another version"):
        open_pack(folder=tmp_path)


def test_folding() -> None:
    assert fold("  São-Tomé & Príncipe ") == "sao tome principe"
    assert fold("C++") == "c" and fold("+") == "+" and fold("日本") == "日本"
