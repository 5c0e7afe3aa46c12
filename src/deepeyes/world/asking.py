"""How people put a question: in any case, with and without its mark, politely or in two words.

What always holds: whatever is changed about a question, what it asks for stays.
"""

import random

CANNOT_TELL = "I cannot tell from this picture"
"""What the model says where the image does not show what is asked for, or where it was never taught that."""

READ = (
    "What does {it} say?",
    "What is written on {it}?",
    "What does it say on {it}?",
    "Read {it}.",
    "What is the text on {it}?",
    "What word is on {it}?",
    "Transcribe {it}.",
    "{it} says what?",
    "Text on {it}?",
    "What can you read on {it}?",
)
READ_ALL = (
    "What does it say?",
    "What does this say?",
    "What is written here?",
    "What is the text in this image?",
    "Read the text.",
    "What text is in the picture?",
    "What text do you see?",
    "Read this.",
    "Transcribe the text.",
    "Which word is this?",
    "text?",
    "ocr",
)
SIGN_COLOUR = (
    "What colour is {it}?",
    "Which colour is {it}?",
    "What is the colour of {it}?",
    "{it}: what colour?",
    "Tell me the colour of {it}.",
)
INK_COLOUR = (
    "What colour is the text on {it}?",
    "Which colour are the letters on {it}?",
    "What is the colour of the writing on {it}?",
    "In which colour is {it} written?",
)
SHAPE_COLOUR = (
    "What colour is the {shape}?",
    "Which colour is the {shape}?",
    "What is the colour of the {shape}?",
    "Colour of the {shape}?",
    "The {shape}: which colour is it?",
    "Tell me which colour the {shape} has.",
)
SHAPE_COUNT = (
    "How many {shapes} are there?",
    "How many {shapes} do you see?",
    "How many {shapes} are in the picture?",
    "How many {shapes} are in this image?",
    "Count the {shapes}.",
    "Number of {shapes}?",
    "Count of {shapes}",
    "What is the number of {shapes}?",
)
SHAPE_KIND = (
    "What shape is the {colour} one?",
    "Which shape is {colour}?",
    "What is the {colour} shape?",
    "What kind of shape is {colour}?",
    "What is {colour} here?",
)
BAR_VALUE = (
    "What is the value of {it}?",
    "What is the value for {it}?",
    "How much is {it}?",
    "What value does {it} have?",
    "How high is the bar of {it}?",
    "How tall is the {it} bar?",
    "Read off the value of {it}.",
    "Give me the value of {it}.",
    "What does {it} show?",
    "Value of {it}?",
)
BAR_COMPARE = (
    "Which is larger, {one} or {other}?",
    "Which is higher, {one} or {other}?",
    "Which one is bigger: {one} or {other}?",
    "{one} or {other}, which has more?",
    "Which bar is taller, {one} or {other}?",
    "Does {one} or {other} have the higher value?",
    "Compare {one} and {other}: which is greater?",
    "What is more, {one} or {other}?",
)
BAR_MOST = (
    "Which bar is the highest?",
    "Which one is the largest?",
    "What has the highest value?",
    "Which category has the most?",
    "Which is the tallest bar?",
    "What is the biggest one?",
    "Who is on top?",
    "Which label has the largest value?",
)
BAR_NUMBER = (
    "How many bars are there?",
    "How many bars does the chart have?",
    "Count the bars.",
    "Number of bars?",
    "How many categories are there?",
    "How many bars do you see?",
)
CELL = (
    "What is the {column} of {row}?",
    "What is {column} for {row}?",
    "What is in the {column} column of {row}?",
    "How much is {column} in row {row}?",
    "Which value has {row} in {column}?",
    "{column} of {row}?",
    "Read the {column} of {row}.",
    "Look up {row} under {column}.",
)
ROWS = (
    "How many rows does the table have?",
    "How many rows are there?",
    "Count the rows below the headings.",
    "How many entries are in the table?",
    "Number of rows?",
)
TITLE = (
    "What is the title?",
    "What is the title of the chart?",
    "What is the heading?",
    "Title?",
    "What is this chart called?",
    "Read the title.",
    "What does the title say?",
)
AXIS_NAME = (
    "What is the label of the {axis}?",
    "What is the {axis} called?",
    "What does the {axis} show?",
    "Name of the {axis}?",
    "What is written below the {axis}?",
    "Read the label of the {axis}.",
)
PARTS = (
    "How many {parts} are there?",
    "How many {parts} does the chart have?",
    "Count the {parts}.",
    "Number of {parts}?",
    "How many {parts} do you see?",
)
GREATEST = (
    "Which {part} is the {most}?",
    "What is the {most} {part}?",
    "Which is the {most} {part}?",
    "Which one is the {most}?",
    "What does the {most} {part} stand for?",
    "Name the {most} {part}.",
)
UNTAUGHT = (
    "What bird is this?",
    "What animal is this?",
    "Which animals do you see?",
    "Who is this?",
    "Who is the person in the picture?",
    "What is the person doing?",
    "Where was this taken?",
    "What time is it?",
    "When was this picture taken?",
    "What is the weather like?",
    "Describe the picture.",
    "What is in this image?",
    "What do you see?",
    "What is happening here?",
    "Is this indoors or outdoors?",
    "What kind of car is this?",
    "What brand is it?",
    "Which plant is this?",
    "What food is this?",
    "What is in the background?",
    "How old is the man?",
    "What is the woman wearing?",
    "Is the dog happy?",
    "Who painted this?",
    "What material is it made of?",
    "How tall is the tower?",
    "Which country is this?",
    "What sport is this?",
    "Is there a cat?",
    "What is the mood of this picture?",
    "Why is it funny?",
    "How much does it cost?",
    "Which team is winning?",
    "What is the diagnosis?",
    "Translate it into French.",
    "Write a poem about it.",
    "What is the capital of France?",
    "How do I fix this?",
    "What should I do next?",
    "Which season is it?",
    "What is behind the door?",
    "How many people are there?",
    "How many cars do you see?",
    "How many birds are in the picture?",
    "What is the name of this dog?",
    "Is he smiling?",
    "What is on the table?",
    "Which flower is this?",
    "What did they eat?",
    "Where is the exit?",
)


def plural(noun: str) -> str:
    """Several of a kind of shape."""
    return f"{noun}es" if noun.endswith(("s", "x")) else f"{noun}s"


_BEFORE = (
    "please tell me: ", "hi, ", "hello! ", "quick question: ", "can you tell me, ",
    "could you help me? ", "so ", "ok, ",
)  # fmt: skip
_AFTER = (" please", ", please", " thanks", " thank you!", " ?", "??", " pls")
_AMERICAN = 0.4
"""Share of the questions in which "colour" is spelt "color"."""


def ask_freely(rng: random.Random, wordings: tuple[str, ...], **words: str) -> str:
    """One of `wordings`, filled in, as somebody might type it."""
    return retyped(rng, rng.choice(wordings).format(**words))


def retyped(rng: random.Random, question: str) -> str:
    """`question` as somebody might type it: half of the time in another case, without its mark, or with a
    word of greeting or thanks.
    """
    if rng.random() < _AMERICAN:
        question = question.replace("olour", "olor")
    question = question[:1].upper() + question[1:] if rng.random() < 0.7 else question
    if rng.random() < 0.5:
        return question
    choice = rng.random()
    if choice < 0.4:
        question = question.lower()
    elif choice < 0.47:
        question = question.upper()
    if rng.random() < 0.4:
        question = question.rstrip("?.")
    if rng.random() < 0.15:
        question = question.rstrip("?.") + rng.choice(_AFTER)
    elif rng.random() < 0.15:
        question = rng.choice(_BEFORE) + question[:1].lower() + question[1:]
    return question
