"""A curation run in a process of its own, to be killed: `python curate_once.py RECIPE OUT LATENCY`."""

import asyncio
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]


def main() -> None:
    from crew import Crew

    from deepeyes.data.curate import curate
    from deepeyes.data.export.formats import FORMATS, export
    from deepeyes.data.recipe import CurationRecipe

    recipe, out, latency = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
    asyncio.run(curate(CurationRecipe.load(recipe), out, Crew(latency)))
    for layout in FORMATS:
        export(out, layout)


if __name__ == "__main__":
    main()
