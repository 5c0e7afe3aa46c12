"""How fast the viewer is with ten thousand episodes, in a real browser.

    python -m benchmarks.viewer --json

Makes a run of `--n` episodes with sizes like those of a real one (two to five turns, code, outputs, tokens
with probabilities; images shared, as questions share them), serves it with `deepeyes view --serve`, and looks
at it with Chromium:
- `open_ms`: from the beginning of the navigation until the list is painted (target: under 2,000; median of
  `--repeat` loads); `first_ms`: until the first episode is, too;
- `filter_ms`: from a choice until the new list is painted: the slowest of a search in all texts, an outcome,
  a family and a tool (medians; target: under 200). `search_ms`, `outcome_ms` ... are each of them;
- `move_ms`: from a key until the next episode is painted; `read_s`: from the start of the command until the
  server answers; `nodes`: elements in the page; `memory_mb`: the server's.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.chromium import Chromium
from deepeyes.core.actions import AnswerAction, CodeAction
from deepeyes.core.images import ImageRef, ImageStore
from deepeyes.core.limits import StopReason
from deepeyes.core.messages import ImagePart, Message
from deepeyes.core.results import Observation
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace, TraceWriter, Turn, Usage
from deepeyes.core.verdict import Verdict

_THINGS = ("harbour", "kettle", "lantern", "bicycle", "window", "ladder", "bridge", "clock", "sign", "boat")
_WORDS = ("look", "closer", "at", "the", "upper", "left", "corner", "where", "small", "letters", "may", "say")
_FAMILIES = ("perception", "search", "chart", "count", "document", "geometry")
_TARGETS = {"open_ms": 2_000, "filter_ms": 200}
_PAINTED = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
_OPENED = """
window.at = {};
new MutationObserver(() => {
  for (const what of [".line", "#pane article"]) {
    if (what in window.at || !document.querySelector(what)) continue;
    window.at[what] = 0;
    requestAnimationFrame(() => requestAnimationFrame(() => (window.at[what] = performance.now())));
  }
}).observe(document, { childList: true, subtree: true });
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=10_000, help="episodes")
    parser.add_argument("--repeat", type=int, default=5, help="measurements of each")
    parser.add_argument("--folder", type=Path, help="keep the run here, and use the one that is there")
    parser.add_argument("--json", action="store_true", help="print one flat object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        if not (folder / "traces.jsonl").exists():
            make_run(folder, options.n)
        report = measured(folder, options.n, options.repeat)
    print(json.dumps(report) if options.json else "\n".join(f"{k}: {v}" for k, v in report.items()))
    if any(report[name] >= most for name, most in _TARGETS.items()):
        sys.exit(1)


def measured(folder: Path, n: int, repeat: int) -> dict[str, Any]:
    """Serves the run and measures."""
    command = [sys.executable, "-m", "deepeyes", "view", str(folder), "--serve", "--port", "0"]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        try:
            assert server.stdout is not None
            address = server.stdout.readline().strip()
            read = time.perf_counter() - start
            with Chromium() as browser:
                report = looked_at(browser, address, repeat)
            memory = Path(f"/proc/{server.pid}/status").read_text()
        finally:
            server.terminate()
    resident = re.search(r"VmRSS:\s+(\d+)", memory)
    size = (folder / "traces.jsonl").stat().st_size
    return {
        "n": n,
        "traces_mb": round(size / 1e6, 1),
        "read_s": round(read, 2),
        **report,
        "memory_mb": round(int(resident[1]) / 1024) if resident else None,
        "load": round(os.getloadavg()[0], 1),
    }


def looked_at(browser: Chromium, address: str, repeat: int) -> dict[str, Any]:
    browser.send("Page.addScriptToEvaluateOnNewDocument", {"source": _OPENED})
    opened: list[float] = []
    first: list[float] = []
    for _ in range(repeat):
        browser.open("about:blank")
        browser.open(address, "window.at?.['#pane article']")
        opened.append(browser.value("at['.line']"))
        first.append(browser.value("at['#pane article']"))
    write = "((text) => { query.value = text; query.dispatchEvent(new Event('input')); })"
    choose = (
        "((name, value) => { const it = document.querySelector(`[data-choice=${name}] select`);"
        " it.value = value; it.dispatchEvent(new Event('change')); })"
    )
    press = "((name) => document.querySelector(`[data-outcome='${name}']`).click())"
    kinds = {
        "search": (f"{write}('upper left lantern')", f"{write}('')"),
        "outcome": (f"{press}('wrong')", f"{press}('')"),
        "family": (f"{choose}('family', '2')", f"{choose}('family', '')"),
        "tool": (f"{choose}('tool', '1')", f"{choose}('tool', '')"),
        "sort": (f"{choose}('sort', 'tokens')", f"{choose}('sort', 'order')"),
    }
    times = {kind: changed(browser, *pair, repeat) for kind, pair in kinds.items()}
    moved: list[float] = []
    browser.value("document.getElementById('list').focus()")
    for _ in range(repeat):
        browser.value(
            "window.before = document.querySelector('#pane article'); window.began = performance.now(); 1"
        )
        browser.key("j")
        moved.append(
            browser.value(
                "(async () => { while (document.querySelector('#pane article') === before) await"
                f" {_PAINTED}; return performance.now() - began; }})()"
            )
        )
    return {
        "open_ms": round(statistics.median(opened)),
        "first_ms": round(statistics.median(first)),
        "filter_ms": round(max(times.values())),
        **{f"{kind}_ms": round(value) for kind, value in times.items()},
        "move_ms": round(statistics.median(moved)),
        "nodes": browser.value("document.getElementsByTagName('*').length"),
    }


def changed(browser: Chromium, do: str, undo: str, repeat: int) -> float:
    """Milliseconds from `do` until the list that it leads to is painted, the median."""
    taken: list[float] = []
    for _ in range(repeat):
        for act in (do, undo):
            # The list puts its lines anew whenever what it shows changes.
            taken.append(
                browser.value(
                    "(async () => { const line = document.querySelector('.line'), at = performance.now();"
                    f" {act}; while (document.querySelector('.line') === line) await"
                    " new Promise((done) => setTimeout(done));"
                    f" await {_PAINTED}; return performance.now() - at; }})()"
                )
            )
    return statistics.median(taken)


# ---- the run


def make_run(folder: Path, n: int) -> None:
    """Write `n` episodes, always the same ones."""
    chance = random.Random(5)
    writer = TraceWriter(folder, sync=False)
    images = [_image(writer.images, chance) for _ in range(40)]
    for number in range(n):
        writer.write(_trace(number, chance, *chance.choice(images)))
    writer.sync()


def _image(store: ImageStore, chance: random.Random) -> tuple[ImageRef, list[ImageRef]]:
    """An image, and what code may have cut out of it."""
    whole = Image.effect_noise((150, 100), 90).resize((1200, 800)).convert("RGB")
    crops: list[ImageRef] = []
    for _ in range(4):
        x, y = chance.randrange(880), chance.randrange(560)
        box = (x, y, x + chance.randrange(90, 320), y + chance.randrange(90, 240))
        crops.append(store.put(whole.crop(box)))
    return store.put(whole), crops


def _trace(number: int, chance: random.Random, image: ImageRef, crops: list[ImageRef]) -> Trace:
    thing, family = chance.choice(_THINGS), chance.choice(_FAMILIES)
    part = ImagePart(name="image_1", ref=image, view_width=1008, view_height=672)
    task = Task(
        id=f"{family}-{number:05d}",
        question=f"What is written on the {thing} in the {_words(chance, 6)}?",
        images=(part.ref,),
        answer=_words(chance, 2),
        family=family,
        kind=chance.choice(("read", "colour", "count")),
        tags=tuple(chance.sample(("perception", "search", "reason"), chance.randrange(1, 3))),
    )
    system = Message.make("system", _words(chance, 250))
    sent: tuple[Message, ...] = (system, Message.make("user", part, task.question))
    turns: list[Turn] = []
    for place in range(chance.randrange(1, 5)):
        crop = chance.choice(crops)
        name = f"image_{place + 2}"
        back = ImagePart(name=name, ref=crop, view_width=crop.width, view_height=crop.height)
        code = (
            f"x, y = {chance.random():.3f}, {chance.random():.3f}\nimage_1.crop((x, y, x + 90, y + 70))\n" * 3
        )
        thought = _words(chance, 40)
        action = CodeAction(thought=thought, code=code)
        status = chance.choices(("ok", "error"), (9, 1))[0]
        seen = Observation(
            tool=chance.choice(("python", "search")), status=status, stdout=_words(chance, 60), images=(back,)
        )
        turns.append(_turn(sent, f"<think>{thought}</think>\n<code>\n{code}</code>", action, seen, chance))
        sent = (Message.make("user", _words(chance, 60), back),)
    answer = task.answer if chance.random() < 0.6 else _words(chance, 2)
    last = AnswerAction(thought=_words(chance, 30), text=answer)
    turns.append(_turn(sent, f"<think>{last.thought}</think>\n<answer>{answer}</answer>", last, None, chance))
    score = None if chance.random() < 0.03 else float(answer == task.answer)
    return Trace(
        id=f"{task.id}#0",
        task=task,
        model="openai:some-vlm@example",
        dialect="deepeyes_v2",
        tools=("python", "search"),
        turns=tuple(turns),
        stop_reason=StopReason.answered,
        answer=answer,
        verdict=Verdict(score=score, reason=f"compared with {task.answer!r}"),
        usage=Usage(prompt_tokens=2_000, completion_tokens=sum(len(turn.token_ids or ()) for turn in turns)),
        seconds=round(chance.uniform(2, 40), 2),
    )


def _turn(
    sent: tuple[Message, ...], text: str, action: Any, seen: Observation | None, chance: random.Random
) -> Turn:
    length = len(text) // 4
    return Turn(
        sent=sent,
        text=text,
        action=action,
        observation=seen,
        token_ids=tuple(chance.randrange(150_000) for _ in range(length)),
        logprobs=tuple(round(-chance.expovariate(4), 4) for _ in range(length)),
        loss_mask=(1,) * length,
        usage=Usage(completion_tokens=length),
        model_seconds=1.5,
    )


def _words(chance: random.Random, count: int) -> str:
    return " ".join(chance.choices(_WORDS + _THINGS, k=count))


if __name__ == "__main__":
    main()
