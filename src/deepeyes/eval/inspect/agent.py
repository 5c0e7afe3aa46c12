"""Our loop as an agent of Inspect's, over any of its models.

What always holds: one sample is one episode; its replies are Inspect's model events, its tool steps are in
the log, the whole conversation is in the sample's messages with every image as the model saw it; an episode
that failed because of us raises, so that the sample counts as an error.
"""

# pyright: reportMissingImports=false
# Inspect has an environment of its own (docs/inspect.md); checked in it, this line changes nothing.
from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

from inspect_ai.agent import Agent as InspectAgent
from inspect_ai.agent import AgentState, agent
from inspect_ai.model import get_model

from deepeyes.agent.agent import Agent
from deepeyes.agent.question import asked
from deepeyes.core.errors import ConfigError
from deepeyes.core.images import ImageStore
from deepeyes.core.limits import parse_limits
from deepeyes.eval.inspect.adapter import InspectModel
from deepeyes.eval.inspect.held import Held
from deepeyes.eval.inspect.logged import logged
from deepeyes.eval.inspect.messages import answer_of, question_in, to_inspect
from deepeyes.eval.inspect.model import runs_the_loop
from deepeyes.harness.setup import open_agent


@agent(name="agent")
def deepeyes_agent(
    tools: bool | str | list[str] = True,
    search: str | list[str] = "",
    dialect: str = "native",
    limit: str | list[str] = "",
) -> InspectAgent:
    """The deepeyes agent: thinks, runs Python on the images, searches, looks at what comes back, answers.

    Args:
        tools: true, false, or names of tools.
        search: What may be searched, as in `deepeyes ask --search`.
        dialect: The words in which the model is told things. `native` calls tools as its provider has them.
        limit: Budgets such as `turns=5`, one or several.
    """
    limits = parse_limits(listed(limit))

    def opens() -> AbstractAsyncContextManager[Agent]:
        model = InspectModel(get_model(), dialect)
        return open_agent(model, tools=tools, search=listed(search), limits=limits)

    held = Held(opens)

    async def execute(state: AgentState) -> AgentState:
        model = get_model()
        if runs_the_loop(model):
            raise ConfigError(
                f"{model} runs the loop by itself", "leave out --solver deepeyes/agent, or give -M plain=true"
            )
        words, given = question_in(state.messages)
        images = ImageStore()
        task, _ = asked(given, words, images, limits)
        opened = logged(await held.get())
        trace = await replace(opened, model=InspectModel(model, dialect)).episode(task, images=images)
        output = answer_of(trace)
        state.messages = to_inspect(list(trace.messages()), images)
        state.output = output
        return state

    return execute


def listed(value: str | Sequence[str]) -> list[str]:
    """One or several, as they come from Inspect's command line."""
    return [value] if isinstance(value, str) and value else list(value or ())
