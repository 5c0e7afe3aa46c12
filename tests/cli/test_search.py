"""`deepeyes search` and `--search`: indexes of one's own, the notes, the errors."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cli.conftest import ANSWER, Ran
from search.text_helpers import places

from deepeyes.cli.search import read_documents
from deepeyes.core.errors import InputError
from deepeyes.core.limits import StopReason
from deepeyes.core.results import Observation, SeenHit
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace, TraceWriter, Turn

CALL = (
    '<think>Look.</think><tool_call>{"name": "search", "arguments": {"query": "exports of Chad"}}</tool_call>'
)


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    path = tmp_path / "documents.jsonl"
    lines = [json.dumps({"url": d.url, "title": d.title, "text": d.text, "date": d.date}) for d in places()]
    path.write_text("\n".join(lines) + "\n\n")
    return path


@pytest.fixture
def folder(cli: Callable[..., Ran], documents: Path, tmp_path: Path) -> Path:
    ran = cli("search", "index", documents, "--out", tmp_path / "index", "--no-dense")
    assert ran.code == 0 and "18 documents" in ran.out, ran.err
    return tmp_path / "index"


def test_index_and_query(cli: Callable[..., Ran], folder: Path):
    ran = cli("search", "query", "exports of Chad", "--search", folder, "--json", "-k", "2")
    found = json.loads(ran.out)
    assert found["hits"][0]["url"] == "world://country/chad/trade" and len(found["hits"]) == 2
    assert "no vectors" in found["notes"][-1]
    ran = cli("search", "query", "exports of Chad", "--search", folder)
    assert ran.out.startswith("1. Chad: Trade (2025)\n   world://country/chad/trade\n   Exports:")
    assert "note: " in ran.err and ran.code == 0
    ran = cli("search", "query", "zzzzz", "--search", folder)
    assert ran.out == "" and "nothing was found" in ran.err


def test_ask_with_an_index(cli: Callable[..., Ran], folder: Path, picture: Path, tmp_path: Path):
    script = tmp_path / "script.txt"
    script.write_text(f"{CALL}\n---\n{ANSWER}\n")
    ran = cli(
        "ask", picture, "?", "--model", f"scripted:{script}", "--search", folder, "--json", "--trace", "t"
    )
    assert json.loads(ran.out)["tool_calls"] == [{"name": "search", "status": "ok"}], ran.err
    assert "world://country/chad/trade" in next((tmp_path / "t").glob("*.jsonl")).read_text()
    off = cli("ask", picture, "?", "--model", f"scripted:{script}", "--search", "off", "--json")
    assert json.loads(off.out)["tool_calls"] == [{"name": "search", "status": "error"}]


def test_eval_with_an_index(cli: Callable[..., Ran], folder: Path, tmp_path: Path):
    script = tmp_path / "script.txt"
    script.write_text(f"{CALL}\n---\n{ANSWER}\n")
    asked = ("eval", "world", "--family", "tiny", "-n", 1, "--model", f"scripted:{script}", "--trace", "t")
    ran = cli(*asked, "--search", folder, "--json")
    assert json.loads(ran.out)["tool_call_rate"] == 1.0, ran.err
    assert "world://country/chad/trade" in next((tmp_path / "t").glob("*.jsonl")).read_text()
    other = cli(*asked, "--search", "off", "--json")
    assert other.code == 3 and "holds another run" in other.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("search", "query", " "), 2, "the query is empty"),
        (("search", "query", "x", "--search", "nowhere"), 3, "there is no search 'nowhere'"),
        (("search", "query", "x", "--search", "serper?colour=1"), 3, "no setting 'colour'"),
        (("search", "query", "x", "--search", "."), 5, "there is no text index in"),
        (("search", "query", "x", "--search", "off"), 2, "there is no text to search"),
        (("search", "image", "missing.png", "--search", "off"), 2, "there is no picture"),
        (("search", "index", "missing.jsonl", "--out", "o"), 2, "reading missing.jsonl failed"),
        (("search", "index", "missing.jsonl"), 2, "give --out DIR"),
        (("search", "serve", "--host", "0.0.0.0", "--search", "off"), 3, "without a token"),
    ],
)
def test_mistakes_are_one_line(cli: Callable[..., Ran], arguments: tuple[str, ...], code: int, words: str):
    ran = cli(*arguments)
    assert ran.code == code and words in ran.err and ran.is_one_line, ran.err


def test_two_searches_for_one_thing_are_refused(cli: Callable[..., Ran], folder: Path):
    ran = cli("search", "query", "x", "--search", folder, "--search", folder)
    assert ran.code == 2 and "second search for text" in ran.err


def test_documents_of_trainers_are_read(tmp_path: Path):
    path = tmp_path / "corpus.jsonl"
    path.write_text('{"id": "7", "contents": "\\"The Moon\\"\\nIt is dry."}\n')
    document = next(iter(read_documents(path)))
    assert (document.url, document.title, document.text) == ("7", "The Moon", "It is dry.")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "line 1 of"),
        ("[]", "not a JSON object"),
        ('{"url": "a"}', "no url or no text"),
        ('{"text": "a"}', "no url"),
    ],
)
def test_bad_lines_are_named(tmp_path: Path, line: str, words: str):
    path = tmp_path / "corpus.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(InputError, match=words):
        list(read_documents(path))


def test_the_contamination_report_names_what_was_seen(cli: Callable[..., Ran], tmp_path: Path) -> None:
    question = "How many keepers lived in the old lighthouse on the northern cape of the island?"
    leak = SeenHit(title="Quiz", url="https://example.org/quiz", snippet=f"{question} Seven.")
    plain = SeenHit(title="Cape", url="https://example.org/cape", snippet="The cape is windy.")
    writer = TraceWriter(tmp_path / "run")
    for name, found in (
        ("saw", Observation(tool="search", query="keepers", hits=(leak,))),
        ("clean", Observation(tool="search", query="keepers", hits=(plain,))),
        ("saw of old", Observation(tool="search", stdout=f"1. Quiz\n{leak.snippet}\n")),
    ):
        task, turns = Task(id=name, question="?"), (Turn(observation=found),)
        writer.write(Trace(id=name, task=task, turns=turns, stop_reason=StopReason.answered))
    (tmp_path / "bench.jsonl").write_text(json.dumps({"question": question, "answer": 7}) + "\n")
    ran = cli("search", "contamination", tmp_path / "run", tmp_path / "bench.jsonl", "--json")
    report = json.loads(ran.out)
    assert (report["episodes"], report["searched"], report["contaminated"]) == (3, 3, 0.6667)
    assert set(report["seen"]) == {"saw", "saw of old"} and report["seen"]["saw"][0]["item"] == "1"
    ran = cli("search", "contamination", tmp_path / "run", tmp_path / "bench.jsonl")
    assert ran.out.startswith("2 of 3 episodes saw the benchmark")
    (tmp_path / "bench.jsonl").write_text('{"answer": 7}\n')
    ran = cli("search", "contamination", tmp_path / "run", tmp_path / "bench.jsonl")
    assert ran.code != 0 and ran.is_one_line and "line 1" in ran.err
