"""Numbers about episodes: what failed because of us is never among them, and crops are counted exactly."""

import pytest
from eval.plans import episode, look
from PIL import Image

from deepeyes.core.actions import AnswerAction, Malformed
from deepeyes.core.images import ImageStore
from deepeyes.core.limits import StopReason
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace, Turn
from deepeyes.core.verdict import Verdict
from deepeyes.eval.report import by_our_rules, failures, report

OURS = (StopReason.infrastructure_error, StopReason.interrupted, StopReason.error)
BOX = (120, 80, 160, 110)
"""Of the thing that is asked about, in a noisy image."""


def two_families() -> list[Trace]:
    """`a`: one of three right, two called a tool; `b`: one of one; failures of ours in both, and nothing else
    in `c`. The failures took long, called a tool and were, by their verdict, right.
    """
    results = [
        episode(0, 1.0, family="a", seconds=1.0, called=True),
        episode(1, 0.0, family="a", seconds=2.0, called=True),
        episode(2, None, family="a", seconds=6.0, stop=StopReason.max_turns),
        episode(3, 1.0, family="b", seconds=4.0),
    ]
    failures = [
        episode(4 + place, 1.0, family=family, stop=stop, seconds=500.0, called=True)
        for place, (family, stop) in enumerate((family, stop) for family in "abc" for stop in OURS)
    ]
    return [*failures[:4], *results, *failures[4:]]


def test_failures_of_ours_are_in_no_number_of_any_family() -> None:
    numbers = report(two_families(), ImageStore())
    assert numbers["n"] == 4 and numbers["infrastructure_errors"] == 9
    assert (numbers["accuracy"], numbers["accuracy_a"], numbers["accuracy_b"]) == (0.5, 0.3333, 1.0)
    assert (numbers["tool_call_rate"], numbers["tool_call_rate_a"]) == (0.5, 0.6667)
    assert numbers["tool_call_rate_b"] == 0.0
    assert numbers["seconds_per_episode"] == 3.0
    assert numbers["ci95"] == [0.15, 0.85]
    assert numbers["accuracy_c"] is None and numbers["tool_call_rate_c"] is None
    assert numbers["stop_reasons"] == {"answered": 3, "max_turns": 1, **{reason.value: 3 for reason in OURS}}


def test_without_them_the_numbers_are_the_same() -> None:
    results = [trace for trace in two_families() if trace.stop_reason.is_result]
    numbers, fewer = report(two_families(), ImageStore()), report(results, ImageStore())
    differ = {key for key in fewer if fewer[key] != numbers[key]}
    assert differ == {"stop_reasons", "infrastructure_errors"}
    assert numbers.keys() - fewer.keys() == {"accuracy_c", "ci95_c", "tool_call_rate_c"}


def test_one_family_alone_has_no_numbers_of_its_own() -> None:
    assert not [key for key in report([episode(0, 1.0, family="a")], ImageStore()) if key.endswith("_a")]


def test_half_a_score_is_right() -> None:
    scores = (1.0, 0.5, 0.49, 0.0, None)
    assert [episode(0, score).is_right for score in scores] == [True, True, False, False, False]


def test_our_own_rules_are_set_beside_a_published_one() -> None:
    task = Task(id="t", question="What is it?", answer="7")
    answers = ["7", "8", "a few", None]
    stops = [StopReason.answered] * 3 + [StopReason.max_turns]
    traces = [
        Trace(id=str(number), task=task, stop_reason=stop, answer=answer, verdict=Verdict(score=1.0))
        for number, (answer, stop) in enumerate(zip(answers, stops, strict=True))
    ]
    failed = Trace(id="f", task=task, stop_reason=StopReason.infrastructure_error, answer="7")
    assert by_our_rules([*traces, failed]) == {"accuracy_by_our_rules": 0.25, "unsure_by_our_rules": 1}
    assert by_our_rules([]) == {"accuracy_by_our_rules": None, "unsure_by_our_rules": 0}


def test_what_nobody_can_tell_is_counted_apart_and_is_not_right() -> None:
    unsure = episode(0).graded(Verdict(score=None))
    traces = [
        episode(1, 1.0),
        episode(2, 0.0),
        *[unsure.model_copy(update={"id": f"u{n}"}) for n in range(2)],
    ]
    traces.append(episode(3, None, stop=StopReason.max_turns))
    numbers = report(traces, ImageStore())
    assert (numbers["n"], numbers["unsure"]) == (5, 2)
    assert (numbers["accuracy"], numbers["accuracy_at_most"]) == (0.2, 0.6)
    assert numbers["judged"] == 0
    judged = episode(4).graded(Verdict(score=0.0, by="judge"))
    assert report([*traces, judged, judged.model_copy(update={"id": "j"})], ImageStore())["judged"] == 2
    none = report([episode(1, 1.0), episode(2, 0.0)], ImageStore())
    assert (none["unsure"], none["accuracy"], none["accuracy_at_most"]) == (0, 0.5, 0.5)
    assert report([], ImageStore())["accuracy_at_most"] is None


def test_crops_that_hold_what_is_asked_about_are_hits() -> None:
    images = ImageStore()
    full = Image.effect_noise((400, 300), 90).convert("RGB")

    def crop(left: int, top: int, right: int, bottom: int) -> Image.Image:
        return full.crop((left, top, right, bottom))

    around, far = crop(100, 60, 180, 130), crop(200, 150, 300, 250)
    turned = far.rotate(30)
    numbers = report(
        [
            look(0, images, full, [around], BOX),
            look(1, images, full, [far, around], BOX),  # the second look hits
            look(2, images, full, [turned, around], BOX),  # one cannot be placed, another hits
            look(3, images, full, [far], BOX),
            look(4, images, full, [far, turned], BOX),  # a miss: one of them was placed
            look(5, images, full, [turned], BOX),
            look(6, images, full, [], BOX),  # code that shows nothing did not hit
            look(7, images, full, [around], None),  # nobody knows where it is
            look(8, images, full, [], BOX).model_copy(update={"turns": ()}),  # it did not look at all
            episode(9, 1.0),
        ],
        images,
    )
    assert numbers["crop_hit_rate"] == 0.4286 and numbers["crops_unlocated"] == 1, "3 of 7"


@pytest.mark.parametrize("side", range(4))
def test_two_pixels_may_be_cut_off_and_no_more(side: int) -> None:
    images = ImageStore()
    full = Image.effect_noise((400, 300), 90).convert("RGB")
    for cut, rate in ((2, 1.0), (3, 0.0)):
        edges = [100, 60, 180, 130]
        edges[side] = BOX[side] + (cut if side < 2 else -cut)
        numbers = report([look(0, images, full, [full.crop(tuple(edges))], BOX)], images)
        assert numbers["crop_hit_rate"] == rate, cut


def test_crops_of_failed_episodes_are_not_looked_at() -> None:
    images = ImageStore()
    full = Image.effect_noise((400, 300), 90).convert("RGB")
    missed = look(0, images, full, [full.crop((200, 150, 300, 250))], BOX)
    failed = missed.model_copy(update={"stop_reason": StopReason.infrastructure_error})
    assert report([failed], images)["crop_hit_rate"] is None


def test_malformed_replies_are_counted_among_those_of_results() -> None:
    lost, said = (
        Turn(action=Malformed(reason="no"), finish_reason="stop"),
        Turn(action=AnswerAction(text="red"), finish_reason="stop"),
    )
    traces = [
        episode(0).model_copy(update={"turns": (lost, said)}),
        episode(1).model_copy(update={"turns": (said,)}),
        episode(2, stop=StopReason.infrastructure_error).model_copy(update={"turns": (lost,) * 5}),
    ]
    assert report(traces, ImageStore())["malformed_share"] == 0.3333
    assert report([], ImageStore())["malformed_share"] is None


def test_failures_are_counted_by_what_failed() -> None:
    def failed(number: int, *notes: str, stop: StopReason = StopReason.infrastructure_error) -> Trace:
        return episode(number, stop=stop).model_copy(update={"notes": notes})

    traces = [
        failed(0, "tried again after InfrastructureError: no", "ServerError: it is down: start it"),
        failed(1, "ServerError: it is down: start it"),
        failed(2),
        failed(3, "the answer could not be graded: InfrastructureError: no judge"),
        failed(4, "ServerError: told of, but answered", stop=StopReason.answered),
    ]
    assert failures(traces) == {
        "it is down: start it": 2,
        "something of ours failed": 1,
        "the answer could not be graded: no judge": 1,
    }
