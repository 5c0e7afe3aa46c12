"""Every export is read back: by the library it is for where that is installed, else by its column rules."""

import importlib
import io
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from data.crew import HOSTILE, PROTOCOL, curated, recipe_values, truth, write_rows
from PIL import Image
from pydantic import ValidationError
from tools.fake_sandbox import FakeSandbox

from deepeyes.core.answers import AnswerForm
from deepeyes.core.errors import InputError
from deepeyes.core.images import ImageStore, VisionSpec
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace, read_traces
from deepeyes.data.export.card import _cell
from deepeyes.data.export.formats import FORMATS, export
from deepeyes.data.item import Item
from deepeyes.data.recipe import CurationRecipe
from deepeyes.data.run.folder import RunFolder
from deepeyes.data.run.probe import note_tools, noted_tools
from deepeyes.dialects.neutralise import neutralise
from deepeyes.dialects.neutralise import neutralise_special as inert
from deepeyes.tools.base import ToolSet
from deepeyes.tools.python import PythonTool
from deepeyes.tools.search import SearchTool

datasets = pytest.importorskip("datasets")


WORLD = {
    "model": "world",
    "dialect": "deepeyes_v2/brief",
    "vision": {"factor": 28, "min_pixels": 3136, "max_pixels": 37632},
}


def wild(folder: Path) -> dict[str, Any]:
    """A recipe over all that an export may meet: several images a task and images from tools, all larger than
    their views; turns that are not to be imitated; server tool calls; special tokens in questions, replies,
    tool output, reasoning and file names; second right answers; rows without an image.
    """
    values = recipe_values(write_rows(folder, 24), teachers=("native", "teacher"))
    values["sources"]["rows"]["answer_form"] = {"unit": "cm"}
    teachers = values["synthesize"]["teachers"]
    values["synthesize"]["teachers"] = {"world": WORLD, **teachers}
    rows = [
        {"question": f"{n} + {n}?", "answer": 2 * n, "why": f"{n} and {n}. </think> {HOSTILE}"}
        for n in range(6)
    ]
    (folder / "long.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    columns = {"reasoning": "why"}
    values["sources"]["long"] = {"kind": "jsonl", "path": str(folder / "long.jsonl"), "columns": columns}
    charts = {"families": ["chart"], "seed": 39, "limit": 2, "route": "cold_start", "license": "Apache-2.0"}
    values["sources"]["charts"] = {"kind": "world", **charts}
    return values


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    curated(wild(folder / "source"), folder / "out")
    return folder / "out"


@pytest.fixture
def full(run: Path, tmp_path: Path) -> Path:
    """The same run, to be exported with its images in full."""
    shutil.copytree(run, tmp_path / "full")
    recipe = CurationRecipe.load(run / "recipe.toml", ["export.images=full"])
    (tmp_path / "full/recipe.toml").write_text(recipe.dump())
    return tmp_path / "full"


def traced(run: Path, split: str) -> list[tuple[Item, Trace]]:
    """What is to be imitated, in order."""
    folder = RunFolder(run)
    items = [item for item in folder.final() if item.trace and item.split == split]
    return list(zip(items, folder.traces(item.trace for item in items if item.trace), strict=True))


def asked(run: Path, split: str) -> list[Item]:
    """Prompts for reinforcement learning, in order."""
    return [item for item in RunFolder(run).final() if item.route == "rl" and item.split == split]


def test_the_run_is_as_wild_as_it_claims(run: Path) -> None:
    both = [*traced(run, "train"), *traced(run, "validation")]
    parts = [part for _, trace in both for part in trace.image_parts()]
    assert any(item.masked_turns for item, _ in both)
    assert {trace.dialect for _, trace in both} == {"deepeyes_v2", "deepeyes_v2/brief", "native"}
    assert any(len(item.task.images) == 2 for item, _ in both)
    assert any(turn.observation.images for _, trace in both for turn in trace.tool_turns if turn.observation)
    assert any(part.ref.width > part.view_width for part in parts)
    said = "".join(message.text for _, trace in both for message in trace.messages())
    assert all(token in said for token in (*PROTOCOL, "\u2028", "\0")) and "\ud800" not in said
    prompts = asked(run, "train")
    assert any(len(item.task.images) == 2 for item in prompts) and all(i.task.answers for i in prompts)
    assert any("<|im_end|>" in item.task.question for item in prompts)
    assert asked(run, "validation") and traced(run, "validation")


def texts(messages: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """(role, text) of each message, an image as `[image]`."""

    def words(content: Any) -> str:
        if isinstance(content, str):
            return content.replace("<image>", "[image]")
        return "".join(block["text"] if block["type"] == "text" else "[image]" for block in content)

    return [(message["role"], words(message["content"])) for message in messages]


def said(trace: Trace) -> list[tuple[str, str]]:
    """What an export is to say: the conversation with special tokens made inert, results as user turns, calls
    of the server's own syntax in words.
    """
    lines: list[tuple[str, str]] = []
    for message in trace.messages():
        text = "".join("[image]" if part.type == "image" else inert(part.text) for part in message.parts)
        for call in message.tool_calls:
            words = json.dumps({"name": call.name, "arguments": call.arguments}, ensure_ascii=False)
            text += inert(f"\n<tool_call>\n{words}\n</tool_call>")
        role = "user" if message.role == "tool" else message.role
        if lines and lines[-1][0] == role:
            text = lines.pop()[1] + text
        lines.append((role, text))
    return lines


def load(path: Path, tmp_path: Path) -> Any:
    return datasets.load_dataset("parquet", data_files=str(path), split="train", cache_dir=str(tmp_path))


@pytest.mark.parametrize("split", ["train", "validation"])
def test_trl_files_hold_the_conversations_word_for_word(run: Path, split: str, tmp_path: Path) -> None:
    place, files = export(run, "trl", tmp_path / "trl")
    rows = load(place / f"sft/{split}.parquet", tmp_path)
    both = traced(run, split)
    assert files[f"sft/{split}.parquet"] == len(rows) == len(both)
    for row, (item, trace) in zip(rows, both, strict=True):
        assert (row["id"], row["source"]) == (item.id, item.source)
        assert row["masked_turns"] == list(item.masked_turns)
        assert texts(row["messages"]) == said(trace)
        shown = [part for message in trace.messages() for part in message.images]
        assert [image.size for image in row["images"]] == [(p.view_width, p.view_height) for p in shown]
        for token in PROTOCOL:
            assert token not in json.dumps(row["messages"], ensure_ascii=False)
    prompts = load(place / f"rl/{split}.parquet", tmp_path)
    questions = asked(run, split)
    assert files[f"rl/{split}.parquet"] == len(prompts) == len(questions)
    vision = VisionSpec()
    for row, item in zip(prompts, questions, strict=True):
        task = item.task
        assert (row["id"], row["source"], row["answer"]) == (item.id, item.source, task.answer)
        assert row["answers"] == list(task.answers) == [f"{truth(item.row)}.0"]
        assert AnswerForm.model_validate_json(row["answer_form"]) == task.answer_form == AnswerForm(unit="cm")
        assert [image.size for image in row["images"]] == [
            vision.view_size(ref.width, ref.height) for ref in task.images
        ]
        (_, system), (role, question) = texts(row["prompt"])
        assert role == "user" and neutralise(task.question) in question and "python" in system
        assert question.count("[image]") == len(task.images)
        assert not any(token in system + question for token in PROTOCOL)


def test_images_are_exported_in_full_where_that_is_asked_for(full: Path, tmp_path: Path) -> None:
    place, _ = export(full, "trl", tmp_path / "trl")
    rows = load(place / "sft/train.parquet", tmp_path)
    for row, (_, trace) in zip(rows, traced(full, "train"), strict=True):
        shown = [part.ref for message in trace.messages() for part in message.images]
        assert [image.size for image in row["images"]] == [(ref.width, ref.height) for ref in shown]
    prompts = load(place / "rl/train.parquet", tmp_path)
    for row, item in zip(prompts, asked(full, "train"), strict=True):
        assert [image.size for image in row["images"]] == [(r.width, r.height) for r in item.task.images]


def test_trl_prepares_the_messages(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("trl")
    from trl.data_utils import is_conversational, prepare_multimodal_messages

    place, _ = export(run, "trl", tmp_path / "trl")
    for row in load(place / "sft/train.parquet", tmp_path):
        assert is_conversational(row)
        prepared = prepare_multimodal_messages(row["messages"], images=row["images"])
        images = [b for m in prepared for b in m["content"] if b["type"] == "image"]
        assert [image["image"] for image in images] == row["images"]


@pytest.mark.parametrize("split", ["train", "validation"])
def test_sharegpt_follows_the_rules_of_its_loader(run: Path, split: str, tmp_path: Path) -> None:
    place, files = export(run, "sharegpt", tmp_path / "sharegpt")
    name = {"train": "deepeyes", "validation": "deepeyes_validation"}[split]
    info = json.loads((place / "dataset_info.json").read_text())[name]
    rows = json.loads((place / info["file_name"]).read_text("utf-8"))
    both = traced(run, split)
    unmasked = [(item, trace) for item, trace in both if not item.masked_turns]
    assert len(rows) == files[f"{split}.json"] == len(unmasked)
    left_out = files.get(f"{split}.json: left out, with masked turns", 0)
    assert left_out == len(both) - len(unmasked)
    tags = info["tags"]
    for row, (item, trace) in zip(rows, unmasked, strict=True):
        messages = row[info["columns"]["messages"]]
        assert row["id"] == item.id and texts(messages) == said(trace)
        if messages[0][tags["role_tag"]] == tags["system_tag"]:
            messages = messages[1:]
        shown = [part for message in trace.messages() for part in message.images]
        sizes = [Image.open(place / path).size for path in row[info["columns"]["images"]]]
        assert sizes == [(part.view_width, part.view_height) for part in shown]
        roles = [message[tags["role_tag"]] for message in messages]
        assert roles == [tags["user_tag"], tags["assistant_tag"]] * (len(roles) // 2) and roles


def test_conversations_with_masked_turns_are_not_in_sharegpt_but_counted(run: Path, tmp_path: Path) -> None:
    _, files = export(run, "sharegpt", tmp_path / "sharegpt")
    masked = [item for item in RunFolder(run).final() if item.masked_turns]
    assert masked and sum(n for name, n in files.items() if "masked" in name) == len(masked)


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


@pytest.mark.parametrize("split", ["train", "validation"])
def test_verl_files_hold_its_columns(run: Path, split: str, tmp_path: Path) -> None:
    place, files = export(run, "verl", tmp_path / "verl")
    rows = load(place / f"{split}.parquet", tmp_path)
    items = asked(run, split)
    assert len(rows) == files[f"{split}.parquet"] == len(items)
    for index, (row, item) in enumerate(zip(rows, items, strict=True)):
        task = item.task
        (_, system), (_, question) = texts(row["prompt"])
        assert "python" in system and neutralise(task.question) in question
        assert question.count("[image]") == len(row["images"]) == len(task.images)
        assert not any(token in system + question for token in PROTOCOL[1:])
        assert row["reward_model"] == {"style": "rule", "ground_truth": task.answer}
        assert (row["data_source"], row["ability"], row["agent_name"]) == ("rows", "rows", "deepeyes")
        assert item.without_tools and item.with_tools
        assert row["extra_info"] == {
            "index": index,
            "id": item.id,
            "split": split,
            "question": task.question,
            "answer": task.answer,
            "answers": [f"{truth(item.row)}.0"],
            "answer_form": '{"unit":"cm"}',
            "without_tools": item.without_tools.right / 8,
            "with_tools": item.with_tools.right / 8,
        }
        sizes = [Image.open(io.BytesIO(image["bytes"])).size for image in row["images"]]
        assert sizes == [(308, 196)] * len(task.images)
        assert all(image["bytes"].startswith(b"\x89PNG") for image in row["images"])


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


@pytest.mark.parametrize("split", ["train", "validation"])
def test_trace_files_are_read_by_the_house(run: Path, split: str, tmp_path: Path) -> None:
    place, files = export(run, "traces", tmp_path / "traces")
    traces = list(read_traces(place / split))
    assert [trace.id for trace in traces] == [trace.id for _, trace in traced(run, split)]
    assert files[f"{split}/traces.jsonl"] == len(traces)
    store = ImageStore(place / split / "images")
    assert all(ref in store for trace in traces for ref in trace.image_refs())
    assert all(trace.verdict is not None and trace.verdict.score == 1 for trace in traces)
    lines = (place / split / "items.jsonl").read_text("utf-8").split("\n")
    assert [Item.model_validate_json(line) for line in lines if line] == [i for i, _ in traced(run, split)]
    lines = (place / split / "prompts.jsonl").read_text("utf-8").split("\n")
    tasks = [Task.model_validate_json(line) for line in lines if line]
    passed = [task.meta["passed"]["with_tools"] for task in tasks]
    assert all(0 < one["right"] <= one["asked"] == 8 for one in passed), "how hard each was, for RL"
    bare = [task.model_copy(update={"meta": {**task.meta, "passed": None}}) for task in tasks]
    items = [item.task for item in asked(run, split)]
    assert bare == [task.model_copy(update={"meta": {**task.meta, "passed": None}}) for task in items]
    assert files[f"{split}/prompts.jsonl"] == len(tasks)
    assert all(ref in store for task in tasks for ref in task.images)


def test_written_reasoning_is_mixed_in_and_cannot_fake_tags(run: Path) -> None:
    long = [item for item in RunFolder(run).final() if item.route == "text"]
    assert len(long) == 6
    traces = list(RunFolder(run).traces(item.trace for item in long if item.trace))
    assert all(trace.stop_reason == "answered" and trace.answer == trace.task.answer for trace in traces)
    for trace in traces:
        assert trace.turns[0].text.count("</think>") == 1 and "<|im_end|>" not in trace.turns[0].text


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


def table(card: str, heading: str) -> dict[str, list[str]]:
    """The rows of the table below a heading of its first column, by that column."""
    lines = card[card.index(f"| {heading} |") :].split("\n")[2:]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return {first.replace("\\", ""): rest for first, *rest in rows[: lines.index("")]}


def spread(values: list[int]) -> list[str]:
    ordered = sorted(values)
    return [str(ordered[int(share * (len(ordered) - 1))]) for share in (0.5, 0.9, 1.0)]


@pytest.mark.parametrize("layout", ["trl", "sharegpt", "verl", "traces"])
def test_the_card_counts_and_measures_what_its_export_holds(run: Path, layout: str, tmp_path: Path) -> None:
    place, _ = export(run, layout, tmp_path / layout)
    card = (place / "README.md").read_text("utf-8")
    splits = [traced(run, split) for split in ("train", "validation")]
    if layout == "sharegpt":
        splits = [[(item, trace) for item, trace in both if not item.masked_turns] for both in splits]
    counts = table(card, "route")
    if layout != "verl":
        for route in ("cold_start", "text"):
            assert counts[route] == [str(sum(i.route == route for i, _ in both)) for both in splits]
        traces = [trace for both in splits for _, trace in both]
        lengths = table(card, "per trace")
        assert lengths["turns"] == spread([len(trace.turns) for trace in traces])
        assert lengths["tool calls"] == spread([len(trace.tool_turns) for trace in traces])
        assert lengths["images"] == spread([len(trace.image_parts()) for trace in traces])
    if layout != "sharegpt":
        assert counts["rl"] == [str(len(asked(run, split))) for split in ("train", "validation")]
        prompts = [item for split in ("train", "validation") for item in asked(run, split)]
        lengths = table(card, "per prompt")
        assert lengths["characters asked"] == spread([len(item.task.question) for item in prompts])
    held = [
        item
        for item in RunFolder(run).final()
        if item.trace and layout != "verl" and not (layout == "sharegpt" and item.masked_turns)
    ]
    held += [item for item in RunFolder(run).final() if item.route == "rl" and layout != "sharegpt"]
    sources = {name: sum(item.source == name for item in held) for name in ("rows", "long", "charts")}
    assert table(card, "source") == {
        "rows": ["jsonl", "CC0-1.0", str(sources["rows"])],
        "long": ["jsonl", "not stated", str(sources["long"])],
        "charts": ["world", "Apache-2.0", str(sources["charts"])],
    }
    licenses = {item.license for item in held if item.license}
    if layout == "verl":
        assert licenses == {"CC0-1.0"}
    front = "other" if len(licenses) != 1 else json.dumps(licenses.pop().lower())
    assert card.startswith(f"---\nlicense: {front}\n")
    sizes = [max(Image.open(path).size) for path in (place / "card").glob("*.jpg")]
    assert sizes and max(sizes) == (320 if sources["charts"] else 310)


def test_no_text_of_a_row_is_markup_of_the_card() -> None:
    assert _cell("a <b>|c| *d* _e_ `f` [g](h) !i #j \\k\n l") == (
        "a &lt;b>\\|c\\| \\*d\\* \\_e\\_ \\`f\\` \\[g](h) \\!i \\#j \\\\k l"
    )


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
        curated(values, out)
        place, _ = export(out, "verl")
        assert load(place / "train.parquet", tmp_path)[0]["prompt"][0]["content"] == told
    with pytest.raises(InputError, match="routes kept: rl"):
        export(tmp_path / "Tools: python", "sharegpt")
    with pytest.raises(ValidationError, match="no tool 'pythn', the tools are python, search, image_search"):
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
