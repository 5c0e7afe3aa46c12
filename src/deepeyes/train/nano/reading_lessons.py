"""Lessons in reading: a page's snippet as a search gives it, and a question that it answers.

The snippets are of real pages of the training split, but every digit in them is drawn anew, the thing has
another's name, country and kind. What always holds: an answer stands in what was shown, and must be read
there; it cannot be remembered.
"""

import functools
import random
import re
from typing import NamedTuple

from deepeyes.world import phrases
from deepeyes.world.families.lookups import LOOKUPS, NOUNS, WORDINGS, Lookup
from deepeyes.world.plan import ASK, call
from deepeyes.world.real import Real, listed
from deepeyes.world.teacher import SEEN, answer

from .batch import ChatMessage, Exchange

PAGES = 3
"""Questions of one lesson."""
CHARS = (60, 200)
"""Fewest and most characters of a snippet."""
LEAD, TRAIL = 25, 10
"""Fewest characters of a snippet before the fact and after it, where the page has so many."""
LABEL_WITHIN = 80
"""Characters before a value within which its label must stand, on pages that list facts."""
LINE, TITLE, LOOKUP = 0.15, 0.2, 0.3
"""Shares of the lines to repeat, of the lists of titles and of the lookups; the rest are single snippets."""
LINE_WORDS = (2, 5)
"""Fewest and most names and numbers in a line to repeat among other questions."""
NAMES, GROUPED = 0.6, 0.7
"""Shares of a line's words that are names, and of its numbers that are whole and grouped by commas."""
KNOWN_COUNTRY = 0.5
"""Share of the countries in a page that are real ones; the others have made-up names."""
BLENDED, ODD, WORDS, SMALL = 0.2, 0.2, 0.4, 0.4
"""Shares of the names that are made of two halves, of scraps and of words, and of those in small letters."""
TITLES = ("Flag of {}", "Logo of {}", "Photograph of {}", "Drawing of {}", "{} in the periodic table")
AGAIN = ("Say it again.", "Repeat it.", "Write it once more.", "Copy it.")
WHO = ("What is first?", "What is the best hit?", "Which is the first?", "Name the best hit.")
SITES = ("{}.com", "{}.org", "{}.io", "www.{}.net", "docs.{}.dev", "about.{}.com")


class Page(NamedTuple):
    """A page as a search gives it: whose it is, title and snippet, and the fact in it."""

    kind: str
    name: str
    text: str
    lookup: Lookup
    fact: str


def draw_reading(rng: random.Random, split: str) -> list[Exchange]:
    """Snippets with a question each, searches from an image's title to the fact, lists of titles whose
    first names the thing, and lines to repeat: many words copied in one lesson are what teaches to copy a
    few.
    """
    said: list[Exchange] = []
    while len(said) < PAGES:
        choice = rng.random()
        if choice < LINE:
            said.append(draw_line(rng, split, rng.randint(*LINE_WORDS)))
        elif choice < LINE + TITLE:
            name = _name(rng, split)
            asked = f"{_titles(rng, split, name)}{rng.choice(WHO)}"
            said.append(_exchange("title", asked, answer(SEEN, name)))
        elif choice < LINE + TITLE + LOOKUP:
            said += _lookup(rng, split)
        else:
            page = _page(rng, split)
            question = phrases.ask(rng, WORDINGS, fact=page.lookup.asked, it=page.name)
            said.append(_exchange("fact", f"{page.text}{question}", answer(SEEN, page.fact)))
    return said


def _lookup(rng: random.Random, split: str) -> list[Exchange]:
    """What a search's teacher does from the titles of the images on, about things that nobody knows."""
    page = _page(rng, split)
    question = phrases.ask(rng, WORDINGS, fact=page.lookup.asked, it=NOUNS[page.kind])
    asked = f"{question}\nOutput:\n{_titles(rng, split, page.name)}"
    told = call(f"It is {page.name}. {ASK}", "search", query=f"{page.lookup.query} {page.name}")
    found = answer(f"It says {page.fact}.", page.fact)
    return [_exchange("query", asked, told), _exchange("found", f"Output:\n{page.text}", found)]


def _titles(rng: random.Random, split: str, name: str) -> str:
    """Titles of images, the first of `name`."""
    names = enumerate((name, _name(rng, split)), start=1)
    return "".join(f"{number}. {rng.choice(TITLES).format(name)}\n" for number, name in names)


def draw_line(rng: random.Random, split: str, words: int) -> Exchange:
    """Names and numbers in no order, to be said again."""
    drawn = (_name(rng, split) if rng.random() < NAMES else _number(rng) for _ in range(words))
    line = " ".join(drawn)
    return _exchange("line", f"{line}\n{rng.choice(AGAIN)}", answer(SEEN, line))


def _exchange(kind: str, asked: str, told: str) -> Exchange:
    return Exchange(kind, ChatMessage("user", (asked,)), ChatMessage("assistant", (told,)))


def _number(rng: random.Random) -> str:
    whole = rng.randrange(10 ** rng.randint(1, 6))
    return f"{whole:,}" if rng.random() < GROUPED else f"{whole / 100:g}"


def _page(rng: random.Random, split: str) -> Page:
    """A page of the split under another name, with other digits and names in it."""
    while True:
        kind = rng.choice([kind for kind in LOOKUPS if listed(kind, split)])
        thing = rng.choice(listed(kind, split))
        lookups = [lookup for lookup in LOOKUPS[kind] if lookup.fact in thing.facts]
        if not lookups:
            continue
        lookup = rng.choice(lookups)
        found = _window(rng, thing, lookup.fact)
        if found is not None:
            break
    before, value, after = found
    if re.search(r"\d", value):
        digits = rng.choices("123456789", k=10)
        changed = str.maketrans("1234567890", "".join(digits))
        before, value, after = (part.translate(changed) for part in (before, value, after))
    if lookup.fact == "country":
        value = (
            rng.choice(listed("country", "train")).name if rng.random() < KNOWN_COUNTRY else _name(rng, split)
        )
    if lookup.fact == "kind of":
        value = _name(rng, split).lower()
    if lookup.fact == "logo source":
        value = rng.choice(SITES).format(re.sub(r"\W", "", _name(rng, split).lower()))
    name = _name(rng, split)
    title = rng.choice((f"{name}: Properties", f"{name}: People and Society", name, name))
    before, after = (part.replace(thing.name, name) for part in (before, after))
    text = re.sub(r"\s+", " ", f"{before}{value}{after}")
    number = value.replace(",", "") if re.fullmatch(r"[\d,.\-]+", value) else value
    return Page(kind, name, f"1. {title}\n... {text} ...\n", lookup, number)


def _window(rng: random.Random, thing: Real, fact: str) -> tuple[str, str, str] | None:
    """The text before a fact's value on its page, the value as it stands there, and the text after it."""
    text, value = thing.page[fact], thing.facts[fact]
    forms = [thing.written(fact), f"{value:,}" if isinstance(value, int) else ""]
    if isinstance(value, float) and value.is_integer():
        forms.append(f"{int(value):,}")
    label = (
        "" if thing.kind == "monument" else fact.split()[0].lower()
    )  # monuments' pages tell, they don't list
    spots = [
        (match.start(), form)
        for form in forms
        if form
        for match in re.finditer(rf"(?<![\d.,]){re.escape(form)}(?![\d]|[.,]\d)", text)
        if label in text[max(match.start() - LABEL_WITHIN, 0) : match.start()].lower()
    ]
    if not spots:
        return None
    at, form = rng.choice(spots) if thing.kind == "monument" else spots[0]
    chars = rng.randint(*CHARS)
    first = max(at - rng.randint(LEAD, max(chars - LEAD, LEAD + 1)), 0)
    first = text.find(" ", first) + 1 if first > 0 and text.find(" ", first) < at else first
    last = min(first + max(chars, at + len(form) - first + TRAIL), len(text))
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
    elif choice < BLENDED + ODD + WORDS:
        words = rng.choices(_words(split), k=rng.choice((1, 1, 2)))
        name = rng.choice((" ", " ", " of ")).join(word.capitalize() for word in words)
    return name.lower() if rng.random() < SMALL else name


def _scrap(rng: random.Random, split: str) -> str:
    """One to four letters out of a name."""
    name = rng.choice(_names(split))
    first = rng.randrange(len(name))
    return name[first : first + rng.randint(1, 4)]


@functools.cache
def _words(split: str) -> tuple[str, ...]:
    """Every word of the pages, once: rare ones are drawn as often as frequent ones, and so are the scraps
    that they are written with.
    """
    texts = {text for kind in LOOKUPS for thing in listed(kind, split) for text in thing.page.values()}
    return tuple(sorted({word.lower() for text in texts for word in re.findall(r"[A-Za-z]{3,14}", text)}))


@functools.cache
def _names(split: str) -> tuple[str, ...]:
    """Names of places and brands: thousands, so that none is learned by heart."""
    cities = [thing.name.partition(",")[0] for thing in listed("city", split)]
    return tuple(dict.fromkeys([*cities, *(thing.name for thing in listed("brand", split))]))
