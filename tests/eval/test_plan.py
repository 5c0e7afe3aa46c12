"""Plans of an evaluation: one seed unless told otherwise, and runs that began before there was `Sampling`."""

from pathlib import Path

import pytest

from deepeyes.agent.agent import Agent
from deepeyes.core.errors import ConfigError
from deepeyes.core.sampling import Sampling
from deepeyes.eval.run import PLAN_FILE, run_plan
from deepeyes.eval.world import WorldPlan
from deepeyes.models.scripted import ScriptedModel

OLD = """families = ["direct"]
split = "validation"
seed = 5
n = 2
model = "m"
tools = true
dialect = ""
temperature = 0.5
search = []

[limits]
turns = 9
malformed = 2
tokens_per_turn = 2048
tokens = 16384
tool_images_per_turn = 10
tool_images = 50
stdout_chars = 8000
stderr_chars = 4000
tool_seconds = 60.0
episode_seconds = 600.0
question_chars = 20000
retries = 2
retry_seconds = 0.5
"""
ANSWER = "<think>Clear.</think>\n<answer>red</answer>"


def plan(n: int = 2, **sampling: object) -> WorldPlan:
    drawing = Sampling.model_validate({"temperature": 0.5, "seed": 5, **sampling})
    return WorldPlan(families=("direct",), split="validation", seed=5, n=n, model="m", sampling=drawing)


async def test_a_run_begun_before_goes_on_and_another_is_refused(tmp_path: Path) -> None:
    (tmp_path / PLAN_FILE).write_text(OLD)
    agent = Agent(ScriptedModel([ANSWER]))
    for other in (plan(seed=0), plan(temperature=0.0), plan(top_p=0.9)):
        with pytest.raises(ConfigError, match="another run"):
            await run_plan(other, agent, tmp_path)
    assert len(await run_plan(plan(), agent, tmp_path)) == 2
    assert len(await run_plan(plan(n=3), agent, tmp_path)) == 3
    written = WorldPlan.load(tmp_path / PLAN_FILE)
    assert written == plan(n=3) and "\ntemperature = 0.5" in (tmp_path / PLAN_FILE).read_text()


def test_the_seed_of_the_tasks_is_that_of_the_sampling_unless_it_has_its_own() -> None:
    assert WorldPlan.load(overrides=["seed=5"]).sampling.seed == 5
    own = WorldPlan.load(overrides=["seed=5", "sampling.seed=6", "sampling.top_p=0.9"])
    assert (own.seed, own.sampling) == (5, Sampling(seed=6, top_p=0.9))
    assert WorldPlan.load(overrides=["seed=5", "sampling.top_p=0.9"]).sampling == Sampling(seed=5, top_p=0.9)
    assert WorldPlan.load(overrides=["temperature=0.7"]).sampling == Sampling(temperature=0.7)
