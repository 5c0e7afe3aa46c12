"""The formats by name, each with its card."""

from __future__ import annotations

from pathlib import Path

from deepeyes.core.claim import hold_to_read
from deepeyes.core.errors import InputError
from deepeyes.data.export.base import CompleteRun, fresh_folder
from deepeyes.data.export.card import write_card
from deepeyes.data.export.sharegpt import export_sharegpt
from deepeyes.data.export.traces import export_traces
from deepeyes.data.export.trl import export_trl
from deepeyes.data.export.verl import export_verl

FORMATS = {"trl": export_trl, "sharegpt": export_sharegpt, "verl": export_verl, "traces": export_traces}


def export(run: Path, layout: str, to: Path | None = None) -> tuple[Path, dict[str, int]]:
    """Write a complete run in one format; its folder (default: RUN/export/FORMAT) and the rows of each file.

    Raises `InputError` for an unknown format, an incomplete run, one that holds nothing for the format, or a
    folder that holds anything but an earlier export; `StorageError` while another process is at work in the
    run, or exports to the same folder.
    """
    if layout not in FORMATS:
        raise InputError(f"there is no format {layout!r}", f"use {', '.join(FORMATS)}")
    place = to or run / "export" / layout
    with hold_to_read(run):
        done = CompleteRun.open(run)
        with fresh_folder(place, run) as folder:
            files = FORMATS[layout](done, folder)
            if not files:
                routes = sorted({item.route for item in done.items})
                raise InputError(
                    f"{run} holds nothing for {layout} (routes kept: {', '.join(routes) or 'none'})",
                    "choose another --format, or see what was left out: deepeyes data funnel",
                )
            write_card(done, folder, layout, files)
    return place, files
