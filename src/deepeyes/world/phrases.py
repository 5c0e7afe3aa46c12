"""How a question may be put: eight or more wordings each. `{it}` is the thing asked about, `{shape}` a kind
of shape.
"""

import random

SAYS = (
    "What does {it} say?",
    "What is written on {it}?",
    "Read {it}.",
    "What text is on {it}?",
    "Which characters are on {it}?",
    "Tell me what {it} says.",
    "What can you read on {it}?",
    "What is the code on {it}?",
    "Please read {it} to me.",
)
INK = (
    "What colour is the writing on {it}?",
    "Which colour is the text on {it}?",
    "In what colour is {it} written?",
    "Tell me the colour of the text on {it}.",
    "What is the colour of the writing on {it}?",
    "Name the colour of the letters on {it}.",
    "What colour are the characters on {it}?",
    "Which colour do the letters on {it} have?",
)
DOTS = (
    "How many dots are on {it}?",
    "Count the dots on {it}.",
    "What is the number of dots on {it}?",
    "How many dots do you see on {it}?",
    "How many dots does {it} have?",
    "Tell me how many dots are on {it}.",
    "Give the number of dots on {it}.",
    "How many dots does {it} show?",
)
WHERE = (
    "Where is {it}?",
    "Find {it}.",
    "Point at {it}.",
    "In which place is {it}?",
    "Locate {it}.",
    "Where do you see {it}?",
    "Show me where {it} is.",
    "At what place is {it}?",
)
SHAPE_COLOUR = (
    "What colour is the {shape}?",
    "Which colour is the {shape}?",
    "Tell me the colour of the {shape}.",
    "What is the colour of the {shape}?",
    "Name the colour of the {shape}.",
    "Which colour does the {shape} have?",
    "The {shape} is of what colour?",
    "In what colour is the {shape} painted?",
)
SHAPE_COUNT = (
    "How many {shape}s are there?",
    "Count the {shape}s.",
    "What is the number of {shape}s?",
    "How many {shape}s do you see?",
    "How many {shape}s does the picture show?",
    "Tell me how many {shape}s there are.",
    "Give the number of {shape}s.",
    "How many {shape}s can you count?",
)

NOUNS = ("sign", "label", "plate")


def name_of(rng: random.Random, colour: str | None) -> str:
    """What to call a sign: "the red label", or "the sign" where there is only one."""
    noun = rng.choice(NOUNS)
    return f"the {colour} {noun}" if colour else f"the {noun}"


def ask(rng: random.Random, wordings: tuple[str, ...], **words: str) -> str:
    """One of `wordings`, filled in."""
    return rng.choice(wordings).format(**words)
