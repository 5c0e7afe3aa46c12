"""The maker: the same draws, proofs from pages, what is refused, images that keep their places."""

import random

import pytest
from PIL import Image

from deepeyes.search.base import Hit
from deepeyes.world.pack import Pack, open_pack
from realxmaker import build
from realxmaker.draft import Draft, Kit, plain, rounded
from realxmaker.filter import Filter, key, stands_in
from realxmaker.forms import FORMS
from realxmaker.panels import table
from realxmaker.paste import encoded, scene_of, stick
from realxmaker.photos import Photograph
from realxmaker.pool import OTHER, PATTERNS, Pool


@pytest.fixture(scope="module")
def pack():
    with open_pack() as opened:
        yield opened


def photographs() -> list[Photograph]:
    grounds = ((120, 140, 90), (60, 70, 110), (180, 170, 150))
    return [
        Photograph(f"x/{n}.webp", Image.new("RGB", (1600, 1000), ground), "CC0-1.0", "me")
        for n, ground in enumerate(grounds)
    ]


def drawn(pack: Pack, name: str, number: int) -> Draft:
    form = next(one for one in FORMS if one.draw.__name__ == name)
    for seed in range(50):
        rng = random.Random(seed)
        try:
            return form.draw(Kit(rng, Pool(pack, rng), photographs()), number)
        except ValueError:
            continue
    raise AssertionError(f"{name} {number} cannot be drawn")


@pytest.mark.parametrize("name", ("price", "market", "palette", "league", "flights", "atlas"))
def test_the_same_seed_draws_the_same_question(pack: Pack, name: str) -> None:
    one, other = drawn(pack, name, 0), drawn(pack, name, 0)
    assert one.question == other.question and one.answer == other.answer
    assert one.image.tobytes() == other.image.tobytes()


def test_sixty_forms_give_five_questions_each() -> None:
    assert len(FORMS) * build.EACH == 300
    assert len({form.draw.__name__ for form in FORMS}) == len(FORMS)


def test_only_things_of_the_test_split_are_handed_out(pack: Pack) -> None:
    pool = Pool(pack, random.Random(0))
    assert {thing.split for thing in pool.take("country", 18)} == {"test"}
    with pytest.raises(ValueError, match="no held-out thing"):
        pool.thing("country/germany")


def test_a_fact_is_what_its_page_says_and_absent_where_it_says_nothing(pack: Pack) -> None:
    pool = Pool(pack, random.Random(0))
    finland, oman = pool.thing("country/finland"), pool.thing("country/oman")
    fact = pool.must(finland, "coastline")
    assert (fact.value, fact.document) == ("1250", "world://country/finland/geography")
    assert "1,250 km" in fact.sentence
    assert pool.known(oman, "independence") is None  # a year alone is no date
    assert pool.known(pool.thing("country/cuba"), "independence") is None  # two dates are none
    assert set(PATTERNS) & set(OTHER) == {"population"}


def test_what_is_asked_about_changes(pack: Pack) -> None:
    pool = Pool(pack, random.Random(1))
    (first,) = pool.flags(1)
    pool.asked(first, "flag")
    assert first not in pool.flags(17)
    others = pool.flags(17)
    assert first in pool.flags(18, besides=()) and len({one.id for one in others}) == 17


def test_a_tie_is_not_rounded() -> None:
    from decimal import Decimal

    assert plain(rounded(Decimal("2.46"), 1)) == "2.5"
    with pytest.raises(ValueError, match="tie"):
        rounded(Decimal("2.45"), 1)


def test_boxes_follow_what_is_pasted() -> None:
    rng = random.Random(3)
    scene = scene_of(rng, photographs()[0])
    panel = table("T", ("A", "B"), [["one", "two"], ["three", "four"]])
    stick(rng, scene, panel, 300, name="board")
    left, top, right, bottom = scene.boxes["board"]
    for name, box in scene.boxes.items():
        assert left - 2 <= box[0] < box[2] <= right + 2 and top - 2 <= box[1] < box[3] <= bottom + 2, name
    cell = scene.image.crop(tuple(round(side) for side in scene.boxes["board/1,1"])).convert("L")
    low, high = cell.getextrema()
    assert low < 100 < 200 < high  # dark letters on paper


def test_files_stay_below_their_limit() -> None:
    noise = Image.effect_noise((640, 400), 120).convert("RGB")
    calm = Image.new("RGB", (1280, 800), "green")
    assert len(encoded(calm)) < 3_000
    assert len(encoded(noise, 9_000)) < len(encoded(noise, 10**7))


class Engine:
    """Finds one page for whatever it is asked."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def search(self, query: str, k: int = 5) -> tuple[Hit, ...]:
        return (Hit(title="", url=self.url, snippet=""),)


def filtered(draft: Draft, url: str = "world://x/y/z", guessed: tuple[str, ...] = ()) -> str:
    import asyncio

    with asyncio.Runner() as runner:
        return Filter(Engine(url), runner, guessed)(draft)


def test_what_can_be_answered_without_looking_is_refused(pack: Pack) -> None:
    draft = drawn(pack, "crates", 0)
    draft.tags = ("perception", "search", "reasoning")
    assert filtered(draft) == ""
    assert filtered(draft, draft.facts[0].document) == "the question alone finds the page"
    assert (
        filtered(draft, guessed=(key(draft.question, draft.answer),))
        == "a model answers it without the image"
    )
    draft.tags = ("search",)
    assert filtered(draft, draft.facts[0].document) == ""
    draft.question = f"Is it {draft.answer}?"
    assert filtered(draft) == "the answer stands in the question"


@pytest.mark.parametrize(
    ("question", "answer", "inside"),
    (
        ("Is 12 right?", "12", True),
        ("Is 12.5 right?", "12", False),
        ("Lane 312?", "12", False),
        ("the red ONE", "red one", True),
    ),
)
def test_an_answer_in_the_question_is_seen_as_a_word(question: str, answer: str, inside: bool) -> None:
    assert stands_in(question, answer) is inside


def test_an_answer_is_not_given_often(pack: Pack) -> None:
    import asyncio

    draft = drawn(pack, "price", 0)
    with asyncio.Runner() as runner:
        sieve = Filter(Engine("x"), runner)
        assert [sieve(draft) for _ in range(5)] == ["", "", "", "", "the answer is a common one"]


def test_questions_that_differ_in_digits_alone_are_alike() -> None:
    assert build.alike("What is on card 12?", "What is on card 97?") == 1
    assert build.alike("What is on card 12?", "Who discovered this?") < build.LIKE
