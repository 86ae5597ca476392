"""A prepared patch for a file that is given as a whole, to be shown and reviewed like any. Pure."""

from codelab_core.patch.align import changes
from codelab_core.patch.assemble import assemble
from codelab_core.patch.canonical import CanonicalFile, canonical_hunks
from codelab_core.patch.edits import Edit, merged
from codelab_core.patch.prepared import Base, PreparedPatch
from codelab_core.patch.text import TextFile, split_lf


def generate(path: str, base: Base | None, content: bytes | None) -> PreparedPatch:
    """The patch that turns `base` into `content`; `None` is an absent file.

    The diff is empty when there is nothing to do. Raises `BINARY_FILE`, `ENCODING_ERROR`.
    """
    present = None if base is None else base.content
    if present == content:
        return assemble([], {})
    old, new = _lines(present), _lines(content)
    spans = changes(old, new)
    edits = merged(old, (Edit(start, end, tuple(new[at:to])) for start, end, at, to in spans))
    change = CanonicalFile(
        operation="create" if base is None else "delete" if content is None else "modify",
        path=path,
        old_path=None,
        old_executable=None if base is None else base.executable,
        executable=None if content is None else base is not None and base.executable,
        hunks=canonical_hunks(old, edits),
    )
    return assemble([change], {path: base})


def _lines(content: bytes | None) -> list[str]:
    """The lines as git sees them."""
    return split_lf(TextFile.from_bytes(content or b"").raw_text)
