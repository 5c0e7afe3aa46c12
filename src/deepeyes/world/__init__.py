"""The embedded world: pictures drawn from licensed photographs, questions with exact answers, and a teacher.

Everything is a pure function of (family, split, seed, index): the same four values give the same picture and
the same question on every machine. Splits share no seed, no background and no string.
"""

from .families import FAMILIES, Example, make_example, make_examples
from .teacher import solve

__all__ = ["FAMILIES", "Example", "make_example", "make_examples", "solve"]
