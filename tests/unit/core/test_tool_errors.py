import pytest

from codelab_core.tool_errors import MENDED_BY, ToolCode, ToolError

# docs/tools.md, codes: M the model may repair, P a person must, F is final
TABLE = {
    "INVALID_ARGUMENTS": "M",
    "TOOL_NOT_FOUND": "M",
    "INVALID_PATH": "M",
    "PATH_OUTSIDE_WORKSPACE": "M",
    "PERMISSION_DENIED": "P",
    "POLICY_DENIED": "P",
    "REJECTED": "P",
    "FILE_NOT_FOUND": "M",
    "NOT_A_FILE": "M",
    "FILE_TOO_LARGE": "M",
    "BINARY_FILE": "M",
    "ENCODING_ERROR": "M",
    "INVALID_RANGE": "M",
    "GIT_NOT_INITIALIZED": "M",
    "GIT_ERROR": "M",
    "PATCH_INVALID": "M",
    "PATCH_APPLY_FAILED": "M",
    "CONFLICT": "M",
    "READ_FIRST": "M",
    "TOO_LARGE": "M",
    "TOOL_TIMEOUT": "F",
    "CANCELLED": "F",
    "IO_ERROR": "P",
    "TOOL_FAILED": "M",
}


@pytest.mark.parametrize("code", list(TABLE))
def test_a_code_says_who_can_mend_it(code: str) -> None:
    mender = {"M": "model", "P": "person", "F": "nobody"}[TABLE[code]]

    assert MENDED_BY[ToolCode(code)] == mender


def test_no_other_code_exists() -> None:
    assert list(TABLE) == [str(code) for code in ToolCode]


def test_a_failure_carries_its_facts_to_the_model() -> None:
    error = ToolError(ToolCode.FILE_NOT_FOUND, "a.js does not exist", path="a.js", similar=["b.js"])

    assert str(error) == "FILE_NOT_FOUND: a.js does not exist"
    assert error.to_wire() == {
        "code": "FILE_NOT_FOUND",
        "message": "a.js does not exist",
        "details": {"path": "a.js", "similar": ["b.js"]},
    }
