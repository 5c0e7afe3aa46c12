"""What stands on ordinary signs: words of several languages, names, codes, numbers, prices, times.

What always holds: a string, whatever its case, is in one split only.
"""

import functools
import random
import re
import zlib
from importlib import resources

MARKS = ".,-'&!?:/+#%$€()"
ACCENTED = "ÀÁÂÃÄÅÇÈÉÊËÌÍÎÑÓÔÖØÙÚÛÜ"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
READ = "0123456789" + LETTERS + ACCENTED + MARKS
"""All that can be told apart on a sign, case aside."""

SHORTEST, LONGEST = 2, 12
"""Fewest and most characters that a line may be limited to. Of one character there are too few strings for
every split to have some.
"""
WORD, CODE, MADE_UP = 0.42, 0.24, 0.2
"""Shares of the strings that are words, codes and made-up words; the rest are words strung at random from
letters, so that nothing can be guessed from what usually stands together.
"""
UPPER, TITLE, LOWER = 0.5, 0.3, 0.14
"""Shares of the strings in capitals, with one capital, and in small letters; the rest mix."""
_ONSETS = re.findall(
    r"\w+",
    "b c d f g h j k l m n p qu r s t v w x y z bl br ch cl cr dr fl fr gl gr pl pr sc sh sk sl sp st str",
)
_NUCLEI = re.findall(r"\w+", "a e i o u y ai au ea ee ei eu ie io oa oo ou")
_CODAS = ["", "", "", *re.findall(r"\w+", "b ck d f g l ll m n nd ng nt p r rd rk rm rn rt s ss st t x z")]


def split_of(text: str) -> str:
    """The one split that may show `text`: three quarters train; test and rl a tenth each, validation a
    twentieth.
    """
    place = zlib.crc32(b"sign/" + text.casefold().encode()) % 20
    return {0: "test", 1: "test", 2: "validation", 3: "rl", 4: "rl"}.get(place, "train")


def draw_line(rng: random.Random, split: str, longest: int = LONGEST, *, ordinary: bool = False) -> str:
    """One line of text of `split`, at most `longest` characters (`SHORTEST` or more); an `ordinary` one is a
    word or a code.
    """
    if longest < SHORTEST:
        raise ValueError(
            f"no split is sure to have a line of {longest} characters: ask for {SHORTEST} or more"
        )
    while True:
        text = _cased(rng, _drawn(rng, WORD + CODE if ordinary else 1.0))
        if 0 < len(text) <= longest and split_of(text) == split:
            return text


def spoken(text: str) -> str:
    """How the nano model says what stands on a sign: in capitals, one token a character."""
    return text.upper()


def _drawn(rng: random.Random, below: float) -> str:
    choice = rng.random() * below
    if choice < WORD:
        first = rng.choice(sign_words())
        return f"{first} {rng.choice(sign_words())}" if len(first) < 7 and rng.random() < 0.18 else first
    if choice < WORD + CODE:
        return _code(rng)
    if choice < WORD + CODE + MADE_UP:
        syllables = rng.choice((1, 2, 2, 3))
        return "".join(rng.choice(part) for _ in range(syllables) for part in (_ONSETS, _NUCLEI, _CODAS))
    return "".join(rng.choice(LETTERS) for _ in range(rng.randint(1, 8)))


def _code(rng: random.Random) -> str:
    def digits(low: int, high: int) -> str:
        return "".join(rng.choice("0123456789") for _ in range(rng.randint(low, high)))

    def letters(low: int, high: int) -> str:
        return "".join(rng.choice(LETTERS) for _ in range(rng.randint(low, high)))

    match rng.randrange(14):
        case 0 | 1:
            return letters(1, 2) + digits(1, 3)
        case 2:
            return digits(1, 3) + letters(1, 2)
        case 3 | 4:
            return digits(1, 5)
        case 5:
            return f"{letters(1, 3)}-{digits(2, 4)}"
        case 6:
            return f"{letters(2, 3)} {digits(3, 4)}"
        case 7:
            return f"{rng.randrange(24)}:{rng.randrange(60):02}"
        case 8:
            price = f"{rng.randrange(1, 200)}.{rng.choice((0, 49, 50, 75, 90, 95, 99)):02}"
            return rng.choice((f"${price}", f"€{price}", price))
        case 9:
            return f"{rng.randrange(1, 100)}%"
        case 10:
            words = ("No. ", "Room ", "Gate ", "Bay ", "Level ", "Exit ", "Bus ", "Zone ", "Unit ", "#")
            return rng.choice(words) + digits(1, 2) + rng.choice(("", "", letters(1, 1)))
        case 11:
            return f"{rng.randint(1, 28):02}/{rng.randint(1, 12):02}/{rng.randint(0, 99):02}"
        case 12:
            return "".join(rng.choice("0123456789" + LETTERS) for _ in range(rng.randint(2, 8)))
        case _:
            return f"{digits(1, 3)} {rng.choice(('km', 'm', 'kg', 'g', 'ml', 'cm', 'mph', 'min', 'V', 'W'))}"


def _cased(rng: random.Random, text: str) -> str:
    choice = rng.random()
    if choice < UPPER:
        return text.upper()
    if choice < UPPER + TITLE:
        return (
            re.sub(r"[^\W\d_]+", lambda word: word[0].capitalize(), text.lower())
            if " " in text
            else (text[:1].upper() + text[1:].lower())
        )
    return text.lower() if choice < UPPER + TITLE + LOWER else text


@functools.cache
def sign_words() -> tuple[str, ...]:
    """Words as they stand on signs, shops, labels and doors, of ten languages."""
    path = resources.files("deepeyes.world") / "assets" / "words.txt"
    lines = path.read_text("utf-8").splitlines()
    words = (word.replace("_", " ") for line in lines if not line.startswith("#") for word in line.split())
    return tuple(dict.fromkeys(word for word in words if len(word) <= LONGEST))
