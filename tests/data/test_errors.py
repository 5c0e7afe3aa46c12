"""Every error that curation can raise says what is wrong and, after a colon, what to do about it."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from data.crew import Crew, curated, drawing, recipe_values, write_rows
from pydantic import ValidationError

from deepeyes.core.errors import (
    ConfigError,
    DeepEyesError,
    InfrastructureError,
    InputError,
    StorageError,
)
from deepeyes.core.extras import install, needs
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace
from deepeyes.data.curate import Execution
from deepeyes.data.export.base import CompleteRun, write_parquet
from deepeyes.data.export.formats import export
from deepeyes.data.export.trl import export_trl
from deepeyes.data.export.verl import export_verl
from deepeyes.data.item import TraceRef
from deepeyes.data.recipe import CurationRecipe
from deepeyes.data.run.episodes import EpisodeStore
from deepeyes.data.run.folder import RunFolder
from deepeyes.data.run.funnel import counts_of, plot_funnel
from deepeyes.data.run.probe import RetryRounds, noted_tools
from deepeyes.data.run.runners import Processes, RayCluster, runner_named
from deepeyes.data.sources.inspect import contents
from deepeyes.data.sources.readers import raw_rows, source_digest
from deepeyes.data.sources.source import Source
from deepeyes.data.stages.select.decontaminate import index_of
from deepeyes.data.stages.select.mix import Mixture
from deepeyes.data.stages.select.similarity import SimilarTexts, fingerprint

pytest.importorskip("datasketch")
pytest.importorskip("imagehash")
pytest.importorskip("datasets")

INSTALL = needs("data")
Act = Callable[[Path], object]


def world(**fields: Any) -> CurationRecipe:
    """A recipe over the embedded world, which needs no file."""
    source = {"kind": "world", "limit": 1, **fields.pop("source", {})}
    return CurationRecipe.model_validate({"sources": {"w": source}, **fields})


def rows(folder: Path, **fields: Any) -> Source:
    return Source.model_validate({"kind": "jsonl", "path": str(folder), **fields})


def read(source: Source) -> list[Any]:
    return list(raw_rows(source))


def wrote(path: Path, text: str = "{") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def finished(folder: Path) -> Path:
    """A complete run with prompts alone."""
    values = recipe_values(write_rows(folder / "source", 3))
    values["sources"]["rows"]["route"] = "rl"
    curated(values, folder / "run")
    return folder / "run"


def unchanged_but(folder: Path, **fields: Any) -> None:
    """Run a recipe in a folder where a probe was asked, then again with a changed one."""
    values = recipe_values(write_rows(folder / "source", 2, first=1))
    curated(values, folder / "run")
    values["difficulty"] = {**values["difficulty"], **fields}
    curated(values, folder / "run")


def unreadable(folder: Path) -> Path:
    """A file that is a folder, where a file is expected: also root cannot read it."""
    (folder / "a.json").mkdir(parents=True)
    return folder / "a.json"


TEACHERLESS = (
    "questions of w may need a trace and there is no teacher: name one in [synthesize.teachers.NAME], or"
)
ERRORS: list[tuple[str, Act, type[DeepEyesError], str]] = [
    (
        "no teacher",
        lambda _: world().checked(),
        ConfigError,
        f'{TEACHERLESS} set tool_benefit.otherwise = "rl"',
    ),
    (
        "no name for a source",
        lambda _: CurationRecipe.model_validate(
            {"sources": {"a b": {"kind": "world", "limit": 1}}}
        ).checked(),
        ConfigError,
        "'a b' is no name for a source: use letters, digits, - and _",
    ),
    (
        "no name for a teacher",
        lambda _: world(synthesize={"teachers": {"written": {"model": "x"}}}).checked(),
        ConfigError,
        "'written' is no name for a teacher: use letters, digits, - and _, but not written",
    ),
    (
        "no number",
        lambda _: world(mix={"shares": {"w": float("inf")}}).checked(),
        ConfigError,
        "a share of mix.shares is no finite number: give numbers such as 0.5",
    ),
    (
        "no such group",
        lambda _: Mixture(by="route", caps={"x": 1}).check(["text", "rl"]),
        ConfigError,
        "mix speaks of route 'x', which is not there: use rl, text",
    ),
    (
        "a setting of another kind",
        lambda _: rows(Path("x"), families=["tiny"]).check("sources.s"),
        ConfigError,
        "sources.s.families means nothing for kind jsonl: remove it: it is for world",
    ),
    (
        "rows without a trace",
        lambda _: rows(Path("x"), route="trace").check("sources.s"),
        ConfigError,
        "sources.s cannot enter as trace: rows of kind jsonl bring none: use question, rl or cold_start",
    ),
    (
        "rows without reasoning",
        lambda _: rows(Path("x"), route="text").check("sources.s"),
        ConfigError,
        "sources.s cannot enter as text without written reasoning: name its column in columns.reasoning, "
        "or use question, rl or cold_start",
    ),
    (
        "no path",
        lambda _: read(rows(Path(), path="")),
        InputError,
        "a source of kind jsonl has no path: give it one",
    ),
    (
        "no file",
        lambda at: read(rows(at / "x*.jsonl")),
        InputError,
        "there is no file 'AT/x*.jsonl': check the path of the source",
    ),
    (
        "no folder",
        lambda at: read(rows(at / "x", kind="folder")),
        InputError,
        "there is no folder AT/x: check the path of the source",
    ),
    (
        "nothing in the folder",
        lambda at: read(rows(at, kind="parquet")),
        InputError,
        "the folder AT holds no .parquet: check the path of the source",
    ),
    (
        "an array in a file of lines",
        lambda at: read(rows(wrote(at / "a.jsonl", '[{"a": 1}]'))),
        InputError,
        "AT/a.jsonl holds one JSON array, not a row a line: name it .json",
    ),
    (
        "torn JSON",
        lambda at: read(rows(wrote(at / "a.json", "[{"))),
        InputError,
        "reading AT/a.json *: mend the JSON",
    ),
    (
        "a torn table",
        lambda at: read(rows(wrote(at / "a.parquet"), kind="parquet")),
        InputError,
        "reading AT/a.parquet *: fetch it again",
    ),
    (
        "no such data set",
        lambda at: read(rows(wrote(at / "state.json").parent, kind="hf")),
        InputError,
        "opening the data set AT *: check the name, the configuration and the split",
    ),
    (
        "a file that cannot be read",
        lambda at: read(rows(unreadable(at).parent)),
        InputError,
        "reading AT/a.json *: check that you may read it",
    ),
    (
        "a file whose digest cannot be had",
        lambda at: source_digest(rows(unreadable(at).parent)),
        InputError,
        "reading AT/a.json *: check that you may read it",
    ),
    (
        "no such family",
        lambda _: read(Source(kind="world", families=("huge",), limit=1)),
        InputError,
        "there is no family 'huge': use tiny, direct, *",
    ),
    (
        "no family",
        lambda _: read(Source(kind="world", families=(), limit=1)),
        InputError,
        "a source of kind world has no families: use tiny, direct, *",
    ),
    (
        "no such split",
        lambda _: read(Source(kind="world", split="x", limit=1)),
        InputError,
        "there is no split 'x': use train, *",
    ),
    (
        "endless",
        lambda _: read(Source(kind="world")),
        InputError,
        "the world has no end: give the source a limit",
    ),
    (
        "no file of rows",
        lambda at: contents(at / "a.txt"),
        InputError,
        "a.txt is no file of rows: give a .jsonl, .json or .parquet file",
    ),
    (
        "a benchmark that holds nothing",
        lambda at: index_of("b", rows(wrote(at / "b.jsonl", "{}\n")), at),
        InputError,
        "no row of the benchmark b can be compared (no_question 1): mend its columns",
    ),
    (
        "an empty benchmark",
        lambda at: index_of("b", rows(wrote(at / "b.jsonl", "")), at),
        InputError,
        "no row of the benchmark b can be compared (it is empty): mend its columns",
    ),
    (
        "a file as a run",
        lambda at: curated(recipe_values(write_rows(at / "s", 1)), wrote(at / "f")),
        InputError,
        "AT/f is a file, not a folder: choose another --out",
    ),
    (
        "asked under other settings",
        lambda at: unchanged_but(at, temperature=0.3),
        ConfigError,
        "AT/run/episodes/difficulty holds what models said under other settings (changed: difficulty): "
        "choose another --out, or delete that folder to ask again",
    ),
    (
        "an episode is gone",
        lambda at: list(RunFolder(at).traces([TraceRef(store="s", part=0, id="x#0")])),
        InputError,
        "episode x#0 is gone from AT: run the curation again",
    ),
    (
        "a run that is not complete",
        lambda at: RunFolder(at).final(),
        InputError,
        "there is no complete run in AT: run deepeyes data curate to its end",
    ),
    (
        "a damaged part",
        lambda at: RunFolder(wrote(at / "stages/01-a/part-00000.jsonl").parents[2]).stage(1, "a").read(0),
        InputError,
        "reading AT/stages/01-a/part-00000.jsonl *: delete AT/stages/01-a and the stages after it, and run "
        "again",
    ),
    (
        "damaged counts",
        lambda at: RunFolder(wrote(at / "stages/01-a/done.json").parents[2]).stage(1, "a").count(),
        InputError,
        "reading AT/stages/01-a/done.json *: delete it and run again",
    ),
    (
        "no counts yet",
        lambda at: counts_of(RunFolder(wrote(at / "stages/01-a/part-00000.jsonl").parents[2])),
        InputError,
        "no stage of the run in AT is complete yet: let deepeyes data curate go on",
    ),
    (
        "no counts",
        lambda at: counts_of(RunFolder(at)),
        InputError,
        "there is no curation run in AT: give the folder of deepeyes data curate",
    ),
    (
        "no format for a drawing",
        lambda at: plot_funnel(counts_of(RunFolder(finished(at))), at / "f.xyz"),
        InputError,
        "drawing AT/f.xyz *: name a .png, .svg or .pdf file",
    ),
    (
        "a drawing that cannot be written",
        lambda at: plot_funnel(counts_of(RunFolder(finished(at))), wrote(at / "f") / "f.png"),
        StorageError,
        "writing AT/f/f.png *: check the folder's permissions",
    ),
    (
        "damaged tools",
        lambda at: noted_tools(RunFolder(wrote(at / "tools.jsonl").parent)),
        InputError,
        "reading AT/tools.jsonl *: name them in export.tools and delete it",
    ),
    (
        "a server that stays away",
        lambda at: curated(
            recipe_values(write_rows(at / "s", 2, first=1)),
            at / "run",
            Crew(flaky=1.0),
            execution=Execution(retry=RetryRounds(rounds=2, wait=0.01)),
        ),
        InfrastructureError,
        "2 of 2 questions could not be asked in 2 rounds: see that model and tools are up (deepeyes doctor); "
        "the same command goes on",
    ),
    (
        "no such runner",
        lambda _: runner_named("x", 1),
        ConfigError,
        "there is no runner 'x': use local or ray",
    ),
    (
        "no such format",
        lambda at: export(at, "csv"),
        InputError,
        "there is no format 'csv': use trl, sharegpt, verl, traces",
    ),
    (
        "no run to export",
        lambda at: export(at, "trl"),
        InputError,
        "there is no curation run in AT: give the folder of deepeyes data curate",
    ),
    (
        "nothing for the format",
        lambda at: export(finished(at), "sharegpt"),
        InputError,
        "AT/run holds nothing for sharegpt (routes kept: rl): choose another --format, or see what was left "
        "out: deepeyes data funnel",
    ),
    (
        "an export into the run",
        lambda at: export(finished(at), "traces", at / "run/stages"),
        InputError,
        "an export to AT/run/stages would destroy the run in AT/run: choose another --to",
    ),
    (
        "an export over other files",
        lambda at: export(finished(at), "traces", wrote(at / "mine/thesis").parent),
        InputError,
        "AT/mine holds files that are no export: choose another --to, or empty the folder yourself",
    ),
    (
        "an export over a file",
        lambda at: export(finished(at), "traces", wrote(at / "mine")),
        InputError,
        "looking into AT/mine *: choose another --to",
    ),
    (
        "an export below a file",
        lambda at: export(finished(at), "traces", wrote(at / "mine") / "x"),
        StorageError,
        "writing to AT/mine/x *: check the folder's permissions",
    ),
]


def fits(text: str, wanted: str) -> bool:
    """Whether `text` is `wanted`, a star of which stands for anything."""
    first, *rest = wanted.replace("x*.jsonl", "x\0.jsonl").split("*")
    first, rest = first.replace("\0", "*"), [piece.replace("\0", "*") for piece in rest]
    if not rest:
        return text == first
    return text.startswith(first.rstrip()) and text.endswith(rest[-1].lstrip())


@pytest.mark.parametrize(
    ("act", "kind", "wanted"), [case[1:] for case in ERRORS], ids=[case[0] for case in ERRORS]
)
def test_an_error_says_what_is_wrong_and_what_to_do(
    act: Act, kind: type[DeepEyesError], wanted: str, tmp_path: Path
) -> None:
    with pytest.raises(kind) as raised:
        act(tmp_path)
    assert type(raised.value) is kind and raised.value.remedy
    assert fits(str(raised.value), wanted.replace("AT", str(tmp_path))), str(raised.value)


MISSING: list[tuple[str, Act, type[DeepEyesError], str]] = [
    ("imagehash", lambda _: fingerprint(drawing(1)), InputError, f"comparing images *: {INSTALL}"),
    ("datasketch", lambda _: SimilarTexts(0.8), InputError, f"comparing texts *: {INSTALL}"),
    ("pyarrow", lambda at: read(rows(at / "x", kind="parquet")), InputError, f"reading parquet *: {INSTALL}"),
    (
        "pyarrow",
        lambda at: write_parquet(at / "x", None, iter(())),
        InputError,
        f"writing parquet *: {INSTALL}",
    ),
    (
        "datasets",
        lambda at: read(rows(at, kind="hf")),
        InputError,
        f"opening a Hugging Face data set *: {INSTALL}",
    ),
    (
        "datasets",
        lambda at: Processes(2).run(print, [0], RunFolder(at).stage(1, "a"), print),
        ConfigError,
        INSTALL,
    ),
    (
        "ray",
        lambda at: RayCluster().run(print, [0], RunFolder(at).stage(1, "a"), print),
        ConfigError,
        "install what it needs: *",
    ),
    (
        "datasets",
        lambda at: export_trl(CompleteRun.open(finished(at)), at),
        InputError,
        f"writing for TRL *: {INSTALL}",
    ),
    (
        "datasets",
        lambda at: export_verl(CompleteRun.open(finished(at)), at),
        InputError,
        f"writing for verl *: {INSTALL}",
    ),
]


@pytest.mark.parametrize(("library", "act", "kind", "wanted"), MISSING)
def test_a_missing_library_is_named_with_what_to_install(
    library: str,
    act: Act,
    kind: type[DeepEyesError],
    wanted: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == library]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(kind) as raised:
        act(tmp_path)
    text = str(raised.value)
    assert fits(text, wanted) or (
        raised.value.remedy.startswith(wanted.rstrip(" *")) and "pip install" in text
    ), text


@pytest.mark.parametrize(
    ("name", "count", "library", "remedy"),
    [("local", 2, "datasets", INSTALL), ("ray", 1, "ray", needs("ray"))],
)
def test_a_runner_without_its_library_is_refused(
    name: str, count: int, library: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deepeyes.data.run.runners.find_spec", lambda name: None)
    with pytest.raises(ConfigError) as raised:
        runner_named(name, count)
    assert str(raised.value) == f"{library} is not installed: {remedy}"


@pytest.mark.parametrize("library", ["imagehash", "datasketch"])
def test_a_run_without_its_libraries_is_refused(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepeyes.data.recipe.find_spec", lambda name: None if name == library else "there")
    with pytest.raises(ConfigError) as raised:
        world(source={"route": "rl"}).checked()
    assert str(raised.value) == f"{library} is not installed: {install('data')}"


def test_a_worker_that_dies_says_so(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError) as raised:
        Processes(2).run(_die, [0, 1], RunFolder(tmp_path).stage(1, "a"), print)
    assert raised.value.remedy == "see that memory suffices; the same command goes on"
    assert raised.value.message.startswith("a worker process died (")


def _die(part: int) -> None:
    os._exit(9)


def test_what_cannot_be_removed_or_written_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise PermissionError("no")

    long = [{"id": n, "question": f"{n} + {n}?", "answer": 2 * n, "why": "Twice."} for n in range(2)]
    wrote(tmp_path / "long.jsonl", "".join(json.dumps(one) + "\n" for one in long))
    source = {"kind": "jsonl", "path": str(tmp_path / "long.jsonl"), "columns": {"reasoning": "why"}}
    curated({"sources": {"long": source}}, tmp_path / "run")
    monkeypatch.setattr("deepeyes.core.files._delete", refused)
    changed = CurationRecipe.model_validate({"sources": {"long": {**source, "limit": 1}}})
    with pytest.raises(StorageError, match=r"removing .*/stages/12-split.*: check the folder's permissions"):
        curated(changed, tmp_path / "run")
    with pytest.raises(StorageError, match=r"removing .*/stages/01-read.*: check the folder's permissions"):
        RunFolder(tmp_path / "run").stage(1, "read").drop()
    store = EpisodeStore(RunFolder(tmp_path / "other"), "s", {"t": 0})
    monkeypatch.setattr("deepeyes.core.trace.append_line", lambda *_, **__: None)
    store.write(Trace(id="t#0", task=Task(id="t", question="What?"), stop_reason="answered"))  # pyright: ignore
    with pytest.raises(StorageError, match=r"writing .*traces\.jsonl.*: check the disk"):
        monkeypatch.setattr("deepeyes.core.trace.os.fsync", refused)
        store.sync()
    monkeypatch.setattr("deepeyes.core.trace.append_line", refused)
    with pytest.raises(StorageError, match=r"writing .*traces\.jsonl.*: check the folder's permissions"):
        store.write(Trace(id="t#0", task=Task(id="t", question="What?"), stop_reason="answered"))  # pyright: ignore


@pytest.mark.parametrize(
    ("section", "fields", "wanted"),
    [
        ("difficulty", {"model": "x", "k": 4, "max_right": 4}, "nothing is too easy: set it below k"),
        ("tool_benefit", {"model": "x", "k": 4, "solved_at": 5}, "nothing is solved: set it to at most k"),
        ("mix", {"shares": {"a": 0.0}}, "shares must be above 0 and caps at least 0"),
        ("mix", {"caps": {"a": -1}}, "shares must be above 0 and caps at least 0"),
    ],
)
def test_a_setting_that_cannot_be_says_why(section: str, fields: dict[str, Any], wanted: str) -> None:
    with pytest.raises(ValidationError, match=wanted):
        world(**{section: fields})


def test_a_damaged_list_of_digests_is_an_error_that_names_it(tmp_path: Path) -> None:
    values = recipe_values(write_rows(tmp_path / "source", 1))
    wrote(tmp_path / "run/sources.json")
    with pytest.raises(InputError, match=r"reading .*/sources\.json.*: choose another --out"):
        curated(values, tmp_path / "run")


def test_a_cluster_that_cannot_be_reached_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = pytest.importorskip("ray")

    def away(**_: Any) -> None:
        raise ConnectionError("nobody there")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", away)
    with pytest.raises(InfrastructureError, match=r"reaching the Ray cluster.*: check the address"):
        RayCluster("somewhere").run(print, [0], RunFolder(tmp_path).stage(1, "a"), print)


def test_families_of_a_mix_that_are_not_there_are_refused_before_anything_is_asked(tmp_path: Path) -> None:
    values = recipe_values(write_rows(tmp_path / "source", 1), mix={"by": "family", "caps": {"x": 1}})
    crew = Crew()
    with pytest.raises(ConfigError, match="mix speaks of family 'x', which is not there: use rows"):
        curated(values, tmp_path / "run", crew)
    assert not crew.models
