"""One benchmark in several settings: several models, with tools and without.

Each setting is a run in a folder of its own. What always holds: a single setting is `out` itself, several are
below it, `MODEL/with-tools` and `MODEL/without-tools`, without the part that is the same for all; a folder is
never both, and the folder of a setting does not depend on which others there are after it. All that can be
refused is refused before anything is asked.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from deepeyes.core.errors import ConfigError
from deepeyes.core.trace import TRACES_FILE, Trace
from deepeyes.eval.plan import EvalPlan
from deepeyes.eval.run import run_plan
from deepeyes.eval.runs import PLAN_FILE
from deepeyes.harness.setup import Tell
from deepeyes.models.base import ChatModel
from deepeyes.models.providers import split_place
from deepeyes.models.registry import check_models, resolve_model

WITH, WITHOUT = "with-tools", "without-tools"
_UNFIT = re.compile(r"[^\w.+-]+")
_OTHER = "choose another --out"


@dataclass(frozen=True)
class Setting:
    """One run: what is asked of whom, and where the results go."""

    plan: EvalPlan
    folder: Path
    label: str
    """Tells it from the others: its folder below `out`, or the model's name if it is the only one."""


@dataclass(frozen=True)
class Results:
    """What a setting came to."""

    setting: Setting
    traces: list[Trace]


class Watch(Protocol):
    """Follows the settings, one after the other."""

    def begin(self, setting: Setting) -> None: ...
    def kept(self, results: Sequence[Trace]) -> None:
        """Those of its episodes that are results already."""

    def done(self, trace: Trace) -> None: ...


def settings_of(plan: EvalPlan, models: Sequence[str], tools: Sequence[bool], out: Path) -> list[Setting]:
    """`plan` with each of `models`, in each with and without tools as `tools` says.

    Raises `ConfigError` where `out` holds a single run and these are several, or the other way round.
    """
    models = list(dict.fromkeys(models))
    settings: list[Setting] = []
    for model, name in zip(models, _names(models), strict=True):
        for on in tools:
            parts = [name] if len(models) > 1 else []
            parts += [WITH if on else WITHOUT] if len(tools) > 1 else []
            own = plan.model_copy(update={"model": model, "tools": on})
            settings.append(Setting(own, out.joinpath(*parts), "/".join(parts) or name))
    single = len(settings) == 1
    if not single and any((out / file).exists() for file in (PLAN_FILE, TRACES_FILE)):
        raise ConfigError(f"{out} holds a single run, and these are {len(settings)}", _OTHER)
    if single and out.is_dir() and next(out.glob(f"*/**/{PLAN_FILE}"), None):
        raise ConfigError(f"{out} holds several runs, and this is a single one", _OTHER)
    return settings


async def run_settings(
    settings: Sequence[Setting], *, concurrency: int, tell: Tell, watch: Watch
) -> list[Results]:
    """Ask all of them, one after the other, what their folders do not hold yet. A model that several are
    about stays open for them. Raises what `EvalPlan.open` and `run_plan` raise.
    """
    check_models(setting.plan.model for setting in settings)
    by_model: dict[str, list[Setting]] = {}
    for setting in settings:
        by_model.setdefault(setting.plan.model, []).append(setting)
    results: list[Results] = []
    for model, its in by_model.items():
        async with _open(model) if len(its) > 1 else nullcontext() as chat:
            for setting in its:
                watch.begin(setting)
                async with setting.plan.open(tell, chat) as agent:
                    traces = await run_plan(
                        setting.plan,
                        agent,
                        setting.folder,
                        concurrency=concurrency,
                        on_kept=watch.kept,
                        on_done=watch.done,
                    )
                results.append(Results(setting, traces))
    return results


def pairs(results: Sequence[Results]) -> list[tuple[Results, Results]]:
    """Those of one model with tools and without."""
    by_model: dict[str, dict[bool, Results]] = {}
    for one in results:
        by_model.setdefault(one.setting.plan.model, {})[one.setting.plan.tools] = one
    return [(both[True], both[False]) for both in by_model.values() if len(both) > 1]


@asynccontextmanager
async def _open(name: str) -> AsyncGenerator[ChatModel]:
    model = await asyncio.to_thread(resolve_model, name)
    try:
        yield model
    finally:
        await model.aclose()


def _names(models: Sequence[str]) -> list[str]:
    """A folder's name for each: its last part, with a hash behind it where a model before has that name."""
    names: list[str] = []
    for model in models:
        kind, _, place = model.partition("#")[0].partition(":")
        last = (split_place(place)[0] or place).rstrip("/").rpartition("/")[2]
        name = _UNFIT.sub("-", last or kind).strip(".-") or kind
        taken = {WITH, WITHOUT, *(other.casefold() for other in names)}
        names.append(f"{name}-{sha256(model.encode()).hexdigest()[:8]}" if name.casefold() in taken else name)
    return names
