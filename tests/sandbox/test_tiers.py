"""The tier is chosen by doing, and a machine without walls is refused with the cure."""

import json
import os
import sys

import pytest
from typer.testing import CliRunner

from deepeyes.core.errors import SandboxUnavailable
from deepeyes.sandbox import Sandbox, canary, check, tiers
from deepeyes.sandbox.jailed import seccomp

DENY = """
import errno, os, struct, sys
sys.path.insert(0, sys.argv[1])
from jailed import kernel, seccomp, syscalls
import platform
lines = [(seccomp.LOAD, 0, 0, 0)]
refuse = (seccomp.RETURN, 0, 0, seccomp.ERRNO | int(sys.argv[3]))
for name in sys.argv[2].split(","):
    lines += [(seccomp.EQUAL, 0, 1, syscalls.number(name)), refuse]
lines.append((seccomp.RETURN, 0, 0, seccomp.ALLOW))
kernel.no_new_privileges()
seccomp.install(seccomp.assemble(lines))
os.execvp(sys.argv[4], sys.argv[4:])
"""


def machine_without(calls: str, code: int = 1) -> tuple[str, ...]:
    """A command that runs the rest of the line on a kernel that refuses `calls`."""
    package = os.path.dirname(os.path.dirname(seccomp.__file__))  # noqa: PTH120
    return (sys.executable, "-P", "-c", DENY, package, calls, str(code))


async def test_the_canary_is_held(sandbox: Sandbox) -> None:
    assert len(sandbox.probes) > 10 and all(probe.ok for probe in sandbox.probes)


async def test_the_canary_sings_when_a_wall_is_missing() -> None:
    async with Sandbox.start(without=("seccomp",)) as sandbox:
        async with await sandbox.open(limits=canary.LIMITS) as session:
            found = {probe.name: probe.ok for probe in await canary.probe(session)}
    assert found["connect to the host"] is False
    assert found["read a file of the host"] is True


async def test_no_namespaces_and_nothing_weaker_allowed() -> None:
    with pytest.raises(SandboxUnavailable) as refused:
        await tiers.choose("slim", "full", wrapper=machine_without("unshare,setns,mount,pivot_root"))
    assert "Operation not permitted" in str(refused.value)
    assert "container" in str(refused.value)


async def test_a_spent_quota_of_namespaces_is_told() -> None:
    with pytest.raises(SandboxUnavailable) as refused:
        await tiers.choose("slim", "full", wrapper=machine_without("unshare", 28))
    assert "No space left" in str(refused.value)


async def test_no_landlock_leaves_nothing_weaker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiers.landlock, "version", lambda: 0)
    wrapper = machine_without("unshare,setns,mount,pivot_root")
    with pytest.raises(SandboxUnavailable) as refused:
        await tiers.choose("slim", "landlock", wrapper=wrapper)
    assert "landlock" in str(refused.value)


async def test_an_unknown_machine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiers.platform, "machine", lambda: "riscv64")
    with pytest.raises(SandboxUnavailable, match="riscv64"):
        await tiers.choose("slim", "landlock")


def test_the_report_as_json() -> None:
    from deepeyes.cli.sandbox import app

    done = CliRunner().invoke(app, ["check", "--json"])
    report = json.loads(done.stdout)
    assert set(report) == {"tier", "probes", "warning", "error"}
    assert (done.exit_code == 0) == (report["tier"] is not None)
    assert all(set(probe) == {"name", "ok", "detail"} for probe in report["probes"])


def test_every_weaker_tier_has_a_warning() -> None:
    assert [tier for tier in tiers.TIERS if not check.WARNINGS[tier]] == ["full"]


def test_sessions_without_namespaces_get_users_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ending such a session kills all that its user runs: no other sandbox's processes may be among it."""
    base = 1 << 30
    monkeypatch.setattr(tiers, "unprivileged_ids", lambda _: (base, 5))
    monkeypatch.setattr(tiers, "_users_with_processes", lambda: {0, base + 1, base + 3})
    ids = tiers._host_ids("uid")
    assert {next(ids) for _ in range(6)} == {base + 2, base + 4}
    assert list(tiers._host_ids("full")) == []


async def test_a_weaker_sandbox_beside_a_full_one_harms_it_not(sandbox: Sandbox) -> None:
    if os.getuid() != 0:
        pytest.skip("the tier 'uid' is for root")
    async with await sandbox.open() as session:
        await session.run("x = 1", 60.0)
        try:
            async with Sandbox.start(tier="uid") as weaker, await weaker.open() as other:
                assert (await other.run("1", 60.0)).status == "ok"
        except SandboxUnavailable as problem:
            pytest.skip(str(problem))
        assert (await session.run("x", 60.0)).result == "1"
    assert sandbox.restarts == 0
