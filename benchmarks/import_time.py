"""What `import deepeyes` costs, and that it brings no torch: `python benchmarks/import_time.py --json`.

The package and the command line's help are each timed in fresh interpreters, the empty interpreter's own
start taken off; the median of several counts. Target: `import_seconds` under 0.3.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time

FRONT_DOOR = "import deepeyes; deepeyes.Trace; deepeyes.open_agent; deepeyes.grade"
HELP = "from deepeyes.cli.main import main; main(['--help'])"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="print one flat object")
    options = parser.parse_args()
    empty = seconds("pass", options.repeats)
    check = "import sys, deepeyes; print([n for n in ('torch', 'transformers') if n in sys.modules])"
    report = {
        "import_seconds": round(seconds("import deepeyes", options.repeats) - empty, 3),
        "front_door_seconds": round(seconds(FRONT_DOOR, options.repeats) - empty, 3),
        "help_seconds": round(seconds(HELP, options.repeats) - empty, 3),
        "brings_torch": subprocess.check_output([sys.executable, "-c", check], text=True).strip() != "[]",
    }
    print(json.dumps(report) if options.json else "\n".join(f"{k}: {v}" for k, v in report.items()))


def seconds(code: str, repeats: int) -> float:
    """Median wall clock of a fresh interpreter that runs `code`."""
    times: list[float] = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


if __name__ == "__main__":
    main()
