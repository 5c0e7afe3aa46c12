"""Which isolation this machine can give, found by doing.

Version numbers and sysctls lie (a distribution may allow a namespace and then refuse every mount in it), so
each tier is started for real and a canary session tries to break out. What always holds: a tier is used only
if every one of its probes passed; if none does, the refusal names what failed and the cure.
"""

from __future__ import annotations

import errno
import os
import platform
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Literal

from deepeyes.core.errors import SandboxUnavailable

from .control import ZygoteDied
from .jailed import landlock
from .jailed.syscalls import known_machine
from .limits import Preload, preloaded_modules
from .zygote import Launch, StartFailed, Zygote, interpreter_paths, unprivileged_ids

Tier = Literal["full", "uid", "landlock"]
TIERS: tuple[Tier, ...] = ("full", "uid", "landlock")
"""From strong to weak."""

_LANDLOCK_FOR_UID, _LANDLOCK_ALONE = 1, 6
_CURES = {
    "user namespace": "allow user namespaces (sysctl kernel.apparmor_restrict_unprivileged_userns=0,"
    " user.max_user_namespaces above 0), or in a container add --security-opt seccomp=unconfined"
    " --security-opt apparmor=unconfined",
    "private root": "run as root outside a container, or in one with --cap-add SYS_ADMIN",
    "proc": "in a container add --security-opt systempaths=unconfined",
    "landlock": "use a kernel of 5.13 or newer with Landlock enabled",
    "interpreter": "use a Python that every user may read, such as /usr/bin/python3",
    "machine": "run on x86-64 or aarch64 Linux",
}
_GENERAL_CURE = "run 'deepeyes sandbox check' and see docs/sandbox.md, or use a virtual machine of your own"


@dataclass(frozen=True)
class Probe:
    """One thing that was tried."""

    name: str
    ok: bool
    detail: str = ""


@dataclass
class Choice:
    """A started zygote and how it was chosen."""

    tier: Tier
    zygote: Zygote
    launch: Launch
    probes: list[Probe]
    folder: str
    """Holds the sessions' folders in the weaker tiers; empty in tier `full`."""
    host_ids: Iterator[int]
    """Unprivileged host users to give to sessions in tier `uid`."""


class Refused(SandboxUnavailable):
    """No tier allowed works here; `probes` is what was tried."""

    probes: list[Probe]


class _Failed(Exception):
    """A tier that did not work out: what failed first."""

    def __init__(self, probe: Probe) -> None:
        super().__init__(probe.detail)
        self.probe = probe


async def choose(
    preload: Preload,
    min_isolation: Tier,
    only: Tier | None = None,
    *,
    without: tuple[str, ...] = (),
    wrapper: tuple[str, ...] = (),
) -> Choice:
    """Start the strongest tier allowed that this machine can give. Its canary has not run yet.

    `without` leaves layers out; `wrapper` is put before the interpreter, to play a poorer machine in tests.
    """
    allowed = (only,) if only else TIERS[: TIERS.index(min_isolation) + 1]
    failed: list[Probe] = []
    for tier in allowed:
        try:
            launch = Launch(tier, preloaded_modules(preload), without=without, wrapper=wrapper)
            choice = await _start(tier, launch)
        except _Failed as problem:
            failed.append(problem.probe)
        else:
            choice.probes[:0] = failed
            return choice
    raise refusal(failed)


def refusal(failed: list[Probe]) -> Refused:
    """The error for a machine where nothing allowed works; ends with the cure of the first failure."""
    tried = "; ".join(f"{probe.name}: {probe.detail}" for probe in failed)
    steps = [probe.name.partition(" / ")[2] for probe in failed]
    cure = next((_CURES[step] for step in steps if step in _CURES), _GENERAL_CURE)
    refused = Refused(f"no isolation strong enough on this machine ({tried})", cure)
    refused.probes = failed
    return refused


async def _start(tier: Tier, launch: Launch) -> Choice:
    _require_machine(tier)
    if tier != "full":
        _require_landlock(tier)
    if tier == "uid":
        _require_readable_interpreter()
    folder = "" if tier == "full" else _folder()
    if folder:
        launch = replace(launch, cache=f"{folder}/cache")
    try:
        zygote = await Zygote.start(launch)
    except (StartFailed, ZygoteDied, OSError) as problem:
        shutil.rmtree(folder, ignore_errors=True)
        raise _Failed(_as_probe(tier, problem)) from problem
    return Choice(tier, zygote, launch, [Probe(f"{tier} / start", True)], folder, _host_ids(tier))


def _require_machine(tier: Tier) -> None:
    if sys.platform != "linux" or not known_machine(platform.machine()):
        raise _Failed(Probe(f"{tier} / machine", False, f"{sys.platform} on {platform.machine()}"))


def _require_landlock(tier: Tier) -> None:
    if (tier == "uid") != (os.getuid() == 0):
        who = "an ordinary user" if tier == "uid" else "root, which needs a user of its own per session"
        raise _Failed(Probe(f"{tier} / user", False, f"not for {who}"))
    needed = _LANDLOCK_FOR_UID if tier == "uid" else _LANDLOCK_ALONE
    found = landlock.version()
    if found < needed:
        raise _Failed(Probe(f"{tier} / landlock", False, f"version {needed} needed, {found} found"))


def _require_readable_interpreter() -> None:
    """Sessions are other users: what only root may enter is of no use to them."""
    for text in interpreter_paths():
        for folder in (Path(text), *Path(text).parents):
            if not folder.stat().st_mode & 0o001 and folder.is_dir():
                raise _Failed(Probe("uid / interpreter", False, f"other users may not enter {folder}"))


def _as_probe(tier: Tier, problem: Exception) -> Probe:
    if isinstance(problem, StartFailed):
        name = errno.errorcode.get(problem.code, "")
        return Probe(f"{tier} / {problem.step}", False, f"{problem.error} {name}".strip())
    return Probe(f"{tier} / start", False, str(problem))


def _folder() -> str:
    folder = tempfile.mkdtemp(prefix="deepeyes-sandbox-")
    Path(folder).chmod(0o711)  # sessions of other users pass through, and see no names
    (Path(folder) / "cache").mkdir(mode=0o755)
    return folder


def _host_ids(tier: Tier) -> Iterator[int]:
    """Users for sessions, each with no process of its own yet.

    A session of tier `uid` ends by killing all that its user runs, so that user must never be one of another
    sandbox on this machine: counting starts anywhere, and users who run something are passed over.
    """
    if tier != "uid":
        return
    base, number = unprivileged_ids(Path("/proc/self/uid_map").read_text())
    start = random.SystemRandom().randrange(number)
    for index in count(start):
        host_id = base + 1 + index % max(1, number - 1)  # the first is every jail's own root
        if host_id not in _users_with_processes():
            yield host_id


def _users_with_processes() -> set[int]:
    users: set[int] = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                users.add(entry.stat().st_uid)
            except OSError:
                continue  # it ended meanwhile
    return users
