"""Paraphrase questions about countries, each with the one document that answers it.

A template names the section that holds the fact and the fact's label there; a question is made only for
countries whose section has that label. The words are meant to differ from the label's. `TUNED` and `HELD_OUT`
share no wording and no fact, and are asked about different countries, so what was tuned on one half says
nothing by heart about the other.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

Template = tuple[str, str, str]
"""(section of the address, label the section must hold, question with {name})."""

TUNED: tuple[Template, ...] = (
    ("people-and-society", "Religions", "which faiths are followed in {name}?"),
    ("people-and-society", "Life expectancy at birth", "how long do people in {name} live on average?"),
    ("people-and-society", "Ethnic groups", "what peoples make up the inhabitants of {name}?"),
    (
        "people-and-society",
        "Infant mortality rate",
        "how many babies die before their first birthday in {name}",
    ),
    ("people-and-society", "Tobacco use", "share of adults who smoke, {name}"),
    ("geography", "Climate", "what is the weather like in {name} over the year?"),
    ("geography", "Elevation", "highest mountain and lowest point of {name}"),
    ("geography", "Coastline", "how many kilometres of seashore does {name} have?"),
    ("geography", "Natural hazards", "do earthquakes, floods or storms threaten {name}?"),
    ("geography", "Land boundaries", "with which neighbours does {name} share a frontier?"),
    ("environment", "Carbon dioxide emissions", "how much CO2 does {name} put into the air?"),
    ("environment", "Total water withdrawal", "how much water do farms and factories in {name} take out?"),
    ("government", "Capital", "from which city is {name} governed?"),
    ("government", "Suffrage", "from what age may people vote in {name}?"),
    ("government", "Flag", "what do the colours on the banner of {name} stand for?"),
    ("government", "Political parties", "which parties compete at the elections in {name}?"),
    ("government", "Legal system", "is the law in {name} based on common or civil law?"),
    ("government", "National anthem(s)", "title and composer of the hymn of {name}"),
    ("economy", "Inflation rate (consumer prices)", "how fast are prices rising in {name}?"),
    ("economy", "Exports - partners", "which countries buy most of what {name} sells abroad?"),
    ("economy", "Unemployment rate", "what share of workers in {name} has no job?"),
    ("economy", "Agricultural products", "which crops and livestock do farmers in {name} raise?"),
    ("economy", "Public debt", "how much does the state of {name} owe?"),
    ("energy", "Electricity generation sources", "does {name} make its power from coal, sun, wind or dams?"),
    ("energy", "Petroleum", "how many barrels of oil does {name} pump a day?"),
    ("communications", "Internet users", "how many people in {name} are online?"),
    ("communications", "Broadcast media", "who runs the television and radio stations of {name}?"),
    ("transportation", "Railways", "how long is the train network of {name}?"),
    ("transportation", "Airports", "number of airfields in {name}"),
    (
        "military-and-security",
        "Military expenditures",
        "how much of its income does {name} spend on its army?",
    ),
)

HELD_OUT: tuple[Template, ...] = (
    ("people-and-society", "Languages", "what do the people of {name} speak?"),
    ("people-and-society", "Median age", "is the population of {name} young or old?"),
    ("people-and-society", "Birth rate", "number of newborns per thousand people in {name}"),
    ("people-and-society", "Physician density", "are there enough doctors in {name}?"),
    ("people-and-society", "Obesity - adult prevalence rate", "how common is being overweight in {name}?"),
    ("people-and-society", "Total fertility rate", "how many children does a woman in {name} have?"),
    ("people-and-society", "Nationality", "what are the citizens of {name} called?"),
    ("people-and-society", "Drinking water source", "can families in {name} get clean water to drink?"),
    ("people-and-society", "Literacy", "what percentage of {name} can read and write?"),
    ("geography", "Natural resources", "what ores and minerals lie in the ground of {name}?"),
    ("geography", "Terrain", "is {name} flat or mountainous?"),
    ("geography", "Area - comparative", "which US state is about as large as {name}?"),
    ("geography", "Geographic coordinates", "latitude and longitude of {name}"),
    ("geography", "Location", "whereabouts in the world does {name} lie?"),
    (
        "geography",
        "Irrigated land",
        "how many square kilometres of fields are watered artificially in {name}?",
    ),
    ("environment", "Waste and recycling", "how much rubbish do the towns of {name} produce each year?"),
    (
        "environment",
        "Particulate matter emissions",
        "how dirty with fine dust is the air people breathe in {name}?",
    ),
    ("environment", "International environmental agreements", "which treaties on nature has {name} joined?"),
    ("environment", "Environmental issues", "is pollution or deforestation a problem in {name}?"),
    ("government", "Independence", "when did {name} become a sovereign state?"),
    ("government", "Judicial branch", "how are the judges of the highest court in {name} chosen?"),
    ("government", "National holiday", "on what day does {name} celebrate itself?"),
    ("government", "Executive branch", "who is the president or prime minister of {name}?"),
    ("government", "Citizenship", "how many years must one live in {name} before being naturalised?"),
    ("government", "Administrative divisions", "into which provinces or districts is {name} split?"),
    ("economy", "Industries", "what do the factories of {name} make?"),
    ("economy", "Exchange rates", "how much is the money of {name} worth in dollars?"),
    ("economy", "Imports - commodities", "what goods does {name} have to buy from others?"),
    ("economy", "Remittances", "how much money do emigrants send home to {name}?"),
    ("economy", "Real GDP per capita", "how rich is the average person in {name}?"),
    ("economy", "Population below poverty line", "what portion of {name} is poor?"),
    ("energy", "Electricity access", "does everyone in {name}, villages included, have electric light?"),
    ("energy", "Natural gas", "cubic metres of gas that {name} burns and produces"),
    ("energy", "Coal", "tons of coal mined and burnt in {name}"),
    ("communications", "Telephones - mobile cellular", "how many cell phones are there in {name}?"),
    ("communications", "Internet country code", "what do web addresses from {name} end in?"),
    ("transportation", "Ports", "which harbours for ships does {name} have?"),
    ("transportation", "Merchant marine", "how many cargo ships and tankers sail under the flag of {name}?"),
    ("transportation", "Heliports", "how many landing places for helicopters does {name} have?"),
    ("military-and-security", "Military service age and obligation", "is there conscription in {name}?"),
)


@dataclass(frozen=True)
class Question:
    text: str
    url: str
    """The document that answers it."""


def questions(
    templates: Iterable[Template],
    names: Mapping[str, str],
    texts: Mapping[str, str],
    *,
    held_out: bool,
    per_template: int = 10,
    base: str = "world://country/",
) -> list[Question]:
    """Up to `per_template` questions a template, drawn among the countries of that half.

    `names` gives the name to use for a country's slug, `texts` the text of a document's address.
    """
    found: list[Question] = []
    mine = [slug for slug in sorted(names) if is_held_out(slug) == held_out]
    for section, label, words in templates:
        urls = {slug: f"{base}{slug}/{section}" for slug in mine}
        fitting = [slug for slug in mine if f"\n{label}:" in "\n" + texts.get(urls[slug], "")]
        drawn = random.Random(words).sample(fitting, min(per_template, len(fitting)))
        found += [Question(words.format(name=names[slug]), urls[slug]) for slug in drawn]
    return found


def is_held_out(slug: str) -> bool:
    """Half of the countries, by a hash of their name."""
    return sha256(slug.encode()).digest()[0] % 2 == 1
