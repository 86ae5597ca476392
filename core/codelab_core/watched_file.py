"""A file that is read again when it changes: rotation of secrets without a restart."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

POLL_S: Final = 2.0

log = logging.getLogger(__name__)


class WatchedFile[Value]:
    """`value` is what `parse` made of the file's text, the last time that it could be read.

    The constructor raises `OSError`, and `ValueError` as `parse` does.
    """

    def __init__(self, file: Path, parse: Callable[[str], Value]) -> None:
        self._file = file
        self._parse = parse
        self._version = self._seen()
        self.value = parse(file.read_text())

    def _seen(self) -> tuple[Path, int, int]:
        """What differs once the file was replaced.

        A mounted Secret is a link whose target is swapped: the time alone may stay the same.
        """
        place = self._file.resolve()
        facts = place.stat()
        return place, facts.st_mtime_ns, facts.st_size

    def refresh(self) -> None:
        """Read the file again if it has changed; what cannot be used changes nothing."""
        try:
            version = self._seen()
            if version == self._version:
                return
            self._version = version
            self.value = self._parse(self._file.read_text())
        except (OSError, ValueError, RuntimeError) as error:  # the last: a loop of links
            log.warning("file not reloaded", extra={"cause": type(error).__name__})
            return
        log.info("file reloaded", extra={"file": self._file.name})

    async def watch(self) -> None:
        """Look every 2 s, until cancelled."""
        while True:
            await asyncio.sleep(POLL_S)
            await asyncio.to_thread(self.refresh)
