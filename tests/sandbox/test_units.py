"""The pure parts: frames, filter, tables, masks, id maps, slots."""

import asyncio
import errno
import json
import os
import re
import socket
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from deepeyes.core.errors import ConfigError, InputError, SandboxUnavailable
from deepeyes.sandbox import Sandbox, SandboxLimits, folders, frames
from deepeyes.sandbox.check import parse_tier
from deepeyes.sandbox.jailed import fd_channel, landlock, seccomp, syscalls, wire
from deepeyes.sandbox.jailed.output import CAP, Stream
from deepeyes.sandbox.slots import RunSlots
from deepeyes.sandbox.tiers import Probe, refusal
from deepeyes.sandbox.watcher import fattest
from deepeyes.sandbox.zygote import unprivileged_ids

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = [
    "kind",
    "id",
    "blobs",
    "error",
    "status",
    "restored",
    "stdout",
    "stderr",
    "result",
    "images",
    "dropped",
]
GOOD = {
    "kind": "result",
    "id": 3,
    "blobs": [12],
    "images": [[2, 2]],
    "stdout": "x",
    "stderr": "",
    "result": None,
}


def parse(value: object) -> frames.Reply:
    return frames.parse_header(json.dumps(value).encode())


@settings(max_examples=100)
@given(st.binary(max_size=400))
def test_any_bytes_are_a_reply_or_a_protocol_error(data: bytes) -> None:
    try:
        frames.parse_header(data)
    except frames.ProtocolError:
        pass


@settings(max_examples=100)
@given(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6))
def test_any_field_values_are_a_reply_or_a_protocol_error(changes: dict[str, object]) -> None:
    try:
        reply = parse({**GOOD, **changes})
    except frames.ProtocolError:
        return
    assert sum(reply.blobs) <= frames.MAX_BLOB_BYTES and len(reply.blobs) <= frames.MAX_BLOBS
    if reply.kind == "result":
        assert [width * height * 3 for width, height in reply.images] == reply.blobs


@pytest.mark.parametrize(
    "changes",
    [
        {"id": -1},
        {"id": True},
        {"id": 1.0},
        {"id": "1"},
        {"blobs": [-1]},
        {"blobs": [13]},
        {"blobs": [2**40]},
        {"blobs": [1] * 65},
        {"images": [[2, 2], [1, 1]]},
        {"images": [[0, 2]]},
        {"images": [[16385, 1]]},
        {"images": [[2, 2, 2]]},
        {"images": [[2.0, 2.0]]},
        {"status": "session_lost"},
        {"kind": "pickle"},
        {"stdout": 5},
        {"stdout": "x" * (1 << 21)},
        {"dropped": float("nan")},
    ],
)
def test_bad_headers_are_refused(changes: dict[str, object]) -> None:
    assert parse(GOOD).images == [[2, 2]]
    with pytest.raises(frames.ProtocolError):
        parse({**GOOD, **changes})


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"null", b"{", b"\xff\xfe", b"[" * 200_000, b'{"a":' * 100_000, b'{"id":' + b"9" * 9999],
)
def test_broken_json_is_refused(data: bytes) -> None:
    with pytest.raises(frames.ProtocolError):
        frames.parse_header(data)


def test_a_giant_header_is_refused_before_it_is_read() -> None:
    with pytest.raises(frames.ProtocolError):
        frames.header_length(b"\xff\xff\xff\xff")


async def test_both_sides_of_the_wire_agree(tmp_path: Path) -> None:
    path = tmp_path / "frame"
    with path.open("wb") as file:
        wire.send(file.fileno(), {"kind": "ok", "id": 7}, [b"ab", bytearray(b"c")])
    data = path.read_bytes()
    assert b"".join(bytes(part) for part in frames.encode({"kind": "ok", "id": 7}, [b"ab", b"c"])) == data
    with path.open("rb") as file:
        assert wire.receive(file.fileno()) == ({"kind": "ok", "id": 7, "blobs": [2, 1]}, [b"ab", b"c"])
        assert wire.receive(file.fileno()) == (None, [])
    position = 0

    async def exactly(size: int) -> bytearray:
        nonlocal position
        position += size
        return bytearray(data[position - size : position])

    reply, blobs = await frames.read(exactly)
    assert (reply.id, blobs) == (7, [b"ab", b"c"])


def verdict(
    code: list[seccomp.Instruction], machine: str, number: int, args: tuple[int, int] = (0, 0), arch: int = 0
) -> int:
    """Run the filter on one call, as the kernel would."""
    data = struct.pack(
        "=IIQ6Q", number, arch or syscalls.AUDIT_ARCH[machine], 0, args[0], args[1], 0, 0, 0, 0
    )
    accumulator, position = 0, 0
    while True:
        operation, yes, no, operand = code[position]
        position += 1
        if operation == seccomp.LOAD:
            (accumulator,) = struct.unpack_from("=I", data, operand)
        elif operation == seccomp.RETURN:
            return operand
        else:
            test = {
                seccomp.EQUAL: accumulator == operand,
                seccomp.AT_LEAST: accumulator >= operand,
                seccomp.ANY_BIT: bool(accumulator & operand),
            }[operation]
            position += yes if test else no


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_decides_every_call_as_listed(machine: str) -> None:
    code = seccomp.program(machine)
    assert seccomp.assemble(code)[:2] == struct.pack("H", seccomp.LOAD)
    denied, unknown = seccomp.ERRNO | errno.EPERM, seccomp.ERRNO | errno.ENOSYS
    refused = set(syscalls.refused(machine).values())
    for number in range(1024):
        if number >= syscalls.FIRST_UNKNOWN or number == syscalls.number("clone3", machine):
            expected = unknown
        else:
            expected = denied if number in refused else seccomp.ALLOW
        assert verdict(code, machine, number) == expected, number
    clone, ioctl = syscalls.number("clone", machine), syscalls.number("ioctl", machine)
    assert verdict(code, machine, clone, (0x11, 0)) == seccomp.ALLOW
    for flag in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000, 0x80):
        assert verdict(code, machine, clone, (0x11 | flag, 0)) == denied
    assert verdict(code, machine, ioctl, (0, 0x5412)) == denied
    assert verdict(code, machine, ioctl, (0, 0x541C)) == denied
    assert verdict(code, machine, ioctl, (0, 0x5413)) == seccomp.ALLOW
    assert verdict(code, machine, 1, arch=0x40000003) == seccomp.KILL
    if machine == "x86_64":
        assert verdict(code, machine, 0x40000001) == seccomp.KILL


@pytest.mark.parametrize(
    ("machine", "header"),
    [
        ("x86_64", "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
        ("aarch64", "/usr/include/asm-generic/unistd.h"),
    ],
)
def test_the_tables_agree_with_the_kernels_headers(machine: str, header: str) -> None:
    if not Path(header).exists():
        pytest.skip("the kernel's headers are not installed")
    listed = re.findall(r"^#define __NR(?:3264)?_(\w+)\s+(\d+)\s*$", Path(header).read_text(), re.MULTILINE)
    numbers = {name: int(number) for name, number in listed}
    mine = syscalls.refused(machine)
    assert {name: numbers.get(name, number) for name, number in mine.items()} == mine


def test_an_unknown_machine_has_no_numbers() -> None:
    assert not syscalls.known_machine("riscv64")
    with pytest.raises(OSError, match="riscv64"):
        syscalls.number("mount", "riscv64")


@pytest.mark.parametrize(
    ("abi", "bits", "words"),
    [(0, 0, 1), (1, 13, 1), (2, 14, 1), (3, 15, 1), (4, 15, 2), (5, 16, 2), (6, 16, 3), (7, 16, 3)],
)
def test_landlock_masks_fit_each_version(abi: int, bits: int, words: int) -> None:
    assert landlock.file_rights(abi) == (1 << bits) - 1
    assert len(landlock.ruleset_attributes(abi)) == 8 * words


@pytest.mark.parametrize(
    ("uid_map", "expected"),
    [
        ("         0          0 4294967295\n", (1 << 30, 65536)),
        ("0 100000 65536\n", (1, 65535)),
        ("0 1000 1\n1 100000 65536\n", (2, 65535)),
        ("0 1000 1\n", (1, 0)),
    ],
)
def test_session_users_are_never_root(uid_map: str, expected: tuple[int, int]) -> None:
    assert unprivileged_ids(uid_map) == expected


def test_the_fattest_process_goes_first_and_among_equals_the_youngest() -> None:
    assert fattest([[10, 500, 1], [11, 900, 2], [12, 100, 3]]) == 11
    assert fattest([[10, 1000, 1], [11, 980, 2], [12, 100, 3]]) == 11


def test_streams_cap_and_count() -> None:
    stream = Stream(1)
    stream.write("é" * CAP)
    assert "bytes were dropped" in stream.text()
    stream.reset()
    assert stream.text() == ""
    stream.buffer.write(b"ab")
    stream.write("c")
    assert stream.text() == "abc"
    with pytest.raises(TypeError):
        stream.write(b"no")  # type: ignore[arg-type]


async def test_run_slots_are_first_come_first_served() -> None:
    slots, order, most = RunSlots(2), [], 0

    async def work(index: int) -> None:
        nonlocal most
        async with slots.hold():
            most = max(most, slots.running)
            order.append(index)
            await asyncio.sleep(0)

    await asyncio.gather(*(work(index) for index in range(8)))
    assert most == 2 and order == list(range(8)) and slots.running == 0


async def test_starts_go_ahead_of_cells_that_have_not_begun() -> None:
    slots, order = RunSlots(1), []
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def cell(name: str) -> None:
        async with slots.hold():
            order.append(name)
            begun.set()
            await go_on.wait()

    first = asyncio.create_task(cell("first"))
    await begun.wait()
    second = asyncio.create_task(cell("second"))
    with slots.start():
        with slots.start():
            go_on.set()
            await first
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.01)
        order.append("starts")
    await second
    assert order == ["first", "starts", "second"] and slots.running == 0


async def test_starts_hold_a_cell_back_for_a_while_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepeyes.sandbox.slots._AHEAD_SECONDS", 0.05)
    slots = RunSlots(1)
    async with asyncio.timeout(10):
        with slots.start():  # one that does not end
            async with slots.hold():
                assert slots.running == 1

        async def stream() -> None:
            while True:
                with slots.start():
                    await asyncio.sleep(0.03)

        streams = [asyncio.create_task(stream()) for _ in range(4)]
        await asyncio.sleep(0)
        async with slots.hold():
            assert slots.running == 1
        for task in streams:
            task.cancel()
        await asyncio.gather(*streams, return_exceptions=True)


async def test_a_cell_cancelled_while_it_waits_gives_its_slot_back() -> None:
    slots = RunSlots(1)

    async def cell() -> None:
        async with slots.hold():
            pass

    with slots.start():
        waiting = asyncio.create_task(cell())
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    async with asyncio.timeout(10), slots.hold():
        assert slots.running == 1


def test_limits_are_checked() -> None:
    with pytest.raises(ValidationError):
        SandboxLimits(memory_mib=1)
    with pytest.raises(ValidationError):
        SandboxLimits.model_validate({"memroy_mib": 100})


def test_tiers_are_named() -> None:
    assert parse_tier(None) is None and parse_tier("uid") == "uid"
    with pytest.raises(ConfigError, match="full"):
        parse_tier("strong")


def test_a_refusal_ends_with_the_cure() -> None:
    refused = refusal([Probe("full / user namespace", False, "unshare: Operation not permitted")])
    assert isinstance(refused, SandboxUnavailable)
    assert "Operation not permitted" in str(refused) and str(refused).endswith("apparmor=unconfined")


async def test_image_names_are_checked_before_anything_starts(sandbox: Sandbox) -> None:
    with pytest.raises(InputError):
        await sandbox.open({"not a name": None})  # type: ignore[dict-item]


def test_deep_folders_are_measured_and_removed(tmp_path: Path) -> None:
    top = tmp_path / "box"
    top.mkdir()
    (top / "link").symlink_to(tmp_path)
    place = os.open(top, os.O_RDONLY)
    for _ in range(1100):
        os.mkdir("d", dir_fd=place)
        inner = os.open("d", os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = inner
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=place))
    os.close(place)
    assert folders.exceeds(str(top), 1 << 40, 1000)
    assert not folders.exceeds(str(tmp_path / "none"), 0, 0)
    folders.remove(str(top))
    assert list(tmp_path.iterdir()) == []


def test_links_carry_descriptors() -> None:
    one, two = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with one, two:
        fd_channel.send(one, {"a": 1}, [0])
        message, descriptors = fd_channel.receive(two)
        assert message == {"a": 1} and len(descriptors) == 1
        os.close(descriptors[0])
