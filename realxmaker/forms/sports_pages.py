"""Sports, with a page: lanes, medals, jerseys and matches, and the countries behind them."""

from __future__ import annotations

from decimal import Decimal

from deepeyes.world.pack import Entity

from ..draft import DATE, PEOPLE, Draft, Kit, form, measured, plain, rounded, to_places
from ..panels import AMBER, NAVY, PAPER, SCREEN, card, plate, table
from ..paste import Panel, Scene, scene_of
from .sports_looks import clocked


def lanes(kit: Kit, countries: list[Entity]) -> tuple[Scene, list[str]]:
    """Start cards with a lane and a flag, all over a photograph."""
    scene = kit.scene()
    order = [f"Lane {lane}" for lane in range(1, len(countries) + 1)]
    kit.rng.shuffle(order)
    for name, country in zip(order, countries, strict=True):
        kit.stick(scene, card(kit.flag(country), name, size=64), 78, name)
    return scene, order


@form("sports", "PS")
def lane(kit: Kit, n: int) -> Draft:
    """A fact of the country in one lane."""
    wanted = ("capital", "highest point", "airports", "railways", "heritage")[n]
    (country,) = kit.pool.flags(1, (wanted,))
    scene, order = lanes(kit, [country, *kit.pool.flags(7, besides=(country.id,))])
    name = order[0].lower()
    asks = (
        f"What's the capital of the country running in {name}?",
        f"Which mountain (or hill) is the highest point back home for the athlete in {name}?",
        f"The team in {name}: how many airports does its country have?",
        f"how many km of railway are there in the country of {name}",
        f"Number of World Heritage Sites in the country that starts from {name}?",
    )
    (fact,) = kit.must(country, wanted)
    value: str | Decimal = fact.value if n < 2 else fact.number
    return kit.done(
        scene,
        asks[n],
        value,
        form=measured("km") if n == 3 else None,
        see=(f"{order[0]}/picture", f"{order[0]}/caption"),
        facts=(fact,),
        steps=f"the flag of {name} is that of {country.name}",
    )


def medals(kit: Kit, countries: list[Entity], low: int = 1) -> tuple[Scene, list[tuple[int, int, int]]]:
    """A small medal table with flags for names, in no order."""
    counts = list(
        zip(
            kit.whole(low, 28, len(countries)),
            kit.whole(low, 28, len(countries)),
            kit.whole(low, 28, len(countries)),
            strict=True,
        )
    )
    rows = [
        [kit.flag(country), *(str(count) for count in row)]
        for country, row in zip(countries, counts, strict=True)
    ]
    panel = table(
        "MEDALS",
        ("", "Gold", "Silver", "Bronze"),
        rows,
        kit.rng.choice((PAPER, NAVY, SCREEN)),
        right=(1, 2, 3),
    )
    scene = kit.scene()
    kit.stick(scene, panel, 195, "medals")
    for words, tint in (("GATE 4", "blue"), ("FAN ZONE", "green")):
        kit.stick(scene, plate(words, tint), 90)
    return scene, counts


@form("sports", "PS")
def medal(kit: Kit, n: int) -> Draft:
    """A fact of the country with a certain number in the medal table."""
    wanted = ("capital", "median age", "coastline", "domain", "fertility")[n]
    (country,) = kit.pool.flags(1, (wanted,))
    while n == 2 and kit.must(country, wanted)[0].number == 0:
        (country,) = kit.pool.flags(1, (wanted,))
    scene, counts = medals(kit, [country, *kit.pool.flags(6, besides=(country.id,))])
    gold, silver, bronze = counts[0]
    asks = (
        f"One nation in this medal table has {gold} golds. Name its capital.",
        f"What is the median age in the country with {silver} silver medals?",
        f"The team holding {bronze} bronze medals: how long is its country's coastline in km?",
        f"which internet ending (like .de) goes with the country that won {gold} gold",
        f"Children per woman in the country listed with {silver} silvers?",
    )
    (fact,) = kit.must(country, wanted)
    value: str | Decimal = fact.value if n in (0, 3) else fact.number
    unit = {1: measured("years"), 2: measured("km")}.get(n)
    column = (1, 2, 3, 1, 2)[n]
    return kit.done(
        scene,
        asks[n],
        value,
        form=unit,
        see=("medals/0,0", f"medals/0,{column}"),
        facts=(fact,),
        steps=f"that line has the flag of {country.name}",
    )


@form("sports", "S")
def jersey(kit: Kit, n: int) -> Draft:
    """One large flag, and a fact."""
    wanted = ("anthem", "independence", "highest elevation", "gdp per head", "independent from")[n]
    among = {
        0: ("albania", "finland", "palau", "czechia", "cuba", "france"),
        4: ("bosnia-and-herzegovina", "zimbabwe", "tajikistan", "paraguay", "finland"),
    }.get(n)
    if among:
        (country,) = kit.pool.take(
            "country", 1, (wanted,), among=lambda e: e.id.removeprefix("country/") in among
        )
    else:
        (country,) = kit.pool.flags(1, (wanted,))
    scene = scene_of(kit.rng, kit.photo(), 640, 2.5)
    kit.stick(scene, Panel(kit.flag(country)), 300, "flag", at=(160, 80), turn=8)
    asks = (
        "If the team with this flag wins, the title of which anthem will the stadium display?",
        "On which date did the country behind this team become independent?",
        "The fans with this flag boast of their highest peak. How many metres is it?",
        "What was real GDP per person in 2024 in the country this flag stands for, in dollars?",
        "Which power did this team's country gain its independence from?",
    )
    (fact,) = kit.must(country, wanted)
    value: str | Decimal = fact.value if n in (0, 1, 4) else fact.number
    units = {1: None, 2: measured("m"), 3: measured("$")}

    others = {"the UK": ("United Kingdom", "Britain", "UK"), "the Soviet Union": ("Soviet Union", "USSR")}
    unit = DATE if n == 1 else units.get(n)
    return kit.done(
        scene,
        asks[n],
        value,
        form=unit,
        facts=(fact,),
        answers=others.get(fact.value, ()),
        steps=f"the flag is that of {country.name}",
    )


@form("sports", "SR")
def match(kit: Kit, n: int) -> Draft:
    """Two large flags of a match; two pages compared."""
    wanted = ("population", "highest elevation", "coastline", "independence", "airports")[n]
    one, other = kit.pool.flags(2, (wanted,))
    first, second = kit.must(one, wanted)[0], kit.must(other, wanted)[0]
    scene = scene_of(kit.rng, kit.photo(), 760, 2.2)
    high = scene.image.height
    for place, country in enumerate((one, other)):
        kit.stick(
            scene, Panel(kit.flag(country)), 270, str(place), at=(70 + place * 360, high * 0.25), turn=6
        )
    if n == 3:
        years = [int(fact.value.rsplit(" ", 1)[-1]) for fact in (first, second)]
        value: Decimal = Decimal(abs(years[0] - years[1]))
        steps = f"|{years[0]} - {years[1]}|"
    else:
        more, less = max(first.number, second.number), min(first.number, second.number)
        value = (
            (rounded(more / less, 1) if less else Decimal(0))
            if n == 0
            else more + less
            if n == 4
            else more - less
        )
        steps = f"{more} / {less}" if n == 0 else f"{more} + {less}" if n == 4 else f"{more} - {less}"
    if not value:
        raise ValueError("no difference")
    asks = (
        "These two meet tonight. How many times as many people live in the bigger country? (one decimal)",
        "Highest points of the two nations playing: how many metres is one above the other?",
        "Whose coast is longer, and by how many kilometres? I only need the number.",
        "How many years lie between the years of independence of these two teams' countries?",
        "airports in both of these countries put together?",
    )
    unit = (to_places(1), measured("m"), measured("km"), None, None)[n]
    return kit.done(
        scene,
        asks[n],
        value,
        form=unit,
        facts=(first, second),
        steps=f"{one.name} {first.value}, {other.name} {second.value}; {steps} = {plain(value)}",
    )


@form("sports", "PSR")
def podium(kit: Kit, n: int) -> Draft:
    """A results board with flags; winner and another one lead to two pages."""
    wanted = ("population", "life expectancy", "highest elevation", "land boundaries", "unemployment")[n]
    countries = kit.pool.flags(7, (wanted,))
    times = sorted(kit.whole(2980, 3300, 7))
    names = kit.rng.sample(PEOPLE, 7)
    rows = [
        [kit.flag(country), name, clocked(time)]
        for country, name, time in zip(countries, names, times, strict=True)
    ]
    kit.rng.shuffle(order := list(range(7)))
    panel = table(
        "100 m breaststroke",
        ("", "Name", "Time (s)"),
        [rows[place] for place in order],
        kit.rng.choice((AMBER, NAVY, SCREEN)),
        right=(2,),
    )
    scene = kit.scene()
    kit.stick(scene, panel, 215, "board")
    at = {place: line for line, place in enumerate(order)}
    pair = ((0, 1), (0, 6), (0, 2), (1, 2), (5, 6))[n]
    first, second = (kit.must(countries[place], wanted)[0] for place in pair)
    gap = abs(first.number - second.number)
    if not gap:
        raise ValueError("no difference")
    more, less = max(first.number, second.number), min(first.number, second.number)
    if n == 0 and (not less or more / less > 100):
        raise ValueError("too far apart")
    asks = (
        (
            "The list isn't sorted. Find the two fastest and their countries: how many people live in the bigger one for each person in the smaller one? One decimal.",
            rounded(more / (less or 1), 1),
            to_places(1),
            f"{more} / {less}",
        ),
        (
            "Life expectancy in the winner's country minus that in the country of the slowest swimmer, ignoring the sign?",
            gap,
            measured("years"),
            f"|{first.value} - {second.value}|",
        ),
        (
            "gold and bronze: how many metres do the highest points of the two countries differ?",
            gap,
            measured("m"),
            f"|{first.value} - {second.value}|",
        ),
        (
            "Add up the total length of the land borders of the countries that came second and third.",
            first.number + second.number,
            measured("km"),
            f"{first.value} + {second.value}",
        ),
        (
            "Compare the two slowest on this board. By how many percentage points did their countries' unemployment rates differ in 2024?",
            gap,
            None,
            f"|{first.value} - {second.value}|",
        ),
    )
    question, value, unit, steps = asks[n]
    see = [part for place in pair for part in (f"board/{at[place]},0", f"board/{at[place]},2")]
    return kit.done(
        scene,
        question,
        value,
        form=unit,
        see=[*see, "board"],
        facts=(first, second),
        steps=f"{countries[pair[0]].name} ({clocked(times[pair[0]])}), {countries[pair[1]].name} ({clocked(times[pair[1]])}); {steps} = {plain(value)}",
    )


@form("sports", "PSR")
def rate(kit: Kit, n: int) -> Draft:
    """Medals read off a small table, against numbers of the country's page."""
    wanted = ("population", "population", "area", "gdp per head", "airports")[n]
    countries = kit.pool.flags(6, (wanted,))
    scene, counts = medals(kit, countries, low=4)
    totals = [sum(row) for row in counts]
    best = max(range(6), key=lambda place: counts[place][0])
    most = max(range(6), key=lambda place: totals[place])
    fewest = min(range(6), key=lambda place: counts[place][1])
    if totals.count(totals[most]) > 1:
        raise ValueError("a tie")
    place = (best, most, most, best, fewest)[n]
    (fact,) = kit.must(countries[place], wanted)
    asks = (
        (
            "How many medals in all has the nation with most golds won per million inhabitants? Two decimals.",
            rounded(Decimal(totals[place]) * 10**6 / fact.number, 2),
            to_places(2),
            f"{totals[place]} / {fact.value} x 1,000,000",
        ),
        (
            "Count gold, silver and bronze together. For the country with most medals, how many people are there per medal, rounded to a whole number?",
            rounded(fact.number / totals[place], 0),
            to_places(0),
            f"{fact.value} / {totals[place]}",
        ),
        (
            "whoever has most medals overall: total area of that country in km2 per medal, whole number please",
            rounded(fact.number / totals[place], 0),
            to_places(0, "km2"),
            f"{fact.value} / {totals[place]}",
        ),
        (
            "For the country leading in gold, divide real GDP per head (2024, US$) by its number of gold medals. Round to the nearest dollar.",
            rounded(fact.number / counts[place][0], 0),
            to_places(0, "$"),
            f"{fact.value} / {counts[place][0]}",
        ),
        (
            "Take the flag with the fewest silver medals. Number of airports in that country plus all its medals here?",
            fact.number + totals[place],
            None,
            f"{fact.value} + {totals[place]}",
        ),
    )
    question, value, unit, steps = asks[n]
    if not value:
        raise ValueError("rounds to nothing")
    see = [f"medals/{place},{column}" for column in range(4)]
    return kit.done(
        scene,
        question,
        value,
        form=unit,
        see=[*see, "medals"],
        facts=(fact,),
        steps=f"{countries[place].name}: {counts[place]}; {steps} = {plain(value)}",
    )


@form("sports", "PSR")
def stage(kit: Kit, n: int) -> Draft:
    """Start cards with flags and numbers; one card decides, and its number goes into the sum."""
    wanted = ("highest elevation", "coastline", "railways", "land boundaries", "heritage")[n]
    countries = [
        country
        for country in kit.pool.flags(12, (wanted,))
        if kit.must(country, wanted)[0].number > 30 or n == 4
    ][:7]
    laps = kit.whole(12, 95, 7)
    scene = kit.scene()
    unit = ("m", "km", "km", "km", "pts")[n]
    for place, (country, value) in enumerate(zip(countries, laps, strict=True)):
        kit.stick(scene, card(kit.flag(country), f"{value} {unit}", size=64), 80, str(place))
    order = sorted(range(7), key=lambda place: laps[place])
    top, low = order[-1], order[0]
    fact, least = kit.must(countries[top], wanted)[0], kit.must(countries[low], wanted)[0]
    asks = (
        (
            "A climber repeats the climb on the card with most metres. How many full repeats stay below the highest point of that card's country?",
            Decimal(int((fact.number - Decimal("0.5")) // laps[top])),
            None,
            (fact,),
            f"{fact.value} / {laps[top]}, rounded down",
        ),
        (
            "Each card shows what a team rows per day. How many whole days does the team with most kilometres need at least to cover the length of its own coastline?",
            Decimal(-(-fact.number // laps[top])),
            None,
            (fact,),
            f"{fact.value} / {laps[top]}, rounded up",
        ),
        (
            "Riding the shortest daily distance on the cards, how many days (whole, rounded up) would it take to ride as far as that country's railways are long?",
            Decimal(-(-least.number // laps[low])),
            None,
            (least,),
            f"{least.value} / {laps[low]}, rounded up",
        ),
        (
            "The cards give km per relay leg. For the country with the longest leg: its land border in total, divided by that leg, one decimal.",
            rounded(fact.number / laps[top], 1),
            to_places(1),
            (fact,),
            f"{fact.value} / {laps[top]}",
        ),
        (
            "Multiply the World Heritage Sites of the highest scoring country by its points.",
            fact.number * laps[top],
            None,
            (fact,),
            f"{fact.value} x {laps[top]}",
        ),
    )
    question, value, kind, proof, steps = asks[n]
    if n == 1:
        value = Decimal((int(fact.number * 10) + laps[top] * 10 - 1) // (laps[top] * 10))
    if n == 2:
        value = Decimal((int(least.number * 10) + laps[low] * 10 - 1) // (laps[low] * 10))
    place = low if n == 2 else top
    if n == 0 and fact.number % laps[top] == 0:
        raise ValueError("on the limit")
    return kit.done(
        scene,
        question,
        value,
        form=kind,
        see=(f"{place}/picture", f"{place}/caption"),
        facts=proof,
        steps=f"{countries[place].name} with {laps[place]} {unit}; {steps} = {plain(value)}",
    )
