"""Lessons in reading: a page's snippet as a search gives it, and a question that it answers.

The snippets are of real pages of the training split, but every digit in them is drawn anew, the thing has
another's name, country and kind: what is said must be read, it cannot be remembered.
"""

import functools
import random
import re

from deepeyes.world import phrases
from deepeyes.world.families.lookups import LOOKUPS, WORDINGS
from deepeyes.world.real import Real, listed
from deepeyes.world.teacher import SEEN, answer

from .batch import Turn

PAGES = 3
"""Snippets of one lesson."""
CHARS = (60, 200)
BLENDED, ODD, SMALL = 0.25, 0.4, 0.4
"""Shares of the names that are made up of two halves, of those that are made up of scraps, and of those in
small letters.
"""
TITLES = ("Flag of {}", "Logo of {}", "Photograph of {}", "Drawing of {}", "{} in the periodic table")
AGAIN = ("Say it again.", "Repeat it.", "Write it once more.", "Copy it.")
WHO = ("What is first?", "What is the best hit?", "Which is the first?", "Name the best hit.")


def draw_reading(rng: random.Random, split: str) -> list[tuple[str, Turn, Turn]]:
    """Snippets with a question each, lists of titles whose first names the thing, and lines to repeat: many
    words copied in one lesson are what teaches to copy a few.
    """
    said: list[tuple[str, Turn, Turn]] = []
    while len(said) < PAGES:
        choice = rng.random()
        if choice < 0.2:
            said.append(draw_line(rng, split, rng.randint(2, 5)))
            continue
        if choice < 0.45:
            names = [_name(rng, split), _name(rng, split)]
            lines = [f"{n}. {rng.choice(TITLES).format(name)}\n" for n, name in enumerate(names, start=1)]
            asked = "".join(lines) + rng.choice(WHO)
            said.append(("title", Turn("user", (asked,)), Turn("assistant", (answer(SEEN, names[0]),))))
            continue
        page = _page(rng, split)
        if page is not None:
            text, question, fact = page
            asked = f"{text}{question}"
            said.append(("fact", Turn("user", (asked,)), Turn("assistant", (answer(SEEN, fact),))))
    return said


def draw_line(rng: random.Random, split: str, words: int) -> tuple[str, Turn, Turn]:
    """Names and numbers in no order, to be said again."""
    drawn = (_name(rng, split) if rng.random() < 0.6 else _number(rng) for _ in range(words))
    line = " ".join(drawn)
    asked = f"{line}\n{rng.choice(AGAIN)}"
    return "line", Turn("user", (asked,)), Turn("assistant", (answer(SEEN, line),))


def _number(rng: random.Random) -> str:
    whole = rng.randrange(10 ** rng.randint(1, 6))
    return f"{whole:,}" if rng.random() < 0.7 else f"{whole / 100:g}"


def _page(rng: random.Random, split: str) -> tuple[str, str, str] | None:
    """A snippet under its title, a question about it and the answer."""
    kind = rng.choice([kind for kind in LOOKUPS if listed(kind, split)])
    thing = rng.choice(listed(kind, split))
    lookups = [lookup for lookup in LOOKUPS[kind] if lookup.fact in thing.facts]
    if not lookups:
        return None
    lookup = rng.choice(lookups)
    found = _window(rng, thing, lookup.fact)
    if found is None:
        return None
    before, value, after = found
    if re.search(r"\d", value):
        digits = rng.choices("123456789", k=10)
        changed = str.maketrans("1234567890", "".join(digits))
        before, value, after = (part.translate(changed) for part in (before, value, after))
    if lookup.fact == "country":
        value = rng.choice(listed("country", split)).name
    if lookup.fact == "kind of":
        value = _name(rng, split).lower()
    name = _name(rng, split)
    title = rng.choice((f"{name}: Properties", f"{name}: People and Society", name))
    before, after = (part.replace(thing.name, name) for part in (before, after))
    text = re.sub(r"\s+", " ", f"{before}{value}{after}")
    question = phrases.ask(rng, WORDINGS, fact=lookup.asked, it=name)
    number = value.replace(",", "") if re.fullmatch(r"[\d,.\-]+", value) else value
    return f"1. {title}\n... {text} ...\n", question, number


def _window(rng: random.Random, thing: Real, fact: str) -> tuple[str, str, str] | None:
    """The text before a fact's value on its page, the value as it stands there, and the text after it."""
    text, value = thing.page[fact], thing.facts[fact]
    forms = [thing.written(fact), f"{value:,}" if isinstance(value, int) else ""]
    if isinstance(value, float) and value.is_integer():
        forms.append(f"{int(value):,}")
    label = fact.split()[0].lower()
    spots = [
        (match.start(), form)
        for form in forms
        if form
        for match in re.finditer(rf"(?<![\d.,]){re.escape(form)}(?![\d]|[.,]\d)", text)
        if label in text[max(match.start() - 80, 0) : match.start()].lower()
    ]
    if not spots:
        return None
    at, form = spots[0]
    chars = rng.randint(*CHARS)
    first = max(at - rng.randint(25, max(chars - 25, 26)), 0)
    first = text.find(" ", first) + 1 if first > 0 and text.find(" ", first) < at else first
    last = min(first + max(chars, at + len(form) - first + 10), len(text))
    return text[first:at], form, text[at + len(form) : last]


def _name(rng: random.Random, split: str) -> str:
    """The name of a place or a brand, mostly one made up or in small letters: what can be copied must not
    depend on what is known, nor on which scraps of words are often together.
    """
    name, other = rng.choice(_names(split)), rng.choice(_names(split))
    choice = rng.random()
    if choice < BLENDED:
        name = name[: len(name) // 2] + other[len(other) // 2 :]
    elif choice < BLENDED + ODD:
        name = "".join(_scrap(rng, split) for _ in range(rng.randint(2, 4))).strip().capitalize() or name
    return name.lower() if rng.random() < SMALL else name


def _scrap(rng: random.Random, split: str) -> str:
    """One to four letters out of a name."""
    name = rng.choice(_names(split))
    first = rng.randrange(len(name))
    return name[first : first + rng.randint(1, 4)]


@functools.cache
def _names(split: str) -> tuple[str, ...]:
    """Names of places and brands: thousands, so that none is learned by heart."""
    cities = [thing.name.partition(",")[0] for thing in listed("city", split)]
    return tuple(dict.fromkeys([*cities, *(thing.name for thing in listed("brand", split))]))
