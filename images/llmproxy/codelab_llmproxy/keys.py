"""Keys of providers: where they are, when they change, which one a call takes.

A key is read at its use and shown to nobody: what identifies it everywhere else is its id.
"""

import logging
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from pydantic import SecretStr

from codelab_core.llm_config import KeyConfig
from codelab_llmproxy.affinity import ranked
from codelab_llmproxy.config_file import Stamp, stamp
from codelab_llmproxy.providers import Hold

MAX_BYTES: Final = 8_192
_KEY: Final = re.compile(r"[!-~]+")

log = logging.getLogger(__name__)

Environment = Callable[[str], SecretStr | None]
"""The secret in a variable, by its name."""


class SecretError(Exception):
    """A reference to a secret that leads nowhere, or to no key; the text names it."""


class Key:
    """One key. A file is read again when it changes, a variable never does.

    A file need not be there, or hold a key, from the start: a Secret may be made later.
    """

    __slots__ = ("_environment", "_secret", "_stamp", "_where", "id", "version", "weight")

    def __init__(self, config: KeyConfig, environment: Environment) -> None:
        self.id = config.id
        self.weight = config.weight
        self.version = 0
        self._where = config.secret
        self._environment = environment
        self._stamp: Stamp | None = None
        self._secret = SecretStr("")
        try:
            self._secret = self._read()
        except SecretError as error:
            if self._file is None:
                raise
            log.warning("a key is missing", extra={"key_id": self.id, "problem": str(error)})

    def __repr__(self) -> str:
        return f"Key({self.id!r})"

    @property
    def value(self) -> str:
        """The key itself; for the header of a call and for redaction, for nothing else."""
        return self._secret.get_secret_value()

    @property
    def is_missing(self) -> bool:
        """Whether there has been no key so far."""
        return not self.value

    def refresh(self) -> bool:
        """Read the file again where it has changed; whether the key is another one now.

        Raises `SecretError` where it cannot be read; the old key stays then.
        """
        file = self._file
        seen = stamp(file) if file else None
        return seen != self._stamp and self.reread()

    def reread(self) -> bool:
        """Read it again whatever it looks like; as `refresh` otherwise."""
        before, self._secret = self._secret, self._read()
        is_changed = before.get_secret_value() != self._secret.get_secret_value()
        self.version += is_changed
        return is_changed

    @property
    def _file(self) -> Path | None:
        """Its file; `None` where it is in a variable."""
        kind, _, place = self._where.partition(":")
        return Path(place) if kind == "file" else None

    def _read(self) -> SecretStr:
        """What is there now."""
        file = self._file
        try:
            secret = self._from_file(file) if file else self._from_environment()
        except (OSError, UnicodeDecodeError):
            raise SecretError(f"{self._where}: cannot be read") from None
        if not _KEY.fullmatch(secret.get_secret_value()):
            raise SecretError(f"{self._where}: holds no key: one line of visible ASCII characters")
        return secret

    def _from_file(self, file: Path) -> SecretStr:
        """The first thing in a file."""
        before = stamp(file)  # taken first: a change while it is read is seen the next time
        with file.open("rb") as stream:
            content = SecretStr(stream.read(MAX_BYTES).decode("ascii").strip())
        self._stamp = before
        return content

    def _from_environment(self) -> SecretStr:
        """The value of a variable."""
        return self._environment(self._where.partition(":")[2]) or SecretStr("")


class _Bench(NamedTuple):
    """Until when a key is left alone, as long as it is of this version."""

    until: float
    version: int


class KeyRing:
    """The keys of one provider; there may be none, then calls go without.

    A key that was refused, or is at a limit, is left alone for a while where another is there.
    """

    def __init__(self, keys: Sequence[Key]) -> None:
        self.keys = tuple(keys)
        self._benched: dict[tuple[str, str], _Bench] = {}

    @property
    def is_waiting(self) -> bool:
        """Whether keys are wanted and none is there."""
        return bool(self.keys) and all(key.is_missing for key in self.keys)

    def pick(self, affinity: str, model: str = "", now: float = 0.0) -> Key | None:
        """The key of a caller: always the same for one, by weight over those that are ready.

        Where none is, the one that is ready first.
        """
        by_id = {key.id: key for key in self.keys if not key.is_missing}
        if not by_id:
            return None
        order = ranked(affinity, ((key.id, key.weight) for key in by_id.values()))
        return by_id[min(order, key=lambda one: self._rest_s(one, model, now))]

    def bench(self, key_id: str, until: float, model: str = "") -> None:
        """Leave a key alone: for one model at a limit, else for all, as refused keys are.

        The empty id stands for calls without a key.
        """
        self._benched[key_id, model] = _Bench(until, self._version(key_id))

    def hold(self, model: str, now: float) -> Hold:
        """Seconds until a key is ready, and whether refused ones are all that there is."""
        if self.is_waiting:
            return Hold(math.inf, is_denied=True)
        ids = [key.id for key in self.keys if not key.is_missing] or [""]
        denied = [self._left_s(key_id, "", now) > 0 for key_id in ids]
        return Hold(min(self._rest_s(key_id, model, now) for key_id in ids), all(denied))

    def _rest_s(self, key_id: str, model: str, now: float) -> float:
        """Seconds until a key is ready for a model."""
        return max(self._left_s(key_id, "", now), self._left_s(key_id, model, now))

    def _left_s(self, key_id: str, model: str, now: float) -> float:
        """Seconds that are left of one bench; it ends when the key becomes another one."""
        bench = self._benched.get((key_id, model))
        if bench is None or bench.version != self._version(key_id):
            return 0.0
        return max(0.0, bench.until - now)

    def _version(self, key_id: str) -> int:
        """How often a key has changed."""
        return next((key.version for key in self.keys if key.id == key_id), 0)

    def values(self) -> tuple[str, ...]:
        """All keys themselves, for redaction."""
        return tuple(key.value for key in self.keys if not key.is_missing)


def open_keys(configs: Sequence[KeyConfig], environment: Environment) -> tuple[KeyRing, list[str]]:
    """The keys, and a sentence for each that can never be there."""
    keys, problems = [], []
    for config in configs:
        try:
            keys.append(Key(config, environment))
        except SecretError as error:
            problems.append(str(error))
    return KeyRing(keys), problems
