"""Training: masks that cover the assistant's tokens only, labels where things are, runs that resume where
they stopped.
"""

import random
import re
from pathlib import Path

import pytest
import torch
from torch import nn

from deepeyes.models.nano.build import CELL, NanoSize, build_model, build_tokenizer
from deepeyes.models.nano.pixels import grid_of, to_view
from deepeyes.train.nano import loop
from deepeyes.train.nano.batch import IGNORE, Turn, collate, encode
from deepeyes.train.nano.corpus import corpus
from deepeyes.train.nano.dense import LABELS, DenseWarmup, draw_dense, label_cells, label_sheet
from deepeyes.train.nano.lessons import draw_lesson
from deepeyes.train.nano.loop import Plan, rate, train_stage
from deepeyes.train.nano.reading import draw_reading
from deepeyes.train.nano.recipe import ColdPlan, together
from deepeyes.train.nano.sheets import unlabelled
from deepeyes.train.nano.speak import Speak, exactness
from deepeyes.world.families import draw_big_sign, family_named
from deepeyes.world.palette import COLOURS
from deepeyes.world.plan import Read
from deepeyes.world.scene import empty_scene
from deepeyes.world.strings import ALPHABET

SIZE = NanoSize(
    hidden=64,
    layers=2,
    heads=2,
    kv_heads=1,
    ffn=96,
    vision_hidden=32,
    vision_depth=1,
    vision_heads=1,
    vision_ffn=64,
)


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer(corpus(rounds=300))


def test_labels_are_the_assistants_tokens_and_their_end(tokenizer) -> None:
    lesson = draw_lesson(random.Random(1), SIZE, "train")
    row = encode(tokenizer, lesson.turns)
    learned = row["input_ids"][row["labels"] != IGNORE]
    assert torch.equal(learned, row["labels"][row["labels"] != IGNORE])
    said = "".join(f"{turn.parts[0]}<|im_end|>" for turn in lesson.turns if turn.role == "assistant")
    assert tokenizer.decode(learned.tolist()) == said
    assert row["replies"].max() + 1 == len(lesson.kinds)


def test_a_given_turn_reads_as_the_assistants_and_is_not_learned(tokenizer) -> None:
    turns = (Turn("user", ("a",)), Turn("given", ("3",)), Turn("user", ("b",)), Turn("assistant", ("4",)))
    row = encode(tokenizer, turns)
    assert tokenizer.decode(row["input_ids"].tolist()).count("<|im_start|>assistant\n") == 2
    assert tokenizer.decode(row["labels"][row["labels"] != IGNORE].tolist()) == "4<|im_end|>"


def test_pictures_cost_as_many_tokens_as_they_have_cells(tokenizer) -> None:
    model = build_model(tokenizer, SIZE, 0)
    pad = tokenizer.convert_tokens_to_ids("<|image_pad|>")
    lessons = [draw_lesson(random.Random(seed), SIZE, "train") for seed in range(6)]
    batch = collate(tokenizer, [encode(tokenizer, lesson.turns) for lesson in lessons], model)
    cells = int((batch["image_grid_thw"][:, 1] * batch["image_grid_thw"][:, 2]).sum()) // 4
    assert int((batch["input_ids"] == pad).sum()) == cells == sum(len(lesson.cells) for lesson in lessons)
    first = batch["position_ids"][:, 0, batch["input_ids"][0] == pad]
    assert first[1].unique().numel() * first[2].unique().numel() == first.shape[1], "rows and columns"


def test_cell_labels_say_which_character_stands_where() -> None:
    rng = random.Random(3)
    scene = empty_scene(rng, "train", long_side=(448, 448), aspect=4 / 3)
    sign = None
    while sign is None or not sign.text:
        scene.things.clear()
        sign = draw_big_sign(rng, "train", scene, (1.8, 2.2))
    columns, rows = grid_of(to_view(scene.image, SIZE))
    labels = label_cells(scene, (columns, rows)).reshape(rows, columns, len(LABELS))
    kinds = list(LABELS)
    for order, (char, box) in enumerate(sign.glyphs):
        column = int((box[0] + box[2]) / 2 / scene.image.width * columns)
        row = int((box[1] + box[3]) / 2 / scene.image.height * rows)
        cell = labels[row, column]
        assert cell[kinds.index("char")] == ALPHABET.index(char) + 1
        assert cell[kinds.index("order")] == order + 1
        assert cell[kinds.index("colour")] == COLOURS.index(sign.colour) + 1
    assert labels[2, 3, kinds.index("row")] == 3 and labels[2, 3, kinds.index("column")] == 4


def test_lessons_know_the_kind_of_every_answer() -> None:
    kinds = {kind for seed in range(200) for kind in draw_lesson(random.Random(seed), SIZE, "train").kinds}
    scenes = {"says", "colour", "count", "where", "blind"}
    assert kinds == scenes | {"places", "number", "numbers", "crop"} | {
        "fact",
        "title",
        "line",
        "query",
        "found",
    }


def test_what_a_reading_lesson_asks_for_stands_in_its_page_and_nowhere_else() -> None:
    said = [row for seed in range(40) for row in draw_reading(random.Random(seed), "train")]
    for kind, asked, told in said:
        page, _, _question = str(asked.parts[0]).rpartition("\n")
        reply = str(told.parts[0])
        if kind == "query":
            name = re.findall(r"It is (.+)\. I look it up\.", reply)[0]
            assert name in page.splitlines()[2] and f' {name}"}}}}' in reply
            continue
        answer = reply.partition("<answer>")[2].removesuffix("</answer>")
        assert answer in (page.replace(",", "") if kind in ("fact", "found") else page)
    assert len({str(told.parts[0]) for _, _, told in said}) > 0.7 * len(said), "answers could be guessed"


def test_lessons_without_a_scene_have_a_finite_loss(tokenizer) -> None:
    speak = Speak(DenseWarmup(build_model(tokenizer, SIZE, 0), tokenizer), 0.3)
    drawn = (draw_lesson(random.Random(seed), SIZE, "validation") for seed in range(60))
    sheet = next(lesson for lesson in drawn if lesson.kinds[0] == "crop")
    batch = collate(tokenizer, [encode(tokenizer, sheet.turns)], speak.dense.model)
    loss, metrics = speak(**batch, cells=sheet.cells)
    assert torch.isfinite(loss) and "char" not in metrics
    text = [turn for _, asked, told in draw_reading(random.Random(1), "train") for turn in (asked, told)]
    batch = collate(tokenizer, [encode(tokenizer, text)], speak.dense.model)
    loss, _ = speak(**batch, cells=torch.zeros(0, len(LABELS), dtype=torch.long))
    loss.backward()
    assert torch.isfinite(loss)


def test_a_trace_without_labels_changes_nothing_in_the_loss_on_a_lessons_cells(tokenizer) -> None:
    speak = Speak(DenseWarmup(build_model(tokenizer, SIZE, 0), tokenizer), 0.5)
    drawn = (draw_lesson(random.Random(seed), SIZE, "validation") for seed in range(60))
    lesson = next(lesson for lesson in drawn if "says" in lesson.kinds)
    row = encode(tokenizer, lesson.turns)
    trace = {**row, "labels": torch.full_like(row["labels"], IGNORE)}
    alone = speak(**together(tokenizer, [(row, lesson.cells)], speak.dense.model))[0]
    beside = speak(
        **together(
            tokenizer, [(trace, unlabelled(len(lesson.cells))), (row, lesson.cells)], speak.dense.model
        )
    )[0]
    assert torch.allclose(alone, beside, atol=1e-4)


@pytest.mark.parametrize("family", ("chart", "table"))
def test_a_large_number_is_labelled_with_its_digits_and_the_colours_it_is_asked_by(family: str) -> None:
    def large(seed: int):
        drawn = family_named(family).draw(random.Random(seed), "train")
        return drawn if any(isinstance(step, Read) and step.large for step in drawn.steps) else None

    for drawn in filter(None, map(large, range(12))):
        grid = grid_of(to_view(drawn.scene.image, SIZE))
        labels = label_sheet(drawn.scene, grid).view(grid[1], grid[0], len(LABELS))
        kind = dict(zip(LABELS, labels.unbind(-1), strict=True))
        for thing in drawn.scene.things:
            assert thing.colour in thing.name and thing.ink in thing.name
            char, box = thing.glyphs[-1]
            x = int((box[0] + box[2]) / 2 / drawn.scene.image.width * grid[0])
            y = int((box[1] + box[3]) / 2 / drawn.scene.image.height * grid[1])
            assert ALPHABET[kind["char"][y, x] - 1] == char == thing.text[-1]
            assert COLOURS[kind["colour_word"][y, x] - 1] == thing.colour
            assert not thing.ink or COLOURS[kind["ink"][y, x] - 1] == thing.ink
        assert (kind["colour"] == IGNORE).any() and (kind["char"] >= 0).all()


def test_a_batch_in_parts_has_the_gradient_of_the_whole(tokenizer) -> None:
    torch.manual_seed(0)
    speak = Speak(DenseWarmup(build_model(tokenizer, SIZE, 0), tokenizer), 0.0)
    rows = [encode(tokenizer, draw_lesson(random.Random(seed), SIZE, "train").turns) for seed in range(4)]
    gradients: list[torch.Tensor] = []
    for parts in ([rows], [rows[:1], rows[1:]]):
        speak.zero_grad()
        batches = [collate(tokenizer, part, speak.dense.model) for part in parts]
        for batch, share in zip(batches, loop.shares(batches), strict=True):
            (share * speak(**batch)[0]).backward()
        gradient = speak.dense.model.lm_head.weight.grad
        assert gradient is not None
        gradients.append(gradient.clone())
    assert torch.allclose(gradients[0], gradients[1], atol=1e-5)


def test_the_dense_loss_falls_on_one_batch(tokenizer) -> None:
    torch.set_num_threads(1)
    module = DenseWarmup(build_model(tokenizer, SIZE, 0), tokenizer)
    rows = [draw_dense(random.Random(seed), SIZE, "train") for seed in range(4)]
    batch = {
        "pixel_values": torch.cat([row[0] for row in rows]),
        "image_grid_thw": torch.tensor([row[1] for row in rows]),
        "labels": torch.cat([row[2] for row in rows]),
    }
    optimizer = torch.optim.AdamW(module.parameters(), lr=3e-3)
    losses: list[float] = []
    metrics: dict[str, torch.Tensor] = {}
    for _ in range(15):
        loss, metrics = module(**batch)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]
    assert 0 <= float(metrics["colour"]) <= 1


def test_exactness_is_one_for_a_model_that_knows_and_counts_by_kind(tokenizer) -> None:
    speak = Speak(DenseWarmup(build_model(tokenizer, SIZE, 0), tokenizer), 0.1)
    turns = (Turn("user", ("Where is the sign?",)), Turn("assistant", ("<answer>4.6, 3.2</answer>",)))
    row = encode(tokenizer, turns)
    row["pixel_values"], row["image_grid_thw"] = torch.zeros(0, 1176), torch.zeros(0, 3, dtype=torch.long)
    batch = collate(tokenizer, [row], speak.dense.model)
    sure = torch.nn.functional.one_hot(batch["input_ids"].roll(-1, 1), 1024).float()
    speak.logits = lambda _batch: sure  # type: ignore[method-assign]
    assert exactness(speak, tokenizer, batch, [("where",)]) == {"near": 1.0, "where": 1.0}


class Line(nn.Module):
    """y = ax + b, the smallest thing that can be trained."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(2, 2)

    def forward(self, x: torch.Tensor, y: torch.Tensor):
        assert x.dtype == torch.float32
        loss = (self.layer(x) - y).square().mean()
        return loss, {"loss": loss.detach()}


def draw(step: int, samples: int) -> list[dict[str, torch.Tensor]]:
    x = torch.randn(samples, 2, generator=torch.Generator().manual_seed(step))
    return [{"x": x, "y": x.flip(1) + 1}]


def noting(draw: loop.Draw, path: Path) -> loop.Draw:
    """The same as `draw`, with a line in `path` a step: other processes draw."""

    def noted(step: int, samples: int) -> list[dict[str, torch.Tensor]]:
        with path.open("a") as file:
            file.write(f"{step}\n")
        return draw(step, samples)

    return noted


@pytest.mark.parametrize(
    "plan",
    (
        Plan(steps=30, batch=4, save_every=0, warmup=3),
        ColdPlan(steps=30, batch=4, save_every=0, warmup=3, shares={"a": 1}, ablations={"b": ("a",)}),
    ),
    ids=("dense", "cold"),
)
def test_a_killed_run_resumes_to_the_same_weights(tmp_path: Path, plan: Plan) -> None:
    whole = Line()
    train_stage(whole, draw, plan, tmp_path / "whole")

    class Killed(Exception):
        pass

    class Dies(Line):
        def forward(self, x: torch.Tensor, y: torch.Tensor):
            if torch.equal(x, draw(17, 4)[0]["x"].half().float()):
                raise Killed
            return super().forward(x, y)

    with pytest.raises(Killed):
        train_stage(Dies(), draw, plan, tmp_path / "killed")
    resumed = Line()
    drawn = tmp_path / "drawn"
    train_stage(resumed, noting(draw, drawn), plan, tmp_path / "killed")
    assert sorted(map(int, drawn.read_text().split())) == list(range(17, 30))
    assert torch.equal(resumed.layer.weight, whole.layer.weight)
    assert not (tmp_path / "killed" / "checkpoint.pt").exists()


def test_an_ablation_sees_as_much_of_its_families_as_one_on_all() -> None:
    plan = ColdPlan(steps=9, batch=10, shares={"a": 0.2, "b": 0.4, "c": 0.2}, ablation_steps=1000)
    less, whole = plan.only(("a", "b")), plan.only(("a", "b", "c"))
    assert (less.steps, whole.steps) == (750, 1000) and whole.shares == pytest.approx(plan.shares)
    for family in ("a", "b"):
        assert less.steps * less.shares[family] == pytest.approx(whole.steps * whole.shares[family])


@pytest.mark.parametrize("start", (0, 6, 9))
def test_batches_come_again_in_blocks_wherever_a_run_starts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, start: int
) -> None:
    monkeypatch.setattr(loop, "BLOCK", 4)
    number = noting(lambda step, samples: [{"n": torch.tensor(step)}], tmp_path / "drawn")
    plan = Plan(steps=16, batch=1, reuse=2)
    seen = [int(part["n"]) for (part,) in loop.batches(number, plan, start)]
    assert seen == [0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7][start:]
    drawn = (tmp_path / "drawn").read_text().split()
    assert len(drawn) == len(set(drawn)), "nothing is drawn twice"


def test_the_rate_rises_stays_and_falls() -> None:
    plan = Plan(steps=1000, warmup=100, decay=0.4)
    assert rate(0, plan) == pytest.approx(0.01)
    assert rate(300, plan) == 1.0
    assert rate(999, plan) < 0.03


def test_views_have_whole_cells() -> None:
    view = to_view(empty_scene(random.Random(0), "train").image, SIZE)
    assert view.width % CELL == 0 and view.width * view.height <= SIZE.max_tokens * CELL**2
