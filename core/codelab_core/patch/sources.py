"""The files that a patch is about, as the session knows them. Pure."""

from collections.abc import Mapping

from codelab_core.patch.failures import BASE_MAX_BYTES, stale_base, within
from codelab_core.patch.model import FilePatch
from codelab_core.patch.prepared import Base
from codelab_core.patch.text import ABSENT, TextFile, sha256_of
from codelab_core.tool_errors import ToolCode, ToolError


def base_of(file: FilePatch, bases: Mapping[str, Base | None]) -> Base | None:
    """The file that the change is about; `None` for a new one.

    Raises `READ_FIRST` {path} when it is not known, `CONFLICT` stale_base when the path of a new or
    renamed file is known to be taken, `PATCH_INVALID` too_large.
    """
    taken = None if file.operation in {"modify", "delete"} else bases.get(file.path)
    if taken is not None:
        raise stale_base(file.path, ABSENT, sha256_of(taken.content))
    if file.operation == "create":
        return None
    base = bases.get(file.base_path)
    if base is None:
        message = f"Read {file.base_path} before you change it."
        raise ToolError(ToolCode.READ_FIRST, message, path=file.base_path)
    within("bytes in a file", len(base.content), BASE_MAX_BYTES, path=file.base_path)
    return base


def text_of(file: FilePatch, base: Base | None) -> TextFile:
    """The text that the hunks are about; empty where there are none that need it.

    A file may be renamed, or change its mode, without being text. Raises `BINARY_FILE` {path,
    size}, `ENCODING_ERROR` {path, offset}.
    """
    if base is None or not (file.hunks or file.operation == "delete"):
        return TextFile((), bom=False)
    try:
        return TextFile.from_bytes(base.content)
    except ToolError as error:
        path = file.base_path
        raise ToolError(error.code, error.message, path=path, **error.details) from None
