"""`chart`: real facts as bars or points, each with its number; read one, or compare and compute with several.

In one half of what is to be computed the numbers are large enough to be read at once; else they stand in the
picture as small as the signs of `tiny`, and are read in crops.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from deepeyes.world import phrases
from deepeyes.world.example import Drawn, Family
from deepeyes.world.palette import COLOURS
from deepeyes.world.plan import Read, play
from deepeyes.world.scene import Scene, Thing
from deepeyes.world.sheet import CAPTION, INK, LARGE, NUMBER, Sheet, tint

from .facts import COMPUTED, LARGE_SHARE, SUMS, Facts, ask_sum, draw_facts

READ = (
    "What is the value of {it}?",
    "What number stands at {it}?",
    "Read the number of {it}.",
    "How much does {it} show?",
    "What does {it} show?",
    "Give the value of {it}.",
    "Tell me the number of {it}.",
    "Which value has {it}?",
    "How high is the value of {it}?",
)


def draw(rng: random.Random, split: str) -> Drawn:
    """A chart of two to six things, and a question about one, two or three of them."""
    asked = rng.choice(SUMS) if rng.random() < COMPUTED else None
    large = asked is not None and rng.random() < LARGE_SHARE
    rows = rng.randint(asked.numbers, 3) if asked and large else rng.randint(4, 6)
    facts = draw_facts(rng, split, rows, 1, large=large)
    colours = rng.sample([name for name in COLOURS if name != "white"], len(facts.things))
    style = rng.choice(("bar", "flat bar") if large else ("bar", "bar", "flat bar", "point"))
    scene = _drawn(rng, facts, colours, style, large=large)
    things = scene.things
    chosen = rng.sample(range(len(things)), asked.numbers if asked else 1)
    ids = tuple(facts.things[place].id for place in chosen)
    if asked is None:
        target = things[chosen[0]]
        question = phrases.ask(rng, READ, it=target.name)
        return Drawn(scene, "read", question, target.text, target, (), (Read((target,)),), ids)
    named = [(things[place].name, int(things[place].text)) for place in chosen]
    question, answer, order, sums = ask_sum(rng, asked, named)
    read = Read(tuple(things[chosen[place]] for place in order), large)
    return Drawn(scene, asked.kind, question, answer, None, (), (read, sums), ids)


def _drawn(rng: random.Random, facts: Facts, colours: list[str], style: str, *, large: bool) -> Scene:
    sheet = Sheet(rng)
    flat = style == "flat bar"
    left, bottom = (0.20, 0.05) if flat else (0.04, 0.12)
    axes: Any = sheet.figure.add_axes((left, bottom, 0.97 - left, 0.87 - bottom))
    values = [row[0] for row in facts.values]
    fills = [tint(rng, colour) for colour in colours]
    places = list(range(len(values)))
    thick, top = rng.uniform(0.45, 0.7), max(values) * ((1.65 if flat else 1.5) if large else 1.22)
    if flat:
        axes.barh(places, values, height=thick, color=fills, edgecolor=INK)
        axes.set(xlim=(0, top), ylim=(len(values) - 0.5, -0.5))
    else:
        if style == "bar":
            axes.bar(places, values, width=thick, color=fills, edgecolor=INK)
        else:
            axes.plot(places, values, color="grey", linewidth=2, zorder=1)
            size = sheet.points(0.4) ** 2
            axes.scatter(places, values, s=size, c=fills, edgecolors=[INK], zorder=2)
        axes.set(ylim=(0, top), xlim=(-0.6, len(values) - 0.4))
    if rng.random() < 0.5:
        axes.grid(axis="x" if flat else "y", color="0.85")
        axes.set_axisbelow(True)
    names = [thing.name for thing in facts.things]
    caption = {"font": sheet.font, "fontsize": sheet.points(CAPTION)}
    if flat:
        axes.set_yticks(places, names, **caption)
        axes.set_xticks([tick for tick in axes.get_xticks() if tick < top], [])
    else:
        axes.set_xticks(places, names, **{**caption, "fontsize": sheet.points(CAPTION * 0.85)})
        axes.set_yticks([tick for tick in axes.get_yticks() if tick < top], [])
    axes.tick_params(length=0)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.set_title(facts.columns[0].heading, font=sheet.font, fontsize=sheet.points(CAPTION * 1.2))
    axes.set_autoscale_on(False)
    things: list[Thing] = []
    lift = 0.14 if style != "point" else 0.3
    for place, value, colour in zip(places, values, colours, strict=True):
        at = (value, place) if flat else (place, value)
        point = axes.transData.transform(at)
        x, y = float(point[0]), float(sheet.height - point[1])
        gap = lift * sheet.unit
        spot = (x + gap, y) if flat else (x, y - gap)
        anchor: dict[str, Any] = {"ha": "left", "va": "center"} if flat else {"ha": "center", "va": "bottom"}
        written = sheet.write(str(value), spot, LARGE if large else NUMBER, **anchor)
        name = f"the {colour} {'point' if style == 'point' else 'bar'}"
        things.append(replace(written, colour=colour, name=name))
    return sheet.scene(things)


CHART = Family(draw, play, ("python",), alone=True)
