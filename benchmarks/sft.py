"""What supervised training costs beside a bare training loop of the same model on the same batches.

    python benchmarks/sft.py --json

Both train a nano on the same conversations with pictures spread over the turns. Ours is the whole of
`deepeyes train sft`: TRL's trainer, pictures decoded and made into pixels as they are needed, logs. The bare
loop is forward, backward, clip, AdamW on batches that were made before. Steps of the two take turns, so that
other work on the machine meets both; the medians are compared. Target: `overhead` of at most 0.40.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

TARGET = 0.40


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="nano-base")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=20, help="of each, after two that are not counted")
    parser.add_argument("--workers", type=int, default=0, help="processes that decode pictures ahead")
    parser.add_argument("--profile", type=Path, help="write a cProfile of our steps here")
    parser.add_argument("--json", action="store_true", help="print one flat object")
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory(prefix="deepeyes-sft-") as folder:
        report = measure(options, Path(folder))
    print(
        json.dumps(report) if options.json else "\n".join(f"{key}: {value}" for key, value in report.items())
    )


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Seconds a step of both, and how much more ours takes."""
    import torch
    from transformers import TrainerCallback
    from transformers.utils import logging

    from deepeyes.train.loading import load_model, load_processor
    from deepeyes.train.sft.collate import Collator
    from deepeyes.train.sft.dataset import open_dataset
    from deepeyes.train.sft.encode import ConversationEncoder
    from deepeyes.train.sft.recipe import SftRecipe
    from deepeyes.train.sft.trainer import make_trainer, settings, weights_dtype

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    logging.set_verbosity_error()
    steps = options.steps + 2
    recipe = SftRecipe.load(
        None,
        [
            f'model.path="{options.model}"', "model.freeze_vision=false", 'data.train=["x"]',
            f"learn.batch={options.batch}", f"learn.steps={steps}", "learn.precision=fp32",
            f"pace.per_device={options.batch}", "pace.gradient_checkpointing=false",
            f"pace.workers={options.workers}", "pace.save_every=100000",
        ],
    )  # fmt: skip
    encoder = ConversationEncoder(load_processor(recipe.model))
    dataset = open_dataset(
        [conversations(folder / "train.parquet", 4 * options.batch)], encoder, recipe.data, folder
    )
    ours, bare = (load_model(recipe.model, weights_dtype(recipe)) for _ in range(2))
    collator = Collator(encoder, ours, {"train": dataset.rows})
    rows = [dataset.tokens[number] for number in range(len(dataset.tokens))]
    batches = [collator(rows[at : at + options.batch]) for at in range(0, len(rows), options.batch)]
    optimizer = torch.optim.AdamW(bare.parameters(), lr=1e-5)
    bare.train()
    times: dict[str, list[float]] = {"ours": [], "bare": [], "ours_cpu": [], "bare_cpu": []}

    def bare_step(number: int) -> None:
        loss = bare(**batches[number % len(batches)], use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(bare.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    class Turns(TrainerCallback):
        """Times one of our steps, from one's end to the next one's, and a bare one between them."""

        since = (0.0, 0.0)

        def on_train_begin(self, *_: Any, **__: Any) -> None:
            self.since = (time.perf_counter(), time.process_time())

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            times["ours"].append(time.perf_counter() - self.since[0])
            times["ours_cpu"].append(time.process_time() - self.since[1])
            if profile:
                profile.disable()
            begun = (time.perf_counter(), time.process_time())
            bare_step(state.global_step)
            times["bare"].append(time.perf_counter() - begun[0])
            times["bare_cpu"].append(time.process_time() - begun[1])
            if profile:
                profile.enable()
            self.since = (time.perf_counter(), time.process_time())

    profile = None
    if options.profile:
        from cProfile import Profile

        profile = Profile()
    config = settings(recipe, folder, 1, evaluates=False)
    config.disable_tqdm, config.save_strategy = True, "no"
    trainer = make_trainer(recipe, config, ours, encoder.processor, collator, dataset.tokens, None, folder)
    trainer.add_callback(Turns())
    load = os.getloadavg()[0]
    trainer.train()
    if profile:
        profile.disable()
        profile.dump_stats(options.profile)
    median = {name: statistics.median(values[2:]) for name, values in times.items()}
    return {
        "model": options.model,
        "parameters": sum(value.numel() for value in bare.parameters()),
        "batch": options.batch,
        "tokens": statistics.mean(batch["input_ids"].shape[1] for batch in batches),
        "pictures": statistics.mean(len(batch["image_grid_thw"]) for batch in batches),
        "steps": options.steps,
        "workers": options.workers,
        "ours_seconds": round(median["ours"], 4),
        "bare_seconds": round(median["bare"], 4),
        "overhead": round(median["ours"] / median["bare"] - 1, 3),
        "overhead_cpu": round(median["ours_cpu"] / median["bare_cpu"] - 1, 3),
        "load_before": round(load, 2),
        "target": TARGET,
    }


def conversations(path: Path, count: int) -> Path:
    """Traces like a curated export's: a prompt, a scene, a crop, an answer."""
    from datasets import Dataset, Features, Image, List, Value
    from PIL import Image as Pictures

    from deepeyes.data.export.base import png

    def said(role: str, *parts: str | None) -> dict[str, Any]:
        blocks = [{"type": "image" if part is None else "text", "text": part} for part in parts]
        return {"role": role, "content": blocks}

    rows: list[dict[str, Any]] = []
    for number in range(count):
        shown = [Pictures.effect_noise((224, 140), 60).convert("RGB") for _ in range(2)]
        talk = [
            said("system", "You can run Python: write <code> with a block. The picture is image_1. " * 3),
            said("user", None, "What does the small sign beside the red door say? It is " + str(number)),
            said("assistant", "<think>The sign is small, so I look closer.</think>\n<code>\n```python\n"
                 f"crop = image_1.crop(({number}, 40, 300, 200))\nshow(crop)\n```\n</code>"),
            said("user", "image_2: ", None),
            said("assistant", f"<think>Now it can be read.</think>\n<answer>{number * 37}</answer>"),
        ]  # fmt: skip
        images = [{"bytes": png(picture), "path": None} for picture in shown]
        rows.append({"messages": talk, "images": images, "masked_turns": [], "id": str(number)})
    text: Any = Value("string")
    messages: Any = List({"role": text, "content": List({"type": text, "text": text})})
    columns = {
        "messages": messages,
        "images": List(Image()),
        "masked_turns": List(Value("int32")),
        "id": text,
    }
    Dataset.from_list(rows, features=Features(columns)).to_parquet(str(path))
    return path


if __name__ == "__main__":
    main()
