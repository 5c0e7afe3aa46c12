"""Errors: one line, a remedy, a distinct exit code, and a boundary that never hides a bug."""

import errno
import pickle

import pytest

from deepeyes.core import errors
from deepeyes.core.errors import DeepEyesError, InputError, ServerError, StorageError, boundary


def test_message_is_one_line_and_ends_with_the_remedy():
    error = InputError("cannot read\n cat.png", "give a\npicture")
    assert str(error) == "cannot read cat.png: give a picture"
    assert str(InputError("alone")) == "alone"


def test_every_kind_a_script_must_tell_apart_has_its_own_exit_code():
    kinds = ["InputError", "ConfigError", "ModelError", "ServerError", "SandboxUnavailable", "StorageError"]
    codes = {name: getattr(errors, name).exit_code for name in [*kinds, "Interrupted"]}
    assert codes == {
        "InputError": 2,
        "ConfigError": 3,
        "ModelError": 4,
        "ServerError": 5,
        "SandboxUnavailable": 6,
        "StorageError": 7,
        "Interrupted": 130,
    }


def test_errors_survive_pickling():
    again = pickle.loads(pickle.dumps(ServerError("it is down", "start it")))
    assert isinstance(again, ServerError)
    assert (again.message, again.remedy) == ("it is down", "start it")


def test_boundary_turns_expected_errors_and_keeps_the_cause():
    with pytest.raises(InputError, match=r"^reading x failed \(no such file\): give one$") as caught:
        with boundary(InputError, "reading x", "give one"):
            raise FileNotFoundError(errno.ENOENT, "No such file")
    assert isinstance(caught.value.__cause__, FileNotFoundError)


def test_boundary_lets_bugs_and_our_own_errors_pass():
    with pytest.raises(ZeroDivisionError), boundary(InputError, "reading x"):
        raise ZeroDivisionError
    ours = StorageError("full", "free some")
    with pytest.raises(StorageError) as caught, boundary(InputError, "reading x", expected=Exception):
        raise ours
    assert caught.value is ours
    with pytest.raises(PermissionError), boundary(InputError, "parsing x", expected=ValueError):
        raise PermissionError(errno.EACCES, "no")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_always_a_storage_error(code: int):
    with (
        pytest.raises(StorageError, match="the disk is full: free some space"),
        boundary(InputError, "writing x"),
    ):
        raise OSError(code, "No space left on device")


def test_only_infrastructure_is_retryable():
    assert errors.InfrastructureError.retryable
    assert not DeepEyesError.retryable
    assert not ServerError.retryable, "the client has already tried again"
