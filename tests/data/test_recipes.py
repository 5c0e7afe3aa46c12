"""Every recipe that we ship can begin, and runs where no real model is needed for it."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest
from data.crew import Crew, curated, drawing, write_rows

from deepeyes.core.answers import AnswerForm
from deepeyes.core.images import VisionSpec
from deepeyes.core.limits import Limits
from deepeyes.core.sampling import Sampling
from deepeyes.data.curate import Execution
from deepeyes.data.item import Item
from deepeyes.data.recipe import CurationRecipe
from deepeyes.data.run.probe import RetryRounds
from deepeyes.data.run.runners import ThisProcess
from deepeyes.data.stages.stage import Stage
from deepeyes.data.stages.teach.synthesize import Teacher

pytest.importorskip("datasketch")
pytest.importorskip("imagehash")
arrow = pytest.importorskip("pyarrow")

BASE = "openai:Qwen/Qwen2.5-VL-7B-Instruct@http://127.0.0.1:8000/v1"
WRITTEN = {"model": "written", "dialect": "deepeyes_v2", "tools": False}
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


STAGES = {
    "normalise": {"question_chars": 4000, "letters": "refuse", "composite": False},
    "verifiable": {"max_chars": 80, "max_words": 10, "allow_rough": False, "decidable": False},
    "difficulty": {"model": "", "dialect": "", "k": 8, "max_right": 2, "sampling": (1.0, 0)},
    "tool_benefit": {
        "model": "",
        "dialect": "",
        "k": 8,
        "search": (),
        "solved_at": 1,
        "otherwise": "cold_start",
        "sampling": (1.0, 1),
    },
    "synthesize": {"teachers": {}, "attempts": 2, "written": Teacher(**WRITTEN)},
    "verify": {"tolerate": ()},
    "fingerprint": {"folder": "images"},
    "deduplicate": {"distance": 16, "similarity": 0.85},
    "decontaminate": {
        "against": {},
        "distance": 20,
        "similarity": 0.8,
        "min_words": 8,
        "folder": "benchmarks",
    },
    "mix": {"by": "source", "shares": {}, "caps": {}, "seed": 0},
    "split": {"validation": 0.02, "distance": 20, "seed": 0},
}
"""What every stage does where a recipe says nothing; of `sampling`, its temperature and seed."""


def test_a_recipe_that_says_nothing_does_what_it_always_did() -> None:
    recipe = CurationRecipe.model_validate({"sources": {"w": {"kind": "world", "limit": 1}}})
    assert (recipe.title, recipe.batch) == ("curated data", 256)
    assert [stage.name for stage in recipe.stages] == list(STAGES)
    for stage in recipe.stages:
        found = {name: getattr(stage, name) for name in type(stage).model_fields}
        if "sampling" in found:
            found["sampling"] = (found["sampling"].temperature, found["sampling"].seed)
            assert found.pop("limits") == Limits()
        assert found == STAGES[stage.name]
    teacher = Teacher(model="x")
    assert (teacher.sampling, teacher.limits) == (Sampling(temperature=0.7, seed=2), Limits())
    assert (teacher.dialect, teacher.tools, teacher.search, teacher.vision) == ("", True, (), VisionSpec())
    export = recipe.export
    assert (export.images, export.dialect, export.tools) == ("seen", "deepeyes_v2", None)
    assert export.vision == VisionSpec()
    source = recipe.sources["w"].model_dump(exclude={"kind", "limit", "columns"})
    assert source == {
        "path": "",
        "config": "",
        "split": "train",
        "images": "",
        "route": "",
        "license": "",
        "needs_image": None,
        "needs_answer": True,
        "question": "",
        "separator": "",
        "answer_form": AnswerForm().model_dump(),
        "families": ("tiny", "direct"),
        "seed": 0,
    }
    assert recipe.sources["w"].columns.model_dump() == {
        "id": "id",
        "question": "question",
        "answer": "answer",
        "answers": "",
        "images": ("images", "image"),
        "options": "options",
        "reasoning": "",
        "answer_form": "answer_form",
        "family": "",
        "kind": "",
        "meta": (),
    }


def test_how_a_recipe_is_carried_out_by_default() -> None:
    execution = Execution()
    assert (execution.runner, execution.concurrency) == (ThisProcess(), 32)
    assert execution.retry == RetryRounds(rounds=3, wait=5.0, tolerated=0.05)


NANO = VisionSpec(factor=28, min_pixels=3136, max_pixels=37632)
FAMILIES = ("tiny", "direct", "perception", "chart", "table", "geometry", "search", "integration")
SHIPPED = {
    "world": {
        "title": "Embedded world, cold start and RL prompts",
        "sources": {"world": {"kind": "world", "limit": 400, "license": "Apache-2.0"}},
        "difficulty": {"model": "nano-base"},
        "tool_benefit": {"model": "nano-base"},
        "synthesize": {
            "teachers": {"world": Teacher(model="world", dialect="deepeyes_v2/brief", vision=NANO)}
        },
        "export": {"dialect": "deepeyes_v2/brief", "vision": NANO},
    },
    "world_all": {
        "title": "Embedded world, all families",
        "sources": {
            "world": {
                "kind": "world",
                "families": FAMILIES,
                "limit": 400,
                "license": "Apache-2.0",
                "route": "cold_start",
            }
        },
        "synthesize": {
            "teachers": {
                "world": Teacher(model="world", dialect="deepeyes_v2/brief", vision=NANO, search=("world",))
            }
        },
        "export": {"dialect": "deepeyes_v2/brief", "vision": NANO},
    },
    "published": {
        "title": "Published tool-use data, cleaned",
        "sources": {
            "sft": {"kind": "sharegpt", "path": "data/DeepEyesV2_SFT/*.json"},
            "rl": {"kind": "rl", "path": "data/DeepEyesV2_RL/*.parquet"},
        },
    },
    "deepeyes_v2": {
        "title": "Tool-use data by difficulty and tool benefit",
        "sources": {
            "questions": {"kind": "jsonl", "path": "data/questions.jsonl"},
            "long_thought": {
                "kind": "jsonl",
                "path": "data/long_thought.jsonl",
                "columns": {"reasoning": "reasoning"},
            },
        },
        "difficulty": {"model": BASE, "k": 8, "max_right": 2},
        "tool_benefit": {"model": BASE, "k": 8, "solved_at": 1},
        "synthesize": {
            "attempts": 2,
            "teachers": {
                "first": Teacher(model="openai:teacher@http://127.0.0.1:8001/v1"),
                "second": Teacher(model="openai:teacher@http://127.0.0.1:8002/v1"),
            },
        },
        "decontaminate": {"against": {"vstar": {"kind": "jsonl", "path": "data/vstar.jsonl"}}},
        "split": {"validation": 0.02},
    },
}
"""What the shipped recipes say, beside the defaults."""


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_a_shipped_recipe_says_what_it_always_said(path: Path) -> None:
    assert CurationRecipe.load(path) == CurationRecipe.model_validate(SHIPPED[path.stem])


TINY = {"published": published, "deepeyes_v2": own_questions}


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_a_shipped_recipe_can_begin_and_runs(path: Path, tmp_path: Path) -> None:
    overrides = TINY[path.stem](tmp_path) if path.stem in TINY else []
    CurationRecipe.load(path).check_models()
    recipe = CurationRecipe.load(path, overrides).checked()
    if path.stem in TINY:
        counts = curated(recipe, tmp_path / "run", Crew())
        assert set(counts[-1].sources) == set(recipe.sources), [count.rejected for count in counts]


def test_the_stage_of_the_docs_works(tmp_path: Path) -> None:
    text = (RECIPES.parents[1] / "docs/data.md").read_text("utf-8")
    (block,) = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    done = subprocess.run([sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


class Third(Stage):
    """Leaves out every third row."""

    name: ClassVar[str] = "third"

    every: int = 3

    def __call__(self, items: Sequence[Item]) -> list[Item]:
        return [item.rejected(self.name, "third") if item.row % self.every == 2 else item for item in items]


class ThirdRecipe(CurationRecipe):
    third: Third = Third()


def test_a_stage_needs_a_field_of_the_recipe_and_nothing_else(tmp_path: Path) -> None:
    source = {"kind": "jsonl", "path": str(write_rows(tmp_path, 6)), "route": "rl"}
    recipe = ThirdRecipe.model_validate({"sources": {"rows": source}, "batch": 4, "third": {"every": 3}})
    counts = curated(recipe, tmp_path / "run")
    assert (counts[-1].name, counts[-1].rejected, counts[-1].kept) == ("third", {"third": 2}, 4)
    assert curated(recipe, tmp_path / "run") == counts, "and goes on like the others"
