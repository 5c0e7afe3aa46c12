"""Sports, by looking: results, scores, league tables and the flags of fans."""

from __future__ import annotations

from decimal import Decimal

from ..draft import PEOPLE, Draft, Kit, form, measured, plain, rounded, to_places
from ..panels import AMBER, CHALK, NAVY, PAPER, SCREEN, table
from ..paste import Panel, Scene

CLUBS = (
    "Northgate",
    "Riverside",
    "Old Mill",
    "Harbour Town",
    "Eastfield",
    "Valley Road",
    "St. Anne",
    "Kingsbridge",
    "Westport",
    "Hillcrest",
    "Lakeside",
    "Fairview",
    "Seaton",
    "Ashby",
)


def clocked(hundredths: int) -> str:
    return f"{hundredths // 100}.{hundredths % 100:02d}"


def results(kit: Kit, count: int = 8, width: int = 220) -> tuple[Scene, list[tuple[str, int, int]]]:
    """A board with name, bib and time of a race, best first."""
    names = kit.rng.sample(PEOPLE, count)
    bibs = kit.whole(100, 999, count)
    times = sorted(kit.whole(2210, 2490, count))
    rows = [
        [str(place + 1), name, str(bib), clocked(time)]
        for place, (name, bib, time) in enumerate(zip(names, bibs, times, strict=True))
    ]
    panel = table(
        "200 m FINAL",
        ("", "Name", "Bib", "Time (s)"),
        rows,
        kit.rng.choice((AMBER, NAVY, SCREEN, CHALK)),
        right=(2, 3),
    )
    scene = kit.scene()
    kit.stick(scene, panel, width, "board")
    return scene, list(zip(names, bibs, times, strict=True))


@form("sports", "P")
def result(kit: Kit, n: int) -> Draft:
    """One entry of a small results board."""
    scene, rows = results(kit)
    place = kit.rng.randint(2, 7)
    name, bib, time = rows[place]
    asks: tuple[tuple[str, str | int | Decimal, int], ...] = (
        (f"What time did {name} run?", Decimal(time) / 100, 3),
        (f"who's wearing bib {bib}?", name, 1),
        (f"Which bib number does {name} have on the results board?", bib, 2),
        (f"Who finished in place {place + 1}?", name, 1),
        (f"in which place did the runner with number {bib} come in", place + 1, 0),
    )
    question, value, column = asks[n]
    return kit.done(
        scene,
        question,
        value,
        form=measured("s") if column == 3 else None,
        see=(f"board/{place},{column}", "board"),
        group=f"result {n}",
        steps=f"line {place + 1}: {name}, {bib}, {clocked(time)} s",
    )


@form("sports", "PR")
def gaps(kit: Kit, n: int) -> Draft:
    """Differences and counts on a results board."""
    scene, rows = results(kit)
    a, b = sorted(kit.rng.sample(range(1, 8), 2))
    times = [Decimal(time) / 100 for _, _, time in rows]
    line = Decimal(rows[4][2] // 10 * 10 + 10) / 100
    under = sum(time < line for time in times)
    speed = rounded(Decimal(200) / times[0] * Decimal("3.6"), 1)
    asks = (
        (
            "How far behind the winner was third place, in seconds?",
            times[2] - times[0],
            measured("s"),
            (0, 2),
            f"{times[2]} - {times[0]}",
        ),
        (
            f"By how many hundredths did {rows[a][0]} beat {rows[b][0]}?",
            (times[b] - times[a]) * 100,
            None,
            (a, b),
            f"({times[b]} - {times[a]}) x 100",
        ),
        (
            f"how many runners stayed below {line} seconds?",
            Decimal(under),
            None,
            (0, 4),
            f"times below {line}",
        ),
        (
            "What was the winner's average speed over the 200 metres in km/h? One decimal please.",
            speed,
            to_places(1, "km/h"),
            (0,),
            f"200 / {times[0]} x 3.6",
        ),
        (
            "Take the fastest and the slowest time on the board: what's their mean, in seconds to two decimals?",
            (times[0] + times[7]) / 2,
            to_places(2, "s"),
            (0, 7),
            f"({times[0]} + {times[7]}) / 2",
        ),
    )
    question, value, unit, see, steps = asks[n]
    if n == 4:
        value = rounded(value, 2)
    return kit.done(
        scene,
        question,
        value,
        form=unit,
        see=["board", *(f"board/{place},3" for place in see)],
        group=f"gaps {n}",
        steps=f"{steps} = {plain(value)}",
    )


@form("sports", "P")
def scoreboard(kit: Kit, n: int) -> Draft:
    """Several pitches with a small score plate each."""
    scene = kit.scene()
    clubs = kit.rng.sample(CLUBS, 12)
    games = [
        (
            clubs[2 * place],
            clubs[2 * place + 1],
            kit.rng.randint(0, 6),
            kit.rng.randint(0, 6),
            kit.rng.randint(2, 88),
        )
        for place in range(6)
    ]
    for place, (home, guest, one, other, minute) in enumerate(games):
        panel = table(
            f"PITCH {place + 1}",
            ("", ""),
            [[home, str(one)], [guest, str(other)], [f"{minute}'", ""]],
            (NAVY, AMBER, CHALK)[place % 3],
            right=(1,),
        )
        kit.stick(scene, panel, 108, str(place))
    pitch = kit.rng.randrange(6)
    home, guest, one, other, minute = games[pitch]
    asks: tuple[tuple[str, str | int, str], ...] = (
        (f"How many goals does {home} have?", one, f"{pitch}/0,1"),
        (f"In which minute is the match on pitch {pitch + 1}?", minute, f"{pitch}/2,0"),
        (f"who plays against {guest}", home, f"{pitch}/0,0"),
        (f"What pitch number is {guest} playing on?", pitch + 1, f"{pitch}"),
        (f"goals scored so far by {guest}?", other, f"{pitch}/1,1"),
    )
    question, value, see = asks[n]
    return kit.done(
        scene,
        question,
        value,
        see=(see, f"{pitch}"),
        group=f"scoreboard {n}",
        steps=f"pitch {pitch + 1}: {home} {one}, {guest} {other}, minute {minute}",
    )


@form("sports", "PR")
def league(kit: Kit, n: int) -> Draft:
    """A small league table without points."""
    clubs = kit.rng.sample(CLUBS, 6)
    rows = []
    for club in clubs:
        won, drawn = kit.rng.randint(0, 9), kit.rng.randint(0, 6)
        lost = 16 - won - drawn if won + drawn <= 16 else 0
        rows.append((club, won, drawn, lost, kit.rng.randint(10, 48), kit.rng.randint(10, 48)))
    panel = table(
        "LEAGUE",
        ("", "W", "D", "L", "For", "Ag."),
        [[row[0], *(str(value) for value in row[1:])] for row in rows],
        kit.rng.choice((PAPER, CHALK, SCREEN)),
        right=(1, 2, 3, 4, 5),
    )
    scene = kit.scene()
    kit.stick(scene, panel, 240, "table")
    points = [3 * row[1] + row[2] for row in rows]
    best = max(range(6), key=lambda place: points[place])
    diff = [row[4] - row[5] for row in rows]
    worst = min(range(6), key=lambda place: diff[place])
    a, b = kit.rng.sample(range(6), 2)
    if points.count(points[best]) > 1 or diff.count(diff[worst]) > 1 or points[a] == points[b]:
        raise ValueError("a tie")
    asks: tuple[tuple[str, str | int, tuple[int, ...]], ...] = (
        (f"Three points for a win, one for a draw: how many points does {rows[a][0]} have?", points[a], (a,)),
        ("With 3 points per win and 1 per draw, which club leads the table?", rows[best][0], (best,)),
        ("which team has the worst goal difference", rows[worst][0], (worst,)),
        (
            f"How many points are {rows[a][0]} and {rows[b][0]} apart (win 3, draw 1)?",
            abs(points[a] - points[b]),
            (a, b),
        ),
        (
            "How many goals have all six clubs scored altogether (column For)?",
            sum(row[4] for row in rows),
            tuple(range(6)),
        ),
    )
    question, value, see = asks[n]
    return kit.done(
        scene,
        question,
        value,
        see=["table", *(f"table/{place},{4 if n in (2, 4) else 1}" for place in see)],
        group=f"league {n}",
        steps="; ".join(
            f"{row[0]} {row[1]}-{row[2]}-{row[3]}, {row[4]}:{row[5]}, {total} points"
            for row, total in zip(rows, points, strict=True)
        )
        + f"; {value}",
    )


DESCRIBED = {
    "canada": "Canadian",
    "finland": "Finnish",
    "france": "French",
    "ukraine": "Ukrainian",
    "cuba": "Cuban",
    "albania": "Albanian",
    "czechia": "Czech",
    "oman": "Omani",
    "zimbabwe": "Zimbabwean",
    "somalia": "Somali",
}


@form("sports", "PR")
def fans(kit: Kit, n: int) -> Draft:
    """Flags of fans all over a photograph, to be counted."""
    known = [f"country/{slug}" for slug in DESCRIBED]
    one, other, *rest = kit.pool.take("country", 5, among=lambda e: e.id in known)
    a, b = kit.rng.sample(range(3, 8), 2)
    c = kit.rng.randint(4, 8)
    scene = kit.scene()
    waved = [one] * a + [other] * b + [kit.rng.choice(rest) for _ in range(c)]
    kit.rng.shuffle(waved)
    for place, country in enumerate(waved):
        kit.stick(scene, Panel(kit.flag(country)), kit.rng.randint(46, 60), str(place), turn=8)
    first, second = (DESCRIBED[country.id.removeprefix("country/")] for country in (one, other))
    mine = [str(place) for place, country in enumerate(waved) if country is one]
    theirs = [str(place) for place, country in enumerate(waved) if country is other]
    asks = (
        (f"How many {first} flags did the fans put up?", a, mine),
        (f"count the flags: {first} plus {second}, how many", a + b, mine + theirs),
        (
            f"Are there more {first} or more {second} flags, and by how many? Only the number.",
            abs(a - b),
            mine + theirs,
        ),
        (
            f"How many of the flags are neither {first} nor {second}?",
            c,
            [str(place) for place, country in enumerate(waved) if country not in (one, other)],
        ),
        (
            f"What share of all the flags is {first}? In percent, rounded to a whole number.",
            int(rounded(Decimal(100 * a) / len(waved), 0)),
            mine,
        ),
    )
    question, value, see = asks[n]
    return kit.done(
        scene,
        question,
        value,
        form=to_places(0) if n == 4 else None,
        see=see,
        entities=(one, other),
        steps=f"{a} {first}, {b} {second}, {len(waved)} in all: {value}",
    )
