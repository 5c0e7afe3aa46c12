"""Travel, with a page: destinations, postcards, monuments and the clocks of a lobby."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from deepeyes.world.pack import Entity

from ..draft import TIME, Draft, Kit, form, hours, measured, plain, rounded, to_places
from ..panels import card, clock, plate
from ..paste import Scene, scene_of
from .travel_looks import cities, departures


@form("travel", "PS")
def destination(kit: Kit, n: int) -> Draft:
    """A fact of the city that a line of the board leads to, told by its time or gate."""
    wanted = ("population", "latitude", "zone", "longitude", "population")[n]
    towns = cities(kit, 8, (wanted,))
    scene, lines = departures(kit, towns)
    place = kit.rng.randint(1, 6)
    at, town, door = lines[place]
    asks = (
        f"About how many people live in the city the {hours(at)} flight goes to?",
        f"Gate {door}: at what latitude does that plane's destination lie, in degrees (as listed, four decimals)?",
        f"which time zone (Region/City) is the destination of the {hours(at)} departure in",
        f"What's the longitude, in degrees, of the place they fly to from gate {door}?",
        f"My flight leaves from {door}. How big is the population where I land?",
    )
    (fact,) = kit.must(towns[place], wanted)
    value: str | Decimal = fact.value if n == 2 else fact.number
    unit = to_places(2, "degrees") if n in (1, 3) else None
    return kit.done(
        scene,
        asks[n],
        value,
        form=unit,
        see=(f"board/{place},1", f"board/{place},{2 if n in (1, 3, 4) else 0}", "board"),
        facts=(fact,),
        steps=f"that line says {town}",
    )


def wall(kit: Kit, monuments: Sequence[Entity], extra: int = 3, width: int = 84) -> tuple[Scene, list[str]]:
    """Postcards pinned all over a photograph, each with a number."""
    scene = kit.scene()
    marks = [f"{letter}" for letter in kit.rng.sample("ABCDEFGHJKLMNP", len(monuments))]
    for mark, monument in zip(marks, monuments, strict=True):
        kit.stick(scene, card(kit.pool.picture(monument, "/photo.webp"), mark, size=76), width, mark)
    for words, tint in (("GREETINGS", "red"), ("AIR MAIL", "blue"), ("1.20", "green"))[:extra]:
        kit.stick(scene, plate(words, tint), 70)
    return scene, marks


@form("travel", "PS")
def postcard(kit: Kit, n: int) -> Draft:
    """A fact of the monument on one small postcard."""
    wanted = ("completed", "place", "height", "completed", "place")[n]
    (monument,) = kit.pool.take("monument", 1, (wanted,))
    others = kit.pool.take("monument", 5, besides=(monument.id,))
    scene, marks = wall(kit, [monument, *others])
    mark = marks[0]
    asks = (
        f"In what year was the building on card {mark} completed?",
        f"Postcard {mark}: in which city or region does this sight stand?",
        f"How tall is what's pictured on card {mark}, in metres?",
        f"my aunt sent me card {mark}. when was that finished?",
        f"Where would I have to go to see the place shown on card {mark}? Town or area is enough.",
    )
    (fact,) = kit.must(monument, wanted)
    value: str | Decimal = fact.value if wanted == "place" else fact.number
    others_ = {
        "Washington": ("Washington, D.C.", "Washington DC"),
        "New York City": ("New York",),
        "Lot": ("Rocamadour", "the Lot"),
    }
    return kit.done(
        scene,
        asks[n],
        value,
        form=measured("m") if n == 2 else None,
        see=(f"{mark}/picture", f"{mark}/caption"),
        facts=(fact,),
        answers=others_.get(fact.value, ()),
        steps=f"card {mark} shows {monument.name}",
    )


LARGE = {
    "monument/eiffel-tower": "eiffelTower.webp",
    "monument/hawa-mahal": "hawaMahal.webp",
    "monument/castle-clinton": "castleClinton.webp",
    "monument/lincoln-memorial": "lincolnMemorial.webp",
    "monument/christ-the-redeemer": "christTheRedeemer.webp",
    "monument/palais-des-papes": "palaisdesPapes.webp",
    "monument/rocamadour": "rocamadour.webp",
}


def sight(kit: Kit, entity: str) -> Scene:
    return scene_of(kit.rng, kit.shown(LARGE[entity]), 800, 0.3, keep=0.9)


@form("travel", "S")
def landmark(kit: Kit, n: int) -> Draft:
    """One large photograph of a monument."""
    asks = (
        ("monument/hawa-mahal", "completed", "Which year was this palace finished?"),
        ("monument/castle-clinton", "completed", "When was the round building in this old photo completed?"),
        (
            "monument/palais-des-papes",
            "place",
            "I found this in a box of holiday photos. Which town was it taken in?",
        ),
        ("monument/rocamadour", "place", "Which French department is this village in?"),
        ("monument/lincoln-memorial", "completed", "what year is this memorial from (completion)"),
    )
    entity, about, question = asks[n]
    thing = kit.pool.thing(entity)
    (fact,) = kit.must(thing, about)
    photo = kit.shown(LARGE[entity])
    value: str | Decimal = fact.value if about == "place" else fact.number
    return kit.done(
        sight(kit, entity),
        question,
        value,
        facts=(fact,),
        photos=(photo,)[:0],
        steps=f"the photograph shows {thing.name}",
    )


@form("travel", "SR")
def years(kit: Kit, n: int) -> Draft:
    """One large photograph of a monument, and a sum."""
    asks = (
        (
            "monument/eiffel-tower",
            "height",
            "How many feet tall is this, if a metre is 3.281 feet? One decimal.",
        ),
        ("monument/christ-the-redeemer", "completed", "How old will this statue be in 2031?"),
        (
            "monument/hawa-mahal",
            "completed",
            "For how many full centuries had this building stood by the end of 2020?",
        ),
        (
            "monument/lincoln-memorial",
            "completed",
            "How many years after the American declaration of independence (1776) was this completed?",
        ),
        (
            "monument/castle-clinton",
            "completed",
            "In which year did this place turn 150, counted from its completion?",
        ),
    )
    entity, about, question = asks[n]
    thing = kit.pool.thing(entity)
    (fact,) = kit.must(thing, about)
    value = (
        rounded(fact.number * Decimal("3.281"), 1),
        2031 - fact.number,
        (2020 - fact.number) // 100,
        fact.number - 1776,
        fact.number + 150,
    )[n]
    steps = (
        f"{fact.value} x 3.281",
        f"2031 - {fact.value}",
        f"(2020 - {fact.value}) / 100, rounded down",
        f"{fact.value} - 1776",
        f"{fact.value} + 150",
    )[n]
    unit = to_places(1, "ft") if n == 0 else measured("years") if n in (1, 3) else None
    return kit.done(
        sight(kit, entity),
        question,
        value,
        form=unit,
        facts=(fact,),
        steps=f"{thing.name}: {steps} = {plain(value)}",
    )


@form("travel", "PSR")
def flights(kit: Kit, n: int) -> Draft:
    """Two lines of a departure board lead to two cities; their pages are compared."""
    wanted = ("population", "latitude", "population", "longitude", "population")[n]
    towns = cities(kit, 8, (wanted,))
    scene, lines = departures(kit, towns)
    a, b = kit.rng.sample(range(1, 7), 2)
    if n in (1, 3):
        pages = [kit.must(towns[place], wanted)[0] for place in (a, b)]
        side = "degrees north" if n == 1 else "degrees east"
        if not all(side in page.sentence for page in pages):
            raise ValueError("not on one side")
    pair = (0, 7) if n == 2 else (a, b)
    one, other = (kit.must(towns[place], wanted)[0] for place in pair)
    more, less = max(one.number, other.number), min(one.number, other.number)
    if n == 4 and not 2 < more / less < 60:
        raise ValueError("too far apart")
    asks = (
        (
            f"Think of the destinations at gates {lines[a][2]} and {lines[b][2]}: how many more people live in the larger city?",
            more - less,
            None,
            f"{more} - {less}",
        ),
        (
            f"How many degrees further north is one than the other: the cities the {hours(lines[a][0])} and the {hours(lines[b][0])} flights go to? Two decimals.",
            rounded(more - less, 2),
            to_places(2, "degrees"),
            f"{more} - {less}",
        ),
        (
            "What do the populations of the first and the last destination on the board add up to?",
            more + less,
            None,
            f"{more} + {less}",
        ),
        (
            f"gates {lines[a][2]} and {lines[b][2]}: by how many degrees of longitude are the two destinations apart (two decimals)",
            rounded(more - less, 2),
            to_places(2, "degrees"),
            f"{more} - {less}",
        ),
        (
            f"The planes at {hours(lines[a][0])} and {hours(lines[b][0])} go to two cities. The bigger one has how many times the inhabitants of the smaller? One decimal.",
            rounded(more / less, 1),
            to_places(1),
            f"{more} / {less}",
        ),
    )
    question, value, unit, steps = asks[n]
    column = 2 if n in (0, 3) else 0
    see = [part for place in pair for part in (f"board/{place},1", f"board/{place},{column}")]
    return kit.done(
        scene,
        question,
        value,
        form=unit,
        see=[*see, "board"],
        facts=(one, other),
        steps=f"{lines[pair[0]][1]} {one.value}, {lines[pair[1]][1]} {other.value}; {steps} = {plain(value)}",
    )


@form("travel", "PSR")
def cases(kit: Kit, n: int) -> Draft:
    """Postcards of monuments with a year stamped on them; the page gives the year of completion or the height."""
    wanted = ("completed", "completed", "height", "completed", "completed")[n]
    (monument,) = kit.pool.take(
        "monument", 1, (wanted,), among=lambda e: e.id != "monument/dome-of-the-rock" or n != 3
    )
    others = kit.pool.take("monument", 5, besides=(monument.id,))
    scene = kit.scene()
    stamps = kit.whole(1936, 2024, 6)
    for stamp, shown in zip(stamps, [monument, *others], strict=True):
        kit.stick(
            scene, card(kit.pool.picture(shown, "/photo.webp"), f"sent {stamp}", size=64), 92, str(stamp)
        )
    order = sorted(stamps)
    rank = order.index(stamps[0])
    ordinal = ("oldest", "second oldest", "third oldest", "third newest", "second newest", "newest")[rank]
    (fact,) = kit.must(monument, wanted)
    stamp = stamps[0]
    asks = (
        (
            f"The {ordinal} card (see what year it was sent) shows a building. How old was the building when the card was posted?",
            stamp - fact.number,
            measured("years"),
            f"{stamp} - {fact.value}",
        ),
        (
            f"Look at the card from {stamp}. How many years before that was its sight completed?",
            stamp - fact.number,
            measured("years"),
            f"{stamp} - {fact.value}",
        ),
        (
            f"What's pictured on the {ordinal} of the cards measures how many feet? (1 m = 3.281 ft, one decimal)",
            rounded(fact.number * Decimal("3.281"), 1),
            to_places(1, "ft"),
            f"{fact.value} x 3.281",
        ),
        (
            f"add the year on the {ordinal} card and the year its monument was finished, then halve it. what do you get? (.5 is fine)",
            (stamp + fact.number) / 2,
            None,
            f"({stamp} + {fact.value}) / 2",
        ),
        (
            f"In which year will the monument on the card sent in {stamp} be 1500 years old, counting from completion?",
            fact.number + 1500,
            None,
            f"{fact.value} + 1500",
        ),
    )
    question, value, unit, steps = asks[n]
    if n in (0, 1) and value <= 0:
        raise ValueError("sent before it stood")
    return kit.done(
        scene,
        question,
        value,
        form=unit,
        see=(f"{stamp}/picture", f"{stamp}/caption"),
        facts=(fact,),
        steps=f"the card of {stamp} shows {monument.name}; {steps} = {plain(value)}",
    )


@form("travel", "PSR")
def lobby(kit: Kit, n: int) -> Draft:
    """Small clocks over flags, one of them over a sign HERE; the zone of a country's capital is on its page."""
    countries = kit.pool.flags(5, ("capital utc",))
    here = kit.rng.randrange(0, 720, 5)
    scene = kit.scene()
    kit.stick(scene, clock(here // 60, here % 60, words="UTC"), 92, "here", turn=1)
    for place, country in enumerate(countries):
        kit.stick(scene, card(kit.flag(country), f"Desk {place + 1}", size=64), 78, str(place))
    place = kit.rng.randrange(5)
    second = (place + 1) % 5
    one, other = kit.must(countries[place], "capital utc")[0], kit.must(countries[second], "capital utc")[0]
    away, far = int(one.value), int(other.value)
    asks: tuple[tuple[str, str | int, str], ...] = (
        (
            f"The wall clock shows UTC, and it's before noon. What's the time in the capital of the country at desk {place + 1} (standard time)?",
            hours(here + 60 * away),
            f"{hours(here)} {one.value} h",
        ),
        (
            f"It's morning by the UTC clock. Desk {place + 1} belongs to a country: in two and a half hours, what will a watch in its capital show? No daylight saving.",
            hours(here + 150 + 60 * away),
            f"{hours(here)} + 2:30 {one.value} h",
        ),
        (
            f"how many hours ahead or behind each other are the capitals for desks {place + 1} and {second + 1}, standard time, just the number",
            abs(away - far),
            f"|{away} - {far}|",
        ),
        (
            f"The UTC clock is in the first half of the day. When it was that time minus 40 minutes, what did clocks in the capital of desk {place + 1}'s country say (standard time)?",
            hours(here - 40 + 60 * away),
            f"{hours(here)} - 0:40 {one.value} h",
        ),
        (
            f"Read the UTC clock as a.m. A call to the capital of desk {place + 1}'s country starts now and lasts 75 minutes. Local standard time there at the end?",
            hours(here + 75 + 60 * away),
            f"{hours(here)} + 1:15 {one.value} h",
        ),
    )
    question, value, steps = asks[n]
    if n == 2 and value == 0:
        raise ValueError("no difference")
    see = [f"{place}/picture", f"{place}/caption"] + (
        ["here/face"] if n != 2 else [f"{second}/picture", f"{second}/caption"]
    )
    return kit.done(
        scene,
        question,
        value,
        form=None if n == 2 else TIME,
        see=see,
        facts=(one, other) if n == 2 else (one,),
        steps=f"desk {place + 1}: {countries[place].name}; {steps} = {value}",
    )
