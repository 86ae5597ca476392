import errno

import pytest

from codelab_client import failures
from codelab_core.tool_errors import ToolError


def wire(error: ToolError) -> tuple[str, dict[str, object]]:
    return str(error.code), error.details


def test_a_good_path_passes() -> None:
    failures.check_path("src/a.py")
    failures.check_path(".", allow_root=True)


def test_a_bad_path_is_named_with_its_rule() -> None:
    with pytest.raises(ToolError) as caught:
        failures.check_path("../a")

    assert wire(caught.value) == ("INVALID_PATH", {"path": "../a", "rule": "segment"})


def test_half_a_surrogate_pair_does_not_reach_the_wire() -> None:
    error = failures.invalid_path("a\ud800", "encoding")

    assert wire(error) == ("INVALID_PATH", {"path": "a?", "rule": "encoding"})
    assert error.message.isascii()


def test_of_a_very_long_path_the_start_is_shown() -> None:
    error = failures.invalid_path("\n" * 2000, "too_long")

    assert wire(error) == ("INVALID_PATH", {"path": "\n" * 1024, "rule": "too_long"})


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_what_the_system_forbids_is_denied(number: int) -> None:
    error = failures.from_os_error(OSError(number, "no"), "a")

    assert wire(error) == ("PERMISSION_DENIED", {"path": "a"})


def test_other_failures_keep_their_number() -> None:
    error = failures.from_os_error(OSError(errno.ENOSPC, "No space"), "a")

    facts = {"path": "a", "errno": errno.ENOSPC, "rolled_back": True}
    assert ("IO_ERROR", facts) == wire(error)
    assert error.message == "a: No space"


def test_a_failed_swap_is_never_mere_denial() -> None:
    error = failures.io_error(PermissionError(errno.EACCES, "no"), "a", rolled_back=False)

    facts = {"path": "a", "errno": errno.EACCES, "rolled_back": False}
    assert ("IO_ERROR", facts) == wire(error)


def test_an_error_without_number_is_named_by_its_class() -> None:
    error = failures.io_error(TimeoutError(), "a", rolled_back=True)

    assert (error.details["errno"], error.message) == (0, "a: TimeoutError")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (failures.not_a_file("a", "pipe"), ("NOT_A_FILE", {"path": "a", "kind": "pipe"})),
        (failures.outside("a"), ("PATH_OUTSIDE_WORKSPACE", {"path": "a"})),
        (failures.file_not_found("a", ["b"]), ("FILE_NOT_FOUND", {"path": "a", "similar": ["b"]})),
        (
            failures.file_too_large("a", 9, 8),
            ("FILE_TOO_LARGE", {"path": "a", "file_size": 9, "max_size": 8}),
        ),
        (
            failures.post_mismatch("a"),
            ("PATCH_APPLY_FAILED", {"path": "a", "reason": "post_mismatch"}),
        ),
        (
            failures.invalid_arguments("no", {"loc": "x", "msg": "y"}),
            ("INVALID_ARGUMENTS", {"errors": [{"loc": "x", "msg": "y"}]}),
        ),
    ],
    ids=lambda value: value.code if isinstance(value, ToolError) else "",
)
def test_each_failure_has_its_facts(
    error: ToolError, expected: tuple[str, dict[str, object]]
) -> None:
    assert expected == wire(error)
