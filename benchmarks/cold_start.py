"""What one question costs from nothing: `python benchmarks/cold_start.py --json`.

`deepeyes ask` with nano on an image, each time in a fresh process: CPU seconds of it and of everything it
starts (the sandbox included), and the most memory that one process held. Medians of several; with
`--no-tools` beside them for what the model alone costs. Targets: `cpu_seconds` under 3, `rss_mb` under 450.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

QUESTION = "What is written on the white sign?"


@dataclass(frozen=True)
class Cost:
    cpu_seconds: float
    rss_mb: float
    """Millions of bytes."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print one flat object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "image.png"
        Image.effect_noise((640, 480), 60).convert("RGB").save(image)
        words = [sys.executable, "-m", "deepeyes", "ask", str(image), QUESTION]
        whole = median([cost(words) for _ in range(options.repeats)])
        alone = median([cost([*words, "--tools", "off"]) for _ in range(options.repeats)])
        torch = median([cost([sys.executable, "-c", "import torch"]) for _ in range(options.repeats)])
    report = {
        "cpu_seconds": whole.cpu_seconds,
        "rss_mb": whole.rss_mb,
        "cpu_seconds_without_tools": alone.cpu_seconds,
        "rss_mb_without_tools": alone.rss_mb,
        "cpu_seconds_of_importing_torch": torch.cpu_seconds,
        "rss_mb_of_importing_torch": torch.rss_mb,
    }
    print(json.dumps(report) if options.json else "\n".join(f"{k}: {v}" for k, v in report.items()))


def cost(words: list[str]) -> Cost:
    """Of one process and all that it waited for. Linux counts memory in KiB."""
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, env=env)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(words)} ended with {process.returncode}")
    return _cost(used)


def _cost(used: resource.struct_rusage) -> Cost:
    return Cost(round(used.ru_utime + used.ru_stime, 2), round(used.ru_maxrss * 1024 / 1e6, 1))


def median(costs: list[Cost]) -> Cost:
    return Cost(
        statistics.median(one.cpu_seconds for one in costs), statistics.median(one.rss_mb for one in costs)
    )


if __name__ == "__main__":
    main()
