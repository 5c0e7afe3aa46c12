"""What may be asked about: the things of the world that no training and no validation uses, with proof.

What always holds: every thing is of the test split; a fact is a match of a pattern in the text of a page, so
its proof (page and sentence) is where the value was read from; things are handed out evenly, the least used
first.
"""

from __future__ import annotations

import io
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

from PIL import Image

from deepeyes.world.pack import Entity, Pack, PictureRecord


@dataclass(frozen=True)
class Known:
    """A fact as a page states it: `value` is as written there, without separators of thousands."""

    entity: str
    fact: str
    value: str
    document: str
    sentence: str

    @property
    def number(self) -> Decimal:
        return Decimal(self.value)

    def told(self) -> dict[str, str]:
        return {
            "entity": self.entity,
            "fact": self.fact,
            "value": self.value,
            "document": self.document,
            "sentence": self.sentence,
        }


_N = r"(-?[\d,]+(?:\.\d+)?)"
PATTERNS: dict[str, tuple[str, str]] = {
    "capital": ("government", r"Capital: name: ([^\n;(]+?)(?= \(|;|\n)"),
    "capital utc": ("government", r"time difference: UTC([+-]?\d+)"),
    "anthem": ("government", r"National anthem\(s\): title: \"([^\"]+)\""),
    "independence": ("government", r"Independence: (\d{1,2} [A-Z][a-z]+ \d{4}) \([^;\n]*\)\s*?\n(?!note)"),
    "independent from": ("government", r"Independence: [^\n(]*\(from ([^;),]+)\)\s*?\n"),
    "heritage": ("government", r"total World Heritage Sites: (\d+)"),
    "area": ("geography", rf"Area: total ?: {_N} sq km"),
    "land area": ("geography", rf"\bland: {_N} sq km"),
    "coastline": ("geography", rf"Coastline: {_N} km"),
    "land boundaries": ("geography", rf"Land boundaries: total: {_N} km"),
    "highest point": ("geography", r"highest point: ([^\n(\d]+?)(?= \(| -?\d)"),
    "highest elevation": ("geography", rf"highest point: [^\n\d]+? {_N} m\b"),
    "forest": ("geography", rf"forest: {_N}%"),
    "median age": ("people-and-society", rf"Median age: total: {_N} years"),
    "population": ("people-and-society", rf"Population: total: {_N}(?! million)"),
    "birth rate": ("people-and-society", rf"Birth rate: {_N} births"),
    "death rate": ("people-and-society", rf"Death rate: {_N} deaths"),
    "life expectancy": ("people-and-society", rf"total population: {_N} years \(20"),
    "male life": ("people-and-society", rf"Life expectancy at birth:[^\n]*\nmale: {_N} years"),
    "female life": (
        "people-and-society",
        rf"Life expectancy at birth:[^\n]*\nmale:[^\n]*\nfemale: {_N} years",
    ),
    "fertility": ("people-and-society", rf"Total fertility rate: {_N} children"),
    "alcohol": ("people-and-society", rf"Alcohol consumption per capita: total: {_N} liters"),
    "beer": ("people-and-society", rf"beer: {_N} liters"),
    "wine": ("people-and-society", rf"wine: {_N} liters"),
    "obesity": ("people-and-society", rf"Obesity - adult prevalence rate: {_N}%"),
    "tobacco": ("people-and-society", rf"Tobacco use: total: {_N}%"),
    "doctors": ("people-and-society", rf"Physician density: {_N} physicians"),
    "school years": ("people-and-society", rf"primary to tertiary education\): total: {_N} years"),
    "domain": ("communications", r"Internet country code: (\.[a-z]{2})"),
    "internet": ("communications", rf"Internet users: percent of population: {_N}%"),
    "mobiles": ("communications", rf"mobile cellular: [^\n]*\nsubscriptions per 100 inhabitants: {_N}"),
    "airports": ("transportation", rf"Airports: {_N} \("),
    "railways": ("transportation", rf"Railways: total: {_N} km"),
    "aircraft": ("transportation", r"Civil aircraft registration country code prefix: ([A-Z0-9]+)\b"),
    "ports": ("transportation", rf"Ports: total ports: {_N} \("),
    "ships": ("transportation", rf"Merchant marine: total: {_N} \("),
    "exchange": ("economy", rf"Exchange rates 2024: {_N} \("),
    "unemployment": ("economy", rf"Unemployment rate 2024: {_N}%"),
    "inflation": ("economy", rf"Inflation rate \(consumer prices\) 2024: {_N}%"),
    "gdp per head": ("economy", rf"Real GDP per capita 2024: \${_N} \("),
    "electricity access": ("energy", rf"electrification - total population: {_N}%"),
}
"""Facts of countries: the page, and the pattern whose group is the value."""

OTHER: dict[str, str] = {
    "population": rf"About {_N} people live there",
    "latitude": rf"at {_N} degrees (?:north|south)",
    "longitude": rf"degrees (?:north|south) and {_N} degrees",
    "zone": r"in the time zone ([\w/]+)",
    "country": r"is a city in ([^.]+)\.",
    "colour": r"the colour code is (#[0-9A-F]{6})",
    "atomic number": rf"atomic number: {_N} protons",
    "atomic weight": rf"atomic weight: {_N} u",
    "density": rf"density: {_N} g/cm3",
    "melting": rf"melting point: {_N} K",
    "boiling": rf"boiling point: {_N} K",
    "radius": rf"atomic radius: {_N} pm",
    "discovered": r"discovered: (\d{4})",
    "place of discovery": r"place of discovery: ([^\n]+)",
    "discoverer": r"discoverers: ([^\n]+)",
    "cas": r"CAS number: ([\d-]+)",
    "completed": r"Completed: (\d+)",
    "height": rf"Height: {_N} m",
    "place": r"Place: ([^\n,]+)",
    "mean radius": rf"mean radius: {_N} km",
    "orbital period": rf"orbital period: {_N} days",
    "sun": rf"distance from the Sun: {_N} million km",
    "also called": r"It is also called ([^.,]+)",
    "kind of": r"It is a kind of ([^.,]+)",
}
"""Facts of everything else, looked for on all pages of the thing."""


def names(words: str) -> tuple[str, ...]:
    """The words of a text, to be read more easily than a list."""
    return tuple(words.split())


NO_FLAG = names("romania jersey saint-barthelemy antarctica christmas-island macao micronesia")
"""Flags that another land's can be taken for, or of lands about which too little is stated."""
OUTLINES = names(
    "albania bosnia-and-herzegovina canada cuba czechia djibouti ecuador finland france oman paraguay "
    "republic-of-the-congo romania somalia tajikistan ukraine zimbabwe"
)
"""Countries whose outline says which they are."""
LOGOS = names(
    "reddit php nvidia typescript postgresql rust ups unilever ted yelp etsy epson asus "
    "siemens sap sony lufthansa kodak kde kickstarter libreoffice hugo home-assistant nextcloud npm "
    "pandas plex pi-hole last-fm hootsuite flipboard doordash android alienware commodore valorant riot- "
    "games wechat xampp yarn zcash venmo tomtom substack stackblitz redux r prisma owasp orcid nfc "
    "musicbrainz icq go giphy freecad freepik fandango kongregate mta manjaro the-washington-post "
    "unsplash vestel vivo skillshare semantic-scholar yamaha-motor-corporation streamlit teamspeak "
    "wolfram-mathematica tp-link scrapy rocky-linux pixelfed celestron castorama gitkraken"
)
"""Logos that people who see them can look up."""


SYMBOLS = names(
    "reddit nvidia postgresql rust unilever kde kickstarter hugo home-assistant nextcloud pandas pi-hole "
    "last-fm hootsuite flipboard doordash android alienware commodore valorant riot-games wechat xampp "
    "yarn zcash tomtom substack stackblitz redux r prisma owasp orcid nfc musicbrainz icq freecad freepik "
    "kongregate manjaro semantic-scholar streamlit wolfram-mathematica scrapy rocky-linux pixelfed "
    "celestron gitkraken"
)
"""Those of them that are no written name."""


class Pool:
    """The held-out things, and the facts that their pages state."""

    def __init__(self, pack: Pack, rng: random.Random) -> None:
        self._pack, self.rng = pack, rng
        self._used: Counter[tuple[str, str]] = Counter()
        self._known: dict[tuple[str, str], Known | None] = {}
        self.shown: list[PictureRecord] = []
        """The pictures handed out since somebody cleared it."""
        self._things: dict[str, list[Entity]] = {}

    def thing(self, entity_id: str) -> Entity:
        """Raises `ValueError` for one that is not there or not held out."""
        entity = self._pack.entity(entity_id)
        if entity is None or entity.split != "test":
            raise ValueError(f"{entity_id} is no held-out thing")
        return entity

    def take(
        self,
        kind: str,
        count: int = 1,
        facts: Iterable[str] = (),
        *,
        among: Callable[[Entity], bool] = lambda _: True,
        besides: Iterable[str] = (),
        shown: str = "",
    ) -> list[Entity]:
        """`count` different things that have all of `facts`, those first that were asked about least as they
        are `shown` now. With `besides`, the things asked about, others that only stand beside them.
        """
        wanted, out = tuple(facts), set(besides)
        fitting = [
            thing
            for thing in self._held_out(kind)
            if thing.id not in out and among(thing) and all(self.known(thing, fact) for fact in wanted)
        ]
        self.rng.shuffle(fitting)
        fitting.sort(key=lambda thing: 0 if out else self._used[shown, thing.id])
        if len(fitting) < count:
            raise ValueError(f"only {len(fitting)} of {kind} have {', '.join(wanted)}")
        return fitting[:count]

    def _held_out(self, kind: str) -> list[Entity]:
        if kind not in self._things:
            self._things[kind] = [thing for thing in self._pack.entities(kind) if thing.split == "test"]
        return self._things[kind]

    def asked(self, thing: Entity, shown: str = "") -> None:
        """Count that a question is about it."""
        self._used[shown, thing.id] += 1

    def flags(self, count: int, facts: Iterable[str] = (), besides: Iterable[str] = ()) -> list[Entity]:
        """Countries whose flag nobody takes for another's."""
        return self.take("country", count, facts, among=has_flag, besides=besides, shown="flag")

    def outlines(self, count: int, facts: Iterable[str] = (), besides: Iterable[str] = ()) -> list[Entity]:
        """Countries whose outline nobody takes for another's."""
        return self.take(
            "country",
            count,
            facts,
            among=lambda e: e.id.removeprefix("country/") in OUTLINES,
            besides=besides,
            shown="outline",
        )

    def logos(self, count: int, besides: Iterable[str] = (), symbols: bool = False) -> list[Entity]:
        """Brands with a logo that can be looked up; with `symbols` those that are no written name."""
        chosen = SYMBOLS if symbols else LOGOS
        return self.take(
            "brand",
            count,
            ("colour",),
            among=lambda e: e.id.removeprefix("brand/") in chosen,
            besides=besides,
        )

    def known(self, thing: Entity, fact: str) -> Known | None:
        """The fact with its proof; None where no page states it."""
        key = (thing.id, fact)
        if key not in self._known:
            self._known[key] = self._found(thing, fact)
        return self._known[key]

    def _found(self, thing: Entity, fact: str) -> Known | None:
        if thing.kind == "country":
            slug, pattern = PATTERNS[fact]
            pages = [page for page in thing.documents if page.url.endswith("/" + slug)]
        else:
            pattern, pages = OTHER[fact], list(thing.documents)
        for page in pages:
            if found := re.search(pattern, page.text + "\n"):
                value = found[1].strip()
                value = value.replace(",", "") if re.fullmatch(_N, value) else value
                start = page.text.rfind("\n", 0, found.start()) + 1
                end = page.text.find("\n", found.end())
                sentence = page.text[start : end if end > 0 else None].replace("\n", " / ")
                return Known(thing.id, fact, value, page.url, _short(sentence, found[1].strip()))
        return None

    def must(self, thing: Entity, fact: str) -> Known:
        """As `known`. Raises `ValueError` where no page states it."""
        known = self.known(thing, fact)
        if known is None:
            raise ValueError(f"no page states the {fact} of {thing.name}")
        return known

    def picture(self, thing: Entity, ending: str) -> Image.Image:
        """Its picture whose URL ends so (flag.webp), with transparency."""
        for place, record in enumerate(thing.pictures):
            if record.url.endswith(ending):
                self.shown.append(record)
                return Image.open(io.BytesIO(self._pack.picture_bytes(thing, place))).convert("RGBA")
        raise ValueError(f"{thing.name} has no {ending}")


def has_flag(thing: Entity) -> bool:
    slug = thing.id.removeprefix("country/")
    return slug not in NO_FLAG and any(picture.url.endswith("/flag.webp") for picture in thing.pictures)


def _short(sentence: str, value: str) -> str:
    """Not more than a few hundred characters of a sentence, about where the value stands."""
    if len(sentence) <= 300:
        return sentence
    at = sentence.find(value)
    return sentence[max(0, at - 150) : at + 150]
