"""Daily life, with a page: parcels, brands, animals, foreign prices, crates and letters with a flag."""

from __future__ import annotations

from decimal import Decimal

from ..draft import WORDS, Draft, Kit, form, measured, plain, rounded, to_places
from ..panels import COLOURS, card, item, sticker
from ..paste import Panel, scene_of
from .daily_looks import goods


@form("daily", "PS")
def parcels(kit: Kit, n: int) -> Draft:
    """Parcels with a small flag of where they go; one fact of one country."""
    wanted = ("aircraft", "domain", "electricity access", "mobiles", "tobacco")[n]
    (country,) = kit.pool.flags(1, (wanted,))
    if n == 2 and kit.must(country, wanted)[0].number == 100:
        raise ValueError("anybody would say so")
    others = kit.pool.flags(7, besides=(country.id,))
    marks = kit.rng.sample(range(11, 99), 8)
    scene = kit.scene()
    for mark, flagged in zip(marks, [country, *others], strict=True):
        kit.stick(scene, card(kit.flag(flagged), f"No. {mark}", size=70), 74, str(mark))
    number = marks[0]
    asks = (
        f"Parcel no. {number} goes to the country on its sticker. With which prefix are aircraft registered there?",
        f"where parcel {number} is headed (see the flag), what do web addresses end in?",
        f"What percentage of people have electricity in the country that parcel number {number} is addressed to?",
        f"Box {number}: how many mobile subscriptions per 100 people does the country on the label have?",
        f"Package no. {number} has a little flag on it. What share of that country's population uses tobacco, in percent?",
    )
    (fact,) = kit.must(country, wanted)
    value = fact.value if n < 2 else fact.number
    unit = None if n < 2 else measured("%") if n in (2, 4) else None
    return kit.done(
        scene,
        asks[n],
        value,
        form=unit,
        see=(f"{number}", f"{number}/picture"),
        facts=(fact,),
        steps=f"the flag on no. {number} is that of {country.name}",
    )


@form("daily", "PS")
def stickers(kit: Kit, n: int) -> Draft:
    """The brand of a small logo, told apart by where it is."""
    brand = kit.pool.logos(1, symbols=True)[0]
    others = kit.pool.logos(5, besides=(brand.id,), symbols=True)
    scene = kit.scene()
    colours = ["yellow", "orange", "white", "blue", "red", "green"]
    colour = colours[n]
    tints = [COLOURS[colour], *(COLOURS[other] for other in colours if other != colour)]
    for place, (logo, tint) in enumerate(zip([brand, *others], tints, strict=True)):
        kit.stick(scene, sticker(kit.pool.picture(logo, "logo.webp"), tint), 66, str(place))
    asks = (
        f"Someone put stickers all over the place. What brand is the {colour} one?",
        f"the {colour} sticker - which company or project is that logo from?",
        f"Whose logo is on the sticker with the {colour} rim?",
        f"I keep seeing the mark on the {colour} sticker. Who does it belong to?",
        f"Name the brand whose logo is on the {colour} sticker here.",
    )
    (fact,) = kit.must(brand, "colour")
    return kit.done(
        scene,
        asks[n],
        brand.name,
        form=WORDS,
        see=("0",),
        facts=(fact,),
        answers=brand.aliases,
        steps=f"the logo on the {colour} sticker is that of {brand.name}",
    )


@form("daily", "S")
def creature(kit: Kit, n: int) -> Draft:
    """One large photograph or drawing, and what its page says."""
    asks = (
        (
            "animal/hedgehog",
            "hedgehog.webp",
            "What's the scientific name of the little guy in this photo?",
            "Erinaceus europaeus",
            ("Erinaceus europeaeus",),
            "also called",
        ),
        (
            "animal/jaguar",
            "jaguar.webp",
            "These two big cats, what species are they in Latin?",
            "Panthera onca",
            ("Felis onca",),
            "also called",
        ),
        (
            "animal/narwhal",
            "narwhal.webp",
            "Which animal is swimming here? give the scientific name",
            "Monodon monoceros",
            (),
            "also called",
        ),
        (
            "object/sax",
            "",
            "Someone left this at our door. What type of instrument is it, by the way it makes its sound?",
            "single-reed instrument",
            ("single-reed woodwind", "reed instrument", "single reed"),
            "kind of",
        ),
        (
            "object/cello",
            "",
            "There is an older, longer Italian name for the instrument pictured. What is it?",
            "violoncello",
            (),
            "also called",
        ),
    )
    entity, file, question, answer, others, about = asks[n]
    thing = kit.pool.thing(entity)
    (fact,) = kit.must(thing, about)
    if file:
        photo = kit.shown(file)
        scene = scene_of(kit.rng, photo, 640, 0.4, keep=0.92)
    else:
        scene = scene_of(kit.rng, kit.photo(), 640, 2.5)
        panel = card(kit.pool.picture(thing, "drawing.webp"))
        width = 150 if entity == "object/sax" else 190
        kit.stick(scene, panel, width, "thing", at=(230, 30))
    return kit.done(
        scene,
        question,
        answer,
        form=WORDS,
        facts=(fact,),
        answers=others,
        steps=f"the image shows a {thing.name}",
    )


@form("daily", "SR")
def mugs(kit: Kit, n: int) -> Draft:
    """Two flags, large; a comparison of two pages."""
    wanted = ("beer", "doctors", "obesity", "school years", "wine")[n]
    while True:
        left, right = kit.pool.flags(2, (wanted,))
        one, other = kit.pool.must(left, wanted), kit.pool.must(right, wanted)
        if one.number and other.number and abs(one.number - other.number) > Decimal("0.3"):
            break
    scene = scene_of(kit.rng, kit.photo(), 760, 2.0)
    high = scene.image.height
    for place, flagged in enumerate((left, right)):
        kit.stick(scene, Panel(kit.flag(flagged)), 270, str(place), at=(70 + place * 360, high * 0.3))
    more, less = max(one.number, other.number), min(one.number, other.number)
    gap = more - less
    asks = (
        (
            "Our two guests come from these countries. How many litres of pure alcohol as beer does a person drink more per year in the one than in the other?",
            gap,
            measured("l"),
            f"{more} - {less}",
        ),
        (
            "For every 1000 people, how many more doctors does the better supplied of these two countries have?",
            gap,
            None,
            f"{more} - {less}",
        ),
        (
            "Obesity among adults: by how many percentage points do the two countries with these flags differ?",
            gap,
            None,
            f"{more} - {less}",
        ),
        (
            "How many years longer do kids stay in education (primary to tertiary) in one of these countries compared with the other?",
            gap,
            measured("years"),
            f"{more} - {less}",
        ),
        (
            "Take the wine people drink per head in both of these countries (litres of pure alcohol) and add it up. What do you get?",
            more + less,
            measured("l"),
            f"{more} + {less}",
        ),
    )
    question, value, unit, steps = asks[n]
    return kit.done(
        scene,
        question,
        value,
        form=unit,
        facts=(one, other),
        entities=(left, right),
        steps=f"{left.name} and {right.name}: {steps} = {plain(value)}",
    )


CURRENCY = {
    "albania": "lekë",
    "bosnia-and-herzegovina": "KM",
    "canada": "C$",
    "czechia": "Kč",
    "djibouti": "Fdj",
    "oman": "rials",
    "paraguay": "guaraníes",
    "republic-of-the-congo": "FCFA",
    "saint-lucia": "EC$",
    "tajikistan": "somoni",
    "ukraine": "hryvnias",
}


@form("daily", "PSR")
def market(kit: Kit, n: int) -> Draft:
    """A price in local money on a tag with a small flag; the rate is on the country's page."""
    local = [f"country/{slug}" for slug in CURRENCY]
    (country,) = kit.pool.take("country", 1, ("exchange",), among=lambda e: e.id in local)
    rate = kit.pool.must(country, "exchange")
    others = kit.pool.take("country", 5, ("exchange",), among=lambda e: e.id in local, besides=(country.id,))
    things = goods(kit, 6)
    scene = kit.scene()
    prices: list[int] = []
    for place, ((_, _, picture), flagged) in enumerate(zip(things, [country, *others], strict=True)):
        cost = kit.pool.must(flagged, "exchange").number
        worth = kit.rng.randint(12, 90)
        amount = int(cost * worth)
        digits = 10 ** max(len(str(amount)) - 2, 0)
        prices.append(max(amount // digits * digits, 3))
        kit.stick(
            scene, item(picture, f"{prices[-1]:,}".replace(",", " "), flag=kit.flag(flagged)), 112, str(place)
        )
    name = things[0][0]
    dollars = Decimal(prices[0]) / rate.number
    three = 3 * dollars
    asks = (
        (
            f"The prices at this fair are in the money of the country on each tag. What's the {name} in US dollars at the average 2024 rate, to the cent?",
            rounded(dollars, 2),
            f"{prices[0]} / {rate.value}",
        ),
        (
            f"each tag is priced in the currency of its flag. how many USD for the {name}, using 2024's exchange rate? round to whole dollars",
            rounded(dollars, 0),
            f"{prices[0]} / {rate.value}",
        ),
        (
            f"Tags show local currency, the flag tells which. I'd like three of the {name}: how many US dollars is that, at the 2024 exchange rate, to one decimal?",
            rounded(three, 1),
            f"3 x {prices[0]} / {rate.value}",
        ),
        (
            f"If I pay for the {name} with 100 US dollars changed at the official 2024 rate, how much of the local currency is left over? Whole units, the tag is in the currency of its flag.",
            rounded(100 * rate.number - prices[0], 0),
            f"100 x {rate.value} - {prices[0]}",
        ),
        (
            f"With US$ 1000 at 2024's average rate, how many of the {name} could be bought at most? (prices are in the money of the flag on the tag)",
            Decimal(int(1000 / dollars)),
            f"1000 x {rate.value} / {prices[0]}, rounded down",
        ),
    )
    question, value, steps = asks[n]
    unit = (to_places(2, "$"), to_places(0, "$"), to_places(1, "$"), to_places(0), None)[n]
    return kit.done(
        scene,
        question,
        value,
        form=unit,
        see=("0/tag", "0/flag"),
        facts=(rate,),
        entities=(country,),
        steps=f"the tag says {prices[0]} in the currency of {country.name}; {steps} = {plain(value)}",
    )


@form("daily", "PSR")
def crates(kit: Kit, n: int) -> Draft:
    """Crates with origin and price per kilo; the cheapest or dearest one decides who is asked about."""
    wanted = ("life expectancy", "forest", "median age", "internet", "female life")[n]
    countries = kit.pool.flags(6, (wanted,))
    prices = [Decimal(9 + 10 * value) / 100 for value in kit.whole(11, 60, 6)]
    scene = kit.scene()
    order = sorted(range(6), key=lambda place: prices[place])
    for place, (flagged, cost) in enumerate(zip(countries, prices, strict=True)):
        kit.stick(scene, card(kit.flag(flagged), f"{cost} / kg", size=64), 84, str(place))
    low, high = countries[order[0]], countries[order[-1]]
    facts = kit.must(low, wanted)[0], kit.must(high, wanted)[0]
    gap = abs(facts[0].number - facts[1].number)
    if not gap:
        raise ValueError("no difference")
    second = kit.must(countries[order[1]], wanted)[0]
    asks = (
        (
            "The little signs give origin and price per kilo. How many years apart is life expectancy in the countries of the cheapest and the most expensive crate?",
            gap,
            measured("years"),
            facts,
            "difference",
        ),
        (
            "apples from six countries, flags on the signs: take the cheapest and the dearest. How many percentage points more forest does one of those two countries have than the other?",
            gap,
            None,
            facts,
            "difference",
        ),
        (
            "Look at the per kilo prices. What's the sum of the median ages of the two countries with the lowest prices?",
            facts[0].number + second.number,
            measured("years"),
            (facts[0], second),
            "sum",
        ),
        (
            "From the country with the lowest price: out of 100 people, how many do NOT use the internet?",
            100 - facts[0].number,
            None,
            facts[:1],
            "100 - share of users",
        ),
        (
            "Women in the country that sells the dearest kilo live how many years on average? And in that of the cheapest? Give me the difference.",
            gap,
            measured("years"),
            facts,
            "difference",
        ),
    )
    question, value, unit, proof, steps = asks[n]
    see = [f"{order[0]}/caption", f"{order[0]}/picture", f"{order[-1]}/caption", f"{order[-1]}/picture"]
    if n == 2:
        see = [f"{order[0]}/caption", f"{order[0]}/picture", f"{order[1]}/caption", f"{order[1]}/picture"]
    if n == 3:
        see = see[:2]
    used = ", ".join(fact.value for fact in proof)
    return kit.done(
        scene,
        question,
        value,
        form=unit,
        see=see,
        facts=proof,
        steps=f"cheapest {low.name} ({prices[order[0]]}), dearest {high.name} ({prices[order[-1]]}); {steps} of {used} = {plain(value)}",
    )


@form("daily", "PSR")
def postbox(kit: Kit, n: int) -> Draft:
    """Letters with a flag and a number of grams; two of them are told by their weight."""
    wanted = ("population", "gdp per head", "birth rate", "airports", "area")[n]
    countries = kit.pool.flags(6, (wanted, "death rate"))
    grams = kit.whole(21, 95, 6)
    scene = kit.scene()
    for place, (flagged, weight) in enumerate(zip(countries, grams, strict=True)):
        kit.stick(scene, card(kit.flag(flagged), f"{weight} g", size=64), 76, str(place))
    order = sorted(range(6), key=lambda place: grams[place])
    heavy, light = countries[order[-1]], countries[order[0]]
    top, low = kit.must(heavy, wanted)[0], kit.must(light, wanted)[0]
    deaths = kit.must(heavy, "death rate")[0]
    more, less = max(top.number, low.number), min(top.number, low.number)
    if more == less:
        raise ValueError("no difference")
    asks = (
        (
            "How many people live in the two countries the heaviest and the lightest letter come from, taken together?",
            top.number + low.number,
            (top, low),
            None,
            f"{top.value} + {low.value}",
        ),
        (
            "Compare the senders' countries of the lightest and the heaviest letter: how many dollars does real GDP per person differ (2024)?",
            more - less,
            (top, low),
            measured("$"),
            f"{more} - {less}",
        ),
        (
            "In the country on the heaviest letter, how many more births than deaths are there per 1000 people? (negative if fewer)",
            top.number - deaths.number,
            (top, deaths),
            None,
            f"{top.value} - {deaths.value}",
        ),
        (
            "one letter weighs the most, one the least. how many airports do their two countries have between them?",
            top.number + low.number,
            (top, low),
            None,
            f"{top.value} + {low.value}",
        ),
        (
            "How many times as large (total area) is the bigger of the two countries on the lightest and the heaviest letter? One decimal.",
            rounded(more / less, 1),
            (top, low),
            to_places(1),
            f"{more} / {less}",
        ),
    )
    question, value, proof, unit, steps = asks[n]
    see = [f"{order[-1]}/caption", f"{order[-1]}/picture"]
    if n != 2:
        see += [f"{order[0]}/caption", f"{order[0]}/picture"]
    return kit.done(
        scene,
        question,
        value,
        form=unit,
        see=see,
        facts=proof,
        steps=f"heaviest {grams[order[-1]]} g: {heavy.name}, lightest {grams[order[0]]} g: {light.name}; {steps} = {plain(value)}",
    )
