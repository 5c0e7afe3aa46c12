"""The text index: what it finds, in which words, and what happens when a build is killed."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from search.text_helpers import Concepts, places

from deepeyes.core.claim import hold
from deepeyes.core.errors import ConfigError, InputError, StorageError
from deepeyes.search.base import Document, SearchUnavailable
from deepeyes.search.text import build as text_build
from deepeyes.search.text import index as text
from deepeyes.search.text.build import build, keep_vectors, read_manifest
from deepeyes.search.text.index import TextIndex

ENGINES = [
    pytest.param("tantivy", marks=pytest.mark.skipif(not text.has_tantivy(), reason="not installed")),
    "fts5",
]
ODD = [
    Document("a:1", "Cairo", "القاهرة هي عاصمة مصر وأكبر مدنها"),
    Document("a:2", "Beijing", "北京是中华人民共和国的首都"),
    Document("a:3", "Seoul", "서울은 대한민국의 수도이다"),
    Document("a:4", "Athens", "Η Αθήνα είναι η πρωτεύουσα της Ελλάδας"),
    Document("a:5", "Smile", "The emoji 😀 is a grinning face, 👍 a thumb, 🇫🇷 a flag"),
    Document("a:6", "São Tomé", "Çà et là, Ærøskøbing naïve façade"),
    Document("a:7", "Bangkok", "กรุงเทพมหานครเป็นเมืองหลวงของประเทศไทย"),
]


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    for module in (text, text_build):
        monkeypatch.setattr(module, "has_tantivy", lambda: request.param == "tantivy")
    return str(request.param)


@pytest.fixture
def index(tmp_path: Path) -> TextIndex:
    build(places(), tmp_path / "index", encoder=Concepts())
    return TextIndex.open(tmp_path / "index", encoder=Concepts())


def urls(index: TextIndex, query: str, k: int = 5) -> list[str]:
    return [hit.url.removeprefix("world://country/") for hit in index.find(query, k)]


# ---- what is found


def test_words_find_documents_with_either_engine(engine: str, tmp_path: Path):
    build(places(), tmp_path, dense=False)
    with TextIndex.open(tmp_path) as index:
        assert index.engine == engine and not index.dense
        assert urls(index, "exports of Chad", 1) == ["chad/trade"]
        assert urls(index, "CÔTE D'IVOIRE climate", 1) == urls(index, "cote d'ivoire climates", 1)
        assert urls(index, "cote d'ivoire climate", 1) == ["côte d'ivoire/land"]
        assert urls(index, "zzzz") == []


def test_a_paraphrase_finds_its_section_of_its_subject(index: TextIndex):
    assert urls(index, "which faiths are followed in Peru?", 1) == ["peru/people"]
    assert urls(index, "what Oman sells abroad", 1) == ["oman/trade"]
    assert urls(index, "does Japan burn coal?", 1) == ["japan/trade"]
    hit = index.find("which faiths are followed in Peru?", 1)[0]
    assert hit.title == "Peru: People" and hit.date == "2025" and hit.source == "made up, CC0"
    assert hit.snippet.startswith("Religions: most of Peru")
    assert index.dense and index.notes == ()


def test_a_snippet_begins_where_the_passage_does_if_only_the_subject_is_named_in_it(tmp_path: Path):
    """The page's own subject, which the rest of the passage may name too, says nothing of where to look."""
    note = "note: in " + "Peru nobody was asked since the census of 1872, which complicates all of it; " * 6
    told = "Religions: Roman Catholic 60%, Evangelical 11%, other 4%, none 4% (2021 est.)"
    page = Document("peru/people", "Peru: People", f"Languages: Spanish\n\n{told}\n{note}")
    build([page, *places()[:1]], tmp_path, encoder=Concepts())
    with TextIndex.open(tmp_path, encoder=Concepts()) as index:
        hit = index.find("which faiths are followed in Peru?", 1)[0]
        assert hit.url == "peru/people" and told in hit.snippet
        hit = index.find("which faiths are followed in Peru since the census?", 1)[0]
        assert "census" in hit.snippet


def test_labels_that_recur_share_a_vector(tmp_path: Path):
    encoder = Concepts()
    manifest = build(places(), tmp_path, encoder=encoder)
    assert manifest.passages == 36 and manifest.vectors == 6
    assert encoder.made == ["Religions", "Languages", "Climate", "Terrain", "Exports", "Electricity"]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("عاصمة مصر", "a:1"),
        ("القَاهِرة", "a:1"),
        ("北京", "a:2"),
        ("首都", "a:2"),
        ("대한민국의", "a:3"),
        ("αθηνα", "a:4"),
        ("😀", "a:5"),
        ("👍", "a:5"),
        ("naive facade", "a:6"),
        ("ÇÀ ET LÀ", "a:6"),
        ("เมืองหลวง", "a:7"),
        ("ｂｅｉｊｉｎｇ", "a:2"),
    ],
)
def test_other_scripts(engine: str, tmp_path: Path, query: str, wanted: str):
    build(ODD, tmp_path, dense=False)
    with TextIndex.open(tmp_path) as index:
        assert [hit.url for hit in index.find(query, 1)] == [wanted]


@pytest.mark.parametrize("query", ["", "   ", "\x00\x01\x02", "?!...", "\u202e", "\ufeff"])
def test_empty_queries_find_nothing(index: TextIndex, query: str):
    assert index.find(query) == ()


def test_a_very_long_query_is_cut(index: TextIndex):
    assert urls(index, "exports of Chad " + "bla " * 25_000, 1) == ["chad/trade"]


def test_control_characters_do_not_matter(index: TextIndex):
    assert urls(index, "exports\x00 of\r\n\x1b[31m Chad", 1) == ["chad/trade"]


@given(st.text(max_size=200), st.integers(-3, 200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_any_query_has_an_answer(engine: str, tmp_path_factory: pytest.TempPathFactory, query: str, k: int):
    folder = tmp_path_factory.getbasetemp() / f"any-{engine}"
    if not folder.exists():
        build([*places(), *ODD], folder, dense=False)
    with TextIndex.open(folder) as index:
        hits = index.find(query, k)
    assert len(hits) <= max(0, k)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert all("\n" not in hit.snippet and len(hit.snippet) < 320 for hit in hits)


async def test_search_and_pages_are_the_protocols(index: TextIndex):
    hits = await index.search("climate of Peru", k=2)
    page = await index.read(hits[0].url)
    assert page is not None and page.text.startswith("Climate: rainy in Peru")
    assert await index.read("world://country/nowhere") is None


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    build(places(), tmp_path, encoder=Concepts())
    monkeypatch.setattr(text, "has_tantivy", lambda: False)
    monkeypatch.setattr(text, "missing_parts", lambda: ["onnxruntime"])
    with TextIndex.open(tmp_path) as index:
        assert urls(index, "exports of Chad", 1) == ["chad/trade"], "an index of the other engine is made"
        assert not index.dense
        assert "SQLite searches instead" in index.notes[0] and "onnxruntime missing" in index.notes[1]
        assert all("pip install 'deepeyes[search]'" in note for note in index.notes)
    monkeypatch.setattr(text_build, "missing_parts", lambda: ["onnxruntime"])
    assert build(places(), tmp_path / "other").encoder == ""
    with TextIndex.open(tmp_path / "other") as index:
        assert "no vectors" in index.notes[1]


# ---- building


def test_bad_collections_are_refused(tmp_path: Path):
    with pytest.raises(InputError, match="no documents"):
        build([], tmp_path, dense=False)
    with pytest.raises(InputError, match="two documents have the address 'x'"):
        build(
            [Document("x", "a", "b"), Document("y", "a", "b"), Document("x", "c", "d")], tmp_path, dense=False
        )
    assert not (tmp_path / "manifest.json").exists()


def test_odd_documents_are_indexed(tmp_path: Path):
    odd = [
        Document("a", "", ""),
        Document("b", "only a title", ""),
        Document("c", "", "\ud800 lone \x00 nul"),
    ]
    build(odd, tmp_path, encoder=Concepts())
    with TextIndex.open(tmp_path, encoder=Concepts()) as index:
        assert index.find("title")[0].url == "b"
        assert index.find("lone")[0].url == "c"


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lambda folder: (folder / "manifest.json").unlink(), "there is no text index"),
        (lambda folder: (folder / "manifest.json").write_text("{"), "reading .*manifest.json failed"),
        (lambda folder: (folder / "manifest.json").write_text("[]"), "of another version"),
        (lambda folder: (folder / "manifest.json").write_text('{"format": 99}'), "of another version"),
        (lambda folder: next(folder.glob("*/documents.jsonl")).unlink(), "incomplete"),
        (lambda folder: next(folder.glob("*/offsets.npy")).write_bytes(b"x"), "opening .* failed"),
        (lambda folder: next(folder.glob("*/vectors/codes.npy")).write_bytes(b"x"), "opening .* failed"),
    ],
)
def test_a_missing_or_broken_index_says_what_to_do(tmp_path: Path, break_it, words: str):
    build(places(), tmp_path, encoder=Concepts())
    break_it(tmp_path)
    with pytest.raises(SearchUnavailable, match=words) as error:
        TextIndex.open(tmp_path, encoder=Concepts())
    assert "deepeyes search index" in error.value.remedy


def test_a_script_that_the_encoder_cannot_read_is_searched_by_its_words(tmp_path: Path):
    build([*places(), Document("zh", "埃菲尔铁塔", "位于巴黎")], tmp_path, encoder=Concepts())
    with TextIndex.open(tmp_path, encoder=Concepts()) as index:
        assert urls(index, "埃菲尔铁塔", 1) == ["zh"]
        assert [index.find(query) for query in ("🗼", "فرنسا", "\ud800")] == [(), (), ()]
        assert urls(index, "exports of Chad \ud800", 1) == ["chad/trade"]


def test_the_same_documents_are_not_indexed_twice(tmp_path: Path):
    build(places(), tmp_path, encoder=Concepts())
    again = Concepts()
    build(places(), tmp_path, encoder=again)
    assert again.made == []


def test_other_documents_replace_the_content_and_readers_keep_theirs(tmp_path: Path):
    build(places(), tmp_path, dense=False)
    with TextIndex.open(tmp_path) as old:
        build(ODD, tmp_path, dense=False)
        assert urls(old, "exports of Chad", 1) == ["chad/trade"]
    with TextIndex.open(tmp_path) as new:
        assert [hit.url for hit in new.find("Athens")] == ["a:4"]
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 1


def test_vectors_can_come_later_and_from_a_file(tmp_path: Path):
    build(places(), tmp_path / "a", dense=False)
    build(places(), tmp_path / "a", encoder=Concepts())
    assert read_manifest(tmp_path / "a").encoder == "concepts"
    assert keep_vectors(tmp_path / "a", tmp_path / "gists.npy") == 6
    encoder = Concepts()
    more = [*places(), Document("new", "News", "Trade of one more place")]
    build(more, tmp_path / "b", encoder=encoder, known=tmp_path / "gists.npy")
    assert encoder.made == ["Trade of one more place"]
    with TextIndex.open(tmp_path / "b", encoder=Concepts()) as index:
        assert urls(index, "which faiths are followed in Peru?", 1) == ["peru/people"]


def test_two_builders_never_write_at_once(tmp_path: Path):
    with hold(tmp_path), pytest.raises(StorageError, match="another process"):
        build(places(), tmp_path, dense=False)


def test_asking_for_meanings_without_an_encoder_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    from deepeyes.search.text import vectors as text_vectors

    monkeypatch.setattr(text_vectors, "missing_parts", lambda: ["onnxruntime"])
    text_vectors.load_encoder.cache_clear()
    with pytest.raises(ConfigError, match=r"onnxruntime missing.*deepeyes\[search\]"):
        build(places(), tmp_path, dense=True)


KILLED = """
import os, signal, sys
from pathlib import Path
from search.text_helpers import Concepts, places
from deepeyes.search.text import build as text_build
from deepeyes.search.base import Document

step, folder = int(sys.argv[1]), Path(sys.argv[2])
count = 0
def tell(what, done, total):
    global count
    count += 1
    if count == step:
        os.kill(os.getpid(), signal.SIGKILL)
words = [chr(97 + n % 26) * (1 + n // 26) for n in range(300)]
many = [Document(f"n:{n}", f"Note {n}", f"prose {word} about trade") for n, word in enumerate(words)]
text_build.build([*places(), *many], folder, encoder=Concepts(), on_progress=tell)
"""


def test_a_build_killed_at_any_step_leaves_nothing_broken_and_goes_on(tmp_path: Path):
    script = tmp_path / "build.py"
    script.write_text(textwrap.dedent(KILLED))
    tests = Path(__file__).parents[2]
    paths = [str(tests), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    steps = [3, 318, 319, 320, 321, 322, 323, 324, 10_000]
    ended: list[int] = []
    folder = tmp_path / "index"
    for step in steps:
        done = subprocess.run([sys.executable, script, str(step), str(folder)], env=environment, check=False)
        ended.append(done.returncode)
        try:
            with TextIndex.open(folder, encoder=Concepts()) as index:
                assert urls(index, "exports of Chad", 1) == ["chad/trade"]
        except SearchUnavailable as error:
            assert "there is no text index" in str(error), "never a broken one"
    assert ended[0] == -signal.SIGKILL and ended[-1] == 0
    left = {path.name for path in folder.iterdir()}
    assert left == {"manifest.json", read_manifest(folder).content}


def test_vectors_made_before_a_kill_are_kept(tmp_path: Path):
    class Dies(Concepts):
        def encode(self, texts):
            if len(self.made) >= 128:
                raise KeyboardInterrupt
            return super().encode(texts)

    many = [Document(f"n:{n}", f"t{n}", "word" + chr(97 + n % 26) * (1 + n // 26)) for n in range(300)]
    with pytest.raises(KeyboardInterrupt):
        build(many, tmp_path, encoder=Dies())
    part = next(tmp_path.glob("*/vectors.concepts.part"))
    with part.open("ab") as file:
        file.write(b"half a row")
    rest = Concepts()
    build(many, tmp_path, encoder=rest)
    assert len(rest.made) == 300 - 128


def test_documents_can_be_read_by_any_program(tmp_path: Path):
    build(places(), tmp_path, dense=False)
    lines = next(tmp_path.glob("*/documents.jsonl")).read_text("utf-8").splitlines()
    assert json.loads(lines[0])["title"] == "France: People"
