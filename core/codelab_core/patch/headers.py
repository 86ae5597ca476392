"""The head of one file in a unified or git diff: names, operation, mode. Pure.

Rules of git: Documentation/diff-generate-patch.adoc.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from codelab_core.patch.failures import checked_path, invalid, syntax
from codelab_core.patch.model import FilePatch, Operation
from codelab_core.patch.names import DEV_NULL, git_names, unquote, without_prefixes
from codelab_core.patch.reader import Reader

GIT_HEADER: Final = "diff --git "
_LABELS: Final = (
    "old mode ",
    "new mode ",
    "new file mode ",
    "deleted file mode ",
    "rename from ",
    "rename to ",
    "copy from ",
    "copy to ",
    "similarity index ",
    "dissimilarity index ",
    "index ",
)
_BINARY: Final = ("GIT binary patch", "Binary files ")
_MODES: Final = {"100644": False, "100755": True}


@dataclass(frozen=True, slots=True)
class Header:
    """What the lines before the first hunk say of a file; `crlf` when one of them ends with CR."""

    file: FilePatch
    crlf: bool


def at_header(reader: Reader) -> bool:
    """Whether a file begins here."""
    return reader.starts(GIT_HEADER) or at_names(reader, 0)


def at_names(reader: Reader, offset: int) -> bool:
    """Whether the two lines there name the old and the new file."""
    return reader.starts("--- ", offset) and reader.starts("+++ ", offset + 1)


def read_header(reader: Reader) -> Header:
    """Read the head at `at_header`. Raises `ToolError`: `PATCH_INVALID`, `INVALID_PATH`."""
    number, crlf = reader.number, reader.has_cr()
    fields: dict[str, str] = {}
    if reader.starts(GIT_HEADER):
        fields[GIT_HEADER] = reader.take()[0].rstrip("\r").removeprefix(GIT_HEADER)
        _read_labels(reader, fields)
    if at_names(reader, 0):
        crlf = crlf or reader.has_cr()
        old, new = reader.take(2)
        fields["--- "], fields["+++ "] = old.rstrip("\r")[4:], new.rstrip("\r")[4:]
    _refuse_unsupported(reader, fields)
    return Header(_file(fields, number), crlf)


def _read_labels(reader: Reader, fields: dict[str, str]) -> None:
    """The extended lines of git, in any order."""
    while label := next(filter(reader.starts, _LABELS), None):
        fields[label] = reader.take()[0].rstrip("\r").removeprefix(label)


def _refuse_unsupported(reader: Reader, fields: Mapping[str, str]) -> None:
    """Raise `PATCH_INVALID` unsupported for what this engine does not do to files."""
    if any(map(reader.starts, _BINARY)):
        raise invalid("unsupported", "Binary patches are not supported.", line=reader.number)
    if "copy from " in fields or "copy to " in fields:
        message = "Copies are not supported: create the new file instead."
        raise invalid("unsupported", message, line=reader.number)
    modes = [value for label, value in fields.items() if label.endswith("mode ")]
    modes += fields.get("index ", "").split(" ")[1:]
    if any(mode not in _MODES for mode in modes):
        message = "Only regular files (modes 100644 and 100755) are supported."
        raise invalid("unsupported", message, line=reader.number)


def _file(fields: Mapping[str, str], number: int) -> FilePatch:
    """The change that the fields describe, without hunks."""
    try:
        old, new = _names(fields)
        operation = _operation(fields, old, new)
    except ValueError:
        raise syntax(number, "the head of the file contradicts itself.") from None
    told = (fields.get(f"{label} mode ") for label in ("new", "new file", "deleted file"))
    executable = next((_MODES[mode] for mode in told if mode is not None), None)
    if operation == "rename":
        return FilePatch(operation, checked_path(new), checked_path(old), (), executable)
    names = {name for name in (old, new) if name != DEV_NULL}
    if len(names) != 1:
        raise syntax(number, "the two file names differ and nothing says rename.")
    return FilePatch(operation, checked_path(names.pop()), None, (), executable)


def _names(fields: Mapping[str, str]) -> tuple[str, str]:
    """Old and new name, `/dev/null` for none. Raises `ValueError` where they cannot be read."""
    if "rename from " not in fields or "rename to " not in fields:
        return _shown_names(fields)
    renamed = unquote(fields["rename from "]), unquote(fields["rename to "])
    if "--- " in fields and renamed != _shown_names(fields):
        raise ValueError(renamed)
    return renamed


def _shown_names(fields: Mapping[str, str]) -> tuple[str, str]:
    """The names that the head shows with prefixes, less these."""
    from_git = git_names(fields.get(GIT_HEADER, ""))
    if "--- " not in fields:
        if from_git is None:
            raise ValueError(GIT_HEADER)
        return without_prefixes(*from_git)
    old, new = unquote(fields["--- "]), unquote(fields["+++ "])
    prefixed = from_git is None or without_prefixes(*from_git) != from_git
    return without_prefixes(old, new) if prefixed else (old, new)


def _operation(fields: Mapping[str, str], old: str, new: str) -> Operation:
    """What is done to the file; `ValueError` where the head says two things."""
    told: dict[Operation, bool] = {
        "create": "new file mode " in fields or old == DEV_NULL,
        "delete": "deleted file mode " in fields or new == DEV_NULL,
        "rename": "rename from " in fields and old != new,
    }
    operations = [operation for operation, is_told in told.items() if is_told]
    if len(operations) > 1:
        raise ValueError(operations)
    return operations[0] if operations else "modify"
