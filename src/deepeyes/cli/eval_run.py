"""`deepeyes eval run` and `deepeyes eval world`: an agent on questions, in one setting or several.

What always holds: what was typed goes over `--set`, and that over `--plan`; what cannot be asked is refused
before a model is loaded; a run of which nothing is a result, because of us, is an error.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import typer
from rich.console import Console

from deepeyes.cli.eval_progress import EvalProgress
from deepeyes.cli.eval_results import doubt, show
from deepeyes.cli.judging import Judge, grading_of
from deepeyes.cli.outcome import DIALECT, LIMIT
from deepeyes.cli.running import note, run
from deepeyes.cli.sampling import MinP, RepetitionPenalty, Stop, Temperature, TopK, TopP, sampling_of
from deepeyes.core.errors import InputError
from deepeyes.core.limits import parse_limits
from deepeyes.eval.plan import EvalPlan
from deepeyes.eval.registry import BENCHMARKS, benchmark_named
from deepeyes.eval.settings import Results, Setting, run_settings, settings_of
from deepeyes.eval.world import WorldPlan, named
from deepeyes.harness.search import HELP
from deepeyes.world.families import FAMILIES, searched

_TOOLS = {"on": (True,), "off": (False,), "paired": (True, False)}
_OWN = "questions"
_SAMPLING = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty", "stop")
_PLAIN = ("n", "seed", "samples", "dialect", "search", "protocol", "skip")


def run_benchmark(
    context: typer.Context,
    benchmark: str = typer.Argument(
        metavar="BENCHMARK|FILE", help="A name that `eval list` shows, or a file or folder of questions."
    ),
    model: list[str] = typer.Option([], metavar="MODEL", help="As in `deepeyes ask`. Repeatable."),
    tools: str = typer.Option("", metavar="on|off|paired", help="With tools, without, or both and compared."),
    search: list[str] = typer.Option([], metavar="WHAT", help=HELP),
    protocol: str = typer.Option("", metavar="paper|open", help="paper: search in search benchmarks alone."),
    n: int | None = typer.Option(None, "--n", "-n", min=1, help="How many questions at most."),
    samples: int | None = typer.Option(None, min=1, help="Episodes a question; several need a temperature."),
    seed: int | None = typer.Option(None, help="Of the questions that are drawn, and of sampling."),
    out: Path | None = typer.Option(None, "--out", "--trace", help="Keep all here, and go on from there."),
    column: list[str] = typer.Option(
        [], metavar="KEY=NAME", help="A column of your own file: question=prompt. Repeatable."
    ),
    skip: bool = typer.Option(False, "--skip", help="Leave out, and count, rows that cannot be asked."),
    judge: Judge = [],
    dialect: str = typer.Option("", help="The model's own by default."),
    temperature: Temperature = 0.0,
    top_p: TopP = 1.0,
    top_k: TopK = 0,
    min_p: MinP = 0.0,
    repetition_penalty: RepetitionPenalty = 1.0,
    stop: Stop = [],
    limit: list[str] = typer.Option([], metavar="KEY=VALUE", help="Change a budget. Repeatable."),
    concurrency: int = typer.Option(16, min=1, help="Episodes in flight."),
    plan: Path | None = typer.Option(None, help="A TOML file with the settings."),
    override: list[str] = typer.Option([], "--set", metavar="A.B=C", help="Change a setting. Repeatable."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """A benchmark by its name, or your own questions: accuracy with its interval, and what the tools add."""
    if tools and tools not in _TOOLS:
        raise InputError(f"--tools is {tools!r}", f"give {', '.join(_TOOLS)}")
    sampling_of(temperature, top_p, top_k, min_p, repetition_penalty, stop, seed or 0)
    typed = {
        name: value
        for name, value in context.params.items()
        if (source := context.get_parameter_source(name)) is not None and source.name == "COMMANDLINE"
    }
    kind, own = _benchmark(benchmark)
    words = [*own, *override]
    words += [f"{name}={json.dumps(typed[name])}" for name in _PLAIN if name in typed]
    words += [f"sampling.{name}={json.dumps(typed[name])}" for name in _SAMPLING if name in typed]
    words += [f"model={json.dumps(model[0])}"] if model else []
    settings = kind.load(plan, words + _columns(column)).checked()
    settings.grading.check_models()
    settings = settings.model_copy(
        update={
            "limits": parse_limits(limit, settings.limits),
            "grading": grading_of(judge, settings.grading),
        }
    )
    measure(
        settings,
        model or [settings.model],
        _TOOLS[tools] if tools else (settings.tools,),
        out,
        concurrency,
        {"benchmark": settings.benchmark},
        as_json=as_json,
        spelt=("--set dialect={}", "--set limits.{}") if override else (DIALECT, LIMIT),
    )


def world(
    family: str = typer.Option("tiny,direct", help="Task families, separated by commas."),
    split: str = typer.Option("test", help="train, validation, test or rl."),
    n: int = typer.Option(500, "--n", "-n", min=1, help="How many tasks in all."),
    seed: int = typer.Option(0, help="Another seed draws other tasks of the same split."),
    samples: int = typer.Option(1, min=1, help="Episodes a question; several need a temperature."),
    tools: str = typer.Option("on", help="on, off or paired."),
    model: list[str] = typer.Option(["nano"], metavar="MODEL", help="As in `deepeyes ask`. Repeatable."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
    out: Path | None = typer.Option(None, "--out", "--trace", help="Keep all here, and go on from there."),
    concurrency: int = typer.Option(16, min=1, help="Episodes in flight."),
    temperature: Temperature = 0.0,
    top_p: TopP = 1.0,
    top_k: TopK = 0,
    min_p: MinP = 0.0,
    repetition_penalty: RepetitionPenalty = 1.0,
    stop: Stop = [],
    limit: list[str] = typer.Option([], metavar="KEY=VALUE", help="Change a budget. Repeatable."),
    dialect: str = typer.Option("", help="The model's own by default."),
    search: list[str] = typer.Option([], metavar="WHAT", help=HELP),
    judge: Judge = [],
) -> None:
    """`eval run world` in short, with the world's own search for families that need one."""
    if tools not in _TOOLS:
        raise InputError(f"--tools is {tools!r}", f"give {', '.join(_TOOLS)}")
    families = named(family)
    plan = WorldPlan(
        families=families,
        split=split,
        seed=seed,
        n=n,
        samples=samples,
        model=model[0],
        dialect=dialect,
        sampling=sampling_of(temperature, top_p, top_k, min_p, repetition_penalty, stop, seed),
        limits=parse_limits(limit),
        search=tuple(search) or _searched(families if tools != "off" else ()),
        grading=grading_of(judge),
    ).checked()
    about = {"families": family, "split": split, "seed": seed}
    measure(plan, model, _TOOLS[tools], out, concurrency, about, as_json=as_json)


def measure(
    plan: EvalPlan,
    models: Sequence[str],
    tools: Sequence[bool],
    out: Path | None,
    concurrency: int,
    about: dict[str, Any],
    *,
    as_json: bool,
    spelt: tuple[str, str] = (DIALECT, LIMIT),
) -> None:
    """Ask in all settings, and tell what came of it. `spelt`: how a dialect and a limit are given."""
    if plan.samples > 1 and plan.sampling.temperature == 0:
        raise InputError("at temperature 0 all samples of a question are the same", "give --temperature")
    with ExitStack() as stack:
        folder = out or Path(stack.enter_context(TemporaryDirectory(prefix="deepeyes-eval-")))
        settings = settings_of(plan, models, tools, folder)
        kept = f"finished episodes are in {out}; the same command goes on" if out else ""
        results = run(_ask_all(settings, concurrency), kept)
        show(results, about, out, as_json=as_json)
    doubt(results, out, *spelt)


async def _ask_all(settings: Sequence[Setting], concurrency: int) -> list[Results]:
    told: set[str] = set()

    def tell(text: str) -> None:
        if text not in told:
            told.add(text)
            note(text)

    with EvalProgress(Console(stderr=True), len(settings)) as watch:
        return await run_settings(settings, concurrency=concurrency, tell=tell, watch=watch)


def _benchmark(name: str) -> tuple[type[EvalPlan], list[str]]:
    """The plan of that name, or of one's own questions, and what the name sets. Raises `InputError`."""
    path = Path(name).expanduser()
    if name in BENCHMARKS or not (path.exists() or path.suffix or path.name != name):
        return benchmark_named(name), []
    return benchmark_named(_OWN), [f"source={json.dumps(str(path))}"]


def _columns(pairs: Sequence[str]) -> list[str]:
    """`--column` as settings; several images are joined. Raises `InputError`."""
    named: dict[str, list[str]] = {}
    for pair in pairs:
        key, _, name = pair.partition("=")
        if not key.strip() or not name.strip():
            raise InputError(
                f"--column {pair!r} is not KEY=NAME", "write for example --column question=prompt"
            )
        named.setdefault(key.strip(), []).append(name.strip())
    return [
        f"columns.{key}={json.dumps(names if key == 'image' else names[-1])}" for key, names in named.items()
    ]


def _searched(families: Sequence[str]) -> tuple[str, ...]:
    """The world's own index for families that cannot be solved without searching."""
    return ("world",) if any(name in FAMILIES and searched(name) for name in families) else ()
