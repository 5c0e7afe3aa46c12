"""Knowledge, by looking: charts, lab tables and a calendar."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from decimal import Decimal

from ..draft import DATE, Draft, Kit, form, measured, plain, rounded, to_places
from ..panels import CHALK, COLOURS, PAPER, SCREEN, bars, month, plate, table
from ..paste import Scene

BIRDS: tuple[str, ...] = ("Robin", "Wren", "Sparrow", "Magpie", "Starling", "Swift", "Heron", "Owl")


def chart(kit: Kit, n: int) -> tuple[Scene, list[str], list[int]]:
    """A bar chart on the wall; every bar ends on a line of the grid."""
    birds = kit.rng.sample(BIRDS, 6)
    values = [5 * value for value in kit.whole(1, 12, 6)]
    ink = [COLOURS[("green", "blue", "orange", "purple", "red")[n]]]
    panel = bars("Birds counted in May", birds, values, 60, 5, "birds", ink, lying=n % 2 == 1)
    scene = kit.scene()
    kit.stick(scene, panel, 270, "chart")
    for words, tint in (("ROOM 7", "black"), ("EXIT", "green")):
        kit.stick(scene, plate(words, tint), 70)
    return scene, birds, values


@form("knowledge", "P")
def bar(kit: Kit, n: int) -> Draft:
    """The height of one bar of a small chart."""
    scene, birds, values = chart(kit, n)
    asks: tuple[tuple[str, str | int], ...] = (
        (f"How many {birds[0].lower()}s were counted?", values[0]),
        (f"There's a chart pinned up. Which bird was seen {values[1]} times?", birds[1]),
        (f"what value does the bar for {birds[2].lower()} reach", values[2]),
        (f"Read off the chart: number of {birds[3].lower()}s in May?", values[3]),
        (
            "Which kind of bird was seen most often according to the poster?",
            birds[max(range(6), key=lambda place: values[place])],
        ),
    )
    question, value = asks[n]
    place = values.index(max(values)) if n == 4 else n
    told = ", ".join(f"{bird} {value}" for bird, value in zip(birds, values, strict=True))
    return kit.done(scene, question, value, see=(f"chart/{place}", "chart"), group=f"bar {n}", steps=told)


@form("knowledge", "PR")
def counted(kit: Kit, n: int) -> Draft:
    """Sums and shares over the bars of a small chart."""
    scene, birds, values = chart(kit, n)
    order = sorted(range(6), key=lambda place: values[place])
    mean = Decimal(sum(values)) / 6
    asks = (
        (
            f"How many more {birds[order[-1]].lower()}s than {birds[order[0]].lower()}s did they see?",
            Decimal(values[order[-1]] - values[order[0]]),
            None,
            (order[-1], order[0]),
            "difference",
        ),
        (
            f"Add the bars for {birds[0].lower()}, {birds[1].lower()} and {birds[2].lower()}.",
            Decimal(sum(values[:3])),
            None,
            (0, 1, 2),
            "sum",
        ),
        (
            "What's the average height of the six bars? Round to one decimal.",
            rounded(mean, 1),
            to_places(1),
            tuple(range(6)),
            "mean",
        ),
        (
            "how many bars are above 30",
            Decimal(sum(value > 30 for value in values)),
            None,
            tuple(range(6)),
            "bars above 30",
        ),
        (
            f"{birds[3]}s as a percentage of all birds on this chart, one decimal?",
            rounded(Decimal(100 * values[3]) / sum(values), 1),
            to_places(1),
            (3,),
            "share",
        ),
    )
    question, value, unit, see, steps = asks[n]
    told = ", ".join(f"{bird} {value}" for bird, value in zip(birds, values, strict=True))
    return kit.done(
        scene,
        question,
        value,
        form=unit,
        see=["chart", *(f"chart/{place}" for place in see)],
        group=f"counted {n}",
        steps=f"{told}; {steps} = {plain(value)}",
    )


def lab(kit: Kit) -> tuple[Scene, list[tuple[str, Decimal, Decimal, int]]]:
    """A small table of measurements."""
    marks = [f"{letter}{kit.rng.randint(10, 99)}" for letter in "KLMNPR"]
    rows = list(
        zip(
            marks,
            (Decimal(value) / 10 for value in kit.whole(121, 498, 6)),
            (Decimal(value) / 100 for value in kit.whole(310, 990, 6)),
            kit.whole(14, 88, 6),
            strict=True,
        )
    )
    panel = table(
        "WATER SAMPLES",
        ("Sample", "Temp °C", "pH", "ml"),
        [[mark, f"{warm:.1f}", f"{sour:.2f}", str(much)] for mark, warm, sour, much in rows],
        kit.rng.choice((PAPER, CHALK, SCREEN)),
        right=(1, 2, 3),
    )
    scene = kit.scene()
    kit.stick(scene, panel, 205, "table")
    return scene, rows


@form("knowledge", "P")
def sample(kit: Kit, n: int) -> Draft:
    """One cell of a small table."""
    scene, rows = lab(kit)
    place = kit.rng.randrange(6)
    mark, warm, sour, much = rows[place]
    asks: tuple[tuple[str, str | int | Decimal, int], ...] = (
        (f"What's the pH of sample {mark}?", sour, 2),
        (f"temperature of {mark}?", warm, 1),
        (f"Which sample has a volume of {much} ml?", mark, 0),
        (f"How many ml of {mark} are there?", much, 3),
        (f"One of the samples measured {warm} °C. Which?", mark, 0),
    )
    question, value, column = asks[n]
    unit = {1: measured("°C"), 3: measured("ml")}.get(column)
    return kit.done(
        scene,
        question,
        value,
        form=unit,
        see=(f"table/{place},{column}", "table"),
        group=f"sample {n}",
        steps=f"line {place + 1}: {mark}, {warm} °C, pH {sour}, {much} ml",
    )


@form("knowledge", "PR")
def samples(kit: Kit, n: int) -> Draft:
    """Several cells of a small table."""
    scene, rows = lab(kit)
    warms, sours, mls = [row[1] for row in rows], [row[2] for row in rows], [row[3] for row in rows]
    hot = max(range(6), key=lambda place: warms[place])
    a, b = kit.rng.sample(range(6), 2)
    acid = sum(value < 7 for value in sours)
    fahrenheit = rounded(warms[a] * Decimal("1.8") + 32, 1)
    asks: tuple[tuple[str, str | int | Decimal, object, str], ...] = (
        (
            "What's the spread between the warmest and coldest sample, in degrees Celsius?",
            max(warms) - min(warms),
            measured("°C"),
            f"{max(warms)} - {min(warms)}",
        ),
        ("Below pH 7 counts as acidic. How many samples are?", acid, None, "pH below 7"),
        (
            f"i pour {rows[a][0]} and {rows[b][0]} together, how many ml is that",
            mls[a] + mls[b],
            measured("ml"),
            f"{mls[a]} + {mls[b]}",
        ),
        (
            f"Give the temperature of {rows[a][0]} in Fahrenheit, one decimal.",
            fahrenheit,
            to_places(1, "°F"),
            f"{warms[a]} x 1.8 + 32",
        ),
        (
            "What pH does the hottest sample have?",
            sours[hot],
            None,
            f"hottest is {rows[hot][0]} with {warms[hot]} °C",
        ),
    )
    question, value, unit, steps = asks[n]
    told = "; ".join(f"{mark} {warm} °C pH {sour} {much} ml" for mark, warm, sour, much in rows)
    return kit.done(
        scene,
        question,
        value,
        form=unit,
        see=("table",),
        group=f"samples {n}",
        steps=f"{told}; {steps} = {value}",
    )  # type: ignore[arg-type]


@form("knowledge", "PR")
def calendar(kit: Kit, n: int) -> Draft:
    """A calendar's page with two rings; date arithmetic."""
    year, number = kit.rng.randint(2024, 2027), kit.rng.randint(2, 11)
    first, length = monthrange(year, number)
    one, other = sorted(kit.rng.sample(range(2, length), 2))
    if other - one < 4:
        raise ValueError("too near")
    name = date(year, number, 1).strftime("%B")
    panel = month(f"{name} {year}", first, length, (one, other))
    scene = kit.scene()
    kit.stick(scene, panel, 190, "page")
    for words, tint in (("DO NOT TOUCH", "red"), ("ROOM 3", "blue"), ("LIBRARY", "purple")):
        kit.stick(scene, plate(words, tint), 76)
    start, end = date(year, number, one), date(year, number, other)
    later = end + timedelta(days=45)
    before = start - timedelta(weeks=6)
    new_year = (date(year + 1, 1, 1) - end).days
    working = sum((start + timedelta(days=day)).weekday() < 5 for day in range((end - start).days + 1))

    def written(day: date) -> str:
        return f"{day.day} {day.strftime('%B %Y')}"

    asks: tuple[tuple[str, str | int], ...] = (
        ("How many days after the first circled date is the second one?", (end - start).days),
        (
            "The project ends 45 days after the later of the two ringed days. Which date is that?",
            written(later),
        ),
        ("how many days are left from the second circled day until new year's day", new_year),
        ("Six weeks before the earlier circled date the order was placed. On which date?", written(before)),
        (
            "Counting both circled days, how many weekdays (Monday to Friday) are there from the one to the other?",
            working,
        ),
    )
    question, value = asks[n]
    return kit.done(
        scene,
        question,
        value,
        form=DATE if isinstance(value, str) else None,
        see=(f"page/{one}", f"page/{other}", "page"),
        group=f"calendar {n}",
        steps=f"ringed: {written(start)} and {written(end)}; {value}",
    )
