"""Every tool call is put into one class, by what its code calls; families are counted apart."""

import json
from pathlib import Path

import pytest

from deepeyes.analysis.toolmix import ToolMix, plot, report, tool_mix, use_of
from deepeyes.core.actions import CallAction, CodeAction, ToolCall
from deepeyes.core.errors import InputError
from deepeyes.core.images import ImageRef
from deepeyes.core.limits import StopReason
from deepeyes.core.messages import ImagePart
from deepeyes.core.task import Task
from deepeyes.core.trace import Observation, Trace, Turn

SHOWN = (
    ImagePart(
        name="image_2", ref=ImageRef(sha256="0" * 64, width=60, height=60), view_width=56, view_height=56
    ),
)


def python(code: str, *, shows: bool = False) -> Turn:
    back = Observation(tool="python", images=SHOWN if shows else ())
    return Turn(action=CodeAction(code=code), observation=back)


def tool(name: str) -> Turn:
    return Turn(observation=Observation(tool=name))


def trace(name: str, family: str, *turns: Turn, stop: StopReason = StopReason.answered) -> Trace:
    return Trace(id=name, task=Task(id=name, question="?", family=family), turns=turns, stop_reason=stop)


@pytest.mark.parametrize(
    ("turn", "meant"),
    [
        (python("image_1.crop((0, 0, 9, 9))", shows=True), "crop"),
        (python("image_1.crop((0, 0, 9"), "other"),
        (python("import numpy as np\nImage.fromarray(np.asarray(image_1)[3:9, 4:8])", shows=True), "crop"),
        (
            python("ImageDraw.Draw(image_1).rectangle((1, 2, 3, 4))\nimage_1.crop((1, 2, 3, 4))", shows=True),
            "mark",
        ),
        (python("image_1.rotate(90)", shows=True), "other"),
        (python("print(12 * 7)"), "numerical analysis"),
        (tool("image_search"), "image search"),
        (tool("search"), "text search"),
        (tool("open_page"), "other tool"),
    ],
)
def test_a_call_has_one_class(turn: Turn, meant: str) -> None:
    assert use_of(turn) == meant


def test_code_in_a_call_has_the_class_of_code_in_tags() -> None:
    for code, shows in (("image_1.crop((0, 0, 9, 9))", True), ("print(12 * 7)", False), ("x = (", False)):
        in_tags = python(code, shows=shows)
        call = CallAction(call=ToolCall(name="python", arguments={"code": code}, id="c1"))
        in_call = in_tags.model_copy(update={"action": call})
        assert in_call.code == code and use_of(in_call) == use_of(in_tags) != "other tool"


def test_shares_are_of_calls_and_rates_of_episodes() -> None:
    look, sums = python("image_1.crop((0, 0, 9, 9))", shows=True), python("1 + 1")
    mixes = tool_mix(
        [
            trace("a", "chart", look, sums, sums),
            trace("b", "chart"),
            trace("c", "search", tool("search")),
            trace("d", "chart", look, stop=StopReason.infrastructure_error),
        ]
    )
    told = report(mixes)
    assert told["chart"] == {
        "n": 2, "tool_call_rate": 0.5, "calls_per_episode": 1.5, "crop": 0.3333, "numerical analysis": 0.6667,
    }  # fmt: skip
    assert told["search"]["text search"] == 1.0


def test_the_plot_is_written_or_refused_with_a_remedy(tmp_path: Path) -> None:
    mixes = tool_mix([trace("a", "chart", python("1 + 1")), trace("b", "search", tool("search"))])
    plot(mixes, tmp_path / "mix.svg")
    assert (
        "numerical analysis" in (tmp_path / "mix.svg").read_text()
        or (tmp_path / "mix.svg").stat().st_size > 999
    )
    with pytest.raises(InputError, match="tools on"):
        plot([ToolMix("chart", 3, 0, mixes[0].calls.__class__())], tmp_path / "none.png")
    assert json.dumps(report(mixes))
