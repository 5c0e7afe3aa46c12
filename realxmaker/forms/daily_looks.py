"""Daily life, by looking: shops, receipts, number plates and parcels; what they say and cost."""

from __future__ import annotations

from decimal import Decimal

from PIL import Image

from deepeyes.world.pack import Entity

from ..draft import WORDS, Draft, Kit, form, measured, plain
from ..panels import PAPER, item, plate, table
from ..paste import Scene

GOODS = {
    "cello": "drawing.webp",
    "hat": "drawing-2.webp",
    "hot dog": "drawing.webp",
    "lolly": "drawing.webp",
    "pepper": "drawing.webp",
    "plate": "drawing.webp",
    "surfboard": "drawing.webp",
    "volleyball": "photo.webp",
    "tape measure": "photo-4.webp",
    "bike": "drawing.webp",
    "rhino": "drawing.webp",
    "sax": "drawing.webp",
}


SAID = {
    "lolly": "lollipop",
    "pepper": "chillies",
    "hot dog": "hot dog",
    "bike": "motorbike",
    "rhino": "rhino",
    "sax": "saxophone",
    "hat": "purple hat",
    "plate": "blue and white plate",
}


def goods(kit: Kit, count: int) -> list[tuple[str, Entity, Image.Image]]:
    """Things that everybody would call what they are called here."""
    found: list[tuple[str, Entity, Image.Image]] = []
    for name in kit.rng.sample(sorted(GOODS), count):
        kind = "animal" if name == "rhino" else "object"
        thing = kit.pool.thing(f"{kind}/{name.replace(' ', '-')}")
        endings = (GOODS[name], "drawing.webp", "photo.webp")
        urls = [picture.url for picture in thing.pictures]
        ending = next(end for end in endings if any(url.endswith("/" + end) for url in urls))
        found.append((SAID.get(name, name), thing, kit.pool.picture(thing, "/" + ending)))
    return found


def shelf(
    kit: Kit, prices: list[int], count: int, width: int = 118
) -> tuple[Scene, list[tuple[str, Entity, Image.Image]]]:
    """A scene with goods, each with its price in cents; boxes are named by place."""
    scene = kit.scene()
    things = goods(kit, count)
    for place, ((_, _, picture), price) in enumerate(zip(things, prices, strict=True)):
        kit.stick(scene, item(picture, f"{price / 100:.2f} €"), width + kit.rng.randint(-6, 10), str(place))
    return scene, things


@form("daily", "P")
def price(kit: Kit, n: int) -> Draft:
    """The price of one thing among many."""
    prices = [9 + 10 * value for value in kit.whole(12, 480, 9)]
    scene, things = shelf(kit, prices, 9)
    name, thing, _ = things[0]
    asks = (
        f"How much is the {name}?",
        f"what do they want for the {name}? just the amount in euros",
        f"I like the {name}. What's on its price tag?",
        f"Can you read me the price under the {name}?",
        f"In euros, what would the {name} cost me?",
    )
    return kit.done(
        scene,
        asks[n],
        Decimal(prices[0]) / 100,
        form=measured("€"),
        see=("0/tag", "0"),
        entities=(thing,),
        steps=f"the tag under the {name} says {prices[0] / 100:.2f} €",
    )


@form("daily", "P")
def plates(kit: Kit, n: int) -> Draft:
    """What one small plate among many says."""
    scene = kit.scene()
    letters = "ABCDEFGHKLMNPRTUVXYZ"
    colours = ["red", "blue", "green", "yellow", "orange", "purple", "white", "black"]
    kit.rng.shuffle(colours)

    def text() -> str:
        return (
            f"{''.join(kit.rng.choices(letters, k=2))} {kit.rng.randint(100, 999)} {kit.rng.choice(letters)}"
        )

    texts = [text() for _ in colours]
    for place, (colour, words) in enumerate(zip(colours, texts, strict=True)):
        kit.stick(scene, plate(words, colour), kit.rng.randint(74, 92), str(place))
    colour = colours[0]
    asks = (
        f"What is the registration on the {colour} plate?",
        f"there are a few plates in this photo, read the {colour} one please",
        f"Could you type out what's written on the {colour} number plate?",
        f"{colour} plate: letters and digits?",
        f"I need the number on the {colour} plate for a form, what does it say?",
    )
    return kit.done(
        scene,
        asks[n],
        texts[0],
        form=WORDS,
        see=("0",),
        answers=(texts[0].replace(" ", ""),),
        group=f"plates {n}",
        steps=f"the {colour} plate says {texts[0]}",
    )


@form("daily", "PR")
def sums(kit: Kit, n: int) -> Draft:
    """A sum over two or three tags."""
    prices = [5 * value for value in kit.whole(30, 300, 8)]
    scene, things = shelf(kit, prices, 8)
    (one, first, _), (two, second, _), (three, third, _) = things[:3]
    a, b, c = (Decimal(value) / 100 for value in prices[:3])
    dearest, cheapest = max(prices), min(prices)
    asks: tuple[tuple[str, Decimal, str, tuple[str, ...]], ...] = (
        (
            f"If I take two of the {one} and one {two}, what's the total in euros?",
            2 * a + b,
            f"2 x {a} + {b}",
            ("0/tag", "1/tag"),
        ),
        (
            f"I hand over a 50 euro note for the {one} and the {three}. How much change do I get?",
            50 - a - c,
            f"50 - {a} - {c}",
            ("0/tag", "2/tag"),
        ),
        (
            "By how many euros does the most expensive thing here beat the cheapest one?",
            Decimal(dearest - cheapest) / 100,
            f"{dearest / 100} - {cheapest / 100}",
            (f"{prices.index(dearest)}/tag", f"{prices.index(cheapest)}/tag"),
        ),
        (
            f"The {one}, the {two} and the {three} together: how much?",
            a + b + c,
            f"{a} + {b} + {c}",
            ("0/tag", "1/tag", "2/tag"),
        ),
        (
            f"How many of the {two} could I get for 60 euros at most?",
            Decimal(int(60 / b)),
            f"60 / {b}, rounded down",
            ("1/tag",),
        ),
    )
    question, value, steps, see = asks[n]
    return kit.done(
        scene,
        question,
        value,
        form=measured("€") if n != 4 else None,
        see=see,
        entities=(first, second, third),
        steps=f"{steps} = {plain(value)}",
    )


DISHES = (
    "Tomato soup",
    "Rice bowl",
    "Lentil curry",
    "Green salad",
    "Apple cake",
    "Iced tea",
    "Black coffee",
    "Bread",
    "Omelette",
    "Fish pie",
    "Lemonade",
    "Noodles",
    "Pancakes",
    "Roast corn",
)


@form("daily", "PR")
def receipt(kit: Kit, n: int) -> Draft:
    """A small receipt whose total is not printed."""
    scene = kit.scene()
    dishes = kit.rng.sample(DISHES, 6)
    prices = [Decimal(5 * value) / 100 for value in kit.whole(36, 260, 6)]
    counts = [kit.rng.choice((1, 1, 2, 3)) for _ in dishes]
    rows = [
        [str(count), dish, f"{cost:.2f}"] for count, dish, cost in zip(counts, dishes, prices, strict=True)
    ]
    panel = table("Corner Kitchen", ("Qty", "Item", "Each"), rows, PAPER, right=(2,), foot="Thank you!")
    kit.stick(scene, panel, 195, "receipt")
    for words, colour in (("TABLE 12", "black"), ("OPEN", "green"), ("NO CASH", "red")):
        kit.stick(scene, plate(words, colour), 84)
    total = sum((count * cost for count, cost in zip(counts, prices, strict=True)), Decimal(0))
    dear = max(range(6), key=lambda place: counts[place] * prices[place])
    rest = total - counts[0] * prices[0]
    asks = (
        ("The total got torn off my receipt. What did it come to?", total, "the sum of quantity x price"),
        (
            f"My friend pays for the {dishes[0].lower()} on this bill, I pay the rest. How much is my part?",
            rest,
            "the total without that line",
        ),
        ("I paid this receipt with a hundred. How much did I get back?", 100 - total, "100 - total"),
        (
            "How many items in all were ordered on this slip, counting quantities?",
            Decimal(sum(counts)),
            "the sum of the quantities",
        ),
        (
            "Which line costs most once you multiply by the quantity, and how much is it? give me just the amount",
            counts[dear] * prices[dear],
            f"{counts[dear]} x {prices[dear]}",
        ),
    )
    question, value, steps = asks[n]
    unit = None if n == 3 else measured("€")
    lines = "; ".join(
        f"{count} x {dish} at {cost}" for count, dish, cost in zip(counts, dishes, prices, strict=True)
    )
    return kit.done(
        scene,
        question,
        value,
        form=unit,
        see=("receipt",),
        group=f"receipt {n}",
        steps=f"{lines}; {steps} = {plain(value)}",
    )


@form("daily", "PR")
def labels(kit: Kit, n: int) -> Draft:
    """Parcels with a weight and a number on a small label."""
    scene = kit.scene()
    marks = kit.rng.sample([f"{letter}{digit}" for letter in "ABCDEFGH" for digit in range(1, 10)], 8)
    weights = [Decimal(value) / 10 for value in kit.whole(11, 98, 8)]
    for place, (mark, weight) in enumerate(zip(marks, weights, strict=True)):
        kit.stick(
            scene,
            plate(f"{mark} · {weight} kg", kit.rng.choice(("white", "yellow", "orange"))),
            108,
            str(place),
        )
    order = sorted(range(8), key=lambda place: weights[place])
    light, heavy = order[0], order[-1]
    limit = weights[order[4]] - Decimal("0.05")
    over = [place for place in order if weights[place] > limit]
    four = sum(weights[place] for place in order[:3])
    asks = (
        (
            f"What do parcels {marks[0]} and {marks[1]} weigh together?",
            weights[0] + weights[1],
            (0, 1),
            f"{weights[0]} + {weights[1]}",
            "kg",
        ),
        (
            "How much heavier is the heaviest parcel than the lightest?",
            weights[heavy] - weights[light],
            (heavy, light),
            f"{weights[heavy]} - {weights[light]}",
            "kg",
        ),
        (
            f"how many of these parcels are over {limit} kg?",
            Decimal(len(over)),
            tuple(over),
            "counting the labels above the limit",
            "",
        ),
        (
            "if i carry the three lightest ones, how many kilos is that",
            four,
            tuple(order[:3]),
            "the three smallest weights added",
            "kg",
        ),
        (
            f"Parcel {marks[3]} minus parcel {marks[5]}: what's the difference in grams?",
            abs(weights[3] - weights[5]) * 1000,
            (3, 5),
            f"|{weights[3]} - {weights[5]}| x 1000",
            "g",
        ),
    )
    question, value, see, steps, unit = asks[n]
    return kit.done(
        scene,
        question,
        value,
        form=measured(unit) if unit else None,
        see=[str(place) for place in see],
        group=f"labels {n}",
        steps=f"{steps} = {plain(value)}",
    )
