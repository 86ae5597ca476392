"""A folder in memory, for tests that make many files durable: a shared disk is slow at that."""

import tempfile
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108 -- only its speed matters, and only where it exists


def memory_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder of its own, gone after the block; on the disk where memory has none to offer."""
    return tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None)
