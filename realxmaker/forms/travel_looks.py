"""Travel, by looking: departure boards, signposts and luggage."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from deepeyes.world.pack import Entity

from ..draft import PEOPLE, TIME, WORDS, Draft, Kit, form, hours, measured, rounded, to_places
from ..panels import AMBER, CREAM, NAVY, PAPER, arrow, table
from ..paste import Scene
from ..pool import names

CITIES = names(
    "lagos sao-paulo seoul chennai riyadh lome accra fukuoka tripoli copenhagen edmonton cebu-city "
    "barcelona dresden boston nagasaki bratislava porto gaborone malmo katowice tilburg trabzon poznan "
    "gorontalo bandung salvador fortaleza manama catania alicante resistencia nagano toyota banjarmasin "
    "yogyakarta hermosillo villahermosa khabarovsk orenburg lilongwe beira cotonou kuwait-city "
    "wolverhampton oberhausen fukushima"
)


def cities(
    kit: Kit, count: int, facts: Sequence[str] = ("population",), besides: Sequence[str] = ()
) -> list[Entity]:
    """Cities with a plain name that no other city of the world has."""
    return kit.pool.take(
        "city", count, facts, among=lambda e: e.id.removeprefix("city/") in CITIES, besides=besides
    )


def departures(
    kit: Kit, towns: Sequence[Entity], width: int = 240
) -> tuple[Scene, list[tuple[int, str, str]]]:
    """A small board with time, place, gate and flight."""
    start = kit.rng.randrange(330, 1000, 5)
    lines: list[tuple[int, str, str]] = []
    rows: list[list[str]] = []
    for town in towns:
        gate = f"{kit.rng.choice('ABCDE')}{kit.rng.randint(1, 38)}"
        while gate in [line[2] for line in lines]:
            gate = f"{kit.rng.choice('ABCDE')}{kit.rng.randint(1, 38)}"
        lines.append((start, town.name, gate))
        rows.append(
            [
                hours(start),
                town.name,
                gate,
                f"{kit.rng.choice(('QX', 'LV', 'TB', 'OR'))} {kit.rng.randint(100, 999)}",
            ]
        )
        start += kit.rng.choice((5, 10, 15, 25, 35, 50))
    panel = table("DEPARTURES", ("Time", "To", "Gate", "Flight"), rows, kit.rng.choice((AMBER, NAVY)))
    scene = kit.scene()
    kit.stick(scene, panel, width, "board")
    return scene, lines


@form("travel", "P")
def gate(kit: Kit, n: int) -> Draft:
    """One entry of a departure board."""
    towns = cities(kit, 8)
    scene, lines = departures(kit, towns)
    place = kit.rng.randint(2, 6)
    at, town, door = lines[place]
    asks: tuple[tuple[str, str, int], ...] = (
        (f"Which gate do I need for {town}?", door, 2),
        (f"when does the plane to {town} leave", hours(at), 0),
        (f"Where is the {hours(at)} flight going?", town, 1),
        (f"From gate {door}, what's the destination?", town, 1),
        (f"I'm off to {town}. Gate?", door, 2),
    )
    question, value, column = asks[n]
    return kit.done(
        scene,
        question,
        value,
        form=TIME if column == 0 else WORDS,
        see=(f"board/{place},{column}", "board"),
        entities=(towns[place],),
        steps=f"{hours(at)} {town}, gate {door}",
    )


@form("travel", "PR")
def waiting(kit: Kit, n: int) -> Draft:
    """Times of a departure board, subtracted and shifted."""
    towns = cities(kit, 8)
    scene, lines = departures(kit, towns)
    a, b = sorted(kit.rng.sample(range(8), 2))
    last = lines[-1]
    delay = kit.rng.choice((25, 40, 55, 70))
    asks: tuple[tuple[str, str | int, tuple[int, ...], str], ...] = (
        (
            f"How many minutes after the {lines[a][1]} flight does the one to {lines[b][1]} leave?",
            lines[b][0] - lines[a][0],
            (a, b),
            f"{hours(lines[b][0])} - {hours(lines[a][0])}",
        ),
        (
            f"The {lines[b][1]} plane is {delay} minutes late. When will it go?",
            hours(lines[b][0] + delay),
            (b,),
            f"{hours(lines[b][0])} + {delay} min",
        ),
        (
            f"i want to be at the airport two hours before departure to {lines[a][1]}, what time is that",
            hours(lines[a][0] - 120),
            (a,),
            f"{hours(lines[a][0])} - 2 h",
        ),
        (
            "How many minutes lie between the first and the last departure on the board?",
            last[0] - lines[0][0],
            (0, 7),
            f"{hours(last[0])} - {hours(lines[0][0])}",
        ),
        (
            f"If boarding for {lines[b][1]} closes 35 minutes before take-off, when is that?",
            hours(lines[b][0] - 35),
            (b,),
            f"{hours(lines[b][0])} - 35 min",
        ),
    )
    question, value, see, steps = asks[n]
    return kit.done(
        scene,
        question,
        value,
        form=TIME if isinstance(value, str) else measured("min"),
        see=["board", *(f"board/{place},0" for place in see)],
        entities=[towns[place] for place in see],
        steps=f"{steps} = {value}",
    )


VILLAGES: tuple[str, ...] = (
    "Oakmoor",
    "Fernside",
    "Millbrook",
    "Stonehaven",
    "Larkhill",
    "Brindle Bay",
    "Upper Croft",
    "Pinewood",
    "Sandy Cove",
    "Elm Cross",
    "Greyfell",
    "Marsh End",
)


def signpost(kit: Kit, count: int = 7) -> tuple[Scene, list[tuple[str, Decimal]]]:
    """Arms of signposts with places and kilometres."""
    scene = kit.scene()
    arms = list(
        zip(
            kit.rng.sample(VILLAGES, count),
            (Decimal(value) / 10 for value in kit.whole(8, 320, count)),
            strict=True,
        )
    )
    for place, (village, distance) in enumerate(arms):
        tint = kit.rng.choice(((30, 90, 60), (110, 70, 30), (40, 60, 120), (90, 30, 30)))
        kit.stick(scene, arrow(village, f"{distance} km", bool(place % 2), tint), 150, str(place))
    return scene, arms


@form("travel", "P")
def distance(kit: Kit, n: int) -> Draft:
    """What one arm of a signpost says."""
    scene, arms = signpost(kit)
    village, far = arms[0]
    asks: tuple[tuple[str, str | Decimal], ...] = (
        (f"How far is it to {village}?", far),
        (f"Which place is {far} km away according to the signs?", village),
        (f"hiking signs: kilometres to {village}?", far),
        (f"We're walking to {village}. What distance does the sign give?", far),
        (f"where would i end up after {far} km", village),
    )
    question, value = asks[n]
    return kit.done(
        scene,
        question,
        value,
        form=WORDS if isinstance(value, str) else measured("km"),
        see=("0",),
        group=f"distance {n}",
        steps=f"the sign says {village} {far} km",
    )


@form("travel", "PR")
def hike(kit: Kit, n: int) -> Draft:
    """Distances of signposts, added and converted."""
    scene, arms = signpost(kit)
    (one, a), (other, b) = arms[:2]
    order = sorted(range(7), key=lambda place: arms[place][1])
    miles = rounded(a / Decimal("1.609"), 1)
    asks: tuple[tuple[str, str | Decimal, object, tuple[int, ...], str], ...] = (
        (
            f"How many miles is it to {one}? (1 mile = 1.609 km, one decimal)",
            miles,
            to_places(1, "miles"),
            (0,),
            f"{a} / 1.609",
        ),
        (f"{one} and back again, how many km in total?", 2 * a, measured("km"), (0,), f"2 x {a}"),
        (
            "Which of the signposted places is the second nearest?",
            arms[order[1]][0],
            WORDS,
            (order[0], order[1]),
            "order of the distances",
        ),
        (
            f"At 4 km an hour, how many minutes will the walk to {other} take?",
            b * 15,
            measured("min"),
            (1,),
            f"{b} / 4 x 60",
        ),
        (
            "how much further is the farthest place than the closest one",
            arms[order[-1]][1] - arms[order[0]][1],
            measured("km"),
            (order[-1], order[0]),
            f"{arms[order[-1]][1]} - {arms[order[0]][1]}",
        ),
    )
    question, value, unit, see, steps = asks[n]
    return kit.done(
        scene,
        question,
        value,
        form=unit,
        see=[str(place) for place in see],
        group=f"hike {n}",
        steps=f"{steps} = {value}",
    )  # type: ignore[arg-type]


@form("travel", "PR")
def luggage(kit: Kit, n: int) -> Draft:
    """Tags with a name and a weight at a check-in."""
    scene = kit.scene()
    people = kit.rng.sample(PEOPLE, 7)
    weights = [Decimal(value) / 10 for value in kit.whole(62, 319, 7)]
    for place, (who, weight) in enumerate(zip(people, weights, strict=True)):
        kit.stick(
            scene, table("", ("", ""), [[who, f"{weight} kg"]], (PAPER, CREAM)[place % 2]), 118, str(place)
        )
    heavy = [place for place in range(7) if weights[place] > 23]
    excess = sum((weights[place] - 23 for place in heavy), Decimal(0))
    top = max(range(7), key=lambda place: weights[place])
    pounds = rounded(weights[0] * Decimal("2.205"), 1)
    asks: tuple[tuple[str, str | Decimal, object, Sequence[int], str], ...] = (
        (
            "The allowance is 23 kg each. How many of these bags are too heavy?",
            Decimal(len(heavy)),
            None,
            heavy or range(7),
            "bags above 23 kg",
        ),
        (
            f"What do the bags of {people[0]} and {people[1]} come to together, in kg?",
            weights[0] + weights[1],
            measured("kg"),
            (0, 1),
            f"{weights[0]} + {weights[1]}",
        ),
        (
            f"how many pounds does {people[0]}'s luggage weigh? 1 kg is 2.205 lb, one decimal",
            pounds,
            to_places(1, "lb"),
            (0,),
            f"{weights[0]} x 2.205",
        ),
        (
            "Everything above 23 kg per bag costs 12 euros per kilo. What is the sum for all of them, in euros?",
            excess * 12,
            measured("€"),
            heavy,
            f"12 x {excess}",
        ),
        ("Whose suitcase is the heaviest?", people[top], WORDS, (top,), "order of the weights"),
    )
    question, value, unit, see, steps = asks[n]
    if n in (0, 3) and len(heavy) < 2:
        raise ValueError("too few above")
    told = ", ".join(f"{who} {weight}" for who, weight in zip(people, weights, strict=True))
    return kit.done(
        scene,
        question,
        value,
        form=unit,
        see=[str(place) for place in see],
        group=f"luggage {n}",
        steps=f"{told}; {steps} = {value}",
    )  # type: ignore[arg-type]
