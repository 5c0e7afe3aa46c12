"""The viewer in a real browser: what people do with it, and what a hostile trace cannot do."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from view.test_library import written
from view.view_helpers import told

from benchmarks.chromium import PROGRAM, Chromium, PageError
from deepeyes.core.images import ImageStore
from deepeyes.core.messages import ImagePart, Message
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace, Turn
from deepeyes.view.library import Library
from deepeyes.view.page import write_page

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason="needs Chromium: apt-get install chromium"),
]
READY = "document.body?.dataset.ready !== undefined"
SHOWN = "document.querySelector('#pane h2')?.textContent"
LINES = "[...document.querySelectorAll('.line .question')].map((line) => line.textContent)"
COUNT = "document.getElementById('count')?.textContent"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    with Chromium() as browser:
        yield browser


@pytest.fixture
def browser(chromium: Chromium) -> Chromium:
    chromium.errors.clear()
    chromium.requests.clear()
    chromium.resize(1440, 900)
    return chromium


def opened(browser: Chromium, folder: Path | Library, hash: str = "") -> Chromium:
    """The page of a run, open."""
    page = write_page(folder)
    browser.open("about:blank")
    browser.open(page.resolve().as_uri() + hash, READY)
    return browser


@contextmanager
def served(*folders: Path, token: str = "") -> Iterator[str]:
    pytest.importorskip("uvicorn")
    command = [sys.executable, "-m", "deepeyes", "view", *map(str, folders), "--serve", "--port", "0"]
    environment = {name: value for name, value in os.environ.items() if name != "DEEPEYES_VIEW_TOKEN"}
    environment |= {"DEEPEYES_VIEW_TOKEN": token} if token else {}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def seen(id: str, store: ImageStore, colour: str, **fields: Any) -> Trace:
    """An episode with an image, larger than the model saw it."""
    ref = store.put(Image.new("RGB", (300, 200), colour))
    part = ImagePart(name="image_1", ref=ref, view_width=112, view_height=84)
    turn = Turn(text="<answer>red</answer>", sent=(Message.make("user", part, "q"),))
    return told(id, turns=(turn,), **fields)


def many(count: int) -> list[Trace]:
    families = ("chart", "sign", "map")
    return [
        told(
            task=Task(id=f"t{n}", question=f"Question {n}?", family=families[n % 3], answer="red"),
            score=float(n % 2),
            seconds=float(count - n),
        )
        for n in range(count)
    ]


# ---- hostile traces


def test_a_hostile_run_is_text_and_nothing_else(browser: Chromium, folder: Path) -> None:
    opened(browser, folder)
    browser.wait(SHOWN)
    for words in ("</script><script>alert(1)", "␛[31m", "{{ 7*7 }}"):
        assert words in browser.value(SHOWN) and words in browser.value(LINES)[0]
    strange = "document.querySelectorAll('[onerror], img[src=x], #pane script, [style*=color]').length"
    assert browser.value(strange) == 0 and not browser.errors
    assert all(address.startswith(("file:", "data:image/", "about:")) for address in browser.requests)


def test_the_page_cannot_be_made_to_run_or_load_anything(browser: Chromium, folder: Path) -> None:
    opened(browser, folder)
    with pytest.raises(PageError, match="TrustedHTML"):
        browser.value("document.body.innerHTML = '<b>x</b>'")
    with pytest.raises(PageError):
        browser.value(
            "(() => { const it = document.createElement('script'); it.textContent = 'window.ran = 1';"
            " document.body.append(it); })()"
        )
    with pytest.raises(PageError, match="fetch"):
        browser.value("fetch('https://example.com/')")
    assert browser.value("window.ran") is None


def test_a_hostile_run_served(browser: Chromium, folder: Path) -> None:
    with served(folder) as address:
        browser.open(address, READY)
        browser.wait(SHOWN)
        assert "</script><script>alert(1)" in browser.value(SHOWN)
        browser.wait("[...document.querySelectorAll('#pane img')].every((image) => image.naturalWidth)")
        assert browser.value("[...document.querySelectorAll('#pane img')].map((it) => it.naturalWidth)") == [
            896,
            112,
        ]
        assert not browser.errors
        own = (address, "blob:", "data:", "about:")
        assert all(asked.startswith(own) for asked in browser.requests)


# ---- list, filters, keys


def test_only_the_lines_in_sight_are_in_the_page(browser: Chromium, tmp_path: Path) -> None:
    opened(browser, written(tmp_path / "run", *many(300)))
    assert browser.value(COUNT) == "300 episodes" and browser.value(f"{LINES}.length") < 40
    browser.value("document.getElementById('list').focus()")
    browser.key("End")
    browser.wait(f"{SHOWN} === 'Question 299?'")
    assert "Question 299?" in browser.value(LINES) and browser.value(f"{LINES}.length") < 40
    active = browser.value("document.getElementById('list').getAttribute('aria-activedescendant')")
    assert browser.value(f"document.getElementById('{active}').getAttribute('aria-selected')") == "true"
    assert browser.value(f"document.getElementById('{active}').getAttribute('aria-posinset')") == "300"


def test_search_outcome_family_and_sort_work_together(browser: Chromium, tmp_path: Path) -> None:
    opened(browser, written(tmp_path / "run", *many(30)))
    browser.value("document.querySelector('[data-outcome=wrong]').click()")
    assert browser.value(COUNT) == "15 of 30 episodes"
    choose = (
        "(() => {{ const it = document.querySelector('[data-choice={}] select'); it.value = '{}';"
        " it.dispatchEvent(new Event('change')); }})()"
    )
    browser.value(choose.format("family", "0"))
    assert browser.value(LINES) == [f"Question {n}?" for n in (0, 6, 12, 18, 24)]
    options = browser.value(
        "[...document.querySelectorAll('[data-choice=family] option')].map((it) => it.textContent)"
    )
    assert options == ["all", "chart (5)", "map (5)", "sign (5)"], "of those that are wrong"
    browser.value(choose.format("sort", "seconds"))
    assert browser.value(LINES)[0] == "Question 24?"
    browser.value(choose.format("down", "down"))
    assert browser.value(LINES)[0] == "Question 0?"
    browser.key("/")
    browser.type("question 18")
    browser.wait(f"{COUNT} === '1 of 30 episodes'")
    assert browser.value(LINES) == ["Question 18?"]
    pills = "[...document.querySelectorAll('#pills button')].map((it) => it.textContent)"
    assert browser.value(pills) == ["All 1", "Wrong 1"]
    browser.key("Escape")
    browser.wait(f"{COUNT} === '5 of 30 episodes'")


def test_everything_works_by_keys(browser: Chromium, tmp_path: Path) -> None:
    opened(browser, written(tmp_path / "run", *many(5)))
    browser.wait(f"{SHOWN} === 'Question 0?'")
    browser.key("j")
    browser.key("j")
    browser.key("k")
    browser.wait(f"{SHOWN} === 'Question 1?'")
    assert browser.value("location.hash") == "#t1%230"
    browser.value("document.getElementById('list').focus()")
    browser.key("ArrowDown")
    browser.wait(f"{SHOWN} === 'Question 2?'")
    browser.key("Enter")
    browser.wait("document.activeElement.matches('#pane h2')")
    browser.key("Escape")
    assert browser.value("document.activeElement.id") == "list"
    browser.key("/")
    assert browser.value("document.activeElement.id") == "query"
    browser.type("jk/")
    assert browser.value("query.value") == "jk/", "letters are letters in a field"


def test_an_address_opens_its_episode(browser: Chromium, tmp_path: Path) -> None:
    run = written(tmp_path / "run", *many(200))
    opened(browser, run, "#t150%230")
    browser.wait(f"{SHOWN} === 'Question 150?'")
    assert "Question 150?" in browser.value(LINES)
    browser.value("document.querySelector('[data-outcome=wrong]').click()")
    browser.value("location.hash = '#t7%230'")
    browser.wait(f"{SHOWN} === 'Question 7?'")
    assert browser.value(COUNT) == "200 episodes", "what would hide it is given up"
    opened(browser, run, "#nothing%E0%A4%A")
    browser.wait(f"{SHOWN} === 'Question 0?'")


# ---- two runs


def test_two_runs_stand_side_by_side(browser: Chromium, tmp_path: Path) -> None:
    scores = {"a": (1, 0), "b": (0, 1), "c": (1, 1), "d": (0, 0), "e": (1, None)}
    runs = [
        written(
            tmp_path / name,
            *(
                told(id, pair[side] if pair[side] is None else float(pair[side]))
                for id, pair in scores.items()
            ),
        )
        for side, name in enumerate(("x", "y"))
    ]
    written(runs[0], told("lone"))
    opened(browser, Library.open(runs))
    assert browser.value(COUNT) == "6 questions"
    for outcome, ids in (
        ("first", "ae"),
        ("second", "b"),
        ("differs", "abe"),
        ("both", "c"),
        ("neither", "d"),
    ):
        browser.value(f"document.querySelector('[data-outcome={outcome}]').click()")
        assert browser.value(LINES) == [f"What is {id}?" for id in ids], outcome
    browser.value("document.querySelector('[data-outcome=lone]').click()")
    assert browser.value(LINES) == ["What is lone?"]
    browser.value("document.querySelector('.line').click()")
    browser.wait("document.querySelector('#pane')?.textContent.includes('does not have the question')")
    browser.value("document.querySelector('[data-outcome=first]').click()")
    browser.value("document.querySelector('.line').click()")
    browser.wait("document.querySelectorAll('#pane article').length === 2")
    badges = "[...document.querySelectorAll('#pane .badge')].map((it) => it.textContent)"
    assert browser.value(badges) == ["right", "wrong"]
    left, right = browser.value(
        "[...document.querySelectorAll('#pane .column')].map((it) => it.getBoundingClientRect().x)"
    )
    assert left < right
    browser.value("document.querySelector('#compare input').click()")
    assert browser.value(COUNT) == "11 episodes"
    assert not browser.errors


# ---- what an entry offers


def test_images_come_when_they_are_seen_and_at_full_size_on_click(browser: Chromium, tmp_path: Path) -> None:
    store = ImageStore(tmp_path / "run" / "images")
    traces = [seen(id, store, colour) for id, colour in (("a", "red"), ("b", "blue"))]
    with served(written(tmp_path / "run", *traces)) as address:
        browser.open(address, READY)
        browser.wait("document.querySelector('#pane img')?.naturalWidth === 112")
        images = [asked for asked in browser.requests if "/image/" in asked]
        assert len(images) == 1, "only of the episode that is shown"
        browser.value("document.querySelector('[data-full]').focus()")
        browser.key("Enter")
        browser.wait("document.querySelector('dialog[open] img')?.naturalWidth === 300")
        browser.key("Escape")
        browser.wait("!document.querySelector('dialog[open]')")
        assert browser.value(SHOWN) == "What is a?"


def test_a_missing_and_a_damaged_image_say_so(browser: Chromium, tmp_path: Path) -> None:
    store = ImageStore(tmp_path / "run" / "images")
    run = written(tmp_path / "run", seen("a", store, "red"), seen("b", store, "blue"))
    one, two = sorted((run / "images").iterdir())
    one.unlink()
    two.write_bytes(b"no image")
    said = "document.querySelector('#pane .missing')?.textContent.startsWith('this image')"
    opened(browser, run)
    browser.wait(said)
    browser.key("j")
    browser.wait(f"{SHOWN} === 'What is b?' && {said}")
    with served(run) as address:
        browser.open(address, READY)
        browser.wait(said)
        browser.key("j")
        browser.wait(f"{SHOWN} === 'What is b?' && {said}")


def test_tokens_are_shaded_by_probability_and_the_unlearned_marked(browser: Chromium, tmp_path: Path) -> None:
    turn = Turn(
        text="x",
        token_ids=(5, 6, 7),
        logprobs=(0.0, -1.0, float("-inf")),
        loss_mask=(1, 1, 0),
        prompt_ids=(1, 2),
    )
    bare = Turn(text="x", logprobs=(-0.1, -3.0))
    opened(browser, written(tmp_path / "run", told("a", turns=(turn, bare))))
    browser.wait(SHOWN)
    assert browser.value("document.querySelectorAll('.tokens span').length") == 0, "only when asked for"
    browser.value("document.querySelectorAll('details.tokens').forEach((it) => (it.open = true))")
    browser.wait("document.querySelectorAll('.numbers').length === 2")
    spans = (
        "[...document.querySelectorAll('.numbers')[{}].children]"
        ".map((it) => [it.textContent, it.className, it.title])"
    )
    assert browser.value(spans.format(0)) == [
        ["5", "u0", "probability 1.000, token 5, learned"],
        ["6", "u3", "probability 0.368, token 6, learned"],
        ["7", "u6 unlearned", "probability 0.0e+0, token 7, not learned"],
    ]
    assert browser.value(spans.format(1)) == [
        ["·", "u1", "probability 0.905"],
        ["·", "u5", "probability 0.050"],
    ]
    told_of = browser.value("document.querySelector('.tokens .aside').textContent")
    assert told_of.startswith("3 tokens; 2 were fed before and are never learned; 2 learned;")


def test_an_episode_is_copied_as_json(browser: Chromium, tmp_path: Path) -> None:
    trace = told("a", answer="</script> ü \\u003c")
    opened(browser, written(tmp_path / "run", trace))
    browser.wait(SHOWN)
    browser.value(
        "Object.defineProperty(navigator, 'clipboard',"
        " { value: { writeText: async (text) => { window.copied = text; } } })"
    )
    browser.value("document.querySelector('[data-do=copy]').click()")
    browser.wait("window.copied")
    assert json.loads(browser.value("copied")) == json.loads(trace.model_dump_json())
    browser.value("navigator.clipboard.writeText = async () => { throw new Error('no'); }")
    browser.value("document.querySelector('[data-do=copy]').click()")
    browser.wait("document.querySelector('dialog[open] textarea')?.value === copied")


# ---- phones, servers


@pytest.mark.parametrize("dark", [False, True])
def test_on_a_phone_list_and_episode_are_two_screens(browser: Chromium, tmp_path: Path, dark: bool) -> None:
    browser.resize(390, 844, dark=dark)
    opened(
        browser,
        written(tmp_path / "run", *many(40), told("long", task=Task(id="w" * 300, question="W" * 400))),
    )
    visible = "getComputedStyle(document.querySelector('{}')).display !== 'none'"
    assert browser.value(visible.format(".side")) and not browser.value(visible.format(".pane"))
    browser.value("document.querySelectorAll('.line')[2].click()")
    browser.wait(f"{SHOWN} === 'Question 2?'")
    assert browser.value(visible.format(".pane")) and not browser.value(visible.format(".side"))
    browser.value("document.querySelector('.back').click()")
    browser.wait(visible.format(".side"))
    browser.value("location.hash = '#' + encodeURIComponent('w'.repeat(300) + '#0')")
    browser.wait(f"{SHOWN}.startsWith('WWW')")
    assert browser.value("document.documentElement.scrollWidth") == 390, "nothing sticks out"
    paper = browser.value("getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(23, 24, 26)" if dark else "rgb(245, 244, 240)")


def test_a_token_comes_behind_the_hash_and_leaves_the_address(browser: Chromium, tmp_path: Path) -> None:
    run = written(tmp_path / "run", told("a"))
    with served(run, token="s3cret/+") as address:
        browser.open("about:blank")
        browser.open(address.partition("#")[0], f"{COUNT}?.includes('token')")
        browser.open("about:blank")
        browser.open(address, READY)
        assert browser.value(COUNT) == "1 episode" and browser.value("location.hash") == ""
        browser.open("about:blank")
        browser.open(address.partition("#")[0], READY)
        assert all("s3cret" not in asked.partition("#")[0] for asked in browser.requests)


def test_a_server_that_is_gone_is_said(browser: Chromium, tmp_path: Path) -> None:
    with served(written(tmp_path / "run", told("a"), told("b"))) as address:
        browser.open(address, READY)
        browser.wait(f"{SHOWN} === 'What is a?'")
    browser.key("j")
    browser.wait("document.getElementById('pane').textContent.includes('is deepeyes view still running?')")


def test_a_group_is_shown_side_by_side_and_its_tokens_say_what_is_learned(
    browser: Chromium, tmp_path: Path
) -> None:
    from view.test_trained import curve, step, tried

    curve(tmp_path, 3)
    task = Task(id="sign", question="What is it?", answer="red")
    step(tmp_path, 0, [tried(task, number, reward) for number, reward in enumerate((1.0, 0.2, 0.2))])
    opened(browser, tmp_path, "#sign%230")
    browser.wait(f"{SHOWN} === 'What is it?'")
    browser.value("document.querySelector('details.tokens').open = true")
    kinds = "[...document.querySelectorAll('.tokens p:last-child span')].map((one) => one.className)"
    browser.wait(f"{kinds}.length === 3")
    assert browser.value(kinds) == ["u1 up", "u2 up", "u5 unlearned"]
    assert browser.value("document.querySelectorAll('.tokens .fedline .fed').length") == 3
    browser.value("document.querySelector('.group a[href=\"#sign%231\"]').click()")
    browser.wait("document.querySelector('.group .here th').textContent.includes('1')")
    browser.value("document.querySelector('[data-do=beside]').click()")
    browser.wait("document.querySelectorAll('.many > article').length === 3")
    advantages = "[...document.querySelectorAll('.many .earned b:last-child')].map((one) => one.textContent)"
    assert browser.value(advantages)[0].startswith("+")
    browser.value("document.querySelector('.back.always').click()")
    browser.wait("document.querySelectorAll('#pane article').length === 1")
    assert browser.errors == [] and len(browser.requests) <= 1
