"""Commands on their way out: kept until `ok` or `error`, sent again after every reconnect. Pure."""

from collections.abc import Mapping
from typing import Any


class Outgoing:
    """Commands without an answer yet, oldest first."""

    def __init__(self) -> None:
        self._open: dict[str, Mapping[str, Any]] = {}
        self._count = 0

    def add(self, command: Mapping[str, Any], installation: str) -> dict[str, Any]:
        """The command with a `cid` of its own; kept until `settle`.

        `installation` keeps apart the numbers of one client's processes.
        """
        self._count += 1
        cid = str(command.get("cid") or f"{installation}-{self._count}")
        numbered = {**command, "cid": cid}
        self._open[cid] = numbered
        return numbered

    def settle(self, cid: str | None) -> Mapping[str, Any] | None:
        """The command that an answer is for, now done; `None` for one that is not open."""
        return self._open.pop(cid, None) if cid else None

    @property
    def open(self) -> tuple[Mapping[str, Any], ...]:
        """What must be sent again, in its order."""
        return tuple(self._open.values())
