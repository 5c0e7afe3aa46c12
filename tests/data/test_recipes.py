"""Every recipe that we ship can begin, and runs where no real model is needed for it."""

import json
from pathlib import Path

import pytest
from data.crew import Crew, curated, drawing, write_rows

from deepeyes.data.recipe import CurationRecipe

pytest.importorskip("datasketch")
pytest.importorskip("imagehash")
arrow = pytest.importorskip("pyarrow")

RECIPES = Path(__file__).parents[2] / "recipes/data"


def published(folder: Path) -> list[str]:
    """A conversation and a prompt as the published files have them."""
    drawing(1).save(folder / "a.png")
    talk = [
        {"role": "user", "content": "<image>What does the sign say?"},
        {"role": "assistant", "content": "<think>Clear.</think>\n<answer>7PK2</answer>"},
    ]
    (folder / "sft.json").write_text(json.dumps([{"messages": talk, "images": ["a.png"]}]))
    drawing(2).save(folder / "b.png")
    prompt = {
        "prompt": [{"role": "user", "content": "<image>How many cups are there?"}],
        "images": [{"bytes": (folder / "b.png").read_bytes(), "path": None}],
        "reward_model": {"ground_truth": "7", "style": "rule"},
        "extra_info": {"id": "a1", "question": "How many cups are there?", "answer": "7"},
        "data_source": "perception",
    }
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(arrow.Table.from_pylist([prompt]), folder / "rl.parquet")
    return [f"sources.sft.path={folder}/sft.json", f"sources.rl.path={folder}/rl.parquet"]


def own_questions(folder: Path) -> list[str]:
    """Questions, long thought and a benchmark; the models of the crew."""
    rows = [{"question": f"{n} + {n}?", "answer": 2 * n, "reasoning": f"{n} and {n}."} for n in range(3)]
    (folder / "long.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    (folder / "bench.jsonl").write_text(json.dumps({"question": "Who owns the dog in the image?"}))
    models = {
        "difficulty": "pupil",
        "tool_benefit": "pupil",
        "synthesize.teachers.first": "teacher",
        "synthesize.teachers.second": "teacher",
    }
    return [
        f"sources.questions.path={write_rows(folder, 6, first=1)}",
        f"sources.long_thought.path={folder}/long.jsonl",
        f"decontaminate.against.vstar.path={folder}/bench.jsonl",
        *(f"{section}.model={name}" for section, name in models.items()),
    ]


TINY = {"published": published, "deepeyes_v2": own_questions}


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_a_shipped_recipe_can_begin_and_runs(path: Path, tmp_path: Path) -> None:
    overrides = TINY[path.stem](tmp_path) if path.stem in TINY else []
    CurationRecipe.load(path).check_models()
    recipe = CurationRecipe.load(path, overrides).checked()
    if path.stem in TINY:
        counts = curated(recipe, tmp_path / "run", Crew())
        assert set(counts[-1].sources) == set(recipe.sources), [count.rejected for count in counts]
