"""Every export is read back: by the library it is for where that is installed, else by its column rules."""

import importlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from data.crew import Crew, curated, recipe_values, write_rows
from PIL import Image
from pydantic import ValidationError
from tools.fake_sandbox import FakeSandbox

from deepeyes.core.errors import InputError
from deepeyes.core.images import ImageStore
from deepeyes.core.trace import read_traces
from deepeyes.data.export.formats import FORMATS, export
from deepeyes.data.recipe import CurationRecipe
from deepeyes.data.run.folder import RunFolder
from deepeyes.data.run.probe import note_tools, noted_tools
from deepeyes.tools.base import ToolSet
from deepeyes.tools.python import PythonTool
from deepeyes.tools.search import SearchTool

datasets = pytest.importorskip("datasets")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    values = recipe_values(write_rows(folder / "source", 24))
    rows = [{"question": f"{n} + {n}?", "answer": 2 * n, "why": f"{n} and {n}. </think>"} for n in range(6)]
    (folder / "long.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    columns = {"reasoning": "why"}
    values["sources"]["long"] = {"kind": "jsonl", "path": str(folder / "long.jsonl"), "columns": columns}
    curated(values, folder / "out", Crew())
    return folder / "out"


def placeholders(messages: list[dict[str, Any]]) -> int:
    return sum(block["type"] == "image" for message in messages for block in message["content"])


def load(path: Path, tmp_path: Path) -> Any:
    return datasets.load_dataset("parquet", data_files=str(path), split="train", cache_dir=str(tmp_path))


def test_trl_files_are_read_by_datasets(run: Path, tmp_path: Path) -> None:
    place, files = export(run, "trl", tmp_path / "trl")
    assert set(files) >= {"sft/train.parquet", "rl/train.parquet"}
    rows = load(place / "sft/train.parquet", tmp_path)
    assert len(rows) == files["sft/train.parquet"]
    for row in rows:
        assert placeholders(row["messages"]) == len(row["images"])
        assert all(isinstance(image, Image.Image) and image.width % 28 == 0 for image in row["images"])
        assert (
            row["messages"][-1]["role"] == "assistant"
            and "<answer>" in row["messages"][-1]["content"][0]["text"]
        )
    prompts = load(place / "rl/train.parquet", tmp_path)
    assert all(placeholders(row["prompt"]) == len(row["images"]) == 1 and row["answer"] for row in prompts)
    assert "python" in prompts[0]["prompt"][0]["content"][0]["text"], "the prompt names the tools of the run"


def test_trl_prepares_the_messages(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("trl")
    from trl.data_utils import is_conversational, prepare_multimodal_messages

    place, _ = export(run, "trl", tmp_path / "trl")
    for row in load(place / "sft/train.parquet", tmp_path):
        assert is_conversational(row)
        prepared = prepare_multimodal_messages(row["messages"], images=row["images"])
        images = [b for m in prepared for b in m["content"] if b["type"] == "image"]
        assert [image["image"] for image in images] == row["images"]


def test_sharegpt_follows_the_rules_of_its_loader(run: Path, tmp_path: Path) -> None:
    place, files = export(run, "sharegpt", tmp_path / "sharegpt")
    info = json.loads((place / "dataset_info.json").read_text())["deepeyes"]
    rows = json.loads((place / info["file_name"]).read_text())
    assert len(rows) == files["train.json"]
    tags = info["tags"]
    for row in rows:
        messages = row[info["columns"]["messages"]]
        if messages[0][tags["role_tag"]] == tags["system_tag"]:
            messages = messages[1:]
        roles = [message[tags["role_tag"]] for message in messages]
        assert roles == [tags["user_tag"], tags["assistant_tag"]] * (len(roles) // 2) and roles
        count = sum(message[tags["content_tag"]].count("<image>") for message in messages)
        assert count == len(row[info["columns"]["images"]])
        assert all(Image.open(place / path).width for path in row["images"])


def test_sharegpt_is_read_by_llamafactory(run: Path, tmp_path: Path) -> None:
    try:
        converter = importlib.import_module("llamafactory.data.converter")
        parser = importlib.import_module("llamafactory.data.parser")
    except Exception as error:
        pytest.skip(f"llamafactory cannot be imported here: {error}")
    from types import SimpleNamespace

    place, _ = export(run, "sharegpt", tmp_path / "sharegpt")
    (known,) = parser.get_dataset_list(["deepeyes"], str(place))
    arguments = SimpleNamespace(media_dir=str(place), streaming=False)
    convert = converter.SharegptDatasetConverter(dataset_attr=known, data_args=arguments)
    file = str(place / known.dataset_name)
    for row in datasets.load_dataset("json", data_files=file, split="train", cache_dir=str(tmp_path)):
        read = convert(row)
        assert read["_response"] and read["_prompt"], "the loader found the message sequence broken"
        assert [Path(path).exists() for path in read["_images"] or []] == [True] * len(row["images"])


def test_verl_files_hold_its_columns(run: Path, tmp_path: Path) -> None:
    place, files = export(run, "verl", tmp_path / "verl")
    rows = load(place / "train.parquet", tmp_path)
    assert len(rows) == files["train.parquet"]
    for row in rows:
        assert sum(message["content"].count("<image>") for message in row["prompt"]) == len(row["images"])
        assert row["reward_model"]["ground_truth"] and row["reward_model"]["style"] == "rule"
        assert (
            row["data_source"] == "rows"
            and row["extra_info"]["with_tools"] >= 1 / 8 > row["extra_info"]["without_tools"] - 1
        )
        assert row["images"][0]["bytes"].startswith(b"\x89PNG")


def test_verl_reads_its_files(run: Path, tmp_path: Path) -> None:
    try:
        module = importlib.import_module("verl.utils.dataset.rl_dataset")
        config = importlib.import_module("omegaconf").OmegaConf
        from transformers import PreTrainedTokenizerFast, Qwen2VLImageProcessorPil
    except Exception as error:
        pytest.skip(f"verl cannot be imported here: {error}")
    from deepeyes.models.nano.build import processor_of
    from deepeyes.models.nano.model import WEIGHTS

    place, files = export(run, "verl", tmp_path / "verl")
    tokenizer = PreTrainedTokenizerFast.from_pretrained(WEIGHTS / "cold")
    processor = processor_of(tokenizer, Qwen2VLImageProcessorPil.from_pretrained(WEIGHTS / "cold"))
    settings = {"cache_dir": str(tmp_path), "image_key": "images", "max_prompt_length": 100_000}
    data = module.RLHFDataset(
        data_files=str(place / "train.parquet"),
        tokenizer=processor.tokenizer,
        processor=processor,
        config=config.create(
            {**settings, "filter_overlong_prompts": False, "return_multi_modal_inputs": False}
        ),
    )
    assert len(data) == files["train.parquet"]
    row = data[0]
    assert row["reward_model"]["ground_truth"] and row["data_source"] == "rows"
    blocks = [
        block for message in row["raw_prompt"] for block in message["content"] if isinstance(block, dict)
    ]
    assert sum(block["type"] == "image" for block in blocks) == 1


def test_trace_files_are_read_by_the_house(run: Path, tmp_path: Path) -> None:
    place, files = export(run, "traces", tmp_path / "traces")
    traces = list(read_traces(place / "train"))
    assert len(traces) == files["train/traces.jsonl"]
    store = ImageStore(place / "train" / "images")
    assert all(ref in store for trace in traces for ref in trace.image_refs())
    assert all(trace.verdict is not None and trace.verdict.score == 1 for trace in traces)


def test_written_reasoning_is_mixed_in_and_cannot_fake_tags(run: Path) -> None:
    long = [item for item in RunFolder(run).final() if item.route == "text"]
    assert len(long) == 6
    traces = list(RunFolder(run).traces(item.trace for item in long if item.trace))
    assert all(trace.stop_reason == "answered" and trace.answer == trace.task.answer for trace in traces)


def test_the_card_tells_counts_funnel_tools_licences_and_shows_samples(run: Path, tmp_path: Path) -> None:
    place, _ = export(run, "trl", tmp_path / "trl")
    card = (place / "README.md").read_text()
    for words in (
        "## Funnel",
        "| difficulty |",
        "numerical analysis",
        "CC0-1.0",
        "too\\_easy",
        "[difficulty]",
    ):
        assert words in card
    shown = [part.partition(")")[0] for part in card.split("](card/")[1:]]
    assert len(shown) >= 2 and all((place / "card" / name).stat().st_size > 0 for name in shown)
    from huggingface_hub import DatasetCard

    assert DatasetCard(card).data.configs[0]["config_name"] == "sft"  # pyright: ignore
    read = datasets.load_dataset(str(place), "sft", cache_dir=str(tmp_path / "cache"))
    assert set(read) == {"train", "validation"}


def samples_of(card: str) -> list[str]:
    return re.findall(r"^### (.+)$", card, re.MULTILINE)


def test_the_card_of_prompts_tells_of_prompts_alone(run: Path, tmp_path: Path) -> None:
    routes = {item.id: item.route for item in RunFolder(run).final()}
    place, _ = export(run, "verl", tmp_path / "verl")
    card = (place / "README.md").read_text()
    assert [routes[name] for name in samples_of(card)] == ["rl"], "one of each family"
    images = re.findall(r"\]\((card/[^)]*\.jpg)\)", card)
    assert len(images) == 1 and Image.open(place / images[0]).width > 0
    assert "| per prompt |" in card and "| per trace |" not in card
    assert "| rl |" in card and "| cold\\_start |" not in card and "| rows | jsonl | CC0-1.0 |" in card
    mixed, _ = export(run, "trl", tmp_path / "trl")
    assert {routes[name] for name in samples_of((mixed / "README.md").read_text())} == {"cold_start", "rl"}
    taught, _ = export(run, "sharegpt", tmp_path / "sharegpt")
    assert {routes[name] for name in samples_of((taught / "README.md").read_text())} == {"cold_start"}


def test_what_cannot_be_exported_is_said(run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no format"):
        export(run, "csv")
    with pytest.raises(InputError, match="no curation run"):
        export(tmp_path, "trl")
    (tmp_path / "recipe.toml").write_text((run / "recipe.toml").read_text())
    with pytest.raises(InputError, match="no complete run"):
        export(tmp_path, "trl")


def test_prompts_of_a_run_that_asked_no_model_name_tools(tmp_path: Path) -> None:
    values = recipe_values(write_rows(tmp_path / "source", 4))
    values["sources"]["rows"]["route"] = "rl"
    for tools, told in (
        (None, "Tools: python"),
        (["search", "python"], "Tools: search, python"),
    ):
        values["export"] = {"dialect": "deepeyes_v2/brief", "tools": tools}
        out = tmp_path / told
        curated(values, out, Crew())
        place, _ = export(out, "verl")
        assert load(place / "train.parquet", tmp_path)[0]["prompt"][0]["content"] == told
    with pytest.raises(InputError, match="routes kept: rl"):
        export(tmp_path / "Tools: python", "sharegpt")
    with pytest.raises(ValidationError, match="tools"):
        CurationRecipe.model_validate({**values, "export": {"tools": ["pythn"]}})


def test_the_tools_of_all_stages_are_noted(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    python, search = PythonTool(FakeSandbox()), SearchTool(None)  # pyright: ignore[reportArgumentType]
    for tools in ([python], [], [search, python], [python]):
        note_tools(run, ToolSet(tools))
    assert [spec.name for spec in noted_tools(run)] == ["python", "search"]


def kept_as_it_was(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_an_export_replaces_an_earlier_export_and_nothing_else(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = tmp_path / "mine"
    (foreign / "deep").mkdir(parents=True)
    (foreign / "deep/thesis.txt").write_text("years of work")
    (tmp_path / "file").write_text("mine too")
    monkeypatch.chdir(foreign)
    before = kept_as_it_was(tmp_path), kept_as_it_was(run.parent)
    inside = [run, run.parent, run / "images", run / "stages/99-mine", run / "export"]
    for place in (foreign, Path(), tmp_path / "file", *inside):
        with pytest.raises(InputError, match="choose another --to"):
            export(run, "traces", place)
    assert (kept_as_it_was(tmp_path), kept_as_it_was(run.parent)) == before
    (tmp_path / "empty").mkdir()
    for place in (tmp_path / "empty", tmp_path / "new", run / "export/mine"):
        for layout in ("trl", "traces"):
            export(run, layout, place)
        assert (place / "train/traces.jsonl").exists() and not (place / "sft").exists()
    monkeypatch.chdir(tmp_path / "new")
    export(run, "trl", Path())
    assert (tmp_path / "new/sft/train.parquet").exists()


def test_a_failed_export_leaves_the_earlier_one_and_no_rest(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(run, "traces", tmp_path / "out")
    before = kept_as_it_was(tmp_path)
    monkeypatch.setitem(FORMATS, "traces", lambda done, folder: {})  # pyright: ignore[reportUnknownLambdaType]
    with pytest.raises(InputError, match="holds nothing"):
        export(run, "traces", tmp_path / "out")
    assert kept_as_it_was(tmp_path) == before
