"""Why a tool call failed: the codes that travel in tool results and to the model.

docs/tools.md lists the details that each one carries.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final, Literal


class ToolCode(StrEnum):
    """The closed set of tool failure codes."""

    INVALID_ARGUMENTS = "INVALID_ARGUMENTS"
    TOOL_NOT_FOUND = "TOOL_NOT_FOUND"
    INVALID_PATH = "INVALID_PATH"
    PATH_OUTSIDE_WORKSPACE = "PATH_OUTSIDE_WORKSPACE"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    POLICY_DENIED = "POLICY_DENIED"
    REJECTED = "REJECTED"
    FILE_NOT_FOUND = "FILE_NOT_FOUND"
    NOT_A_FILE = "NOT_A_FILE"
    FILE_TOO_LARGE = "FILE_TOO_LARGE"
    BINARY_FILE = "BINARY_FILE"
    ENCODING_ERROR = "ENCODING_ERROR"
    INVALID_RANGE = "INVALID_RANGE"
    GIT_NOT_INITIALIZED = "GIT_NOT_INITIALIZED"
    GIT_ERROR = "GIT_ERROR"
    PATCH_INVALID = "PATCH_INVALID"
    PATCH_APPLY_FAILED = "PATCH_APPLY_FAILED"
    CONFLICT = "CONFLICT"
    READ_FIRST = "READ_FIRST"
    TOO_LARGE = "TOO_LARGE"
    TOOL_TIMEOUT = "TOOL_TIMEOUT"
    CANCELLED = "CANCELLED"
    IO_ERROR = "IO_ERROR"
    TOOL_FAILED = "TOOL_FAILED"


Mender = Literal["model", "person", "nobody"]
"""Who can do something about it."""

_PERSON: Final = {
    ToolCode.PERMISSION_DENIED,
    ToolCode.POLICY_DENIED,
    ToolCode.REJECTED,
    ToolCode.IO_ERROR,
}
_NOBODY: Final = {ToolCode.TOOL_TIMEOUT, ToolCode.CANCELLED}
MENDED_BY: Final[Mapping[ToolCode, Mender]] = MappingProxyType(
    {
        code: "person" if code in _PERSON else "nobody" if code in _NOBODY else "model"
        for code in ToolCode
    }
)


class ToolError(Exception):
    """A tool call failed; `message` is for the model and for people, `details` are its facts."""

    def __init__(self, code: ToolCode, message: str, **details: Any) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.details = details

    def __str__(self) -> str:
        """`CODE: message`."""
        return f"{self.code}: {self.message}"

    def to_wire(self) -> dict[str, Any]:
        """The `error` object of a tool result."""
        return {"code": str(self.code), "message": self.message, "details": self.details}
