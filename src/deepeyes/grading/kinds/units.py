"""Units of measure: what they measure, and how many of the base unit one of them is.

Units are written in a hundred ways ("cm²", "sq. cm", "square centimetres", "km/h", "kilometers per hour",
"US$"), and an answer may be in another unit than its reference. What always holds: a factor is exact, so that
1200 cm is 12 m and nothing near it is; a symbol that stands for several things has one `Unit` for each of
them; and words that are no unit have none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache

Dimensions = tuple[tuple[str, int], ...]
"""Powers of base quantities by name, sorted: a speed is (("length", 1), ("time", -1))."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit: `value * factor + offset` is the value in base units."""

    name: str
    dimensions: Dimensions
    factor: Fraction = Fraction(1)
    offset: Fraction = Fraction(0)

    def base(self, value: int | Fraction) -> Fraction:
        return value * self.factor + self.offset


RATIO: Dimensions = (("ratio", 1),)
ANGLE: Dimensions = (("angle", 1),)
TEMPERATURE: Dimensions = (("temperature", 1),)
TIME: Dimensions = (("time", 1),)
CALENDAR: Dimensions = (("month", 1),)
"""Months and years, which have no fixed number of days."""
DATA: Dimensions = (("data", 1),)
"""Bytes; a kilobyte is 1000 of them, or 1024."""

_METRIC = {
    "m": ("metre meter mètre metro metri", "1", {"length": 1}),
    "g": ("gram gramme gramm gramo", "1/1000", {"mass": 1}),
    "s": ("second sec sekunde seconde segundo", "1", {"time": 1}),
    "L": ("litre liter litro", "1/1000", {"length": 3}),
    "W": ("watt", "1", {"mass": 1, "length": 2, "time": -3}),
    "Wh": ("watthour watt-hour", "3600", {"mass": 1, "length": 2, "time": -2}),
    "J": ("joule", "1", {"mass": 1, "length": 2, "time": -2}),
    "N": ("newton", "1", {"mass": 1, "length": 1, "time": -2}),
    "Pa": ("pascal", "1", {"mass": 1, "length": -1, "time": -2}),
    "V": ("volt", "1", {"mass": 1, "length": 2, "time": -3, "current": -1}),
    "A": ("ampere amp", "1", {"current": 1}),
    "Ω": ("ohm", "1", {"mass": 1, "length": 2, "time": -3, "current": -2}),
    "F": ("farad", "1", {"mass": -1, "length": -2, "time": 4, "current": 2}),
    "C": ("coulomb", "1", {"time": 1, "current": 1}),
    "T": ("tesla", "1", {"mass": 1, "time": -2, "current": -1}),
    "Hz": ("hertz", "1", {"time": -1}),
    "H": ("henry henrie", "1", {"mass": 1, "length": 2, "time": -2, "current": -2}),
    "Bq": ("becquerel", "1", {"decay": 1}),
    "Sv": ("sievert", "1", {"dose": 1}),
    "Gy": ("gray", "1", {"absorbed": 1}),
    "lm": ("lumen", "1", {"light": 1}),
    "lx": ("lux", "1", {"light": 1, "length": -2}),
    "cd": ("candela", "1", {"candela": 1}),
    "bps": ("bit_per_second", "1/8", {"data": 1, "time": -1}),
    "eV": ("electronvolt", "1", {"electronvolt": 1}),
    "cal": ("calorie", "1", {"calorie": 1}),
    "mol": ("mole", "1", {"substance": 1}),
    "B": ("byte", "1", {"data": 1}),
    "bit": ("bit", "1/8", {"data": 1}),
}
_PREFIXES = {
    **{"f": ("femto", "1/1000000000000000"), "p": ("pico", "1/1000000000000")},
    **{"n": ("nano", "1/1000000000"), "μ": ("micro", "1/1000000"), "u": ("micro", "1/1000000")},
    **{"m": ("milli", "1/1000"), "c": ("centi", "1/100"), "d": ("deci", "1/10"), "h": ("hecto", "100")},
    **{"k": ("kilo", "1000"), "M": ("mega", "1000000"), "G": ("giga", "1000000000")},
    **{"T": ("tera", "1000000000000"), "P": ("peta", "1000000000000000")},
}
_LARGE = frozenset("kMGT")
_LENGTH, _AREA, _VOLUME = {"length": 1}, {"length": 2}, {"length": 3}
_MASS, _SECONDS, _MONTHS, _SPEED = {"mass": 1}, {"time": 1}, {"month": 1}, {"length": 1, "time": -1}
_PRESSURE = {"mass": 1, "length": -1, "time": -2}
_OTHERS: list[tuple[str, str, dict[str, int]]] = [
    ('inch inches in in. " ″', "127/5000", _LENGTH),
    ("foot feet ft '", "381/1250", _LENGTH),
    ("yard yd", "1143/1250", _LENGTH),
    ("mile mi", "201168/125", _LENGTH),
    ("nautical_mile nmi", "1852", _LENGTH),
    ("light_year light-year ly", "9460730472580800", _LENGTH),
    ("astronomical_unit au", "149597870700", _LENGTH),
    ("parsec pc", "30856775814913673", _LENGTH),
    ("furlong", "25146/125", _LENGTH),
    ("fathom", "1143/625", _LENGTH),
    ("angstrom å", "1/10000000000", _LENGTH),
    ("hectare ha", "10000", _AREA),
    ("acre", "316160658/78125", _AREA),
    ("cc", "1/1000000", _VOLUME),
    ("gallon gal", "473176473/125000000000", _VOLUME),
    ("quart qt", "473176473/500000000000", _VOLUME),
    ("pint", "473176473/1000000000000", _VOLUME),
    ("cup", "473176473/2000000000000", _VOLUME),
    ("imperial_gallon gallon gal", "454609/100000000", _VOLUME),
    ("imperial_pint pint", "454609/800000000", _VOLUME),
    ("fluid_ounce fl_oz fl._oz.", "473176473/16000000000000", _VOLUME),
    ("tablespoon tbsp", "473176473/32000000000000", _VOLUME),
    ("teaspoon tsp", "157725491/32000000000000", _VOLUME),
    ("molar M", "1000", {"length": -3, "substance": 1}),
    ("kilo", "1", _MASS),
    ("tonne metric_ton t ton 吨", "1000", _MASS),
    ("short_ton ton", "45359237/50000", _MASS),
    ("pound lb lbs", "45359237/100000000", _MASS),
    ("ounce oz", "45359237/1600000000", _MASS),
    ("fluid_ounce oz ounce", "473176473/16000000000000", _VOLUME),
    ("carat", "1/5000", _MASS),
    ("stone", "317514659/50000000", _MASS),
    ("minute min mins minuto minuten 分钟 m '", "60", _SECONDS),
    ('s "', "1", _SECONDS),
    ("hour hr hrs h H heure hora stunde stunden 小时", "3600", _SECONDS),
    ("day d jour día tag tage 天", "86400", _SECONDS),
    ("week wk 周", "604800", _SECONDS),
    ("month mo 个月", "1", _MONTHS),
    ("year yr yrs y an año jahr jahre 年 岁", "12", _MONTHS),
    ("fortnight", "1209600", _SECONDS),
    ("decade", "120", _MONTHS),
    ("century centuries", "1200", _MONTHS),
    ("millennium millennia", "12000", _MONTHS),
    ("mph", "1397/3125", _SPEED),
    ("kmh kph kmph", "5/18", _SPEED),
    ("knot kt kn", "463/900", _SPEED),
    ("bar", "100000", _PRESSURE),
    ("mmhg torr", "101325/760", _PRESSURE),
    ("psi pounds_per_square_inch pound_per_square_inch", "44482216152605/6451600000", _PRESSURE),
    ("horsepower hp bhp", "74569987158227022/100000000000000", {"mass": 1, "length": 2, "time": -3}),
    ("btu", "1055", {"btu": 1}),
    ("ppm", "1/1000000", {"ratio": 1}),
    ("ppb", "1/1000000000", {"ratio": 1}),
    ("fps", "1", {"frame": 1, "time": -1}),
    ("dpi ppi", "1", {"dot": 1, "length": -1}),
    ("atm", "101325", _PRESSURE),
    ("degree deg ° grad 度", "1", {"angle": 1}),
    ("arcminute arcmin '", "1/60", {"angle": 1}),
    ('arcsecond arcsec " ″', "1/3600", {"angle": 1}),
    ("radian rad", "1", {"radian": 1}),
    ("revolution rev", "1", {"revolution": 1}),
    ("rpm", "1/60", {"revolution": 1, "time": -1}),
    ("kcal cal calorie", "1000", {"calorie": 1}),
    ("decibel db", "1", {"decibel": 1}),
    ("pixel px", "1", {"pixel": 1}),
    ("% percent percentage per_cent pct prozent 百分", "1/100", {"ratio": 1}),
    ("‰ permille per_mille per_mil", "1/1000", {"ratio": 1}),
    ("usd dollar $ us$ us_dollar buck 美元", "1", {"USD": 1}),
    ("cent ¢", "1/100", {"USD": 1}),
    ("eur euro €", "1", {"EUR": 1}),
    ("gbp pound £ pound_sterling british_pound", "1", {"GBP": 1}),
    ("pence", "1/100", {"GBP": 1}),
    ("jpy yen ¥ 日元 円", "1", {"JPY": 1}),
    ("cny rmb yuan ¥ renminbi 元 人民币", "1", {"CNY": 1}),
    ("inr rupee ₹ rs rs.", "1", {"INR": 1}),
    ("chf franc swiss_franc", "1", {"CHF": 1}),
    ("krw won ₩", "1", {"KRW": 1}),
    ("aud a$ au$ australian_dollar", "1", {"AUD": 1}),
    ("cad c$ ca$ canadian_dollar", "1", {"CAD": 1}),
    ("nzd nz$ new_zealand_dollar", "1", {"NZD": 1}),
    ("hkd hk$ hong_kong_dollar", "1", {"HKD": 1}),
    ("sgd s$ singapore_dollar", "1", {"SGD": 1}),
    ("twd nt$ new_taiwan_dollar", "1", {"TWD": 1}),
    ("brl r$ reais", "1", {"BRL": 1}),
    ("mxn mx$ mexican_peso", "1", {"MXN": 1}),
    ("sek swedish_krona", "1", {"SEK": 1}),
    ("nok norwegian_krone", "1", {"NOK": 1}),
    ("dkk danish_krone", "1", {"DKK": 1}),
    ("pln zł zloty", "1", {"PLN": 1}),
    ("₺ turkish_lira lira", "1", {"TRY": 1}),
    ("thb ฿ baht", "1", {"THB": 1}),
    ("php ₱", "1", {"PHP": 1}),
    ("ils ₪ shekel", "1", {"ILS": 1}),
    ("vnd ₫ dong", "1", {"VND": 1}),
    ("rub rouble ruble ₽", "1", {"RUB": 1}),
]
_CHINESE = {
    **{
        "米": "m",
        "厘米": "cm",
        "毫米": "mm",
        "公里": "km",
        "千米": "km",
        "分米": "dm",
        "克": "g",
        "千克": "kg",
    },
    **{
        "公斤": "kg",
        "升": "L",
        "毫升": "mL",
        "秒": "s",
        "平方米": "m^2",
        "平方厘米": "cm^2",
        "立方米": "m^3",
    },
    **{"立方厘米": "cm^3", "平方公里": "km^2", "摄氏度": "°C", "メートル": "m", "キロ": "kg"},
}
_TEMPERATURES = [
    ("°c celsius centigrade degrees_celsius degree_celsius degrees_c degree_c deg_c c", "1", "273.15"),
    ("°f fahrenheit degrees_fahrenheit degree_fahrenheit degrees_f degree_f deg_f f", "5/9", "45967/180"),
    ("kelvin degrees_kelvin k", "1", "0"),
]


@cache
def _table() -> dict[str, tuple[Unit, ...]]:
    """Units by symbol, as it is written, and by word, in small letters."""
    table: dict[str, tuple[Unit, ...]] = {}

    def add(names: list[str], unit: Unit) -> None:
        for name in names:
            if unit not in table.get(name, ()):
                table[name] = (*table.get(name, ()), unit)

    for symbol, (words, factor, powers) in _METRIC.items():
        dimensions = tuple(sorted(powers.items()))
        prefixes = {"": ("", "1"), **_PREFIXES}
        for short, (long, times) in prefixes.items():
            unit = Unit(f"{short}{symbol}", dimensions, Fraction(factor) * Fraction(times))
            symbols = [f"{short}{symbol}"]
            if symbol == "L":
                symbols.append(f"{short}l")
            if symbol == "B" and short in _LARGE:
                symbols += [f"{short}b".lower(), *(["KB"] if short == "k" else [])]
            if symbol == "bit" and short in _LARGE:
                symbols.append(f"{short}b")
            if (short or symbol not in {"F", "C", "T"}) and short + symbol not in {"dB", "pm"}:
                add(symbols, unit)
            add([f"{long}{word}" for word in words.split()], unit)
    for names, factor, powers in _OTHERS:
        first, *_ = written = [name.replace("_", " ") for name in names.split()]
        add(written, Unit(first, tuple(sorted(powers.items())), Fraction(factor)))
    for names, factor, offset in _TEMPERATURES:
        first, *_ = written = [name.replace("_", " ") for name in names.split()]
        add(written, Unit(first.upper(), TEMPERATURE, Fraction(factor), Fraction(offset)))
    for name, symbol in _CHINESE.items():
        base, _, power = symbol.partition("^")
        table[name] = (_power((table.get(base) or table[base.lower()])[0], int(power or 1)),)
    return table


@cache
def _scales() -> dict[Dimensions, frozenset[tuple[Fraction, Fraction]]]:
    """Offset and factor of all units that measure the same."""
    found: dict[Dimensions, set[tuple[Fraction, Fraction]]] = {}
    for units in _table().values():
        for unit in units:
            found.setdefault(unit.dimensions, set()).add((unit.offset, unit.factor))
    return {dimensions: frozenset(scales) for dimensions, scales in found.items()}


def may_be(bare: int | Fraction, value: Fraction, dimensions: Dimensions) -> bool:
    """Whether a `bare` number, in a unit that it leaves out, is this `value` in base units."""
    scales = _scales().get(dimensions, frozenset())
    if dimensions == TEMPERATURE:
        return any(bare * factor + offset == value for offset, factor in scales)
    return bare != 0 and (Fraction(0), value / bare) in scales


_LATEX = {"\\Omega": "Ω", "\\mu ": "μ", "\\mu": "μ", "\\circ": "°", "\\%": "%", "\\$": "$"}
_FACTOR = re.compile(
    r"(?:(?P<ahead>square|sq\.?|cubic|cu\.?) ?)?"
    r"(?:(?P<name>°? ?[^\W\d_]+\.?)(?P<glued>[23])?|(?P<sign>[°'\"%‰$€£¥₹₩₽¢₺฿₱₪₫]|[A-Za-z]{1,2}\$))"
    r"(?: ?\^ ?\{?\(?(?P<power>-?[1-9])\)?\}?|(?P<behind> squared| cubed))?(?![\w^])"
)
_AHEAD = {"s": 2, "c": 3}
_BEHIND = {"squared": 2, "cubed": 3}
_METRES_PER_SECOND = re.compile(r"\A([kcm]?m)s ?\^ ?\{?-")
_PER = re.compile(r" ?(?:/|\bper\b) ?")
_LONGEST = 40


@lru_cache(maxsize=4096)
def read_units(text: str) -> tuple[Unit, ...]:
    """The units a text can stand for ("m" is a metre or a minute), the likeliest first; none if it is no
    unit. A leading "/" or "per" makes what follows a denominator.
    """
    text = text.strip()
    if not text or len(text) > _LONGEST:
        return ()
    for latex, plain in _LATEX.items():
        text = text.replace(latex, plain) if "\\" in text else text
    if "{" in text:
        text = text.replace("{~", "{")
        text = re.sub(r"\{([^{}^\d]*)\}", r"\1", text).strip()
    text = _METRES_PER_SECOND.sub(r"\1 s^-", text)
    if found := _named(text):
        return found
    above, *below = _PER.split(text)
    unit = _product(above) if above else Unit("", ())
    for part in below[:2]:
        divisor = _product(part)
        unit = (
            None if unit is None or divisor is None else _times(unit, _power(divisor, -1), "/", divisor.name)
        )
    return () if unit is None or len(below) > 2 else (unit,)


def _named(name: str) -> tuple[Unit, ...]:
    """A unit by its name: as it is written, in small letters, in the singular."""
    table = _table()
    if name in table and not (len(name) == 1 and name.isascii() and name.islower() and name in "cfk"):
        return table[name]
    small = name.lower()
    if len(name) > 1 or name in "CFKIHDYNMT":
        for form in (small, small.rstrip("."), small.removesuffix("s"), small.replace("° ", "°")):
            if form in table and (len(form) > 1 or name in "CFK"):
                return table[form]
    return ()


def _product(text: str) -> Unit | None:
    """Units beside each other, each with its power and in its likeliest meaning; None if anything else is
    between them.
    """
    product: Unit | None = None
    place = 0
    for _ in range(4):
        found = _FACTOR.match(text, place)
        units = () if found is None else _named(found["name"] or found["sign"])
        if found is None or not units:
            return None
        power = _AHEAD[found["ahead"][0]] if found["ahead"] else int(found["power"] or found["glued"] or 1)
        if found["behind"]:
            power = _BEHIND[found["behind"].strip()]
        unit = _power(units[0], power)
        product = unit if product is None else _times(product, unit, " ", unit.name)
        place = found.end()
        while place < len(text) and text[place] in " ·*-":
            place += 1
        if place == len(text):
            return product
    return None


def _power(unit: Unit, power: int) -> Unit:
    if power == 1:
        return unit
    dimensions = tuple((name, each * power) for name, each in unit.dimensions)
    return Unit(f"{unit.name}^{power}", dimensions, unit.factor**power)


def _times(one: Unit, other: Unit, sign: str, name: str) -> Unit:
    """The product of two units, named `one.name`, `sign`, `name`."""
    powers = dict(one.dimensions)
    for base, power in other.dimensions:
        powers[base] = powers.get(base, 0) + power
    dimensions = tuple(sorted((base, power) for base, power in powers.items() if power))
    return Unit(f"{one.name}{sign}{name}", dimensions, one.factor * other.factor)
