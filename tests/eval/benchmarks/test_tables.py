"""Tables wherever they lie: files, folders, shards, saved data sets, and hubs that cannot be reached."""

import json
import socket
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from eval.benchmarks.layouts import LAYOUTS
from eval.benchmarks.published import asked, plan_of, png, write_jsonl, write_parquet, write_tsv

from deepeyes.core.errors import InputError
from deepeyes.eval.benchmarks import hub as hubs
from deepeyes.eval.benchmarks.about import Hub
from deepeyes.eval.benchmarks.hub import open_hub
from deepeyes.eval.benchmarks.tables import files_of, open_local

ROW = LAYOUTS["chartqa"].rows[0]


def rows(many: int, first: int = 0) -> list[dict[str, Any]]:
    return [{**ROW, "index": str(n), "image": png(n)} for n in range(first, first + many)]


def ids(source: Path | str, **settings: Any) -> list[str]:
    return [task.id for task in asked("chartqa", source, **settings)[0]]


# ---- folders


def test_the_shards_of_the_split_are_one_table(tmp_path: Path) -> None:
    for name, first in (("test-00000-of-00002", 0), ("test-00001-of-00002", 3), ("train-00000-of-00001", 50)):
        write_parquet(tmp_path / "data" / f"{name}.parquet", rows(3, first))
    assert ids(tmp_path) == [f"chartqa/{n}" for n in range(6)]
    assert ids(tmp_path, split="train") == [f"chartqa/{n}" for n in range(50, 53)]


def test_a_configuration_chooses_among_folders(tmp_path: Path) -> None:
    for place, config in enumerate(("human", "augmented")):
        write_parquet(tmp_path / config / "test-00000-of-00001.parquet", rows(1, place))
    assert ids(tmp_path, config="augmented") == ["chartqa/1"]
    with pytest.raises(
        InputError, match=r"holds several tables, augmented/test-00000-of-00001\.parquet, human"
    ):
        ids(tmp_path)


def test_a_split_is_found_however_its_name_is_joined(tmp_path: Path) -> None:
    for name in ("hr_bench_4k", "hr_bench_8k", "testmini", "test"):
        (tmp_path / f"{name}.parquet").touch()
    for split, name in (("hrbench_4k", "hr_bench_4k"), ("test", "test"), ("testmini", "testmini")):
        assert [file.stem for file in files_of(tmp_path, split, "")] == [name]


def test_files_that_are_no_rows_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "test.jsonl").write_text("{}")
    (tmp_path / "dataset_infos.json").write_text("{}")
    (tmp_path / "direct").mkdir()
    (tmp_path / "direct" / "a.jpg").write_bytes(png())
    (tmp_path / "direct" / "a.json").write_text("{}")
    write_jsonl(tmp_path / "rows.jsonl", rows(1))
    assert files_of(tmp_path, "test", "") == [tmp_path / "rows.jsonl"]
    (tmp_path / "rows.jsonl").unlink()
    with pytest.raises(InputError, match="holds no file of rows"):
        files_of(tmp_path, "test", "")


# ---- files


def test_every_kind_of_file_gives_the_same_rows(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    table = [{**ROW, "index": str(n), "image": "a.png", "answer": "14"} for n in range(3)]
    (tmp_path / "rows.json").write_text(json.dumps(table))
    paths = [
        tmp_path / "rows.json",
        write_jsonl(tmp_path / "rows.jsonl", table),
        write_tsv(tmp_path / "rows.tsv", table),
        write_parquet(tmp_path / "rows.parquet", table),
    ]
    found = [asked("chartqa", path)[0] for path in paths]
    for tasks in found:
        assert [task.model_copy(update={"source": ""}) for task in tasks] == [
            task.model_copy(update={"source": ""}) for task in found[0]
        ]


def test_a_saved_data_set_is_read_by_its_split(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    one = datasets.Dataset.from_list(rows(2))
    both = datasets.DatasetDict(test=one, train=datasets.Dataset.from_list(rows(3, 7)))
    one.save_to_disk(tmp_path / "one")
    both.save_to_disk(tmp_path / "both")
    assert ids(tmp_path / "one") == ids(tmp_path / "both") == ["chartqa/0", "chartqa/1"]
    assert len(ids(tmp_path / "both", split="train")) == 3
    with pytest.raises(InputError, match="has no split 'val': give --set split= one of test, train"):
        ids(tmp_path / "both", split="val")


def test_columns_that_are_left_out_are_not_read(tmp_path: Path) -> None:
    table = open_local(write_parquet(tmp_path / "a.parquet", rows(2)), "", "")
    assert "image" in table.columns
    assert all("image" not in row for _, (_, row) in table.rows({"image"}))
    assert all("image" in row for _, (_, row) in table.rows(()))


def test_what_is_no_table_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no file or folder"):
        plan_of("chartqa", tmp_path / "gone")
    (tmp_path / "rows.xlsx").touch()
    with pytest.raises(InputError, match="is no file of rows"):
        plan_of("chartqa", tmp_path / "rows.xlsx")
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(InputError, match=r"reading .*torn\.parquet failed"):
        plan_of("chartqa", tmp_path / "torn.parquet")
    (tmp_path / "wide.jsonl").write_text("{}", "utf-16")
    with pytest.raises(InputError, match="save it in UTF-8"):
        plan_of("chartqa", tmp_path / "wide.jsonl")
    (tmp_path / "not.jsonl").write_bytes(b"\x89binary\n")
    with pytest.raises(InputError, match="lacks columns"):
        plan_of("chartqa", tmp_path / "not.jsonl")


# ---- hubs


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_a_hub_that_is_not_there_is_told_at_once_with_what_to_fetch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(client.constants, "ENDPOINT", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.setattr(client.constants, "HF_HUB_OFFLINE", False)
    began = time.monotonic()
    with pytest.raises(InputError) as caught:
        plan_of("vstar", "")
    assert time.monotonic() - began < 12
    assert "hf download lmms-lab-encoder/vstar-bench --repo-type dataset" in caught.value.remedy
    assert "--set source=DIR" in caught.value.remedy
    with pytest.raises(InputError, match="hf download someone/else --repo-type dataset --local-dir DIR"):
        plan_of("vstar", "someone/else")


def test_a_hub_that_never_answers_is_given_up_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    client = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(hubs, "_SECONDS", 0.5)
    monkeypatch.setattr(client.constants, "HF_HUB_OFFLINE", False)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setattr(client.constants, "ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        with pytest.raises(InputError, match="reaching a/b on the hub failed"):
            open_hub(Hub("a/b"))
        assert time.monotonic() - began < 8


def test_what_an_earlier_run_fetched_is_used_where_there_is_no_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_parquet(tmp_path / "data" / "test-00000-of-00001.parquet", rows(2))
    client = hub_with(monkeypatch, unreachable=ConnectionError("no network"))
    client.snapshot_download = lambda *_, **given: str(tmp_path) if given["local_files_only"] else None
    assert ids("") == ["chartqa/0", "chartqa/1"]


def hub_with(monkeypatch: pytest.MonkeyPatch, **said: Any) -> Any:
    """A client of the hub that says this."""
    import huggingface_hub

    class Api:
        def dataset_info(self, name: str, revision: str | None, timeout: float) -> Any:
            if "unreachable" in said:
                raise said["unreachable"]
            return SimpleNamespace(sha="0123456789abcdef")

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)

    class Client:
        def __setattr__(self, name: str, value: Any) -> None:
            monkeypatch.setattr(huggingface_hub, name, value)

    return Client()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("GatedRepoError", "given only to those who ask: ask at https://huggingface.co/datasets/a/b"),
        ("RepositoryNotFoundError", "the hub has no data set a/b for you: check the name"),
        ("RevisionNotFoundError", "the hub has no data set a/b for you: check the name"),
    ],
)
def test_gates_and_wrong_names_are_no_missing_network(
    monkeypatch: pytest.MonkeyPatch, error: str, words: str
) -> None:
    errors = pytest.importorskip("huggingface_hub.errors")
    kind = getattr(errors, error)
    client = hub_with(monkeypatch, unreachable=kind.__new__(kind, "no"))
    client.snapshot_download = _nothing_kept
    with pytest.raises(InputError) as caught:
        open_hub(Hub("a/b"))
    assert words in str(caught.value)


def _nothing_kept(*_: Any, **__: Any) -> str:
    raise FileNotFoundError("not here")


def test_a_run_reads_one_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    client = hub_with(monkeypatch)
    asked_for: list[tuple[Any, ...]] = []

    def load(name: str, config: str | None, **given: Any) -> Any:
        asked_for.append((name, config, given["split"], given["revision"]))
        return datasets.Dataset.from_list(rows(1))

    monkeypatch.setattr(datasets, "load_dataset", load)
    (task,) = asked("chartqa", "")[0]
    assert asked_for == [("lmms-lab-encoder/ChartQA", None, "test", "0123456789abcdef")]
    assert task.source == "lmms-lab-encoder/ChartQA@0123456789ab"

    fetched: list[Any] = []
    write_jsonl(tmp_path / "val.jsonl", LAYOUTS["visualprobe_hard"].rows)
    client.snapshot_download = lambda name, **given: (fetched.append((name, given)), str(tmp_path))[1]
    (task,) = asked("visualprobe_hard", "")[0]
    assert fetched[0][0] == "Mini-o3/VisualProbe_Hard" and fetched[0][1]["revision"] == "0123456789abcdef"
    assert task.source == "Mini-o3/VisualProbe_Hard@0123456789ab"


def test_a_benchmark_on_no_hub_says_where_it_lies() -> None:
    with pytest.raises(
        InputError, match=r"on no hub: get it from https://github\.com/Alibaba-NLP/DeepResearch"
    ):
        plan_of("browsecomp_vl", "")
