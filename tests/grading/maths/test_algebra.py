r"""The algebra process proves what it can, ends in time, runs no code, and belongs to one process alone."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from deepeyes.grading.maths import algebra
from deepeyes.grading.maths.algebra import SECONDS, SECONDS_TO_ANSWER, Algebra, AlgebraError

ROOT = r"(2)^{\frac{1}{2}}"
ENDLESS = (r"\binom{1000000000}{100000000}", "1")


@pytest.fixture(scope="module")
def proofs() -> Iterator[Algebra]:
    process = Algebra()
    yield process
    process.close()


def _process_of(proofs: Algebra) -> subprocess.Popen[bytes]:
    process = proofs._process
    assert process is not None
    return process


def test_equal_values_are_proven_equal_and_others_are_not(proofs: Algebra) -> None:
    assert proofs.proves_equal(rf"({ROOT} + (-1))^{{(-1)}}", f"({ROOT} + 1)", SECONDS)
    assert not proofs.proves_equal(rf"({ROOT} + (-1))^{{(-1)}}", f"({ROOT} + 2)", SECONDS)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('touch /tmp/never')",
        r"\operatorname{__import__}(os)",
        "0.5",
        "1e400000000",
        r"\text{eval}(1)",
        r"\begin{pmatrix}",
        "{" * 100,
        "9" * 4_000,
        "\ud800",
        "",
    ],
)
def test_what_is_no_expression_proves_nothing_and_leaves_the_process_alive(
    proofs: Algebra, text: str
) -> None:
    assert not proofs.proves_equal(text, "1", SECONDS)
    process = _process_of(proofs)
    assert proofs.proves_equal("1", "1", SECONDS)
    assert _process_of(proofs) is process


def test_groups_without_end_prove_nothing(proofs: Algebra) -> None:
    assert not proofs.proves_equal("{" * 3_000, "1", SECONDS)
    assert proofs.proves_equal("1", "1", SECONDS)


def test_a_pair_without_end_is_ended_and_the_next_is_answered(proofs: Algebra) -> None:
    assert proofs.proves_equal("1", "1", SECONDS)
    first = _process_of(proofs)
    begun = time.monotonic()
    assert not proofs.proves_equal(*ENDLESS, SECONDS)
    assert time.monotonic() - begun < SECONDS_TO_ANSWER + 20  # the machine may be busy
    assert first.returncode is not None
    assert proofs.proves_equal("1", "1", SECONDS)


def test_a_pair_ends_after_its_processor_seconds_even_if_nobody_waits_for_it(
    proofs: Algebra, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(algebra, "SECONDS_TO_ANSWER", 300.0)
    begun = time.monotonic()
    assert not proofs.proves_equal(*ENDLESS, 1)
    assert time.monotonic() - begun < 120


def test_threads_share_one_process_and_get_their_own_answers(proofs: Algebra) -> None:
    def ask(number: int) -> bool:
        return proofs.proves_equal(str(number), rf"\frac{{{number}}}{{1}} + {number % 2}", SECONDS)

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(ask, range(20)))
    assert answers == [number % 2 == 0 for number in range(20)]


def test_a_process_that_was_killed_is_replaced(proofs: Algebra) -> None:
    proofs.proves_equal("1", "1", SECONDS)
    _process_of(proofs).kill()
    _process_of(proofs).wait()
    assert proofs.proves_equal("2", "2", SECONDS)


def test_a_forked_child_leaves_the_process_of_its_parent_alone(proofs: Algebra) -> None:
    proofs.proves_equal("1", "1", SECONDS)
    mine = _process_of(proofs)
    child = os.fork()
    if child == 0:
        os._exit(0 if proofs._process is None and not proofs._lock.locked() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert proofs.proves_equal("3", "3", SECONDS)
    assert _process_of(proofs) is mine


def test_a_process_that_cannot_be_started_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(AlgebraError, match="cannot be started"):
        Algebra().proves_equal("1", "1", SECONDS)


def test_a_process_that_ends_at_once_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(AlgebraError, match=r"did not start .*: check that"):
        Algebra().proves_equal("1", "1", SECONDS)


def test_the_process_ends_with_the_one_that_started_it_and_sees_no_keys() -> None:
    script = (
        "from deepeyes.grading.maths import algebra\n"
        "assert algebra.proves_equal('1', '1')\n"
        "process = algebra._algebra._process.pid\n"
        "print(process, 'SECRET' in open(f'/proc/{process}/environ').read())\n"
    )
    environment = os.environ | {"MY_API_KEY": "SECRET"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
    )
    process, leaked = done.stdout.split()
    assert leaked == "False"
    assert done.stderr == ""
    with pytest.raises(ProcessLookupError):
        os.kill(int(process), 0)


@pytest.mark.parametrize(
    "attempt",
    [
        "eval('1 + 1')",
        "exec('x = 1')",
        "compile('1', 'made.py', 'eval')",
        "open('/etc/passwd')",
        "open('written.txt', 'w')",
        "open(sympy.__file__, 'a')",
        "__import__('socket').socket()",
        "__import__('subprocess').Popen(['true'])",
        "__import__('os').system('true')",
        "__import__('os').fork()",
        "__import__('os').listdir('/')",
        "__import__('ctypes').CDLL(None)",
        "__import__('antigravity')",
        "sympy.sympify('1 + 1')",
        "sympy.parse_expr('2')",
        "sympy.Number('0.5')",
    ],
)
def test_once_shut_the_process_refuses_whatever_is_no_arithmetic(attempt: str) -> None:
    script = (
        "import os, subprocess, socket, ctypes, sympy\n"
        "from deepeyes.grading.maths import worker\n"
        "same = worker._algebra()\n"
        "def attempt(): return " + attempt + "\n"
        "worker._shut(worker._directories())\n"
        "try:\n    attempt()\n"
        "except BaseException as error:\n"
        "    os._exit(7 if 'refused in the algebra process' in repr(error) else 1)\n"
        "os._exit(0)\n"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == 7


def test_once_shut_the_process_takes_no_more_memory_than_it_may() -> None:
    script = (
        "import os\n"
        "from deepeyes.grading.maths import worker\n"
        "worker._algebra()\n"
        "worker._shut(worker._directories())\n"
        "try:\n    bytearray(worker.MEMORY)\n"
        "except MemoryError:\n    os._exit(7)\n"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == 7
