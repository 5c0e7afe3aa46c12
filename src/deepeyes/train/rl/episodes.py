"""The episodes of a run that are kept to be looked at: a folder of traces a step, their images shared.

What always holds: `deepeyes view OUT` shows them with what they earned and their advantages; a step that is
done again takes the place of the one before; nothing heavy is imported to find them.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from deepeyes.core.files import remove_folder
from deepeyes.core.images import ImageStore
from deepeyes.core.trace import TraceWriter
from deepeyes.train.curves import CURVES
from deepeyes.train.rl.advantages import Scale, advantages

if TYPE_CHECKING:
    from deepeyes.train.rl.rollouts import Played

EPISODES, ADVANTAGE = "episodes", "advantage"
_STEP = re.compile(r"step-(\d+)")


def keep_groups(
    out: Path, step: int, played: Played, images: ImageStore, count: int, scale: Scale = "group"
) -> None:
    """Keep the first `count` groups that were learned from, with the advantage of each episode among its
    rewards; or, where none was, of those that were played.
    """
    folder = out / EPISODES / f"step-{step:06d}"
    remove_folder(folder)
    groups = (played.chosen or played.groups)[:count]
    if not groups:
        return
    gains = advantages([group.rewards for group in played.chosen], scale) or [[] for _ in groups]
    writer = TraceWriter(folder, sync=False)
    for group, values in zip(groups, gains, strict=False):
        for place, trace in enumerate(group.traces):
            learned = {ADVANTAGE: values[place]} if values else {}
            writer.write(trace.model_copy(update={"rewards": {**trace.rewards, **learned}}), images)
    writer.sync()


def run_of(folder: Path) -> tuple[Path, int] | None:
    """The run and the step whose episodes are in `folder`; None where it is no such folder."""
    named = _STEP.fullmatch(folder.name)
    if named is None or folder.parent.name != EPISODES or not (folder.parent.parent / CURVES).is_file():
        return None
    return folder.parent.parent, int(named[1])
