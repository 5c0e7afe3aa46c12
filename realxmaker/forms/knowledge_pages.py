"""Knowledge, with a page: bottles of elements, maps on a wall, the planet Mercury."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from PIL import ImageOps

from deepeyes.world.pack import Entity

from ..draft import DATE, Draft, Kit, form, measured, plain, rounded, to_places
from ..panels import card, flask
from ..paste import Panel, Scene, scene_of

CAPS = ("red", "blue", "green", "yellow", "black", "white", "purple")


DATED = ("Einsteinium", "Mendelevium", "Tennessine")
"""Elements of whose discovery all their pages tell the same year."""


ELEMENTS = ("fluorine", "magnesium", "yttrium", "barium", "einsteinium", "mendelevium", "tennessine")


def bottles(kit: Kit, lines: bool = False) -> tuple[Scene, list[tuple[Entity, str, int]]]:
    """Bottles with caps of different colours; with `lines` each says how many cm3 it holds."""
    things = [kit.pool.thing(f"element/{name}") for name in kit.rng.sample(ELEMENTS, 7)]
    caps = kit.rng.sample(CAPS, 7)
    amounts = kit.whole(12, 95, 7)
    scene = kit.scene()
    for thing, cap, amount in zip(things, caps, amounts, strict=True):
        symbol = next(alias for alias in thing.aliases if len(alias) <= 2)
        kit.stick(scene, flask(symbol, cap, f"{amount} cm³" if lines else ""), 62 if lines else 52, cap)
    return scene, list(zip(things, caps, amounts, strict=True))


def having(kit: Kit, shown: list[tuple[Entity, str, int]], fact: str) -> list[tuple[Entity, str, int]]:
    found = [one for one in shown if kit.pool.known(one[0], fact)]
    found.sort(key=lambda one: kit.used[one[0].id])
    kit.used[found[0][0].id] += 1
    return found


@form("knowledge", "PS")
def bottle(kit: Kit, n: int) -> Draft:
    """A fact of the element in the bottle with one cap."""
    wanted = ("melting", "discovered", "cas", "density", "radius")[n]
    scene, shown = bottles(kit)
    if n == 1:
        shown = [one for one in shown if one[0].name in DATED]
    if n == 3:
        shown = [one for one in shown if one[0].name in ("Magnesium", "Yttrium", "Barium")]
    thing, cap, _ = having(kit, shown, wanted)[0]
    asks = (
        f"Melting point (in kelvin) of whatever is in the bottle with the {cap} cap?",
        f"The stuff under the {cap} lid: in which year was that element discovered?",
        f"which CAS number belongs on the label of the {cap}-capped bottle",
        f"One cubic centimetre of the element from the {cap} topped bottle weighs how many grams?",
        f"What is the atomic radius, in picometres, for the element labelled on the bottle with a {cap} stopper?",
    )
    (fact,) = kit.must(thing, wanted)
    value: str | Decimal = fact.value if n == 2 else fact.number
    unit = {0: measured("K"), 3: measured("g"), 4: measured("pm")}.get(n)
    return kit.done(
        scene,
        asks[n],
        value,
        form=unit,
        see=(f"{cap}/label", f"{cap}/cap"),
        facts=(fact,),
        steps=f"the label under the {cap} cap says {thing.name}'s symbol",
    )


@form("knowledge", "PSR")
def mixture(kit: Kit, n: int) -> Draft:
    """Bottles with a volume; density, temperatures and years of two of them."""
    wanted = ("density", "melting", "boiling", "discovered", "atomic weight")[n]
    scene, shown = bottles(kit, lines=n in (0, 4))
    if n == 0:
        shown = [one for one in shown if one[0].name not in ("Fluorine", "Tennessine")]
    if n == 3:
        shown = [one for one in shown if one[0].name in DATED]
    found = having(kit, shown, wanted)
    (thing, cap, amount), (second, cap2, _) = found[0], found[1]
    fact, other = kit.must(thing, wanted)[0], kit.must(second, wanted)[0]
    gap = abs(fact.number - other.number)
    if not gap:
        raise ValueError("no difference")
    asks = (
        (
            f"How many grams does the content of the bottle with the {cap} cap weigh, if the volume on the label is solid material at its listed density? One decimal.",
            rounded(fact.number * amount, 1),
            to_places(1, "g"),
            f"{fact.value} x {amount}",
        ),
        (
            f"Convert the melting point of the element under the {cap} cap to degrees Celsius (minus 273.15), two decimals.",
            rounded(fact.number - Decimal("273.15"), 2),
            to_places(2, "°C"),
            f"{fact.value} - 273.15",
        ),
        (
            f"By how many kelvin do the boiling points of the elements with the {cap} and the {cap2} lid differ?",
            gap,
            measured("K"),
            f"|{fact.value} - {other.value}|",
        ),
        (
            f"{cap} cap and {cap2} cap: how many years apart were these two elements discovered?",
            gap,
            measured("years"),
            f"|{fact.value} - {other.value}|",
        ),
        (
            f"Multiply the number of cm3 on the {cap} capped bottle by the atomic weight of its element. Round to a whole number.",
            rounded(fact.number * amount, 0),
            to_places(0),
            f"{fact.value} x {amount}",
        ),
    )
    question, value, unit, steps = asks[n]
    proof = (fact, other) if n in (2, 3) else (fact,)
    see = (
        [f"{cap}/label", f"{cap}/cap"]
        + ([f"{cap2}/label", f"{cap2}/cap"] if n in (2, 3) else [])
        + ([f"{cap}/line"] if n in (0, 4) else [])
    )
    return kit.done(
        scene,
        question,
        value,
        form=unit,
        see=see,
        facts=proof,
        steps=f"{cap}: {thing.name}"
        + (f", {cap2}: {second.name}" if n in (2, 3) else "")
        + f"; {steps} = {plain(value)}",
    )


def maps(kit: Kit, countries: list[Entity], captions: list[str], width: int = 84) -> Scene:
    """Maps on cards all over a photograph: the outline of a country each, and a caption."""
    scene = kit.scene()
    for country, caption in zip(countries, captions, strict=True):
        kit.stick(scene, card(kit.pool.picture(country, "outline.webp"), caption, size=66), width, caption)
    return scene


@form("knowledge", "PS")
def outline(kit: Kit, n: int) -> Draft:
    """A fact of the country whose outline is on one small map."""
    wanted = ("independence", "highest point", "capital", "forest", "land boundaries")[n]
    (country,) = kit.pool.outlines(1, (wanted,))
    captions = [f"Map {number}" for number in kit.rng.sample(range(1, 30), 6)]
    scene = maps(kit, [country, *kit.pool.outlines(5, besides=(country.id,))], captions)
    name = captions[0].lower()
    asks = (
        f"Since which day is the country on {name} independent?",
        f"geography class: highest point of the country drawn on {name}?",
        f"The silhouette on {name} - which city governs it?",
        f"What percentage of the land on {name} is forest?",
        f"How long, in km, is the land border of the country shown on {name} altogether?",
    )
    (fact,) = kit.must(country, wanted)
    value: str | Decimal = fact.value if n < 3 else fact.number
    unit = (DATE, None, None, measured("%"), measured("km"))[n]
    return kit.done(
        scene,
        asks[n],
        value,
        form=unit,
        see=(f"{captions[0]}/picture", f"{captions[0]}/caption"),
        facts=(fact,),
        steps=f"{name} shows {country.name}",
    )


@form("knowledge", "S")
def tile(kit: Kit, n: int) -> Draft:
    """One large picture: an element's tile, an outline, a planet."""
    asks = (
        (
            "element/yttrium",
            "tile.webp",
            "density",
            "How many grams does a cubic centimetre of this metal weigh?",
            (),
        ),
        (
            "planet/mercury",
            "photo.webp",
            "orbital period",
            "How many days does this planet take to go round the Sun?",
            (),
        ),
        (
            "country/tajikistan",
            "outline.webp",
            "highest point",
            "Which mountain is the highest in the country drawn here?",
            (),
        ),
        (
            "element/magnesium",
            "tile.webp",
            "boiling",
            "At how many kelvin does the element on this tile boil?",
            (),
        ),
        (
            "country/zimbabwe",
            "outline.webp",
            "tobacco",
            "What percent of people use tobacco in the country with this shape?",
            (),
        ),
    )
    entity, ending, about, question, answers = asks[n]
    thing = kit.pool.thing(entity)
    (fact,) = kit.must(thing, about)
    scene = scene_of(kit.rng, kit.photo(), 640, 3.0)
    kit.stick(scene, Panel(kit.pool.picture(thing, ending)), 240, "thing", at=(200, 70))
    value: str | Decimal = fact.value if about == "highest point" else fact.number
    unit = (measured("g"), measured("days"), None, measured("K"), measured("%"))[n]
    return kit.done(
        scene,
        question,
        value,
        form=unit,
        facts=(fact,),
        answers=answers,
        steps=f"the picture shows {thing.name}",
    )


@form("knowledge", "SR")
def pairs(kit: Kit, n: int) -> Draft:
    """Two large pictures, or one; sums with their pages."""
    asks = (
        (
            ("element/einsteinium", "element/tennessine"),
            "tile.webp",
            "discovered",
            "How many years passed between the discoveries of these two elements?",
        ),
        (
            ("planet/mercury",),
            "photo.webp",
            "mean radius",
            "What's this planet's circumference at its mean radius, in km, to the nearest whole number (pi = 3.14159)?",
        ),
        (
            ("country/finland", "country/cuba"),
            "outline.webp",
            "area",
            "How many times does the smaller of these two countries fit into the bigger one by total area? One decimal.",
        ),
        (
            ("element/barium", "element/magnesium"),
            "tile.webp",
            "melting",
            "Which melting point is higher, and by how many kelvin? Just the difference please.",
        ),
        (
            ("planet/mercury",),
            "photo.webp",
            "orbital period",
            "If you were 12 Earth years (365.25 days each) old, how many full years of this planet would that be?",
        ),
    )
    names, ending, about, question = asks[n]
    things = [kit.pool.thing(name) for name in names]
    facts = [kit.must(thing, about)[0] for thing in things]
    scene = scene_of(kit.rng, kit.photo(), 760, 3.0)
    for place, thing in enumerate(things):
        kit.stick(scene, Panel(kit.pool.picture(thing, ending)), 220, str(place), at=(100 + place * 320, 90))
    numbers = [fact.number for fact in facts]
    more, less = max(numbers), min(numbers)
    value = (
        more - less,
        rounded(numbers[0] * 2 * Decimal("3.14159"), 0),
        rounded(more / less, 1) if n == 2 else Decimal(0),
        more - less,
        Decimal(int(12 * Decimal("365.25") / numbers[0])),
    )[n]
    steps = (
        f"{more} - {less}",
        f"2 x 3.14159 x {numbers[0]}",
        f"{more} / {less}",
        f"{more} - {less}",
        f"12 x 365.25 / {numbers[0]}, rounded down",
    )[n]
    unit = (measured("years"), to_places(0, "km"), to_places(1), measured("K"), None)[n]
    return kit.done(
        scene,
        question,
        value,
        form=unit,
        facts=facts,
        steps=f"{', '.join(thing.name for thing in things)}; {steps} = {plain(value)}",
    )


@form("knowledge", "PSR")
def atlas(kit: Kit, n: int) -> Draft:
    """Small maps with numbers; two of them are compared, or one against its own number."""
    wanted = ("area", "independence", "independence", "population", "land boundaries")[n]
    facts_needed = (wanted, "area") if n == 3 else (wanted, "coastline") if n == 4 else (wanted,)
    one, other = kit.pool.outlines(2, facts_needed)
    captions = [f"No. {number}" for number in kit.rng.sample(range(11, 80), 6)]
    scene = maps(kit, [one, other, *kit.pool.outlines(4, besides=(one.id, other.id))], captions)
    numbers = [int(caption.removeprefix("No. ")) for caption in captions]
    first, second = kit.must(one, wanted)[0], kit.must(other, wanted)[0]
    a, b = captions[0].removeprefix("No. "), captions[1].removeprefix("No. ")
    proof = [first, second]
    unit = None
    value: Decimal | str
    if n == 0:
        more, less = max(first.number, second.number), min(first.number, second.number)
        question = f"Maps {a} and {b}: by how many square kilometres is the one country larger than the other (total area)?"
        value, steps, unit = more - less, f"{more} - {less}", measured("km2")
    elif n == 1:
        days = [datetime.strptime(fact.value, "%d %B %Y").date() for fact in proof]
        question = f"How many days lie between the independence days of the countries on maps {a} and {b} (with their years)?"
        value, steps = Decimal(abs((days[0] - days[1]).days)), f"{first.value} to {second.value}"
    elif n == 2:
        day = datetime.strptime(first.value, "%d %B %Y").date()
        kind = day.replace(year=day.year + numbers[0])
        proof = [first]
        question = f"Take the country on map no. {a} and go forward from its independence day by as many years as the map's number says. Which date is it?"
        value, steps, unit = (
            f"{kind.day} {kind.strftime('%B %Y')}",
            f"{first.value} + {numbers[0]} years",
            DATE,
        )
    elif n == 3:
        space = kit.must(one, "area")[0]
        proof = [first, space]
        question = f"no. {a}: people per square kilometre (population / total area), one decimal?"
        value, steps, unit = (
            rounded(first.number / space.number, 1),
            f"{first.value} / {space.value}",
            to_places(1),
        )
    else:
        coast = kit.must(one, "coastline")[0]
        proof = [first, coast]
        question = f"If you walked all along the land border and the coast of the country on map {a}, how many kilometres would it be?"
        value, steps, unit = first.number + coast.number, f"{first.value} + {coast.value}", measured("km")
    see = [f"{captions[0]}/picture", f"{captions[0]}/caption"] + (
        [f"{captions[1]}/picture", f"{captions[1]}/caption"] if n < 2 else []
    )
    told = one.name + (f" and {other.name}" if n < 2 else "")
    return kit.done(
        scene,
        question,
        value,
        form=unit,
        see=see,
        facts=proof,
        steps=f"{told}; {steps} = {value if isinstance(value, str) else plain(value)}",
    )


@form("knowledge", "PSR")
def exhibits(kit: Kit, n: int) -> Draft:
    """Cards of an exhibition: pictures of elements, Mercury, monuments, with a year or a number under each."""
    pictures: list[tuple[str, str]] = [
        ("element/barium", "tile.webp"),
        ("element/fluorine", "tile.webp"),
        ("planet/mercury", "photo.webp"),
        ("element/einsteinium", "tile.webp"),
        ("element/mendelevium", "tile.webp"),
        ("element/yttrium", "tile.webp"),
    ]
    target = (
        "element/einsteinium",
        "planet/mercury",
        "element/yttrium",
        "planet/mercury",
        "element/mendelevium",
    )[n]
    pictures.sort(key=lambda one: one[0] != target)
    rest = pictures[1:]
    kit.rng.shuffle(rest)
    shown = [pictures[0], *rest]
    marks = [f"{value}" for value in kit.whole(21, 98, 6)]
    scene = kit.scene()
    for mark, (entity, ending) in zip(marks, shown, strict=True):
        thing = kit.pool.thing(entity)
        picture = ImageOps.grayscale(kit.pool.picture(thing, ending).convert("RGB")).convert("RGB")
        if ending == "tile.webp":
            picture = picture.crop(
                (0, round(picture.height * 0.24), picture.width, round(picture.height * 0.72))
            )
        kit.stick(scene, card(picture.convert("RGBA"), f"Exhibit {mark}", size=60), 76, mark)
    mark = marks[0]
    thing = kit.pool.thing(target)
    wanted = ("discovered", "sun", "melting", "orbital period", "discovered")[n]
    (fact,) = kit.must(thing, wanted)
    light = rounded(fact.number * 10**6 / Decimal("299792.458"), 0) if n == 1 else Decimal(0)
    hot = rounded((fact.number - Decimal("273.15")) * Decimal("1.8") + 32, 1) if n == 2 else Decimal(0)
    asks = (
        (
            f"Exhibit {mark} shows a symbol. How many years lie between the discovery of that element and the moon landing of 1969?",
            abs(1969 - fact.number) if n in (0, 4) else Decimal(0),
            measured("years"),
            f"|1969 - {fact.value}|",
        ),
        (
            f"How many seconds does light (299,792.458 km/s) need from the Sun to what is shown as exhibit {mark}, at its listed distance? Whole seconds.",
            light,
            to_places(0, "s"),
            f"{fact.value} million km / 299792.458 km/s",
        ),
        (
            f"exhibit {mark}: melting point of that element in Fahrenheit? (K - 273.15) x 1.8 + 32, one decimal",
            hot,
            to_places(1, "°F"),
            f"({fact.value} - 273.15) x 1.8 + 32",
        ),
        (
            f"As many Earth days as the number of exhibit {mark} says have passed: what percentage of that planet's year is this? One decimal.",
            rounded(100 * Decimal(mark) / fact.number, 1),
            to_places(1, "%"),
            f"100 x {mark} / {fact.value}",
        ),
        (
            f"The element of exhibit {mark}: add its exhibit number to its year of discovery. Result?",
            fact.number + Decimal(mark),
            None,
            f"{fact.value} + {mark}",
        ),
    )
    question, value, unit, steps = asks[n]
    return kit.done(
        scene,
        question,
        value,
        form=unit,
        see=(f"{mark}/picture", f"{mark}/caption"),
        facts=(fact,),
        steps=f"exhibit {mark} is {thing.name}; {steps} = {plain(value)}",
    )
