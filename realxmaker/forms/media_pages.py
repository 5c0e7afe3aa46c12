"""Media, with a page: logos and their colours, guests of a show, calls across time zones, audiences."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from deepeyes.world.pack import Entity

from ..draft import PEOPLE, TIME, WORDS, Draft, Kit, form, hours, measured, plain, rounded, to_places
from ..panels import COLOURS, SCREEN, bars, card, sticker, table
from ..paste import Scene, scene_of

HEX = WORDS


def lid(kit: Kit, brands: Sequence[Entity], width: int = 60) -> Scene:
    """A photograph with stickers in a row of three above a row of three."""
    scene = kit.scene()
    x, y = kit.rng.uniform(60, scene.image.width - 420), kit.rng.uniform(50, scene.image.height - 240)
    for place, brand in enumerate(brands):
        at = (x + place % 3 * (width + 46), y + place // 3 * (width + 40))
        kit.stick(scene, sticker(kit.pool.picture(brand, "logo.webp")), width, str(place), at=at)
    return scene


PLACES = ("top left", "top middle", "top right", "bottom left", "bottom middle", "bottom right")


def vivid(kit: Kit, count: int) -> list[Entity]:
    """Brands whose colour is neither black, white nor a pure one."""
    found = [brand for brand in kit.pool.logos(50) if len(set(kit.pool.must(brand, "colour").value[1:])) > 3]
    return found[:count]


@form("media", "PS")
def colour(kit: Kit, n: int) -> Draft:
    """The colour code of one of six black logos."""
    brands = vivid(kit, 6)
    scene = lid(kit, brands)
    place = (0, 2, 4, 3, 5)[n]
    where = PLACES[place]
    asks = (
        f"The stickers are printed in black. What's the official hex colour of the brand at the {where}?",
        f"I want to redo the {where} sticker in its real colour. Which hex code do I need?",
        f"hex colour code of the logo in the {where} of the little grid?",
        f"Six logos, two rows. The {where} one: what colour code does the brand use?",
        f"Which #RRGGBB value belongs to the brand whose logo is {where}?",
    )
    (fact,) = kit.must(brands[place], "colour")
    return kit.done(
        scene,
        asks[n],
        fact.value,
        form=HEX,
        see=(str(place),),
        facts=(fact,),
        answers=(fact.value[1:],),
        steps=f"the {where} logo is that of {brands[place].name}",
    )


def call(kit: Kit, countries: Sequence[Entity], words: str = "") -> tuple[Scene, list[str]]:
    """A video call: named tiles with a small flag each."""
    names = kit.rng.sample(PEOPLE, len(countries))
    scene = kit.scene()
    for name, country in zip(names, countries, strict=True):
        kit.stick(scene, card(kit.flag(country), name, size=62), 76, name)
    if words:
        kit.stick(scene, table("", ("",), [[words]], SCREEN), 170, "call")
    return scene, names


@form("media", "PS")
def guest(kit: Kit, n: int) -> Draft:
    """A fact of the country whose flag one guest of a show has."""
    wanted = ("anthem", "capital", "highest point", "independent from", "ports")[n]
    if n == 0:
        names = ("albania", "finland", "palau", "djibouti", "somalia", "france", "tajikistan")
        (country,) = kit.pool.take(
            "country", 1, ("anthem",), among=lambda e: e.id.removeprefix("country/") in names
        )
    elif n == 3:
        names = (
            "albania",
            "finland",
            "ecuador",
            "paraguay",
            "zimbabwe",
            "tajikistan",
            "bosnia-and-herzegovina",
        )
        (country,) = kit.pool.take(
            "country", 1, (wanted,), among=lambda e: e.id.removeprefix("country/") in names
        )
    else:
        (country,) = kit.pool.flags(1, (wanted,))
    scene, tags = call(kit, [country, *kit.pool.flags(7, besides=(country.id,))])
    who = tags[0]
    asks = (
        f"For the intro of the show we play each guest's national anthem. What is the one for {who}'s country called?",
        f"{who} will be connected live from the capital of the country on the name card. Which city is that?",
        f"Quiz round: every guest names the highest point of their country. What would {who} have to say?",
        f"From whom did the country shown for {who} become independent?",
        f"How many ports are listed for {who}'s country, going by the flag?",
    )
    (fact,) = kit.must(country, wanted)
    value: str | Decimal = fact.number if n == 4 else fact.value
    others = {
        "the UK": ("United Kingdom", "Britain", "UK"),
        "the Ottoman Empire": ("Ottoman Empire",),
        "the Soviet Union": ("Soviet Union", "USSR"),
    }
    return kit.done(
        scene,
        asks[n],
        value,
        form=None if n == 4 else WORDS,
        see=(f"{who}/picture", f"{who}/caption"),
        facts=(fact,),
        answers=others.get(fact.value, ()),
        steps=f"the flag of {who} is that of {country.name}",
    )


@form("media", "S")
def logo(kit: Kit, n: int) -> Draft:
    """One large logo in black; its colour."""
    (brand,) = vivid(kit, 1)
    scene = scene_of(kit.rng, kit.photo(), 640, 3.0)
    kit.stick(scene, sticker(kit.pool.picture(brand, "logo.webp")), 230, "logo", at=(200, 60))
    (fact,) = kit.must(brand, "colour")
    asks = (
        "Which hex code is this logo's brand colour?",
        "Our printer only did black. What's the real colour code of this logo?",
        "brand colour (hex) for the logo in the picture pls",
        "I need the exact colour value, like #12AB34, of the brand shown.",
        "What is listed as the colour code for this company's logo?",
    )
    return kit.done(
        scene,
        asks[n],
        fact.value,
        form=HEX,
        facts=(fact,),
        answers=(fact.value[1:],),
        steps=f"the logo is that of {brand.name}",
    )


def channels(value: str) -> tuple[int, int, int]:
    return int(value[1:3], 16), int(value[3:5], 16), int(value[5:7], 16)


@form("media", "SR")
def logos(kit: Kit, n: int) -> Draft:
    """Two large logos in black; arithmetic with their colours."""
    one, other = vivid(kit, 2)
    scene = scene_of(kit.rng, kit.photo(), 760, 3.0)
    for place, brand in enumerate((one, other)):
        kit.stick(
            scene, sticker(kit.pool.picture(brand, "logo.webp")), 220, str(place), at=(110 + place * 310, 80)
        )
    first, second = kit.must(one, "colour")[0], kit.must(other, "colour")[0]
    (r1, g1, b1), (r2, g2, b2) = channels(first.value), channels(second.value)
    asks = (
        (
            "Take the official hex colours of both logos. By how much do their red values (0-255) differ?",
            abs(r1 - r2),
            f"|{r1} - {r2}|",
        ),
        (
            "What do you get if you add the blue channel values (decimal) of these two brand colours?",
            b1 + b2,
            f"{b1} + {b2}",
        ),
        (
            "left logo: what's the average of its colour's R, G and B (decimal), rounded to a whole number?",
            int(rounded(Decimal(r1 + g1 + b1) / 3, 0)),
            f"({r1} + {g1} + {b1}) / 3",
        ),
        (
            "Look up both brand colours. Which decimal number is the larger of the two green values?",
            max(g1, g2),
            f"max({g1}, {g2})",
        ),
        (
            "For the brand on the right: largest RGB component of its colour minus the smallest, in decimal?",
            max(r2, g2, b2) - min(r2, g2, b2),
            f"{max(r2, g2, b2)} - {min(r2, g2, b2)}",
        ),
    )
    question, value, steps = asks[n]
    facts = (first,) if n == 2 else (second,) if n == 4 else (first, second)
    return kit.done(
        scene,
        question,
        value,
        facts=facts,
        entities=(one, other),
        steps=f"{one.name} {first.value}, {other.name} {second.value}; {steps} = {value}",
    )


@form("media", "PSR")
def palette(kit: Kit, n: int) -> Draft:
    """Small black logos in a grid; arithmetic with their colours."""
    brands = vivid(kit, 6)
    scene = lid(kit, brands, 64)
    a, b = ((0, 5), (1, 3), (2, 4), (3, 2), (4, 0))[n]
    first, second = kit.must(brands[a], "colour")[0], kit.must(brands[b], "colour")[0]
    (r1, g1, b1), (r2, g2, b2) = channels(first.value), channels(second.value)
    asks = (
        (
            f"Stickers in black: for the {PLACES[a]} and the {PLACES[b]} one, add up the green parts of the brands' hex colours (as decimals).",
            g1 + g2,
            f"{g1} + {g2}",
        ),
        (
            f"What's the sum of R, G and B (0-255 each) of the brand colour belonging to the {PLACES[a]} logo?",
            r1 + g1 + b1,
            f"{r1} + {g1} + {b1}",
        ),
        (
            f"The brand colours of the {PLACES[a]} and {PLACES[b]} stickers get mixed half and half. Which red value comes out (decimal, .5 if need be)?",
            Decimal(r1 + r2) / 2,
            f"({r1} + {r2}) / 2",
        ),
        (
            f"{PLACES[a]} logo vs {PLACES[b]} logo: difference between the blue components of their official colours, in decimal?",
            abs(b1 - b2),
            f"|{b1} - {b2}|",
        ),
        (
            f"Turn the official colour of the {PLACES[a]} sticker into its negative (255 minus each part). What is the new red value?",
            255 - r1,
            f"255 - {r1}",
        ),
    )
    question, value, steps = asks[n]
    if n == 4 and not 20 < r1 < 235:
        raise ValueError("too plain a colour")
    facts = (first,) if n in (1, 4) else (first, second)
    see = (str(a),) if n in (1, 4) else (str(a), str(b))
    return kit.done(
        scene,
        question,
        value,
        see=see,
        facts=facts,
        steps=f"{PLACES[a]}: {brands[a].name}, {PLACES[b]}: {brands[b].name}; {steps} = {value}",
    )


@form("media", "PSR")
def meeting(kit: Kit, n: int) -> Draft:
    """A call at a time in UTC that a small note gives; what the clock says in a guest's capital."""
    country = kit.pool.flags(1, ("capital utc",))[0]
    others = kit.pool.flags(6, ("capital utc",), besides=(country.id,))
    start = kit.rng.randrange(360, 1260, 5)
    scene, names = call(kit, [country, *others], f"Live {hours(start)} UTC")
    fact, second = kit.must(country, "capital utc")[0], kit.must(others[0], "capital utc")[0]
    who, else_ = names[0], names[1]
    offset, away = int(fact.value), int(second.value)
    asks: tuple[tuple[str, str | int, str], ...] = (
        (
            f"What will the clock say in the capital of {who}'s country when this goes live? (standard time)",
            hours(start + 60 * offset),
            f"{hours(start)} UTC{fact.value}",
        ),
        (
            f"{who} watches from the capital at home. At which local standard time does the stream begin there?",
            hours(start + 60 * offset),
            f"{hours(start)} UTC{fact.value}",
        ),
        (
            f"How many hours are the capitals of {who}'s and {else_}'s countries apart in standard time?",
            abs(offset - away),
            f"|{offset} - {away}|",
        ),
        (
            f"We'll talk for 95 minutes from the time on the note. When is it over, local standard time in the capital of the country next to {who}'s name?",
            hours(start + 95 + 60 * offset),
            f"{hours(start)} + 95 min, UTC{fact.value}",
        ),
        (
            f"it's already an hour and a half after the start. what time is it now where {who}'s flag is from (capital, no daylight saving)?",
            hours(start + 90 + 60 * offset),
            f"{hours(start)} + 90 min, UTC{fact.value}",
        ),
    )
    question, value, steps = asks[n]
    if n == 2 and value == 0:
        raise ValueError("no difference")
    see = [
        f"{who}/picture",
        f"{who}/caption",
        *(("call",) if n != 2 else (f"{else_}/picture", f"{else_}/caption")),
    ]
    return kit.done(
        scene,
        question,
        value,
        form=None if n == 2 else TIME,
        see=see,
        facts=(fact, second) if n == 2 else (fact,),
        entities=(country,),
        steps=f"{who}: {country.name}; {steps} = {value}",
    )


@form("media", "PSR")
def audience(kit: Kit, n: int) -> Draft:
    """A small chart whose bars have flags for names; one bar decides which page is asked."""
    wanted = ("population", "internet", "mobiles", "median age", "area")[n]
    countries = kit.pool.flags(5, (wanted,))
    values = [10 * value for value in kit.whole(1, 10, 5)]
    panel = bars(
        "Viewers by country",
        [kit.flag(country) for country in countries],
        values,
        100,
        10,
        "thousand",
        [COLOURS["purple"], COLOURS["blue"]],
    )
    scene = kit.scene()
    kit.stick(scene, panel, 310, "chart")
    order = sorted(range(5), key=lambda place: -values[place])
    top, last = order[0], order[-1]
    high, low = kit.must(countries[top], wanted)[0], kit.must(countries[last], wanted)[0]
    viewers = Decimal(values[top] * 1000)
    gap = abs(high.number - low.number)
    if not gap:
        raise ValueError("no difference")
    asks = (
        (
            "Where the audience is largest: how many viewers is that per 1000 inhabitants? One decimal.",
            rounded(viewers * 1000 / high.number, 1),
            (high,),
            to_places(1),
            f"{plain(viewers)} x 1000 / {high.value}",
        ),
        (
            "Internet use in the country of the tallest bar compared with that of the shortest: what's the gap in percentage points?",
            gap,
            (high, low),
            None,
            f"|{high.value} - {low.value}|",
        ),
        (
            "The longest and the shortest bar belong to two countries. Add their mobile subscriptions per 100 people.",
            high.number + low.number,
            (high, low),
            None,
            f"{high.value} + {low.value}",
        ),
        (
            "by how many years does the median age differ between the country with most viewers and the one with fewest?",
            gap,
            (high, low),
            measured("years"),
            f"|{high.value} - {low.value}|",
        ),
        (
            "Viewers of the strongest country divided by its total area: how many per 1000 km2? Round to one decimal.",
            rounded(viewers * 1000 / high.number, 1),
            (high,),
            to_places(1),
            f"{plain(viewers)} x 1000 / {high.value}",
        ),
    )
    question, value, proof, unit, steps = asks[n]
    if not value:
        raise ValueError("rounds to nothing")
    see = ["chart", f"chart/{top}"] + ([f"chart/{last}"] if len(proof) == 2 else [])
    return kit.done(
        scene,
        question,
        value,
        form=unit,
        see=see,
        facts=proof,
        steps=f"most: {countries[top].name} ({values[top]}), fewest: {countries[last].name} ({values[last]}); {steps} = {plain(value)}",
    )
