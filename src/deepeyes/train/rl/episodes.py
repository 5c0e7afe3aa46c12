"""The episodes of a run that are kept to be looked at: a folder of traces a step, their images shared.

What always holds: `deepeyes view OUT/episodes` shows them with what they earned; a step that is done again
takes the place of the one before.
"""

from __future__ import annotations

from pathlib import Path

from deepeyes.core.files import remove_folder
from deepeyes.core.images import ImageStore
from deepeyes.core.trace import TraceWriter
from deepeyes.train.rl.rollouts import Played

EPISODES = "episodes"


def keep_groups(out: Path, step: int, played: Played, images: ImageStore, count: int) -> None:
    """Keep the first `count` groups that were learned from, or that were played where none was."""
    folder = out / EPISODES / f"step-{step:06d}"
    remove_folder(folder)
    groups = (played.chosen or played.groups)[:count]
    if not groups:
        return
    writer = TraceWriter(folder, sync=False)
    for group in groups:
        for trace in group.traces:
            writer.write(trace, images)
    writer.sync()
