"""Runs of reinforcement learning in the viewer: one run of all its steps, what each episode was worth, its
group, its curves and alarms; and nothing in them becomes markup.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from view.view_helpers import EVIL, Tags, told

from deepeyes.core.images import ImageStore
from deepeyes.core.sampling import Sampling
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace, Turn, read_traces
from deepeyes.grading.reward import Rewarded
from deepeyes.train.curves import CURVES
from deepeyes.train.rl.episodes import EPISODES, keep_groups, run_of
from deepeyes.train.rl.rollouts import Group, Played
from deepeyes.view.library import Library
from deepeyes.view.page import write_page
from deepeyes.view.visible import visible


def tried(task: Task, sample: int, reward: float, **fields: Any) -> Trace:
    """A try at a task, its tokens recorded by the weights of one version."""
    turn = Turn(
        text="<answer>red</answer>",
        prompt_ids=(2, 7, 7, 7, 7, 7, 3),
        token_ids=(11, 12, 13),
        logprobs=(-0.1, -0.2, -3.0),
        loss_mask=(1, 1, 0),
        policy=fields.pop("policy", 4),
    )
    rewards = {"accuracy": reward - 0.2, "format": 0.2, "total": reward}
    return told(
        task=task,
        score=float(reward > 0.5),
        sample=sample,
        turns=(turn,),
        rewards=rewards,
        banned=(5, 6),
        **fields,
    )


def step(out: Path, number: int, *groups: list[Trace], learned: bool = True) -> None:
    made = [
        Group(its[0].task, its, [Rewarded(one.rewards["total"], one.rewards) for one in its])
        for its in groups
    ]
    keep_groups(out, number, Played(made, made if learned else []), ImageStore(), count=9)


def curve(out: Path, steps: int, **more: list[float]) -> None:
    lines: list[dict[str, Any]] = []
    for number in range(steps):
        line = {"step": number, "reward": 0.5 + number / 100, "calls": 1.2, "mixed": 0.5, "groups": 48}
        lines.append(line | {key: values[number] for key, values in more.items()})
    out.mkdir(parents=True, exist_ok=True)
    (out / CURVES).write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    out = tmp_path / "my-run"
    curve(out, 8, calls=[1.2] * 4 + [0.1] * 4)
    sign, wall = (Task(id=name, question=f"What is {name}?", answer="red") for name in ("sign", "wall"))
    step(out, 0, [tried(sign, n, reward) for n, reward in enumerate((1.0, 0.2, 0.2, 0.2))])
    step(out, 7, [tried(wall, n, 0.2) for n in range(2)], learned=False)
    return out


def html_of(library: Library, key: str) -> str:
    return json.loads(library.entry(key))["html"]


def test_what_is_kept_has_the_advantages_that_were_learned_from(run: Path) -> None:
    kept = list(read_traces(run / EPISODES / "step-000000"))
    assert [round(one.rewards["advantage"], 2) for one in kept] == [1.5, -0.5, -0.5, -0.5]
    assert all("advantage" not in one.rewards for one in read_traces(run / EPISODES / "step-000007"))
    assert run_of(run / EPISODES / "step-000007") == (run, 7)
    assert run_of(run / EPISODES) is None and run_of(run) is None


def test_all_steps_are_one_run_with_the_step_and_what_learning_does_as_filters(run: Path) -> None:
    library = Library.open([run])
    index = json.loads(library.index())
    facets = {facet["name"]: facet["values"] for facet in index["facets"]}
    assert facets["step"] == ["0", "7"] and facets["learned"] == ["down", "nowhere", "up"]
    assert "run" not in facets, "nothing to compare: it is one run"
    assert index["earned"][:2] == ["reward 1.00 (+1.50)", "reward 0.20 (-0.50)"]
    assert Library.open([run.parent]).keys == library.keys == Library.open([run / EPISODES]).keys


def test_an_episode_tells_its_rewards_its_advantage_and_who_wrote_it(run: Path) -> None:
    html = html_of(Library.open([run]), "sign#0")
    for said in ("accuracy <b>+0.80</b>", "format <b>+0.20</b>", "reward <b>1.00</b>", "+1.50", "step 0"):
        assert said in html
    assert "written by weights 4" in html and "2 tokens could not be drawn" in html
    assert "more likely" in html and "less likely" in html_of(Library.open([run]), "sign#2")
    assert "nothing is learned from it" in html_of(Library.open([run]), "wall#0")


def test_truncated_sampling_and_several_versions_are_said(tmp_path: Path) -> None:
    curve(tmp_path, 1)
    task = Task(id="t", question="?", answer="red")
    trace = tried(task, 0, 1.0, sampling=Sampling(temperature=1.0, top_p=0.9, top_k=40))
    trace = trace.model_copy(
        update={"turns": (*trace.turns, trace.turns[0].model_copy(update={"policy": 6}))}
    )
    step(tmp_path, 0, [trace, tried(task, 1, 0.2)])
    html = html_of(Library.open([tmp_path]), "t#0")
    assert "written by weights 4 to 6" in html and "top k 40" in html and "top p 0.9" in html


def test_a_group_stands_in_every_of_its_episodes_and_leads_to_the_others(run: Path) -> None:
    library = Library.open([run])
    for key in library.keys[:4]:
        tags = Tags(html_of(library, key))
        links = [attrs["href"] for tag, attrs in tags.found if tag == "a"]
        assert links == [f"#sign%23{n}" for n in range(4)]
        here = [attrs for tag, attrs in tags.found if tag == "a" and "aria-current" in attrs]
        assert [attrs["href"] for attrs in here] == [f"#sign%23{key[-1]}"]
        assert ("button", {"type": "button", "data-do": "beside"}) in tags.found


def test_the_mask_and_what_was_fed_are_told_token_by_token(run: Path) -> None:
    told_ = json.loads(Library.open([run]).entry("sign#0"))
    assert told_["fed"] == [["2", "7×5", "3"]], "a long run of one token, such as an image, once"
    raw = json.loads(Library.open([run]).raw("sign#0"))
    assert raw["turns"][0]["loss_mask"] == [1, 1, 0] and raw["rewards"]["advantage"] > 0


def test_curves_and_alarms_stand_above_the_list(run: Path) -> None:
    head = json.loads(Library.open([run]).index())["head"]
    assert "my-run: 8 steps" in head and "calls die out since step 5" in head
    tags = Tags(head)
    lines = [attrs["points"] for tag, attrs in tags.found if tag == "polyline"]
    assert lines and all("nan" not in str(points) for points in lines)
    assert [attrs["x1"] for tag, attrs in tags.found if tag == "line"] == [str(160 * 5 / 7)]


def test_a_run_that_goes_on_is_taken_in_with_its_curve(run: Path) -> None:
    library = Library.open([run])
    assert "8 steps" in library.fresh_index()
    curve(run, 9, calls=[1.2] * 9)
    step(run, 8, [tried(Task(id="new", question="?", answer="red"), n, n / 2) for n in range(2)])
    assert "9 steps" in library.fresh_index() and "die out" not in library.fresh_index()


def test_numbers_that_are_none_or_not_finite_are_left_out_of_a_line(tmp_path: Path) -> None:
    curve(tmp_path, 3, reward=[float("nan"), 0.5, 0.6], calls=[1.0, float("inf"), 2.0])
    step(tmp_path, 0, [tried(Task(id="t", question="?", answer="red"), n, n / 2) for n in range(2)])
    head = json.loads(Library.open([tmp_path]).index())["head"]
    assert "nan" not in head and "inf" not in head and "0.6" in head


def test_a_damaged_curve_is_told_and_the_episodes_are_there(run: Path) -> None:
    (run / CURVES).write_text('{"step": 0, "reward"}\n')
    library = Library.open([run])
    assert len(library.keys) == 6 and any(CURVES in problem for problem in library.all_problems)


def test_nothing_of_a_run_becomes_markup(tmp_path: Path) -> None:
    out = tmp_path / "<img src=x onerror=alert(1)>"
    curve(out, 1)
    task = Task(id=EVIL, question=EVIL, answer=EVIL)
    step(out, 0, [tried(task, n, n / 2, answer=EVIL) for n in range(2)])
    for trace_file in out.rglob("traces.jsonl"):
        text = trace_file.read_text().replace('"accuracy":', '"<b onclick=alert(3)>":')
        trace_file.write_text(text)
    library = Library.open([out])
    for html in (html_of(library, library.keys[0]), json.loads(library.index())["head"]):
        tags = Tags(html)
        assert not [
            tag for tag, attrs in tags.found if tag == "script" or "onerror" in attrs or "onclick" in attrs
        ]
    assert visible(EVIL)[:10] in "".join(json.loads(library.index())["answer"])
    page = write_page(library).read_text()
    assert "<script>alert(1)" not in page and "<b onclick" not in page


def test_two_runs_are_compared_by_task_and_try(run: Path) -> None:
    other = run.parent / "other"
    shutil.copytree(run, other)
    index = json.loads(Library.open([run, other]).index())
    assert next(facet["values"] for facet in index["facets"] if facet["name"] == "run") == ["my-run", "other"]
    assert index["head"].count('class="trained"') == 2


def test_what_was_not_played_to_be_learned_from_says_nothing_about_it(tmp_path: Path) -> None:
    from view.test_library import written

    library = Library.open([written(tmp_path / "run", told("a"))])
    assert 'class="worth"' not in html_of(library, "a#0") and json.loads(library.index())["earned"] is None
    assert "fed" not in json.loads(library.entry("a#0"))
