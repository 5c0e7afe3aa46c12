"""`python -m realxmaker make|filter|sheets|page`: draw and freeze, ask a model blind, look, check.

`make` writes the frozen files into the package (some minutes; the pinned photographs are downloaded once into
`--work`). `filter --model M` keeps what a model gets right without the image; run `make` after it.
`sheets` writes contact sheets, `page` one HTML file on which a person marks every question.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

from deepeyes.core.errors import DeepEyesError
from deepeyes.core.trace import Trace
from deepeyes.eval.openrealx.frozen import assets, read_questions
from deepeyes.harness.search import WORLD, open_engines
from deepeyes.world.pack import open_pack
from packmaker.pins import GCOMPRIS

from .build import SEED, drafts, freeze
from .filter import Filter, baselines, blind, keep_guessed, read_guessed
from .page import write_page
from .photos import fetched, held_out_photographs
from .sheets import write_sheets


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m realxmaker",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=("make", "filter", "sheets", "page"))
    parser.add_argument("--out", type=Path, help="folder of the frozen files, sheets or page")
    parser.add_argument("--work", type=Path, default=Path("build/openrealx"), help="folder of downloads")
    parser.add_argument("--model", default="nano", help="which model `filter` asks")
    options = parser.parse_args(arguments)
    try:
        match options.what:
            case "make":
                make(options.out or Path(str(assets())), options.work)
            case "filter":
                ask_blind(options.model, options.work)
            case "sheets":
                print(*write_sheets(options.out or Path("build/openrealx/sheets")), sep="\n")
            case _:
                print(write_page(options.out or Path("build/openrealx/page.html")))
    except DeepEyesError as error:
        print(f"openrealx: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


def make(folder: Path, work: Path) -> None:
    """Draw, filter and freeze; a line for what was refused and how often."""
    with asyncio.Runner() as runner, open_pack() as pack:
        stack = AsyncExitStack()
        engines = runner.run(stack.enter_async_context(open_engines((WORLD,))))
        assert engines.text is not None
        guessed = read_guessed()
        sieve = Filter(engines.text, runner, (one for keys in guessed.values() for one in keys))
        made = []
        for number, one in enumerate(drafts(pack, held_out_photographs(fetched(work), pack), sieve), start=1):
            made.append(one)
            print(f"\r{number} questions", end="", file=sys.stderr)
        runner.run(stack.aclose())
        about = {
            "seed": SEED,
            "world": pack.digest,
            "photographs": GCOMPRIS.title,
            "blind models": {model: len(keys) for model, keys in guessed.items()},
            "refused draws": dict(sieve.refused.most_common()),
        }
        freeze(made, folder, about)
    tasks = read_questions(folder)
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    print(f"\n{len(tasks)} questions, {size / 1e6:.1f} MB, refused: {dict(sieve.refused)}")
    print(Counter(tag for task in tasks for tag in task.tags), baselines(tasks))


def ask_blind(model: str, work: Path) -> None:
    """Keep what the model gets right although it sees nothing."""
    tasks, done = read_questions(), Counter[str]()

    def tell(trace: Trace) -> None:
        done[trace.stop_reason.value] += 1
        print(f"\r{done.total()} asked", end="", file=sys.stderr)

    folder = work / "blind" / model.replace("/", "_").replace(":", "_")
    right = asyncio.run(blind(model, tasks, folder, tell))
    keep_guessed(model, (trace.task.id for trace in right))
    for trace in right:
        print(f"{trace.task.question} -> {trace.answer}")
    print(f"{model}: {len(right)} of {len(tasks)} right without the image")


if __name__ == "__main__":
    main()
