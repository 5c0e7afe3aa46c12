"""Media, by looking: app icons, programme guides and polls."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

from deepeyes.world.pack import Entity

from ..draft import TIME, WORDS, Draft, Kit, form, hours, rounded, to_places
from ..panels import AMBER, COLOURS, NAVY, SCREEN, Look, bars, phone, table
from ..paste import Scene

SHOWS = (
    "River Trains",
    "The Last Lighthouse",
    "Cooking for Nine",
    "Night Gardens",
    "Odd Jobs",
    "Weather Special",
    "Polar Diary",
    "Quiz Island",
    "Old Roads",
    "Space in Short",
    "Letters Home",
    "City Lights",
    "The Tailor",
    "Harbour Police",
    "Wild Coasts",
    "Jazz at Ten",
    "Sunday Debate",
    "Two Left Shoes",
    "Clay and Glass",
    "Deep Water",
)


def screen(kit: Kit, named: bool, count: int = 16) -> tuple[Scene, list[tuple[str, Entity, int]]]:
    """A photograph with a phone; its apps in reading order, with what is unread."""
    brands = [brand for brand in kit.pool.logos(count + 8) if len(brand.name) <= 13][:count]
    unread = [number if kit.rng.random() < 0.7 else 0 for number in kit.whole(1, 98, count)]
    apps = [
        (brand.name if named else "", kit.pool.picture(brand, "logo.webp"), number)
        for brand, number in zip(brands, unread, strict=True)
    ]
    scene = kit.scene()
    high = scene.image.height * 0.9
    panel = phone(kit.rng, apps, clock_text=hours(kit.rng.randint(400, 1300)))
    width = high * panel.image.width / panel.image.height
    left = kit.rng.uniform(40, scene.image.width - width - 40)
    panel.flat = True
    kit.stick(scene, panel, width * 0.56, "phone", at=(left, scene.image.height * 0.12), turn=1.5)
    return scene, [(brand.name, brand, number) for brand, number in zip(brands, unread, strict=True)]


@form("media", "P")
def badge(kit: Kit, n: int) -> Draft:
    """What a small badge says, or what stands beside an app."""
    scene, apps = screen(kit, named=True)
    place = kit.rng.choice(
        [place for place, app in enumerate(apps) if app[2] and place % 4 != 3 and place < 12]
    )
    name, brand, number = apps[place]
    below, beside = apps[place + 4], apps[place + 1]
    asks: tuple[tuple[str, str | int, tuple[str, ...], tuple[Entity, ...], str], ...] = (
        (
            f"How many unread notifications does {name} show?",
            number,
            (f"phone/badge {place}",),
            (brand,),
            f"the badge of {name} says {number}",
        ),
        (
            f"on this tablet, which app sits right below {name}",
            below[0],
            (f"phone/{place}", f"phone/{place + 4}"),
            (below[1], brand),
            f"{below[0]} is below {name}",
        ),
        (
            f"What number is in the red bubble of the {name} icon?",
            number,
            (f"phone/badge {place}",),
            (brand,),
            f"the badge of {name} says {number}",
        ),
        (
            f"Which app is the right-hand neighbour of {name} on the home screen?",
            beside[0],
            (f"phone/{place}", f"phone/{place + 1}"),
            (beside[1], brand),
            f"{beside[0]} is to the right of {name}",
        ),
        (
            f"The {name} icon keeps nagging me. What's its badge count?",
            number,
            (f"phone/badge {place}",),
            (brand,),
            f"the badge of {name} says {number}",
        ),
    )
    question, answer, see, things, steps = asks[n]
    return kit.done(scene, question, answer, see=see, entities=things, steps=steps)


@form("media", "PR")
def badges(kit: Kit, n: int) -> Draft:
    """Sums and counts over the badges of a phone."""
    scene, apps = screen(kit, named=True)
    marked = [place for place, app in enumerate(apps) if app[2]]
    row = [place for place in marked if place < 4]
    top = max(marked, key=lambda place: apps[place][2])
    runner = max((place for place in marked if place != top), key=lambda place: apps[place][2])
    a, b = kit.rng.sample(marked, 2)
    large = [place for place in marked if apps[place][2] > 50]
    asks = (
        (
            "Add up the unread counts in the top row of icons.",
            sum(apps[place][2] for place in row),
            row,
            "the badges of the first row",
        ),
        (
            f"How many messages are waiting in {apps[a][0]} and {apps[b][0]} together?",
            apps[a][2] + apps[b][2],
            [a, b],
            f"{apps[a][2]} + {apps[b][2]}",
        ),
        (
            "how many of the apps have no red badge at all?",
            16 - len(marked),
            marked,
            f"16 apps, {len(marked)} with a badge",
        ),
        (
            "By how much does the biggest badge beat the second biggest?",
            apps[top][2] - apps[runner][2],
            [top, runner],
            f"{apps[top][2]} - {apps[runner][2]}",
        ),
        ("count the icons showing more than fifty unread", len(large), large or marked, "badges above 50"),
    )
    question, value, see, steps = asks[n]
    if n == 0 and len(row) < 2:
        raise ValueError("too few badges in the row")
    used = [apps[place][1] for place in see]
    return kit.done(
        scene,
        question,
        value,
        see=["phone", *(f"phone/badge {place}" for place in see)],
        entities=used,
        steps=f"{steps}: {value}",
    )


def guide(kit: Kit, rows: int = 9) -> tuple[Scene, list[tuple[int, str, str]]]:
    """A photograph with a small programme guide: when, what, where."""
    start, shows = kit.rng.randrange(1020, 1080, 5), kit.rng.sample(SHOWS, rows)
    lines: list[tuple[int, str, str]] = []
    for show in shows:
        lines.append((start, show, f"Hall {kit.rng.randint(1, 4)}"))
        start += kit.rng.choice((25, 35, 40, 50, 55, 65, 80))
    look: Look = kit.rng.choice((NAVY, SCREEN, AMBER))
    panel = table(
        "TONIGHT",
        ("Start", "Programme", "Studio"),
        [[hours(at), show, hall.replace("Hall", "St.")] for at, show, hall in lines],
        look,
    )
    scene = kit.scene()
    kit.stick(scene, panel, 235, "guide")
    return scene, lines


@form("media", "P")
def programme(kit: Kit, n: int) -> Draft:
    """One entry of a programme guide."""
    scene, lines = guide(kit)
    place = kit.rng.randint(2, 7)
    at, show, hall = lines[place]
    asks: tuple[tuple[str, str, int], ...] = (
        (f"When does {show} start?", hours(at), 0),
        (f"What's on at {hours(at)} according to the board?", show, 1),
        (f"From which studio number is '{show}' broadcast?", hall.removeprefix("Hall "), 2),
        (f"look at tonight's schedule, what comes directly after {lines[place - 1][1]}", show, 1),
        (f"start time of {show}?", hours(at), 0),
    )
    question, answer, column = asks[n]
    unit = TIME if column == 0 else WORDS
    value: str | int = int(answer) if column == 2 else answer
    see = (f"guide/{place},{column}", "guide")
    return kit.done(
        scene,
        question,
        value,
        form=None if column == 2 else unit,
        see=see,
        group=f"programme {n}",
        steps=f"line {place + 1}: {hours(at)} {show}, studio {hall[-1]}",
    )


@form("media", "PR")
def evening(kit: Kit, n: int) -> Draft:
    """Durations and counts in a programme guide."""
    scene, lines = guide(kit)
    place = kit.rng.randint(1, 6)
    at, show, _ = lines[place]
    span = lines[place + 1][0] - at
    gaps = [(later[0] - one[0], number) for number, (one, later) in enumerate(pairwise(lines))]
    longest = max(gaps)
    if [gap for gap, _ in gaps].count(longest[0]) > 1:
        raise ValueError("two are longest")
    late = at + 15
    asks: tuple[tuple[str, str | int, tuple[str, ...]], ...] = (
        (
            f"How many minutes does {show} run, if the next programme follows right away?",
            span,
            (f"guide/{place},0", f"guide/{place + 1},0"),
        ),
        (
            f"Between the starts of {lines[0][1]} and {lines[6][1]}, how many minutes pass?",
            lines[6][0] - lines[0][0],
            ("guide/0,0", "guide/6,0"),
        ),
        (
            "which programme is the longest, not counting the last one on the list?",
            lines[longest[1]][1],
            (f"guide/{longest[1]},1", "guide"),
        ),
        (
            f"I switched on 15 minutes after {show} began. What time was it?",
            hours(late),
            (f"guide/{place},0",),
        ),
        (
            "How many of the programmes listed begin at nine in the evening or later?",
            sum(start >= 1260 for start, _, _ in lines),
            ("guide",),
        ),
    )
    question, value, see = asks[n]
    return kit.done(
        scene,
        question,
        value,
        form=TIME if n == 3 else None,
        see=see,
        group=f"evening {n}",
        steps=f"starts: {', '.join(hours(start) + ' ' + name for start, name, _ in lines)}; {value}",
    )


@form("media", "PR")
def poll(kit: Kit, n: int) -> Draft:
    """A small bar chart of a readers' poll; every bar ends on a line of the grid."""
    topics = kit.rng.sample(("Sport", "Local", "Comics", "Science", "Travel", "Food", "Music", "Film"), 6)
    values = [10 * value for value in kit.whole(1, 10, 6)]
    ink = COLOURS[("blue", "green", "red", "purple", "orange")[n]]
    panel = bars("What do you read first?", topics, values, 100, 10, "votes", [ink], lying=n > 2)
    scene = kit.scene()
    kit.stick(scene, panel, 250, "chart")
    order = sorted(range(6), key=lambda place: -values[place])
    asks: tuple[tuple[str, str | int | Decimal, tuple[int, ...], str], ...] = (
        (
            f"In the poll, how many votes lie between {topics[0]} and {topics[1]}?",
            abs(values[0] - values[1]),
            (0, 1),
            "difference",
        ),
        ("How many people voted in total?", sum(values), tuple(range(6)), "sum"),
        (
            f"What percentage of all votes went to {topics[2]}? one decimal",
            rounded(Decimal(100 * values[2]) / sum(values), 1),
            (2,),
            "share",
        ),
        ("Which topic is in third place in this reader survey?", topics[order[2]], (order[2],), "order"),
        (
            "the two least popular topics of the chart: how many votes did they get together",
            values[order[4]] + values[order[5]],
            (order[4], order[5]),
            "sum",
        ),
    )
    question, value, see, steps = asks[n]
    unit = to_places(1) if n == 2 else None
    told = ", ".join(f"{topic} {value}" for topic, value in zip(topics, values, strict=True))
    return kit.done(
        scene,
        question,
        value,
        form=unit,
        see=["chart", *(f"chart/{place}" for place in see)],
        group=f"poll {n}",
        steps=f"{told}; {steps}: {value}",
    )
