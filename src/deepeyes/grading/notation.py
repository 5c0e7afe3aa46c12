"""One way of writing for texts that differ in notation only; below everything that compares answers.

Models, data sets and keyboards write the same answer in many ways: full-width digits, curly quotes, dashes of
four kinds, `$12 \\mathrm{~m}$`, `**12 m**`. There are three steps, each a function: `folded` makes look-alike
characters one, `bare` takes off markup and what stands around an answer, `canonical` also drops case and
small words.

What always holds: no step changes what is said. A superscript stays a power ("10²" is "10^2", never "102"), a
fraction stays one ("1½" is "1 1/2", never "11/2"), and "5!", "5'", ".5", "C#", "A+", "-5" and "007" are not
"5", "C", "A" or "7". Nothing is made empty, nothing raises, and the time is linear in the length.
"""

from __future__ import annotations

import html
import re
import unicodedata
from functools import lru_cache

_SPACES = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_UNSEEN = (
    "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\ufe0e\ufe0f"
    "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212\ufe58\ufe63\uff0d"
_SINGLE = "\u2018\u2019\u201a\u201b\u02bc\u02b9\u2032\u00b4\u2039\u203a\uff07"
_DOUBLE = "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb\u300c\u300d\u300e\u300f\u301d\u301e\uff02"
_SQUARED = {"㎟": "mm^2", "㎠": "cm^2", "㎡": "m^2", "㎢": "km^2", "㎨": "m/s^2", "㎯": "rad/s^2"}
_CUBED = {"㎣": "mm^3", "㎤": "cm^3", "㎥": "m^3", "㎦": "km^3"}
_CIRCLED = {chr(0x2460 + place): f"({place + 1})" for place in range(20)}
_ONE = str.maketrans(
    {
        **dict.fromkeys(_SPACES, " "),
        **dict.fromkeys(_UNSEEN, None),
        **dict.fromkeys(_DASHES, "-"),
        **dict.fromkeys(_SINGLE, "'"),
        **dict.fromkeys(_DOUBLE, '"'),
        **_SQUARED,
        **_CUBED,
        **_CIRCLED,
        **{"\u02da": "°", "\u2044": "/", "\u2215": "/", "\u066b": ".", "\u066c": ",", "\u066a": "%"},
        **{"\u22c5": "·", "\u2219": "·", "\u2217": "*", "\u2236": ":", "\u3002": ".", "\uff61": "."},
    }
)
_SUPER = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱ"
_SUB = "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎"
_LOWERED = str.maketrans(_SUPER + _SUB, "0123456789+-=()ni" + "0123456789+-=()")
_SMALL_FRACTION = re.compile(r"(?<![⁰¹²³⁴-⁹])([⁰¹²³⁴-⁹]++)[⁄/∕]([₀-₉]++)")
_THIN_GROUP = re.compile(r"(?<=[0-9])[\u00a0\u2007\u2009\u202f](?=[0-9]{3}(?![0-9]))")
_TICK = re.compile(r"(?<=[^\W\d_])`(?=[^\W\d_])")
_RAISED = re.compile(rf"([{_SUPER}]+)([0-9]?)|([{_SUB}]+)([0-9]?)")
_VULGAR = re.compile(r"([0-9]?)([¼½¾⅐-⅞↉])(?=([0-9¼½¾⅐-⅞↉])?)")
_RING = re.compile(r"(?<=[0-9^{])[º∘]|(?<=[0-9] )∘")
_ENTITY = re.compile(r"&(?:[a-zA-Z]{2,8}[0-9]{0,2}|#[0-9]{1,6}|#[xX][0-9a-fA-F]{1,5});")
_MARKS = re.compile(r"[®™℠]")
_FOREIGN_DIGIT = re.compile(r"[^\W0-9a-zA-Z_]")


def folded(text: str) -> str:
    """The text with one character for all that look and mean alike; case, words and markup are kept."""
    if "&" in text and ";" in text:
        text = _ENTITY.sub(lambda found: html.unescape(found[0]), text)
    if "`" in text:
        text = _TICK.sub("'", text)
    if text.isascii():
        return text.replace("''", '"') if "''" in text else text
    text = _THIN_GROUP.sub("'", text)
    text = _RING.sub("°", text)
    text = _VULGAR.sub(_written_fraction, text)
    text = _SMALL_FRACTION.sub(_small_fraction, text)
    text = text.translate(_ONE)
    text = _RAISED.sub(_raised, text)
    text = _MARKS.sub("", text) if _MARKS.sub("", text).strip() else text
    text = unicodedata.normalize("NFKC", text).translate(_ONE)
    text = _FOREIGN_DIGIT.sub(_digit, text)
    return text.replace("''", '"')


def _written_fraction(found: re.Match[str]) -> str:
    """A vulgar fraction as "1/2", apart from the whole number before it: "1½" is "1 1/2"."""
    above, _, below = unicodedata.normalize("NFKC", found[2]).partition("\u2044")
    before = f"{found[1]} " if found[1] else ""
    return f"{before}{above}/{below}{' ' if found[3] else ''}"


def _small_fraction(found: re.Match[str]) -> str:
    """Small digits on both sides of a stroke as a fraction, apart from a whole number before it."""
    apart = found.start() > 0 and found.string[found.start() - 1].isdigit()
    return f"{' ' if apart else ''}{found[1].translate(_LOWERED)}/{found[2].translate(_LOWERED)}"


def _raised(found: re.Match[str]) -> str:
    """A run of superscripts as "^12", of subscripts as "_12"; a digit after it stays apart."""
    sign, run, after = ("^", found[1], found[2]) if found[1] else ("_", found[3], found[4])
    return f"{sign}{run.translate(_LOWERED)}{' ' if after else ''}{after}"


def _digit(found: re.Match[str]) -> str:
    """A decimal digit of another script as ours."""
    value = unicodedata.decimal(found[0], None)
    return found[0] if value is None else str(value)


_LOST_ESCAPE = re.compile(r"\f(?=rac\b)|\x08(?=oxed\b)|\t(?=(?:ext|imes|frac)\b)")
_ESCAPED = {"\f": "\\f", "\x08": "\\b", "\t": "\\t"}
_MATHS = re.compile(
    r"(?<![\\$])\$\$((?:[^$\\]|\\.)++)\$\$|(?<![\\$])\$(?!\s)((?:[^$\\]|\\.)++)(?<!\s)\$(?![\d$])"
    r"|\\\(|\\\)|\\\[|\\\]"
)
_FONT = (
    r"\\(?:text|textbf|textit|textrm|textsf|texttt|textnormal|emph|mbox|hbox|mathrm|mathbf|mathit|mathsf|mathtt"
    r"|operatorname|boldsymbol|bm)\s?\{"
)
_WORDS_IN_MATHS = re.compile(rf"{_FONT}([^{{}}]*)\}}")
_DEGREES = re.compile(r"\s?\^\s?\{?\s?\\(?:circ|degree)\b\s?\}?|\\(?:degree|textdegree)\b(?:\{\})?|\^°")
_SPACING = re.compile(r"\\(?:[,;: ]|quad\b|qquad\b|thinspace\b)|(?<=[\d}])~(?=\S)|~(?=[a-zA-Z])")
_NUMBER_FRACTION = re.compile(
    r"([0-9]?)\s?\\[dtc]?frac(?:\s?\{\s?([0-9]{1,40})\s?\}\s?\{\s?([0-9]{1,40})\s?\}|\s?([0-9])([0-9])|\s?([0-9])\{([0-9]{1,40})\}"
    r"|\s?\{([0-9]{1,40})\}([0-9]))"
)
_ONE_GROUP = re.compile(r"([\^_])\{([-+]?\w{1,40})\}(?!\w)")
_ESCAPES = re.compile(r"\\([$%#&_])")
_LEFT_RIGHT = re.compile(r"\\(?:left|right|displaystyle|textstyle)(?![a-zA-Z])\s?")


def _without_maths_markup(text: str) -> str:
    """LaTeX that only dresses: delimiters, fonts, spacing, degree signs, fractions of whole numbers."""
    if "\\" in text:
        text = _LEFT_RIGHT.sub("", text).replace("\\!", "").replace("{,}", ",")
        text = _DEGREES.sub("°", text)
        for _ in range(3):
            text, changes = _WORDS_IN_MATHS.subn(r"\1", text)
            if not changes:
                break
        text = _SPACING.sub(" ", text)
        text = _NUMBER_FRACTION.sub(_plain_fraction, text)
    text = _MATHS.sub(lambda found: found[1] or found[2] or "", text)
    text = _ONE_GROUP.sub(r"\1\2", text).replace("{,}", ",")
    return _ESCAPES.sub(r"\1", text)


def _plain_fraction(found: re.Match[str]) -> str:
    above, below = found[2] or found[4] or found[6] or found[8], found[3] or found[5] or found[7] or found[9]
    return f"{found[1]} {above}/{below}" if found[1] else f"{above}/{below}"


_PLAIN = re.compile(r"-?[A-Za-z0-9]+(?:[ .][A-Za-z0-9]+)*")
_BOLD = re.compile(r"(?<![\w*])\*\*(?=\S)([^*]*[^*\s])\*\*(?![\w*])")
_ORDINAL = re.compile(r"(?<=[0-9])\^\{?(st|nd|rd|th)\b\}?")
_FENCES = ("***", "**", "*", "```", "``", "`", '"', "'", "$$", "$", "_")
_FENCE_BEGINS = frozenset("*`\"'$_")
_BOX = re.compile(rf"\\(?:boxed|fbox)\s?\{{|{_FONT}")
_EXCLAIMED = re.compile(r"[^\W\d_]{2}[!?]+$")
_LEADING = re.compile(r"(?:[ ,;:]*[ ;:]|,+(?!\d))(?=[\w$\\*\"'(\[{.-])")
_SPACED_SIGN = re.compile(r"(?<=[0-9]) (?=[°%])")
_SCRIPT = re.compile(r"<(sup|sub)>([-+]?\w{1,20})</\1>(?!\w)", re.IGNORECASE)
_TAG = re.compile(r"</?(?:b|i|u|em|strong|code|span|mark|p|div|br ?/?)>", re.IGNORECASE)
_MAX_LAYERS = 8
_LONGEST_CACHED = 256


def bare(text: str) -> str:
    """A folded answer without what stands around it: markup, quotes, a box, brackets around all of it, the
    full stop. Case is kept, runs of white space are one space. A text of nothing else is kept as it is.
    """
    if _PLAIN.fullmatch(text):
        return text
    return _bare(text) if len(text) <= _LONGEST_CACHED else _bare.__wrapped__(text)


@lru_cache(maxsize=1024)  # each kind looks at the same answer
def _bare(text: str) -> str:
    text = folded(text)
    if "\f" in text or "\x08" in text or "\t" in text:
        text = _LOST_ESCAPE.sub(lambda found: _ESCAPED[found[0]], text)
    if "<" in text and ">" in text:
        text = _TAG.sub("", _SCRIPT.sub(_raised_tag, text)) or text
    whole = text = " ".join(text.split())
    for _ in range(_MAX_LAYERS):
        peeled = _peeled(text)
        if peeled == text:
            break
        text = peeled
    if "\\" in text or "$" in text or "{" in text:
        text = " ".join(_without_maths_markup(text).split())
        text = _peeled(_peeled(text))
    if "^" in text:
        text = _ORDINAL.sub(r"\1", text)
    if "**" in text:
        text = _BOLD.sub(r"\1", text)
    return _SPACED_SIGN.sub("", text) or whole


def _raised_tag(found: re.Match[str]) -> str:
    """HTML's small digits as "^2" and "_2"."""
    return f"{'^' if found[1].lower() == 'sup' else '_'}{found[2]}"


def _peeled(text: str) -> str:
    """One layer less, or the same text."""
    trimmed = text.rstrip(" ,;:")
    if trimmed.endswith(".") and trimmed.strip(". "):
        trimmed = trimmed.rstrip(". ")
    elif _EXCLAIMED.search(trimmed[-40:]):
        trimmed = trimmed.rstrip("!?")
    if lead := _LEADING.match(trimmed):
        trimmed = trimmed[lead.end() :] or text
    if trimmed.startswith("\\") and trimmed.endswith("}") and (box := _BOX.match(trimmed)):
        inside = trimmed[box.end() : -1].strip()
        if inside and _closing(trimmed, box.end() - 1, "{", "}") == len(trimmed) - 1:
            return inside
    if trimmed.startswith(("\\(", "\\[")) and trimmed.endswith(("\\)", "\\]")) and len(trimmed) > 4:
        inside = trimmed[2:-2]
        if "\\)" not in inside and "\\]" not in inside and inside.strip():
            return inside.strip()
    if trimmed.startswith("(") and trimmed.endswith(")") and "," not in trimmed:
        inside = trimmed[1:-1]
        if inside.strip() and _closing(trimmed, 0, "(", ")") == len(trimmed) - 1:
            return inside.strip()
    for fence in _FENCES if trimmed[:1] in _FENCE_BEGINS else ():
        if trimmed.startswith(fence) and trimmed.endswith(fence) and len(trimmed) > 2 * len(fence):
            inside = trimmed[len(fence) : -len(fence)]
            if fence not in inside and inside.strip(" ._"):
                return inside.strip()
    return trimmed


def _closing(text: str, start: int, opening: str, closing: str) -> int:
    """Where the bracket that opens at `start` closes; -1 if it never does."""
    depth = 0
    for found in re.compile(f"[{re.escape(opening)}{re.escape(closing)}]").finditer(text, start):
        depth += 1 if found[0] == opening else -1
        if depth == 0:
            return found.start()
    return -1


_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty"
_WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", *_TEENS.split()]
_NUMBER_OF = {word: str(number) for number, word in enumerate(_WORDS)}
_PREFIX = re.compile(r"^(?:the )?(?:final )?answer(?: is|:| =)\s*")
_ARTICLE = re.compile(r"(?:an?|the) (?=\S)")
_HYPHEN = re.compile(r"(?<=[^\W\d]{2})-(?=[^\W\d])|(?<=[^\W\d])-(?=[^\W\d]{2})")
_RANGE = re.compile(r"(?<=[0-9]) - (?=[0-9])")
_TIMES = re.compile(r"(?<=[0-9]) ?[×x] ?(?=[0-9])")
_THOUSANDS = re.compile(r"[-+]?[1-9][0-9]{0,2}(?:(?:,[0-9]{3})+|(?:'[0-9]{3})+)(?:\.[0-9]+)?")
_DECIMAL = re.compile(r"(-?)((?:0|[1-9][0-9]*)?)\.([0-9]+)")
_FORMULA = re.compile(r"(?<![\w^{}\\])(?:[A-Z][a-z]?(?:_[0-9]+)?)+(?!\w)")
_SIGNS = {
    **{"alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "theta": "θ", "lambda": "λ"},
    **{"mu": "μ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ", "omega": "ω", "Delta": "Δ"},
    **{"Sigma": "Σ", "Omega": "Ω", "angle": "∠", "triangle": "△", "parallel": "∥", "perp": "⊥", "to": "→"},
    **{"rightarrow": "→", "infty": "∞", "pm": "±", "leq": "≤", "le": "≤", "geq": "≥", "ge": "≥"},
    **{"neq": "≠", "ne": "≠"},
}
_SIGN = re.compile(rf"\\({'|'.join(_SIGNS)})(?![a-zA-Z]) ?")
_SEGMENT = re.compile(r"\\overline\{([A-Z]{2})\}")


def canonical(text: str) -> str:
    """One way of writing for all notations that mean the same: what is equal here is the same answer."""
    return _remembered(text) if len(text) <= _LONGEST_CACHED else _canonical(text)


def _canonical(text: str) -> str:
    text = bare(text)
    if "\\" in text:
        text = _SEGMENT.sub(r"\1", _SIGN.sub(lambda found: _SIGNS[found[1]], text))
    if "_" in text:
        text = _FORMULA.sub(lambda found: found[0].replace("_", ""), text)
    text = text.casefold()
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    if stated := _PREFIX.match(text):
        text = bare(text[stated.end() :]) or text
    if article := _ARTICLE.match(text):
        text = text[article.end() :]
    if "-" in text:
        text = _RANGE.sub("-", _HYPHEN.sub(" ", text).replace("->", "→"))
    if "×" in text or "x" in text:
        text = _TIMES.sub("x", text)
    text = _NUMBER_OF.get(text, text)
    if _THOUSANDS.fullmatch(text):
        text = text.replace(",", "").replace("'", "")
    if decimal := _DECIMAL.fullmatch(text):
        places = decimal[3].rstrip("0")
        text = f"{decimal[1]}{decimal[2] or '0'}{'.' if places else ''}{places}"
    return text


_remembered = lru_cache(maxsize=8192)(_canonical)
