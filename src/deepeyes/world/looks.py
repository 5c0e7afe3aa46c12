"""How charts look in the software that people use: Matplotlib's stock styles, and the defaults of others
imitated with it.

What always holds: a look but the default is in one split only. Matplotlib's settings are those of the
process, so that whoever draws in a look must be alone in it (`Family.alone`).
"""

from __future__ import annotations

import random
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

STYLES = {
    "train": (
        "default", "default", "default", "seaborn-v0_8", "seaborn-v0_8-whitegrid", "seaborn-v0_8-deep",
        "seaborn-v0_8-muted",
        "fivethirtyeight", "tableau-colorblind10", "seaborn-v0_8-ticks", "seaborn-v0_8-colorblind", "classic",
        "dark_background", "seaborn-v0_8-pastel", "fast", "pandas", "pandas", "plotly", "plotly", "barplot",
    ),
    "validation": ("default", "grayscale", "seaborn-v0_8-dark", "plotly-white"),
    "test": ("default", "ggplot", "bmh", "Solarize_Light2", "seaborn-v0_8-darkgrid", "petroff10", "office"),
    "rl": ("default", "seaborn-v0_8-bright", "seaborn-v0_8-white", "petroff6", "web"),
}  # fmt: skip
"""Looks, dealt to the splits; the default, which is what people have, is in each."""

_FLAT: dict[str, Any] = {"xtick.major.size": 0, "ytick.major.size": 0, "axes.axisbelow": True}
_BARE = {f"axes.spines.{side}": False for side in ("left", "right", "top")}


@dataclass(frozen=True)
class Look:
    """What one piece of software does to a chart: Matplotlib's settings and its colours; `font` is a file
    among the shipped ones. `upright`: labels of a few characters stand on end, as pandas has them.
    """

    colours: str = "1f77b4 ff7f0e 2ca02c d62728 9467bd 8c564b e377c2"
    settings: dict[str, Any] = field(default_factory=dict[str, Any])
    font: str = "DejaVuSans.ttf"
    upright: bool = False


_PLOTLY = {
    **_FLAT, **_BARE, "axes.spines.bottom": False, "text.color": "#2a3f5f", "axes.labelcolor": "#2a3f5f",
    "axes.titlelocation": "left", "xtick.color": "#2a3f5f", "ytick.color": "#2a3f5f", "axes.grid": True,
    "axes.grid.axis": "y", "grid.linewidth": 1.2,
}  # fmt: skip
LOOKS = {
    "pandas": Look(upright=True),
    "plotly": Look(
        "636efa EF553B 00cc96 ab63fa FFA15A 19d3f3",
        {**_PLOTLY, "axes.facecolor": "#E5ECF6", "grid.color": "white"},
        "Roboto-Regular.ttf",
    ),
    "plotly-white": Look(
        "636efa EF553B 00cc96 ab63fa FFA15A 19d3f3",
        {**_PLOTLY, "grid.color": "#EBF0F8"},
        "Roboto-Regular.ttf",
    ),
    "barplot": Look(
        "3274a1 e1812c 3a923a c03d3e 9372b2 845b53 d684bd",
        {"axes.spines.top": False, "axes.spines.right": False},
    ),
    "office": Look(
        "4472C4 ED7D31 A5A5A5 FFC000 5B9BD5 70AD47",
        {
            **_FLAT, **_BARE, "axes.edgecolor": "#D9D9D9", "axes.grid": True, "axes.grid.axis": "y",
            "grid.color": "#D9D9D9", "text.color": "#595959", "axes.labelcolor": "#595959",
            "xtick.color": "#595959", "ytick.color": "#595959", "axes.titlesize": 15,
            "font.weight": 500, "axes.titleweight": 500, "axes.labelweight": 500,
        },
        "Cabin-Medium.otf",
    ),
    "web": Look(
        "3366CC DC3912 FF9900 109618 990099 0099C6",
        {
            **_FLAT, **_BARE, "axes.edgecolor": "#333333", "axes.grid": True, "axes.grid.axis": "y",
            "grid.color": "#cccccc", "axes.titlelocation": "left",
            "font.size": 9.5,
        },
        "Roboto-Regular.ttf",
    ),
}  # fmt: skip
"""The looks that are no style of Matplotlib's."""


@contextmanager
def drawn_in(rng: random.Random, split: str) -> Generator[Look]:
    """Draw in one of the looks of `split`."""
    from cycler import cycler
    from matplotlib import font_manager, rc_context
    from matplotlib import style as styles

    name = rng.choice(STYLES[split])
    look = LOOKS.get(name)
    if look is None:
        with styles.context(name):
            yield Look()
        return
    colours = [f"#{colour}" for colour in look.colours.split()]
    settings: dict[Any, Any] = {"axes.prop_cycle": cycler(color=colours), **look.settings}
    if look.font != Look().font:
        folder = resources.files("deepeyes.world") / "assets" / "fonts"
        with resources.as_file(folder / look.font) as path:
            family = font_manager.get_font(path).family_name
            if family not in font_manager.fontManager.get_font_names():
                font_manager.fontManager.addfont(path)
        settings["font.family"] = family
    with styles.context("default"), rc_context(settings):
        yield look
