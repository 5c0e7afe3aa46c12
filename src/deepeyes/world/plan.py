"""Plans: what a teacher does step by step where one look is not enough, and the turns that come of it.

A family that solves by plan draws, with each example, the steps that lead to its answer; `play` writes them
in the dialect. What always holds: one action a turn; what a step showed is said in the thought of the next
turn, so that the numbers which the code computes with were read before; at most one first try goes wrong, is
noticed, and is mended; the wrong try is `given`, seen but not to be imitated.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass

from .example import Example, Reply, ViewSize
from .scene import Thing
from .teacher import answer, cut_at_once, cut_out, look_mended, place, survey, to_cells

COMPUTE = "I compute."
DONE = "That is the result."
FIND = "I search the picture."
ASK = "I look it up."
VAGUE = "That is not about it. I name it."
SCENE = "That is not it. I look closer."
NOT_IT = "That is not it."
OTHERWISE = "That does not say it. I ask in other words."
WRONG_TRIES = 0.25
"""Share of the searches that begin with a wrong try: the whole scene, or a query that names nothing."""


@dataclass(frozen=True)
class Point:
    """Say where `thing` is, in `words` with `{place}` in them; the thought of the next turn begins so."""

    thing: Thing
    words: str


@dataclass(frozen=True)
class Tally:
    """Count `things` one column of cells at a time, and say after each column how many there are so far.

    Counting thing by thing would need a memory of which were counted; each column is looked at only once.
    """

    things: tuple[Thing, ...]


@dataclass(frozen=True)
class Look:
    """Look at `thing` in a crop; it `shows` something worth saying. `beside`: what was pointed at before,
    from where the way to it is counted.
    """

    thing: Thing
    shows: str
    beside: Thing | None = None


@dataclass(frozen=True)
class Cut:
    """Cut `thing`, and nothing but it, out of the picture into the variable `name`; at once where it is so
    `large` that its edges can be told from afar.
    """

    thing: Thing
    name: str
    large: bool = False


@dataclass(frozen=True)
class Read:
    """Read the numbers that `things` say: from afar where they are `large`, else in a crop each, which one
    cell cuts out together.
    """

    things: tuple[Thing, ...]
    large: bool = False


@dataclass(frozen=True)
class Compute:
    """Run these lines of Python, the last of which prints the answer."""

    lines: tuple[str, ...]


@dataclass(frozen=True)
class Find:
    """Search for a picture; the best hit `shows` what it is, unless the search is one that `misses`: then
    that is said of it.
    """

    image: str
    shows: str
    misses: str = ""


@dataclass(frozen=True)
class Ask:
    """Search pages; the best ones `shows` the fact, unless the search is one that `misses`: then that is said
    of it. `vague` is the query that forgets to name the thing, where that may go wrong.
    """

    query: str
    shows: str
    vague: str = ""
    misses: str = ""


Step = Point | Tally | Look | Cut | Read | Compute | Find | Ask


def compute(numbers: list[str], expression: str) -> Compute:
    """Compute `expression` of the names a, b, c, ..., which stand for `numbers` in order."""
    named = [f"{name} = {number}" for name, number in zip("abcdef", numbers, strict=False)]
    return Compute((*named, f"print({expression})"))


def play(rng: random.Random, example: Example, cells: ViewSize) -> list[Reply]:
    """The turns of the example's plan, and the answer."""
    replies: list[Reply] = []
    said, shown = "", 2
    slips = _slips(rng, example)
    for number, step in enumerate(example.steps):
        if slips == number:
            replies.append(_wrong_try(step, said))
            said = SCENE if isinstance(step, Cut) else VAGUE
        turns = _turns(rng, step, said, shown, example, cells)
        replies += turns
        shown += len(turns)
        said = seen(step, example.scene.image.size, cells)
    last = DONE if isinstance(example.steps[-1], Compute) else said
    return [*replies, Reply(answer(last, example.answer))]


def _turns(
    rng: random.Random, step: Step, said: str, shown: int, example: Example, cells: ViewSize
) -> list[Reply]:
    """The turns of one step, in whose first thought stands what was `said` of the step before."""
    size = example.scene.image.size
    if isinstance(step, Point | Tally):
        return []
    if isinstance(step, Look):
        return look_mended(rng, step.thing, size, cells, thought=said, shown=shown, beside=step.beside)
    if isinstance(step, Cut):
        cut = cut_at_once if step.large else cut_out
        return cut(rng, step.thing, size, cells, step.name, said)
    if isinstance(step, Read):
        if step.large:
            return []
        if len(step.things) == 1:
            return look_mended(rng, step.things[0], size, cells, shown=shown)
        grid = cells(*size)
        return [Reply(survey(rng, [to_cells(thing.centre, size, grid) for thing in step.things], grid))]
    if isinstance(step, Compute):
        code = "\n".join(step.lines)
        return [Reply(f"<think>{said} {COMPUTE}</think>\n<code>\n```python\n{code}\n```\n</code>")]
    if isinstance(step, Find):
        return [Reply(call(f"{said} {FIND}".strip(), "image_search", image=step.image))]
    thought = said if said in (VAGUE, OTHERWISE) else f"{said} {ASK}".strip()
    return [Reply(call(thought, "search", query=step.query))]


def _slips(rng: random.Random, example: Example) -> int | None:
    """Number of the step before which a wrong try is made, if there is one."""
    if not example.steps or rng.random() >= WRONG_TRIES:
        return None
    places = [number for number, step in enumerate(example.steps) if _may_slip(step)]
    return rng.choice(places) if places else None


def _may_slip(step: Step) -> bool:
    return bool(step.vague) if isinstance(step, Ask) else isinstance(step, Cut) and not step.large


def _wrong_try(step: Step, said: str) -> Reply:
    if isinstance(step, Ask):
        return Reply(call(f"{said} {ASK}", "search", query=step.vague), masked=True)
    return Reply(call(FIND, "image_search", image="image_1"), masked=True)


def seen(step: Step, size: tuple[int, int], cells: ViewSize) -> str:
    """What is said of a step's result in the turn after it, of a picture of `size`. Of numbers read from afar
    it is said where they stand: to find the place first makes them easier to read.
    """
    grid = cells(*size)
    if isinstance(step, Point):
        return step.words.format(place=place(step.thing, size, grid))
    if isinstance(step, Tally):
        columns = [int(to_cells(thing.centre, size, grid)[0]) for thing in step.things]
        so_far = (sum(at <= column for at in columns) for column in range(grid[0]))
        return "I count " + " ".join(f"{column}:{count}" for column, count in enumerate(so_far)) + "."
    if isinstance(step, Read) and step.large:
        return " ".join(f"At {place(thing, size, grid)}: {thing.text}." for thing in step.things)
    if isinstance(step, Read):
        *most, last = (thing.text for thing in step.things)
        return f"It says {', '.join(most)} and {last}." if most else f"It says {last}."
    if isinstance(step, Compute | Cut) or not step.shows:
        return ""
    if isinstance(step, Find | Ask) and step.misses:
        return step.misses
    return f"It is {step.shows}." if isinstance(step, Find) else f"It says {step.shows}."


def call(thought: str, tool: str, **arguments: str) -> str:
    """A turn that calls a tool."""
    asked = json.dumps({"name": tool, "arguments": arguments}, ensure_ascii=False)
    return f"<think>{thought}</think>\n<tool_call>\n{asked}\n</tool_call>"
