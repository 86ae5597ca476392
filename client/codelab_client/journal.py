"""Durable record of the calls of one session that change something or ask somebody.

One file per session beside the workspace's other state, one JSON object per line, only appended to.
A line that a crash cut short is skipped. Several processes may share it: each takes the file's lock
for an append and first reads what others wrote.
"""

import hashlib
import json
import os
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from codelab_client.file_lock import lock, locked, try_lock
from codelab_core.clock import Clock

KEPT_MS: Final = 7 * 24 * 3_600_000
_HEAD_BYTES: Final = 128
"""The time in the first line tells one file from the next of the same name."""
_LOCK_NAME: Final = "effects.lock"

Step = Literal["intent", "effect", "result", "acknowledged"]


class CallKey(NamedTuple):
    """A call of the session: its id, and the digest of what it was asked to do."""

    call_id: str
    digest: str


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a call.

    `files` is the guard of an intent: the effect may have begun. `answer` is what was or will be
    sent, `{"result": …}` or `{"error": …}`.
    """

    files: Sequence[Mapping[str, Any]] | None = None
    applied: bool = False
    answer: Mapping[str, Any] | None = None
    acknowledged: bool = False


class Journal:
    """The record of one session in one workspace. All methods block but `acknowledge`.

    `folder` is outside the workspace and shared by all its sessions. Raises `OSError` when the
    record cannot be read or kept.
    """

    def __init__(self, folder: Path, session_id: str, clock: Clock) -> None:
        self._folder = folder
        self._path = folder / f"{hashlib.sha256(session_id.encode()).hexdigest()[:32]}.jsonl"
        self._clock = clock
        self._mutex = threading.Lock()
        self._records: dict[CallKey, Record] = {}
        self._read_to = 0
        self._head = b""
        self._heard: deque[str] = deque()

    def record(self, key: CallKey) -> Record:
        """What is known of a call now, other processes' lines included; an empty record if none."""
        with self._open():
            return self._records.get(key, Record())

    def intend(self, key: CallKey, files: Sequence[Mapping[str, Any]]) -> None:
        """From here on the effect may have begun; durable on return."""
        self._append(key, "intent", {"files": list(files)})

    def applied(self, key: CallKey) -> None:
        """The effect is complete."""
        self._append(key, "effect", {}, durable=False)

    def answer(self, key: CallKey, answer: Mapping[str, Any]) -> None:
        """What the caller gets, now and for the next seven days; durable on return."""
        self._append(key, "result", {"answer": answer})

    def acknowledge(self, call_id: str) -> None:
        """The server has the answer. Written with the next line; losing that does no harm."""
        self._heard.append(call_id)

    def unacknowledged(self) -> dict[CallKey, Record]:
        """Calls with an answer that the server may not have, oldest first."""
        with self._open():
            heard = set(self._heard)
            return {
                key: record
                for key, record in self._records.items()
                if record.answer is not None
                and not record.acknowledged
                and key.call_id not in heard
            }

    def unfinished(self) -> dict[CallKey, Record]:
        """Calls with an intent and no answer: something died in between."""
        with self._open():
            return {
                key: record
                for key, record in self._records.items()
                if record.files is not None and record.answer is None
            }

    def exclusive(self) -> AbstractContextManager[None]:
        """Held while files change: one writer per workspace, whatever process it is in."""
        self._make_folder()
        return locked(self._folder / _LOCK_NAME)

    def prune(self) -> None:
        """Remove records of sessions in which nothing happened for seven days."""
        oldest_s = (self._clock.wall_ms() - KEPT_MS) / 1000
        for path in self._folder.glob("*.jsonl"):
            with suppress(OSError):
                if path.stat().st_mtime < oldest_s:
                    _remove_unused(path)

    def _append(
        self, key: CallKey, step: Step, facts: Mapping[str, Any], *, durable: bool = True
    ) -> None:
        """Write one line, and those that waited for it."""
        with self._open() as descriptor:
            heard = [self._line(key, "acknowledged", {}) for key in self._heard_of()]
            self._write(descriptor, b"".join([*heard, self._line(key, step, facts)]))
            if durable:
                os.fsync(descriptor)

    def _heard_of(self) -> list[CallKey]:
        """The calls that were acknowledged since the last line; they are forgotten here."""
        heard = {self._heard.popleft() for _ in range(len(self._heard))}
        return [key for key in self._records if key.call_id in heard]

    def _line(self, key: CallKey, step: str, facts: Mapping[str, Any]) -> bytes:
        """One line of the file."""
        entry = {"at": self._clock.wall_ms(), "call": key.call_id, "digest": key.digest}
        return json.dumps({**entry, "step": step, **facts}).encode() + b"\n"

    def _write(self, descriptor: int, lines: bytes) -> None:
        """Append whole lines or nothing, and take note of them."""
        try:
            with os.fdopen(os.dup(descriptor), "wb") as file:
                file.write(lines)
        except OSError:
            os.ftruncate(descriptor, self._read_to)
            raise
        self._head = (self._head + lines)[:_HEAD_BYTES]
        self._fold(lines)

    @contextmanager
    def _open(self) -> Iterator[int]:
        """The file, locked and read to its end."""
        with self._mutex:
            descriptor = self._open_locked()
            try:
                self._catch_up(descriptor)
                yield descriptor
            finally:
                os.close(descriptor)

    def _open_locked(self) -> int:
        """A descriptor of the file that is there now: another process may have pruned it."""
        self._make_folder()
        while True:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                lock(descriptor)
            except OSError:
                os.close(descriptor)
                raise
            if os.fstat(descriptor).st_nlink:
                return descriptor
            os.close(descriptor)

    def _catch_up(self, descriptor: int) -> None:
        """Read what was appended since the last time; end a line that a crash cut short."""
        with os.fdopen(os.dup(descriptor), "rb") as file:
            file.seek(0)
            head = file.read(_HEAD_BYTES)
            if not head.startswith(self._head):
                self._read_to, self._records = 0, {}  # pruned, and begun anew
            self._head = head
            file.seek(self._read_to)
            lines = file.read()
        if lines and not lines.endswith(b"\n"):
            os.write(descriptor, b"\n")
            lines += b"\n"
        self._fold(lines)

    def _fold(self, lines: bytes) -> None:
        """Take note of whole lines."""
        for line in lines.splitlines():
            with suppress(ValueError, KeyError, TypeError):
                entry = json.loads(line)
                key = CallKey(entry["call"], entry["digest"])
                self._records[key] = _after(self._records.get(key, Record()), entry)
        self._read_to += len(lines)

    def _make_folder(self) -> None:
        """The folder, for its owner only."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)


def _after(record: Record, entry: Mapping[str, Any]) -> Record:
    """A record after one more line; of several answers the first stands."""
    changes: dict[str, dict[str, Any]] = {
        "intent": {"files": entry.get("files")},
        "effect": {"applied": True},
        "result": {"answer": record.answer or entry.get("answer")},
        "acknowledged": {"acknowledged": True},
    }
    return replace(record, **changes[entry["step"]])


def _remove_unused(path: Path) -> None:
    """Remove a record unless another process has it open right now."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        if try_lock(descriptor):
            path.unlink()
    finally:
        os.close(descriptor)
